"""Reports for the steward: what arrived, what was refused and why, what is missing, what is unusual."""
