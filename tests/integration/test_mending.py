"""A campaign with bad rows: what stops, what goes on, how a steward mends it, and that all end as they should."""

import csv
import io
import shutil
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipelines.ledger import tables
from pipelines.ledger.engine import open_engine
from tests.campaign_home import faults, make_ward, rows, run_campaign
from tests.kyufu_process import run_kyufu
from tests.unit.intake.intake_world import PASSWORD, mend

RESIDENTS, SEED = 600, 7
LIST_DAY, CLAIMS_DAY = "2020-05-18", "2020-06-03"


def _kyufu(home: Path, *arguments: str):
    return run_kyufu(*arguments, "--home", str(home), KYUFU_QUARANTINE_PASSWORD=PASSWORD)


def _table(path: Path, encoding: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode(encoding), newline="")))


def _save(path: Path, table: list[list[str]], encoding: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(table)
    path.write_bytes(out.getvalue().encode(encoding))


def _spoil(path: Path, encoding: str, number: int, column: str, bad: str) -> str:
    """Put something bad into a cell of a source row; returns what stood there."""
    table = _table(path, encoding)
    place = table[0].index(column)
    good, table[number - 1][place] = table[number - 1][place], bad
    _save(path, table, encoding)
    return good


def _mend(home: Path, folder: Path, dataset: str, day: str, changes: dict[str, dict]) -> str:
    """A steward's way: export, type, give back; returns what was printed."""
    book = folder / f"{dataset}.xlsx"
    done = _kyufu(home, "quarantine", "export", dataset, day, "--out", str(book))
    assert done.returncode == 0, done.stderr
    assert book.stat().st_mode & 0o777 == 0o600
    data = book.read_bytes()
    for table, cells in changes.items():
        data = mend(data, table, cells)
    mended = folder / f"{dataset}_mended.xlsx"
    mended.write_bytes(data)
    back = _kyufu(home, "quarantine", "return", str(mended))
    assert back.returncode == 0, back.stderr
    return done.stdout + back.stdout


def _truth(inputs: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((inputs / "truth" / f"{name}.csv").read_text("utf-8"))))


def _states(home: Path) -> dict[object, str]:
    e, a = tables.entitlement, tables.addition
    query = sa.select(e.c.resident_id, a.c.name_kanji, a.c.birth_date, e.c.state)
    query = query.outerjoin(a, a.c.person_id == e.c.person_id)
    engine = open_engine(f"sqlite:///{home / 'ledger.sqlite'}")
    try:
        with engine.connect() as connection:
            found = connection.execute(query)
            return {r.resident_id or (r.name_kanji, r.birth_date): r.state for r in found}
    finally:
        engine.dispose()


def _true_states(inputs: Path) -> dict[object, str]:
    return {
        r["resident_id"] or (r["name_kanji"], r["birth_date"]): r["state"]
        for r in _truth(inputs, "people")
    }


def _ordinary_claims(inputs: Path) -> list[tuple[int, str, list[int]]]:
    """(row, claim number, rows of its lines) of postal claims of households where everybody ends paid."""
    folder = inputs / "contractor" / CLAIMS_DAY
    residents = next(inputs.glob("ward/*/register_????????.csv"))
    household = {r[0]: r[1] for r in _table(residents, "cp932")[1:]}
    states: dict[str, set[str]] = {}
    for person in _truth(inputs, "people"):
        number = household.get(person["resident_id"], "")
        states.setdefault(number, set()).add(person["state"] + person["reasons"])
    claims = _table(folder / "postal_claims_20200603.csv", "cp932")
    members = _table(folder / "postal_members_20200603.csv", "cp932")
    everywhere = Counter(
        row[5] for path in inputs.glob("contractor/*/postal_claims_*.csv") for row in _table(path, "cp932")[1:]
    )  # fmt: skip
    named = {
        row[4]
        for path in inputs.glob("contractor/*/postal_claims_*.csv")
        for row in _table(path, "cp932")[1:]
    }
    size = Counter(household.values())
    found = []
    for number, row in enumerate(claims[1:], start=2):
        lines = [n for n, line in enumerate(members[1:], start=2) if line[0] == row[0]]
        ordinary = (
            row[3] == "新規" and row[0] not in named and everywhere[row[5]] == 1 and states.get(row[5]) == {"paid"}
            and len(lines) == size[row[5]] >= 2
        )  # fmt: skip
        if ordinary:
            found.append((number, row[0], lines))
    return found


@pytest.fixture(scope="module")
def mended(tmp_path_factory):
    """A campaign whose list, claim and line were bad and were mended on the way; everything that was printed."""
    folder = tmp_path_factory.mktemp("mending")
    inputs, home, later = (
        make_ward(folder / "inputs", RESIDENTS, SEED),
        folder / "home",
        folder / "later",
    )
    a_list = inputs / "ward" / LIST_DAY / "facility_children_20200518.csv"
    birth = _spoil(a_list, "cp932", 2, "生年月日", "")
    (claim_row, claim, _), (_, of_line, lines) = _ordinary_claims(inputs)[:2]
    postal = inputs / "contractor" / CLAIMS_DAY
    kind = _spoil(postal / "postal_claims_20200603.csv", "cp932", claim_row, "申請区分", "?")
    name = _spoil(postal / "postal_members_20200603.csv", "cp932", lines[1], "氏名", "")
    for day in sorted(inputs.glob("*/20??-??-??")):
        if day.name > CLAIMS_DAY:
            target = later / day.relative_to(inputs)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(day, target)

    stopped = run_campaign(inputs, home)
    waiting = _kyufu(home, "quarantine", "list")
    told = _mend(home, folder, "facility_children", LIST_DAY, {"rows": {2: {"生年月日": birth}}})
    went_on = run_campaign(inputs, home)
    before = _claims(home)
    changes = {"claims": {claim_row: {"申請区分": kind}}, "members": {lines[1]: {"氏名": name}}}
    told += _mend(home, folder, "postal_claims", CLAIMS_DAY, changes)
    repeated = run_campaign(inputs, home)
    between = _claims(home)
    shutil.copytree(later, inputs, dirs_exist_ok=True)
    finished = run_campaign(inputs, home, "--truth", str(inputs / "truth" / "people.csv"))
    return {
        "inputs": inputs, "home": home, "claim": claim, "of_line": of_line, "stopped": stopped,
        "waiting": waiting, "went_on": went_on, "before": before, "repeated": repeated, "between": between,
        "finished": finished, "told": told, "secrets": (birth, name),
    }  # fmt: skip


def _claims(home: Path) -> dict[str, tuple[str, str]]:
    """Claim number -> (outcome, day it was decided)."""
    return {
        str(number): (str(outcome), str(day))
        for number, day, outcome in rows(home, "claim", ("claim_id", "outcome", "day"))
    }


def test_a_bad_row_in_a_list_stops_everything_that_would_go_out(mended):
    assert mended["stopped"].returncode == 1
    assert "Traceback" not in mended["stopped"].stderr
    assert "エラー" in mended["stopped"].stderr


def test_the_steward_sees_what_waits(mended):
    assert mended["waiting"].returncode == 0
    assert "facility_children" in mended["waiting"].stdout
    assert "REQUIRED" in mended["waiting"].stdout


def test_the_mended_list_is_linked_and_the_forms_go(mended):
    assert mended["went_on"].returncode == 0, mended["went_on"].stderr
    assert list((mended["home"] / "releases").glob("forms_*"))
    steps = [
        row
        for row in rows(mended["home"], "step", ("name", "day", "result"))
        if "people.link" in str(row)
    ]
    versions = [
        used
        for row in steps
        for part in row
        if isinstance(part, dict)
        for used in part["deliveries"]
        if used[:2] == ["facility_children", LIST_DAY]
    ]
    assert sorted(used[2] for used in versions) == [1, 2]


def test_a_bad_claim_does_not_hold_the_others_up_and_is_not_lost(mended):
    assert mended["claim"] not in mended["before"]
    assert mended["before"][mended["of_line"]] == ("paid", CLAIMS_DAY)
    assert len(mended["before"]) > 20


def test_running_the_decided_day_again_decides_nothing_anew(mended):
    assert mended["repeated"].returncode == 0, mended["repeated"].stderr
    assert mended["between"] == mended["before"]


def test_the_mended_claim_is_decided_on_the_next_business_day(mended):
    assert mended["finished"].returncode == 0, mended["finished"].stdout + mended["finished"].stderr
    after = _claims(mended["home"])
    assert after[mended["claim"]] == ("paid", "2020-06-17")


def test_the_mended_line_of_a_decided_claim_is_paid_by_a_supplement(mended):
    after = _claims(mended["home"])
    assert after[mended["of_line"]] == ("paid", CLAIMS_DAY)
    assert after[f"{mended['of_line']}+v002"] == ("paid", "2020-06-17")


def test_everybody_ends_as_the_true_answers_say_and_it_balances(mended):
    ours, true = _states(mended["home"]), _true_states(mended["inputs"])
    assert {p: (s, ours.get(p)) for p, s in true.items() if ours.get(p) != s} == {}
    assert faults(mended["home"]) == []
    assert not any(row[5] for row in _intake(mended["home"]))


def _intake(home: Path) -> list[tuple[object, ...]]:
    names = ("programme", "dataset", "day", "rows_in", "accepted", "quarantined", "duplicates")
    found = rows(home, "intake_file", names)
    assert found
    for row in found:
        assert row[3] == sum(row[4:])
    return found


def test_no_value_is_printed_or_recorded(mended):
    records = str(rows(mended["home"], "audit")) + str(rows(mended["home"], "step"))
    printed = mended["told"] + mended["waiting"].stdout + mended["stopped"].stderr
    for secret in mended["secrets"]:
        assert secret
        assert secret not in records
        assert secret not in printed
