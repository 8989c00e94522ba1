"""The welfare lists: take them in, find the people, protect them at once, and let two people decide the rest."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.at_rest.store import PROTECTIONS
from pipelines.errors import InputRefused, PeriodRefused
from pipelines.intake import gates, keys
from pipelines.intake.receive import assert_may_enter
from pipelines.intake.staging import Manifest, sha256
from pipelines.ledger import people, tables
from pipelines.ledger.approvals import assert_approved
from pipelines.ledger.states import MOVES, Entitlement
from pipelines.ledger.store import Move, insert_new, move, record
from pipelines.matching import linkage
from pipelines.matching.persons import Addition, Person
from pipelines.matching.protections import Effects, ListRow, interpret
from pipelines.programme import ListSource
from pipelines.steps import inbox, register
from pipelines.steps.campaign import WRITTEN, Campaign, add_keys
from pipelines.steps.deliveries import LINKED, USED, Delivery, name_of

_LINK_KEYS = ("name_key", "alias_key", "kana_key", "loose_kana_key", "date_key", "address_key")


def list_names(c: Campaign) -> list[str]:
    """The datasets of the programme's lists."""
    return [source.dataset for source in c.programme.list_sources]


def look(c: Campaign, day: date) -> list[str]:
    """The lists that came today, to be received one by one; what is owed and did not come, the gate knows."""
    return [dataset for dataset in list_names(c) if inbox.has_come(c, dataset, day)]


def receive_list(c: Campaign, day: date, dataset: str) -> dict[str, Any]:
    """Stage one list if it came today; an empty one needs its signed declaration of zero."""
    with inbox.taking_in(c, dataset, day):
        return _receive_list(c, day, dataset)


def _receive_list(c: Campaign, day: date, dataset: str) -> dict[str, Any]:
    files = inbox.read_ward_files(c, dataset, day)
    if files is None:
        return {"dataset": dataset, "received": False}
    try:
        assert_may_enter(c.programme.source(dataset), day)
    except PeriodRefused as error:
        return {"dataset": dataset, "received": False, **c.note_refusal(dataset, str(error), day)}

    def declared(counts: Manifest) -> inbox.Declaration | None:
        return _declared_zero(c, day, counts) if counts.rows_in == 0 else None

    return {**inbox.stage_and_enter(c, dataset, day, files, declared=declared), "received": True}


def _declared_zero(c: Campaign, day: date, counts: Manifest) -> inbox.Declaration:
    """The declaration of zero that came with an empty list."""
    path = c.inbox / day.isoformat() / f"{counts.dataset}_{day:%Y%m%d}.zero.csv"
    declaration = inbox.read_declaration(path, "intake.zero_declared")
    if declaration is None:
        raise InputRefused(
            f"{counts.dataset} {day}: 名簿が空です。零件の申告({path.name})がないため受け取れません。"
            "担当課に確認し、空で正しいときは、二人の署名のある申告を受け取ってください"
            f"(SHA256は{gates.content_hash(counts.sources)})。"
        )
    gates.assert_declared(declaration.sheet, counts, path.name, "申告日")
    return declaration


def link_people(c: Campaign, day: date) -> dict[str, Any]:
    """Find the people of today's lists and late registrations; protect them at once; draft the rest for approval.

    A list that arrives after that is linked when the step runs again, under a draft of its own; one that was mended or
    came again after its own day is linked with today's.

    Returns counts, and the subject and hash that two people approve.
    """
    wanted = _wanted(c, day)
    arrived = name_of(wanted)
    path = _draft_path(c, day, arrived)
    if not path.is_file():
        draft = _draft(c, wanted).as_json()
        text = json.dumps(draft, sort_keys=True, ensure_ascii=False)
        c.at_rest.write(PROTECTIONS, path.stem, path, text.encode())
    effects, digest = _read_draft(c, path)
    subject = f"people:{day}:{arrived}"

    def work(connection: sa.Connection) -> dict[str, Any]:
        people.protect(connection, c.programme.id, effects.protections, day)
        unlinked = [
            {"programme": c.programme.id, "evidence": e, "decided": False} for e in effects.unlinked
        ]
        insert_new(connection, tables.unlinked_row, unlinked)
        counts = {
            "protections": len(effects.protections), "additions": len(effects.additions),
            "elsewhere": len(effects.elsewhere), "braille": len(effects.braille), "unlinked": len(effects.unlinked),
            "candidates": sum(p.certainty == "candidate" for p in effects.protections),
        }  # fmt: skip
        record(
            connection,
            c.programme.id,
            "people.linked",
            "system",
            subject,
            {**counts, "hash": digest},
            day,
        )
        return {
            **counts, "subject": subject, "hash": digest, "needed": _needed(c, effects),
            USED: [d.as_json() for d in wanted],
        }  # fmt: skip

    return c.ledger.once(f"{LINKED}.{arrived}", day, work)


def apply_people(c: Campaign, day: date) -> dict[str, Any]:
    """Apply what two people approved: additions, payments elsewhere, Braille, rows that are nobody's."""
    arrived = name_of(_wanted(c, day))
    effects, digest = _read_draft(c, _draft_path(c, day, arrived))
    subject = f"people:{day}:{arrived}"

    def work(connection: sa.Connection) -> dict[str, Any]:
        programme, amount = c.programme.id, c.programme.benefit.amount_yen
        assert_approved(connection, programme, subject, digest, _needed(c, effects))
        opened = people.open_additions(connection, programme, effects.additions, amount, day)
        elsewhere = _move_elsewhere(connection, c, effects.elsewhere, day)
        braille = [
            {"programme": programme, "person_id": p, "evidence": e}
            for p, e in effects.braille.items()
        ]
        insert_new(connection, tables.braille_holder, braille)
        u = tables.unlinked_row
        connection.execute(
            sa.update(u)
            .where(u.c.programme == programme, u.c.evidence.in_(effects.unlinked))
            .values(decided=True)
        )
        freed, recoveries = people.release_approved_under_protection(connection, programme, day)
        counts = {
            "additions": opened,
            "elsewhere": elsewhere,
            "freed": freed,
            "recoveries": recoveries,
        }
        record(
            connection,
            programme,
            "people.applied",
            "system",
            subject,
            {**counts, "hash": digest},
            day,
        )
        return counts

    return c.ledger.once(f"people.apply.{arrived}", day, work)


def _needed(c: Campaign, effects: Effects) -> int:
    """How many people must approve; nobody where nothing is changed."""
    return c.programme.people.protection_approvals if effects != Effects() else 0


def _move_elsewhere(
    connection: sa.Connection, c: Campaign, elsewhere: dict[str, bool], day: date
) -> int:
    states = people.states_of(connection, c.programme.id, elsewhere)
    moves = []
    for person, paid in sorted(elsewhere.items()):
        target = Entitlement.ELSEWHERE if paid else Entitlement.ELSEWHERE_PENDING
        if person in states and (states[person], target) in MOVES:
            moves.append(Move(person, target, None, "MEMBER_PAID_ELSEWHERE"))
    return move(connection, c.programme.id, moves, "lists", "", day)


def _wanted(c: Campaign, day: date) -> list[Delivery]:
    """What is linked on that day: every change, and of each list, which is delivered whole, the newest delivery."""
    found = inbox.deliveries(c, LINKED, ("register_changes", *list_names(c)), day)
    newest = {name: max(c.staging.days(name, day), default=None) for name in list_names(c)}
    return [d for d in found if newest.get(d.dataset, d.day) == d.day]


def _draft_path(c: Campaign, day: date, arrived: str) -> Path:
    return c.home / "drafts" / f"people-{day.isoformat()}-{arrived}.json"


def _read_draft(c: Campaign, path: Path) -> tuple[Effects, str]:
    data = c.at_rest.read(PROTECTIONS, path.stem, path)
    return Effects.from_json(json.loads(data)), sha256(data)


def _draft(c: Campaign, wanted: list[Delivery]) -> Effects:
    """The lists in the programme's order, each linked against everybody eligible, drafted additions included."""
    effects = Effects()
    for delivery in wanted:
        if delivery.dataset == "register_changes":
            effects.additions.extend(_late_registrations(c, delivery))
    lists = {delivery.dataset: delivery for delivery in wanted}
    linked = [
        source
        for source in c.programme.list_sources
        if source.dataset in lists and source.kind != "braille"
    ]
    if linked:
        _link_lists(c, effects, linked, lists)
    for source in c.programme.list_sources:
        if source.dataset in lists and source.kind == "braille":
            delivery = lists[source.dataset]
            effects.braille.update(_braille(c, _rows(c, delivery), _evidence_of(c, delivery)))
    for delivery in lists.values():
        effects.unlinked.extend(_left_open(c, delivery, set(effects.unlinked)))
    return effects


def _link_lists(
    c: Campaign,
    effects: Effects,
    sources: Sequence[ListSource],
    lists: Mapping[str, Delivery],
) -> None:
    """Add what the lists do; a list is linked against the additions of those before it as well."""
    register_rows = linkage.prepare(_with_keys(c.people(), "person_id"))
    rows = {source.dataset: _rows(c, lists[source.dataset]) for source in sources}
    evidence = {
        name: _row_evidence(table, _evidence_of(c, lists[name])) for name, table in rows.items()
    }
    keyed = {
        name: _with_keys(table.append_column("row_id", evidence[name]), "row_id")
        for name, table in rows.items()
    }
    linkage.link_ahead(list(keyed.values()), register_rows)
    for source in sources:
        joined = _with_keys(_as_people(c, effects.additions), "person_id")
        found = linkage.link(keyed[source.dataset], register_rows, joined)
        interpret(
            source.dataset, source.kind, _list_rows(rows[source.dataset], found),
            c.programme.benefit.address_prefix, f"{c.programme.benefit.base_date:%Y%m%d}", c.programme.id, effects,
        )  # fmt: skip


def _left_open(c: Campaign, delivery: Delivery, told: set[str]) -> list[str]:
    """Rows that other versions of a list's day left undecided: who approves this version decides them with it."""
    u = tables.unlinked_row
    of_day = f"{delivery.dataset}/{delivery.day}"
    query = sa.select(u.c.evidence).where(
        u.c.programme == c.programme.id,
        u.c.decided.is_(False),
        sa.or_(*(u.c.evidence.startswith(of_day + sign, autoescape=True) for sign in ":/")),
    )
    with c.ledger.read() as connection:
        found = connection.execute(query.order_by(u.c.evidence)).scalars().all()
    return [evidence for evidence in found if evidence not in told]


def _rows(c: Campaign, delivery: Delivery) -> pa.Table:
    return c.staging.read(delivery.dataset, delivery.day, version=delivery.version)


def _evidence_of(c: Campaign, delivery: Delivery) -> str:
    """What names a delivery's source: rows of other bytes for the same day are other evidence."""
    first = c.staging.first_of(delivery.dataset, delivery.day, delivery.version)
    return f"{delivery.dataset}/{delivery.day}" + (f"/v{first:03d}" if first > 1 else "")


def _late_registrations(c: Campaign, delivery: Delivery) -> list[Addition]:
    """People born or moved in on or before the base date whom the register learned of later."""
    rows = register.eligible_arrivals(c, _rows(c, delivery))
    evidence = _evidence_of(c, delivery)
    known = set(c.people().column("resident_id").to_pylist())
    return [
        Addition(
            Person(f"R{row['resident_id']}", row["resident_id"], row["household_id"]),
            f"{evidence}:{row['row']}",
            row["name_kanji"], row["name_kana"], row["birth_date"], row["relationship"], row["postal_code"],
            row["address"], row["address_supplement"], row["head_name_kanji"], row["date_key"],
        )
        for row in rows.to_pylist()
        if row["resident_id"] not in known
    ]  # fmt: skip


def _braille(c: Campaign, rows: pa.Table, evidence: str) -> dict[str, str]:
    known = set(c.people().column("resident_id").to_pylist())
    return {
        f"R{row['resident_id']}": f"{evidence}:{row['row']}"
        for row in rows.to_pylist()
        if row["resident_id"] in known
    }


def _as_people(c: Campaign, additions: Iterable[Addition]) -> pa.Table:
    """Drafted additions as people rows; those that are open already are left out."""
    known = set(c.additions().column("person_id").to_pylist())
    rows = [
        {
            "person_id": a.person.person_id, "resident_id": a.person.resident_id, "household_id": a.person.household_id,
            "name_kana": a.name_kana, "name_kanji": a.name_kanji, "relationship": a.relationship,
            "birth_date": a.birth_date, "postal_code": a.postal_code, "address": a.address,
            "address_supplement": a.address_supplement, "head_name_kanji": a.head_name_kanji,
            "date_key": a.date_key,
        }
        for a in additions
        if a.person.person_id not in known
    ]  # fmt: skip
    return add_keys(pa.Table.from_pylist(rows, WRITTEN), c.programme.benefit.municipality_code)


def _row_evidence(rows: pa.Table, source: str) -> pa.ChunkedArray:
    """What names each row. source: names the list, as evidence."""
    return pc.binary_join_element_wise(source, pc.cast(rows.column("row"), pa.string()), ":")


def _list_rows(rows: pa.Table, found: pa.Table) -> Iterable[ListRow]:
    """The list's rows, each with what linkage found."""
    for outcome, values in zip(found.to_pylist(), rows.to_pylist(), strict=True):
        yield ListRow(
            outcome["row_id"],
            values,
            outcome["outcome"],
            outcome["person_id"],
            outcome["candidates"] or (),
        )


def _with_keys(rows: pa.Table, id_column: str) -> pa.Table:
    """The id, the six keys and the names as written; what the list cannot give is unknown."""
    columns: dict[str, Any] = {id_column: rows.column(id_column)}
    for name in (*_LINK_KEYS, "name_kanji", "name_kana"):
        if name == "alias_key":
            columns[name] = keys.alias_key(rows.column("name_kanji"))
        else:
            present = name in rows.column_names
            columns[name] = rows.column(name) if present else pa.nulls(rows.num_rows, pa.string())
    return pa.table(columns)
