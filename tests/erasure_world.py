"""A small ward's campaign brought to its end, so that nothing needs the data any longer, and what stands in it."""

import csv
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from pipelines.campaign import rehearsal_link
from pipelines.failpoints import VARIABLE
from pipelines.ledger import recoveries, tables
from pipelines.ledger.holds import Choice
from pipelines.link.session import open_session
from pipelines.programme import Settings, load_programme
from pipelines.steps import closeout, erasure, holds, party_erasure, payments, results, stray_money
from pipelines.steps.approvals import rehearse
from pipelines.steps.campaign import Campaign, open_campaign
from pipelines.steps.roles import Actor, Role
from pipelines.terminal import no_link
from tests.campaign_home import PROGRAMME, sqlite_url

LAST, ASKED, BANK_ASKED = date(2020, 6, 17), date(2020, 8, 31), date(2021, 3, 31)
FIRST_END, LAST_END = date(2020, 12, 1), date(2026, 4, 1)
SECONDS = 300.0  # a limit for what never ends, not a speed
WHY = "窓口で確認した"
STEWARD = Actor("steward", frozenset({Role.STEWARD}))
APPROVERS = (
    Actor("approver1", frozenset({Role.APPROVER})),
    Actor("steward2", frozenset({Role.STEWARD})),
)


def settings(home: Path, inputs: Path, url: str = "") -> Settings:
    return Settings(
        programme_path=PROGRAMME, home=home, inputs=inputs, ledger_url=url or sqlite_url(home)
    )


@contextmanager
def opened(home: Path, inputs: Path) -> Iterator[Campaign]:
    """The campaign without the link."""
    c = open_campaign(settings(home, inputs), no_link)
    try:
        yield c
    finally:
        c.ledger.engine.dispose()


@contextmanager
def linked(home: Path, inputs: Path, day: date) -> Iterator[Campaign]:
    """The campaign with the link and its parties, on that day."""
    found = settings(home, inputs)
    with rehearsal_link(found, load_programme(PROGRAMME)) as relay:
        relay.set_business_date(day)
        c = open_campaign(found, lambda party: open_session(relay.endpoints[party]))
        try:
            yield c
        finally:
            c.ledger.engine.dispose()


def finish(home: Path, inputs: Path) -> None:
    """Everything that is disputed is decided, everybody who is approved is paid, every recovery is settled."""
    with linked(home, inputs, LAST) as c:
        _decide_holds(c)
        rehearse(c, payments.draft(c, LAST), LAST)
        payments.build(c, LAST)
        payments.send(c, LAST)
        results.settle(c, LAST)
        _settle_recoveries(c)
        closeout.lapse(c, ASKED)


def _decide_holds(c: Campaign) -> None:
    found, total = holds.list_holds(c, STEWARD, WHY, LAST, code="", limit=500)
    assert len(found) == total
    for line in found:
        for actor in (STEWARD, *APPROVERS)[: line.needed]:
            holds.show(c, line.hold.hold_id, actor, WHY, LAST)
            holds.decide(c, line.hold.hold_id, Choice.DECLINE, WHY, actor, LAST)


def _settle_recoveries(c: Campaign) -> None:
    with c.ledger.read() as connection:
        waiting = recoveries.candidates(connection, c.programme.id)
    for one in waiting:
        for actor in (STEWARD, APPROVERS[0]):
            stray_money.open_recovery(c, one.recovery_id, WHY, actor, LAST)
    with c.ledger.read() as connection:
        standing = recoveries.opened(connection, c.programme.id)
    for one in standing:
        if one.open_yen:
            stray_money.settle_recovery(
                c, one.recovery_id, f"R-{one.recovery_id}", one.open_yen, STEWARD, LAST
            )


def erase(c: Campaign, day: date) -> dict[str, object]:
    """Plan, let two others agree, and run: what people would do again after a kill."""
    standing = erasure.plan(c, STEWARD, day)
    if standing is not None and standing.state == "planned":
        for actor in APPROVERS:
            erasure.approve(c, actor, day)
    return erasure.run(c, day)


def erase_at(home: Path, inputs: Path, day: date) -> None:
    """`erase`, with the campaign opened for it."""
    with opened(home, inputs) as c:
        erase(c, day)


def ask(home: Path, inputs: Path, day: date) -> None:
    """Ask the parties whose time has come, and take their certificates once they came."""
    with linked(home, inputs, day) as c:
        last_moment = time.monotonic() + SECONDS
        while True:
            closeout.ask_parties(c, day)
            due = [one for one in party_erasure.standing(c) if one.ask_on <= day]
            if all(one.certified_on for one in due):
                return
            assert time.monotonic() < last_moment, "a certificate does not come"
            time.sleep(0.2)


def play(work: Callable[..., None], place: str, *arguments: object) -> None:
    """Do something in this process, which is to die at the place."""
    os.environ[VARIABLE] = place
    work(*arguments)


def canaries(inputs: Path) -> list[str]:
    """Names, numbers and accounts of the ward's people, as its inputs have them."""
    found: set[str] = set()
    for path in sorted(inputs.glob("ward/*/register_????????.csv")):
        for row in csv.DictReader(path.read_bytes().decode("cp932").splitlines()):
            found |= {row["漢字氏名"], row["カナ氏名"], f"R{row['住民番号']}", row["住所"]}
    for path in sorted(inputs.glob("contractor/*/postal_claims_????????.csv")):
        for row in csv.DictReader(path.read_bytes().decode("cp932").splitlines()):
            found.add(f"{row['口座番号']},{row['口座名義カナ']}")
    return sorted(word for word in found if len(word) >= 4)


def standing(folders: list[Path], words: list[str]) -> dict[str, int]:
    """File -> how many of the words stand in its raw bytes, in any of the encodings."""
    import ahocorasick_rs

    written = sorted(
        {w.encode(e) for w in words for e in ("utf-8", "cp932")}
        | {json.dumps(w)[1:-1].encode() for w in words}
    )
    matcher = ahocorasick_rs.BytesAhoCorasick(written)
    found = {}
    for path in (p for folder in folders for p in sorted(folder.rglob("*")) if p.is_file()):
        if hits := len({n for n, _, _ in matcher.find_matches_as_indexes(path.read_bytes())}):
            found[str(path)] = hits
    return found


def states(c: Campaign) -> dict[str, int]:
    """People by state."""
    e = tables.entitlement
    with c.ledger.read() as connection:
        query = sa.select(e.c.state, sa.func.count()).group_by(e.c.state)
        return {state: int(n) for state, n in connection.execute(query)}
