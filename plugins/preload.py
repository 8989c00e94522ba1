"""Airflow plugin: the scheduler imports what the tasks need, once, so its forked workers need not.

With LocalExecutor a task is a fork of the scheduler; importing pandas, pyarrow and duckdb anew
would take three seconds of each. Importing opens nothing and starts no thread that a fork misses.
"""

import importlib
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

ROOMS = ("register", "welfare", "forms", "claims", "payments", "results", "closeout")
MODULES = (
    *(f"pipelines.steps.{room}" for room in ROOMS),
    "kyufu_airflow.approvals",
    "airflow.sdk.execution_time.task_runner",
    # what pandas, pandera and pyarrow import only when first used
    "pandera.accessors.pandas_accessor",
    "pandera.backends.pandas.builtin_checks",
    "pandera.backends.pandas.builtin_hypotheses",
    "pandera.strategies.pandas_strategies",
    "pyarrow.acero",
    "pyarrow.dataset",
    "pyarrow.pandas_compat",
)


class _Preload:
    @hookimpl
    def on_starting(self, component: Any) -> None:
        """Import when a long-running Airflow job starts; a task imports what it needs itself."""
        if type(component).__name__ == "Job":
            for module in MODULES:
                importlib.import_module(module)


class KyufuPreload(AirflowPlugin):
    """Registers the listener."""

    name = "kyufu_preload"
    listeners = [_Preload()]  # noqa: RUF012 - Airflow's interface
