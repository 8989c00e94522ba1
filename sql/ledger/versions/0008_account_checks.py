"""Accounts that the bank is asked about before money goes to them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move to this schema."""
    op.create_table(
        "account_check",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("claim_id", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("query_key", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["programme", "claim_id"],
            ["claim.programme", "claim.claim_id"],
            name=op.f("fk_account_check_programme_claim_id"),
        ),
        sa.PrimaryKeyConstraint("programme", "claim_id", name=op.f("pk_account_check")),
        sa.UniqueConstraint(
            "programme", "query_key", name=op.f("uq_account_check_programme_query_key")
        ),
    )
    op.create_index(
        "ix_account_check_file", "account_check", ["programme", "file_name"], unique=False
    )


def downgrade() -> None:
    """The ledger only moves forward."""
    raise NotImplementedError("restore a backup instead")
