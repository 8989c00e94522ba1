"""Disclosure: is this allowed to leave? The only maker of a release, and a release is all that may leave."""
