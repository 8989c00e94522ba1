"""Mail in the ledger: what went to whom by which way, what came back, what is written anew.

Every sheet of the ward's own has a row. The contractor's forms have none until one of them comes back or is asked for
again: the contractor's file says what it held.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.bulk import load
from pipelines.ledger.store import record, staged

FORM = "form"
NUMBERS = {"form": "F", "decision": "D", "non_payment": "N", "deficiency": "L", "account": "A"}
"""Kind -> how its numbers begin."""
LABELS_JA = {
    "form": "申請書", "decision": "給付決定通知", "non_payment": "不支給決定通知", "deficiency": "不備通知",
    "account": "口座訂正のお願い",
}  # fmt: skip


class MailRefused(KyufuError):
    """This cannot be entered about this mail."""


@dataclass(frozen=True)
class Mailing:
    """One sheet. people: whom it names or is about; way, page, reference: see the table."""

    mailing_id: str
    kind: str
    way: str
    addressee_id: str
    people: tuple[str, ...]
    reference: str
    release_name: str
    page: int


@dataclass(frozen=True)
class Listed:
    """A mailing as staff see it: no name, no address."""

    mailing_id: str
    kind: str
    way: str
    made_on: date
    sent_on: date | None
    returned_on: date | None
    reason: str | None
    reissue: str | None  # the mailing that is written instead; empty while it is only asked for
    is_taken_back: bool  # its file was, before it went out

    @property
    def needs_somebody(self) -> bool:
        """Whether it came back and nothing has been done about it."""
        return self.returned_on is not None and self.reissue is None


def next_serial(connection: sa.Connection, programme: str, kind: str, day: date) -> int:
    """The first free serial of the day's numbers of that kind."""
    m = tables.mailing
    query = sa.select(sa.func.count()).where(
        m.c.programme == programme, m.c.kind == kind, m.c.business_date == day
    )
    return int(connection.execute(query.where(m.c.way != "contractor")).scalar_one()) + 1


def number(kind: str, day: date, serial: int) -> str:
    """A mailing's number, which is printed on its sheet."""
    return f"{NUMBERS[kind]}{day:%Y%m%d}-{serial:05d}"


def enter(
    connection: sa.Connection, programme: str, mailings: Sequence[Mailing], day: date
) -> None:
    """Enter sheets that were made, with an audit record of how many of each kind go by which way."""
    if not mailings:
        return
    own = ("mailing_id", "kind", "way", "addressee_id", "reference", "release_name", "page")
    rows = ((programme, day, *(getattr(m, name) for name in own)) for m in mailings)
    load(connection, tables.mailing, ("programme", "business_date", *own), rows)
    people = ((programme, m.mailing_id, person) for m in mailings for person in m.people)
    load(connection, tables.mailing_person, ("programme", "mailing_id", "person_id"), people)
    counts = Counter(f"{m.kind}/{m.way}" for m in mailings)
    record(connection, programme, "mail.made", "system", f"mail:{day}", dict(counts), day)


def mark_sent(
    connection: sa.Connection, programme: str, releases: Iterable[str], day: date
) -> None:
    """The sheets of these releases went out."""
    m = tables.mailing
    marked = sa.update(m).where(
        m.c.programme == programme, m.c.release_name.in_(sorted(releases)), m.c.sent_on.is_(None)
    )
    count = connection.execute(marked.values(sent_on=day)).rowcount
    if count:
        record(connection, programme, "mail.sent", "system", f"mail:{day}", {"sheets": count}, day)


def people_of(connection: sa.Connection, programme: str, release: str) -> list[str]:
    """Whom the sheets of a release name."""
    m, p = tables.mailing, tables.mailing_person
    query = (
        sa.select(p.c.person_id)
        .join(m, (m.c.programme == p.c.programme) & (m.c.mailing_id == p.c.mailing_id))
        .where(m.c.programme == programme, m.c.release_name == release)
        .order_by(p.c.person_id)
    )
    return list(connection.execute(query).scalars())


def sheets_of(connection: sa.Connection, programme: str, release: str) -> list[tuple[str, int]]:
    """(number, first page) of each sheet of a release, in the order of the pages."""
    m = tables.mailing.c
    query = sa.select(m.mailing_id, m.page).where(
        m.programme == programme, m.release_name == release, m.page > 0
    )
    return [(str(n), int(page)) for n, page in connection.execute(query.order_by(m.page))]


def written_about(connection: sa.Connection, programme: str, kind: str) -> set[tuple[str, str]]:
    """(person, reference) of every letter of that kind."""
    m, p = tables.mailing, tables.mailing_person
    query = (
        sa.select(p.c.person_id, m.c.reference)
        .join(m, (m.c.programme == p.c.programme) & (m.c.mailing_id == p.c.mailing_id))
        .where(m.c.programme == programme, m.c.kind == kind)
    )
    return {(person, reference) for person, reference in connection.execute(query)}


def form_of(connection: sa.Connection, programme: str, person_id: str) -> str:
    """The number of the newest form that names a person; the contractor's form gets its row here.

    Raises:
        MailRefused: no form was sent to this person.
    """
    m, p = tables.mailing, tables.mailing_person
    newest = (
        sa.select(m.c.mailing_id)
        .join(p, (p.c.programme == m.c.programme) & (p.c.mailing_id == m.c.mailing_id))
        .where(m.c.programme == programme, m.c.kind == FORM, p.c.person_id == person_id)
        .where(m.c.sent_on.is_not(None))
        .order_by(m.c.sent_on.desc(), m.c.mailing_id.desc())
        .limit(1)
    )
    found = connection.execute(newest).scalar_one_or_none()
    return str(found) if found is not None else _contractors_form(connection, programme, person_id)


def _contractors_form(connection: sa.Connection, programme: str, person_id: str) -> str:
    """A row for the form that the contractor mailed to this person's household."""
    e = tables.entitlement
    own = connection.execute(
        sa.select(e).filter_by(programme=programme, person_id=person_id)
    ).mappings().one()  # fmt: skip
    if own["form_route"] != "contractor":
        raise MailRefused("この人にはまだ申請書を発送していません。")
    household = sa.select(e.c.person_id).where(
        e.c.programme == programme, e.c.household_id == own["household_id"],
        e.c.form_route == "contractor", e.c.form_on == own["form_on"],
    )  # fmt: skip
    people = sorted(connection.execute(household).scalars())
    on = own["form_on"]
    digest = hashlib.sha256(f"{programme}\n{own['household_id']}\n{on}".encode()).hexdigest()
    mailing_id = f"C{on:%Y%m%d}-{digest[:10]}"
    row = {"programme": programme, "mailing_id": mailing_id}
    connection.execute(
        sa.insert(tables.mailing).values(
            **row, kind=FORM, way="contractor", addressee_id=people[0], reference="",
            release_name=_contractors_file(connection, programme, on), page=0, business_date=on, sent_on=on,
        )
    )  # fmt: skip
    connection.execute(
        sa.insert(tables.mailing_person), [{**row, "person_id": person} for person in people]
    )
    return mailing_id


def _contractors_file(connection: sa.Connection, programme: str, on: date) -> str:
    """The file of forms that went to the contractor on that day."""
    r = tables.release.c
    query = sa.select(sa.func.max(r.name)).where(
        r.programme == programme, r.disclosure == "forms", r.business_date == on, r.state != "withdrawn"
    )  # fmt: skip
    return str(connection.execute(query).scalar_one() or "")


def read_mailing(connection: sa.Connection, programme: str, mailing_id: str) -> Mapping[str, Any]:
    """A mailing's row.

    Raises:
        MailRefused: there is none of that number.
    """
    query = sa.select(tables.mailing).filter_by(programme=programme, mailing_id=mailing_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise MailRefused("その発送番号の郵便物はありません。番号を確認してください。")
    return dict(row)


def enter_return(
    connection: sa.Connection, programme: str, mailing_id: str, reason: str, returned_on: date, actor: str, day: date
) -> None:  # fmt: skip
    """Enter that a mailing came back.

    Raises:
        MailRefused: it never went out, came back before it went, or is entered already.
    """
    row = read_mailing(connection, programme, mailing_id)
    if row["sent_on"] is None:
        raise MailRefused(f"{mailing_id} はまだ発送していません。")
    if returned_on < row["sent_on"]:
        raise MailRefused(
            f"{mailing_id} の発送は{row['sent_on']}です。返戻日がそれより前になっています。"
        )
    key = {"programme": programme, "mailing_id": mailing_id}
    known = sa.select(tables.mail_return.c.returned_on).filter_by(**key)
    if (before := connection.execute(known).scalar_one_or_none()) is not None:
        raise MailRefused(f"{mailing_id} の返戻は{before}の分としてすでに記録されています。")
    connection.execute(
        sa.insert(tables.mail_return).values(
            **key, reason=reason, returned_on=returned_on, actor=actor, business_date=day
        )
    )
    detail = {"reason": reason, "kind": row["kind"], "returned_on": str(returned_on)}
    record(connection, programme, "mail.returned", actor, mailing_id, detail, day)


def ask_reissue(
    connection: sa.Connection, programme: str, mailing_id: str, reason: str, at_counter: bool, actor: str, day: date
) -> None:  # fmt: skip
    """Ask for a form to be written anew.

    Raises:
        MailRefused: it is no form, or is asked for already.
    """
    row = read_mailing(connection, programme, mailing_id)
    if row["kind"] != FORM:
        raise MailRefused(f"{mailing_id} は申請書ではありません。再発行できるのは申請書だけです。")
    key = {"programme": programme, "mailing_id": mailing_id}
    if connection.execute(sa.select(tables.mail_reissue).filter_by(**key)).first() is not None:
        raise MailRefused(
            f"{mailing_id} の再発行はすでに受け付けています。新しい番号で行ってください。"
        )
    connection.execute(
        sa.insert(tables.mail_reissue).values(
            **key, at_counter=at_counter, reason=reason, actor=actor, business_date=day
        )
    )
    detail = {
        "at_counter": at_counter, "reason": hashlib.sha256(reason.encode()).hexdigest()
    }  # fmt: skip
    record(connection, programme, "mail.reissue_asked", actor, mailing_id, detail, day)


def open_reissues(connection: sa.Connection, programme: str) -> list[tuple[str, bool, list[str]]]:
    """(number, whether at the counter, people) of every form that is to be written anew, in order."""
    r, p = tables.mail_reissue, tables.mailing_person
    query = (
        sa.select(r.c.mailing_id, r.c.at_counter, p.c.person_id)
        .join(p, (p.c.programme == r.c.programme) & (p.c.mailing_id == r.c.mailing_id))
        .where(r.c.programme == programme, r.c.done_by.is_(None))
        .order_by(r.c.mailing_id, p.c.person_id)
    )
    found: dict[tuple[str, bool], list[str]] = {}
    for mailing_id, at_counter, person in connection.execute(query):
        found.setdefault((mailing_id, at_counter), []).append(person)
    return [(*key, people) for key, people in found.items()]


def close_reissue(
    connection: sa.Connection, programme: str, mailing_id: str, done_by: str, day: date
) -> None:
    """The form is written anew as `done_by`; or nobody on it can claim any more, and it is done by none (empty)."""
    r = tables.mail_reissue
    connection.execute(
        sa.update(r).filter_by(programme=programme, mailing_id=mailing_id).values(done_by=done_by)
    )
    detail = {"by": done_by}
    record(connection, programme, "mail.reissued", "system", mailing_id, detail, day)


def ask_again(
    connection: sa.Connection, programme: str, releases: Iterable[str], day: date
) -> None:
    """Forms that were written anew on sheets of these releases, which are taken back, are still to be written."""
    m, r = tables.mailing.c, tables.mail_reissue
    sheets = sa.select(m.mailing_id).where(
        m.programme == programme, m.release_name.in_(sorted(releases))
    )
    found = sa.select(r.c.mailing_id).where(r.c.programme == programme, r.c.done_by.in_(sheets))
    for mailing_id in sorted(connection.execute(found).scalars()):
        connection.execute(
            sa.update(r).filter_by(programme=programme, mailing_id=mailing_id).values(done_by=None)
        )
        record(connection, programme, "mail.reissue_reopened", "system", mailing_id, {}, day)


def list_mail(
    connection: sa.Connection, programme: str, people: Iterable[str] | None = None, *, returned_only: bool = False
) -> list[Listed]:  # fmt: skip
    """Mailings, the newest first. people: of these alone."""
    m, b, r, f = tables.mailing, tables.mail_return, tables.mail_reissue, tables.release
    query = (
        sa.select(
            m.c.mailing_id, m.c.kind, m.c.way, m.c.business_date, m.c.sent_on, b.c.returned_on, b.c.reason,
            sa.case((r.c.mailing_id.is_(None), None), else_=sa.func.coalesce(r.c.done_by, "")),
            sa.func.coalesce(f.c.state == "withdrawn", sa.false()),
        )
        .outerjoin(b, (b.c.programme == m.c.programme) & (b.c.mailing_id == m.c.mailing_id))
        .outerjoin(r, (r.c.programme == m.c.programme) & (r.c.mailing_id == m.c.mailing_id))
        .outerjoin(f, (f.c.programme == m.c.programme) & (f.c.name == m.c.release_name))
        .where(m.c.programme == programme)
        .order_by(m.c.business_date.desc(), m.c.mailing_id.desc())
    )  # fmt: skip
    if returned_only:
        query = query.where(b.c.mailing_id.is_not(None))
    if people is None:
        return [Listed(*row) for row in connection.execute(query)]
    p = tables.mailing_person
    with staged(connection, "asked_mail", ["person_id"], ((n,) for n in people)) as asked:
        of_people = sa.select(p.c.mailing_id).where(
            p.c.programme == programme, p.c.person_id.in_(sa.select(asked.c.person_id))
        )
        return [
            Listed(*row) for row in connection.execute(query.where(m.c.mailing_id.in_(of_people)))
        ]
