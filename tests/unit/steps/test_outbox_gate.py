"""The gate at the moment of sending, and its refusals in the audit chain."""

import json
from datetime import date

import pyarrow as pa
import pytest
import sqlalchemy as sa

from pipelines.disclosure.guard import DisclosureRefused, PeriodClosed
from pipelines.disclosure.release import make_release
from pipelines.errors import KyufuError
from pipelines.ledger import people, tables
from pipelines.ledger.store import verify_chain
from pipelines.matching.persons import Protection
from pipelines.outputs.forms import FormsProfile
from pipelines.steps import outbox, rosters
from pipelines.steps.campaign import Campaign, own_register
from tests.link_world import world
from tests.unit.intake.intake_world import freeze_register, new_campaign

DAY, NEXT = date(2020, 5, 18), date(2020, 5, 19)
NAME = "forms_20200518.csv"
WHERE, BEFORE = "東京都新宿区百人町２丁目２０番１２号", "東京都新宿区四谷３丁目１０番１１号"


def _resident(number: int) -> dict[str, str]:
    return {
        "resident_id": f"{number:010d}", "household_id": f"{number:010d}", "name_kana": "ミホン",
        "name_kanji": f"見本{number}",
        "relationship": "02", "birth_date": f"1980040{number}", "postal_code": "1600022",
        "address": f"東京都新宿区新宿１丁目１番{number}号", "address_supplement": "",
        "head_name_kanji": f"見本{number}",
    }  # fmt: skip


@pytest.fixture
def c(tmp_path, monkeypatch):
    found = new_campaign(tmp_path)
    freeze_register(found, [_resident(n) for n in (1, 2, 3)], DAY)
    days = {source.dataset: DAY for source in found.programme.list_sources}
    (found.home / "pki").symlink_to(world().pki)
    rosters.rehearse(found, DAY)
    monkeypatch.setattr(Campaign, "_list_days", lambda self, day: days)
    yield found
    found.ledger.engine.dispose()


def _keep(c, payload=b"0000000001\r\n", who=("R0000000001",), day=DAY, name=NAME, **how):
    with c.ledger.write() as connection:
        made = make_release(
            c.programme, c.guard(day), "forms", name=name, payload=payload, columns=("resident_id",),
            people=frozenset(who), records=1, sum_yen=None, day=day, **how,
        )  # fmt: skip
        outbox.keep(c, connection, made)


def _protect(c, number, address="", dataset="evacuation_requests", day=DAY):
    care = Protection(
        f"R{number:010d}", dataset, "evacuation", "linked", f"{dataset}/{day}:2", address
    )
    with c.ledger.write() as connection:
        people.protect(connection, c.programme.id, [care], day)


def _refusals(c):
    a = tables.audit.c
    with c.ledger.read() as connection:
        verify_chain(connection)
        query = sa.select(a.subject, a.business_date, a.detail).where(a.event == "release.refused")
        rows = connection.execute(query).all()
    return [(row.subject, row.business_date, json.loads(row.detail)) for row in rows]


def test_f32_a_protection_between_building_and_sending_is_seen_at_sending(c):
    _keep(c)
    _protect(c, 1)
    with pytest.raises(DisclosureRefused, match="委託先に渡せない人が1人"):
        outbox.send(c, NAME, NEXT)
    (told,) = _refusals(c)
    assert told == (
        NAME, NEXT,
        {"rule": "PEOPLE", "people": 1, "disclosure": "forms", "recipient": "contractor", "medium": "lgwan"},
    )  # fmt: skip


def test_f32_somebody_else_who_is_protected_meanwhile_is_looked_for_again(c):
    _keep(c, payload=b"0000000001,0000000003\r\n")
    _protect(c, 3)
    with pytest.raises(DisclosureRefused, match="住民番号1件"):
        outbox.send(c, NAME, NEXT)
    assert [(detail["rule"], detail["numbers"]) for _, _, detail in _refusals(c)] == [("CONTENT", 1)]  # fmt: skip


def test_f34_an_address_that_was_left_stays_a_secret(c):
    _protect(c, 3, BEFORE)
    _protect(c, 3, WHERE, day=NEXT)
    (secret,) = c.guard(NEXT).secrets
    assert set(secret.addresses) == {BEFORE, WHERE}
    for address in (BEFORE, WHERE):
        with pytest.raises(DisclosureRefused, match="居所1件"):
            _keep(c, payload=f"0000000001,{address}\r\n".encode())


def test_where_somebody_moved_is_where_the_ward_writes_to(c):
    _protect(c, 3, BEFORE)
    _protect(c, 3, WHERE, day=NEXT)
    _protect(c, 3, "", day=NEXT)
    p = tables.protection.c
    with c.ledger.read() as connection:
        assert connection.execute(sa.select(p.mailing_address)).scalars().all() == [WHERE]


@pytest.mark.parametrize(
    ("how", "rule"),
    [
        ({"medium": "paper"}, "MEDIUM"),
        ({"to": "bank"}, "RECIPIENT"),
        ({"day": date(2020, 9, 1)}, "PERIOD"),
        ({"who": ("R0000000002",)}, "PEOPLE"),
    ],
)
def test_f35_every_refusal_is_in_the_chain_though_its_transaction_was_taken_back(c, how, rule):
    _protect(c, 2)
    with pytest.raises(DisclosureRefused):
        _keep(c, **how)
    ((name, _, detail),) = _refusals(c)
    assert (name, detail["rule"]) == (NAME, rule)
    assert not (outbox.folder(c, NAME) / "payload").exists()


def test_f35_a_refusal_names_nobody_in_the_chain(c):
    _protect(c, 3, WHERE)
    with pytest.raises(DisclosureRefused):
        _keep(c, payload=f"0000000003,見本3,19800403,{WHERE}\r\n".encode())
    ((_, _, detail),) = _refusals(c)
    assert [detail[kind] for kind in ("numbers", "names", "addresses")] == [1, 1, 1]
    assert not [
        text for text in ("見本", "0000000003", "19800403", "百人町") if text in json.dumps(detail)
    ]


def test_a_refusal_is_told_once_however_deep_it_was_met(c):
    with (
        pytest.raises(PeriodClosed),
        c.ledger.telling_refusals(),
        c.ledger.telling_refusals(),
        c.ledger.write(),
    ):
        make_release(
            c.programme, c.guard(DAY), "forms", name=NAME, payload=b"", columns=(), people=frozenset(), records=0,
            sum_yen=None, day=date(2020, 9, 1),
        )  # fmt: skip
    assert len(_refusals(c)) == 1


def test_f35_a_ledger_row_that_was_turned_into_another_disclosure_sends_nothing(c):
    _keep(c)
    with c.ledger.write() as connection:
        connection.execute(sa.update(tables.release).values(disclosure="inhouse"))
    with pytest.raises(DisclosureRefused):
        outbox.send(c, NAME, DAY)
    assert [detail["rule"] for _, _, detail in _refusals(c)] == ["RECIPIENT"]


def test_f42_stored_bytes_that_were_changed_are_refused_and_told(c):
    _keep(c)
    (outbox.folder(c, NAME) / "payload").write_bytes(b"0000000002\r\n")
    with pytest.raises(DisclosureRefused, match="審査時と違います"):
        outbox.send(c, NAME, DAY)
    assert [detail["rule"] for _, _, detail in _refusals(c)] == ["BYTES"]


def test_f43_what_is_kept_is_its_owners_alone(c):
    _keep(c)
    for path in outbox.folder(c, NAME).iterdir():
        assert path.stat().st_mode & 0o077 == 0


def test_another_error_is_no_refusal(c):
    with pytest.raises(KyufuError), c.ledger.telling_refusals():
        raise KyufuError("x")
    assert _refusals(c) == []


def test_people_without_a_household_are_each_their_own_for_the_comparison_with_the_register(c):
    everybody = c.people()
    nobodys = everybody.set_column(
        everybody.column_names.index("household_id"), "household_id", pa.nulls(3, pa.string())
    )
    own = own_register(nobodys, frozenset({"R0000000001", "R0000000002"}), FormsProfile())
    assert len(list(own.addresses())) == 2
    (line,) = own.lines(frozenset({"19800401"}), frozenset())
    assert "0000000001" in line
