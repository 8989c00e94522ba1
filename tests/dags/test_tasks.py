"""The tasks' shared part: the business date, clear errors, approvals, the link's connection."""

import json
from datetime import date
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own deprecations are not ours

DRAFT = {
    "batches": ["B1"],
    "payments": 2,
    "people": 3,
    "sum_yen": 300_000,
    "transfer_date": "2020-06-05",
    "subject": "payments:2020-06-03",
    "hash": "ab" * 32,
    "needed": 2,
}
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1Q"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KYUFU_HOME", str(tmp_path))
    monkeypatch.delenv("KYUFU_LEDGER_URL", raising=False)
    return tmp_path


def answer(actor, approve=True, digest=DRAFT["hash"]):
    return {"actor": actor, "approve": approve, "hash": digest}


def recorded(answers, draft=DRAFT):
    from kyufu_airflow.approvals import record

    return record.function(draft, answers, partition_key="2020-06-03")


class TestBusinessDate:
    def test_is_the_partition_key(self):
        from kyufu_airflow.steps import business_date

        assert business_date("2020-06-03", None).isoformat() == "2020-06-03"

    def test_falls_back_on_the_conf_of_a_test_run(self):
        from kyufu_airflow.steps import business_date

        run = SimpleNamespace(conf={"partition_key": "2020-06-03"})
        assert business_date(None, run).isoformat() == "2020-06-03"

    @pytest.mark.parametrize(
        ("key", "message"), [(None, "業務日がありません"), ("someday", "日付.*ではありません")]
    )
    def test_missing_or_wrong_says_so(self, key, message):
        from airflow.sdk.exceptions import AirflowFailException
        from kyufu_airflow.steps import business_date

        with pytest.raises(AirflowFailException, match=message):
            business_date(key, SimpleNamespace(conf={}))


class TestErrors:
    def test_an_expected_error_fails_at_once_with_its_message_alone(self):
        from airflow.sdk.exceptions import AirflowFailException
        from kyufu_airflow.steps import clear_errors

        from pipelines.errors import InputMissing

        with pytest.raises(AirflowFailException, match="ありません") as caught, clear_errors():
            raise InputMissing("ファイルがありません")
        assert caught.value.__suppress_context__

    def test_a_link_that_is_down_is_tried_again(self):
        from airflow.sdk.exceptions import AirflowException, AirflowFailException
        from kyufu_airflow.steps import clear_errors

        from pipelines.link.errors import LinkUnreachable

        with pytest.raises(AirflowException, match="relay") as caught, clear_errors():
            raise LinkUnreachable("relay is down")
        assert not isinstance(caught.value, AirflowFailException)

    def test_an_unexpected_error_does_not_show_its_message(self):
        from airflow.sdk.exceptions import AirflowException
        from kyufu_airflow.steps import clear_errors

        message = r"KeyError \(test_tasks.py:\d+"
        with pytest.raises(AirflowException, match=message) as caught, clear_errors():
            raise KeyError("新宿 太郎")
        assert "新宿" not in str(caught.value)


class TestApproval:
    @pytest.fixture
    def task(self):
        from kyufu_airflow.approvals import LedgerApproval

        return LedgerApproval(task_id="approve_1", draft=DRAFT, number=1, of=2)

    def test_shows_counts_sum_and_hash_and_nothing_else(self):
        from kyufu_airflow.approvals import describe

        shown = describe(DRAFT)
        assert "300,000" in shown
        assert "| 人数 | 3 |" in shown
        assert DRAFT["hash"] in shown
        assert "B1" not in shown

    def test_asks_nobody_when_there_is_nothing_to_decide(self, task):
        task.draft = {**DRAFT, "needed": 0}
        assert task.execute({}) is None

    def test_a_rejection_is_passed_on_and_skips_nothing(self, task, monkeypatch):
        monkeypatch.setattr(task, "skip", lambda *_a, **_k: pytest.fail("skipped"))
        event = {
            "chosen_options": ["Reject"],
            "params_input": {},
            "responded_at": SimpleNamespace(isoformat=str),
            "responded_by_user": {"id": "approver1", "name": "approver1"},
        }
        assert task.execute_complete({}, event) == answer("approver1", approve=False)


class TestRecord:
    def test_two_people_approve(self, home):
        counts = recorded([answer("approver1"), answer("approver2")])
        assert counts == {"approved": 2, "rejected": 0}

    def test_asks_no_more_once_both_have_approved(self, home):
        from kyufu_airflow.approvals import still_needed

        assert still_needed(DRAFT) == 2
        recorded([answer("approver1"), answer("approver2")])
        assert still_needed(DRAFT) == 0
        assert recorded([None, None]) == {"approved": 0, "rejected": 0}

    def test_the_same_person_twice_fails(self, home):
        from airflow.sdk.exceptions import AirflowFailException

        with pytest.raises(AirflowFailException, match="2人必要"):
            recorded([answer("approver1"), answer("approver1")])

    def test_the_drafter_may_not_approve(self, home):
        from airflow.sdk.exceptions import AirflowFailException

        with pytest.raises(AirflowFailException, match="起案者"):
            recorded([answer("operator"), answer("approver1")])

    def test_a_rejection_stands_in_the_ledger(self, home):
        from kyufu_airflow.approvals import still_needed

        counts = recorded([answer("approver1"), answer("approver2", approve=False)])
        assert counts == {"approved": 1, "rejected": 1}
        assert still_needed(DRAFT) == 0

    def test_an_approval_of_other_content_does_not_count(self, home):
        from airflow.sdk.exceptions import AirflowFailException

        with pytest.raises(AirflowFailException, match=r"2人必要|変わりました"):
            recorded([answer("approver1"), answer("approver2", digest="cd" * 32)])

    def test_nothing_to_decide_records_nothing(self, home):
        assert recorded([None], {**DRAFT, "needed": 0}) == {"approved": 0, "rejected": 0}


class TestLgwanHook:
    @pytest.fixture
    def connect(self, monkeypatch):
        from kyufu_airflow.lgwan import LgwanHook

        def make(**extra):
            value = {"conn_type": "sftp", "host": "127.0.0.1", "port": 2222, "login": "ward-bank"}
            text = json.dumps({**value, "extra": extra})
            monkeypatch.setenv("AIRFLOW_CONN_LGWAN_BANK", text)
            return LgwanHook("lgwan_bank")

        return make

    def test_reads_the_connection(self, connect):
        endpoint = connect(host_key=HOST_KEY, key_file="/keys/ward-bank").endpoint()
        assert (endpoint.host, endpoint.port, endpoint.username) == ("127.0.0.1", 2222, "ward-bank")
        assert endpoint.host_key == HOST_KEY

    @pytest.mark.parametrize(
        "extra",
        [
            {},
            {"host_key": ""},
            {"host_key": "AAAAC3NzaC1lZDI1NTE5AAAAIB1Q"},
            {"host_key": HOST_KEY, "no_host_key_check": True},
            {"host_key": HOST_KEY, "no_host_key_check": "true"},
            {"host_key": HOST_KEY, "allow_host_key_change": "true"},
            {"host_key": HOST_KEY, "ignore_hostkey_verification": True},
        ],
    )
    def test_refuses_a_connection_without_a_pinned_host_key(self, connect, extra):
        from kyufu_airflow.lgwan import HostKeyNotPinned

        with pytest.raises(HostKeyNotPinned, match="lgwan_bank"):
            connect(key_file="/keys/ward-bank", **extra).endpoint()

    def test_says_what_is_missing(self, connect):
        from kyufu_airflow.lgwan import ConnectionNotUsable

        with pytest.raises(ConnectionNotUsable, match="key_file"):
            connect(host_key=HOST_KEY).endpoint()


def test_a_refused_file_is_on_the_stewards_pages_when_its_task_fails(home):
    from datetime import date

    from kyufu_airflow.steps import _call

    from pipelines.errors import InputRefused
    from tests.unit.reports.report_world import open_home

    campaign = open_home(home)
    day = date(2020, 5, 18)
    campaign.note_refusal("facility_children", "cp932として読めません。", day)
    folder = campaign.inbox / day.isoformat()
    folder.mkdir(parents=True)
    (folder / "register_20200518.csv").write_bytes(b"")
    (folder / "register_20200518.control.csv").write_bytes("項目,値\r\n".encode("cp932"))
    with pytest.raises(InputRefused, match="SHA256"):
        _call("register.receive_register", campaign, day)
    assert "cp932として読めません。" in (home / "reports" / "index.html").read_text(
        encoding="utf-8"
    )
    campaign.ledger.engine.dispose()


def test_the_alert_of_a_deadline_enters_what_is_late(home):
    import sqlalchemy as sa
    from airflow.api_fastapi.core_api.datamodels.dag_run import DAGRunResponse
    from airflow.sdk.execution_time.callback_supervisor import execute_callback
    from kyufu_airflow.deadlines import tell
    from kyufu_airflow.steps import log

    from pipelines.ledger import tables
    from pipelines.programme import settings_from_environment
    from pipelines.steps.campaign import open_campaign
    from pipelines.terminal import no_link

    def miss():
        """As the executor runs it when the scheduler finds the deadline missed."""
        path = f"{tell.__module__}.{tell.__qualname__}"
        assert execute_callback(path, {"context": {"dag_run": run}}, "", None, log) == (True, None)

    run = {"dag_id": "results", "dag_run_id": "r1", "partition_key": "2020-06-03"}
    assert run.keys() <= DAGRunResponse.model_fields.keys()  # what Airflow hands over of the run
    miss()
    c = open_campaign(settings_from_environment(), no_link)

    def told():
        with c.ledger.read() as connection:
            return connection.execute(sa.select(tables.refusal.c.reason)).scalars().all()

    row = {
        "programme": c.programme.id, "name": "payments_1.txt", "disclosure": "payments", "recipient": "bank",
        "medium": "lgwan", "basis": "", "fields": "", "records": 1, "people": 1, "sha256": "", "scanned_for": "",
        "business_date": date(2020, 6, 3), "state": "delivered", "acknowledged": False,
    }  # fmt: skip
    with c.ledger.write() as connection:
        connection.execute(sa.insert(tables.release).values(row))
    assert told() == []
    miss()
    (reason,) = told()
    assert "payments_1.txt" in reason
    c.ledger.engine.dispose()
