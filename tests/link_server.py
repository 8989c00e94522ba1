"""The simulated relay inside the test process, also with faults, and a real OpenSSH server."""

import asyncio
import errno
import getpass
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh

from pipelines.link.mock.server import RelaySftp, listen
from pipelines.link.session import Endpoint, read_host_key
from tests.components import require
from tests.link_world import World

LONGEST_WAIT_SECONDS = 120  # a limit for what never comes, not a speed: the machine may be busy


@contextmanager
def serve(root: Path, world: World, sftp: type[RelaySftp] = RelaySftp) -> Iterator[Endpoint]:
    """Serve ``root/<party>`` and give the ward's endpoint for the bank's home."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        started = listen(root, world.pki / "server", 0, sftp)
        server = asyncio.run_coroutine_threadsafe(started, loop).result(LONGEST_WAIT_SECONDS)
        yield endpoint(world, server.get_port())
        asyncio.run_coroutine_threadsafe(_close(server), loop).result(LONGEST_WAIT_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(server: asyncssh.SSHAcceptor) -> None:
    server.close()
    await server.wait_closed()
    watched = asyncio.get_running_loop()._selector.get_map()  # type: ignore[attr-defined]
    last_moment = time.monotonic() + LONGEST_WAIT_SECONDS
    while len(watched) > 1 and time.monotonic() < last_moment:  # one is the loop's own
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.01)


def endpoint(world: World, port: int, party: str = "bank") -> Endpoint:
    ward = world.pki / "ward"
    key = ward / "ssh" / f"ward-{party}"
    return Endpoint("127.0.0.1", port, f"ward-{party}", key, read_host_key(ward / "known_hosts"))


class Doubles(RelaySftp):
    """Appends everything once more when a written file is closed (paramiko #1217)."""

    def close(self, file_obj: Any) -> None:
        written, path = file_obj.writable(), Path(os.fsdecode(file_obj.name))
        super().close(file_obj)
        if written:
            path.write_bytes(path.read_bytes() * 2)


class LosesTheEnd(RelaySftp):
    """Says that it wrote, and keeps less."""

    def close(self, file_obj: Any) -> None:
        written, path = file_obj.writable(), Path(os.fsdecode(file_obj.name))
        super().close(file_obj)
        if written:
            path.write_bytes(path.read_bytes()[:-1])


class ReportsNoSize(RelaySftp):
    """Reports no size (paramiko #1918)."""

    def fstat(self, file_obj: Any) -> asyncssh.SFTPAttrs:
        return asyncssh.SFTPAttrs(permissions=0o100600)


class DiskFull(RelaySftp):
    """Has no space left."""

    def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


class MayNotWrite(RelaySftp):
    """Lets nobody create a file."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        if pflags & asyncssh.FXF_WRITE:
            raise asyncssh.SFTPPermissionDenied("Permission denied")
        return super().open(path, pflags, attrs)


class TakesAtOnce(RelaySftp):
    """The receiver takes the file away as soon as it has its final name; the reply is lost."""

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        Path(os.fsdecode(self.map_path(oldpath))).unlink()
        raise asyncssh.SFTPFailure("Failure")


class TakesTheTemporary(RelaySftp):
    """The receiver takes even a file that has no final name yet (paramiko #1374)."""

    def close(self, file_obj: Any) -> None:
        written, path = file_obj.writable(), Path(os.fsdecode(file_obj.name))
        super().close(file_obj)
        if written:
            path.unlink()


class DiesInRename(RelaySftp):
    """Dies between the link and the unlink of a rename."""

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        os.link(self.map_path(oldpath), self.map_path(newpath))
        raise asyncssh.SFTPConnectionLost("gone")


class ForgetsToAnswer(RelaySftp):
    """Renames, then says that it failed."""

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        super().rename(oldpath, newpath)
        raise asyncssh.SFTPFailure("Failure")


class GrowsInTheRead(RelaySftp):
    """Has more to give than the size it reported, without an end."""

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        more = b"x" * size if _is_sealed(file_obj) else b""
        return super().read(file_obj, offset, size) or more


class ShrinksInTheRead(RelaySftp):
    """Loses the second half of a file once its size is reported."""

    def fstat(self, file_obj: Any) -> asyncssh.SFTPAttrs:
        found = os.fstat(file_obj.fileno())
        if _is_sealed(file_obj):
            os.truncate(file_obj.name, found.st_size // 2)
        return asyncssh.SFTPAttrs.from_local(found)


class TakenInTheRead(RelaySftp):
    """The file goes away after its first piece."""

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        if offset and _is_sealed(file_obj):
            raise asyncssh.SFTPNoSuchFile("No such file")
        return super().read(file_obj, offset, size)


def _is_sealed(file_obj: Any) -> bool:
    return os.fsdecode(file_obj.name).endswith(".p7m")


@contextmanager
def openssh(program: str, folder: Path, world: World) -> Iterator[Endpoint]:
    """Run a real OpenSSH server whose sessions start in ``folder/home``; give the endpoint."""
    for name in ("inbox", "outbox"):
        (folder / "home" / name).mkdir(parents=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    port = _free_port()
    keys = world.pki / "server"
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": keys / "host_key",
        "AuthorizedKeysFile": keys / "accounts" / "ward-bank.pub",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "Subsystem": "sftp internal-sftp",
        "ForceCommand": f"internal-sftp -d {folder / 'home'}",
    }
    config = folder / "sshd_config"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    arguments = [program, "-D", "-e", "-f", str(config)]
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stderr=log)
    try:
        _wait_until_listening(port, server, folder / "sshd.log")
        ward = endpoint(world, port)
        yield Endpoint(ward.host, port, getpass.getuser(), ward.key_path, ward.host_key)
    finally:
        server.terminate()
        server.wait(LONGEST_WAIT_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_listening(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    last_moment = time.monotonic() + LONGEST_WAIT_SECONDS
    while time.monotonic() < last_moment:
        assert server.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())


@contextmanager
def serve_as(kind: str, folder: Path, world: World) -> Iterator[Endpoint]:
    """Serve with our relay ("mock") or with OpenSSH ("sshd")."""
    if kind == "mock":
        with serve(folder, world) as found:
            yield found
    else:
        with openssh(require("sshd"), folder, world) as found:
            yield found
