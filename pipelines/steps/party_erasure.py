"""Returning and erasing at the parties: asked over the link once, chased until each one's certificate is in.

The request is a release about nobody: names and hashes of what was delivered. The certificate is a CMS SignedData by
the party (docs/interfaces/link.md), over the link or, after the connection's end, as a file; `openssl cms` opens it.
"""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipelines.disclosure.guard import NOBODY, PeriodClosed
from pipelines.disclosure.release import make_release
from pipelines.errors import InputRefused
from pipelines.failpoints import failpoint
from pipelines.files import write_whole
from pipelines.intake.staging import sha256
from pipelines.ledger import tables
from pipelines.ledger.store import record
from pipelines.link import receiving
from pipelines.link.errors import SealInvalid
from pipelines.link.seal import verify
from pipelines.programme import Party, PartyErasure
from pipelines.reports.arrivals import LINK
from pipelines.steps import fetching, outbox
from pipelines.steps.campaign import Campaign
from pipelines.steps.party_outbox import OUTBOX

_STATEMENT = {"programme", "party", "request", "erased_on", "erased", "returned"}


@dataclass(frozen=True)
class Asked:
    """What stands about one party. asked_on, due: None while it is not asked; erased, returned: of its certificate."""

    party: str
    name: str
    ask_on: date
    asked_on: date | None
    due: date | None
    certified_on: date | None
    erased: int | None
    returned: int | None

    def told(self, day: date) -> str:
        """For people."""
        if self.certified_on is not None:
            return (
                f"証明書受領({self.certified_on}、消去{self.erased:,}件、返還{self.returned:,}件)"
            )
        if self.due is None:
            return f"依頼前({self.ask_on}に依頼)" if day < self.ask_on else "未依頼"
        late = "、期限を過ぎています" if self.due < day else ""
        return f"依頼済み({self.asked_on})、証明書待ち(期限 {self.due}{late})"


def standing(c: Campaign) -> list[Asked]:
    """Every party that is to be asked, in the programme's order."""
    r = tables.erasure_request
    with c.ledger.read() as connection:
        rows = connection.execute(sa.select(r).filter_by(programme=c.programme.id)).mappings()
        known = {row["party"]: row for row in rows}
    nothing: dict[str, Any] = {}
    found = []
    for party, terms in _parties(c):
        row = known.get(party.id, nothing)
        found.append(
            Asked(
                party.id, party.name, terms.ask_on, row.get("asked_on"), row.get("due"), row.get("certified_on"),
                row.get("erased"), row.get("returned"),
            )
        )  # fmt: skip
    return found


def ask(c: Campaign, day: date) -> dict[str, Any]:
    """Ask every party whose time has come, once; one that can no longer be reached is told of.

    Returns how many were asked today, and how many could not be.
    """
    asked, missed = 0, 0
    for party, terms in _parties(c):
        if day < terms.ask_on:
            continue
        row = _row(c, party.id)
        if row is None:
            try:
                row = _enter_request(c, party, terms, day)
            except PeriodClosed:
                missed += 1
                c.note_refusal(
                    f"{LINK}{party.id}",
                    f"{party.name}: 返還・消去の依頼を{terms.ask_on}に送れず、結合期間が終わっています。"
                    "書面で依頼し、証明書は kyufu erasure receive で記録してください。",
                    day,
                )
                continue
            asked += 1
        if party.connection.holds(day):
            outbox.send(c, row["name"], day)
            outbox.await_acknowledgement(c, row["name"], day)
    return {"asked": asked, "not_asked": missed}


def collect(c: Campaign, day: date) -> dict[str, Any]:
    """Take the certificates that came over the link; tell of those that are late.

    Raises:
        InputRefused: a certificate is not what was asked for.
    """
    received, late = 0, 0
    for party, _ in _parties(c):
        row = _row(c, party.id)
        if row is None or row["certified_on"] is not None:
            continue
        if party.connection.holds(day) and (found := _fetch(c, party.id, row["name"], day)):
            receive(c, party.id, found, day)
            received += 1
        elif row["due"] < day:
            late += 1
            c.note_refusal(
                f"{LINK}{party.id}",
                f"{party.name}: 返還・消去の証明書が期限({row['due']})までに届いていません。提出を求めてください。",
                day,
            )
    return {"received": received, "late": late}


def receive(c: Campaign, party_id: str, signed: bytes, day: date) -> dict[str, Any]:
    """Enter a party's certificate, from the link or as a file; the same again changes nothing.

    Raises:
        InputRefused: it is not the party's, is about something else, or does not name everything that was delivered.
    """
    row = _row(c, party_id)
    if row is None:
        raise InputRefused(f"{party_id}: 返還・消去をまだ依頼していません。")
    told = _read(c, party_id, row["name"], signed)
    erased = {(item["name"], item["sha256"]) for item in (*told["erased"], *told["returned"])}
    lacking = sorted(
        name for name, digest in _delivered(c, party_id) if (name, digest) not in erased
    )
    if lacking:
        raise InputRefused(
            f"{c.programme.party(party_id).name}の証明書に、渡したデータが{len(lacking)}件ありません"
            f"({'、'.join(lacking[:5])})。受け取っていません。作り直してもらってください。"
        )
    write_whole(certificate_path(c, party_id), signed)
    counts = {"erased": len(told["erased"]), "returned": len(told["returned"])}
    r = tables.erasure_request
    key = {"programme": c.programme.id, "party": party_id}
    with c.ledger.write() as connection:
        where = sa.update(r).filter_by(**key).where(r.c.certified_on.is_(None))
        new = connection.execute(
            where.values(certified_on=day, certificate_sha256=sha256(signed), **counts)
        ).rowcount
        if new:
            detail = {"sha256": sha256(signed), **counts}
            record(
                connection, c.programme.id, "erasure.party_certified", party_id, row["name"], detail, day
            )  # fmt: skip
    failpoint("erasure.party_certified")
    return {"party": party_id, **counts, "repeated": not new}


def certificate_path(c: Campaign, party_id: str) -> Path:
    """Where a party's certificate lies."""
    return c.home / "erasure" / "parties" / f"{party_id}.p7m"


def _parties(c: Campaign) -> list[tuple[Party, PartyErasure]]:
    return [(party, party.erasure) for party in c.programme.parties if party.erasure]


def _row(c: Campaign, party_id: str) -> Any:
    query = sa.select(tables.erasure_request).filter_by(programme=c.programme.id, party=party_id)
    with c.ledger.read() as connection:
        return connection.execute(query).mappings().one_or_none()


def _delivered(c: Campaign, party_id: str) -> list[tuple[str, str]]:
    """(name, SHA-256) of all that a party was given and acknowledged, requests aside."""
    r = tables.release
    query = (
        sa.select(r.c.name, r.c.sha256)
        .where(r.c.programme == c.programme.id, r.c.recipient == party_id, r.c.acknowledged)
        .where(r.c.disclosure != f"erasure_{party_id}")
        .order_by(r.c.name)
    )
    with c.ledger.read() as connection:
        return [(name, digest) for name, digest in connection.execute(query)]


def _enter_request(c: Campaign, party: Party, terms: PartyErasure, day: date) -> Any:
    """Make the request as a release and enter it with its deadline, whole or not at all."""
    due = day + timedelta(days=terms.certificate_days)
    name = f"erasure_request_{party.id}_{day:%Y%m%d}.json"
    held = [{"name": name, "sha256": digest} for name, digest in _delivered(c, party.id)]
    payload = json.dumps(
        {
            "programme": c.programme.id, "party": party.id, "asked_on": day.isoformat(), "due": due.isoformat(),
            "held": held,
        },
        sort_keys=True,
    ).encode()  # fmt: skip
    with c.ledger.write() as connection:
        made = make_release(
            c.programme, NOBODY, f"erasure_{party.id}", name=name, payload=payload, columns=(), people=frozenset(),
            records=len(held), sum_yen=None, day=day,
        )  # fmt: skip
        outbox.keep(c, connection, made)
        values = {"party": party.id, "name": name, "asked_on": day, "due": due}
        connection.execute(
            sa.insert(tables.erasure_request).values(programme=c.programme.id, **values)
        )
        detail = {"due": due, "held": len(held)}
        record(connection, c.programme.id, "erasure.asked", "system", name, detail, day)
    failpoint("erasure.asked")
    return _row(c, party.id)


def _fetch(c: Campaign, party_id: str, request: str, day: date) -> bytes | None:
    name = f"result_{request}"
    with c.session(party_id) as sftp:
        if not receiving.is_published(sftp, OUTBOX, name):
            return None
        return fetching.take(c, sftp, party_id, name, day).payload


def _read(c: Campaign, party_id: str, request: str, signed: bytes) -> dict[str, Any]:
    whose = f"{c.programme.party(party_id).name}の証明書"
    try:
        told: Any = json.loads(verify(signed, c.certificate(party_id)))
    except (SealInvalid, ValueError):
        raise InputRefused(f"{whose}: 相手先の署名を確認できません。受け取っていません。") from None
    if not isinstance(told, dict) or told.keys() != _STATEMENT:
        raise InputRefused(f"{whose}: 内容が取り決めと違います。受け取っていません。")
    about = (told["programme"], told["party"], told["request"])
    if about != (c.programme.id, party_id, request):
        raise InputRefused(f"{whose}: 別の依頼についてのものです。受け取っていません。")
    return told
