"""The ward's own paper, taken out to be printed or looked at: sheets, labels, embosser's files, proofs, payout lists.

What is stored is encrypted; taking it out is a showing of everybody in it. Letters to other municipalities have checks
of their own (`letter_checks`).
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.files import write_whole
from pipelines.ledger import tables
from pipelines.steps import outbox
from pipelines.steps.campaign import Campaign
from pipelines.steps.roles import Act, Actor
from pipelines.steps.showings import record_showing

_ELSEWHERE = ("facility_notices",)  # disclosures whose paper is shown by a command of its own


class PaperNotHere(KyufuError):
    """There is no such paper of the ward's own."""


@dataclass(frozen=True)
class Paper:
    """A stored paper release. people: how many it is about; records: sheets or rows."""

    name: str
    disclosure: str
    people: int
    records: int
    business_date: date
    sha256: str


def list_papers(c: Campaign, actor: Actor) -> list[Paper]:
    """Every paper of the ward's own, newest first; nobody is shown.

    Raises:
        NotAllowed: the actor may not list them.
    """
    actor.assert_may(Act.LIST_PAPER)
    r = tables.release
    columns = (
        r.c[n] for n in ("name", "disclosure", "people", "records", "business_date", "sha256")
    )
    query = (
        sa.select(*columns)
        .where(r.c.programme == c.programme.id, r.c.medium == "paper", r.c.disclosure.not_in(_ELSEWHERE))
        .order_by(r.c.business_date.desc(), r.c.name)
    )  # fmt: skip
    with c.ledger.read() as connection:
        return [Paper(*row) for row in connection.execute(query)]


def show(c: Campaign, name: str, out: Path, actor: Actor, purpose: str, day: date) -> Paper:
    """Write a paper's file, for its owner alone, to be printed or looked at. The showing is an audit event.

    Raises:
        NotAllowed: the actor may not take it out.
        PaperNotHere: there is none of that name.
        DisclosureRefused: the stored bytes are not those that were made.
        Erased: its copy was erased.
    """
    actor.assert_may(Act.SHOW_PAPER)
    found = {paper.name: paper for paper in list_papers(c, actor)}.get(name)
    if found is None:
        raise PaperNotHere(
            f"{name}: 区の紙の書類にこの名前のものはありません。kyufu paper list で確認してください。"
        )
    with c.ledger.write() as connection:
        made = outbox.stored(c, name, day)
        record_showing(
            c, connection, "paper.shown", actor.name, purpose, sorted(made.people), day, subject=name,
            sha256=found.sha256,
        )  # fmt: skip
    write_whole(out, made.payload)
    return found
