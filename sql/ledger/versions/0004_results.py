"""Bank results taken apart, letters about them, recoveries opened and settled by people."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move to this schema."""
    op.create_index(
        "ix_payment_returned",
        "payment",
        ["programme", "payment_key"],
        sqlite_where=sa.text("result = 'returned'"),
        postgresql_where=sa.text("result = 'returned'"),
    )
    op.create_table(
        "recovery_entry",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("payment_key", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("amount_yen", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.CheckConstraint("amount_yen <> 0", name=op.f("ck_recovery_entry_amount_given")),
        sa.ForeignKeyConstraint(
            ["programme", "payment_key", "person_id"],
            ["recovery.programme", "recovery.payment_key", "recovery.person_id"],
            name=op.f("fk_recovery_entry_programme_payment_key_person_id"),
        ),
        sa.PrimaryKeyConstraint(
            "programme", "payment_key", "person_id", "receipt", name=op.f("pk_recovery_entry")
        ),
    )
    op.create_table(
        "unreconciled_result",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("source_sha256", sa.Text(), nullable=False),
        sa.Column("record", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("payment_key", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("result_code", sa.Text(), nullable=False),
        sa.Column("amount_yen", sa.BigInteger(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "result in ('paid', 'returned')", name=op.f("ck_unreconciled_result_result_known")
        ),
        sa.CheckConstraint(
            "(closed_on is null) = (closed_by is null)",
            name=op.f("ck_unreconciled_result_closed_by_something"),
        ),
        sa.PrimaryKeyConstraint(
            "programme", "source_sha256", "record", "fault", name=op.f("pk_unreconciled_result")
        ),
    )
    op.create_index(
        "ix_unreconciled_result_payment_key",
        "unreconciled_result",
        ["programme", "payment_key"],
        unique=False,
    )
    op.create_table(
        "late_return",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("payment_key", sa.Text(), nullable=False),
        sa.Column("result_code", sa.Text(), nullable=False),
        sa.Column("source_sha256", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["programme", "payment_key"],
            ["payment.programme", "payment.payment_key"],
            name=op.f("fk_late_return_programme_payment_key"),
        ),
        sa.PrimaryKeyConstraint("programme", "payment_key", name=op.f("pk_late_return")),
    )
    op.create_table(
        "deficiency_letter",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("payment_key", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["programme", "payment_key"],
            ["payment.programme", "payment.payment_key"],
            name=op.f("fk_deficiency_letter_programme_payment_key"),
        ),
        sa.PrimaryKeyConstraint("programme", "payment_key", name=op.f("pk_deficiency_letter")),
    )
    op.create_table(
        "money_decision",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("applied_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "number > 0 and needed > 1", name=op.f("ck_money_decision_by_two_people")
        ),
        sa.PrimaryKeyConstraint("programme", "subject", "number", name=op.f("pk_money_decision")),
    )
    op.create_table(
        "money_reason",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_money_reason_reason_given")),
        sa.ForeignKeyConstraint(
            ["programme", "subject", "number"],
            ["money_decision.programme", "money_decision.subject", "money_decision.number"],
            name=op.f("fk_money_reason_programme_subject_number"),
        ),
        sa.PrimaryKeyConstraint(
            "programme", "subject", "number", "actor", name=op.f("pk_money_reason")
        ),
    )


def downgrade() -> None:
    """The ledger only moves forward."""
    raise NotImplementedError("restore a backup instead")
