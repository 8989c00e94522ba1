"""At rest: stored bytes are encrypted, each partition of each class under a key of its own, kept outside the data."""
