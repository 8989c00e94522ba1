"""Paper: pages as PDF. Templates are in Typst; a template and its data decide the bytes, nothing else does."""
