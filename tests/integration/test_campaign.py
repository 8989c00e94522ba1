"""A whole ward without Airflow: everybody compared with the true answers, every outgoing byte looked at."""

import csv
import io
import re
import unicodedata
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipelines.ledger import tables
from pipelines.ledger.engine import open_engine
from pipelines.outputs.forms import DERIVED_COLUMNS, HOUSEHOLD_COLUMNS, MEMBER_COLUMNS
from pipelines.programme import load_programme
from tests.campaign_home import (
    PROGRAMME,
    PROGRAMME_ID,
    faults,
    final_state,
    half_written,
    make_ward,
    rows,
    run_campaign,
    stored_payload,
)
from tests.components import require

RESIDENTS, SEED = 600, 7
REFUSED_DAY = "2020-09-16"


class Played:
    """A ward that was played once: its inputs, its home, what was printed and how it stood."""

    def __init__(self, folder: Path) -> None:
        self.inputs = make_ward(folder / "inputs", RESIDENTS, SEED)
        self.home = folder / "home"
        done = self.run()
        assert done.returncode == 0, done.stdout + done.stderr
        self.printed = done.stdout + done.stderr
        self.state = final_state(self.home)

    def run(self):
        return run_campaign(
            self.inputs, self.home, "--truth", str(self.inputs / "truth" / "people.csv")
        )

    def truth(self, name: str) -> list[dict[str, str]]:
        text = (self.inputs / "truth" / f"{name}.csv").read_text(encoding="utf-8")
        return list(csv.DictReader(io.StringIO(text)))

    def residents(self) -> list[dict[str, str]]:
        (path,) = self.inputs.glob("ward/*/register_????????.csv")
        return list(csv.DictReader(io.StringIO(path.read_bytes().decode("cp932"))))

    def query(self, query: sa.Select) -> list[sa.Row]:
        engine = open_engine(f"sqlite:///{self.home / 'ledger.sqlite'}")
        try:
            with engine.connect() as connection:
                return list(connection.execute(query))
        finally:
            engine.dispose()


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    return Played(tmp_path_factory.mktemp("ward"))


# --- the answers ---


def test_every_person_ends_as_the_true_answers_say(ward):
    e, a = tables.entitlement, tables.addition
    joined = sa.select(
        e.c.resident_id, a.c.name_kanji, a.c.birth_date, e.c.state, e.c.codes
    ).outerjoin(a, a.c.person_id == e.c.person_id)
    ours = {
        r.resident_id or (r.name_kanji, r.birth_date): (
            r.state,
            r.codes if r.state == "held" else "",
        )
        for r in ward.query(joined)
    }
    true = {
        r["resident_id"] or (r["name_kanji"], r["birth_date"]): (
            r["state"],
            r["reasons"] if r["state"] == "held" else "",
        )
        for r in ward.truth("people")
    }
    assert len(true) > RESIDENTS
    assert {
        person: (answer, ours.get(person))
        for person, answer in true.items()
        if ours.get(person) != answer
    } == {}
    assert ours.keys() == true.keys()


def test_the_money_of_every_person_is_the_true_one(ward):
    e, a, i, p, r = (
        tables.entitlement,
        tables.addition,
        tables.payment_item,
        tables.payment,
        tables.recovery,
    )
    who = sa.func.coalesce(e.c.resident_id, a.c.name_kanji + a.c.birth_date)
    people = (
        sa.select(who, sa.func.sum(i.c.amount_yen))
        .select_from(e)
        .outerjoin(a, a.c.person_id == e.c.person_id)
    )
    paid = (
        people.join(i, i.c.person_id == e.c.person_id)
        .join(p, p.c.payment_key == i.c.payment_key)
        .where(p.c.result == "paid", i.c.live)
    )
    recovering = (
        sa.select(who, sa.func.sum(r.c.amount_yen))
        .select_from(e)
        .outerjoin(a, a.c.person_id == e.c.person_id)
    )
    recovering = recovering.join(r, r.c.person_id == e.c.person_id)
    for column, query in (("paid_yen", paid), ("recovery_yen", recovering)):
        ours = dict(map(tuple, ward.query(query.group_by(who))))
        true = {
            t["resident_id"] or t["name_kanji"] + t["birth_date"]: int(t[column])
            for t in ward.truth("people")
        }
        assert ours == {person: yen for person, yen in true.items() if yen}, column


def test_the_command_line_says_the_same_of_the_comparison(ward):
    told = re.search(r"正解との比較: (\{.*\})", ward.printed)
    assert told
    people = len(ward.truth("people"))
    for words in (
        f"'people': {people}",
        f"'right': {people}",
        "'paid_wrongly': 0",
        "'paid_twice': 0",
        "'missing': 0",
    ):
        assert words in told[1]


def test_it_balances(ward):
    assert faults(ward.home) == []
    assert half_written(ward.home) == []


def test_every_kind_of_planted_error_was_there(ward):
    planted = {row["kind"]: int(row["count"]) for row in ward.truth("planted")}
    assert len(planted) > 80
    assert min(planted.values()) >= 1


# --- periods ---


def test_what_the_periods_forbid_in_september_is_refused_and_told(ward):
    refused = {(str(day), subject) for _, day, subject, _ in ward.state["refusal"]}
    assert {(REFUSED_DAY, "online_claims"), (REFUSED_DAY, "postal_claims")} <= refused
    days = {(dataset, str(day)) for _, dataset, day, *_ in ward.state["intake_file"]}
    assert ("inhouse_claims", REFUSED_DAY) in days
    assert not {("online_claims", REFUSED_DAY), ("postal_claims", REFUSED_DAY)} & days
    assert f"{REFUSED_DAY} online_claims" in ward.printed
    assert not [
        name for name in ward.state["at the parties"] if "contractor" in name and "202009" in name
    ]


# --- what left ---


@pytest.fixture(scope="module")
def forms(ward, tmp_path_factory):
    """The delivered forms as the contractor opens them: with openssl and the contractor's key alone."""
    import subprocess

    openssl = require("openssl")
    keys = ward.home / "pki" / "parties" / "contractor"
    folder = tmp_path_factory.mktemp("contractor")
    (sealed,) = (ward.home / "link" / "homes" / "contractor" / "inbox").glob("forms_*.p7m")
    signed, opened = folder / "forms.p7s", folder / "forms.csv"
    for arguments in (
        (
            "-decrypt",
            "-binary",
            "-inform",
            "DER",
            "-inkey",
            keys / "identity.key",
            "-recip",
            keys / "identity.crt",
            "-in",
            sealed,
            "-out",
            signed,
        ),
        (
            "-verify",
            "-binary",
            "-inform",
            "DER",
            "-in",
            signed,
            "-CAfile",
            keys / "ca.crt",
            "-purpose",
            "any",
            "-out",
            opened,
        ),
    ):
        subprocess.run(
            [openssl, "cms", *map(str, arguments)], check=True, capture_output=True, timeout=60
        )
    return opened.read_bytes().decode("utf-8")


def _forms_rows(forms: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(forms, newline="")))


def test_the_delivered_forms_are_the_released_ones(ward, forms):
    (payload,) = (ward.home / "releases").glob("forms_*/payload")
    assert stored_payload(payload).decode("utf-8") == forms


def test_the_forms_hold_exactly_the_approved_fields(forms):
    headings = {re.sub(r"\d+$", "", heading) for heading in _forms_rows(forms)[0]}
    disclosure = load_programme(PROGRAMME).disclosure("forms")
    words = {**HOUSEHOLD_COLUMNS, **MEMBER_COLUMNS, **DERIVED_COLUMNS}
    assert headings == {words[name] for name in (*disclosure.fields, *disclosure.derived)}


def test_nobody_who_must_not_be_is_in_the_forms(ward, forms):
    residents = {r["住民番号"]: r for r in ward.residents()}
    protected = [r for r in ward.truth("people") if r["protected"] == "1"]
    assert len(protected) > 10
    records = forms.splitlines()
    numbers = set(re.findall(r"(?<!\d)\d{10}(?!\d)", forms))
    early = _protected_on_the_day_of_the_forms(ward)
    for row in protected:
        person = residents.get(row["resident_id"])
        name = person["漢字氏名"] if person else row["name_kanji"]
        birth = person["生年月日"] if person else row["birth_date"]
        if row["resident_id"] and row["resident_id"] not in early:
            continue  # protected only after the forms had gone
        assert row["resident_id"] not in numbers
        assert not [r for r in records if name in r and birth in r]
        if person and person["続柄"] == "02":
            assert person["世帯番号"] not in numbers


def _protected_on_the_day_of_the_forms(ward: Played) -> set[str]:
    p, e = tables.protection, tables.entitlement
    (forms,) = (ward.home / "releases").glob("forms_*")
    day = re.search(r"\d{8}", forms.name)[0]
    query = sa.select(e.c.resident_id, p.c.since).join(p, p.c.person_id == e.c.person_id)
    return {number for number, since in ward.query(query) if number and f"{since:%Y%m%d}" <= day}


def test_everybody_else_is_in_the_forms_once(ward, forms):
    named = [
        row[f"住民番号{n}"]
        for row in _forms_rows(forms)
        for n in range(1, 13)
        if row[f"住民番号{n}"]
    ]
    assert len(named) == len(set(named))
    e = tables.entitlement
    routes = dict(
        map(
            tuple,
            ward.query(
                sa.select(e.c.resident_id, e.c.form_route).where(e.c.resident_id.is_not(None))
            ),
        )
    )
    assert set(named) == {number for number, route in routes.items() if route == "contractor"}
    without = {number for number, route in routes.items() if route is None}
    gone = {
        r["resident_id"]
        for r in ward.truth("people")
        if r["state"] in ("ineligible", "elsewhere", "elsewhere_pending")
    }
    assert without <= gone


# --- no personal data where it does not belong ---


def _fold(text: str) -> str:
    return re.sub(r"[\s　]", "", unicodedata.normalize("NFKC", text))


@pytest.fixture(scope="module")
def canaries(ward):
    """Every name, kana, address and number of the ward: as written, and folded."""
    words, numbers = set(), set()
    for row in ward.residents():
        words |= {row["漢字氏名"], row["カナ氏名"], row["住所"]}
        numbers |= {row["住民番号"], row["世帯番号"]}
    words |= {row["name_kanji"] for row in ward.truth("people")}
    words |= {row[0] for row in ward.query(sa.select(tables.protection.c.mailing_address))}
    accounts = (ward.inputs / "bank" / "accounts.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(io.StringIO(accounts)):
        words.add(row["口座名義カナ"])
        numbers.add(row["口座番号"])
    folded = {_fold(word) for word in words}
    return {word for word in folded if len(word) > 1}, numbers


def _leaks(text: str, canaries: tuple[set[str], set[str]]) -> list[int]:
    """Where something personal stands: positions only, so that a failing test leaks nothing either."""
    words, numbers = canaries
    folded = _fold(text)
    found = [folded.index(word) for word in words if word in folded]
    return found + [
        m.start()
        for m in re.finditer(r"(?<![0-9A-Za-z])\d{7}(?:\d{3})?(?![0-9A-Za-z])", text)
        if m[0] in numbers
    ]


def test_the_canaries_would_be_found(ward, canaries):
    resident = ward.residents()[0]
    for text in (
        f"error: {resident['漢字氏名']}",
        f"x {resident['住民番号']} y",
        resident["カナ氏名"].replace("　", ""),
    ):
        assert _leaks(text, canaries)


def test_f39_nothing_personal_in_the_logs_of_the_link(ward, canaries):
    logs = sorted((ward.home / "link" / "logs").glob("*.log"))
    assert {log.stem for log in logs} == {"relay", "contractor", "bank", "jlis"}
    for log in logs:
        assert _leaks(log.read_text(encoding="utf-8"), canaries) == [], log.name


def test_f39_nothing_personal_in_what_the_command_line_prints(ward, canaries):
    assert _leaks(ward.printed, canaries) == []
    assert _leaks((ward.home / "summary.json").read_text(encoding="utf-8"), canaries) == []


@pytest.mark.parametrize(
    "name", ["audit", "step", "refusal", "approval", "batch", "release", "intake_file"]
)
def test_f39_nothing_personal_in_the_ledgers_own_records(ward, canaries, name):
    hits = [
        number
        for number, row in enumerate(rows(ward.home, name))
        if _leaks(" ".join(map(str, row)), canaries)
    ]
    assert hits == []


def test_manifests_at_the_parties_are_about_this_programme_only(ward):
    statements = list((ward.home / "link" / "homes").glob("*/inbox/*.manifest"))
    assert statements
    for path in statements:
        assert PROGRAMME_ID.encode() in path.read_bytes()


# --- again ---


def test_f11_run_again_it_pays_nobody_and_changes_nothing(ward):
    done = ward.run()
    assert done.returncode == 0, done.stderr
    after = final_state(ward.home)
    assert [name for name in ward.state if after[name] != ward.state[name]] == []
    assert len(rows(ward.home, "audit")) >= len(ward.state["batch"])
