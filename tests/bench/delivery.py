"""Time and peak memory of a peak day of payments, and of writing the bank's records alone.

A synthetic ward of 350,000 whose 200,000 households are approved on one day. The real steps with the real ledger: the
day's payments are drafted and declared, approved by two people, written to files of at most 9,999 records and read
back, sealed, and delivered over SFTP on loopback to a relay that is a process of its own. Each run is a process of its
own on a fresh copy of the same ward, on SQLite and on PostgreSQL (a temporary cluster, durable, set as README advises);
the middle of the runs is shown, of the memory the highest. After every run the bank's side is opened: every approved
household is there once, with its whole amount, or the bench fails. Imports, the ward and the relay are not counted.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.bench.wards import make_ward

REGISTERED, DAY = date(2020, 5, 18), date(2020, 6, 3)
RESIDENTS, PAYMENTS, RUNS = 350_000, 200_000, 3
LIMITS = {"sqlite": 30.0, "postgresql": 40.0, "megabytes": 1000, "zengin": 3.0}
AS_ADVISED = {
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "jit": "off",
}  # README, going to production
STEPS = ("draft", "approve", "build", "send")


def prepare(ward: Path, home: Path, url: str, payments: int) -> None:
    """A ledger and staging as on the morning of the day: everybody registered, lists linked, households approved."""
    from pipelines.link.pki import create_demonstration_pki
    from pipelines.steps import register, rosters, welfare
    from pipelines.steps.approvals import rehearse

    c = _open(home, url, ward)
    create_demonstration_pki(home / "pki", tuple(party.id for party in c.programme.parties))
    rosters.rehearse(c, REGISTERED)
    register.receive_register(c, REGISTERED)
    register.freeze_snapshot(c, REGISTERED)
    for dataset in welfare.look(c, REGISTERED):
        welfare.receive_list(c, REGISTERED, dataset)
    rehearse(c, welfare.link_people(c, REGISTERED), REGISTERED)
    welfare.apply_people(c, REGISTERED)
    if payments:
        _approve(c, payments)
    c.ledger.engine.dispose()


def _approve(c: Any, payments: int) -> None:
    """Approve that many households, none of which has anybody whom a list concerns, each on a claim of its own."""
    from pipelines.ledger import tables
    from pipelines.ledger.bulk import load
    from pipelines.ledger.states import Entitlement
    from pipelines.ledger.store import Move, move

    e = tables.entitlement.c
    with c.ledger.write() as connection:
        rows = connection.execute(
            sa.select(e.person_id, e.household_id, e.state).where(e.household_id.is_not(None))
        ).all()
        touched = {household for _, household, state in rows if state != Entitlement.UNCLAIMED}
        columns = (c.snapshot_people.column(n).to_pylist() for n in ("household_id", "name_kana"))
        kana = {household: name for household, name in zip(*columns, strict=True) if name}
        paid = sorted(kana.keys() - touched)[:payments]
        if len(paid) < payments:
            sys.exit(f"the ward has only {len(paid)} households that nothing is said of")
        of = {household: f"P{household}" for household in paid}
        fields = (
            "programme", "claim_id", "channel", "day", "kind", "household_id", "outcome", "proxy_kind", "bank_code",
            "branch_code", "account_type", "account_number", "account_holder_kana",
        )  # fmt: skip
        claims = (
            (c.programme.id, of[h], "postal", DAY, "new", h, "decided", "", "0001", "001", "1", f"{n:07d}", kana[h])
            for n, h in enumerate(paid)
        )  # fmt: skip
        load(connection, tables.claim, fields, claims)
        moves = (Move(p, Entitlement.APPROVED, of[h]) for p, h, _ in rows if h in of)
        move(connection, c.programme.id, moves, "claim", "", DAY)


def run_day(home: Path, url: str) -> dict[str, float]:
    """The day's payments from approved people to delivered files: seconds of each step, CPU seconds of this process."""
    from pipelines.campaign import without_collector
    from pipelines.link.relay import Relay
    from pipelines.link.session import open_session
    from pipelines.steps import payments
    from pipelines.steps.approvals import rehearse

    took = {}
    with Relay.start(home / "link", home / "pki", home, parties=()) as relay:
        c = _open(home, url, home, lambda party: open_session(relay.endpoints[party]))
        drafted: dict[str, Any] = {}
        work: dict[str, Callable[[], Any]] = {
            "draft": lambda: drafted.update(payments.draft(c, DAY)),
            "approve": lambda: rehearse(c, drafted, DAY), "build": lambda: payments.build(c, DAY),
            "send": lambda: payments.send(c, DAY),
        }  # fmt: skip
        cpu = time.process_time()
        for name in STEPS:
            started = time.monotonic()
            with without_collector():
                work[name]()
            took[name] = time.monotonic() - started
        took["cpu"] = time.process_time() - cpu
    took["seconds"] = sum(took[name] for name in STEPS)
    took["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return took


def check(home: Path, url: str, payments: int) -> None:
    """Open what the bank got: everybody who was approved, once, and nobody else.

    Raises:
        SystemExit: it is not so.
    """
    from pipelines.ledger import tables
    from pipelines.link.identity import Identity
    from pipelines.link.manifest import Manifest
    from pipelines.link.seal import unseal, verify
    from pipelines.outputs import zengin
    from pipelines.steps.payments import profile

    c = _open(home, url, home)
    bank = Identity.load(home / "pki" / "parties" / "bank")
    keys, yen, files = set(), 0, 0
    for path in sorted((home / "link" / "homes" / "bank" / "inbox").glob("payments_*.p7m")):
        stated = Manifest.from_bytes(
            verify(path.with_suffix(".manifest").read_bytes(), c.ward.certificate)
        )
        read = zengin.read(unseal(path.read_bytes(), bank, c.ward.certificate, on=DAY), profile(c))
        assert (stated.records, stated.sum_yen) == (read.trailer.count, read.trailer.amount_yen)
        keys |= {payment.customer_code_1 for payment in read.payments}
        yen += read.trailer.amount_yen
        files += 1
    e = tables.entitlement.c
    with c.ledger.read() as connection:
        people = sa.select(sa.func.sum(e.amount_yen)).where(e.state == "in_payment")
        owed = connection.execute(people).scalar_one()
        left = sa.select(sa.func.count()).where(e.state == "approved")
        left = connection.execute(left).scalar_one()
    most = c.programme.bank.max_records
    if (len(keys), yen, files, left) != (payments, owed, -(-payments // most), 0):
        sys.exit(
            f"the bank has {len(keys)} payments of {yen} yen in {files} files; {left} people wait"
        )
    print(json.dumps({"files": files}))  # noqa: T201


def write_records(payments: int) -> dict[str, float]:
    """Write that many records of the bank's file, in files of at most 9,999."""
    from pipelines.outputs import zengin

    header = zengin.Header("1310400001", "ｼﾝｼﾞﾕｸｸ", "0605", "0001", "001", "1", "0131040")
    made = [
        zengin.Payment("0001", "001", "1", f"{n:07d}", "ﾔﾏﾀﾞ ﾀﾛｳ", 100_000 * (1 + n % 4), f"{n:010d}")
        for n in range(payments)
    ]  # fmt: skip
    profile = zengin.Profile(max_records=9_999)
    started = time.monotonic()
    cpu = time.process_time()
    written = sum(len(zengin.write(header, part, profile)) for part in zengin.split(made, 9_999))
    took = {"seconds": time.monotonic() - started, "cpu": time.process_time() - cpu}
    assert written == 122 * (payments + 3 * -(-payments // 9_999))
    return {**took, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _open(home: Path, url: str, inputs: Path, sessions: Callable[[str], Any] | None = None) -> Any:
    from pipelines.programme import ROOT, Settings
    from pipelines.steps.campaign import open_campaign
    from pipelines.terminal import no_link

    programme = ROOT / "programmes" / "shinjuku-2020.toml"
    settings = Settings(programme_path=programme, home=home, inputs=inputs, ledger_url=url)
    return open_campaign(settings, sessions or no_link)


def _child(only: str, *more: object) -> dict[str, Any]:
    """One part in a process of its own, which begins with no memory of ours; what it printed last."""
    command = [sys.executable, "-m", "tests.bench.delivery", "--only", only, *map(str, more)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, env=os.environ)
    if done.returncode:
        sys.exit(f"{only} ended with status {done.returncode}")
    lines = done.stdout.decode().splitlines()
    return json.loads(lines[-1]) if lines else {}


def _show(name: str, runs: list[dict[str, Any]], limit: float) -> None:
    middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    steps = "  ".join(f"{key} {middle[key]:.1f}" for key in STEPS if key in middle)
    peak = max(run["megabytes"] for run in runs)
    met = middle["seconds"] <= limit and peak <= LIMITS["megabytes"]
    print(  # noqa: T201
        f"{name:<12} {middle['seconds']:6.2f} s (aim {limit:.0f})  cpu {middle['cpu']:6.2f} s  peak {peak:5.0f} MB "
        f"(aim {LIMITS['megabytes']})  {'met' if met else 'NOT MET'}  {steps}",
        flush=True,
    )


def compare(ward: Path, folder: Path, payments: int, runs: int) -> None:
    """Write the records alone, then run the day on each database, each time on a fresh copy of one ward."""
    from pipelines.at_rest.store import beside
    from tests.campaign_home import copy_home
    from tests.components import PLACES
    from tests.postgresql_server import serve

    size = ("--payments", payments)
    _show("zengin", [_child("zengin", *size) for _ in range(runs)], LIMITS["zengin"])

    def measure(name: str, url: Callable[[Path], str], copy_url: Callable[[Path], str]) -> None:
        base, found = folder / name, []
        _child("prepare", "--ward", ward, "--home", base, "--url", url(base), *size)
        for number in range(runs):
            home = folder / f"{name}{number}"
            copy_home(base, home)
            at = ("--home", home, "--url", copy_url(home))
            found.append(_child("day", *at))
            _child("check", *at, *size)
            shutil.rmtree(home)
            shutil.rmtree(beside(home))
        _show(name, found, LIMITS[name])

    def in_home(home: Path) -> str:
        return f"sqlite:///{home}/ledger.sqlite"

    measure("sqlite", in_home, in_home)
    program = next(filter(None, map(shutil.which, PLACES["postgresql"])), None)
    if program is None:
        print("postgresql   not installed, not measured")  # noqa: T201
        return
    with serve(program, **AS_ADVISED) as server:
        measure(
            "postgresql",
            lambda base: server.create(base.name),
            lambda home: server.create(home.name, template="postgresql"),
        )


def main() -> None:
    """Measure over a given synthetic ward, or a new one."""
    parser = argparse.ArgumentParser(description="Time and peak memory of a peak day of payments.")
    parser.add_argument("--ward", type=Path, help="a ready synthetic ward (else one is made)")
    parser.add_argument("--residents", type=int, default=RESIDENTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--payments", type=int, help="default: 200,000 of 350,000 residents")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument(
        "--only", choices=["prepare", "day", "check", "zengin"], help=argparse.SUPPRESS
    )
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    payments = options.payments or PAYMENTS * options.residents // RESIDENTS
    parts: dict[str | None, Callable[[], Any]] = {
        "prepare": lambda: prepare(options.ward, options.home, options.url, payments),
        "day": lambda: print(json.dumps(run_day(options.home, options.url))),  # noqa: T201
        "check": lambda: check(options.home, options.url, payments),
        "zengin": lambda: print(json.dumps(write_records(payments))),  # noqa: T201
    }
    if options.only:
        parts[options.only]()
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ward = options.ward or make_ward(options.residents, options.seed, folder / "ward")
        compare(ward, folder, payments, options.runs)


if __name__ == "__main__":
    main()
