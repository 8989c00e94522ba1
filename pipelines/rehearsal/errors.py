"""What can stop a rehearsal, each with what to do."""

from pipelines.errors import KyufuError


class RehearsalError(KyufuError):
    """The rehearsal cannot go on."""


class AlreadyRunning(RehearsalError):
    """Another Airflow runs on the same folder."""


class RunFailed(RehearsalError):
    """A DAG run failed or did not end; the message names DAG, task and day, with the log's end."""
