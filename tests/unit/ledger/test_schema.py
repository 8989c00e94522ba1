"""The ledger's tables: the migrations make exactly what the code thinks, and the database itself keeps the promises."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.engine import MIGRATIONS, open_engine, open_ledger
from pipelines.ledger.states import MOVES, Batch, Entitlement
from tests.unit.ledger.ledger_world import (
    AMOUNT,
    CANARY,
    DAY,
    add_claim,
    approve,
    draft,
    open_people,
    pay,
)

PAYMENT = {
    "payment_key": "P2", "claim_id": "C1", "attempt": 1, "people": 1, "amount_yen": AMOUNT,
    "bank_code": "0001", "branch_code": "001", "account_type": "1", "account_number": "7654321", "payee_kana": CANARY,
}  # fmt: skip


def _shape(connection):
    """Columns, keys, checks and indexes as the database tells them."""
    inspector = sa.inspect(connection)
    found = {}
    for table in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
        found[table] = {
            "columns": [
                (c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)
            ],
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "checks": {c["name"]: c["sqltext"] for c in inspector.get_check_constraints(table)},
            "unique": {
                u["name"]: u["column_names"] for u in inspector.get_unique_constraints(table)
            },
            "foreign": {
                f["name"]: (f["constrained_columns"], f["referred_table"])
                for f in inspector.get_foreign_keys(table)
            },
            "indexes": {
                i["name"]: (i["column_names"], bool(i["unique"]), _where(i))
                for i in inspector.get_indexes(table)
            },
        }
    return found


def _where(index):
    return [str(v) for k, v in index.get("dialect_options", {}).items() if k.endswith("_where")]


def test_the_migrations_make_what_the_code_thinks(ledger, unmigrated):
    with ledger.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
        migrated = _shape(connection)
    engine = open_engine(unmigrated)
    with engine.begin() as connection:
        tables.metadata.create_all(connection)
        wanted = _shape(connection)
    engine.dispose()
    assert migrated == wanted


def test_additions_of_an_earlier_schema_get_the_key_of_their_birth_date(unmigrated):
    engine = open_engine(unmigrated)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    written = {"A1": "昭和55年4月1日", "A2": "不明"}
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for person, birth in written.items():
            values = dict.fromkeys((c.name for c in tables.addition.c if c.name != "date_key"), "")
            row = {**values, "person_id": person, "birth_date": birth}
            connection.execute(sa.insert(tables.addition).values(**row))
    engine.dispose()
    engine = open_ledger(unmigrated)
    a = tables.addition
    with engine.begin() as connection:
        found = connection.execute(sa.select(a.c.person_id, a.c.date_key)).all()
    engine.dispose()
    assert sorted(map(tuple, found)) == [("A1", "19800401"), ("A2", None)]


def test_opening_a_ledger_migrates_it_once(unmigrated):
    for _ in range(2):
        engine = open_ledger(unmigrated)
        with engine.begin() as connection:
            version = (
                connection.exec_driver_sql("select version_num from alembic_version")
                .scalars()
                .all()
            )
            assert len(version) == 1
            assert (
                connection.execute(sa.select(sa.func.count()).select_from(tables.batch)).scalar()
                == 0
            )
        engine.dispose()


def test_opening_a_ledger_of_the_newest_schema_waits_for_no_writer(unmigrated):
    engine = open_ledger(unmigrated)
    with engine.begin() as writing:
        writing.execute(sa.delete(tables.batch))
        open_ledger(unmigrated).dispose()
    engine.dispose()


def test_the_newest_migration_is_told_by_its_number():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    assert [script.revision for script in scripts] == [
        Path(script.path).name[:4] for script in scripts
    ]
    assert [script.revision for script in scripts] == sorted(
        (s.revision for s in scripts), reverse=True
    )


def _insert(ledger, table, **values):
    with ledger.write() as connection:
        connection.execute(sa.insert(table).values(programme=ledger.programme, **values))


def _refused(ledger, table, **values):
    """The database refuses the row, and its error shows no value of it."""
    with pytest.raises(sa.exc.IntegrityError) as caught:
        _insert(ledger, table, **values)
    shown = f"{caught.value} {caught.value.args} {caught.value.orig} {caught.value.__cause__}"
    for secret in (CANARY, "7654321", "0000100001"):
        assert secret not in shown
    return shown


@pytest.fixture
def paid(ledger):
    """Two households; the first person's claim is paid, the second person's is approved."""
    one, two = open_people(ledger, 1, 1)
    add_claim(ledger, "C1")
    approve(ledger, "C1", one)
    batch = pay(ledger)
    return one, two, batch


def test_f13_a_second_live_payment_for_a_person_is_refused_by_the_database(ledger, paid):
    one, two, batch = paid
    _insert(ledger, tables.payment, batch_id=batch.batch_id, **PAYMENT)
    _refused(
        ledger, tables.payment_item, payment_key="P2", person_id=one, amount_yen=AMOUNT, live=True
    )
    _insert(
        ledger, tables.payment_item, payment_key="P2", person_id=one, amount_yen=AMOUNT, live=False
    )
    _insert(
        ledger, tables.payment_item, payment_key="P2", person_id=two, amount_yen=AMOUNT, live=True
    )


def test_f13_a_dead_payment_cannot_come_alive_beside_a_live_one(ledger, paid):
    one, _, batch = paid
    _insert(ledger, tables.payment, batch_id=batch.batch_id, **PAYMENT)
    _insert(
        ledger, tables.payment_item, payment_key="P2", person_id=one, amount_yen=AMOUNT, live=False
    )
    i = tables.payment_item
    with pytest.raises(sa.exc.IntegrityError), ledger.write() as connection:
        connection.execute(sa.update(i).where(i.c.payment_key == "P2").values(live=True))


def test_another_programme_may_pay_the_same_person(ledger, paid):
    one, _, _ = paid
    other = type(ledger)(ledger.engine, "other-2021")
    assert open_people(other, 1) == [one]
    add_claim(other, "C1")
    approve(other, "C1", one)
    pay(other)


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempt": 2},  # and follows nothing
        {"amount_yen": 0},
        {"amount_yen": -AMOUNT},
        {"people": 0},
        {"batch_id": "absent"},
        {"payment_key": "0000000001"},  # taken
        {"result": "lost"},
        {"bank_code": None},
    ],
)
def test_f16_f20_a_payment_that_cannot_be_is_refused_by_the_database(ledger, paid, wrong):
    _refused(ledger, tables.payment, **{"batch_id": paid[2].batch_id, **PAYMENT, **wrong})


def test_a_later_attempt_that_follows_is_taken(ledger, paid):
    follows = paid[2].payments[0].payment_key
    again = {**PAYMENT, "attempt": 2, "follows": follows}
    _insert(ledger, tables.payment, batch_id=paid[2].batch_id, **again)


@pytest.mark.parametrize("amount", [0, -1])
def test_every_amount_is_positive(ledger, paid, amount):
    one, two, batch = paid
    payment = batch.payments[0].payment_key
    _refused(
        ledger,
        tables.payment_item,
        payment_key=payment,
        person_id=two,
        amount_yen=amount,
        live=True,
    )
    _refused(
        ledger,
        tables.recovery,
        payment_key=payment,
        person_id=one,
        amount_yen=amount,
        opened_on=DAY,
        cause="x",
    )
    _refused(
        ledger,
        tables.entitlement,
        person_id="A1",
        source="addition",
        amount_yen=amount,
        state="unclaimed",
    )


def test_f10_planted_people_and_claims_never_enter(ledger):
    _refused(
        ledger,
        tables.entitlement,
        person_id="PLANT-1",
        source="addition",
        amount_yen=1,
        state="unclaimed",
    )
    with pytest.raises(sa.exc.IntegrityError):
        add_claim(ledger, "PLANT-1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "lost"},
        {"source": "guess"},
        {"person_id": "R0000100001"},
        {"resident_id": "0000100001"},
    ],
)
def test_an_entitlement_that_cannot_be_is_refused(ledger, paid, wrong):
    good = {"person_id": "A1", "source": "addition", "amount_yen": AMOUNT, "state": "unclaimed"}
    _refused(ledger, tables.entitlement, **{**good, **wrong})


def test_f31_an_intake_that_does_not_add_up_is_refused_by_the_database(ledger):
    good = {
        "dataset": "register",
        "day": DAY,
        "outcome": "staged",
        "reason": "",
        "accepted": 1,
        "duplicates": 1,
    }
    _refused(ledger, tables.intake_file, rows_in=3, quarantined=0, **good)
    _insert(ledger, tables.intake_file, rows_in=3, quarantined=1, **good)


def test_a_payment_item_needs_its_person_and_payment(ledger, paid):
    payment = paid[2].payments[0].payment_key
    for payment_key, person in ((payment, "R9"), ("P9", paid[1])):
        _refused(
            ledger,
            tables.payment_item,
            payment_key=payment_key,
            person_id=person,
            amount_yen=1,
            live=True,
        )


@pytest.mark.parametrize("table", ["audit", "entitlement_event"])
@pytest.mark.parametrize("change", ["update {0} set programme = 'x'", "delete from {0}"])
def test_f41_the_record_is_append_only(ledger, paid, table, change):
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), ledger.write() as connection:
        connection.exec_driver_sql(change.format(table))


def test_states_of_the_code_are_states_of_the_database(ledger, paid):
    with ledger.write() as connection:
        for table, words in ((tables.entitlement, Entitlement), (tables.batch, Batch)):
            for word in words:
                connection.execute(sa.update(table).values(state=word))


def test_f12_the_same_content_is_refused_while_a_batch_stands(ledger):
    one, *_ = open_people(ledger, 1)
    add_claim(ledger, "C1")
    approve(ledger, "C1", one)
    batch = draft(ledger)
    copy = {
        "business_date": DAY, "transfer_date": DAY, "payments": 1, "people": 1, "sum_yen": AMOUNT,
        "account_hash": "x", "content_hash": batch.content_hash, "file_name": "other.txt", "drafter": "other",
    }  # fmt: skip
    _refused(ledger, tables.batch, batch_id="other", state="drafted", **copy)
    _insert(ledger, tables.batch, batch_id="rejected", state="rejected", **copy)
    for wrong in ({"payments": 0}, {"people": 0}, {"sum_yen": 0}, {"sum_yen": -1}):
        row = {**copy, "content_hash": "y", **wrong}
        _refused(ledger, tables.batch, batch_id="z", state="drafted", **row)


def test_nothing_leads_out_of_the_last_states_and_money_moves_one_way():
    sources = {a for a, _ in MOVES}
    assert not sources & {Entitlement.ELSEWHERE, Entitlement.INELIGIBLE, Entitlement.LAPSED}
    into = {a for a, b in MOVES if b == Entitlement.IN_PAYMENT}
    assert into == {Entitlement.APPROVED}
    assert {a for a, b in MOVES if b == Entitlement.PAID} == {
        Entitlement.IN_PAYMENT,
        Entitlement.UNKNOWN,
        Entitlement.RETURNED,
        Entitlement.APPROVED,
    }
    out = {b for a, b in MOVES if a == Entitlement.PAID}
    assert out == {Entitlement.RETURNED, Entitlement.UNCLAIMED, Entitlement.INELIGIBLE}


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_ledger_that_would_vanish_is_refused(url):
    with pytest.raises(KyufuError, match="KYUFU_LEDGER_URL"):
        open_engine(url)


def test_a_ledger_that_cannot_be_reached_is_told_without_its_password():
    with pytest.raises(KyufuError, match="KYUFU_LEDGER_URL") as caught:
        open_engine("postgresql://kyufu:geheim@127.0.0.1:1/kyufu")
    assert "geheim" not in f"{caught.value} {caught.value.__cause__}"
