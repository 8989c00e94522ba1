"""The part of `kyufu audit verify` about rosters and incidents: the ledger's rows against the audit chain."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from pipelines.ledger import incidents, tables
from pipelines.ledger.stops import reason_hash

Chain = Sequence[Mapping[str, Any]]
_Told = tuple[str, ...]  # what a row and its record must both say


def faults(connection: sa.Connection, programme: str, own: Chain) -> Iterator[str]:
    """Where rows about rosters, confirmations, incidents and their steps part from the chain."""
    kinds = (
        ("名簿の登録", ("roster.registered",), tables.handler_roster, _roster, _of_roster),
        (
            "名簿の確認",
            ("roster.training", "roster.consent"),
            tables.handler_confirmation,
            _confirmed,
            _of_confirmed,
        ),
        ("事故の記録", ("incident.opened",), tables.incident, _incident, _of_incident),
        (
            "事故の経過",
            tuple(f"incident.{s}" for s in incidents.Step),
            tables.incident_step,
            _step,
            _of_step,
        ),
    )
    for title, events, table, told, recorded in kinds:
        query = sa.select(table).filter_by(programme=programme)
        held = {told(dict(row)) for row in connection.execute(query).mappings()}
        chain = {recorded(row, read_detail(row)) for row in own if row["event"] in events}
        yield from (
            f"{title} {' '.join(key[:2])}: 監査記録にありません" for key in sorted(held - chain)
        )
        yield from (
            f"{title} {' '.join(key[:2])}: 監査記録にありますが、台帳と違います"
            for key in sorted(chain - held)
        )


def _roster(row: Mapping[str, Any]) -> _Told:
    digest = hashlib.sha256(row["content"].encode()).hexdigest()
    return (
        f"roster:{row['party']}",
        str(row["number"]),
        row["actor"],
        digest,
        str(row["certificate_sha256"]),
    )


def _of_roster(row: Mapping[str, Any], d: Mapping[str, Any]) -> _Told:
    return (
        row["subject"],
        str(d.get("number")),
        row["actor"],
        str(d.get("sha256")),
        str(d.get("certificate_sha256")),
    )


def _confirmed(row: Mapping[str, Any]) -> _Told:
    paper = hashlib.sha256(row["evidence"].encode()).hexdigest()
    event = f"roster.{row['what']}"
    return (
        f"roster:{row['party']}",
        event,
        row["organisation"],
        row["actor"],
        row["content_sha256"],
        paper,
    )


def _of_confirmed(row: Mapping[str, Any], d: Mapping[str, Any]) -> _Told:
    about = (str(d.get("organisation")), row["actor"], str(d.get("sha256")), str(d.get("evidence")))
    return (row["subject"], row["event"], *about)


def _incident(row: Mapping[str, Any]) -> _Told:
    about = (row["party"], row["kind"], str(row["people"]), reason_hash(row["what"]))
    return (incidents.subject_of(row["number"]), row["actor"], *about)


def _of_incident(row: Mapping[str, Any], d: Mapping[str, Any]) -> _Told:
    about = (str(d.get("party")), str(d.get("kind")), str(d.get("people")), str(d.get("what")))
    return (row["subject"], row["actor"], *about)


def _step(row: Mapping[str, Any]) -> _Told:
    subject = incidents.subject_of(row["number"])
    return (subject, f"incident.{row['step']}", row["actor"], reason_hash(row["note"]))


def _of_step(row: Mapping[str, Any], d: Mapping[str, Any]) -> _Told:
    return (row["subject"], row["event"], row["actor"], str(d.get("note")))


def read_detail(row: Mapping[str, Any]) -> dict[str, Any]:
    """What an audit record says besides its fixed fields; nothing if it was edited into no JSON object."""
    try:
        found = json.loads(row["detail"])
    except ValueError:  # an edited record; the chain tells of it
        return {}
    return found if isinstance(found, dict) else {}
