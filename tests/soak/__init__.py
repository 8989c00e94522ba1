"""Long seeded runs."""
