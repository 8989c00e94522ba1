"""A party's own SFTP client: pinned host key, its own account, the sending protocol."""

import hashlib
from pathlib import Path

import paramiko  # type: ignore[import-untyped]

SECONDS = 30.0
PIECE_BYTES = 32_768

CONNECTION_ERRORS = (paramiko.SSHException, EOFError, OSError)


class Conflict(Exception):
    """Another file stands under the name, or the server does not hold what was written."""


class Mailbox:
    """The party's home on the relay."""

    def __init__(self, host: str, port: int, account: str, identity: Path) -> None:
        """Connect with the key and the pinned host key of the identity folder."""
        _alias, _kind, key = (identity / "known_hosts").read_text(encoding="ascii").split()
        host_key = paramiko.hostkeys.HostKeyEntry.from_line(f"x {_kind} {key}").key
        self._client = paramiko.SSHClient()
        self._client.set_missing_host_key_policy(paramiko.RejectPolicy())
        self._client.get_host_keys().add(f"[{host}]:{port}", host_key.get_name(), host_key)
        try:
            self._client.connect(
                host,
                port,
                account,
                pkey=paramiko.Ed25519Key(filename=str(identity / "ssh_key")),
                allow_agent=False,
                look_for_keys=False,
                timeout=SECONDS,
                banner_timeout=SECONDS,
                auth_timeout=SECONDS,
                channel_timeout=SECONDS,
            )
            self._sftp = self._client.open_sftp()
        except BaseException:
            self._client.close()
            raise
        self._sftp.get_channel().settimeout(SECONDS)

    def close(self) -> None:
        """End the session."""
        self._client.close()

    def names(self, folder: str) -> set[str]:
        """Return the file names in a folder."""
        return set(self._sftp.listdir(folder))

    def read(self, path: str) -> bytes:
        """Read a file whole. FileNotFoundError if it is not there."""
        with self._sftp.open(path, "rb") as file:
            file.prefetch(file.stat().st_size)
            return b"".join(iter(lambda: file.read(PIECE_BYTES), b""))

    def place(self, path: str, content: bytes) -> None:
        """Bring content under a name: written beside, read back, renamed; repeatable.

        Raises:
            Conflict: another content is there, or the server does not hold what was written.
        """
        wanted = hashlib.sha256(content).hexdigest()
        there = self._hash(path)
        if there not in (None, wanted):
            raise Conflict(f"{path} is taken by another content")
        beside = f"{path}.tmp"
        self._remove(beside)
        if there == wanted:
            return
        with self._sftp.open(beside, "wx") as file:
            file.set_pipelined(True)
            for start in range(0, len(content), PIECE_BYTES):
                file.write(content[start : start + PIECE_BYTES])
        if self._hash(beside) != wanted:
            raise Conflict(f"{beside}: the server does not hold what was written")
        self._sftp.rename(beside, path)

    def _hash(self, path: str) -> str | None:
        try:
            return hashlib.sha256(self.read(path)).hexdigest()
        except FileNotFoundError:
            return None

    def remove(self, path: str) -> None:
        """Take a file away; one that is not there is no error."""
        self._remove(path)

    def _remove(self, path: str) -> None:
        try:
            self._sftp.remove(path)
        except FileNotFoundError:
            return
