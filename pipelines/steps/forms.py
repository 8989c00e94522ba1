"""The application forms: the contractor's file, and the ward's own way for protected people and Braille households."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.disclosure.guard import PeriodClosed
from pipelines.disclosure.release import make_release
from pipelines.errors import KyufuError
from pipelines.intake.staging import sha256
from pipelines.ledger import people, tables
from pipelines.ledger.approvals import assert_approved
from pipelines.ledger.states import Entitlement
from pipelines.outputs import braille
from pipelines.outputs.forms import build_forms
from pipelines.outputs.forms_check import compare_forms, count_rows
from pipelines.outputs.handover import build_handover
from pipelines.steps import outbox
from pipelines.steps.campaign import ITEMS, Campaign

_SENT_TO = (Entitlement.UNCLAIMED, Entitlement.CLAIMED, Entitlement.HELD)
_DERIVED = ("barcode", "members", "line")
_BRAILLE = ("braille_kana", "braille_cells", "braille_brf", "check_by_person")


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
        made = {}
        refused = None
        try:
            made["contractor"] = _contractor(
                c, connection, guard, waiting.filter(pc.invert(in_house)), day
            )
        except PeriodClosed as error:
            refused = str(error)
        made["inhouse"] = _in_house(c, connection, guard, waiting.filter(in_house), day)
        names = [name for name in made.values() if name]
        return {
            "names": names, "subject": f"forms:{day}", "hash": _content_hash(c, names), "refused": refused,
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
            assert_approved(
                connection, c.programme.id, draft["subject"], draft["hash"], draft["needed"]
            )
    sent = [outbox.send(c, name, day) for name in draft["names"]]

    def work(connection: sa.Connection) -> dict[str, Any]:
        return {"people": sum(_mark_sent(c, connection, name, day) for name in draft["names"])}

    return {**c.ledger.once("forms.sent", day, work), "files": sent}


def confirm(c: Campaign, day: date) -> dict[str, Any]:
    """Wait until the contractor has acknowledged the forms."""
    draft = c.ledger.result_of("forms.build", day) or {"names": []}
    return {"files": [outbox.await_acknowledgement(c, name, day) for name in draft["names"]]}


def _waiting(c: Campaign, connection: sa.Connection) -> pa.Table:
    """Everybody who may claim and has no form yet, in register order."""
    ids = people.without_form(connection, c.programme.id, _SENT_TO)
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


def _contractor(
    c: Campaign, connection: sa.Connection, guard: Any, rows: pa.Table, day: date
) -> str | None:
    if rows.num_rows == 0:
        return None
    payload = build_forms(rows)
    with ThreadPoolExecutor(max_workers=1) as beside:
        compared = beside.submit(compare_forms, rows, payload)
        made = make_release(
            c.programme, guard, "forms", name=f"forms_{day:%Y%m%d}.csv", payload=payload, columns=(*ITEMS, *_DERIVED),
            people=frozenset(rows.column("person_id").to_pylist()), records=count_rows(payload), sum_yen=None, day=day,
        )  # fmt: skip
    if differences := compared.result():
        raise KyufuError(
            f"forms {day}: 申請書と台帳が{len(differences)}か所違います。最初: {differences[0]}"
        )
    outbox.keep(c, connection, made)
    return made.name


def _in_house(
    c: Campaign, connection: sa.Connection, guard: Any, rows: pa.Table, day: date
) -> str | None:
    if rows.num_rows == 0:
        return None
    table = with_route(connection, c.programme.id, rows)
    columns = tuple(n for n in table.column_names if n != "person_id")
    payload = build_handover(table.select(list(columns)))
    made = make_release(
        c.programme, guard, "inhouse", name=f"inhouse_{day:%Y%m%d}.csv", payload=payload,
        columns=columns, people=frozenset(rows.column("person_id").to_pylist()), records=table.num_rows, sum_yen=None,
        day=day,
    )  # fmt: skip
    outbox.keep(c, connection, made)
    return made.name


def with_route(connection: sa.Connection, programme: str, rows: pa.Table) -> pa.Table:
    """The in-house list: where each form goes, and the Braille of the envelope."""
    p = tables.protection
    query = sa.select(p.c.person_id, p.c.kind, p.c.mailing_address).where(
        p.c.programme == programme
    )
    care = {row.person_id: row for row in connection.execute(query.order_by(p.c.mailing_address))}
    holders = people.braille_ids(connection, programme)
    households = {
        h for person, h in zip(*(rows.column(n).to_pylist() for n in ("person_id", "household_id")), strict=True)
        if person in holders
    }  # fmt: skip
    out = []
    for row in rows.to_pylist():
        protection = care.get(row["person_id"])
        in_braille = row["household_id"] in households
        route = "braille" if in_braille and not protection else "household"
        if protection:
            route = "person" if protection.mailing_address else "department"
        out.append(
            {
                "person_id": row["person_id"], **{n: row[n] or "" for n in ITEMS}, "route": route,
                "mailing_address": protection.mailing_address if protection else "",
                **_braille(row["name_kana"] or "", row["name_kanji"], wanted=in_braille),
            }
        )  # fmt: skip
    return pa.Table.from_pylist(out)


def _braille(name_kana: str, name_kanji: str, *, wanted: bool) -> dict[str, str]:
    """The name in Braille; a name that cannot be written so is left to a person."""
    empty = dict.fromkeys(_BRAILLE, "")
    if not wanted:
        return empty
    try:
        kana = braille.to_kana(name_kana, name_kanji)
        cells = braille.to_cells(kana)
    except braille.BrailleError:
        return {**empty, "check_by_person": "要確認"}
    check = "要確認" if not kana or braille.doubtful(name_kana, name_kanji) else ""
    return dict(zip(_BRAILLE, (kana, cells, braille.to_brf(cells), check), strict=True))


def _mark_sent(c: Campaign, connection: sa.Connection, name: str, day: date) -> int:
    route = "contractor" if name.startswith("forms_") else "inhouse"
    who = outbox.read_about(c, name)["people"]
    return people.mark_form_sent(connection, c.programme.id, who, route, name, day)


def _content_hash(c: Campaign, names: list[str]) -> str:
    return sha256("".join(sha256(outbox.read_payload(c, n)) for n in names).encode())
