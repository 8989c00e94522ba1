"""The comparison with true answers: what it calls wrong, missing, paid wrongly and paid twice."""

from datetime import date
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from pipelines.errors import InputMissing, KyufuError
from pipelines.evidence import summary
from pipelines.evidence.history import read_history
from pipelines.evidence.truth import compare
from pipelines.ledger import people, tables
from pipelines.ledger.engine import open_ledger
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import Ledger, Move, move
from pipelines.matching.persons import Addition, Person
from pipelines.programme import ROOT, load_programme
from pipelines.steps.pseudonyms import pseudonym

PROGRAMME = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")
DAY = date(2020, 6, 3)
HEADER = "resident_id,name_kanji,birth_date,state,reasons"


@pytest.fixture
def c(tmp_path):
    """Three residents (held, declined, unclaimed) and an addition."""
    ledger = Ledger(open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}"), PROGRAMME.id)
    with ledger.write() as connection:
        residents = [Person(f"R{n}", f"000000000{n}", "H1") for n in (1, 2, 3)]
        people.open_entitlements(connection, PROGRAMME.id, residents, "snapshot", 100_000, DAY)
        added = Addition(Person("A1", None, None), "list/1:2", "渡辺　葵", "", "19920229")
        people.open_additions(connection, PROGRAMME.id, [added], 100_000, DAY)
        moves = [
            Move("R1", Entitlement.HELD, "P1", "LATE"),
            Move("R2", Entitlement.DECLINED, "P2", "MEMBER_NOT_WANTED"),
        ]
        move(connection, PROGRAMME.id, moves, "claims", "", DAY)
    yield SimpleNamespace(programme=PROGRAMME, ledger=ledger, home=tmp_path)
    ledger.engine.dispose()


@pytest.fixture
def truth(tmp_path):
    def write(*lines):
        path = tmp_path / "people.csv"
        path.write_text("\r\n".join([HEADER, *lines, ""]), encoding="utf-8")
        return path

    return write


RIGHT = (
    "0000000001,,,held,LATE",
    "0000000002,,,declined,",
    "0000000003,,,unclaimed,",
    ",渡辺　葵,19920229,unclaimed,",
)


def test_everybody_is_right(c, truth):
    found = compare(c, truth(*RIGHT))
    assert (found.people, found.right, found.wrong, found.missing, found.safe) == (
        4,
        4,
        {},
        0,
        True,
    )


def test_another_state_is_wrong(c, truth):
    found = compare(c, truth("0000000001,,,paid,", *RIGHT[1:]))
    assert (found.right, found.wrong) == (3, {("paid", "held"): 1})
    assert found.safe  # nobody got money that should not have


def test_another_reason_is_told_apart_from_another_state(c, truth):
    found = compare(c, truth("0000000001,,,held,NOT_HEAD", *RIGHT[1:]))
    assert (found.right, found.wrong, found.wrong_reasons) == (3, {}, {("NOT_HEAD", "LATE"): 1})


def test_somebody_we_do_not_know_is_wrong_and_somebody_the_truth_does_not_know_is_missing(c, truth):
    found = compare(c, truth(*RIGHT[:3], "9999999999,,,paid,"))
    assert found.wrong == {("paid", "missing"): 1}
    assert found.missing == 1


def _pay(c, person, key, *, live=True):
    with c.ledger.write() as connection:
        payment = {
            "programme": PROGRAMME.id, "payment_key": key, "batch_id": f"B{key}", "claim_id": "P1",
            "attempt": 1, "people": 1, "amount_yen": 100_000, "bank_code": "0005", "branch_code": "001",
            "account_type": "1", "account_number": "1234567", "payee_kana": "ｱ", "result": "paid",
        }  # fmt: skip
        batch = {
            "programme": PROGRAMME.id, "batch_id": f"B{key}", "business_date": DAY, "transfer_date": DAY, "payments": 1,
            "people": 1, "sum_yen": 100_000, "account_hash": key, "content_hash": key, "file_name": key,
            "state": "settled", "drafter": "operator",
        }  # fmt: skip
        connection.execute(sa.insert(tables.batch).values(batch))
        connection.execute(sa.insert(tables.payment).values(payment))
        item = {
            "programme": PROGRAMME.id,
            "payment_key": key,
            "person_id": person,
            "amount_yen": 100_000,
            "live": live,
        }
        connection.execute(sa.insert(tables.payment_item).values(item))


def _make_paid(c, person):
    with c.ledger.write() as connection:
        for state in (Entitlement.APPROVED, Entitlement.IN_PAYMENT, Entitlement.PAID):
            move(connection, PROGRAMME.id, [Move(person, state, "P1")], "test", "", DAY)


@pytest.mark.parametrize(
    "true_state", ["held", "declined", "elsewhere", "ineligible", "lapsed", "claimed"]
)
def test_money_for_somebody_who_should_have_none_is_not_safe(c, truth, true_state):
    _make_paid(c, "R3")
    _pay(c, "R3", "1")
    found = compare(c, truth(*RIGHT[:2], f"0000000003,,,{true_state},", RIGHT[3]))
    assert (found.paid_wrongly, found.safe) == (1, False)


def test_a_second_live_payment_cannot_even_be_entered(c):
    _pay(c, "R3", "1")
    with pytest.raises(sa.exc.IntegrityError):
        _pay(c, "R3", "2")


def test_a_payment_under_recovery_does_not_count_twice(c, truth):
    _make_paid(c, "R3")
    _pay(c, "R3", "1", live=False)
    _pay(c, "R3", "2")
    found = compare(c, truth(*RIGHT[:2], "0000000003,,,paid,", RIGHT[3]))
    assert (found.paid_twice, found.right, found.safe) == (0, 4, True)


def test_no_true_answers_is_told(c, tmp_path):
    with pytest.raises(InputMissing, match=r"none\.csv.*--truth"):
        compare(c, tmp_path / "none.csv")


def test_the_comparison_for_the_summary_holds_counts_only(c, truth):
    told = compare(c, truth("0000000001,,,paid,", *RIGHT[1:])).as_dict()
    assert told["wrong"] == {"paid -> held": 1}
    assert "0000000001" not in str(told)


def test_the_summary_counts_everybody(c):
    found = summary.summarise(c, 1.26)
    assert sum(found["entitlements"].values()) == 4
    assert found["holds"] == {"LATE": 1}
    assert found["payments"]["sum_yen"] == 0
    assert found["seconds"] == 1.3
    assert "申請期限を過ぎています" in summary.render(found)


def test_a_persons_history_is_told_and_the_telling_recorded(c):
    found = read_history(c, "0000000001", "os:somebody", "窓口の照会", DAY)
    assert (found.state, found.codes, found.form) == ("保留(確認中)", "LATE", "未発送")
    assert [event[1] for event in found.events] == ["未申請", "保留(確認中)"]
    a = tables.audit
    with c.ledger.read() as connection:
        (shown,) = connection.execute(
            sa.select(a.c.actor, a.c.subject, a.c.detail).where(a.c.event == "person.shown")
        ).all()
    assert (shown.actor, shown.subject) == ("os:somebody", pseudonym(c, "R1"))
    assert "窓口の照会" in shown.detail


def test_nobody_is_shown_for_a_number_nobody_has(c):
    with pytest.raises(KyufuError, match="対象者はいません"):
        read_history(c, "1234567890", "os:somebody", "照会", DAY)
    shown = sa.select(sa.func.count()).where(tables.audit.c.event == "person.shown")
    with c.ledger.read() as connection:
        assert connection.execute(shown).scalar_one() == 0
