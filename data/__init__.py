"""Samples and the generator of the synthetic ward."""
