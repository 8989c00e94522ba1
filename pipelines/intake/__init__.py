"""Intake: bytes become typed Parquet. Strict readers, layouts, match keys, quarantine, staging."""
