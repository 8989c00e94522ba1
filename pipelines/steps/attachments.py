"""Showing a claim's attachment: scanned first, and on the record whether it was shown or refused."""

from datetime import date

from pipelines.intake import attachments
from pipelines.intake.attachments import AttachmentRefused
from pipelines.ledger import whose
from pipelines.steps.campaign import Campaign
from pipelines.steps.showings import record_showing


def show(c: Campaign, claim_no: str, name: str, actor: str, purpose: str, day: date) -> bytes:
    """The attachment's bytes; every showing and every refusal is an audit event.

    Raises:
        InputMissing: the claim has no such attachment.
        AttachmentRefused: there is no scanner, or it did not pass the file.
        NotOnRoster: the actor is not on the ward's roster.
    """
    intake = c.programme.intake
    try:
        data = attachments.show(
            c.at_rest, intake.attachment_scanner, intake.attachment_scanner_seconds, claim_no, name
        )
    except AttachmentRefused:
        _record(c, "attachment.refused", claim_no, actor, purpose, day)
        raise
    _record(c, "attachment.shown", claim_no, actor, purpose, day)
    return data


def _record(c: Campaign, event: str, claim_no: str, actor: str, purpose: str, day: date) -> None:
    with c.ledger.write() as connection:
        people = whose.people_of_claims(connection, c.programme.id, [claim_no])
        record_showing(
            c, connection, event, actor, purpose, people, day, subject=f"claim:{claim_no}", count=1
        )
