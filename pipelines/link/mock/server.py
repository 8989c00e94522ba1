"""The simulated relay: SFTP only, keys only, each account locked into one party's home.

Stands for the LGWAN-ASP's server. It runs as a child process and ends when its standard input
closes, so it never outlives who started it.
"""

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path

import asyncssh

LOOPBACK = "127.0.0.1"
WARD_PREFIX = "ward-"


class RelaySftp(asyncssh.SFTPServer):
    """A home's files: no links, and no rename ever replaces a file."""

    def __init__(self, chan: asyncssh.SSHServerChannel[bytes], home: Path) -> None:
        """Lock the session into ``home``."""
        super().__init__(chan, chroot=os.fsencode(home))

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        """List a folder as OpenSSH's server does: a file that goes away meanwhile is left out."""
        folder = Path(os.fsdecode(self.map_path(path)))
        for entry in sorted(folder.iterdir()):
            try:
                attributes = asyncssh.SFTPAttrs.from_local(entry.lstat())
            except FileNotFoundError:
                continue
            yield asyncssh.SFTPName(os.fsencode(entry.name), attrs=attributes)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Rename a file as OpenSSH's server does: link, then unlink, so an existing name stays.

        Raises:
            SFTPFileAlreadyExists: the new name is taken.
        """
        old, new = self.map_path(oldpath), self.map_path(newpath)
        try:
            os.link(old, new, follow_symlinks=False)
        except FileExistsError as error:
            raise asyncssh.SFTPFileAlreadyExists("File already exists") from error
        Path(os.fsdecode(old)).unlink()

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Refuse the rename that replaces."""
        raise asyncssh.SFTPPermissionDenied("only a plain rename is allowed here")

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        """Refuse hard links."""
        raise asyncssh.SFTPPermissionDenied("links are not allowed here")

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """Refuse symbolic links."""
        raise asyncssh.SFTPPermissionDenied("links are not allowed here")


class RelayAccounts(asyncssh.SSHServer):
    """Lets an account in by its own public key and by nothing else."""

    def __init__(self, accounts: Mapping[str, asyncssh.SSHAuthorizedKeys]) -> None:
        """Know the accounts' keys."""
        self._accounts = accounts
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Keep the connection whose account is asked for next."""
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        """Accept only this account's key; an unknown account has none."""
        keys = self._accounts.get(username)
        if keys is not None and self._connection is not None:
            self._connection.set_authorized_keys(keys)
        return True


async def listen(
    root: Path,
    keys: Path,
    port: int = 0,
    sftp: type[RelaySftp] = RelaySftp,
) -> asyncssh.SSHAcceptor:
    """Start to serve on loopback.

    Args:
        root: holds one home a party; ``inbox`` and ``outbox`` are made in each.
        keys: the PKI's ``server`` folder.
        port: the port, or 0 for any that is free.
        sftp: the file service of a session.

    Returns:
        The listening server; ``get_port()`` tells the port.
    """
    accounts = {
        path.stem: asyncssh.read_authorized_keys(str(path))
        for path in sorted((keys / "accounts").glob("*.pub"))
    }
    for account in accounts:
        _make_home(root, account)

    def open_sftp(chan: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        account = str(chan.get_extra_info("username"))
        return sftp(chan, _home(root, account))

    return await asyncssh.listen(
        LOOPBACK,
        port,
        server_factory=lambda: RelayAccounts(accounts),
        server_host_keys=[str(keys / "host_key")],
        sftp_factory=open_sftp,
        allow_scp=False,
        allow_pty=False,
        agent_forwarding=False,
        x11_forwarding=False,
        gss_host=None,
        login_timeout=30,
    )


def main() -> None:
    """Serve until standard input closes or SIGTERM comes."""
    parser = argparse.ArgumentParser(description="Simulated LGWAN relay (SFTP on loopback).")
    parser.add_argument("--root", type=Path, required=True, help="folder of the parties' homes")
    parser.add_argument("--pki", type=Path, required=True, help="the PKI's server folder")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--ready-file", type=Path, required=True, help="gets host:port when ready")
    options = parser.parse_args()
    os.umask(0o077)
    asyncio.run(_serve(options.root, options.pki, options.port, options.ready_file))


async def _serve(root: Path, keys: Path, port: int, ready_file: Path) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    end = partial(loop.call_soon_threadsafe, ended.set)
    threading.Thread(target=_wait_for_end_of_input, args=(end,), daemon=True).start()
    async with await listen(root, keys, port) as server:
        _write_whole(ready_file, f"{LOOPBACK}:{server.get_port()}\n")
        await ended.wait()


def _wait_for_end_of_input(end: Callable[[], object]) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    end()


def _write_whole(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.partial")
    beside.write_text(text, encoding="ascii")
    beside.replace(path)


def _home(root: Path, account: str) -> Path:
    return root / account.removeprefix(WARD_PREFIX)


def _make_home(root: Path, account: str) -> None:
    for folder in ("inbox", "outbox"):
        (_home(root, account) / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
