"""The birth date of an addition as staging read it."""

import pyarrow as pa
import sqlalchemy as sa
from alembic import op

from pipelines.intake.keys import date_key

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move to this schema; what stands written in the ledger is read in any style, as no layout is known of it."""
    op.add_column("addition", sa.Column("date_key", sa.Text(), nullable=True))
    t = sa.table("addition", *map(sa.column, ("programme", "person_id", "birth_date", "date_key")))
    connection = op.get_bind()
    rows = connection.execute(sa.select(t.c.programme, t.c.person_id, t.c.birth_date)).all()
    keys = date_key(pa.array([row.birth_date for row in rows], pa.string())).to_pylist()
    for row, key in zip(rows, keys, strict=True):
        whose = (t.c.programme == row.programme) & (t.c.person_id == row.person_id)
        connection.execute(sa.update(t).where(whose).values(date_key=key))


def downgrade() -> None:
    """The ledger only moves forward."""
    raise NotImplementedError("restore a backup instead")
