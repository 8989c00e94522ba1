"""One process at a time on one dataset: from looking at what is staged of it until its next version is published.

What a day may hold depends on the dataset's other days (not the same content again, a size like theirs), so its days
share one lock. `HOME/locks/<dataset>.lock` is an empty file, apart from staging, that is locked and never removed: the
operating system takes the lock away with the process that holds it, however that ends. A process holds one dataset at a
time; whoever needs the ledger as well takes this lock first.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import KyufuError

_POLL_SECONDS = 0.1


class DatasetBusy(KyufuError):
    """Another process works on the same dataset and did not end in time; nothing was done."""


class DatasetLocks:
    """The locks of one home. A thread that holds a lock may take it again inside."""

    def __init__(self, home: Path, wait_seconds: float) -> None:
        """Remember where the locks lie, and how many seconds a process waits for one; nothing is created yet."""
        self.folder = home / "locks"
        self.wait_seconds = wait_seconds
        self._mine = threading.local()

    @contextmanager
    def holding(self, dataset: str) -> Iterator[None]:
        """Hold the dataset alone until the block ends.

        Raises:
            DatasetBusy: another process held it all the time.
        """
        held: set[str] = self._mine.__dict__.setdefault("held", set())
        if dataset in held:
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.folder / f"{dataset}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _lock(descriptor, self.wait_seconds):
                raise DatasetBusy(
                    f"{dataset}: 別の処理がこのデータの取込みか保留行の戻しか送付をしていて、"
                    f"{self.wait_seconds:g}秒待っても終わりません。"
                    "その処理が終わるのを待って、もう一度実行してください。"
                )
            held.add(dataset)
            try:
                yield
            finally:
                held.discard(dataset)
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
