"""The simulated parties: the print contractor, the bank, J-LIS.

Each is a process that knows SFTP, ``openssl`` and its own folder of keys. They import nothing of
Kyufu, so that they check what Kyufu sends as somebody else's software would.
"""
