"""The alert of a DAG whose deliveries were not acknowledged by their deadline.

Airflow prunes a run's deadline only when the run succeeds in time: a run that failed, because the acknowledgement did
not come, or that still waits, is told of when the deadline passes. The scheduler hands the callback to the executor, so
no triggerer is needed. The deadline counts from when the run was queued: runs by partition have no logical date.
"""

from datetime import date, timedelta
from typing import Any

from airflow.sdk import DeadlineAlert, DeadlineReference, SyncCallback

from kyufu_airflow.programme import programme


def until_acknowledged(*roles: str) -> DeadlineAlert:
    """The alert for a DAG that sends to the parties of these roles; the shortest of their limits counts."""
    days = min(p.acknowledge_days for p in programme().parties if p.role in roles)
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(days=days),
        callback=SyncCallback(tell),
        name="受領確認の期限",
    )


def tell(context: dict[str, Any]) -> None:
    """Enter what is late where the stewards see it, and in the log; nothing if all was acknowledged meanwhile.

    In a rehearsal, whose business days are of the past, everything that the run has not seen acknowledged is late.
    """
    from kyufu_airflow.steps import clear_errors, log
    from pipelines.programme import settings_from_environment
    from pipelines.steps import sent
    from pipelines.steps.campaign import open_campaign
    from pipelines.terminal import no_link, today

    run = context["dag_run"]
    with clear_errors():
        campaign = open_campaign(settings_from_environment(), no_link)
        try:
            day = today()
            if campaign.programme.is_demonstration:
                days = [p.acknowledge_days for p in campaign.programme.parties]
                day = date.fromisoformat(run["partition_key"]) + timedelta(days=max(days) + 1)
            for line in sent.tell_late(campaign, day):
                log.error("%s %s: %s", run["dag_id"], run["dag_run_id"], line)
        finally:
            campaign.ledger.engine.dispose()
