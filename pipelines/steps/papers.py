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
from pipelines.ledger import mail, tables
from pipelines.outputs.paper.splitting import split_pages
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
        .where(r.c.state != "withdrawn")
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
    found, payload = _take_out(c, name, actor, purpose, day)
    write_whole(out, payload)
    return found


def show_each(
    c: Campaign, name: str, folder: Path, actor: Actor, purpose: str, day: date
) -> tuple[Paper, int]:
    """Write each of a paper's sheets as a PDF of its own, `FOLDER/<number on the sheet>.pdf`; returns how many.

    A department's list, which stands before its sheets, is `FOLDER/list.pdf`. Errors as of `show`.
    """
    with c.ledger.read() as connection:
        sheets = mail.sheets_of(connection, c.programme.id, name)
    if not sheets:
        raise PaperNotHere(
            f"{name}: あて名ごとの書類ではありません。--each を付けずに取り出してください。"
        )
    found, payload = _take_out(c, name, actor, purpose, day)
    if sheets[0][1] > 1:
        sheets = [("list", 1), *sheets]
    folder.mkdir(mode=0o700)
    files = split_pages(payload, [page for _, page in sheets])
    for (number, _), data in zip(sheets, files, strict=True):
        write_whole(folder / f"{number}.pdf", data)
    return found, len(sheets)


def _take_out(c: Campaign, name: str, actor: Actor, purpose: str, day: date) -> tuple[Paper, bytes]:
    """A paper's bytes, with everybody in it entered as shown."""
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
    return found, made.payload
