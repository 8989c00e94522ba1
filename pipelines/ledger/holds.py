"""Holds in the ledger: who waits, what stewards decided about whom, and the moves that follow from it.

A hold is one person's entitlement on one claim that may not be paid by itself. A decision about it is numbered; the
newest one counts, once as many different people as it needs agree to exactly its content, and only as long as the data
that both sides showed is the same. `pipelines.steps.holds` knows the data; here are only its hashes.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pipelines.ledger import approvals, tables
from pipelines.ledger.people import protected_ids
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import Move, fetch_plain, insert_new, move, record, staged

STATES = (Entitlement.HELD, Entitlement.CLAIMED)
_HELD_BY = "system"  # who drafted a hold: the matching itself, so every person may decide it
_FELL = ("superseded", "withdrawn")
_ABOUT_PROTECTION = "HEAD_PROTECTED"


class Choice(StrEnum):
    """What a steward may decide."""

    PAY = "pay"
    DECLINE = "decline"
    ANOTHER_CLAIM = "another-claim"
    BELONGS = "belongs"  # of a claim that is nobody's: whose it is


class Concern(StrEnum):
    """Why a decision needs two different people."""

    PROTECTION = "protection"
    ADDITION = "addition"
    RECOVERY = "recovery"


@dataclass(frozen=True)
class Hold:
    """One entitlement that waits. codes: finding codes joined by `;`. applicant_id: person id, None if unknown.

    person_id, state: None for a claim that touches nobody, because nobody knows whose it is. protected: the ids among
    person and applicant who are protected.
    """

    hold_id: str
    person_id: str | None
    claim_id: str
    state: Entitlement | None
    codes: str
    channel: str
    since: date
    applicant_id: str | None
    protected: frozenset[str]
    concerns: frozenset[Concern]


@dataclass(frozen=True)
class Decided:
    """A numbered decision. approved_by: who agreed to exactly this; it is complete once they are `needed` many.

    belongs_to: person id of whom a claim is that was nobody's.
    """

    hold_id: str
    number: int
    codes: str
    data_hash: str
    choice: Choice
    paid_claim_id: str | None
    needed: int
    applied_on: date | None
    approved_by: frozenset[str]
    belongs_to: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether enough different people agreed."""
        return len(self.approved_by) >= self.needed


def person_of(hold: Hold) -> str:
    """Whose hold it is.

    Raises:
        ValueError: nobody's, so that nobody's payment can follow from it.
    """
    if hold.person_id is None:
        raise ValueError("a claim that touches nobody moves nobody")
    return hold.person_id


def hold_id(programme: str, claim_id: str, person_id: str) -> str:
    """What names the pair of a claim and a person without naming either."""
    return hashlib.sha256(f"{programme}\n{claim_id}\n{person_id}".encode()).hexdigest()[:12]


def open_holds(connection: sa.Connection, programme: str) -> list[Hold]:
    """Everybody who is held, or deficient, on a claim; the longest waiting first."""
    e, c = tables.entitlement, tables.claim
    query = (
        sa.select(
            e.c.person_id, e.c.claim_id, e.c.state, e.c.codes, e.c.source, c.c.channel, c.c.day, c.c.applicant_id
        )
        .join(c, (c.c.programme == e.c.programme) & (c.c.claim_id == e.c.claim_id))
        .where(e.c.programme == programme, e.c.state.in_(STATES))
        .order_by(c.c.day, e.c.claim_id, e.c.person_id)
    )  # fmt: skip
    protected = protected_ids(connection, programme)
    r = tables.recovery
    recovering = set(
        connection.execute(sa.select(r.c.person_id).filter_by(programme=programme)).scalars()
    )
    return [_hold(programme, row, protected, recovering) for row in connection.execute(query)]


def unresolved_claims(connection: sa.Connection, programme: str) -> list[Hold]:
    """Claims that touch nobody, each as a hold of nobody; the longest waiting first.

    Nobody knows whose they are, so that they may be a protected person's.
    """
    c, f = tables.claim, tables.finding
    query = (
        sa.select(c.c.claim_id, c.c.channel, c.c.day, c.c.applicant_id, f.c.code)
        .join(f, (f.c.programme == c.c.programme) & (f.c.claim_id == c.c.claim_id))
        .where(c.c.programme == programme, c.c.outcome == "unresolved", f.c.line == "")
        .order_by(c.c.day, c.c.claim_id, f.c.code)
    )
    found: dict[str, Hold] = {}
    for row in connection.execute(query):
        codes = [found[row.claim_id].codes] if row.claim_id in found else []
        found[row.claim_id] = Hold(
            hold_id(programme, row.claim_id, ""), None, row.claim_id, None, ";".join([*codes, row.code]), row.channel,
            row.day, row.applicant_id, frozenset(), frozenset({Concern.PROTECTION}),
        )  # fmt: skip
    return list(found.values())


def _hold(programme: str, row: Any, protected: set[str], recovering: set[str]) -> Hold:
    secret = protected & {row.person_id, row.applicant_id}
    concerns = {
        Concern.PROTECTION: bool(secret) or _ABOUT_PROTECTION in row.codes.split(";"),
        Concern.ADDITION: row.source == "addition",
        Concern.RECOVERY: row.person_id in recovering,
    }
    return Hold(
        hold_id(programme, row.claim_id, row.person_id), row.person_id, row.claim_id, Entitlement(row.state), row.codes,
        row.channel, row.day, row.applicant_id, frozenset(secret),
        frozenset(concern for concern, holds in concerns.items() if holds),
    )  # fmt: skip


def claims_naming(
    connection: sa.Connection, programme: str, wanted: Sequence[Hold]
) -> dict[str, list[str]]:
    """Hold id -> the standing claims that name its person: the hold's own first, then those it is disputed with."""
    f, c = tables.finding, tables.claim
    query = (
        sa.select(f.c.person_id, f.c.claim_id)
        .join(c, (c.c.programme == f.c.programme) & (c.c.claim_id == f.c.claim_id))
        .where(f.c.programme == programme, f.c.code == "DUPLICATE_CLAIM")
        .where(f.c.person_id.is_not(None), c.c.outcome.not_in(_FELL))
        .distinct()
        .order_by(f.c.claim_id)
    )
    named: dict[str, list[str]] = defaultdict(list)
    for person, claim_id in fetch_plain(connection, query):
        named[person].append(claim_id)
    return {
        hold.hold_id: [
            hold.claim_id, *(n for n in named[hold.person_id or ""] if n != hold.claim_id)
        ]
        for hold in wanted
    }  # fmt: skip


def claims_like(
    connection: sa.Connection, programme: str, claim_ids: set[str]
) -> dict[str, list[str]]:
    """Claim id -> the other standing claims with its account or its certificate, in order."""
    c = tables.claim
    account = (c.c.bank_code, c.c.branch_code, c.c.account_type, c.c.account_number)
    query = sa.select(c.c.claim_id, c.c.outcome, c.c.certificate_serial, *account)
    rows = fetch_plain(connection, query.where(c.c.programme == programme).order_by(c.c.claim_id))
    marks = {row[0]: _marks(row) for row in rows if row[0] in claim_ids}
    asked = {mark for own in marks.values() for mark in own}
    users: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for row in rows:
        if row[1] not in _FELL:
            for mark in _marks(row) & asked:
                users[mark].append(row[0])
    return {
        claim_id: sorted({n for mark in own for n in users[mark]} - {claim_id})
        for claim_id, own in marks.items()
    }


def _marks(row: Sequence[Any]) -> set[tuple[str, ...]]:
    """What two claims may share: an account, a certificate."""
    _, _, certificate, *account = row
    found = {("account", *account)} if None not in account else set()
    return found | ({("certificate", certificate)} if certificate is not None else set())


def claim_row(connection: sa.Connection, programme: str, claim_id: str) -> Mapping[str, Any]:
    """A claim as the ledger keeps it."""
    query = sa.select(tables.claim).filter_by(programme=programme, claim_id=claim_id)
    return dict(connection.execute(query).mappings().one())


def newest(connection: sa.Connection, programme: str) -> dict[str, Decided]:
    """Hold id -> its newest decision, with who agreed to it."""
    d, a = tables.hold_decision, tables.approval
    given: dict[tuple[str, str], set[str]] = {}
    approved = sa.select(a.c.subject, a.c.subject_hash, a.c.actor).where(
        a.c.programme == programme, a.c.subject.like("hold:%"), a.c.decision == "approve"
    )
    for subject, digest, actor in connection.execute(approved):
        given.setdefault((subject, digest), set()).add(actor)
    found: dict[str, Decided] = {}
    rows = connection.execute(
        sa.select(d).where(d.c.programme == programme).order_by(d.c.hold_id, d.c.number)
    )
    for row in rows.mappings():
        subject = _subject(row["hold_id"], row["number"])
        found[row["hold_id"]] = Decided(
            row["hold_id"], row["number"], row["codes"], row["data_hash"], Choice(row["decision"]),
            row["paid_claim_id"], row["needed"], row["applied_on"],
            frozenset(given.get((subject, _content(row)), set())),
        )  # fmt: skip
    return found


def reasons(connection: sa.Connection, programme: str, decided: Decided) -> list[tuple[str, str]]:
    """(who, why) of everybody who took part in a decision."""
    r = tables.hold_reason
    query = (
        sa.select(r.c.actor, r.c.reason)
        .filter_by(programme=programme, hold_id=decided.hold_id, number=decided.number)
        .order_by(r.c.business_date, r.c.actor)
    )
    return [(actor, reason) for actor, reason in connection.execute(query)]


def continues(
    before: Decided | None, hold: Hold, data_hash: str, choice: Choice, paid_claim_id: str | None
) -> bool:
    """Whether somebody who decides so agrees with the newest decision, rather than deciding anew."""
    return (
        before is not None
        and before.applied_on is None
        and (before.codes, before.data_hash) == (hold.codes, data_hash)
        and (before.choice, before.paid_claim_id) == (choice, paid_claim_id)
    )


def decide(
    connection: sa.Connection, programme: str, hold: Hold, data_hash: str, choice: Choice, paid_claim_id: str | None,
    needed: int, actor: str, reason: str, day: date,
) -> Decided:  # fmt: skip
    """Enter one person's decision: agreement with the newest one, or a new one that takes its place.

    The same decision by the same person again changes nothing.

    Raises:
        ApprovalRefused: this person may not decide this.
    """
    before = newest(connection, programme).get(hold.hold_id)
    if before and continues(before, hold, data_hash, choice, paid_claim_id):
        number = before.number
    else:
        number = before.number + 1 if before else 1
        connection.execute(
            sa.insert(tables.hold_decision).values(
                programme=programme, hold_id=hold.hold_id, number=number, claim_id=hold.claim_id,
                person_id=hold.person_id, codes=hold.codes, data_hash=data_hash, decision=str(choice),
                paid_claim_id=paid_claim_id, needed=needed,
            )
        )  # fmt: skip
    d = tables.hold_decision
    key = {"programme": programme, "hold_id": hold.hold_id, "number": number}
    row = connection.execute(sa.select(d).filter_by(**key)).mappings().one()
    subject = _subject(hold.hold_id, number)
    approvals.decide(connection, programme, subject, _content(row), actor, True, _HELD_BY, day)
    why = {**key, "actor": actor, "reason": reason, "business_date": day}
    insert_new(connection, tables.hold_reason, [why])
    return newest(connection, programme)[hold.hold_id]


def _subject(hold: str, number: int) -> str:
    return f"hold:{hold}:{number}"


def _content(row: Mapping[Any, Any]) -> str:
    """The hash of all that a person agrees to."""
    names = ("claim_id", "person_id", "codes", "data_hash", "decision", "paid_claim_id", "needed")
    return hashlib.sha256(json.dumps([row[name] for name in names]).encode()).hexdigest()


def apply(
    connection: sa.Connection, programme: str, due: Sequence[tuple[Hold, Decided]], day: date
) -> int:
    """Let complete decisions take effect: the people move, and their claims' outcomes with them; returns how many.

    Raises:
        ApprovalRefused: a decision has too few people behind it.
        KyufuError: somebody is not where a hold is.
    """
    moves, claims = [], set()
    for hold, decided in due:
        person = person_of(hold)
        row = {
            "claim_id": hold.claim_id, "person_id": person, "codes": decided.codes,
            "data_hash": decided.data_hash, "decision": str(decided.choice), "paid_claim_id": decided.paid_claim_id,
            "needed": decided.needed,
        }  # fmt: skip
        subject = _subject(hold.hold_id, decided.number)
        approvals.assert_approved(connection, programme, subject, _content(row), decided.needed)
        connection.execute(
            sa.update(tables.hold_decision)
            .filter_by(programme=programme, hold_id=hold.hold_id, number=decided.number)
            .values(applied_on=day)
        )
        moves.append(_move(hold, person, decided))
        claims |= {hold.claim_id, *([decided.paid_claim_id] if decided.paid_claim_id else [])}
    moved = move(connection, programme, moves, "steward", "", day)
    _settle_outcomes(connection, programme, sorted(claims))
    if moves:
        detail = {str(c): sum(d.choice is c for _, d in due) for c in Choice}
        record(connection, programme, "holds.applied", "system", f"holds:{day}", detail, day)
    return moved


def _move(hold: Hold, person: str, decided: Decided) -> Move:
    match decided.choice:
        case Choice.PAY:
            return Move(person, Entitlement.APPROVED, decided.paid_claim_id)
        case Choice.DECLINE:
            return Move(person, Entitlement.DECLINED, hold.claim_id, hold.codes)
        case Choice.ANOTHER_CLAIM:
            return Move(person, Entitlement.UNCLAIMED, None, hold.codes)
        case Choice.BELONGS:
            raise ValueError("whose a claim is moves nobody")


def _settle_outcomes(connection: sa.Connection, programme: str, claim_ids: Sequence[str]) -> None:
    """What became of claims once their people are decided: the first of held, deficient, paid, no effect."""
    e, c = tables.entitlement, tables.claim
    states: dict[str, set[str]] = {claim_id: set() for claim_id in claim_ids}
    with staged(connection, "decided_claim", ["claim_id"], ((n,) for n in claim_ids)) as wanted:
        query = sa.select(e.c.claim_id, e.c.state).where(
            e.c.programme == programme, e.c.claim_id.in_(sa.select(wanted.c.claim_id))
        )
        for claim_id, state in fetch_plain(connection, query):
            states[claim_id].add(state)
    for claim_id, found in states.items():
        connection.execute(
            sa.update(c)
            .filter_by(programme=programme, claim_id=claim_id)
            .values(outcome=_outcome(found))
        )


def _outcome(states: set[str]) -> str:
    if Entitlement.HELD in states:
        return "held"
    if Entitlement.CLAIMED in states:
        return "deficient"
    return "paid" if states - {Entitlement.DECLINED} else "no_effect"
