"""The demonstration's approvers: they answer through Airflow's own API, and say so."""

import threading
import time
from collections.abc import Callable, Sequence

from pipelines.rehearsal.api import Api, Json
from pipelines.rehearsal.errors import RehearsalError

# An answer right after the task began to wait can reach Airflow before the scheduler knows that it
# waits; then the task fails ("finished with state success, but queued"). No person is that fast.
THINK_SECONDS = 2.5
_POLL_SECONDS = 0.8
Tell = Callable[[str], None]


class Approvers(threading.Thread):
    """Answers every approval in the background, the second question by the second person."""

    def __init__(self, people: Sequence[Api], tell: Tell) -> None:
        """Know who answers and where to say it."""
        super().__init__(name="approvers", daemon=True)
        self._people = people
        self._tell = tell
        self._first_seen: dict[str, float] = {}
        self._ended = threading.Event()
        self._error: RehearsalError | None = None

    def run(self) -> None:
        """Answer until told to stop."""
        while not self._ended.wait(_POLL_SECONDS):
            try:
                self._answer_due()
            except RehearsalError as error:
                self._error = error
                return

    def check(self) -> None:
        """Raise what ended the answering, if something did."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Answer nothing more."""
        self._ended.set()
        self.join()

    def _answer_due(self) -> None:
        for task in self._people[0].pending_approvals():
            if task["state"] != "awaiting_input":
                continue
            first_seen = self._first_seen.setdefault(task["id"], time.monotonic())
            if time.monotonic() - first_seen >= THINK_SECONDS:
                self._answer(task)

    def _answer(self, task: Json) -> None:
        number = int(task["task_id"].rpartition("_")[2])
        person = self._people[(number - 1) % len(self._people)]
        if person.approve(task):
            what = f"{task['dag_id']} ({number}人目)"
            self._tell(f"実演用の職員 {person.user} が {what} を承認しました(自動応答)")
