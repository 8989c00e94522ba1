"""The stewards' queue: who is held and why, both sides of the comparison, decisions, and what follows from them.

What a hold shows comes from staging each time; the ledger keeps the decision and a hash of what it was taken on. When
that data is no longer the same, the decision is stale: it is shown as such and does nothing.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.failpoints import failpoint
from pipelines.ledger import claim_owners, holds, tables
from pipelines.ledger.holds import Choice, Concern, Decided, Hold
from pipelines.matching import comparison
from pipelines.matching.comparison import MASK, Item, Sides
from pipelines.outputs import zengin
from pipelines.steps import waiting_changes
from pipelines.steps.campaign import Campaign
from pipelines.steps.hold_sides import both_sides, is_supplement
from pipelines.steps.pseudonyms import pseudonym
from pipelines.steps.reasons import assert_given
from pipelines.steps.roles import Act, Actor
from pipelines.steps.showings import record_showing

_SHORTEST = 2  # characters of a name or number that a reason must not hold
_ACCOUNT = ("bank_code", "branch_code", "account_type", "account_number")


class HoldRefused(KyufuError):
    """This cannot be decided so, or not by this person, or not yet."""


class Progress(StrEnum):
    """How far the decision about a hold is, in ward staff's words."""

    OPEN = "未決定"
    PARTLY = "同意待ち"
    COMPLETE = "次の処理で反映"
    STALE = "無効(内容が変化)"


@dataclass(frozen=True)
class Listed:
    """A line of the queue: nothing personal. claim_id is masked where the reader may not see whom it is about."""

    hold: Hold
    claim_id: str
    progress: Progress
    choice: Choice | None
    approved: int
    needed: int


@dataclass(frozen=True)
class Shown:
    """A hold as one person may see it. decided: the newest decision; reasons: (who, why) of those who took part."""

    hold: Hold
    claim_id: str
    items: Sequence[Item]
    masked: bool
    progress: Progress
    decided: Decided | None
    reasons: Sequence[tuple[str, str]]
    payable_on: Sequence[str]
    needed: int


def list_holds(
    c: Campaign, actor: Actor, purpose: str, day: date, *, code: str = "", limit: int = 50
) -> tuple[list[Listed], int]:
    """(the first `limit` holds of the queue, how many there are); the listing is an audit event.

    code: only holds with this finding code.

    Raises:
        NotAllowed: the actor may not list holds.
    """
    actor.assert_may(Act.LIST)
    with c.ledger.write() as connection:
        found = [
            hold for hold in _queue(c, connection) if not code or code in hold.codes.split(";")
        ]
        newest = _newest(c, connection)
        chosen = [_as_decided(hold, newest.get(hold.hold_id)) for hold in found[:limit]]
        sides = both_sides(c, connection, [h for h in chosen if h.hold_id in newest])
        listed = [
            _listed(c, hold, newest.get(hold.hold_id), sides.get(hold.hold_id), actor)
            for hold in chosen
        ]
        people = [h.person_id for h in chosen if h.person_id]
        record_showing(
            c, connection, "holds.listed", actor.name, purpose, people, day, subject="holds", count=len(chosen)
        )  # fmt: skip
    return listed, len(found)


def show(
    c: Campaign, hold: str, actor: Actor, purpose: str, day: date, belongs_to: str | None = None
) -> Shown:
    """One hold with both sides; every person whose data it is about is an audit event of its own.

    belongs_to: resident number of somebody whose a claim may be that is nobody's, to be shown beside it; else whom the
    newest decision about it says.

    Raises:
        NotAllowed: the actor may not see holds.
        HoldRefused: no such hold waits, or nobody has that number.
    """
    actor.assert_may(Act.SHOW)
    with c.ledger.write() as connection:
        plain = _find(c, connection, hold)
        decided = _newest(c, connection).get(hold)
        found = _as_decided(plain, decided)
        if belongs_to is not None:
            _assert_is_nobodys(plain)
            found = replace(plain, applicant_id=_person_of_resident(c, belongs_to))
        sides = both_sides(c, connection, [found])[hold]
        reasons = _reasons(c, connection, found, decided) if decided else []
        is_masked = _is_masked(found, sides, actor)
        if found != plain:  # who sees somebody beside the claim has seen the claim too
            alone = both_sides(c, connection, [plain])[hold]
            _record_showing(c, connection, plain, alone, actor, purpose, is_masked, day)
        _record_showing(c, connection, found, sides, actor, purpose, is_masked, day)
    items = comparison.compare(sides)
    return Shown(
        hold=found,
        claim_id=MASK if is_masked else found.claim_id,
        items=comparison.masked(items) if is_masked else items,
        masked=is_masked,
        progress=_progress(found, decided, sides),
        decided=decided,
        reasons=reasons,
        payable_on=[] if is_masked else sides.payable_on,
        needed=_needed(c, found, sides),
    )


def decide(
    c: Campaign, hold: str, choice: Choice, reason: str, actor: Actor, day: date, paid_claim_id: str | None = None,
    belongs_to: str | None = None,
) -> Decided:  # fmt: skip
    """Enter a person's decision on what that person was shown; a second person agrees by deciding the same.

    paid_claim_id: of several claims that are disputed, the one to pay on; the hold's own unless told.
    belongs_to: resident number of whom a claim is that is nobody's; whom the newest decision says unless told.

    Raises:
        NotAllowed: the actor may not decide, or may only agree.
        HoldRefused: the hold does not wait, was not shown to the actor as it stands, cannot be paid, or the reason is
            missing or tells personal data.
        ApprovalRefused: the actor may not decide this.
    """
    actor.assert_may(Act.AGREE)
    with c.ledger.write() as connection:
        found = _find(c, connection, hold)
        if found.person_id is None:
            decided = _decide_whose(
                c, connection, found, choice, reason, actor, day, paid_claim_id, belongs_to
            )
        else:
            decided = _decide_payment(
                c, connection, found, choice, reason, actor, day, paid_claim_id, belongs_to
            )
        failpoint("holds.before_commit")
    failpoint("holds.decided")
    return decided


def _decide_payment(
    c: Campaign, connection: sa.Connection, found: Hold, choice: Choice, reason: str, actor: Actor, day: date,
    paid_claim_id: str | None, belongs_to: str | None,
) -> Decided:  # fmt: skip
    """About a person who is held."""
    if choice is Choice.BELONGS or belongs_to is not None:
        _assert_is_nobodys(found)
    sides = both_sides(c, connection, [found])[found.hold_id]
    digest = sides.fingerprint()
    before = holds.newest(connection, c.programme.id).get(found.hold_id)
    if choice is Choice.PAY and paid_claim_id is None:
        agreed = before is not None and holds.continues(
            before, found, digest, choice, before.paid_claim_id
        )
        paid_claim_id = before.paid_claim_id if before and agreed else found.claim_id
    if not holds.continues(before, found, digest, choice, paid_claim_id):
        actor.assert_may(Act.DECIDE)
    _assert_reason(reason, sides)
    _assert_was_shown(c, connection, found, digest, actor)
    _assert_possible(c, connection, found, sides, choice, paid_claim_id)
    return holds.decide(
        connection, c.programme.id, found, digest, choice, paid_claim_id, _needed(c, found, sides),
        actor.name, reason.strip(), day,
    )  # fmt: skip


def _decide_whose(
    c: Campaign, connection: sa.Connection, found: Hold, choice: Choice, reason: str, actor: Actor, day: date,
    paid_claim_id: str | None, belongs_to: str | None,
) -> Decided:  # fmt: skip
    """About a claim that is nobody's: it is a resident's, or it is not taken."""
    before = claim_owners.newest(connection, c.programme.id).get(found.hold_id)
    owner = _owner(c, found, choice, paid_claim_id, belongs_to, before)
    meant = replace(found, applicant_id=owner) if owner else found
    sides = both_sides(c, connection, [meant])[found.hold_id]
    digest = sides.fingerprint()
    is_agreement = (
        holds.continues(before, meant, digest, choice, None)
        and before is not None
        and before.belongs_to == owner
    )
    if not is_agreement:
        actor.assert_may(Act.DECIDE)
    _assert_reason(reason, sides)
    _assert_was_shown(c, connection, meant, digest, actor)
    return claim_owners.decide(
        connection, c.programme.id, meant, digest, choice, owner, _needed(c, meant, sides),
        actor.name, reason.strip(), day,
    )  # fmt: skip


def _owner(
    c: Campaign, found: Hold, choice: Choice, paid_claim_id: str | None, belongs_to: str | None, before: Decided | None,
) -> str | None:  # fmt: skip
    """Person id of whom the claim is said to be; None if it is not taken."""
    if choice not in (Choice.BELONGS, Choice.DECLINE) or paid_claim_id is not None:
        raise HoldRefused(
            f"{found.hold_id}: だれの申請か分からないため、支給は決定できません。"
            "申請者を特定する(belongs --to 住民番号)か、受け付けない(decline)を選んでください。"
            "訂正・取下げ(この受付番号を元受付番号に書いたもの)を受け付けても解消します。"
        )
    if choice is Choice.DECLINE:
        if belongs_to is not None:
            raise HoldRefused("--to は申請者を特定する(belongs)ときだけ使えます。")
        return None
    if is_supplement(found.claim_id):
        raise HoldRefused(
            f"{found.hold_id}: あとから受け入れた明細だけの申請です。受け付けず(decline)、"
            "その人の新しい申請を受け付けてください。"
        )
    if belongs_to is not None:
        return _person_of_resident(c, belongs_to)
    if before is None or before.belongs_to is None or before.applied_on is not None:
        raise HoldRefused("--to に申請者の住民番号を書いてください。")
    return before.belongs_to


def _person_of_resident(c: Campaign, resident: str) -> str:
    """Person id of an eligible person by resident number."""
    people = c.people()
    found = people.filter(pc.equal(people.column("resident_id"), resident.strip())).column(
        "person_id"
    )
    if len(found) != 1:
        raise HoldRefused(
            "その住民番号の対象者はいません。番号を確かめてください。住民番号のない人の申請は、区で受け付けてください。"
        )
    return str(found[0].as_py())


def _assert_is_nobodys(hold: Hold) -> None:
    if hold.person_id is not None:
        raise HoldRefused(
            f"{hold.hold_id}: だれの申請か分かっています。belongs と --to は申請者不明の申請だけに使えます。"
        )


def due_claims(
    c: Campaign, connection: sa.Connection, choice: Choice
) -> list[tuple[Hold, Decided]]:
    """Claims that are nobody's with a complete decision of that kind that is not stale."""
    newest = {
        hold_id: decided
        for hold_id, decided in claim_owners.newest(connection, c.programme.id).items()
        if decided.applied_on is None and decided.is_complete and decided.choice is choice
    }
    if not newest:
        return []
    found = [
        _as_decided(hold, newest[hold.hold_id])
        for hold in holds.unresolved_claims(connection, c.programme.id)
        if hold.hold_id in newest
    ]
    sides = both_sides(c, connection, found)
    return [
        (hold, newest[hold.hold_id])
        for hold in found
        if _progress(hold, newest[hold.hold_id], sides[hold.hold_id]) is Progress.COMPLETE
    ]


def apply_decisions(c: Campaign, connection: sa.Connection, day: date) -> dict[str, int]:
    """Let complete decisions take effect in the caller's transaction, before the day's payments are drafted.

    Returns counts: people moved, decisions that are stale or can no longer be carried out, and, if any, the claims that
    were nobody's and are not taken.
    """
    aside = due_claims(c, connection, Choice.DECLINE)
    claim_owners.set_aside(connection, c.programme.id, aside, day)
    return _move_people(c, connection, day) | ({"set_aside": len(aside)} if aside else {})


def _move_people(c: Campaign, connection: sa.Connection, day: date) -> dict[str, int]:
    newest = holds.newest(connection, c.programme.id)
    waiting = [d for d in newest.values() if d.applied_on is None and d.is_complete]
    if not waiting:
        return {"moved": 0, "stale": 0}
    complete = {d.hold_id for d in waiting}
    found = [h for h in holds.open_holds(connection, c.programme.id) if h.hold_id in complete]
    sides = both_sides(c, connection, found)
    due = [
        (hold, newest[hold.hold_id])
        for hold in found
        if _progress(hold, newest[hold.hold_id], sides[hold.hold_id]) is Progress.COMPLETE
        and _is_possible(c, connection, hold, sides[hold.hold_id], newest[hold.hold_id])
    ]
    moved = holds.apply(connection, c.programme.id, due, day)
    return {"moved": moved, "stale": len(found) - len(due)}


def _queue(c: Campaign, connection: sa.Connection) -> list[Hold]:
    """Everybody who waits, and the claims that are nobody's; the longest waiting first."""
    people = holds.open_holds(connection, c.programme.id)
    return sorted(
        [*people, *holds.unresolved_claims(connection, c.programme.id)],
        key=lambda hold: (hold.since, hold.claim_id, hold.person_id or ""),
    )


def _newest(c: Campaign, connection: sa.Connection) -> dict[str, Decided]:
    """Hold id -> its newest decision, of people and of claims that are nobody's."""
    programme = c.programme.id
    return holds.newest(connection, programme) | claim_owners.newest(connection, programme)


def _as_decided(hold: Hold, decided: Decided | None) -> Hold:
    """A claim that is nobody's as the claim of whom a decision says that it is, as long as that has no effect yet."""
    if hold.person_id is not None or decided is None or decided.applied_on is not None:
        return hold
    return replace(hold, applicant_id=decided.belongs_to) if decided.belongs_to else hold


def _reasons(
    c: Campaign, connection: sa.Connection, hold: Hold, decided: Decided
) -> list[tuple[str, str]]:
    if hold.person_id is None:
        return claim_owners.reasons(connection, c.programme.id, decided)
    return holds.reasons(connection, c.programme.id, decided)


def _find(c: Campaign, connection: sa.Connection, hold: str) -> Hold:
    for found in _queue(c, connection):
        if found.hold_id == hold:
            return found
    raise HoldRefused(
        f"{hold}: この番号の保留はありません。決定が反映されたか、申請が訂正・取下げされています。"
        "kyufu holds list で確認してください。"
    )


def _needed(c: Campaign, hold: Hold, sides: Sides | None) -> int:
    """How many different people must agree: two where protection, an addition or a recovery is concerned."""
    is_grave = hold.concerns or (sides is not None and sides.protected)
    return c.programme.people.protection_approvals if is_grave else 1


def _is_masked(hold: Hold, sides: Sides | None, actor: Actor) -> bool:
    is_protected = Concern.PROTECTION in hold.concerns or (
        sides is not None and bool(sides.protected)
    )
    return is_protected and not actor.may(Act.SHOW_PROTECTED)


def _progress(hold: Hold, decided: Decided | None, sides: Sides | None) -> Progress:
    if decided is None or decided.applied_on is not None or sides is None:
        return Progress.OPEN
    if (decided.codes, decided.data_hash) != (hold.codes, sides.fingerprint()):
        return Progress.STALE
    return Progress.COMPLETE if decided.is_complete else Progress.PARTLY


def _listed(
    c: Campaign, hold: Hold, decided: Decided | None, sides: Sides | None, actor: Actor
) -> Listed:
    progress = _progress(hold, decided, sides)
    counts = decided if decided and progress is not Progress.OPEN else None
    return Listed(
        hold, MASK if _is_masked(hold, sides, actor) else hold.claim_id, progress, counts.choice if counts else None,
        len(counts.approved_by) if counts else 0, _needed(c, hold, sides),
    )  # fmt: skip


# --- the record: who was shown what ---

_SHOWN = "hold.shown"


def _record_showing(
    c: Campaign, connection: sa.Connection, hold: Hold, sides: Sides, actor: Actor, purpose: str, is_masked: bool,
    day: date,
) -> None:  # fmt: skip
    detail: dict[str, Any] = {
        "hold": hold.hold_id, "data": sides.fingerprint(), "masked": is_masked, "count": 1
    }  # fmt: skip
    rows = (sides.person, sides.applicant, sides.head)
    people = dict.fromkeys(row["person_id"] for row in rows if row)
    for person in people:
        record_showing(c, connection, _SHOWN, actor.name, purpose, [person], day, **detail)
    if not people:
        record_showing(
            c, connection, _SHOWN, actor.name, purpose, [], day, subject=hold.claim_id, **detail
        )


def _assert_was_shown(
    c: Campaign, connection: sa.Connection, hold: Hold, digest: str, actor: Actor
) -> None:
    """A decision is on what its person saw: this very data, on the record."""
    a = tables.audit
    whose = hold.person_id or hold.applicant_id
    subject = pseudonym(c, whose) if whose else hold.claim_id
    query = sa.select(sa.func.count()).where(
        a.c.programme == c.programme.id, a.c.event == _SHOWN, a.c.actor == actor.name,
        a.c.subject == subject, a.c.detail.contains(f'"hold": "{hold.hold_id}"'),
        a.c.detail.contains(f'"data": "{digest}"'),
    )  # fmt: skip
    if not connection.execute(query).scalar_one():
        raise HoldRefused(
            f"{hold.hold_id}: {actor.name}はこの保留の今の内容をまだ見ていません。"
            f"kyufu holds show {hold.hold_id} で両方の内容を確認してから決定してください。"
        )


def _assert_reason(reason: str, sides: Sides) -> None:
    """A reason is given, short, and tells nothing of what either side says."""
    assert_given(reason, HoldRefused)
    folded = _fold(reason)
    if any(text in folded for text in map(_fold, sides.texts()) if len(text) >= _SHORTEST):
        raise HoldRefused(
            "理由に氏名・住所・生年月日・番号などの個人情報が含まれています。個人情報を書かずに理由を書いてください。"
        )


def _fold(text: str) -> str:
    return re.sub(r"[\s　,.、。・-]", "", unicodedata.normalize("NFKC", text))


# --- what can be done at all ---


def _is_possible(
    c: Campaign, connection: sa.Connection, hold: Hold, sides: Sides, decided: Decided
) -> bool:
    try:
        _assert_possible(c, connection, hold, sides, decided.choice, decided.paid_claim_id)
    except HoldRefused:
        return False
    return True


def _assert_possible(
    c: Campaign, connection: sa.Connection, hold: Hold, sides: Sides, choice: Choice, paid_claim_id: str | None
) -> None:  # fmt: skip
    """Protection wins over every decision, and only an account that the bank can pay to is paid to."""
    if choice is not Choice.PAY:
        if paid_claim_id is not None:
            raise HoldRefused("--claim は支給(pay)のときだけ使えます。")
        return
    if waiting_changes.CODE in hold.codes.split(";"):
        raise HoldRefused(
            f"{hold.hold_id}: この人の異動の行が保留中です。行を直すと支給か対象外かが決まります(kyufu quarantine)。"
        )
    if paid_claim_id is None or paid_claim_id not in sides.payable_on:
        raise HoldRefused(
            f"{hold.hold_id}: その受付番号ではこの人に支給できません。"
            "kyufu holds show に出る受付番号から選んでください。"
        )
    claim = holds.claim_row(connection, c.programme.id, paid_claim_id)
    is_own = claim["channel"] == "inhouse" and claim["applicant_id"] is not None
    if hold.person_id in hold.protected and not (is_own and _is_protected(c, connection, claim)):
        raise HoldRefused(
            f"{hold.hold_id}: この申請では支給できません。本人の申請を区で受け付けてください(another-claim)。"
        )
    account = [claim[name] for name in _ACCOUNT]
    holder = claim["account_holder_kana"]
    if None in account or not holder or zengin.bank_name_kana(holder).needs_person:
        raise HoldRefused(
            f"{hold.hold_id}: 口座の記載が不完全なため支給できません。訂正の申請を受け付けてください(another-claim)。"
        )


def _is_protected(c: Campaign, connection: sa.Connection, claim: Mapping[str, Any]) -> bool:
    p = tables.protection
    query = sa.select(sa.func.count()).where(
        p.c.programme == c.programme.id, p.c.person_id == claim["applicant_id"]
    )
    return bool(connection.execute(query).scalar_one())
