"""Attachments: put apart unopened, shown only after a scanner passed them; the scanners here are real scripts."""

import io
import json
import stat
import zipfile
from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.at_rest.cipher import MARK
from pipelines.at_rest.store import ATTACHMENTS
from pipelines.errors import InputMissing, InputRefused, KyufuError
from pipelines.intake import attachments as kept
from pipelines.intake import readers, receive
from pipelines.intake.attachments import AttachmentRefused
from pipelines.intake.layouts import load_layout
from pipelines.intake.staging import Manifest, sha256
from pipelines.ledger import tables
from pipelines.programme import Intake
from pipelines.steps import attachments, claims, fetching
from tests.intake_files import write_zip
from tests.unit.intake.refusals import CANARY, refusal

DAY = date(2020, 5, 20)
PHOTO = b"\xff\xd8 a photo"
EICAR_LIKE = b"bad: stop here"


def _stage(c, members, day=DAY):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    name = f"mynaportal_{day:%Y%m%d}.zip"
    manifest = Manifest(
        "online_claims", day.isoformat(), {name: sha256(out.getvalue())}, 0, 0, 0, 0, 0, {}
    )
    c.staging.write(manifest, {}, {name: out.getvalue()})
    return kept.keep(c.staging, "online_claims", day)


@pytest.fixture
def scanner(tmp_path):
    """A scanner that reads the file and stops what begins with `bad`; it notes what it was given."""

    def make(body='head -c 3 "$1" | grep -q bad && exit 1; exit 0'):
        path = tmp_path / "scanner"
        path.write_text(f'#!/bin/sh\nstat -c %a "$1" > "{tmp_path}/mode"\n{body}\n')
        path.chmod(0o700)
        return (str(path),)

    return make


def _with(c, command, seconds=20.0):
    intake = Intake(attachment_scanner=command, attachment_scanner_seconds=seconds)
    object.__setattr__(c, "programme", c.programme.model_copy(update={"intake": intake}))
    return c


def _show(c, claim="C1", name="account.jpg"):
    return attachments.show(c, claim, name, "os:steward", "確認", DAY)


def _events(c):
    a = tables.audit
    with c.ledger.read() as connection:
        return [
            tuple(row) for row in connection.execute(sa.select(a.c.event, a.c.actor, a.c.subject))
        ]


def test_attachments_lie_apart_under_no_name_from_outside(campaign):
    count = _stage(
        campaign,
        {
            "applications.csv": b"x",
            "attachments/C1/account.jpg": PHOTO,
            "attachments/C2/免許.png": b"y",
        },
    )
    assert count == 2
    folder = campaign.home / "attachments" / "online_claims" / "dt=2020-05-20" / "v=001"
    assert sorted(p.name for p in folder.iterdir()) == ["index.json", "kept.zip"]
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with zipfile.ZipFile(folder / "kept.zip") as bundle:
        assert sorted(bundle.namelist()) == sorted([sha256(PHOTO), sha256(b"y")])
        assert PHOTO not in bundle.read(sha256(PHOTO))
    assert kept.names(campaign.at_rest, "C2") == ["免許.png"]


def test_keeping_them_again_changes_nothing_and_completes_what_was_cut_off(campaign):
    _stage(campaign, {"attachments/C1/account.jpg": PHOTO})
    index = next((campaign.home / "attachments").rglob("index.json"))
    index.unlink()
    assert kept.keep(campaign.staging, "online_claims", DAY) == 1
    found = campaign.at_rest.read(ATTACHMENTS, "online_claims/dt=2020-05-20", index)
    assert json.loads(found) == {"C1": {"account.jpg": sha256(PHOTO)}}


@pytest.mark.parametrize("name", ["attachments/account.jpg", "attachments/C1/a/b.jpg"])
def test_an_attachment_in_another_place_is_refused(campaign, name):
    assert "受付番号" in refusal(InputRefused, lambda: _stage(campaign, {name: CANARY.encode()}))


def test_f28_an_attachment_outside_the_archive_is_refused(campaign):
    refusal(InputRefused, lambda: _stage(campaign, {"attachments/../../x": CANARY.encode()}))
    assert not (campaign.home / "x").exists()


ZIP_NAME = "mynaportal_20200520.zip"


def _archive(*attached):
    """The day's archive without claims, and attachments as (path, bytes)."""
    tables = load_layout("shinjuku/mynaportal").tables.values()
    empty = [
        (t.file.partition("#")[2], f"{','.join(t.columns)}\r\n".encode()) for t in tables
    ]  # fmt: skip
    return write_zip(*empty, *attached)


def _unkeepable(fault):
    """An archive with a good attachment and one that cannot be kept, and what the message calls it."""
    good = ("attachments/C1/account.jpg", PHOTO)
    if fault == "damaged":
        whole = _archive(good, (f"attachments/{CANARY}/{CANARY}_免許証.jpg", b"a licence"))
        return whole.replace(b"a licence", b"A licence")
    return _archive(good, (fault, b"x"))


@pytest.mark.parametrize(
    "fault",
    ["damaged", f"attachments/{CANARY}.txt", f"attachments/C1/./{CANARY}"],
)
def test_f28_an_archive_whose_attachments_cannot_be_kept_is_refused_whole(
    campaign, monkeypatch, fault
):
    sent = {ZIP_NAME: _unkeepable(fault)}
    monkeypatch.setattr(fetching, "fetch", lambda *_: fetching.Sent(sent))
    message = refusal(InputRefused, lambda: claims.receive(campaign, DAY, "online"))
    assert message.startswith(f"{ZIP_NAME}: 添付2番目")
    assert campaign.staging.versions("online_claims", DAY) == []
    assert not (campaign.home / "attachments").exists()
    r = tables.refusal
    with campaign.ledger.read() as connection:
        noted = connection.execute(sa.select(r.c.subject, r.c.reason)).all()
    assert [tuple(row) for row in noted] == [("online_claims", message)]
    sent[ZIP_NAME] = _archive(("attachments/C1/account.jpg", PHOTO))
    assert claims.receive(campaign, DAY, "online")["received"] is True
    assert kept.names(campaign.at_rest, "C1") == ["account.jpg"]


def test_without_a_scanner_nothing_is_shown(campaign):
    _stage(campaign, {"attachments/C1/account.jpg": PHOTO})
    assert campaign.programme.intake.attachment_scanner == ()
    assert "attachment_scanner" in refusal(AttachmentRefused, lambda: _show(campaign))
    assert _events(campaign) == [("attachment.refused", "os:steward", "claim:C1")]


def test_what_the_scanner_passes_is_shown_and_recorded(campaign, scanner, tmp_path):
    _stage(campaign, {"attachments/C1/account.jpg": PHOTO})
    assert _show(_with(campaign, scanner())) == PHOTO
    assert _events(campaign) == [("attachment.shown", "os:steward", "claim:C1")]
    assert (tmp_path / "mode").read_text().strip() == "600"
    assert not list((campaign.home / "attachments").glob(".scan*"))


@pytest.mark.parametrize(
    ("body", "seconds"),
    [(None, 20.0), ("exit 2", 20.0), ("kill -9 $$", 20.0), ("sleep 5", 0.2)],
)
def test_what_the_scanner_does_not_pass_is_not_shown(campaign, scanner, body, seconds):
    _stage(campaign, {"attachments/C1/account.jpg": EICAR_LIKE})
    command = scanner(body) if body else scanner()
    message = refusal(
        AttachmentRefused, lambda: _show(_with(campaign, command, seconds)), canary="stop here"
    )
    assert "検査" in message
    assert _events(campaign) == [("attachment.refused", "os:steward", "claim:C1")]
    assert not list((campaign.home / "attachments").glob(".scan*"))


def test_a_scanner_that_is_not_there_passes_nothing(campaign, tmp_path):
    _stage(campaign, {"attachments/C1/account.jpg": PHOTO})
    refusal(AttachmentRefused, lambda: _show(_with(campaign, (str(tmp_path / "absent"),))))


def test_what_the_scanner_does_to_its_copy_stays_there(campaign, scanner):
    _stage(campaign, {"attachments/C1/account.jpg": PHOTO})
    assert _show(_with(campaign, scanner('rm "$1"'))) == PHOTO
    assert _show(_with(campaign, scanner())) == PHOTO


@pytest.mark.parametrize(("claim", "name"), [("C9", "account.jpg"), ("C1", "../index.json")])
def test_an_attachment_that_is_not_there_is_told(campaign, scanner, claim, name):
    _stage(campaign, {"attachments/C1/account.jpg": PHOTO})
    refusal(InputMissing, lambda: _show(_with(campaign, scanner()), claim, name))


def _without(_path):
    return b"other"


def _with_other_content(path):
    return path.read_bytes().replace(MARK, MARK[::-1])


@pytest.mark.parametrize("change", [_without, _with_other_content])
def test_a_kept_attachment_that_was_changed_is_not_shown(campaign, scanner, change):
    _stage(campaign, {"attachments/C1/account.jpg": PHOTO})
    path = next((campaign.home / "attachments").rglob("kept.zip"))
    path.write_bytes(change(path))
    assert "SHA-256" in refusal(KyufuError, lambda: _show(_with(campaign, scanner())))


def test_an_archive_is_opened_once_to_be_staged_and_once_to_keep_its_attachments(
    campaign, monkeypatch
):
    opened = []
    open_archive = readers.open_archive

    def counted(data, file):
        opened.append(file)
        return open_archive(data, file)

    monkeypatch.setattr(readers, "open_archive", counted)
    files = {ZIP_NAME: _archive(("attachments/C1/account.jpg", PHOTO))}
    receive.stage(campaign.programme, campaign.staging, "online_claims", DAY, files)
    assert opened == [ZIP_NAME]
    assert kept.keep(campaign.staging, "online_claims", DAY) == 1
    assert opened == [ZIP_NAME, ZIP_NAME]
