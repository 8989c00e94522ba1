"""A PostgreSQL of one's own: a new cluster in a temporary folder, reachable only through a socket in that folder."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

FORGETFUL = {
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off",
}  # fmt: skip
"""Settings for tests that never need what they wrote after the machine dies."""


@dataclass(frozen=True)
class Server:
    """A running server. folder: where its socket is."""

    folder: Path

    def url(self, database: str) -> str:
        """A database's URL."""
        return f"postgresql://kyufu@/{database}?host={self.folder}"

    def create(self, database: str, template: str = "template1") -> str:
        """Make a database, as a copy of another if need be, and return its URL."""
        self.command(f'create database "{database}" template "{template}"')
        return self.url(database)

    def command(self, statement: str) -> None:
        """Run one statement outside the databases of the tests."""
        with psycopg.connect(
            host=str(self.folder), user="kyufu", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)


@contextmanager
def serve(program: str, **settings: str) -> Iterator[Server]:
    """Run a new server for the time of the block, as a user without rights; nothing of it is kept.

    program: path of `postgres`; initdb stands beside it. settings: beside PostgreSQL's own.
    """
    binary = Path(program).resolve()
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    account = {"user": user, "group": pwd.getpwnam(user).pw_gid} if os.geteuid() == 0 else {}
    groups = [] if account else None
    folder = Path(tempfile.mkdtemp(prefix="kyufu-pg-"))
    shutil.chown(folder, user)
    data = folder / "data"
    initdb = [
        binary.with_name("initdb"), "-D", data, "-U", "kyufu", "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust",
    ]  # fmt: skip
    try:
        subprocess.run(
            [*initdb, "--no-sync"], check=True, cwd=folder, stdout=subprocess.DEVNULL, extra_groups=groups, **account
        )  # fmt: skip
        own = {"listen_addresses": "", "unix_socket_directories": str(folder), "max_connections": "50"}  # fmt: skip
        flags = [f"--{name}={value}" for name, value in {**own, **settings}.items()]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [binary, "-D", data, *flags], cwd=folder, stdout=log, stderr=log, extra_groups=groups, **account
            )  # fmt: skip
        try:
            _wait(Server(folder), process)
            yield Server(folder)
        finally:
            process.send_signal(signal.SIGQUIT)  # PostgreSQL's immediate shutdown
            process.wait(timeout=90)
    finally:
        shutil.rmtree(folder)


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    last_moment = time.monotonic() + 90
    while True:
        try:
            server.command("select 1")
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > last_moment:
                raise AssertionError((server.folder / "log").read_text()) from None
            time.sleep(0.05)
        else:
            return
