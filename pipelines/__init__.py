"""Kyufu's stages: intake, matching, ledger, disclosure, outputs, link, evidence; the data flows in that order."""
