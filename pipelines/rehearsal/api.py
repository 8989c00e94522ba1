"""Airflow's REST API as one of the demonstration's people."""

import time
from typing import Any

import httpx

from pipelines.rehearsal.errors import RehearsalError, RunFailed

_TRIES = 12
_WAIT_SECONDS = 0.5
_BUSY = {
    500,
    502,
    503,
    504,
}  # SQLite has one writer: the API server answers 500 when it waited too long
Json = dict[str, Any]


class Api:
    """One person's session with the API server."""

    def __init__(self, url: str, user: str, password: str) -> None:
        """Log in.

        Raises:
            RehearsalError: the login is refused.
        """
        self.user = user
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        answer = self._send("POST", "/auth/token", json={"username": user, "password": password})
        self._client.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def unpause(self, dag: str) -> None:
        """Let a DAG run."""
        self._send("PATCH", f"/api/v2/dags/{dag}", json={"is_paused": False})

    def trigger(self, dag: str, day: str, run_id: str) -> None:
        """Start a run for a business day; the same run id again changes nothing."""
        body = {"dag_run_id": run_id, "logical_date": None, "partition_key": day}
        self._send("POST", f"/api/v2/dags/{dag}/dagRuns", json=body, accept=(409,))

    def state(self, dag: str, run_id: str) -> str:
        """A run's state."""
        return str(self._send("GET", f"/api/v2/dags/{dag}/dagRuns/{run_id}")["state"])

    def runs(self, dag: str, day: str) -> list[str]:
        """The ids of a DAG's runs for a business day, newest first."""
        params = {"partition_key_prefix_pattern": day, "order_by": "-id", "limit": 100}
        found = self._send("GET", f"/api/v2/dags/{dag}/dagRuns", params=params)["dag_runs"]
        return [run["dag_run_id"] for run in found if run["partition_key"] == day]

    def unfinished(self) -> list[tuple[str, str]]:
        """All runs (DAG, id) that have not ended."""
        params = {"state": ["queued", "running"], "limit": 100}
        found = self._send("GET", "/api/v2/dags/~/dagRuns", params=params)["dag_runs"]
        return [(run["dag_id"], run["dag_run_id"]) for run in found]

    def give_up(self, dag: str, run_id: str) -> None:
        """Mark a run as failed."""
        self._send("PATCH", f"/api/v2/dags/{dag}/dagRuns/{run_id}", json={"state": "failed"})

    def clear(self, dag: str, run_id: str) -> None:
        """Let every task of a run that has ended run again."""
        path = f"/api/v2/dags/{dag}/dagRuns/{run_id}/clear"
        self._send("POST", path, json={"dry_run": False, "only_failed": False})

    def backfill(self, dag: str, day: str) -> None:
        """Backfill a DAG with a daily schedule for a business day, also if that is done."""
        midnight = f"{day}T00:00:00+09:00"
        body = {
            "dag_id": dag, "from_date": midnight, "to_date": midnight, "reprocess_behavior": "completed",
            "max_active_runs": 1,
        }  # fmt: skip
        self._send("POST", "/api/v2/backfills", json=body)

    def pending_approvals(self) -> list[Json]:
        """The task instances that wait for an answer."""
        params = {"response_received": False, "limit": 100}
        path = "/api/v2/dags/~/dagRuns/~/hitlDetails"
        found = self._send("GET", path, params=params)["hitl_details"]
        return [detail["task_instance"] for detail in found]

    def approve(self, task: Json) -> bool:
        """Answer 'Approve'; False if somebody else answered first."""
        run = f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}"
        path = f"{run}/taskInstances/{task['task_id']}/{task['map_index']}/hitlDetails"
        body = {"chosen_options": ["Approve"], "params_input": {}}
        return self._send("PATCH", path, json=body, accept=(409,)) != {}

    def failed_tasks(self, dag: str, run_id: str) -> list[Json]:
        """The task instances of a run that failed."""
        path = f"/api/v2/dags/{dag}/dagRuns/{run_id}/taskInstances"
        found = self._send("GET", path, params={"state": ["failed"], "limit": 100})
        return list(found["task_instances"])

    def log_lines(self, task: Json) -> list[str]:
        """What a task instance's last try logged."""
        run = f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}"
        path = f"{run}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        params = {"map_index": task["map_index"]}
        content = self._send("GET", path, params=params).get("content", [])
        return [line for entry in content for line in _readable(entry)]

    def _send(
        self, method: str, path: str, *, accept: tuple[int, ...] = (), **options: Any
    ) -> Json:
        for _ in range(_TRIES):
            try:
                answer = self._client.request(method, path, **options)
            except httpx.TransportError:
                time.sleep(_WAIT_SECONDS)
                continue
            if answer.status_code not in _BUSY:
                break
            time.sleep(_WAIT_SECONDS)
        else:
            raise RehearsalError(
                f"AirflowのAPIが応答しません: {method} {path}。もう一度実行してください。"
            )
        if answer.status_code in accept:
            return {}
        if answer.is_error:
            why = f"{answer.status_code} {answer.text[:400]}"
            raise RunFailed(f"AirflowのAPIが断りました: {method} {path}: {why}")
        body: Json = answer.json()
        return body


def _readable(entry: Any) -> list[str]:
    """A log entry's text, with the message of the error that it tells; no frames, no values."""
    if not isinstance(entry, dict):
        return [str(entry)]
    event = str(entry.get("event", ""))
    errors = [f"{e['exc_type']}: {e['exc_value']}" for e in entry.get("error_detail") or []]
    return [line for line in (event, *errors) if line and not line.startswith("::")]
