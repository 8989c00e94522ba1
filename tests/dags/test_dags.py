"""What every DAG of Kyufu must be: thin, quick to parse, described, approved by the right number."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own deprecations are not ours

ROOT = Path(__file__).resolve().parents[2]
DAGS = ["claims", "closeout", "forms", "payments", "register", "results", "welfare"]
DAILY = ["claims", "register", "welfare"]
REPORTS = ("write_reports", "profile_arrivals")  # the campaign writes them whatever stops a day
HEAVY = [
    "pandas",
    "duckdb",
    "pyarrow",
    "pandera",
    "paramiko",
    "pipelines.steps",
    "pipelines.intake",
    "great_expectations",
]
JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")
LOAD = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag("dags")
print(json.dumps([bag.import_errors, sorted(sys.modules)]))
"""


@pytest.fixture(scope="module")
def dags():
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(ROOT / "dags"))
    assert bag.import_errors == {}
    return bag.dags


def approvals(dag):
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    return [task for task in dag.tasks if isinstance(task, ApprovalOperator)]


def test_these_dags_and_no_others(dags):
    assert sorted(dags) == DAGS
    assert sorted(path.stem for path in (ROOT / "dags").glob("*.py")) == DAGS


def test_parsing_imports_nothing_heavy():
    command = [sys.executable, "-c", LOAD]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    errors, modules = json.loads(out.splitlines()[-1])
    assert errors == {}
    assert "kyufu_airflow.steps" in modules
    assert [name for name in HEAVY if name in modules] == []


@pytest.mark.parametrize("name", DAGS)
def test_is_described_in_japanese_and_runs_one_day_at_a_time(dags, name):
    dag = dags[name]
    assert JAPANESE.search(dag.doc_md)
    assert JAPANESE.search(dag.description)
    assert dag.tags
    assert all(JAPANESE.search(task.owner) for task in dag.tasks)
    assert dag.max_active_runs == 1
    assert dag.catchup is False


@pytest.mark.parametrize("name", DAGS)
def test_file_is_readable_on_one_screen(name):
    assert len((ROOT / "dags" / f"{name}.py").read_text().splitlines()) < 60


@pytest.mark.parametrize("name", DAGS)
def test_nothing_of_a_past_programme_starts_by_itself(dags, name):
    assert dags[name].end_date < datetime.now(UTC)


def test_days_start_three_and_the_others_follow_their_assets(dags):
    from airflow.sdk import CronPartitionTimetable, PartitionedAssetTimetable

    kinds = {name: type(dag.schedule) for name, dag in dags.items()}
    assert [name for name in DAGS if kinds[name] is CronPartitionTimetable] == DAILY
    following = {
        name: dag.schedule.asset_condition.name
        for name, dag in dags.items()
        if kinds[name] is PartitionedAssetTimetable
    }
    assert following == {
        "forms": "kyufu_welfare",
        "payments": "kyufu_claims",
        "results": "kyufu_payments",
        "closeout": "kyufu_results",
    }
    made = {
        outlet.name: name
        for name, dag in dags.items()
        for task in dag.tasks
        for outlet in task.outlets
    }
    assert made == {
        "kyufu_welfare": "welfare",
        "kyufu_claims": "claims",
        "kyufu_payments": "payments",
        "kyufu_results": "results",
    }


def test_two_people_decide_on_money_protections_and_erasures_one_on_forms(dags):
    counts = {name: len(approvals(dag)) for name, dag in dags.items() if approvals(dag)}
    assert counts == {"forms": 1, "payments": 2, "welfare": 2, "closeout": 2}


def test_only_the_approvers_are_asked(dags):
    for dag in dags.values():
        for task in approvals(dag):
            asked = [user["id"] for user in task.assigned_users]
            assert asked == ["approver1", "approver2"]


def test_every_answer_is_recorded_before_anything_else_happens(dags):
    for name in ("forms", "payments", "welfare", "closeout"):
        for task in approvals(dags[name]):
            assert task.downstream_task_ids == {"record"}


def test_only_tasks_on_the_link_are_tried_again(dags):
    retried = {
        f"{name}.{task.task_id}" for name, dag in dags.items() for task in dag.tasks if task.retries
    }
    assert retried == {
        "claims.receive",
        "forms.release",
        "forms.confirm",
        "payments.check",
        "payments.send",
        "results.settle",
        "results.send_notices",
        "closeout.ask_parties",
    }


def test_every_list_that_came_is_received(dags):
    received = dags["welfare"].get_task("receive_list")
    assert received.is_mapped
    assert received.upstream_task_ids == {"look"}
    assert dags["welfare"].get_task("link_people").trigger_rule == "none_failed"


def test_every_channel_is_received(dags):
    from pipelines.steps.claims import CHANNELS

    received = dags["claims"].get_task("receive")
    assert received.op_kwargs_expand_input.value["part"] == list(CHANNELS)


def test_without_anything_to_erase_nobody_is_asked_and_the_day_goes_on(dags):
    closeout = dags["closeout"]
    assert {task.task_id for task in closeout.tasks if task.trigger_rule == "none_failed"} == {
        "list_holdings"
    }
    assert closeout.get_task("list_holdings").upstream_task_ids == {"erase"}


def test_the_last_task_of_a_day_is_the_balance_and_only_judging_what_arrived_follows(dags):
    closeout = dags["closeout"]
    assert [task.task_id for task in closeout.leaves] == ["profile_arrivals"]
    assert closeout.get_task("profile_arrivals").upstream_task_ids == {"balance"}


def test_dags_take_the_steps_in_the_order_of_the_campaign_without_airflow(dags):
    source = (ROOT / "pipelines" / "campaign.py").read_text()
    for dag in dags.values():
        steps = [
            task.doc
            for task in dag.topological_sort()
            if task.task_id not in (*REPORTS, "record") and not task.task_id.startswith("approve")
        ]
        places = [re.search(rf"\b{re.escape(step)}\b[(),]", source).start() for step in steps]
        assert places == sorted(places)


def test_dags_that_wait_for_acknowledgements_have_a_deadline_that_tells_of_late_ones(dags):
    from airflow.sdk import SyncCallback
    from airflow.sdk._shared.module_loading import import_string
    from kyufu_airflow.programme import programme

    with_deadline = {name: dag.deadline for name, dag in dags.items() if dag.deadline}
    assert sorted(with_deadline) == ["forms", "results"]
    limit = min(p.acknowledge_days for p in programme().parties)
    for (alert,) in with_deadline.values():
        assert alert.interval.days == limit
        assert (
            type(alert.reference).__name__ == "DagRunQueuedAtDeadline"
        )  # these runs have no logical date
        assert isinstance(alert.callback, SyncCallback)  # no triggerer runs
        assert callable(import_string(alert.callback.path))
