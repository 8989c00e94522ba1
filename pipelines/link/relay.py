"""The whole simulated link as child processes: the relay's server and the three parties.

For rehearsals (``kyufu campaign``) and tests. The children end when this process ends, however it
ends: each watches its standard input, a pipe that only this process holds.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

from pipelines.link.errors import RelayFailed
from pipelines.link.session import Endpoint, open_session, read_host_key, remote_errors

PARTIES = ("contractor", "bank", "jlis")
READY_SECONDS = 60.0
END_SECONDS = 8.0
TAIL_LINES = 20
REPOSITORY = Path(__file__).resolve().parents[2]


class Relay:
    """The running server and parties. Use ``Relay.start`` in a ``with`` statement.

    Attributes:
        endpoints: for each party, how the ward reaches that party's home.
        root: ``homes/<party>`` (what is on the relay), ``work/<party>`` (a party's own memory) and
            ``logs/<child>.log`` (names and counts, no personal data).
    """

    def __init__(self, root: Path, pki: Path) -> None:
        """Know the folders; ``start`` does the rest."""
        self.root = root
        self.endpoints: dict[str, Endpoint] = {}
        self._pki = pki
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    @classmethod
    def start(
        cls,
        root: Path,
        pki: Path,
        inputs: Path,
        *,
        programme: str = "shinjuku-2020",
        parties: Sequence[str] = PARTIES,
    ) -> Self:
        """Start the server, then the parties, and wait until all are connected.

        Args:
            root: folder for homes, memories and logs; what an earlier run left there goes on.
            pki: made by ``create_demonstration_pki``.
            inputs: has ``contractor/``, ``bank/`` and ``jlis/`` (docs/interfaces/inputs.md).
            programme: the programme that the parties name in their manifests.
            parties: who is played; everybody's home is served.

        Raises:
            RelayFailed: a child died or was not ready in time; the message ends with its log.
            KeyNotUsable: the PKI lacks the ward's part.
        """
        relay = cls(root.absolute(), pki.absolute())
        try:
            relay._start_server()
            relay._start_parties(inputs.absolute(), programme, parties)
        except BaseException:
            relay.stop()
            raise
        return relay

    def __enter__(self) -> Self:
        """Give the running relay."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the children."""
        self.stop()

    def set_business_date(self, day: date) -> None:
        """Tell every party which day it is.

        Raises:
            LinkUnreachable, RemoteFailure: a home could not be written.
        """
        for endpoint in self.endpoints.values():
            with (
                open_session(endpoint) as sftp,
                remote_errors("write inbox/business_date"),
                sftp.open("inbox/business_date", "w") as file,
            ):
                file.write(day.isoformat())

    def check(self) -> None:
        """Make sure that every child is alive.

        Raises:
            RelayFailed: one has ended; the message ends with its log.
        """
        for name, child in self._children.items():
            if child.poll() is not None:
                raise self._failed(name, f"ended with status {child.returncode}")

    def stop(self) -> None:
        """End the children, parties first, each by its own process id."""
        children = list(self._children.values())[::-1]
        for child in children:
            if child.stdin is not None:
                child.stdin.close()
        for child in children:
            _end(child)
        self._children.clear()

    def _start_server(self) -> None:
        ready = self._ready_file("relay")
        keys = self._pki / "server"
        where = ["--root", str(self.root / "homes"), "--pki", str(keys)]
        self._start_child("relay", ["pipelines.link.mock", *where, "--ready-file", str(ready)])
        self._wait_for("relay", ready.exists)
        host, _, port = ready.read_text(encoding="ascii").strip().rpartition(":")
        ward = self._pki / "ward"
        host_key = read_host_key(ward / "known_hosts")
        for party in PARTIES:
            account = f"ward-{party}"
            key = ward / "ssh" / account
            self.endpoints[party] = Endpoint(host, int(port), account, key, host_key)

    def _start_parties(self, inputs: Path, programme: str, parties: Sequence[str]) -> None:
        ready = {party: self._ready_file(party) for party in parties}
        for party in parties:
            endpoint = self.endpoints[party]
            options = ["--endpoint", f"{endpoint.host}:{endpoint.port}", "--programme", programme]
            options += ["--identity", str(self._pki / "parties" / party)]
            options += ["--work", str(self.root / "work" / party)]
            options += ["--inputs", str(inputs / party), "--ready-file", str(ready[party])]
            self._start_child(party, [f"pipelines.link.parties.{party}", *options])
        for party, file in ready.items():
            self._wait_for(party, file.exists)

    def _ready_file(self, name: str) -> Path:
        folder = self.root / "ready"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / name
        file.unlink(missing_ok=True)
        return file

    def _start_child(self, name: str, arguments: Sequence[str]) -> None:
        log = self._log(name)
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(REPOSITORY)}
        with log.open("ab") as output:
            self._children[name] = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,  # an interrupt is for us; we then stop the children
            )

    def _wait_for(self, name: str, ready: Callable[[], bool]) -> None:
        last_moment = time.monotonic() + READY_SECONDS
        while not ready():
            self.check()
            if time.monotonic() > last_moment:
                raise self._failed(name, f"was not ready within {READY_SECONDS:.0f} s")
            time.sleep(0.02)

    def _log(self, name: str) -> Path:
        return self.root / "logs" / f"{name}.log"

    def _failed(self, name: str, what: str) -> RelayFailed:
        lines = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(lines[-TAIL_LINES:])
        return RelayFailed(f"the simulated {name} {what}. End of {self._log(name)}:\n{tail}")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Wait for a child whose input was closed; insist if it does not end."""
    for insist in (child.terminate, child.kill):
        try:
            child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            insist()
    child.wait()
