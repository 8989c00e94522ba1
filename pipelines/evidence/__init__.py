"""Evidence: the summary a ward officer reads, one person's history, and the comparison with true answers."""
