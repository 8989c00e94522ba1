"""A whole ward without Airflow: everybody compared with the true answers, every outgoing byte looked at."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterator, Set
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.disclosure.contents import read_contents
from pipelines.evidence.access import AccessUnknown, who_saw
from pipelines.evidence.pack import build_pack
from pipelines.ledger import tables
from pipelines.ledger.approvals import ApprovalRefused
from pipelines.ledger.engine import open_engine
from pipelines.outputs.forms import DERIVED_COLUMNS, HOUSEHOLD_COLUMNS, MEMBER_COLUMNS
from pipelines.outputs.paper.reading import page_texts
from pipelines.programme import Period, Settings, load_programme, settings_from_environment
from pipelines.steps import forms as steps_forms
from pipelines.steps.campaign import open_campaign
from pipelines.steps.pseudonyms import KEY
from pipelines.steps.roles import Actor, Role
from pipelines.terminal import no_link
from tests.campaign_home import (
    PROGRAMME,
    PROGRAMME_ID,
    copy_home,
    faults,
    final_state,
    half_written,
    make_ward,
    rows,
    run_campaign,
    sqlite_url,
    store_payload,
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


# --- protected people: in what goes to them, and to whom it must, and in nothing else ---


class Canary(NamedTuple):
    """A protected person by what gives them away; `whereabouts`: where they live, if that is told."""

    person_id: str
    number: str
    names: tuple[str, ...]  # those that nobody else bears
    whereabouts: tuple[str, ...]
    since: str

    def stands_in(self, text: str, but: Set[str] = frozenset()) -> bool:
        """In a text that `_flat` made; but: words that give nobody away there."""
        own = {self.number, *self.names, *self.whereabouts} - but
        return any(word and word in text for word in own)


def _flat(text: str) -> str:
    return re.sub(r"[\s　,\"]", "", unicodedata.normalize("NFKC", text))


@pytest.fixture(scope="module")
def protected(ward) -> list[Canary]:
    """Every protected person with an unmistakable number, name or address."""
    p, e, a = tables.protection, tables.entitlement, tables.addition
    query = (
        sa.select(
            p.c.person_id, p.c.mailing_address, p.c.since, e.c.resident_id, a.c.name_kanji, a.c.name_kana
        )
        .join(e, e.c.person_id == p.c.person_id)
        .outerjoin(a, a.c.person_id == p.c.person_id)
    )  # fmt: skip
    residents = {r["住民番号"]: r for r in ward.residents()}
    names = Counter(_flat(r[item]) for r in residents.values() for item in ("漢字氏名", "カナ氏名"))
    written = [r["住所"] + r["方書"] for r in residents.values()]
    written += [address for (address,) in ward.query(sa.select(a.c.address))]
    homes = _flat("\n".join(written))
    found = []
    for row in ward.query(query):
        own = residents.get(row.resident_id)
        called = (own["漢字氏名"], own["カナ氏名"]) if own else (row.name_kanji, row.name_kana)
        unmistakable = tuple(n for n in map(_flat, called) if n and names[n] == (1 if own else 0))
        where = _flat(row.mailing_address)
        found.append(
            Canary(
                row.person_id, row.resident_id or "", unmistakable, (where,) if where and where not in homes else (),
                f"{row.since:%Y%m%d}",
            )
        )  # fmt: skip
    return found


def _released(ward: Played) -> Iterator[tuple[str, str, frozenset[str]]]:
    """(name, text, whom it is about) of everything that was made to leave, read as its receiver would."""
    for path in sorted((ward.home / "releases").glob("*/payload")):
        contents = read_contents(stored_payload(path))
        about = json.loads(stored_payload(path.parent / "people.json"))["people"]
        yield (
            path.parent.name,
            _flat("\n".join((*contents.texts, *contents.pages))),
            frozenset(about),
        )


def test_the_canaries_are_unmistakable_and_many(ward, protected):
    assert len({c.person_id for c in protected}) > 20
    assert sum(bool(c.names) for c in protected) > 0.8 * len(protected)
    assert sum(bool(c.whereabouts) for c in protected) > 5


def test_f34_nobody_protected_stands_in_what_is_not_about_them(ward, protected):
    looked = 0
    for name, text, about in _released(ward):
        day = re.search(r"20[0-9]{6}", name)[0]
        of_contractor = name.startswith(("forms_", "notices_"))
        # where an addressee lives, others may live too
        addressees = {
            w for canary in protected if canary.person_id in about for w in canary.whereabouts
        }
        for canary in protected:
            if canary.since > day or (not of_contractor and canary.person_id in about):
                continue
            looked += 1
            found = canary.stands_in(text, addressees)
            assert not found, f"{name}: a protected person who is not covered"
    assert looked > 500


def test_the_canaries_would_be_found_in_what_is_about_them(ward, protected):
    inhouse = [
        (text, about) for name, text, about in _released(ward) if name.startswith("inhouse_2")
    ]
    for canary in protected:
        if canary.names:
            assert all(canary.stands_in(t) for t, about in inhouse if canary.person_id in about)


def test_letters_to_municipalities_are_about_facilities_alone(ward):
    n, p = tables.municipal_notice, tables.protection
    kinds = {}
    for person, kind in ward.query(sa.select(p.c.person_id, p.c.kind)):
        kinds.setdefault(person, set()).add(kind)
    told = {row.person_id for row in ward.query(sa.select(n.c.person_id))}
    assert len(told) > 5
    assert all(kinds[who] <= {"facility", "facility_outside", "facility_inside"} for who in told)
    letters = [name for name, _, _ in _released(ward) if name.startswith("facility_notice")]
    assert len(letters) == len(ward.state["municipal_letter"]) > 5
    assert not [name for name in ward.state["at the parties"] if "facility_notice" in name]
    assert "他の自治体への通知" in ward.printed


def test_f43_what_the_campaign_wrote_is_readable_by_its_owner_alone(ward):
    written = [ward.home, *(p for p in ward.home.rglob("*") if not p.is_symlink())]
    found = [path for path in written if path.stat().st_mode & 0o077]
    assert [str(path.relative_to(ward.home)) for path in found] == []


# --- the ward's own paper ---


def _pages(ward: Played, names: str) -> list[str]:
    found = sorted((ward.home / "releases").glob(f"{names}/payload"))
    assert found, names
    return ["".join(page.split()) for path in found for page in page_texts(stored_payload(path))]


def test_every_sheet_names_whom_the_ledger_says_and_protected_people_only_on_their_own(ward):
    m, p = tables.mailing, tables.mailing_person
    joined = sa.select(m.c.kind, m.c.way, p.c.person_id, m.c.mailing_id).join(
        p, (p.c.programme == m.c.programme) & (p.c.mailing_id == m.c.mailing_id)
    )
    sheets = ward.query(joined)
    protected = {row[0] for row in ward.query(sa.select(tables.protection.c.person_id))}
    assert {s.way for s in sheets} == {"household", "person", "department"}
    assert {s.kind for s in sheets} >= {"form", "decision", "account", "deficiency"}
    assert not [
        s
        for s in sheets
        if s.kind == "form" and (s.way == "household") == (s.person_id in protected)
    ]
    forms = [s.mailing_id for s in sheets if s.kind == "form"]
    printed = "".join(_pages(ward, "*forms*.pdf"))
    assert not [
        number for number in forms if number.replace("-", "") not in printed.replace("-", "")
    ]


def test_f34_no_protected_persons_place_or_birth_is_on_a_sheet_to_a_household(ward):
    addresses = {r[0] for r in ward.query(sa.select(tables.protection.c.mailing_address))} - {""}
    people = {r["住民番号"]: r for r in ward.residents()}
    secret = [
        people[r["resident_id"]]
        for r in ward.truth("people")
        if r["protected"] == "1" and r["resident_id"]
    ]
    early = _protected_on_the_day_of_the_forms(ward)
    for page in _pages(ward, "inhouse_forms_20200518*.pdf"):
        assert not [a for a in addresses if "".join(a.split()) in page]
        for person in (p for p in secret if p["住民番号"] in early):
            name, born = "".join(person["漢字氏名"].split()), person["生年月日"]
            year, month, day = int(born[:4]), int(born[4:6]), int(born[6:])
            assert f"{name}{year}年{month}月{day}日" not in page


def test_the_proof_is_of_the_delivered_file_and_a_changed_one_stops_it(ward):
    (path,) = (ward.home / "releases").glob("proof_forms_*/payload")
    (sent,) = (ward.home / "releases").glob("forms_*/payload")
    proof = stored_payload(path)
    pages = page_texts(proof)
    assert sha256(stored_payload(sent)).hexdigest() in pages[0]
    assert sum("世帯番号" in page for page in pages) == 50
    assert not list((ward.home / "link" / "homes").glob("*/inbox/proof_*"))
    day = date.fromisoformat(re.search(r"\d{8}", path.parent.name)[0])
    url = f"sqlite:///{ward.home / 'ledger.sqlite'}"
    settings = Settings(
        programme_path=PROGRAMME, home=ward.home, inputs=ward.inputs, ledger_url=url
    )
    c = open_campaign(settings, no_link)
    store_payload(path, proof.replace(b"%PDF-1", b"%PDF-2", 1))
    try:
        with pytest.raises(ApprovalRefused, match="この内容の承認は0人"):
            steps_forms.release(c, day)
    finally:
        store_payload(path, proof)
        c.ledger.engine.dispose()


def test_braille_households_have_an_envelope_each_and_no_other_name_is_on_them(ward):
    residents = {r["住民番号"]: r for r in ward.residents()}
    (brf,) = (ward.home / "releases").glob("braille_2*/payload")
    (labels,) = (ward.home / "releases").glob("braille_labels_*/payload")
    about = json.loads(stored_payload(labels.parent / "people.json"))["people"]
    pages = page_texts(stored_payload(labels))
    assert len(pages) == len(about) == stored_payload(brf).count(b"\f") > 0
    names = {_fold(residents[person.removeprefix("R")]["漢字氏名"]) for person in about}
    shown = [_fold(page) for page in pages]
    assert all(any(name in page for page in shown) for name in names if name.isalpha())
    households = [residents[person.removeprefix("R")]["世帯番号"] for person in about]
    assert len(households) == len(set(households))


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


def test_f39_nothing_personal_in_the_stewards_pages(ward, canaries):
    pages = [p for p in (ward.home / "reports").rglob("*") if p.suffix in (".html", ".json")]
    assert len(pages) > 10
    for page in pages:
        assert (
            _leaks(re.sub("<[^>]*>", "\x1f", page.read_text(encoding="utf-8")), canaries) == []
        ), page.name


def test_f39_nothing_personal_in_the_report_of_disclosures(ward, canaries, tmp_path):
    for out in (tmp_path / "given.csv", tmp_path / "given.pdf"):
        command = ["disclosures", "--home", str(ward.home), "--out", str(out)]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
        contents = read_contents(out.read_bytes())
        text = "\n".join((*contents.texts, *contents.pages))
        assert _leaks(text, canaries) == []
        assert "外部提供" in text.replace(" ", "")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "given.csv").read_text("utf-8-sig"))))
    assert {row["名称"] for row in rows} == {row[0] for row in ward.state["release"]}
    assert all(row["受領確認日"] for row in rows if row["媒体"].startswith("LGWAN"))


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


# --- the audit pack and who saw somebody ---

YEAR = Period(**{"from": date(2020, 4, 1), "to": date(2021, 3, 31)})
STEWARD = Actor("steward", frozenset({Role.STEWARD, Role.AUDITOR}))


@pytest.fixture(scope="module")
def campaign(ward):
    settings = settings_from_environment().model_copy(
        update={"home": ward.home, "programme_path": PROGRAMME, "ledger_url": sqlite_url(ward.home)}
    )
    opened = open_campaign(settings, no_link)
    yield opened
    opened.ledger.engine.dispose()


@pytest.fixture(scope="module")
def pack(campaign, tmp_path_factory):
    """The pack, unpacked where nothing of Kyufu is."""
    data = build_pack(campaign, YEAR)
    assert build_pack(campaign, YEAR) == data
    folder = tmp_path_factory.mktemp("inspector") / "pack"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return folder


def _check(folder, *command):
    """A stranger's check: no Python path, no home, only what the machine has."""
    return subprocess.run(
        command, cwd=folder, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip


def test_a_stranger_verifies_the_pack_with_sha256sum_and_openssl_alone(ward, pack):
    require("openssl")
    authority = ward.home / "pki" / "contractor-has-it.crt"
    shutil.copyfile(ward.home / "pki" / "parties" / "contractor" / "ca.crt", authority)
    for more in ((), (str(authority),)):
        done = _check(pack, "sh", "check.sh", *more)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "demonstration ward" in done.stdout
    chain = _check(pack, sys.executable, "-I", "check_chain.py")
    assert (chain.returncode, "鎖は切れていません" in chain.stdout) == (0, True)


@pytest.mark.parametrize(
    ("file", "told"),
    [("basis.csv", "a file was changed"), ("SHA256SUMS", "does not fit"), ("SHA256SUMS.p7s", "does not fit"),
     (None, "not signed")],
)  # fmt: skip
def test_a_pack_that_was_changed_anywhere_fails(pack, tmp_path, file, told):
    folder = shutil.copytree(pack, tmp_path / "pack")
    path = folder / (file or "extra.csv")
    content = bytearray(path.read_bytes() if file else b"x")
    content[-1] ^= 1  # of the signature file: the signature itself
    path.write_bytes(content)
    done = _check(folder, "sh", "check.sh")
    assert (done.returncode, told in done.stdout) == (1, True)


def test_a_record_changed_in_the_packs_chain_is_found(pack, tmp_path):
    folder = shutil.copytree(pack, tmp_path / "pack")
    chain = folder / "audit.jsonl"
    chain.write_text(
        chain.read_text(encoding="utf-8").replace("system", "nobody", 1), encoding="utf-8"
    )
    assert _check(folder, sys.executable, "-I", "check_chain.py").returncode == 1


def test_the_pack_tells_what_was_done_under_each_basis(ward, pack):
    def read(name):
        return list(csv.DictReader(io.StringIO((pack / name).read_text(encoding="utf-8-sig"))))

    programme = load_programme(PROGRAMME)
    done = {row["名前"]: row for row in read("basis.csv")}
    permissions = (*programme.disclosures, *programme.sources, *programme.list_sources)
    assert len(done) == len(permissions)
    e = tables.entitlement
    mailed = ward.query(sa.select(sa.func.count()).where(e.c.form_route == "contractor"))[0][0]
    assert int(done["forms"]["人数"]) == mailed
    assert int(done["register"]["件数・行数"]) == RESIDENTS
    assert int(done["online_claims"]["期間外などの拒否"]) == 1  # in September
    given = {row["名称"]: row["SHA-256"] for row in read("disclosures.csv")}
    r = tables.release
    assert given == dict(map(tuple, ward.query(sa.select(r.c.name, r.c.sha256))))
    assert {row["期限内"] for row in read("deliveries.csv")} == {"はい"}
    assert {row["再委託先"] for row in read("confirmations.csv")} >= {
        "",
        "北海道トッパン・フォームズ株式会社",
    }
    about = json.loads((pack / "about.json").read_text(encoding="utf-8"))
    assert about["verification"]["faults"] == []
    assert about["balance"]["balanced"]
    printed = "".join("".join(page_texts((pack / "summary.pdf").read_bytes())).split())
    assert "点検資料(個人情報の取扱状況)" in printed


def test_f39_nothing_personal_in_the_pack(pack, canaries):
    for path in sorted(pack.iterdir()):
        if path.suffix == ".pdf":
            text = "\n".join(page_texts(path.read_bytes()))
        elif path.suffix in (".p7s", ".crt"):
            continue
        else:
            text = path.read_text(encoding="utf-8")
        assert _leaks(text, canaries) == [], path.name


def test_everybody_is_told_exactly_the_files_that_were_about_them(ward, campaign):
    about = {
        path.parent.name: set(json.loads(stored_payload(path))["people"])
        for path in (ward.home / "releases").glob("*/people.json")
    }
    unposted = {name for (name,) in ward.query(sa.select(tables.municipal_letter.c.name))}
    e = tables.entitlement
    people = ward.query(
        sa.select(e.c.person_id, e.c.resident_id)
        .where(e.c.resident_id.is_not(None))
        .order_by(e.c.person_id)
    )[::40]
    assert len(people) > 10
    for person, number in people:
        found = who_saw(campaign, number, STEWARD, "開示請求への回答", date(2020, 10, 1))
        files = {receipt.given.name for receipt in found.receipts}
        assert files == {name for name, whose in about.items() if person in whose} - unposted
        assert not found.untold


def test_it_is_told_still_when_the_outgoing_copies_and_the_number_are_gone(ward, tmp_path):
    home = copy_home(ward.home, tmp_path / "home")
    settings = settings_from_environment().model_copy(
        update={"home": home, "programme_path": PROGRAMME, "ledger_url": sqlite_url(home)}
    )
    c = open_campaign(settings, no_link)
    with c.ledger.write() as connection:
        e = tables.entitlement
        number = connection.execute(
            sa.select(e.c.resident_id).where(e.c.form_route == "contractor").limit(1)
        ).scalar_one()
        connection.execute(sa.update(e).filter_by(resident_id=number).values(resident_id=None))
    shutil.rmtree(home / "releases")
    shutil.rmtree(home / "staging")
    found = who_saw(c, number, STEWARD, "開示請求への回答", date(2021, 4, 1))
    assert "contractor" in {receipt.given.recipient_id for receipt in found.receipts}
    (home / KEY).unlink()
    with pytest.raises(AccessUnknown, match="鍵がない"):
        who_saw(c, number, STEWARD, "開示請求への回答", date(2021, 4, 1))
    assert not (home / KEY).exists()
    c.ledger.engine.dispose()


# --- again ---


def test_f11_run_again_it_pays_nobody_and_changes_nothing(ward):
    done = ward.run()
    assert done.returncode == 0, done.stderr
    after = final_state(ward.home)
    assert [name for name in ward.state if after[name] != ward.state[name]] == []
    assert len(rows(ward.home, "audit")) >= len(ward.state["batch"])
