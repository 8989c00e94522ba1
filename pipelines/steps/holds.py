"""The stewards' queue: who is held and why, both sides of the comparison, decisions, and what follows from them.

What a hold shows comes from staging each time; the ledger keeps the decision and a hash of what it was taken on. When
that data is no longer the same, the decision is stale: it is shown as such and does nothing.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.failpoints import failpoint
from pipelines.intake import keys
from pipelines.ledger import holds, tables
from pipelines.ledger.holds import Choice, Concern, Decided, Hold
from pipelines.ledger.people import protected_ids
from pipelines.ledger.store import record
from pipelines.matching import comparison
from pipelines.matching.comparison import MASK, Item, Sides
from pipelines.outputs import zengin
from pipelines.steps import deliveries, register, undecided, waiting_changes
from pipelines.steps.campaign import Campaign
from pipelines.steps.pseudonyms import pseudonym
from pipelines.steps.reasons import assert_given
from pipelines.steps.roles import Act, Actor

_SUPPLEMENT = re.compile(r"(.*)\+v(\d{3})")
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
        chosen = found[:limit]
        newest = holds.newest(connection, c.programme.id)
        sides = _sides(c, connection, [h for h in chosen if h.hold_id in newest])
        listed = [
            _listed(c, hold, newest.get(hold.hold_id), sides.get(hold.hold_id), actor)
            for hold in chosen
        ]
        detail = {
            "purpose": purpose,
            "count": len(chosen),
            "people": [pseudonym(c, h.person_id) for h in chosen if h.person_id],
        }
        record(connection, c.programme.id, "holds.listed", actor.name, "holds", detail, day)
    return listed, len(found)


def show(c: Campaign, hold: str, actor: Actor, purpose: str, day: date) -> Shown:
    """One hold with both sides; every person whose data it is about is an audit event of its own.

    Raises:
        NotAllowed: the actor may not see holds.
        HoldRefused: no such hold waits.
    """
    actor.assert_may(Act.SHOW)
    with c.ledger.write() as connection:
        found = _find(c, connection, hold)
        sides = _sides(c, connection, [found])[hold]
        decided = holds.newest(connection, c.programme.id).get(hold)
        reasons = holds.reasons(connection, c.programme.id, decided) if decided else []
        is_masked = _is_masked(found, sides, actor)
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
    c: Campaign, hold: str, choice: Choice, reason: str, actor: Actor, day: date, paid_claim_id: str | None = None
) -> Decided:  # fmt: skip
    """Enter a person's decision on what that person was shown; a second person agrees by deciding the same.

    paid_claim_id: of several claims that are disputed, the one to pay on; the hold's own unless told.

    Raises:
        NotAllowed: the actor may not decide, or may only agree.
        HoldRefused: the hold does not wait, was not shown to the actor as it stands, cannot be paid, or the reason is
            missing or tells personal data.
        ApprovalRefused: the actor may not decide this.
    """
    actor.assert_may(Act.AGREE)
    with c.ledger.write() as connection:
        found = _find(c, connection, hold)
        _assert_somebodys(found)
        sides = _sides(c, connection, [found])[hold]
        digest = sides.fingerprint()
        before = holds.newest(connection, c.programme.id).get(hold)
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
        decided = holds.decide(
            connection, c.programme.id, found, digest, choice, paid_claim_id, _needed(c, found, sides),
            actor.name, reason.strip(), day,
        )  # fmt: skip
        failpoint("holds.before_commit")
    failpoint("holds.decided")
    return decided


def apply_decisions(c: Campaign, connection: sa.Connection, day: date) -> dict[str, int]:
    """Let complete decisions take effect in the caller's transaction, before the day's payments are drafted.

    Returns counts: people moved, and decisions that are stale or can no longer be carried out.
    """
    newest = holds.newest(connection, c.programme.id)
    waiting = [d for d in newest.values() if d.applied_on is None and d.is_complete]
    if not waiting:
        return {"moved": 0, "stale": 0}
    complete = {d.hold_id for d in waiting}
    found = [h for h in holds.open_holds(connection, c.programme.id) if h.hold_id in complete]
    sides = _sides(c, connection, found)
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


def _assert_somebodys(hold: Hold) -> None:
    if hold.person_id is None:
        raise HoldRefused(
            f"{hold.hold_id}: だれの申請か分からないため、決定できません。"
            "申請者に確認し、訂正・取下げ(この受付番号を元受付番号に書いたもの)を受け付けてください。"
        )


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
    detail = {
        "purpose": purpose, "count": 1, "hold": hold.hold_id, "data": sides.fingerprint(), "masked": is_masked
    }  # fmt: skip
    rows = (sides.person, sides.applicant, sides.head)
    people = dict.fromkeys(pseudonym(c, row["person_id"]) for row in rows if row)
    for subject in people or [hold.claim_id]:
        record(connection, c.programme.id, _SHOWN, actor.name, subject, detail, day)


def _assert_was_shown(
    c: Campaign, connection: sa.Connection, hold: Hold, digest: str, actor: Actor
) -> None:
    """A decision is on what its person saw: this very data, on the record."""
    a = tables.audit
    subject = pseudonym(c, hold.person_id) if hold.person_id else hold.claim_id
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


# --- both sides, from staging ---


def _sides(c: Campaign, connection: sa.Connection, wanted: Sequence[Hold]) -> dict[str, Sides]:
    """Hold id -> both sides as staging has them.

    Raises:
        KyufuError: staging no longer has a claim or a person that the ledger knows.
    """
    if not wanted:
        return {}
    claims = _staged_claims(c, connection, wanted)
    people, heads = _register_rows(
        c, {p for h in wanted for p in (h.person_id, h.applicant_id) if p}
    )
    changes = _changes(c, [*people.values(), *heads.values()])
    protected = protected_ids(connection, c.programme.id)
    naming = holds.claims_naming(connection, c.programme.id, wanted)
    like = holds.claims_like(connection, c.programme.id, {hold.claim_id for hold in wanted})
    found = {}
    for hold in wanted:
        claim, lines = claims[hold.claim_id]
        person = people[hold.person_id] if hold.person_id else {}
        applicant = people.get(hold.applicant_id or "")
        head = heads.get(person.get("household_id") or "")
        rows = [row for row in (person, applicant, head) if row]
        residents = {row["resident_id"] for row in rows if row["resident_id"]}
        payable_on = naming[hold.hold_id]
        found[hold.hold_id] = Sides(
            claim, comparison.line_of(lines, person) if person else None, person, applicant, head,
            [row for resident in sorted(residents) for row in changes[resident]],
            f"{c.programme.claims.deadline:%Y%m%d}", sorted({*payable_on[1:], *like[hold.claim_id]}),
            sorted(protected & {row["person_id"] for row in rows}), sorted(hold.concerns), payable_on,
        )  # fmt: skip
    return found


def _staged_claims(
    c: Campaign, connection: sa.Connection, wanted: Sequence[Hold]
) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Claim id -> (its staged row, its staged lines), from the delivery that brought it."""
    used = deliveries.used_in(connection, c.programme.id, undecided.STEP)
    groups: dict[tuple[date, str], dict[str, tuple[str, int | None]]] = defaultdict(dict)
    for hold in wanted:
        number, version = _number(hold.claim_id)
        groups[hold.since, undecided.CHANNELS[hold.channel]][hold.claim_id] = (number, version)
    found: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
    for (day, dataset), claims in groups.items():
        for delivery in sorted(d for d in used.get(day, ()) if d.dataset == dataset):
            here = {
                claim: number
                for claim, (number, version) in claims.items()
                if claim not in found and version in (None, delivery.version)
            }
            found.update(_read_claims(c, delivery, here))
    missing = {hold.claim_id for hold in wanted} - set(found)
    if missing:
        raise KyufuError(
            f"保留されている申請{len(missing)}件の原本が取り込み済みのデータにありません。"
            "stagingのバックアップを戻してください。"
        )
    return found


def _number(claim_id: str) -> tuple[str, int | None]:
    """(the claim's number, the version of its delivery if it is a supplement)."""
    supplement = _SUPPLEMENT.fullmatch(claim_id)
    return (supplement[1], int(supplement[2])) if supplement else (claim_id, None)


def _read_claims(
    c: Campaign, delivery: deliveries.Delivery, numbers: Mapping[str, str]
) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """numbers: claim id -> claim number; those that the delivery has."""

    def rows(table: str) -> list[dict[str, Any]]:
        staged = c.staging.read(delivery.dataset, delivery.day, table, delivery.version)
        known = pc.is_in(staged.column("claim_no"), value_set=_texts(set(numbers.values())))
        found: list[dict[str, Any]] = staged.filter(known).to_pylist()
        return found

    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in rows("members"):
        lines[line["claim_no"]].append(line)
    claims = {row["claim_no"]: row for row in rows("claims")}
    return {
        claim: (claims[number], lines[number])
        for claim, number in numbers.items()
        if number in claims
    }


def _register_rows(
    c: Campaign, wanted: set[str]
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """(person id -> what the register or the addition's evidence says, household id -> its head's row)."""
    people = c.people()
    is_wanted = pc.is_in(people.column("person_id"), value_set=_texts(wanted))
    rows = people.filter(is_wanted)
    rows = rows.append_column("alias_key", keys.alias_key(rows.column("name_kanji")))
    found = {row["person_id"]: row for row in rows.to_pylist()}
    if missing := wanted - set(found):
        raise KyufuError(
            f"保留に関係する{len(missing)}人が基準日台帳にも追加の対象者にもありません。台帳を点検してください。"
        )
    households = _texts({row["household_id"] for row in found.values() if row["household_id"]})
    is_head = pc.starts_with(people.column("relationship"), "02")
    of_these = pc.is_in(people.column("household_id"), value_set=households)
    heads = people.filter(pc.and_(is_head, of_these)).to_pylist()
    return found, {row["household_id"]: row for row in heads}


def _texts(texts: Iterable[str]) -> pa.Array:
    return pa.array(sorted(texts), pa.string())


def _changes(
    c: Campaign, people: Iterable[Mapping[str, Any]]
) -> Mapping[str, list[dict[str, Any]]]:
    """Resident number -> all that the register told of these people since the base date, in order."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    rows = register.changes_until(c, date.max)
    if rows is None:
        return found
    residents = pa.array(
        sorted({p["resident_id"] for p in people if p["resident_id"]}), pa.string()
    )
    columns = ["resident_id", "change_reason", "changed_on", "notified_on"]
    of_people = rows.filter(pc.is_in(rows.column("resident_id"), value_set=residents))
    seen = set()
    for row in of_people.select(columns).to_pylist():
        if (told := tuple(row.values())) not in seen:
            seen.add(told)
            found[row["resident_id"]].append(row)
    return found
