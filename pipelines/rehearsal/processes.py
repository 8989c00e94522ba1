"""Airflow's processes: the API server, the scheduler and what makes their database ready.

Every child dies with this process, even if it is killed: the kernel sends them SIGTERM then.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import httpx

from pipelines.rehearsal.errors import RehearsalError

READY_SECONDS = 180.0
END_SECONDS = 30.0
TAIL_LINES = 25
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Airflow:
    """The Airflow processes of one home.

    Start them from the main thread: the kernel ties children to the thread that starts them.
    """

    def __init__(self, logs: Path, lock: IO[str], environment: Mapping[str, str]) -> None:
        """Know the environment; nothing starts yet."""
        self._logs = logs
        self._lock = lock
        self._environment = {**_inherited(), **environment}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)

    def start(
        self, name: str, arguments: list[str], extra: Mapping[str, str] | None = None
    ) -> None:
        """Start ``airflow ARGUMENTS`` in the background; its output goes to ``logs/NAME.log``."""
        with self._log(name).open("wb") as output:
            self._children[name] = subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**self._environment, **(extra or {})},
                pass_fds=(self._lock.fileno(),),
                start_new_session=True,  # an interrupt is for us; we then stop the children
                preexec_fn=_die_with_parent,
            )

    def finish(self, name: str) -> None:
        """Wait for a command that ends by itself.

        Raises:
            RehearsalError: it failed; the message ends with its log.
        """
        status = self._children.pop(name).wait()
        if status != 0:
            raise self._failed(name, status)

    def check(self) -> None:
        """Make sure that what was started still runs.

        Raises:
            RehearsalError: a process has ended; the message ends with its log.
        """
        for name, child in self._children.items():
            if child.poll() is not None:
                raise self._failed(name, child.returncode)

    def wait_until_healthy(self, url: str) -> None:
        """Wait until the API server says that the scheduler is healthy.

        Its part for tasks is built at the first request, which takes seconds: that is asked here,
        so that no task times out on it.

        Raises:
            RehearsalError: a process ended, or it took too long.
        """
        last_moment = time.monotonic() + READY_SECONDS
        while time.monotonic() < last_moment:
            self.check()
            try:
                httpx.get(f"{url}/execution/health", timeout=READY_SECONDS)
                health = httpx.get(f"{url}/api/v2/monitor/health", timeout=5).json()
                if health["scheduler"]["status"] == "healthy":
                    return
            except (httpx.HTTPError, ValueError, KeyError):
                pass
            time.sleep(0.2)
        raise RehearsalError(
            f"Airflowが{READY_SECONDS:.0f}秒たっても準備できません。{self._logs}の記録を見てください。"
        )

    def stop(self) -> None:
        """End the children, the last started first, each by its own process id."""
        for name in reversed(list(self._children)):
            child = self._children.pop(name)
            child.terminate()
            try:
                child.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _failed(self, name: str, status: int) -> RehearsalError:
        lines = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(lines[-TAIL_LINES:])
        return RehearsalError(
            f"airflow {name} が終了コード{status}で終わりました。{self._log(name)}の終わり:\n{tail}"
        )


def free_port(preferred: int = 0) -> int:
    """A free port on loopback: the preferred one if nobody has it."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RehearsalError("空いているポートがありません。")


def _inherited() -> dict[str, str]:
    """Our own environment without settings of some other Airflow."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
