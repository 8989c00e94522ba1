"""`kyufu quarantine …` and `kyufu attachment …` as real processes: what they print, write and refuse."""

import io
import os
import pwd
import zipfile
from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.intake import attachments
from pipelines.intake.staging import Manifest, sha256
from pipelines.ledger import tables
from pipelines.ledger.engine import open_engine
from pipelines.steps import inbox
from tests.campaign_home import PROGRAMME
from tests.kyufu_process import run_kyufu
from tests.unit.intake.intake_world import PASSWORD, arrive, csv_bytes, mend, new_campaign
from tests.unit.intake.refusals import CANARY

DAY = date(2020, 5, 18)
DATASET = "visually_impaired"
LINK_DAY = date(2020, 5, 20)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with a bad row that waits, and an attachment."""
    c = new_campaign(tmp_path_factory.mktemp("cli"))
    rows = ("0000000001,見本一", f"3,{CANARY}")
    arrive(c, "visually_impaired_20200518.csv", csv_bytes("住民番号,氏名", *rows), DAY)
    inbox.stage_and_enter(c, DATASET, DAY, inbox.read_ward_files(c, DATASET, DAY))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("attachments/C1/account.jpg", b"photo")
    name, data = "mynaportal_20200520.zip", out.getvalue()
    manifest = Manifest("online_claims", str(LINK_DAY), {name: sha256(data)}, 0, 0, 0, 0, 0, {})
    problems = c.staging.read(DATASET, DAY, "problems").slice(0, 0)
    c.staging.write(manifest, {"problems": problems}, {name: data})
    attachments.keep(c.staging, "online_claims", LINK_DAY)
    url = str(c.ledger.engine.url)
    c.ledger.engine.dispose()
    return c.home, url


def _kyufu(home, *arguments, programme=PROGRAMME, **variables):
    folder, url = home
    places = {"KYUFU_HOME": str(folder), "KYUFU_LEDGER_URL": url, "KYUFU_PROGRAMME": str(programme)}
    return run_kyufu(*map(str, arguments), **places, **variables)


def _refused(done, words):
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert words in done.stderr
    assert CANARY not in done.stdout + done.stderr


def test_listing_shows_rules_counts_and_remedies_without_a_value(home):
    done = _kyufu(home, "quarantine", "list")
    assert done.returncode == 0, done.stderr
    for words in (DATASET, "2020-05-18", "DIGITS_10", "先頭の0"):
        assert words in done.stdout
    assert CANARY not in done.stdout


def test_export_and_return_with_a_password_from_a_file(home, tmp_path):
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    book = tmp_path / "book.xlsx"
    done = _kyufu(
        home, "quarantine", "export", DATASET, DAY, "--out", book, "--password-file", secret
    )
    assert done.returncode == 0, done.stderr
    assert book.stat().st_mode & 0o777 == 0o600
    _refused(
        _kyufu(home, "quarantine", "return", book, KYUFU_QUARANTINE_PASSWORD="x" * 12), "パスワード"
    )
    book.write_bytes(mend(book.read_bytes(), "rows", {3: {"住民番号": "0000000003"}}))
    back = _kyufu(home, "quarantine", "return", book, "--password-file", secret)
    assert back.returncode == 0, back.stderr
    assert "1行を受け入れました" in back.stdout
    assert CANARY not in done.stdout + back.stdout
    assert "第2版: 次の処理を待っています" in _kyufu(home, "quarantine", "list").stdout
    assert set(_actors(home[1])) == {f"os:{pwd.getpwuid(os.geteuid()).pw_name}"}


def _actors(url):
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            query = sa.select(tables.audit.c.actor).where(tables.audit.c.event.like("quarantine.%"))
            return list(connection.execute(query).scalars())
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("export", "register", DAY, "--out", "{new}"), "取り込まれていません"),
        (("export", "tax_records", DAY, "--out", "{new}"), "tax_records"),
        (("export", DATASET, DAY, "--out", "{there}"), "すでにあります"),
        (("return", "{new}"), "がありません"),
        (("return", "{there}"), "開けません"),
    ],
)
def test_what_cannot_be_done_is_one_clear_message(home, tmp_path, arguments, words):
    (tmp_path / "there.xlsx").write_bytes(b"x")
    paths = {"new": tmp_path / "new.xlsx", "there": tmp_path / "there.xlsx"}
    filled = [str(a).format(**paths) for a in arguments]
    done = _kyufu(home, "quarantine", *filled, KYUFU_QUARANTINE_PASSWORD=PASSWORD)
    _refused(done, words)
    assert not (tmp_path / "new.xlsx").exists()


def test_a_password_is_never_an_argument(home, tmp_path):
    done = _kyufu(
        home, "quarantine", "export", DATASET, DAY, "--out", tmp_path / "x.xlsx", "--password", "x"
    )
    assert done.returncode == 2
    assert "--password" in done.stderr


def test_an_attachment_is_shown_only_after_its_scan(home, tmp_path):
    out = tmp_path / "account.jpg"
    show = ("attachment", "show", "C1", "account.jpg", "--out", out)
    _refused(_kyufu(home, *show), "attachment_scanner")
    scanner = tmp_path / "scanner"
    scanner.write_text('#!/bin/sh\ngrep -q photo "$1"\n')
    scanner.chmod(0o700)
    programme = tmp_path / "programme.toml"
    text = PROGRAMME.read_text(encoding="utf-8")
    programme.write_text(
        text.replace("attachment_scanner_seconds", f'attachment_scanner = ["{scanner}"]\nattachment_scanner_seconds'),
        encoding="utf-8",
    )  # fmt: skip
    done = _kyufu(home, *show, programme=programme)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == b"photo"
    assert out.stat().st_mode & 0o777 == 0o600
