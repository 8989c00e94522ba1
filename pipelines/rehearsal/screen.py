"""What a person sees while a rehearsal runs: a bar on a terminal, plain lines elsewhere."""

import threading
import time
from datetime import date
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

TITLES = {
    "register": "住民基本台帳",
    "welfare": "福祉名簿",
    "forms": "申請書",
    "claims": "申請の照合",
    "payments": "振込",
    "results": "振込結果と通知",
    "closeout": "締めと収支確認",
}


class Screen:
    """Tells the progress; safe to use from several threads."""

    def __init__(self) -> None:
        """Write to standard output."""
        self._console = Console(highlight=False, soft_wrap=True)
        self._started = time.monotonic()
        self._guard = threading.Lock()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._bar = self._progress.add_task("準備", total=None)

    def __enter__(self) -> Self:
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        self._progress.stop()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def expect(self, runs: int) -> None:
        """Say how many DAG runs will come."""
        self._progress.update(self._bar, total=runs)

    def say(self, text: str) -> None:
        """One line with the time since the start."""
        with self._guard:
            self._console.print(f"{self.seconds:6.1f}秒  {text}", markup=False)

    def finished(self, day: date, dag: str, seconds: float) -> None:
        """One DAG run is done."""
        self.say(f"{day}  {TITLES[dag]} ({dag}) 完了 {seconds:.1f}秒")
        self._progress.update(self._bar, advance=1, description=f"{day} {TITLES[dag]}")

    def show(self, text: str) -> None:
        """Show a text as it is."""
        with self._guard:
            self._console.print(text, markup=False)
