"""A rehearsal's delivery goes the real way, is about nobody, and is used for nothing."""

import shutil
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.engine import open_engine
from pipelines.link.pki import create_demonstration_pki
from tests.campaign_home import sqlite_url
from tests.components import require
from tests.link_world import PARTIES, small_keys

pytestmark = pytest.mark.component("openssl")

DAY = date(2020, 6, 1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("openssl")
    home = tmp_path_factory.mktemp("rehearsal") / "home"
    with small_keys():
        create_demonstration_pki(home / "pki", PARTIES)
    return home


@pytest.fixture(scope="module", autouse=True)
def _inputs(home: Path) -> None:
    for party in ("bank", "contractor", "jlis"):
        (home.parent / "inputs" / party).mkdir(parents=True)
    book = home.parent / "inputs" / "bank" / "accounts.csv"
    book.write_bytes("金融機関コード,支店コード,預金種目,口座番号,口座名義カナ\r\n".encode())


def rehearse(home: Path, party: str, day: date = DAY):
    return CliRunner().invoke(
        app, ["rehearse-delivery", party, "--day", str(day), "--home", str(home)],
        env={"KYUFU_INPUTS": str(home.parent / "inputs")},
    )  # fmt: skip


def releases(home: Path) -> list[sa.Row]:
    engine = open_engine(sqlite_url(home))
    try:
        with engine.connect() as connection:
            return list(
                connection.execute(sa.select(tables.release).order_by(tables.release.c.name))
            )
    finally:
        engine.dispose()


def test_the_bank_checks_it_acknowledges_it_and_posts_nothing(home: Path) -> None:
    done = rehearse(home, "bank")
    assert done.exit_code == 0, done.output
    assert "rehearsal_20200601_01_payments.txt" in done.output
    work = home / "link" / "work" / "bank"
    assert (work / "received" / "rehearsal_20200601_01_payments.txt").is_file()
    assert not (work / "posted").exists()
    outbox = home / "link" / "homes" / "bank" / "outbox"
    assert [path.name for path in outbox.iterdir()] == ["rehearsal_20200601_01_payments.txt.ack"]


def test_the_next_one_of_the_day_is_another_delivery(home: Path) -> None:
    done = rehearse(home, "contractor")
    assert done.exit_code == 0, done.output
    assert rehearse(home, "contractor").exit_code == 0
    found = [
        (r.name, r.people, r.acknowledged, r.state) for r in releases(home) if "forms" in r.name
    ]
    assert found == [
        (f"rehearsal_20200601_0{n}_forms.csv", 0, True, "delivered") for n in (1, 2)
    ]  # fmt: skip


def test_nothing_goes_to_who_gets_nothing(home: Path) -> None:
    done = rehearse(home, "jlis")
    assert isinstance(done.exception, KyufuError)
    assert "送るものがありません" in str(done.exception)


def test_f35_it_goes_only_while_the_party_is_connected(home: Path) -> None:
    done = rehearse(home, "contractor", date(2020, 9, 1))
    assert "期間" in str(done.exception)
    engine = open_engine(sqlite_url(home))
    with engine.connect() as connection:
        a = tables.audit.c
        told = (
            connection.execute(sa.select(a.detail).where(a.event == "release.refused"))
            .scalars()
            .all()
        )
    engine.dispose()
    assert [('"rule": "PERIOD"' in detail) for detail in told] == [True]


def test_a_production_programme_rehearses_over_a_real_relay_only(
    home: Path, tmp_path: Path
) -> None:
    text = Path("programmes/shinjuku-2020.toml").read_text(encoding="utf-8")
    text = text.replace('mode = "demonstration"', 'mode = "production"').split("[demonstration]")[0]
    (tmp_path / "p.toml").write_text(text, encoding="utf-8")
    shutil.copytree(home / "pki", tmp_path / "home" / "pki")
    done = CliRunner().invoke(
        app, ["rehearse-delivery", "bank", "--programme", str(tmp_path / "p.toml"), "--home", str(tmp_path / "home")]
    )  # fmt: skip
    assert "--host" in str(done.exception)
