"""Pure functions from rows to bytes: bank files, forms, notices, barcodes, Braille."""
