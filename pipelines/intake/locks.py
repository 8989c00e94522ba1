"""One process at a time on one dataset and day: from reading its newest version until its next one is published.

`HOME/locks/<dataset>.YYYY-MM-DD.lock` is an empty file, apart from staging, that is locked and never removed: the
operating system takes the lock away with the process that holds it, however that ends. Whoever needs the ledger as well
takes this lock first.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from pipelines.errors import KyufuError

_POLL_SECONDS = 0.1


class PartitionBusy(KyufuError):
    """Another process works on the same dataset and day and did not end in time; nothing was done."""


class PartitionLocks:
    """The locks of one home. A thread that holds a lock may take it again inside."""

    def __init__(self, home: Path, wait_seconds: float) -> None:
        """Remember where the locks lie, and how many seconds a process waits for one; nothing is created yet."""
        self.folder = home / "locks"
        self.wait_seconds = wait_seconds
        self._mine = threading.local()

    @contextmanager
    def holding(self, dataset: str, day: date) -> Iterator[None]:
        """Hold the dataset's day alone until the block ends.

        Raises:
            PartitionBusy: another process held it all the time.
        """
        held: set[tuple[str, date]] = self._mine.__dict__.setdefault("held", set())
        if (dataset, day) in held:
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{dataset}.{day.isoformat()}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _lock(descriptor, self.wait_seconds):
                raise PartitionBusy(
                    f"{dataset} {day}: 別の処理がこの日の取込みか保留行の戻しか送付をしていて、"
                    f"{self.wait_seconds:g}秒待っても終わりません。"
                    "その処理が終わるのを待って、もう一度実行してください。"
                )
            held.add((dataset, day))
            try:
                yield
            finally:
                held.discard((dataset, day))
        finally:
            os.close(descriptor)


def _lock(descriptor: int, seconds: float) -> bool:
    """Whether the open file could be locked within that time."""
    last_moment = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= last_moment:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True
