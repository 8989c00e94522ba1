"""What stewards decide about holds, and why."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move to this schema."""
    op.create_table(
        "hold_decision",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("hold_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("claim_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("codes", sa.Text(), nullable=False),
        sa.Column("data_hash", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("paid_claim_id", sa.Text(), nullable=True),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("applied_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "decision in ('pay', 'decline', 'another-claim')",
            name=op.f("ck_hold_decision_decision_known"),
        ),
        sa.CheckConstraint(
            "(decision = 'pay') = (paid_claim_id is not null)",
            name=op.f("ck_hold_decision_pays_on_a_claim"),
        ),
        sa.CheckConstraint(
            "number > 0 and needed > 0", name=op.f("ck_hold_decision_numbers_positive")
        ),
        sa.ForeignKeyConstraint(
            ["programme", "person_id"],
            ["entitlement.programme", "entitlement.person_id"],
            name=op.f("fk_hold_decision_programme_person_id"),
        ),
        sa.PrimaryKeyConstraint("programme", "hold_id", "number", name=op.f("pk_hold_decision")),
    )
    op.create_table(
        "hold_reason",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("hold_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_hold_reason_reason_given")),
        sa.ForeignKeyConstraint(
            ["programme", "hold_id", "number"],
            ["hold_decision.programme", "hold_decision.hold_id", "hold_decision.number"],
            name=op.f("fk_hold_reason_programme_hold_id_number"),
        ),
        sa.PrimaryKeyConstraint(
            "programme", "hold_id", "number", "actor", name=op.f("pk_hold_reason")
        ),
    )


def downgrade() -> None:
    """The ledger only moves forward."""
    raise NotImplementedError("restore a backup instead")
