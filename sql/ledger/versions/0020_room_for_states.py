"""On PostgreSQL, entitlements have room beside them: a change of state then stays on its page and out of the indexes."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move to this schema; what is stored already gets its room as it is written again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("alter table entitlement set (fillfactor = 50)")
