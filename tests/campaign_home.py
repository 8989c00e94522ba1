"""Whole campaigns for tests: a synthetic ward, `kyufu campaign` as a real process, and what it leaves behind."""

import os
import shutil
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import sqlalchemy as sa

from data.synthetic_ward import generate
from pipelines.at_rest.store import OUTGOING_COPIES, AtRest, beside
from pipelines.ledger import tables
from pipelines.ledger.balance import take_balance
from pipelines.ledger.engine import open_engine
from pipelines.ledger.store import verify_chain
from pipelines.programme import ROOT
from tests.kyufu_process import environment as environment
from tests.kyufu_process import run_kyufu

PROGRAMME = ROOT / "programmes" / "shinjuku-2020.toml"
PROGRAMME_ID = "shinjuku-2020"
# What a campaign decides. Not `step` and `audit` (an attempt may be told of twice), not sealed bytes.
DECIDED = (
    "entitlement", "entitlement_event", "protection", "addition", "claim", "finding", "batch", "payment",
    "payment_item", "recovery", "recovery_entry", "unreconciled_result", "late_return", "deficiency_letter",
    "money_decision", "money_reason", "approval", "hold_decision", "hold_reason", "intake_file", "refusal",
    "sending_stop", "sending_resume", "handler_roster", "handler_confirmation", "incident", "incident_step",
    "former_whereabouts", "municipal_letter", "municipal_notice", "cash_order", "cash_receipt",
    "account_check",
    "sending_stop", "sending_resume", "mailing", "mailing_person", "mail_return", "mail_reissue", "claim_letter",
)  # fmt: skip
CHILDREN_END_SECONDS = 60.0
THREE_DAYS = {"2020-05-18", "2020-05-20", "2020-06-03"}
"""Register, lists and forms; online claims and payments; postal claims, changes and notices."""
RELEASED = ("name", "recipient", "records", "people", "sum_yen", "sha256", "state", "acknowledged")


def make_ward(folder: Path, residents: int, seed: int, days: set[str] | None = None) -> Path:
    """A synthetic ward's inputs; days: the only ones that are kept."""
    generate(residents, seed, folder)
    if days is not None:
        keep_days(folder, days)
    return folder


def keep_days(inputs: Path, days: set[str]) -> None:
    """Remove every other day's inputs."""
    for day in inputs.glob("*/20??-??-??"):
        if day.name not in days:
            shutil.rmtree(day)


def campaign_command(inputs: Path, home: Path, *more: str) -> list[str]:
    """`kyufu campaign` as a command that starts Python."""
    return [sys.executable, "-m", "pipelines.cli", *_campaign(inputs, home), *more]


def run_campaign(
    inputs: Path, home: Path, *more: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """`kyufu campaign` in a process of its own."""
    return run_kyufu(*_campaign(inputs, home), *more, **variables)


def _campaign(inputs: Path, home: Path) -> tuple[str, ...]:
    return ("campaign", "--inputs", str(inputs), "--home", str(home))


def sqlite_url(home: Path) -> str:
    """The ledger that a home has unless another one is named."""
    return f"sqlite:///{home / 'ledger.sqlite'}"


def rows(
    home: Path, table: str, columns: tuple[str, ...] | None = None, url: str | None = None
) -> list[tuple[object, ...]]:
    """A ledger table's rows, sorted; an event's number is its place and left out."""
    source = tables.metadata.tables[table]
    chosen = [
        c for c in source.c if c.name != "event_id" and (columns is None or c.name in columns)
    ]
    engine = open_engine(url or sqlite_url(home))
    try:
        with engine.connect() as connection:
            return sorted((tuple(row) for row in connection.execute(sa.select(*chosen))), key=repr)
    finally:
        engine.dispose()


def final_state(home: Path, url: str | None = None) -> dict[str, object]:
    """Everything that must not depend on how often the campaign was started."""
    bank = home / "link" / "work" / "bank" / "posted"
    return {
        **{name: rows(home, name, url=url) for name in DECIDED},
        "release": rows(home, "release", RELEASED, url),
        "payloads": {
            p.parent.name: sha256(stored_payload(p)).hexdigest() for p in (home / "releases").glob("*/payload")
        },
        "posted": {p.name: p.read_text() for p in bank.iterdir()} if bank.is_dir() else {},
        "at the parties": sorted(
            str(p.relative_to(home)) for p in (home / "link" / "homes").glob("*/inbox/*") if p.name != "business_date"
        ),
        "staged": sorted(str(p.relative_to(home)) for p in (home / "staging").glob("*/*")),
    }  # fmt: skip


def stored_payload(path: Path) -> bytes:
    """What a file in `HOME/releases/NAME` holds."""
    return AtRest(path.parents[2]).read(OUTGOING_COPIES, path.parent.name, path)


def store_payload(path: Path, data: bytes) -> None:
    """Put something else into it, as somebody who has the key could."""
    AtRest(path.parents[2]).write(OUTGOING_COPIES, path.parent.name, path, data)


def copy_home(home: Path, to: Path) -> Path:
    """A copy of a home with the keys of its stored bytes."""
    shutil.copytree(home, to)
    if beside(home).is_dir():
        shutil.copytree(beside(home), beside(to))
    return to


def faults(home: Path, url: str | None = None) -> list[str]:
    """What the ledger itself finds wrong; also fails if the audit chain is broken."""
    engine = open_engine(url or sqlite_url(home))
    try:
        with engine.connect() as connection:
            verify_chain(connection)
            return list(take_balance(connection, PROGRAMME_ID).faults)
    finally:
        engine.dispose()


def half_written(home: Path) -> list[str]:
    """Files of ours under a temporary name, here and at the receivers."""
    found = [
        *home.glob("staging/**/.*"),
        *home.glob("releases/**/.*"),
        *home.glob("drafts/**/.*"),
        *home.glob("link/homes/*/inbox/*.tmp"),
    ]
    return sorted(str(p.relative_to(home)) for p in found)


def await_the_end_of_the_children(home: Path) -> None:
    """Wait until every process that works in a killed campaign's home has ended by itself."""
    last_moment = time.monotonic() + CHILDREN_END_SECONDS
    while left := [pid for pid, line in _commands() if str(home) in line and pid != os.getpid()]:
        assert time.monotonic() < last_moment, f"{len(left)} children outlive the killed campaign"
        time.sleep(0.05)


def _commands() -> list[tuple[int, str]]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found.append((int(folder.name), (folder / "cmdline").read_text(errors="replace")))
        except OSError:  # it ended meanwhile
            continue
    return found
