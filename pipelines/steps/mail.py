"""Mail that comes back and forms that are written anew, entered by signed-in people."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import mail, people, tables
from pipelines.ledger.mail import Listed
from pipelines.steps.campaign import Campaign
from pipelines.steps.reasons import assert_given
from pipelines.steps.roles import Act, Actor
from pipelines.steps.showings import record_showing


class MailRefused(KyufuError):
    """What is to be entered about mail is incomplete, or about nobody."""


def list_mail(
    c: Campaign, actor: Actor, purpose: str, day: date, *, resident_id: str = "", returned_only: bool = False
) -> list[Listed]:  # fmt: skip
    """The ward's mail, the newest first, without names and addresses; one resident's if asked, which is recorded.

    Raises:
        NotAllowed: the actor's roles do not allow it.
        MailRefused: nobody has that number.
    """
    actor.assert_may(Act.LIST_MAIL)
    with c.ledger.write() as connection:
        if not resident_id:
            return mail.list_mail(connection, c.programme.id, returned_only=returned_only)
        actor.assert_may(Act.ENTER_MAIL)
        person = _person(connection, c, resident_id)
        record_showing(c, connection, "person.shown", actor.name, purpose, [person], day)
        return mail.list_mail(connection, c.programme.id, [person], returned_only=returned_only)


def enter_return(
    c: Campaign, actor: Actor, mailing_id: str, resident_id: str, reason: str, returned_on: date, day: date
) -> tuple[str, str]:  # fmt: skip
    """Enter that mail came back; returns (its number, what happens next).

    mailing_id: as printed on the sheet; for a form of the contractor's resident_id instead, of anybody whom it names.

    Raises:
        NotAllowed: the actor's roles do not allow it.
        MailRefused: the reason is none of the programme's, or nothing says which mail it is.
        pipelines.ledger.mail.MailRefused: the mail never went out, or is entered already.
    """
    actor.assert_may(Act.ENTER_MAIL)
    reasons = c.programme.mail.undelivered
    if reason not in reasons:
        known = "、".join(f"{code}({of.label})" for code, of in reasons.items())
        raise MailRefused(f"返戻理由 {reason} はありません。使えるのは {known} です。")
    if returned_on > day:
        raise MailRefused(f"返戻日 {returned_on} が記録する日 {day} より後です。")
    with c.ledger.write() as connection:
        number = _number(connection, c, mailing_id, resident_id)
        mail.enter_return(connection, c.programme.id, number, reason, returned_on, actor.name, day)
        return number, _next(connection, c, number, reason)


def ask_reissue(
    c: Campaign, actor: Actor, mailing_id: str, resident_id: str, reason: str, at_counter: bool, day: date
) -> str:  # fmt: skip
    """Have a form written anew with the next day's forms; returns the old one's number.

    Errors as of `enter_return`.
    """
    actor.assert_may(Act.ENTER_MAIL)
    why = " ".join(reason.split())
    assert_given(why, MailRefused, "理由")
    with c.ledger.write() as connection:
        number = _number(connection, c, mailing_id, resident_id)
        mail.ask_reissue(connection, c.programme.id, number, why, at_counter, actor.name, day)
        return number


def next_of(c: Campaign, listed: Sequence[Listed]) -> dict[str, str]:
    """Number -> what happens next, of the mail that came back."""
    with c.ledger.read() as connection:
        return {
            m.mailing_id: _next(connection, c, m.mailing_id, m.reason) for m in listed if m.reason
        }


def _next(connection: sa.Connection, c: Campaign, number: str, reason: str) -> str:
    p = tables.mailing_person
    query = sa.select(p.c.person_id).filter_by(programme=c.programme.id, mailing_id=number)
    about = set(connection.execute(query).scalars())
    row = mail.read_mailing(connection, c.programme.id, number)
    told = c.programme.mail.undelivered[reason]
    protected = people.protected_ids(connection, c.programme.id)
    return told.next_protected if protected & {*about, row["addressee_id"]} else told.next


def _number(connection: sa.Connection, c: Campaign, mailing_id: str, resident_id: str) -> str:
    if bool(mailing_id) == bool(resident_id):
        raise MailRefused("発送番号か、--resident 住民番号のどちらか一つを指定してください。")
    if mailing_id:
        return mailing_id
    return mail.form_of(connection, c.programme.id, _person(connection, c, resident_id))


def _person(connection: sa.Connection, c: Campaign, resident_id: str) -> str:
    query = sa.select(tables.entitlement.c.person_id).filter_by(
        programme=c.programme.id, resident_id=resident_id
    )
    found = connection.execute(query).scalar_one_or_none()
    if found is None:
        raise MailRefused("その住民番号の対象者はいません。番号(10桁)を確認してください。")
    return str(found)
