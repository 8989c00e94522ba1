"""Letters to other municipalities: what each told of whom, how far it is, and the post office's number for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.approvals import approvers_of, is_rejected
from pipelines.ledger.store import record

CHECKS = ("address", "content")  # あて先, 郵送内容


class LetterRefused(KyufuError):
    """This cannot be done with this letter."""


@dataclass(frozen=True)
class Letter:
    """One letter. checked: check -> who found it right; blanks: cells that a person fills in by hand."""

    name: str
    municipality: str
    people: int
    blanks: int
    sha256: str
    made_on: date
    withdrawn_on: date | None
    posted_on: date | None
    receipt_number: str | None
    checked: Mapping[str, frozenset[str]]

    @property
    def is_open(self) -> bool:
        """Whether it is neither posted nor withdrawn."""
        return self.posted_on is None and self.withdrawn_on is None


def subject(name: str, check: str) -> str:
    """What an approval of a check is about."""
    return f"letter:{name}:{check}"


def told_before(connection: sa.Connection, programme: str) -> dict[tuple[str, str], bool]:
    """(municipality, person) -> whether it was last told that this person was paid; withdrawn letters told nothing."""
    m, n = tables.municipal_letter, tables.municipal_notice
    query = (
        sa.select(m.c.municipality, n.c.person_id, n.c.paid)
        .join(n, (n.c.programme == m.c.programme) & (n.c.letter == m.c.name))
        .where(m.c.programme == programme, m.c.withdrawn_on.is_(None))
        .order_by(m.c.business_date, m.c.name)
    )
    return {(place, person): paid for place, person, paid in connection.execute(query)}


def enter(
    connection: sa.Connection, programme: str, name: str, municipality: str, paid: Mapping[str, bool], blanks: int,
    sha256: str, day: date,
) -> None:  # fmt: skip
    """Enter a letter that was made. paid: person -> what it says."""
    row = {"programme": programme, "name": name, "municipality": municipality, "people": len(paid)}
    row |= {"blanks": blanks, "sha256": sha256, "business_date": day}
    connection.execute(sa.insert(tables.municipal_letter).values(row))
    notices = [
        {"programme": programme, "letter": name, "person_id": person, "paid": is_paid}
        for person, is_paid in sorted(paid.items())
    ]
    connection.execute(sa.insert(tables.municipal_notice), notices)


def letters(connection: sa.Connection, programme: str) -> list[Letter]:
    """Every letter, by day and name."""
    m = tables.municipal_letter
    query = sa.select(m).where(m.c.programme == programme).order_by(m.c.business_date, m.c.name)
    return [
        Letter(
            row.name, row.municipality, row.people, row.blanks, row.sha256, row.business_date, row.withdrawn_on,
            row.posted_on, row.receipt_number,
            {c: approvers_of(connection, programme, subject(row.name, c), row.sha256) for c in CHECKS},
        )
        for row in connection.execute(query).all()
    ]  # fmt: skip


def find(connection: sa.Connection, programme: str, name: str) -> Letter:
    """The letter of that name.

    Raises:
        LetterRefused: there is none.
    """
    for letter in letters(connection, programme):
        if letter.name == name:
            return letter
    raise LetterRefused(f"{name}: この通知はありません。kyufu letters list で確認してください。")


def people_of(connection: sa.Connection, programme: str, name: str) -> frozenset[str]:
    """Whom a letter is about."""
    n = tables.municipal_notice
    query = sa.select(n.c.person_id).where(n.c.programme == programme, n.c.letter == name)
    return frozenset(connection.execute(query).scalars())


def is_refused(connection: sa.Connection, programme: str, name: str) -> bool:
    """Whether anybody found its address or its content wrong."""
    return any(is_rejected(connection, programme, subject(name, check)) for check in CHECKS)


def withdraw(connection: sa.Connection, programme: str, name: str, why: str, day: date) -> None:
    """Take an open letter back, with whatever was approved: its people are told of in the next one. why: a code."""
    m, r = tables.municipal_letter, tables.release
    key = {"programme": programme, "name": name}
    connection.execute(sa.update(m).filter_by(**key).values(withdrawn_on=day))
    connection.execute(sa.update(r).filter_by(**key).values(state="withdrawn"))
    record(connection, programme, "release.withdrawn", "system", name, {"why": why}, day)


def enter_posting(
    connection: sa.Connection, programme: str, letter: Letter, receipt: str, actor: str, day: date
) -> None:
    """Enter the post office's number for a letter.

    Raises:
        LetterRefused: another letter has that number.
    """
    m = tables.municipal_letter
    taken = sa.select(m.c.name).where(m.c.programme == programme, m.c.receipt_number == receipt)
    if (other := connection.execute(taken).scalar_one_or_none()) is not None:
        raise LetterRefused(f"書留番号はすでに{other}に記録されています。控えを確認してください。")
    connection.execute(
        sa.update(m)
        .filter_by(programme=programme, name=letter.name)
        .values(posted_on=day, posted_by=actor, receipt_number=receipt)
    )
    detail = {"receipt": receipt, "sha256": letter.sha256}
    record(connection, programme, "letter.posted", actor, letter.name, detail, day)
