"""The simulated LGWAN relay: an SFTP server on loopback (demonstration and tests)."""
