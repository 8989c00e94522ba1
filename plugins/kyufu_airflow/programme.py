"""What the DAG files read of the programme file: its period, its lists, who decides.

The programme is read when a DAG file is parsed; a faulty one shows in Airflow as an import error
with its message.
"""

from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import Asset, CronPartitionTimetable, PartitionedAssetTimetable

from pipelines.programme import Programme, load_programme, settings_from_environment

ZONE = "Asia/Tokyo"
# a business day starts at midnight and is its run's partition key
DAILY = CronPartitionTimetable("0 0 * * *", timezone=ZONE, key_format="%Y-%m-%d")
WELFARE, CLAIMS = Asset("kyufu_welfare"), Asset("kyufu_claims")
PAYMENTS, RESULTS = Asset("kyufu_payments"), Asset("kyufu_results")


@cache
def programme() -> Programme:
    """The programme of this process's environment."""
    return load_programme(settings_from_environment().programme_path)


def channels() -> list[str]:
    """The ways claims come in."""
    return ["online", "postal", "inhouse"]


def approvers() -> list[Any] | None:
    """Who is asked: the demonstration's people; in production whomever the auth manager lets."""
    people = programme().demonstration
    return [{"id": name, "name": name} for name in people.approvers] if people else None


def after(asset: Asset) -> PartitionedAssetTimetable:
    """Follow another DAG's asset, for the same business day."""
    return PartitionedAssetTimetable(assets=asset)


def about(name: str, title: str, doc: str) -> dict[str, Any]:
    """What all DAGs have in common: one run at a time, nothing made up for by itself."""
    return {
        "dag_id": name,
        "dag_display_name": f"{name} {title}",
        "description": title,
        "doc_md": doc,
        "tags": ["給付", title],
        "start_date": _midnight(programme().benefit.base_date),
        "end_date": _midnight(_last_day()),
        "catchup": False,
        "max_active_runs": 1,
        "default_args": {"owner": programme().benefit.office, "retries": 0},
    }


def _last_day() -> Any:
    """The day after the last contract and the lapse: from then on no day starts by itself.

    For a programme of the past, such as the demonstration, nothing ever starts by itself.
    """
    last = [party.contract.last for party in programme().parties]
    return max([*last, programme().claims.lapse_on]) + timedelta(days=1)


def _midnight(day: Any) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(ZONE)).astimezone(UTC)
