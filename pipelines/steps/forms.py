"""The application forms: the contractor's file, and the ward's own way for protected people and Braille households."""

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.disclosure.guard import DisclosureRefused, PeriodClosed
from pipelines.errors import KyufuError
from pipelines.intake.staging import sha256
from pipelines.ledger import mail, people
from pipelines.ledger.approvals import assert_approved
from pipelines.ledger.store import tell_refusal
from pipelines.steps import form_braille, form_drafts, form_printing, outbox, ward_forms
from pipelines.steps.campaign import Campaign
from pipelines.steps.form_drafts import FormDraft

_BY_PROTECTION = ("PEOPLE", "CONTENT")  # the gate's rules that a new protection breaks


class FormsTakenBack(KyufuError):
    """Forms that were drafted may not go out any more; others must be built and approved."""


def build(c: Campaign, day: date) -> dict[str, Any]:
    """Build the day's forms: everybody who has none yet, and nobody whom linkage has not cleared.

    Returns counts, and the subject and hash that one person approves. On a day on which the disclosure does not allow
    the contractor's file, that is recorded as refused and the ward's own forms are still made. Who is on an earlier
    draft that may still go out is on no other; the people of one that was rejected are among these.
    """
    with c.ledger.read() as connection:
        draft = form_drafts.to_build(connection, c.programme.id, day)
    result = c.ledger.once(draft.build_step, day, lambda connection: _build(c, connection, draft))
    if result["refused"]:
        c.note_refusal("forms", result["refused"], day)
    return result


def _build(c: Campaign, connection: sa.Connection, draft: FormDraft) -> dict[str, Any]:
    day = draft.day
    form_drafts.take_back_rejected(connection, c.programme.id, day)
    guard = c.guard(day)
    waiting = _waiting(c, connection)
    in_house = pc.or_(
        pc.is_in(
            waiting.column("person_id"),
            value_set=pa.array(sorted(guard.withheld_from_contractors), pa.string()),
        ),
        pc.or_(
            pc.is_null(waiting.column("household_id")), _form_already_sent(c, connection, waiting)
        ),
    )
    contractors, own = waiting.filter(pc.invert(in_house)), waiting.filter(in_house)
    count = waiting.num_rows
    del waiting  # as large as the register: the file is made beside it
    names: list[str] = []
    refused = None
    try:
        names += form_printing.build(c, connection, guard, contractors, draft)
    except PeriodClosed as error:
        tell_refusal(connection, c.programme.id, error)
        refused, count = str(error), own.num_rows
    del contractors
    names += ward_forms.build(c, connection, guard, own, draft)
    names += form_braille.build(c, connection, guard, own, draft)
    return {
        "names": names, "subject": draft.subject, "hash": _content_hash(c, names), "refused": refused,
        "proof": next((name for name in names if name.startswith("proof_")), ""),
        "people": count,
        "needed": c.programme.people.forms_approvals if names else 0,
    }  # fmt: skip


def release(c: Campaign, day: date) -> dict[str, Any]:
    """Send what was approved and mark its people as having a form.

    Raises:
        FormsTakenBack: somebody on them was protected since they were built, or they were taken back before.
        ApprovalRefused: too few people agreed, or somebody rejected them.
        DisclosureRefused: a list is missing or too old, or the period is over.
    """
    with c.ledger.read() as connection:
        draft = form_drafts.newest(connection, c.programme.id, day)
        if draft is None:
            raise KyufuError(f"forms {day}: 申請書はまだ作成されていません。")
        if draft.names:
            # of the files and the proof sheet as they lie there now
            seen, needed = _content_hash(c, draft.names), draft.result["needed"]
            assert_approved(connection, c.programme.id, draft.subject, seen, needed)
    if c.ledger.result_of(draft.sent_step, day) is None:
        _check_again(c, draft)
    with c.ledger.read() as connection:
        names = form_drafts.standing(connection, c.programme.id, draft)
    if draft.names and not names:
        raise FormsTakenBack(
            f"{draft.subject}: この申請書は取り下げられました。"
            "もう一度実行するか次の日の実行で作り直し、承認してください。"
        )
    sent = [outbox.send(c, name, day) for name in names]

    def work(connection: sa.Connection) -> dict[str, Any]:
        marked = sum(_mark_sent(c, connection, name, day) for name in names)
        mail.mark_sent(connection, c.programme.id, names, day)
        return {"people": marked}

    return {**c.ledger.once(draft.sent_step, day, work), "files": sent}


def _check_again(c: Campaign, draft: FormDraft) -> None:
    """Hold what is still here against the present protections; a draft that they forbid is taken back.

    Raises:
        FormsTakenBack: it was.
        DisclosureRefused: something else than a protection forbids it; it stands.
    """
    with c.ledger.read() as connection:
        here = form_drafts.still_here(connection, c.programme.id, draft)
    for name in here:
        try:
            outbox.check_again(c, name, draft.day)
        except DisclosureRefused as refusal:
            if refusal.rule not in _BY_PROTECTION:
                raise
            with c.ledger.write() as connection:
                count = form_drafts.take_back(
                    connection, c.programme.id, draft, "protection", draft.day
                )
            raise FormsTakenBack(
                f"{draft.subject}: 作成のあとに保護対象者が加わったため、送っていない{count}点を取り下げました"
                f"({refusal})申請書の作成からもう一度実行するか、次の日の実行で作り直し、新しい番号のものを承認してください。"
            ) from None


def confirm(c: Campaign, day: date) -> dict[str, Any]:
    """Wait until the contractor has acknowledged the forms."""
    with c.ledger.read() as connection:
        draft = form_drafts.newest(connection, c.programme.id, day)
        names = form_drafts.standing(connection, c.programme.id, draft) if draft else []
    return {"files": [outbox.await_acknowledgement(c, name, day) for name in names]}


def _waiting(c: Campaign, connection: sa.Connection) -> pa.Table:
    """Everybody who may claim and has no form yet, in register order."""
    ids = set(people.without_form(connection, c.programme.id, ward_forms.SENT_TO))
    ids -= form_drafts.drafted(c, connection)
    everybody = c.people()
    return everybody.filter(
        pc.is_in(everybody.column("person_id"), value_set=pa.array(sorted(ids), pa.string()))
    )


def _form_already_sent(
    c: Campaign, connection: sa.Connection, waiting: pa.Table
) -> pa.ChunkedArray:
    """People who joined a household after its form was sent: theirs goes by the ward's own way."""
    households = waiting.column("household_id")
    sent = people.households_with_form(
        connection, c.programme.id, set(households.drop_null().to_pylist())
    )
    return pc.is_in(households, value_set=pa.array(sorted(sent), pa.string()))


def _mark_sent(c: Campaign, connection: sa.Connection, name: str, day: date) -> int:
    """Everybody whom a file's forms name; a proof, a register or labels name nobody's form."""
    if name.startswith("forms_"):
        who = outbox.read_about(c, name)["people"]
        return people.mark_form_sent(connection, c.programme.id, who, "contractor", name, day)
    who = mail.people_of(connection, c.programme.id, name)
    return (
        people.mark_form_sent(connection, c.programme.id, who, "inhouse", name, day) if who else 0
    )


def _content_hash(c: Campaign, names: list[str]) -> str:
    return sha256("".join(outbox.payload_sha256(c, n) for n in names).encode())
