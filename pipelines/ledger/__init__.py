"""The ledger: the one truth about people and money. Every write goes through this room."""
