"""The ledger's tables. Money is integer yen; a person is paid at most once by a unique index, not by a join."""

import sqlalchemy as sa

from pipelines.ledger.states import Batch, Entitlement

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# A file's total passes 2^31 yen; SQLite's integers are of any size.
SUM_YEN = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _one_of(column: str, words: type[Entitlement] | type[Batch]) -> sa.CheckConstraint:
    """Written out, because SQLite makes a list of more than two words a table anew for every row."""
    return sa.CheckConstraint(
        " or ".join(f"{column} = '{word}'" for word in words), name=f"{column}_known"
    )


snapshot = sa.Table(
    "snapshot", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("base_date", sa.Date, nullable=False),
    sa.Column("frozen_on", sa.Date, nullable=False),
    sa.Column("source_sha256", sa.Text, nullable=False),
    sa.Column("people", sa.Integer, nullable=False),
    sa.Column("households", sa.Integer, nullable=False),
)  # fmt: skip

entitlement = sa.Table(
    "entitlement", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("resident_id", sa.Text),
    sa.Column("household_id", sa.Text),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("amount_yen", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("claim_id", sa.Text),
    sa.Column("codes", sa.Text, nullable=False, server_default=""),
    sa.Column("form_route", sa.Text),
    sa.Column("form_on", sa.Date),
    sa.CheckConstraint("amount_yen > 0", name="amount_positive"),
    sa.CheckConstraint("source in ('snapshot', 'addition')", name="source_known"),
    sa.CheckConstraint("person_id not like 'PLANT%'", name="no_planted_person"),
    _one_of("state", Entitlement),
    sa.UniqueConstraint("programme", "resident_id"),
    sqlite_with_rowid=False, postgresql_with={"fillfactor": 50},
)  # fmt: skip

entitlement_event = sa.Table(
    "entitlement_event", metadata,
    sa.Column("event_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("programme", sa.Text, nullable=False),
    sa.Column("person_id", sa.Text, nullable=False),
    sa.Column("from_state", sa.Text),
    sa.Column("to_state", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("reference", sa.Text),
    sa.Column("codes", sa.Text, nullable=False, server_default=""),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Index("ix_entitlement_event_person", "programme", "person_id"),
    sqlite_autoincrement=True,
)  # fmt: skip

addition = sa.Table(
    "addition", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("name_kanji", sa.Text, nullable=False),
    sa.Column("name_kana", sa.Text, nullable=False),
    sa.Column("relationship", sa.Text, nullable=False),
    sa.Column("birth_date", sa.Text, nullable=False),
    sa.Column("postal_code", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("address_supplement", sa.Text, nullable=False),
    sa.Column("head_name_kanji", sa.Text, nullable=False),
    sa.Column("date_key", sa.Text),  # the birth date as staging read it
)  # fmt: skip

# A store of its own: whereabouts and reasons never join the eligible people's data on the way out.
protection = sa.Table(
    "protection", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("certainty", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("mailing_address", sa.Text, nullable=False),
    sa.Column("since", sa.Date, nullable=False),
    sa.CheckConstraint("certainty in ('linked', 'candidate')", name="certainty_known"),
)  # fmt: skip

# Whose household's envelope carries Braille; the flag never leaves the ward.
braille_holder = sa.Table(
    "braille_holder", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("evidence", sa.Text, nullable=False),
)  # fmt: skip

# Rows about somebody registered here whom linkage found nowhere: nothing goes out until two people have decided.
unlinked_row = sa.Table(
    "unlinked_row", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("evidence", sa.Text, primary_key=True),
    sa.Column("decided", sa.Boolean(create_constraint=False), nullable=False),
)  # fmt: skip

claim = sa.Table(
    "claim", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("claim_id", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("supersedes_id", sa.Text),
    sa.Column("household_id", sa.Text),
    sa.Column("applicant_id", sa.Text),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("certificate_serial", sa.Text),
    sa.Column("proxy_kind", sa.Text, nullable=False),
    sa.Column("bank_code", sa.Text),
    sa.Column("branch_code", sa.Text),
    sa.Column("account_type", sa.Text),
    sa.Column("account_number", sa.Text),
    sa.Column("account_holder_kana", sa.Text),
    sa.CheckConstraint("claim_id not like 'PLANT%'", name="no_planted_claim"),
    sqlite_with_rowid=False,
)  # fmt: skip

finding = sa.Table(
    "finding", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("claim_id", sa.Text, primary_key=True),
    sa.Column("line", sa.Text, primary_key=True),
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("person_id", sa.Text),
    sqlite_with_rowid=False,
)  # fmt: skip

batch = sa.Table(
    "batch", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("batch_id", sa.Text, primary_key=True),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("transfer_date", sa.Date, nullable=False),
    sa.Column("payments", sa.Integer, nullable=False),
    sa.Column("people", sa.Integer, nullable=False),
    sa.Column("sum_yen", SUM_YEN, nullable=False),
    sa.Column("account_hash", sa.Text, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("drafter", sa.Text, nullable=False),
    sa.Column("route", sa.Text, nullable=False, server_default="transfer"),
    sa.CheckConstraint("route in ('transfer', 'cash')", name="route_known"),
    sa.CheckConstraint("payments > 0 and people > 0 and sum_yen > 0", name="totals_positive"),
    _one_of("state", Batch),
    sa.Index(
        "uq_batch_content", "programme", "content_hash", unique=True,
        sqlite_where=sa.text("state <> 'rejected'"), postgresql_where=sa.text("state <> 'rejected'"),
    ),
)  # fmt: skip

payment = sa.Table(
    "payment", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("payment_key", sa.Text, primary_key=True),
    sa.Column("batch_id", sa.Text, nullable=False),
    sa.Column("claim_id", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("follows", sa.Text),
    sa.Column("people", sa.Integer, nullable=False),
    sa.Column("amount_yen", sa.Integer, nullable=False),
    sa.Column("bank_code", sa.Text, nullable=False),
    sa.Column("branch_code", sa.Text, nullable=False),
    sa.Column("account_type", sa.Text, nullable=False),
    sa.Column("account_number", sa.Text, nullable=False),
    sa.Column("payee_kana", sa.Text, nullable=False),
    sa.Column("result", sa.Text),
    sa.Column("result_code", sa.Text),
    sa.CheckConstraint("amount_yen > 0 and people > 0", name="amount_positive"),
    sa.CheckConstraint("attempt = 1 or follows is not null", name="later_attempt_follows"),
    sa.CheckConstraint("result in ('paid', 'returned')", name="result_known"),
    sa.ForeignKeyConstraint(["programme", "batch_id"], ["batch.programme", "batch.batch_id"]),
    sa.Index("ix_payment_batch", "programme", "batch_id"),
    sa.Index(
        "ix_payment_returned", "programme", "payment_key",
        sqlite_where=sa.text("result = 'returned'"), postgresql_where=sa.text("result = 'returned'"),
    ),
    sqlite_with_rowid=False,
)  # fmt: skip

# One row a person and payment. The partial unique index is the promise: one live payment per person and programme.
payment_item = sa.Table(
    "payment_item", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("payment_key", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("amount_yen", sa.Integer, nullable=False),
    sa.Column("live", sa.Boolean(create_constraint=False), nullable=False),
    sa.CheckConstraint("amount_yen > 0", name="amount_positive"),
    sa.ForeignKeyConstraint(["programme", "person_id"], ["entitlement.programme", "entitlement.person_id"]),
    sa.ForeignKeyConstraint(["programme", "payment_key"], ["payment.programme", "payment.payment_key"]),
    sa.Index(
        "uq_payment_item_live", "programme", "person_id", unique=True,
        sqlite_where=sa.text("live"), postgresql_where=sa.text("live"),
    ),
    sqlite_with_rowid=False,
)  # fmt: skip

# Says "live" in the very words of the index: SQLite looks a person up by it for no other.
LIVE: sa.ColumnElement[bool] = sa.literal_column("payment_item.live", sa.Boolean)

recovery = sa.Table(
    "recovery", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("payment_key", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("amount_yen", sa.Integer, nullable=False),
    sa.Column("opened_on", sa.Date, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.CheckConstraint("amount_yen > 0", name="amount_positive"),
)  # fmt: skip

# What came back of a recovery, each receipt once; a receipt entered wrongly is taken back by a row with a minus.
recovery_entry = sa.Table(
    "recovery_entry", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("payment_key", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("receipt", sa.Text, primary_key=True),
    sa.Column("amount_yen", sa.Integer, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.CheckConstraint("amount_yen <> 0", name="amount_given"),
    sa.ForeignKeyConstraint(
        ["programme", "payment_key", "person_id"],
        ["recovery.programme", "recovery.payment_key", "recovery.person_id"],
    ),
)  # fmt: skip

# What the bank said that cannot be right; open until the bank answers rightly or two people decide.
# No key into payment: the payment may be unknown here.
unreconciled_result = sa.Table(
    "unreconciled_result", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("source_sha256", sa.Text, primary_key=True),
    sa.Column("record", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("fault", sa.Text, primary_key=True),
    sa.Column("source_name", sa.Text, nullable=False),
    sa.Column("payment_key", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("result_code", sa.Text, nullable=False),
    sa.Column("amount_yen", sa.BigInteger, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("closed_on", sa.Date),
    sa.Column("closed_by", sa.Text),
    sa.CheckConstraint("result in ('paid', 'returned')", name="result_known"),
    sa.CheckConstraint("(closed_on is null) = (closed_by is null)", name="closed_by_something"),
    sa.Index("ix_unreconciled_result_payment_key", "programme", "payment_key"),
)  # fmt: skip

# Payments that the bank had paid and brought back later.
late_return = sa.Table(
    "late_return", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("payment_key", sa.Text, primary_key=True),
    sa.Column("result_code", sa.Text, nullable=False),
    sa.Column("source_sha256", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.ForeignKeyConstraint(["programme", "payment_key"], ["payment.programme", "payment.payment_key"]),
)  # fmt: skip

# Which returned payments somebody was asked for another account about.
deficiency_letter = sa.Table(
    "deficiency_letter", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("payment_key", sa.Text, primary_key=True),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.ForeignKeyConstraint(["programme", "payment_key"], ["payment.programme", "payment.payment_key"]),
)  # fmt: skip

# What two people decide about money that went astray, numbered by subject; content: all that they agree to, as JSON.
money_decision = sa.Table(
    "money_decision", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("needed", sa.Integer, nullable=False),
    sa.Column("applied_on", sa.Date),
    sa.CheckConstraint("number > 0 and needed > 1", name="by_two_people"),
)  # fmt: skip

money_reason = sa.Table(
    "money_reason", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("actor", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.CheckConstraint("reason <> ''", name="reason_given"),
    sa.ForeignKeyConstraint(
        ["programme", "subject", "number"],
        ["money_decision.programme", "money_decision.subject", "money_decision.number"],
    ),
)  # fmt: skip

approval = sa.Table(
    "approval", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("actor", sa.Text, primary_key=True),
    sa.Column("subject_hash", sa.Text, nullable=False),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.CheckConstraint("decision in ('approve', 'reject')", name="decision_known"),
)  # fmt: skip

# What stewards decided about a hold, numbered: the newest one counts, and only for the data that it was taken on.
# data_hash: of both sides of the comparison; the data itself stays in staging.
hold_decision = sa.Table(
    "hold_decision", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("hold_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("claim_id", sa.Text, nullable=False),
    sa.Column("person_id", sa.Text, nullable=False),
    sa.Column("codes", sa.Text, nullable=False),
    sa.Column("data_hash", sa.Text, nullable=False),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("paid_claim_id", sa.Text),
    sa.Column("needed", sa.Integer, nullable=False),
    sa.Column("applied_on", sa.Date),
    sa.CheckConstraint("decision in ('pay', 'decline', 'another-claim')", name="decision_known"),
    sa.CheckConstraint("(decision = 'pay') = (paid_claim_id is not null)", name="pays_on_a_claim"),
    sa.CheckConstraint("number > 0 and needed > 0", name="numbers_positive"),
    sa.ForeignKeyConstraint(["programme", "person_id"], ["entitlement.programme", "entitlement.person_id"]),
)  # fmt: skip

# Why each person who took part in a decision took it so.
hold_reason = sa.Table(
    "hold_reason", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("hold_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("actor", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.CheckConstraint("reason <> ''", name="reason_given"),
    sa.ForeignKeyConstraint(
        ["programme", "hold_id", "number"],
        ["hold_decision.programme", "hold_decision.hold_id", "hold_decision.number"],
    ),
)  # fmt: skip

# Stops of all sending, numbered: the newest one stands until `stops.NEEDED` different people agreed to go on.
sending_stop = sa.Table(
    "sending_stop", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.CheckConstraint("reason <> ''", name="reason_given"),
    sa.CheckConstraint("number > 0", name="number_positive"),
)  # fmt: skip

sending_resume = sa.Table(
    "sending_resume", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("actor", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.CheckConstraint("reason <> ''", name="reason_given"),
    sa.ForeignKeyConstraint(["programme", "number"], ["sending_stop.programme", "sending_stop.number"]),
)  # fmt: skip

release = sa.Table(
    "release", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("disclosure", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("medium", sa.Text, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("fields", sa.Text, nullable=False),
    sa.Column("records", sa.Integer, nullable=False),
    sa.Column("people", sa.Integer, nullable=False),
    sa.Column("sum_yen", SUM_YEN),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("scanned_for", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("sealed_sha256", sa.Text),
    sa.Column("acknowledged", sa.Boolean(create_constraint=False), nullable=False),
    sa.CheckConstraint(
        "state in ('released', 'sealed', 'sending', 'delivered', 'unknown', 'withdrawn', 'kept')",
        name="state_known",
    ),
)  # fmt: skip

intake_file = sa.Table(
    "intake_file", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("rows_in", sa.Integer, nullable=False),
    sa.Column("accepted", sa.Integer, nullable=False),
    sa.Column("quarantined", sa.Integer, nullable=False),
    sa.Column("duplicates", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.CheckConstraint("rows_in = accepted + quarantined + duplicates", name="rows_balance"),
)  # fmt: skip

refusal = sa.Table(
    "refusal", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
)  # fmt: skip

step = sa.Table(
    "step", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("result", sa.JSON, nullable=False),
)  # fmt: skip

audit = sa.Table(
    "audit", metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("programme", sa.Text, nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
)  # fmt: skip

# Rosters of who handles personal data, as registered, numbered by party: the newest one counts.
# content: the programme's rosters of the party and its subcontractors, as JSON. certificate_sha256: the party's.
handler_roster = sa.Table(
    "handler_roster", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("party", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("certificate_sha256", sa.Text),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.CheckConstraint("number > 0", name="number_positive"),
)  # fmt: skip

# What was confirmed of a party or its subcontractor (organisation; empty: the party itself), for exactly one content.
handler_confirmation = sa.Table(
    "handler_confirmation", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("party", sa.Text, primary_key=True),
    sa.Column("organisation", sa.Text, primary_key=True),
    sa.Column("what", sa.Text, primary_key=True),
    sa.Column("content_sha256", sa.Text, primary_key=True),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.CheckConstraint("what in ('training', 'consent')", name="what_known"),
    sa.CheckConstraint("evidence <> ''", name="evidence_given"),
)  # fmt: skip

# Accidents and suspicions, numbered; one stands, and suspends its party's deliveries, until two people closed it.
incident = sa.Table(
    "incident", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("party", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("happened_on", sa.Date),
    sa.Column("people", sa.Integer),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.CheckConstraint("kind in ('accident', 'suspicion')", name="kind_known"),
    sa.CheckConstraint("number > 0 and people >= 0", name="numbers_possible"),
    sa.CheckConstraint("what <> ''", name="what_given"),
)  # fmt: skip

# What was done about an incident, each step once a person.
incident_step = sa.Table(
    "incident_step", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("actor", sa.Text, primary_key=True),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.CheckConstraint("step in ('notice', 'report', 'instruction', 'resume')", name="step_known"),
    sa.CheckConstraint("note <> ''", name="note_given"),
    sa.ForeignKeyConstraint(["programme", "number"], ["incident.programme", "incident.number"]),
)  # fmt: skip

# Where a protected person lived before, as long as it was under protection: it stays a secret.
former_whereabouts = sa.Table(
    "former_whereabouts", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("address", sa.Text, primary_key=True),
    sa.Column("until", sa.Date, nullable=False),
)  # fmt: skip

# Letters to other municipalities. blanks: cells that a person fills in by hand before it goes.
municipal_letter = sa.Table(
    "municipal_letter", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("municipality", sa.Text, nullable=False),
    sa.Column("people", sa.Integer, nullable=False),
    sa.Column("blanks", sa.Integer, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("withdrawn_on", sa.Date),
    sa.Column("posted_on", sa.Date),
    sa.Column("posted_by", sa.Text),
    sa.Column("receipt_number", sa.Text),
    sa.CheckConstraint("people > 0 and blanks >= 0", name="counts_right"),
    sa.CheckConstraint(
        "(posted_on is null) = (receipt_number is null) and (posted_on is null) = (posted_by is null)",
        name="posted_with_its_receipt",
    ),
    sa.CheckConstraint("posted_on is null or withdrawn_on is null", name="posted_or_withdrawn"),
    sa.UniqueConstraint("programme", "receipt_number"),
)  # fmt: skip

# What each letter tells of whom: told again only once it has changed.
municipal_notice = sa.Table(
    "municipal_notice", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("letter", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("paid", sa.Boolean(create_constraint=False), nullable=False),
    sa.ForeignKeyConstraint(
        ["programme", "letter"], ["municipal_letter.programme", "municipal_letter.name"]
    ),
)  # fmt: skip

# Claims whose people are paid in cash over the counter, because two people decided so.
cash_order = sa.Table(
    "cash_order", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("claim_id", sa.Text, primary_key=True),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.ForeignKeyConstraint(["programme", "claim_id"], ["claim.programme", "claim.claim_id"]),
)  # fmt: skip

# Who signed for cash: one receipt a payment, and no receipt for two.
cash_receipt = sa.Table(
    "cash_receipt", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("payment_key", sa.Text, primary_key=True),
    sa.Column("receipt", sa.Text, nullable=False),
    sa.Column("amount_yen", sa.Integer, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.CheckConstraint("receipt <> ''", name="receipt_given"),
    sa.CheckConstraint("amount_yen > 0", name="amount_positive"),
    sa.ForeignKeyConstraint(["programme", "payment_key"], ["payment.programme", "payment.payment_key"]),
    sa.UniqueConstraint("programme", "receipt"),
)  # fmt: skip

# Claims whose account the bank was asked about before the first payment; answer: `confirmed`, or a finding's code.
account_check = sa.Table(
    "account_check", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("claim_id", sa.Text, primary_key=True),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("query_key", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("answer", sa.Text),
    sa.ForeignKeyConstraint(["programme", "claim_id"], ["claim.programme", "claim.claim_id"]),
    sa.UniqueConstraint("programme", "query_key"),
    sa.Index("ix_account_check_file", "programme", "file_name"),
)  # fmt: skip

# Mail of the ward's own, one row an addressee; of the contractor's only what came back or is written anew. way: to
# which kind of address; page: its first one in the release; reference: the payment or claim that a letter is about.
mailing = sa.Table(
    "mailing", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("mailing_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("way", sa.Text, nullable=False),
    sa.Column("addressee_id", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("release_name", sa.Text, nullable=False),
    sa.Column("page", sa.Integer, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("sent_on", sa.Date),
    sa.CheckConstraint("kind in ('form', 'decision', 'non_payment', 'deficiency', 'account')", name="kind_known"),
    sa.CheckConstraint("way in ('household', 'person', 'department', 'counter', 'contractor')", name="way_known"),
    sqlite_with_rowid=False,
)  # fmt: skip

mailing_person = sa.Table(
    "mailing_person", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("mailing_id", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.ForeignKeyConstraint(["programme", "mailing_id"], ["mailing.programme", "mailing.mailing_id"]),
    sa.ForeignKeyConstraint(["programme", "person_id"], ["entitlement.programme", "entitlement.person_id"]),
    sa.Index("ix_mailing_person_person", "programme", "person_id"),
    sqlite_with_rowid=False,
)  # fmt: skip

# Mail that came back, once; reason: a code of the programme's.
mail_return = sa.Table(
    "mail_return", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("mailing_id", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("returned_on", sa.Date, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.ForeignKeyConstraint(["programme", "mailing_id"], ["mailing.programme", "mailing.mailing_id"]),
)  # fmt: skip

# What somebody wants written anew; done_by: the mailing that is written instead.
mail_reissue = sa.Table(
    "mail_reissue", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("mailing_id", sa.Text, primary_key=True),
    sa.Column("at_counter", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.Column("done_by", sa.Text),
    sa.CheckConstraint("reason <> ''", name="reason_given"),
    sa.ForeignKeyConstraint(["programme", "mailing_id"], ["mailing.programme", "mailing.mailing_id"]),
)  # fmt: skip

# Which claims somebody was written to about, because something lacks.
claim_letter = sa.Table(
    "claim_letter", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("claim_id", sa.Text, primary_key=True),
    sa.Column("business_date", sa.Date, nullable=False),
    sa.ForeignKeyConstraint(["programme", "claim_id"], ["claim.programme", "claim.claim_id"]),
)  # fmt: skip
# An erasure, numbered: what two people agree to (content, as JSON), and how far it is.
erasure = sa.Table(
    "erasure", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("planned_on", sa.Date, nullable=False),
    sa.Column("drafter", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("certified_on", sa.Date),
    sa.Column("certificate_sha256", sa.Text),
    sa.CheckConstraint("number > 0", name="number_positive"),
    sa.CheckConstraint("state in ('planned', 'replaced', 'begun', 'searched', 'certified')", name="state_known"),
    sa.CheckConstraint(
        "(state = 'certified') = (certificate_sha256 is not null and certified_on is not null)",
        name="certified_by_something",
    ),
)  # fmt: skip

# What of an erasure is done, class by class. told: counts, and how it was erased, as JSON.
erasure_part = sa.Table(
    "erasure_part", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("erased_on", sa.Date, nullable=False),
    sa.Column("told", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["programme", "number"], ["erasure.programme", "erasure.number"]),
)  # fmt: skip

# Which party was asked to return and to erase what it holds, and its certificate.
erasure_request = sa.Table(
    "erasure_request", metadata,
    sa.Column("programme", sa.Text, primary_key=True),
    sa.Column("party", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("asked_on", sa.Date, nullable=False),
    sa.Column("due", sa.Date, nullable=False),
    sa.Column("certified_on", sa.Date),
    sa.Column("certificate_sha256", sa.Text),
    sa.Column("erased", sa.Integer),
    sa.Column("returned", sa.Integer),
    sa.CheckConstraint(
        "(certified_on is null) = (certificate_sha256 is null)"
        " and (certified_on is null) = (erased is null) and (certified_on is null) = (returned is null)",
        name="certified_whole",
    ),
)  # fmt: skip
