"""The application forms: the contractor's file, and the ward's own way for protected people and Braille households."""

from datetime import date
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.disclosure.guard import PeriodClosed
from pipelines.errors import KyufuError
from pipelines.intake.staging import sha256
from pipelines.ledger import mail, people
from pipelines.ledger.approvals import assert_approved
from pipelines.ledger.store import tell_refusal
from pipelines.steps import form_braille, form_printing, outbox, ward_forms
from pipelines.steps.campaign import Campaign


def build(c: Campaign, day: date) -> dict[str, Any]:
    """Build the day's forms: everybody who has none yet, and nobody whom linkage has not cleared.

    Returns counts, and the subject and hash that one person approves. On a day on which the disclosure does not allow
    the contractor's file, that is recorded as refused and the ward's own forms are still made.
    """

    def work(connection: sa.Connection) -> dict[str, Any]:
        guard = c.guard(day)
        waiting = _waiting(c, connection)
        in_house = pc.or_(
            pc.is_in(
                waiting.column("person_id"),
                value_set=pa.array(sorted(guard.withheld_from_contractors), pa.string()),
            ),
            pc.or_(
                pc.is_null(waiting.column("household_id")),
                _form_already_sent(c, connection, waiting),
            ),
        )
        names: list[str] = []
        refused = None
        try:
            names += form_printing.build(
                c, connection, guard, waiting.filter(pc.invert(in_house)), day
            )
        except PeriodClosed as error:
            tell_refusal(connection, c.programme.id, error)
            refused = str(error)
        own = waiting.filter(in_house)
        names += ward_forms.build(c, connection, guard, own, day)
        names += form_braille.build(c, connection, guard, own, day)
        return {
            "names": names, "subject": f"forms:{day}", "hash": _content_hash(c, names), "refused": refused,
            "proof": next((name for name in names if name.startswith("proof_")), ""),
            "people": waiting.num_rows if not refused else int(pc.sum(in_house).as_py() or 0),
            "needed": c.programme.people.forms_approvals if names else 0,
        }  # fmt: skip

    result = c.ledger.once("forms.build", day, work)
    if result["refused"]:
        c.note_refusal("forms", result["refused"], day)
    return result


def release(c: Campaign, day: date) -> dict[str, Any]:
    """Send what was approved and mark its people as having a form."""
    draft = c.ledger.result_of("forms.build", day)
    if draft is None:
        raise KyufuError(f"forms {day}: 申請書はまだ作成されていません。")
    with c.ledger.read() as connection:
        if draft["names"]:
            # of the files and the proof sheet as they lie there now
            seen = _content_hash(c, draft["names"])
            assert_approved(connection, c.programme.id, draft["subject"], seen, draft["needed"])
    if c.ledger.result_of("forms.sent", day) is None:
        for name in filter(partial(outbox.is_kept, c), draft["names"]):
            outbox.check_again(
                c, name, day
            )  # who is protected since may not be on a household's sheet
    sent = [outbox.send(c, name, day) for name in draft["names"]]

    def work(connection: sa.Connection) -> dict[str, Any]:
        marked = sum(_mark_sent(c, connection, name, day) for name in draft["names"])
        mail.mark_sent(connection, c.programme.id, draft["names"], day)
        return {"people": marked}

    return {**c.ledger.once("forms.sent", day, work), "files": sent}


def confirm(c: Campaign, day: date) -> dict[str, Any]:
    """Wait until the contractor has acknowledged the forms."""
    draft = c.ledger.result_of("forms.build", day) or {"names": []}
    return {"files": [outbox.await_acknowledgement(c, name, day) for name in draft["names"]]}


def _waiting(c: Campaign, connection: sa.Connection) -> pa.Table:
    """Everybody who may claim and has no form yet, in register order."""
    ids = people.without_form(connection, c.programme.id, ward_forms.SENT_TO)
    everybody = c.people()
    return everybody.filter(
        pc.is_in(everybody.column("person_id"), value_set=pa.array(ids, pa.string()))
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
    return sha256("".join(sha256(outbox.read_payload(c, n)) for n in names).encode())
