"""A step of the campaign as an Airflow task: one call into `pipelines.steps`, counts out.

What a task needs it takes from its environment (`pipelines.programme`) and from its run's partition
key, the business date.
"""

import importlib
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from kyufu_airflow.lgwan import ConnectionNotUsable, LgwanHook

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from paramiko import SFTPClient

    from pipelines.steps.campaign import Campaign

log = logging.getLogger("airflow.task")
_FRAMES = 5
LINK_RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=5)}


def step(name: str, *, over_link: bool = False, may_be_idle: bool = False, **options: Any) -> Any:
    """The task for ``room.function`` of `pipelines.steps`; one that uses the link is tried again.

    may_be_idle: where its result needs nobody's approval, what follows on it is skipped.
    Every step is safe to repeat, so retry, clear and backfill find done what was done.
    """
    options = {"task_id": name.split(".")[1], "doc": name, **options}

    @task(**(LINK_RETRIES if over_link else {}), **options)
    def run(part: str | None = None, partition_key: str | None = None, dag_run: Any = None) -> Any:
        day = business_date(partition_key, dag_run)
        with clear_errors(), open_campaign() as campaign:
            result = _call(name, campaign, day, *([part] if part else []))
        log.info("%s %s %s: %s", day, name, part or "", result)
        if may_be_idle and not result["needed"]:
            raise AirflowSkipException("対象がありません。")
        return result

    return run


def _call(name: str, campaign: "Campaign", day: date, *arguments: str) -> Any:
    """Call the step; where it refuses or misses a file, the steward's pages show it before the task fails."""
    from pipelines.errors import InputMissing, InputRefused
    from pipelines.steps import reports

    room, function = name.split(".")
    call = getattr(importlib.import_module(f"pipelines.steps.{room}"), function)
    try:
        return call(campaign, day, *arguments)
    except (InputRefused, InputMissing):
        reports.write(campaign, day)
        raise


def business_date(partition_key: str | None, dag_run: Any) -> date:
    """The run's business date: its partition key, or in ``dag.test()`` the key in the run's conf.

    Raises:
        AirflowFailException: neither is there, or it is no date.
    """
    key = partition_key or (getattr(dag_run, "conf", None) or {}).get("partition_key")
    if not key:
        raise AirflowFailException(
            "業務日がありません。パーティションキー(YYYY-MM-DD)を付けて実行してください。"
            "一日分のやり直しは airflow backfill create --from-date 日付 --to-date 日付 です。"
        )
    try:
        return date.fromisoformat(key)
    except ValueError:
        raise AirflowFailException(
            f"パーティションキー「{key}」は日付(YYYY-MM-DD)ではありません。"
        ) from None


@contextmanager
def open_campaign() -> Iterator["Campaign"]:
    """The campaign of this process's environment, reaching the parties through the LGWAN hook."""
    from pipelines.programme import settings_from_environment
    from pipelines.steps import campaign

    opened = campaign.open_campaign(settings_from_environment(), _session)
    try:
        yield opened
    finally:
        opened.ledger.engine.dispose()


def _session(party: str) -> "AbstractContextManager[SFTPClient]":
    return LgwanHook(f"lgwan_{party}").get_conn()


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn an expected error into its message alone; no retry unless the link was down.

    An unexpected error shows its kind and places only: its message could hold a person's data.
    """
    from pipelines.errors import KyufuError
    from pipelines.link.errors import LinkUnreachable
    from pipelines.programme import ProgrammeError

    try:
        yield
    except LinkUnreachable as error:
        raise AirflowException(str(error)) from None
    except (KyufuError, ProgrammeError, ConnectionNotUsable) as error:
        raise AirflowFailException(str(error)) from None
    except Exception as error:
        raise AirflowException(f"予期しない失敗: {_kind_and_places(error)}") from None


def _kind_and_places(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} ({places})"
