"""Airflow plugin: the scheduler imports the campaign's steps once, so that its forked workers need not each time.

With LocalExecutor a task is a fork of the scheduler; importing pandas, pyarrow and duckdb anew in every task would take
three seconds of each. Importing opens nothing and starts no thread that a fork would miss.
"""

import importlib
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

ROOMS = ("register", "welfare", "forms", "claims", "payments", "results", "closeout")


class _Preload:
    @hookimpl
    def on_starting(self, component: Any) -> None:
        """Import the steps when a long-running Airflow job starts; a single task imports what it needs itself."""
        if type(component).__name__ == "Job":
            for room in ROOMS:
                importlib.import_module(f"pipelines.steps.{room}")


class KyufuPreload(AirflowPlugin):
    """Registers the listener."""

    name = "kyufu_preload"
    listeners = [_Preload()]  # noqa: RUF012 - Airflow's interface
