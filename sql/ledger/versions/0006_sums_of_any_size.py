"""Totals of batches and releases beyond 2^31 yen."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move to this schema; SQLite keeps whole numbers of any size already."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("batch", "sum_yen", type_=sa.BigInteger())
        op.alter_column("release", "sum_yen", type_=sa.BigInteger())


def downgrade() -> None:
    """The ledger only moves forward."""
    raise NotImplementedError("restore a backup instead")
