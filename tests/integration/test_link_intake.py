"""What parties send over the link, from outbox to staging: held against what is declared, taken once, and told."""

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pipelines.cli import _tell
from pipelines.errors import InputMissing, InputRefused
from pipelines.evidence import summary
from pipelines.intake.layouts import load_layout
from pipelines.ledger import tables
from pipelines.link import receiving
from pipelines.link.manifest import Manifest
from pipelines.link.receiving import Received, read_manifest
from pipelines.link.session import Endpoint, open_session
from pipelines.steps import claims, fetching, party_outbox, reports, results, rosters
from pipelines.steps.campaign import Campaign
from tests.link_server import endpoint, serve
from tests.link_world import World, sealed_statement, world
from tests.unit.intake.intake_world import arrive, csv_bytes, new_campaign
from tests.unit.intake.refusals import CANARY, refusal

DAY, NEXT = date(2020, 6, 3), date(2020, 6, 4)
POSTAL = load_layout("shinjuku/postal_claims").tables
CLAIM = (
    "{0},20200603,20200602,新規,,0000000001,見本秘密,ミホン,19800401,,,0001,001,1,1234567,ミホン,,,"
)
LINE = "{0},1,見本秘密,19800401,"


def claim_file(*numbers: str) -> bytes:
    rows = [CLAIM.format(number) for number in numbers]
    return csv_bytes(",".join(POSTAL["claims"].columns), *rows)


def member_file(*numbers: str) -> bytes:
    return csv_bytes(",".join(POSTAL["members"].columns), *map(LINE.format, numbers))


@dataclass
class Link:
    """A campaign whose relay is served in this process, and the parties' side of it."""

    c: Campaign
    root: Path
    keys: World

    def box(self, party: str) -> Path:
        return self.root / party / "outbox"

    def put(
        self, name: str, payload: bytes, day: date = DAY, party: str = "contractor", **stated: Any
    ) -> None:
        """Publish a file as the party would; `stated`: what its manifest says otherwise."""
        values = {
            "records": max(payload.count(b"\r\n") - 1, 0), "sum_yen": None, "programme": self.c.programme.id,
            "unpayable": True, "business_date": day, **stated,
        }  # fmt: skip
        sealed, manifest = sealed_statement(
            payload, self.keys.parties[party], self.keys.ward.certificate, name=name, kind="test", **values
        )  # fmt: skip
        self.box(party).joinpath(f"{name}.p7m").write_bytes(sealed)
        self.box(party).joinpath(f"{name}.manifest").write_bytes(manifest)

    def list_day(self, *names: str, day: date = DAY, party: str = "contractor") -> None:
        content = json.dumps({"day": day.isoformat(), "files": names}).encode()
        self.put(f"day_{day:%Y%m%d}.json", content, day, party, records=len(names))

    def send(
        self, *numbers: str, day: date = DAY, more: tuple[str, ...] = (), **stated: Any
    ) -> None:
        """The contractor's claims of a day, one line each, and its list."""
        names = postal(day)
        self.put(names[0], claim_file(*numbers), day, **stated)
        self.put(names[1], member_file(*numbers), day)
        self.list_day(*names, *more, day=day)

    def receive(self, day: date = DAY) -> dict[str, Any]:
        return claims.receive(self.c, day, "postal")

    def refused(self, day: date = DAY) -> str:
        """The message with which the day is refused; it is on record, and nothing of the day is staged anew."""
        before = self.c.staging.versions("postal_claims", day)
        message = refusal(InputRefused, lambda: self.receive(day))
        assert self.c.staging.versions("postal_claims", day) == before
        assert message in self.notes("postal_claims", day)
        return message

    def notes(self, subject: str = "link:contractor", day: date = DAY) -> str:
        r = tables.refusal
        with self.c.ledger.read() as connection:
            query = sa.select(r.c.reason).filter_by(subject=subject, day=day)
            return connection.execute(query).scalar_one_or_none() or ""


def postal(day: date = DAY) -> list[str]:
    return [f"postal_claims_{day:%Y%m%d}.csv", f"postal_members_{day:%Y%m%d}.csv"]


@pytest.fixture
def link(tmp_path: Path) -> Iterator[Link]:
    keys = world()
    plain = new_campaign(tmp_path)
    shutil.copytree(keys.pki, plain.home / "pki")
    with serve(tmp_path / "relay", keys) as ward:

        def reach(party: str) -> Endpoint:
            return endpoint(keys, ward.port, party)

        c = replace(plain, sessions=lambda party: open_session(reach(party)))
        rosters.rehearse(c, DAY)
        yield Link(c, tmp_path / "relay", keys)
    plain.ledger.engine.dispose()


def without_waiting(link: Link) -> None:
    """What is not there is not waited for."""
    programme = link.c.programme
    patient = programme.link.model_copy(update={"wait_seconds": 0})
    link.c = replace(link.c, programme=programme.model_copy(update={"link": patient}))


# what is declared


def test_a_day_that_is_as_declared_is_taken(link: Link) -> None:
    link.send("K1", "K2")
    result = link.receive()
    assert (result["accepted"], result["rows_in"]) == (4, 4)
    assert "unexpected" not in result
    assert link.receive() == result
    assert link.notes() == link.notes("postal_claims") == ""


@pytest.mark.parametrize(
    ("stated", "word"),
    [
        ({"records": 1}, "件数"),
        ({"records": 3}, "件数"),
        ({"programme": "another"}, "「事業」"),
        ({"business_date": NEXT}, "「業務日」"),
        ({"unpayable": False}, "「演習の印」"),
    ],
)
def test_f29_a_manifest_that_declares_something_else_refuses_its_file(
    link: Link, stated: dict[str, Any], word: str
) -> None:
    link.send("K1", "K2", **stated)
    message = link.refused()
    assert message.startswith(postal()[0])
    assert word in message
    link.send("K1", "K2")
    assert link.receive()["accepted"] == 4


def sheet(data: bytes, **items: str) -> bytes:
    rows = {"基準日": "20200603", "件数": "2", "SHA256": sha256(data).hexdigest(), **items}
    return csv_bytes("項目,値", *(f"{item},{value}" for item, value in rows.items() if value))


SHEET = "postal_claims_20200603.control.csv"


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("item", ["件数", "SHA256", "基準日"])
def test_f29_a_control_sheet_that_came_over_the_link_must_agree(
    link: Link, item: str, listed: bool
) -> None:
    link.send("K1", "K2", more=(SHEET,) if listed else ())
    link.put(SHEET, sheet(claim_file("K1", "K2"), **{item: "1"}))
    message = link.refused()
    assert message.startswith(SHEET)
    assert f"「{item}」" in message


@pytest.mark.parametrize("count", ["2", ""])
def test_a_control_sheet_that_agrees_lets_its_file_in(link: Link, count: str) -> None:
    link.send("K1", "K2", more=(SHEET,))
    link.put(SHEET, sheet(claim_file("K1", "K2"), 件数=count))
    assert link.receive()["accepted"] == 4
    assert link.notes() == ""


def test_a_control_sheet_that_is_none_refuses_its_file(link: Link) -> None:
    link.send("K1", more=(SHEET,))
    link.put(SHEET, b"\x81")
    assert link.refused().startswith(SHEET)


def test_an_archive_is_declared_by_the_rows_of_its_first_table(link: Link) -> None:
    layout = load_layout("shinjuku/mynaportal").tables
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for table in layout.values():
            archive.writestr(table.file.partition("#")[2], f"{','.join(table.columns)}\r\n")
    name = "mynaportal_20200603.zip"
    for records in (1, 0):
        link.put(name, made.getvalue(), party="jlis", records=records)
        link.list_day(name, party="jlis")
        if records:
            message = refusal(InputRefused, lambda: claims.receive(link.c, DAY, "online"))
            assert name in message
    assert claims.receive(link.c, DAY, "online")["rows_in"] == 0


@pytest.mark.parametrize("content", [b"[", b"{}", b'{"day": "2020-06-04", "files": []}', b"[1]"])
def test_a_list_of_the_day_that_is_none_is_refused(link: Link, content: bytes) -> None:
    link.put("day_20200603.json", content, records=0)
    assert link.refused().startswith("day_20200603.json")


def test_a_refused_file_of_one_party_stops_no_other_channel(link: Link) -> None:
    link.send("K1", records=9)
    link.refused()
    link.list_day(party="jlis")
    assert claims.receive(link.c, DAY, "online")["received"] is False
    assert claims.receive(link.c, DAY, "inhouse")["received"] is False


# replaced, repeated


def test_f29_a_file_that_is_replaced_after_it_was_taken_is_refused(link: Link) -> None:
    link.send("K1")
    first = link.receive()
    link.send("K1", "K2")
    message = link.refused()
    assert postal()[0] in message
    assert "差し替わって" in message
    assert link.c.staging.versions("postal_claims", DAY) == [first["version"]]


def test_f29_a_replaced_file_of_an_earlier_day_is_told_and_todays_is_taken(link: Link) -> None:
    link.send("K1")
    link.receive()
    link.put(postal()[0], claim_file("K9"))
    link.send("K2", day=NEXT)
    result = link.receive(NEXT)
    assert (result["accepted"], result["unexpected"]) == (2, 1)
    notes = link.notes(day=NEXT)
    assert f"差し替わったファイルが1個あります({postal()[0]})" in notes
    assert link.c.staging.versions("postal_claims", DAY) == [1]


def damage(link: Link, name: str, how: str) -> None:
    """Write a sealed file anew, as a clock that goes on shows it, under its unchanged manifest."""
    path = link.box("contractor") / f"{name}.p7m"
    content = bytearray(path.read_bytes())
    content[-40] ^= how == "flipped"
    path.write_bytes(content + b"x" * (how == "longer"))
    published = path.with_name(f"{name}.manifest").stat().st_mtime
    os.utime(path, (published, published + 1))


@pytest.mark.parametrize("how", ["flipped", "longer"])
def test_f38_a_taken_file_that_is_damaged_later_is_noticed_by_its_own_days_run(
    link: Link, how: str
) -> None:
    link.send("K1")
    link.receive()
    damage(link, postal()[1], how)
    assert link.refused().startswith(postal()[1])


@pytest.mark.parametrize("how", ["flipped", "longer"])
def test_f38_a_taken_file_that_is_damaged_later_is_told_by_the_next_days_run(
    link: Link, how: str
) -> None:
    link.send("K1")
    link.receive()
    damage(link, postal()[1], how)
    link.send("K2", day=NEXT)
    result = link.receive(NEXT)
    assert (result["accepted"], result["unexpected"]) == (2, 1)
    assert f"差し替わったファイルが1個あります({postal()[1]})" in link.notes(day=NEXT)


def test_a_taken_file_that_is_only_younger_is_the_same(link: Link) -> None:
    link.send("K1")
    first = link.receive()
    damage(link, postal()[1], "not at all")
    assert link.receive() == first
    assert link.notes() == ""


def test_a_taken_file_is_not_read_again(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    link.send("K1")
    first = link.receive()
    read: list[str] = []
    whole = receiving.receive

    def counted(sftp: Any, folder: str, name: str, *others: Any) -> Received:
        read.append(name)
        return whole(sftp, folder, name, *others)

    monkeypatch.setattr(receiving, "receive", counted)
    assert link.receive() == first
    link.send("K2", day=NEXT)
    assert link.receive(NEXT)["accepted"] == 2
    assert sorted(set(read)) == sorted([*postal(NEXT), "day_20200603.json", "day_20200604.json"])


def test_what_was_taken_may_be_cleared_away(link: Link) -> None:
    link.send("K1")
    first = link.receive()
    for path in link.box("contractor").glob("postal_*"):
        path.unlink()
    assert link.receive() == first
    for path in link.box("contractor").iterdir():
        path.unlink()
    assert link.receive() == first
    assert link.notes() == ""


@pytest.mark.parametrize("whole", [True, False])
def test_f29_the_same_content_under_another_day_is_refused(link: Link, whole: bool) -> None:
    link.send("K1")
    link.receive()
    link.put(postal(NEXT)[0], claim_file("K1"), NEXT)
    link.put(postal(NEXT)[1], member_file("K1") if whole else member_file("K1", "K1"), NEXT)
    link.list_day(*postal(NEXT), day=NEXT)
    message = link.refused(NEXT)
    assert "同じ内容" in message
    assert "申告書" in message


def test_files_without_rows_repeat_nothing(link: Link) -> None:
    for day in (DAY, NEXT):
        link.send(day=day)
        assert link.receive(day)["rows_in"] == 0


def test_f29_the_same_content_enters_on_the_declaration_of_two_people(link: Link) -> None:
    link.send("K1")
    link.receive()
    link.put(postal(NEXT)[0], claim_file("K1"), NEXT)
    link.put(postal(NEXT)[1], member_file("K1", "K1"), NEXT)
    link.list_day(*postal(NEXT), day=NEXT)
    hashes = [sha256(d).hexdigest() for d in (claim_file("K1"), member_file("K1", "K1"))]
    items = {
        "名簿": "postal_claims", "基準日": "20200604", "件数": "3", "理由": "再送", "申告者": "一", "確認者": "二",
        "SHA256": sha256("\n".join(hashes).encode()).hexdigest(),
    }  # fmt: skip
    declared = csv_bytes("項目,値", *(f"{item},{value}" for item, value in items.items()))
    arrive(link.c, "postal_claims_20200604.declared.csv", declared, NEXT)
    assert link.receive(NEXT)["rows_in"] == 3


# what does not fit


def test_half_of_a_set_is_refused(link: Link) -> None:
    link.put(postal()[0], claim_file("K1"))
    link.list_day(postal()[0])
    assert "2個で一組" in link.refused()


@pytest.mark.parametrize("gone", [".p7m", ".manifest"])
def test_a_file_that_its_list_names_and_that_is_not_there_is_refused(link: Link, gone: str) -> None:
    link.send("K1")
    (link.box("contractor") / f"{postal()[1]}{gone}").unlink()
    assert link.refused().startswith(postal()[1])


@pytest.mark.parametrize("suffix", [".p7m", ".manifest"])
def test_f38_a_damaged_file_is_refused_and_told(link: Link, suffix: str) -> None:
    link.send("K1")
    path = link.box("contractor") / f"{postal()[1]}{suffix}"
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)
    assert link.refused().startswith(postal()[1])


def test_a_list_of_the_day_that_never_comes_is_told(link: Link) -> None:
    without_waiting(link)
    message = refusal(InputMissing, link.receive)
    assert message in link.notes("postal_claims")


# what nobody expects


def test_what_nobody_expects_is_told_with_what_to_do_and_read_by_nobody(link: Link) -> None:
    strange = [
        "mynaportal_20200603.zip",
        "others.csv",
        f"{CANARY}.csv",
        "postal_claims_20200603_2.csv",
    ]
    for name in strange[:2]:
        link.put(name, b"x")
    for name in (f"{CANARY}.csv.manifest", "a b.manifest", "notes.txt"):
        (link.box("contractor") / name).write_bytes(b"x")
    link.list_day(strange[3], "yamada1.csv")
    result = link.receive()
    assert result == {"dataset": "postal_claims", "received": False, "unexpected": 7}
    notes = link.notes()
    assert (
        "ファイルが7個あります(mynaportal、notes.txt、others.csv、postal_claims、yamada)" in notes
    )
    assert "相手先に確認し" in notes
    assert CANARY not in notes


def test_what_is_told_is_on_the_stewards_page_and_in_the_summary(link: Link) -> None:
    link.put("others.csv", b"x")
    link.list_day()
    result = link.receive()
    assert _tell(result) == "unexpected=1"
    reports.write(link.c, DAY)
    page = (reports.folder(link.c) / "index.html").read_text(encoding="utf-8")
    told = link.notes()
    assert told in page
    assert "まだ何も届いていません" not in page
    assert "送らなかったもの" not in page
    text = summary.render(summary.summarise(link.c, 0.0))
    assert f"■ 相手先から届いた、予定と違うもの(相手先に確認してください)\n  {DAY} {told}" in text


def test_a_file_that_its_days_list_does_not_name_is_told(link: Link) -> None:
    for name, data in zip(postal(), (claim_file("K1"), member_file("K1")), strict=True):
        link.put(name, data)
    link.list_day()
    assert link.receive()["unexpected"] == 2
    assert f"受け取っていないファイルが2個あります({'、'.join(postal())})" in link.notes()


def test_a_file_that_comes_after_its_day_was_done_is_told_the_next_day(link: Link) -> None:
    link.list_day()
    assert link.receive()["received"] is False
    link.put(postal()[0], claim_file("K1"))
    link.list_day(day=NEXT)
    assert link.receive(NEXT)["unexpected"] == 1
    assert postal()[0] in link.notes(day=NEXT)


def test_a_day_that_is_decided_takes_no_files_any_more(link: Link) -> None:
    link.c.ledger.once("claims.decide", DAY, lambda _connection: {"deliveries": []})
    link.send("K1")
    assert "次の業務日" in link.refused()


def test_a_control_sheet_alone_is_told(link: Link) -> None:
    link.put(SHEET, sheet(b""))
    link.list_day(SHEET)
    assert link.receive()["unexpected"] == 1


def test_what_comes_for_a_later_day_is_not_told(link: Link) -> None:
    link.send("K2", day=NEXT)
    link.send("K1")
    assert "unexpected" not in link.receive()


@pytest.mark.parametrize(
    ("name", "known"),
    [("postal_claims_20200602.csv.p7m", True), ("postal_claims_20200602.csv.p7m.0123abcd.tmp", True),
     ("secret.csv.p7m", False)],
)  # fmt: skip
def test_a_file_without_manifest_is_told_after_a_while(link: Link, name: str, known: bool) -> None:
    left = link.box("contractor") / name
    left.write_bytes(b"x")
    link.list_day()
    published = (link.box("contractor") / "day_20200603.json.manifest").stat().st_mtime
    patience = link.c.programme.link.wait_seconds
    os.utime(left, (published, published - patience + 1))
    assert "unexpected" not in link.receive()
    os.utime(left, (published, published - patience - 2))
    assert link.receive()["unexpected"] == 1
    notes = link.notes()
    assert "送り状のないファイルが1個あります" in notes
    assert ("postal_claims_20200602.csv" in notes) is known


def test_a_manifest_without_its_file_is_told(link: Link) -> None:
    link.put("postal_claims_20200602.csv", claim_file("K1"), DAY - timedelta(days=1))
    (link.box("contractor") / "postal_claims_20200602.csv.p7m").unlink()
    link.list_day()
    assert link.receive()["unexpected"] == 1
    assert "ファイルのない送り状が1個あります(postal_claims_20200602.csv)" in link.notes()


# the bank


def test_the_banks_outbox_is_looked_over(link: Link) -> None:
    """A result that nobody waits for, and one that is replaced after it was taken."""
    name = "payments_0001.txt"
    row = {
        "programme": link.c.programme.id, "name": name, "disclosure": "payments", "basis": "", "recipient": "bank",
        "fields": "", "medium": "lgwan", "business_date": DAY, "records": 1, "people": 1, "sum_yen": 1,
        "sha256": "0" * 64, "scanned_for": "0" * 64, "state": "delivered", "acknowledged": True,
    }  # fmt: skip
    with link.c.ledger.write() as connection:
        connection.execute(sa.insert(tables.release).values(row))
    for result in (f"result_{name}", "result_payments_0009.txt"):
        link.put(result, b"x", party="bank")
    assert look_at_bank(link) == 1
    assert "ファイルが1個あります(result_payments)" in link.notes("link:bank")
    taken = stated(link, f"result_{name}")
    with link.c.ledger.write() as connection:
        party_outbox.record_taken(connection, link.c.programme.id, "bank", taken, DAY)
    assert look_at_bank(link) == 1
    link.put(f"result_{name}", b"y", party="bank")
    assert look_at_bank(link) == 2
    assert f"差し替わったファイルが1個あります(result_{name})" in link.notes("link:bank")


def test_f17_a_result_must_have_the_count_and_sum_of_its_manifest(link: Link) -> None:
    link.put("result_payments_0001.txt", b"x", party="bank", records=2, sum_yen=200_000)
    manifest = stated(link, "result_payments_0001.txt")
    fetching.assert_declared(manifest, 2, 200_000)
    for records, sum_yen, word in ((1, 200_000, "「件数」"), (2, 100_000, "「合計金額」")):
        call = partial(fetching.assert_declared, manifest, records, sum_yen)
        message = refusal(InputRefused, call)
        assert message.startswith("result_payments_0001.txt")
        assert word in message


def test_f17_a_result_that_is_no_bank_file_is_refused_and_told_once(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results.payment_steps, "confirm", lambda c, day: None)
    batch = {
        "programme": link.c.programme.id, "batch_id": "B1", "file_name": "payments_0001.txt", "state": "delivered",
        "business_date": DAY, "transfer_date": NEXT, "payments": 1, "people": 1, "sum_yen": 1, "drafter": "drafter",
        "account_hash": "0" * 64, "content_hash": "0" * 64,
    }  # fmt: skip
    with link.c.ledger.write() as connection:
        connection.execute(sa.insert(tables.batch).values(batch))
    link.put("result_payments_0001.txt", CANARY.encode("cp932"), party="bank", records=1, sum_yen=1)
    for _ in range(2):
        message = refusal(InputRefused, lambda: results.settle(link.c, DAY))
    assert message.startswith("result_payments_0001.txt")
    assert "銀行に確認し" in message
    notes = link.notes("link:bank").split("\n")
    assert notes.count(message) == 1
    reports.write(link.c, DAY)
    assert message in (reports.folder(link.c) / "index.html").read_text(encoding="utf-8")


def look_at_bank(link: Link) -> int:
    with link.c.session("bank") as sftp:
        return party_outbox.look_over(link.c, "bank", sftp, DAY).count


def stated(link: Link, name: str) -> Manifest:
    with link.c.session("bank") as sftp:
        return read_manifest(sftp, "outbox", name, link.keys.certificate("bank"), DAY)
