"""Checking and posting letters to other municipalities, by signed-in people.

Two people check a letter's address and two its content, each on the PDF that was shown to that person; then it is
posted under the post office's number, if the gate still lets it go.
"""

import re
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from pipelines.disclosure.guard import DisclosureRefused
from pipelines.files import write_whole
from pipelines.ledger import approvals, stops, tables, whose
from pipelines.ledger import municipal_letters as letters
from pipelines.ledger.municipal_letters import CHECKS, Letter, LetterRefused
from pipelines.steps import outbox
from pipelines.steps.campaign import Campaign
from pipelines.steps.municipal_letters import checkers
from pipelines.steps.reasons import assert_given
from pipelines.steps.roles import Act, Actor
from pipelines.steps.showings import record_showing

_RECEIPT = re.compile(r"[0-9]{11,12}")
_SHOWN = "letter.shown"


def list_letters(c: Campaign, actor: Actor) -> list[Letter]:
    """Every letter and how far it is; nobody is shown.

    Raises:
        NotAllowed: the actor may not list them.
    """
    actor.assert_may(Act.LIST_LETTERS)
    with c.ledger.read() as connection:
        return letters.letters(connection, c.programme.id)


def show(c: Campaign, name: str, out: Path, actor: Actor, purpose: str, day: date) -> Letter:
    """Write a letter's PDF for somebody who is to check it. The showing is an audit event.

    Raises:
        NotAllowed: the actor may not see it.
        LetterRefused: there is no such letter.
        DisclosureRefused: the stored bytes are not those that were made.
    """
    actor.assert_may(Act.SHOW_LETTER)
    with c.ledger.write() as connection:
        letter = letters.find(connection, c.programme.id, name)
        payload = outbox.stored(c, name, day).payload
        record_showing(
            c, connection, _SHOWN, actor.name, purpose, whose.people_of_letter(connection, c.programme.id, name), day,
            subject=name, sha256=letter.sha256, count=letter.people,
        )  # fmt: skip
    write_whole(out, payload)
    return letter


def check(
    c: Campaign, name: str, what: str, is_right: bool, reason: str, actor: Actor, day: date
) -> Letter:
    """Enter that somebody checked a letter's address or its content, on the PDF that was shown to them.

    Raises:
        NotAllowed: the actor may not check it.
        LetterRefused: no such letter is open, its PDF was not shown to the actor, or a refusal has no reason.
        ApprovalRefused: the actor decided otherwise before.
        DisclosureRefused: the letter may not leave any more.
    """
    actor.assert_may(Act.CHECK_LETTER)
    if what not in CHECKS:
        raise LetterRefused(f"確認は{'か'.join(CHECKS)}のどちらかです。")
    if not is_right:
        assert_given(reason, LetterRefused, "誤りの内容(個人情報を書かずに)")
    outbox.check_again(c, name, day)
    with c.ledger.write() as connection:
        letter = _open(c, connection, name)
        _assert_was_shown(c, connection, letter, actor)
        subject = letters.subject(name, what)
        approvals.decide(
            connection, c.programme.id, subject, letter.sha256, actor.name, is_right, "system", day
        )
        return letters.find(connection, c.programme.id, name)


def post(c: Campaign, name: str, receipt: str, actor: Actor, day: date) -> Letter:
    """Enter the post office's number of a letter that both checks found right; it is looked at again for this moment.

    Raises:
        NotAllowed: the actor may not enter it.
        LetterRefused: no such letter is open, or the number cannot be or is another letter's.
        ApprovalRefused: a check lacks a person.
        DisclosureRefused: the letter may not leave any more.
        SendingStopped: all sending is stopped.
    """
    actor.assert_may(Act.POST_LETTER)
    digits = receipt.replace("-", "")
    if not _RECEIPT.fullmatch(digits):
        raise LetterRefused(
            "書留番号(お問い合わせ番号)は数字11桁か12桁です。控えを確認してください。"
        )
    try:
        outbox.check_again(c, name, day)
    except DisclosureRefused as refusal:
        _withdraw_refused(c, name, refusal, day)
        raise
    with c.ledger.write() as connection:
        stops.assert_not_stopped(connection, c.programme.id, name)
        letter = letters.find(connection, c.programme.id, name)
        if letter.receipt_number == digits:
            return letter
        letter = _open(c, connection, name)
        if letters.is_refused(connection, c.programme.id, name):
            raise LetterRefused(
                f"{name}: 誤りとされたため却下されています。次の起案で作り直します。"
            )
        for what in CHECKS:
            approvals.assert_approved(
                connection, c.programme.id, letters.subject(name, what), letter.sha256, checkers(c)
            )
        letters.enter_posting(connection, c.programme.id, letter, digits, actor.name, day)
        return letters.find(connection, c.programme.id, name)


def _withdraw_refused(c: Campaign, name: str, refusal: DisclosureRefused, day: date) -> None:
    """A letter that names somebody who must not be in it is taken back at once, its checks with it."""
    if refusal.rule not in ("PEOPLE", "CONTENT"):
        return
    with c.ledger.write() as connection:
        if letters.find(connection, c.programme.id, name).is_open:
            letters.withdraw(connection, c.programme.id, name, refusal.rule, day)


def _open(c: Campaign, connection: sa.Connection, name: str) -> Letter:
    letter = letters.find(connection, c.programme.id, name)
    if not letter.is_open:
        state = "発送済み" if letter.posted_on else "取り下げ済み"
        raise LetterRefused(f"{name}: この通知は{state}です。")
    return letter


def _assert_was_shown(c: Campaign, connection: sa.Connection, letter: Letter, actor: Actor) -> None:
    a = tables.audit
    query = sa.select(sa.func.count()).where(
        a.c.programme == c.programme.id, a.c.event == _SHOWN, a.c.actor == actor.name, a.c.subject == letter.name,
        a.c.detail.contains(f'"sha256": "{letter.sha256}"'),
    )  # fmt: skip
    if not connection.execute(query).scalar_one():
        raise LetterRefused(
            f"{letter.name}: {actor.name}はこの通知をまだ見ていません。"
            f"kyufu letters show {letter.name} で内容を確認してから記録してください。"
        )
