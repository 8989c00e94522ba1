"""The campaign's days through Airflow: start each day's DAGs, wait for what follows them."""

import time
from collections.abc import Callable, Sequence
from datetime import date

from pipelines.rehearsal.api import Api
from pipelines.rehearsal.errors import RunFailed
from pipelines.rehearsal.screen import Screen

# each day's chains: the first DAG is started, the others follow its asset
CHAINS = (("register",), ("welfare", "forms"), ("claims", "payments", "results", "closeout"))
DAGS = tuple(dag for chain in CHAINS for dag in chain)
RUN_SECONDS = 600.0
_POLL_SECONDS = 0.4
_LOG_LINES = 15


class Days:
    """Plays business days as the demonstration's operator."""

    def __init__(self, api: Api, screen: Screen, check: Callable[[], None]) -> None:
        """Know the API, the screen, and a check that raises when a process has died."""
        self._api = api
        self._screen = screen
        self._check = check

    def prepare(self, days: Sequence[date]) -> int:
        """Let the DAGs run, give up what was interrupted; gives this attempt's number."""
        for dag, run_id in self._api.unfinished():
            self._screen.say(f"前回中断された実行を打ち切ります: {dag} {run_id}")
            self._api.give_up(dag, run_id)
        for dag in DAGS:
            self._api.unpause(dag)
        return 1 + max(len(self._api.runs(dag, day.isoformat())) for dag in DAGS for day in days)

    def play(self, day: date, attempt: int, chains: Sequence[Sequence[str]] = CHAINS) -> None:
        """Run one day's DAGs in order.

        Raises:
            RunFailed: a run failed or did not end.
        """
        for first, *following in chains:
            seen = {dag: set(self._api.runs(dag, day.isoformat())) for dag in following}
            run_id = f"rehearsal__{day}__{attempt}"
            self._api.trigger(first, day.isoformat(), run_id)
            self._finish(first, day, run_id)
            for dag in following:
                self._finish(dag, day, self._find(dag, day, seen[dag]))

    def _find(self, dag: str, day: date, seen: set[str]) -> str:
        """The run that the preceding DAG's asset has just started."""
        last_moment = time.monotonic() + RUN_SECONDS
        while time.monotonic() < last_moment:
            self._check()
            new = [run for run in self._api.runs(dag, day.isoformat()) if run not in seen]
            if new:
                return new[0]
            time.sleep(_POLL_SECONDS)
        raise RunFailed(f"{dag} {day}: 前のDAGが終わっても始まりません。")

    def _finish(self, dag: str, day: date, run_id: str) -> None:
        started = time.monotonic()
        while time.monotonic() < started + RUN_SECONDS:
            self._check()
            state = self._api.state(dag, run_id)
            if state == "success":
                self._screen.finished(day, dag, time.monotonic() - started)
                return
            if state == "failed":
                raise RunFailed(self._explain(dag, day, run_id))
            time.sleep(_POLL_SECONDS)
        raise RunFailed(f"{dag} {day}: {RUN_SECONDS:.0f}秒たっても終わりません。")

    def _explain(self, dag: str, day: date, run_id: str) -> str:
        lines = [f"{dag} {day}: 失敗しました({run_id})。"]
        for task in self._api.failed_tasks(dag, run_id):
            lines.append(f"タスク {dag}.{task['task_id']} の記録の終わり:")
            lines += [f"  {line}" for line in self._api.log_lines(task)[-_LOG_LINES:]]
        return "\n".join(lines)
