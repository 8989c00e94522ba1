"""Cash over the counter: batches by their route, claims that are paid so, receipts."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move to this schema."""
    op.execute(
        "alter table batch add column route text default 'transfer' not null"
        " constraint ck_batch_route_known check (route in ('transfer', 'cash'))"
    )
    op.create_table(
        "cash_order",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("claim_id", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["programme", "claim_id"],
            ["claim.programme", "claim.claim_id"],
            name=op.f("fk_cash_order_programme_claim_id"),
        ),
        sa.PrimaryKeyConstraint("programme", "claim_id", name=op.f("pk_cash_order")),
    )
    op.create_table(
        "cash_receipt",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("payment_key", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("amount_yen", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.CheckConstraint("receipt <> ''", name=op.f("ck_cash_receipt_receipt_given")),
        sa.CheckConstraint("amount_yen > 0", name=op.f("ck_cash_receipt_amount_positive")),
        sa.ForeignKeyConstraint(
            ["programme", "payment_key"],
            ["payment.programme", "payment.payment_key"],
            name=op.f("fk_cash_receipt_programme_payment_key"),
        ),
        sa.PrimaryKeyConstraint("programme", "payment_key", name=op.f("pk_cash_receipt")),
        sa.UniqueConstraint("programme", "receipt", name=op.f("uq_cash_receipt_programme_receipt")),
    )


def downgrade() -> None:
    """The ledger only moves forward."""
    raise NotImplementedError("restore a backup instead")
