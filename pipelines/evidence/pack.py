"""`kyufu evidence`: one signed ZIP for the yearly inspection (立入り調査等, 特記事項 第18項・第19項).

Everything in it comes from the ledger; the same ledger and period give the same bytes. Whoever has it checks it with
`sha256sum` and `openssl` alone (`check.sh` inside; docs/interfaces/evidence.md).
"""

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from cryptography.hazmat.primitives.serialization import Encoding

from pipelines.errors import KyufuError
from pipelines.evidence import audit, pack_tables
from pipelines.evidence.audit import Verified
from pipelines.evidence.basis import basis
from pipelines.evidence.disclosures import Report, read_report
from pipelines.evidence.pack_tables import Table
from pipelines.intake.staging import sha256
from pipelines.ledger import incidents, rosters
from pipelines.ledger.balance import Balance, take_balance
from pipelines.ledger.states import LABELS_JA, Entitlement
from pipelines.ledger.store import read_chain, record
from pipelines.link.seal import sign_detached
from pipelines.outputs.handover import build_handover
from pipelines.outputs.paper.typesetting import typeset
from pipelines.programme import Period
from pipelines.steps.campaign import Campaign
from pipelines.steps.roles import Act, Actor

_FIXED = ("README.txt", "check.sh", "check_chain.py")
_FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP can say: no clock in the bytes
_MODE = 0o644 << 16


def make_pack(c: Campaign, period: Period, actor: Actor, day: date) -> bytes:
    """The signed ZIP of a period; that it was made is an audit event. To be made while nothing else runs.

    Raises:
        NotAllowed: the actor may not make it.
        NotOnRoster: the actor is not on the ward's roster.
        KeyNotUsable: the ward's key cannot be read.
    """
    actor.assert_may(Act.MAKE_EVIDENCE)
    with c.ledger.read() as connection:
        rosters.assert_handler(connection, c.programme, actor.name)
    data = build_pack(c, period)
    detail = {"from": str(period.first), "to": str(period.last), "sha256": sha256(data)}
    with c.ledger.write() as connection:
        record(connection, c.programme.id, "evidence.made", actor.name, "evidence", detail, day)
    return data


def build_pack(c: Campaign, period: Period) -> bytes:
    """The bytes of the ZIP, as the ledger stands."""
    content = {**_fixed_files(), **_certificates(c), **_told(c, period, audit.verify(c))}
    sums = "".join(f"{sha256(content[name])}  {name}\n" for name in sorted(content)).encode()
    content |= {"SHA256SUMS": sums, "SHA256SUMS.p7s": sign_detached(sums, c.ward)}
    return _zip(content)


def _told(c: Campaign, period: Period, verified: Verified) -> dict[str, bytes]:
    """What the ledger says, as files."""
    with c.ledger.read() as connection:
        chain = read_chain(connection)
        balance = take_balance(connection, c.programme.id)
        report = read_report(connection, c.programme, period.first, period.last)
        tables = _tables(c, connection, period, report)
    head = chain[-1] if chain else None
    about = {
        "programme": c.programme.id, "municipality": c.programme.benefit.municipality,
        "demonstration": c.programme.is_demonstration, "from": str(period.first), "to": str(period.last),
        "audit_head": {"number": head["number"], "hash": head["hash"]} if head else None,
        "verification": {
            "audit_records": verified.records, "state_events": verified.events, "releases": verified.releases,
            "faults": list(verified.faults),
        },
        "balance": _balance(balance), "rows": {table.name: len(table.rows) for table in tables},
    }  # fmt: skip
    found = {f"{table.name}.csv": _csv(table) for table in tables}
    found["about.json"] = (
        json.dumps(about, ensure_ascii=False, indent=2, sort_keys=True).encode() + b"\n"
    )
    found["audit.jsonl"] = b"".join(pack_tables.chain_lines(chain))
    found["summary.pdf"] = _summary(c, period, about, balance, tables)
    return found


def _tables(c: Campaign, connection: sa.Connection, period: Period, report: Report) -> list[Table]:
    programme = c.programme
    days = {party.id: party.acknowledge_days for party in programme.parties}
    return [
        basis(connection, programme, period, report.given),
        pack_tables.disclosures(report),
        pack_tables.refusals(report),
        pack_tables.deliveries(report.given, days),
        pack_tables.approvals(connection, programme.id, period),
        pack_tables.access(connection, programme.id, period),
        pack_tables.roster_people(connection, programme),
        pack_tables.confirmations(connection, programme),
        pack_tables.incidents(incidents.read_all(connection, programme.id)),
        pack_tables.stops(connection, programme.id),
    ]


def _balance(found: Balance) -> dict[str, Any]:
    return {
        "eligible": found.eligible, "states": found.states, "paid_yen": found.paid_yen,
        "returned_yen": found.returned_yen, "recovered_yen": found.recovered_yen,
        "recovering_yen": found.recovering_yen, "net_yen": found.net_yen, "balanced": found.balanced,
        "faults": list(found.faults),
    }  # fmt: skip


def _summary(
    c: Campaign, period: Period, about: Mapping[str, Any], balance: Balance, tables: list[Table]
) -> bytes:
    """The printed part: what an inspector reads first."""
    by_name = {table.name: table for table in tables}
    states = [[LABELS_JA[Entitlement(s)], f"{n:,}人"] for s, n in balance.states.items() if n]
    shown = ("basis", "deliveries", "access", "confirmations", "incidents")
    data = {
        "programme": c.programme.benefit.name, "municipality": c.programme.benefit.municipality,
        "office": c.programme.benefit.office, "demonstration": c.programme.is_demonstration,
        "from": about["from"], "to": about["to"], "head": about["audit_head"], "states": states,
        "verification": about["verification"], "eligible": f"{balance.eligible:,}人",
        "net": f"{balance.net_yen:,}円", "balanced": balance.balanced,
        "rows": {name: f"{count:,}" for name, count in about["rows"].items()},
        "tables": {
            name: {"heading": list(by_name[name].heading), "rows": list(by_name[name].rows)} for name in shown
        },
    }  # fmt: skip
    return typeset("evidence", data, period.last)


def _csv(table: Table) -> bytes:
    columns = list(zip(*table.rows, strict=True)) if table.rows else [()] * len(table.heading)
    arrays = [pa.array(column, pa.string()) for column in columns]
    return build_handover(pa.table(arrays, names=list(table.heading)))


def _fixed_files() -> dict[str, bytes]:
    folder = files("pipelines.evidence") / "pack_files"
    return {name: (folder / name).read_bytes() for name in _FIXED}


def _certificates(c: Campaign) -> dict[str, bytes]:
    """The ward's certificate, and its authority's for convenience."""
    authority = c.home / "pki" / "ward" / "ca.crt"
    if not authority.is_file():
        raise KyufuError(f"{authority} がありません。区の証明書の認証局の証明書を置いてください。")
    return {
        "ward.crt": c.ward.certificate.public_bytes(Encoding.PEM), "ca.crt": authority.read_bytes()
    }  # fmt: skip


def _zip(content: Mapping[str, bytes]) -> bytes:
    """The files in the order of their names, without a date, an owner or a machine."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(content):
            entry = zipfile.ZipInfo(name, _FIRST_MOMENT)
            entry.create_system, entry.external_attr = 3, _MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content[name])
    return made.getvalue()
