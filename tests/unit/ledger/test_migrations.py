"""Every migration on a ledger that is full: with rows of every state from the first schema on, nothing is lost."""

from datetime import date

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from pipelines.ledger import tables
from pipelines.ledger.balance import take_balance
from pipelines.ledger.engine import MIGRATIONS, open_engine
from pipelines.ledger.states import Batch, Entitlement
from pipelines.ledger.store import EVENTS, record, verify_chain

PROGRAMME, DAY = "test-2020", date(2020, 6, 3)
PAID = (Entitlement.PAID, Entitlement.RETURNED, Entitlement.IN_PAYMENT, Entitlement.UNKNOWN)
_RELEASES = ("released", "sealed", "sending", "delivered", "unknown", "withdrawn", "kept")
_TEXT = "x"


def _person(state):
    return f"R{list(Entitlement).index(state):010d}"


def _payments():
    """One payment a batch; in the settled one a person is paid and another's money came back."""
    of = {Batch.SENDING: Entitlement.IN_PAYMENT, Batch.DELIVERED: Entitlement.UNKNOWN}
    plain = [(f"{n:010d}", state, None, of.get(state)) for n, state in enumerate(Batch)]
    settled = [
        ("0000000101", Batch.SETTLED, "paid", Entitlement.PAID),
        ("0000000102", Batch.SETTLED, "returned", Entitlement.RETURNED),
    ]
    return [*plain, *settled]


ROWS = {
    "snapshot": [{"base_date": DAY, "frozen_on": DAY, "source_sha256": _TEXT, "people": len(Entitlement),
                  "households": 1}],
    "entitlement": [
        {"person_id": _person(s), "resident_id": _person(s)[1:], "household_id": "1", "source": "snapshot",
         "amount_yen": 100_000, "state": s, "claim_id": "C1", "codes": "LATE"} for s in Entitlement
    ],
    "entitlement_event": [
        {"event_id": n, "person_id": _person(s), "to_state": s, "cause": _TEXT, "codes": "", "business_date": DAY}
        for n, s in enumerate(Entitlement, start=1)
    ],
    "protection": [
        {"person_id": _person(Entitlement.HELD), "dataset": c, "kind": "facility", "certainty": c, "evidence": _TEXT,
         "mailing_address": "", "since": DAY} for c in ("linked", "candidate")
    ],
    "braille_holder": [{"person_id": _person(Entitlement.HELD), "evidence": _TEXT}],
    "unlinked_row": [{"evidence": f"{decided}", "decided": decided} for decided in (True, False)],
    "claim": [
        {"claim_id": f"C{n}", "channel": channel, "day": DAY, "kind": "new", "outcome": "decided", "proxy_kind": ""}
        for n, channel in enumerate(("online", "postal", "inhouse"), start=1)
    ],
    "finding": [{"claim_id": "C1", "line": "1", "code": "LATE", "severity": "block"}],
    "batch": [
        {"batch_id": state, "business_date": DAY, "transfer_date": DAY, "payments": 1, "people": 1, "sum_yen": 100_000,
         "account_hash": _TEXT, "content_hash": "same" if state == Batch.REJECTED else state, "file_name": state,
         "state": state, "drafter": "operator"} for state in Batch
    ],
    "payment": [
        {"payment_key": key, "batch_id": batch, "claim_id": "C1", "attempt": 1, "people": 1, "amount_yen": 100_000,
         "bank_code": "0001", "branch_code": "001", "account_type": "1", "account_number": "1234567", "payee_kana": "A",
         "result": result} for key, batch, result, _ in _payments()
    ],
    "payment_item": [
        {"payment_key": key, "person_id": _person(person), "amount_yen": 100_000,
         "live": person is not Entitlement.RETURNED} for key, _, _, person in _payments() if person
    ],
    "recovery": [{"payment_key": "0000000101", "person_id": _person(Entitlement.INELIGIBLE), "amount_yen": 1,
                  "opened_on": DAY, "cause": "protection"}],
    "approval": [
        {"subject": d, "actor": "one", "subject_hash": _TEXT, "decision": d, "business_date": DAY}
        for d in ("approve", "reject")
    ],
    "release": [
        {"name": s, "disclosure": "payments", "recipient": "bank", "medium": "lgwan", "basis": _TEXT, "fields": _TEXT,
         "records": 1, "people": 1, "sum_yen": 1, "sha256": _TEXT, "scanned_for": _TEXT, "business_date": DAY,
         "state": s, "acknowledged": s == "delivered"} for s in _RELEASES
    ],
    "intake_file": [{"dataset": "register", "day": DAY, "outcome": "ok", "rows_in": 3, "accepted": 1, "quarantined": 1,
                     "duplicates": 1, "reason": ""}],
    "refusal": [{"day": DAY, "subject": _TEXT, "reason": _TEXT}],
    "step": [{"name": "payments.draft", "day": DAY, "result": {"batches": ["B1"]}}],
    "addition": [],  # its people are in the snapshot's count; see test_schema.py for their birth dates
    "audit": [],  # made by the program itself
    "hold_decision": [
        {"hold_id": "H1", "number": n, "claim_id": "C1", "person_id": _person(Entitlement.HELD), "codes": "LATE",
         "data_hash": _TEXT, "decision": d, "paid_claim_id": "C1" if d == "pay" else None, "needed": 1}
        for n, d in enumerate(("pay", "decline", "another-claim"), start=1)
    ],
    "hold_reason": [{"hold_id": "H1", "number": 1, "actor": "one", "reason": _TEXT, "business_date": DAY}],
    "recovery_entry": [
        {"payment_key": "0000000101", "person_id": _person(Entitlement.INELIGIBLE), "receipt": f"{yen}",
         "amount_yen": yen, "actor": "one", "business_date": DAY} for yen in (1, -1)
    ],
    "unreconciled_result": [
        {"source_sha256": _TEXT, "record": n, "fault": _TEXT, "source_name": _TEXT, "payment_key": "unknown",
         "result": result, "result_code": "0", "amount_yen": 10**11, "business_date": DAY, "closed_on": on,
         "closed_by": by}
        for n, (result, on, by) in enumerate((("paid", None, None), ("returned", DAY, "money:1")))
    ],
    "late_return": [{"payment_key": "0000000102", "result_code": "1", "source_sha256": _TEXT, "business_date": DAY}],
    "deficiency_letter": [{"payment_key": "0000000102", "business_date": DAY}],
    "money_decision": [{"subject": "money:1", "number": 1, "content": "{}", "needed": 2}],
    "money_reason": [{"subject": "money:1", "number": 1, "actor": "one", "reason": _TEXT, "business_date": DAY}],
    "account_check": [{"claim_id": "C1", "file_name": "a.txt", "query_key": "0000000001", "business_date": DAY}],
    "cash_order": [{"claim_id": "C1", "business_date": DAY}],
    "cash_receipt": [{"payment_key": "0000000101", "receipt": "R-1", "amount_yen": 100_000, "actor": "one",
                      "business_date": DAY}],
    "mailing": [
        {"mailing_id": f"{kind}-{way}", "kind": kind, "way": way, "addressee_id": _person(Entitlement.HELD),
         "reference": "", "release_name": _TEXT, "page": 1, "business_date": DAY, "sent_on": DAY}
        for kind in ("form", "decision", "non_payment", "deficiency", "account")
        for way in ("household", "person", "department", "counter", "contractor")
    ],
    "mailing_person": [{"mailing_id": "form-person", "person_id": _person(Entitlement.HELD)}],
    "mail_return": [{"mailing_id": "form-person", "reason": _TEXT, "returned_on": DAY, "actor": "one",
                     "business_date": DAY}],
    "mail_reissue": [{"mailing_id": "form-person", "at_counter": False, "reason": _TEXT, "actor": "one",
                      "business_date": DAY}],
    "claim_letter": [{"claim_id": "C1", "business_date": DAY}],
    "sending_stop": [{"number": 1, "actor": "one", "reason": _TEXT, "business_date": DAY}],
    "sending_resume": [{"number": 1, "actor": "two", "reason": _TEXT, "business_date": DAY}],
    "handler_roster": [{"party": p, "number": 1, "content": "[]", "certificate_sha256": digest, "actor": "one",
                        "business_date": DAY} for p, digest in (("ward", None), ("bank", _TEXT))],
    "handler_confirmation": [{"party": "bank", "organisation": "", "what": w, "content_sha256": _TEXT,
                              "evidence": _TEXT, "actor": "one", "business_date": DAY}
                             for w in ("training", "consent")],
    "incident": [{"number": 1, "party": "bank", "kind": "accident", "what": _TEXT, "actor": "one",
                  "business_date": DAY}],
    "incident_step": [{"number": 1, "step": "notice", "actor": "one", "note": _TEXT, "business_date": DAY}],
    "former_whereabouts": [
        {"person_id": _person(Entitlement.HELD), "dataset": _TEXT, "address": _TEXT, "until": DAY}
    ],
    "municipal_letter": [
        {"name": f"letter {receipt}", "municipality": _TEXT, "people": 1, "blanks": 0, "sha256": _TEXT,
         "business_date": DAY, "posted_on": DAY if receipt else None, "posted_by": "one" if receipt else None,
         "receipt_number": receipt} for receipt in (None, "12345678901")
    ],
    "municipal_notice": [{"letter": "letter None", "person_id": _person(Entitlement.PAID), "paid": True}],
    "erasure": [
        {"number": n, "planned_on": DAY, "drafter": "one", "content": "{}", "state": state,
         "certified_on": DAY if state == "certified" else None,
         "certificate_sha256": _TEXT if state == "certified" else None}
        for n, state in enumerate(("planned", "replaced", "begun", "searched", "certified"), start=1)
    ],
    "erasure_part": [{"number": 5, "part": "staging", "erased_on": DAY, "told": "{}"}],
    "erasure_request": [
        {"party": "bank", "name": _TEXT, "asked_on": DAY, "due": DAY, "certified_on": DAY, "certificate_sha256": _TEXT,
         "erased": 1, "returned": 0},
        {"party": "jlis", "name": _TEXT, "asked_on": DAY, "due": DAY, "certified_on": None, "certificate_sha256": None,
         "erased": None, "returned": None},
    ],
}  # fmt: skip


def _revisions():
    """Oldest first."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    return [script.revision for script in scripts.walk_revisions()][::-1]


def _upgrade(connection, revision):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _schema(connection):
    found = sa.MetaData()
    found.reflect(connection)
    return {table.name: table for table in found.sorted_tables if table.name != "alembic_version"}


def _fill(connection, schema, filled):
    """Rows for the tables that are new in this schema."""
    for name, table in schema.items():
        if name not in filled:
            rows = [{"programme": PROGRAMME, **row} for row in ROWS[name]]
            if rows:
                connection.execute(sa.insert(table), rows)
            filled.add(name)


def _content(connection, schema):
    """Each table's rows by the columns it has here."""
    return {
        name: (columns := table.c.keys(), _read(connection, table, columns))
        for name, table in schema.items()
    }


def _read(connection, table, columns):
    rows = connection.execute(sa.select(*(table.c[name] for name in columns)))
    return sorted(repr(tuple(row)) for row in rows)


@pytest.fixture
def migrated(unmigrated):
    """A ledger that was filled in its first schema and in each later one, migrated step by step to the newest."""
    engine = open_engine(unmigrated)
    filled = set()
    before = {}
    for revision in _revisions():
        with engine.begin() as connection:
            _upgrade(connection, revision)
            schema = _schema(connection)
            for name, (columns, rows) in before.items():
                after = _read(connection, schema[name], columns)
                added = 1 if (name, revision) == ("audit", "0005") else 0  # it binds the events
                assert set(rows) <= set(after), (revision, name)
                assert len(after) == len(rows) + added, (revision, name)
            _fill(connection, schema, filled)
            record(connection, PROGRAMME, "test", "somebody", revision, {}, DAY)
            before = _content(connection, schema)
    yield engine
    engine.dispose()


def test_a_full_ledger_moves_to_the_newest_schema_and_loses_nothing(migrated):
    with migrated.connect() as connection:
        assert set(_schema(connection)) == set(ROWS)
        states = connection.execute(sa.select(tables.entitlement.c.state)).scalars().all()
        assert sorted(states) == sorted(Entitlement)
        assert sorted(connection.execute(sa.select(tables.batch.c.state)).scalars()) == sorted(
            Batch
        )
        assert verify_chain(connection) == len(_revisions()) + 1
        bound = sa.select(sa.func.count()).select_from(tables.audit).filter_by(event=EVENTS)
        assert connection.execute(bound).scalar_one() == 1
        assert not [
            f for f in take_balance(connection, PROGRAMME).faults if "記録" in f or "対象者" in f
        ]
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("pragma foreign_key_check").all() == []


def _refused(engine, statement):
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError), connection.begin():
        connection.execute(statement)


def test_the_promises_of_the_first_schema_still_hold_there(migrated):
    item = {"programme": PROGRAMME, "payment_key": "0000000000", "amount_yen": 1, "live": True}
    _refused(
        migrated, sa.insert(tables.payment_item).values(**item, person_id=_person(Entitlement.PAID))
    )
    _refused(migrated, sa.update(tables.audit).values(actor="other"))
    _refused(migrated, sa.delete(tables.entitlement_event))
    _refused(migrated, sa.update(tables.entitlement).values(state="nowhere"))


def test_a_files_total_may_pass_what_four_bytes_hold(migrated):
    with migrated.begin() as connection:
        for table in (tables.batch, tables.release):
            connection.execute(sa.update(table).values(sum_yen=999_999_999_999))
            assert set(connection.execute(sa.select(table.c.sum_yen)).scalars()) == {
                999_999_999_999
            }
