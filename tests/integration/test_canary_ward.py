"""A ward in which whoever is on a protection list has an unmistakable name and hides at an unmistakable address.

A plain search over everything that was delivered, printed, reported or logged: the canaries stand in what goes to them,
to the bank about their own money, to other municipalities about their own residents, and nowhere else.
"""

import csv
import io
import json
import re
from collections.abc import Set
from pathlib import Path
from typing import NamedTuple

import pytest

from data.synthetic_ward import generate
from pipelines.disclosure.contents import read_contents
from tests.campaign_home import THREE_DAYS, keep_days, rows, run_campaign, stored_payload

RESIDENTS, SEED = 500, 11
NAMES, PLACE = ("秘匿鳥", "ヒトクドリ", "ﾋﾄｸﾄﾞﾘ"), "百人町９丁目"
# may hold canaries: what goes to themselves, to who cares for them, to the bank; all else may hold none
ABOUT_THEM = (
    "inhouse_person_", "inhouse_counter_", "handover_", "mailing_register_", "facility_notice", "registered_mail_",
    "payments_", "braille_",
)  # fmt: skip


class Played(NamedTuple):
    """home: of the campaign; said: what it printed; payloads: release -> its text, page by page.

    not_yet: release -> the names of canaries whom no list had told of by its day.
    """

    inputs: Path
    home: Path
    said: str
    payloads: dict[str, list[str]]
    not_yet: dict[str, set[str]]


@pytest.fixture(scope="module")
def played(tmp_path_factory) -> Played:
    folder = tmp_path_factory.mktemp("canaries")
    generate(RESIDENTS, SEED, folder / "inputs", canaries=True)
    keep_days(folder / "inputs", THREE_DAYS)
    done = run_campaign(folder / "inputs", folder / "home")
    assert done.returncode == 0, done.stderr
    payloads = {}
    for path in sorted((folder / "home" / "releases").glob("*/payload")):
        contents = read_contents(stored_payload(path))
        payloads[path.parent.name] = [*contents.texts, *contents.pages]
    not_yet = {name: _not_yet(folder, name) for name in payloads}
    return Played(folder / "inputs", folder / "home", done.stdout + done.stderr, payloads, not_yet)


def _not_yet(folder: Path, release: str) -> set[str]:
    """The canaries on the register who are not protected on the release's day: their request comes later, or never."""
    day = re.search("20[0-9]{6}", release)[0]
    columns = ("person_id", "since")
    since = {who: f"{on:%Y%m%d}" for who, on in rows(folder / "home", "protection", columns)}
    register = (folder / "inputs" / "ward" / "2020-05-18" / "register_20200518.csv").read_bytes()
    return {
        word
        for r in csv.DictReader(io.StringIO(register.decode("cp932")))
        if r["漢字氏名"].startswith(NAMES[0]) and since.get(f"R{r['住民番号']}", "99999999") > day
        for word in (_flat(r["漢字氏名"]), _flat(r["カナ氏名"]))
    }


def _flat(text: str) -> str:
    return re.sub(r"[\s　]", "", text)


def _canaries_in(text: str, but: Set[str] = frozenset()) -> list[str]:
    flat = _flat(text)
    for word in but:
        flat = flat.replace(word, "")
    return [word for word in (*NAMES, PLACE, "百人町9丁目", "百人町九丁目") if word in flat]


def test_there_are_canaries_and_they_would_be_seen(played):
    own = [
        _flat(page)
        for name, pages in played.payloads.items()
        if name.startswith("inhouse_person_")
        for page in pages
    ]
    named = {name for page in own for name in re.findall("秘匿鳥[〇一二三四五六七八九]{4}", page)}
    assert len([page for page in own if PLACE in page]) > 5
    assert len(named) > 10


def test_f34_nothing_that_goes_to_anybody_else_holds_a_canary(played):
    others = {n: pages for n, pages in played.payloads.items() if not n.startswith(ABOUT_THEM)}
    assert {n.split("_")[0] for n in others} >= {"forms", "notices", "proof", "inhouse"}
    found = {n: _canaries_in("".join(pages), played.not_yet[n]) for n, pages in others.items()}
    assert {n: words for n, words in found.items() if words} == {}


def test_f34_no_protected_persons_page_holds_another_request_or_place(played):
    for name, pages in played.payloads.items():
        if name.startswith(("inhouse_person_", "braille_labels_")):
            for page in pages:
                places = set(re.findall("百人町９丁目[０-９]+番", _flat(page)))
                assert len(places) <= 1, name


def test_where_they_hide_is_told_to_nobody_but_the_post(played):
    telling = {n for n, pages in played.payloads.items() if PLACE in _flat("".join(pages))}
    assert {n.rsplit("_20", 1)[0] for n in telling} <= {
        "inhouse_person_forms", "inhouse_person_notices", "braille_labels",
    }  # fmt: skip


def test_no_report_log_or_message_holds_a_canary(played):
    skipped = {"releases", "staging", "drafts", "link", "pki", "keys"}
    looked = []
    for path in sorted(played.home.rglob("*")):
        where = path.relative_to(played.home).parts[0]
        if path.is_file() and where not in skipped and not where.startswith("ledger.sqlite"):
            looked.append(path)
            assert not _canaries_in(path.read_bytes().decode("utf-8", "replace")), path
    assert any(path.suffix == ".html" for path in looked)
    assert any(path.name == "summary.json" for path in looked)
    assert not _canaries_in(played.said)


def test_what_lies_at_the_parties_is_sealed_or_holds_none(played):
    for path in sorted((played.home / "link" / "homes").rglob("*")):
        if path.is_file() and path.parent.name == "inbox":
            assert not _canaries_in(path.read_bytes().decode("utf-8", "replace")), path
            assert not _canaries_in(path.read_bytes().decode("cp932", "replace")), path


def test_whom_a_release_is_about_is_stored_encrypted(played):
    for path in (played.home / "releases").glob("*/people.json"):
        with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
            json.loads(path.read_bytes())
