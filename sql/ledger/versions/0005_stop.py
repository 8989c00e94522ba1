"""Stops of all sending, and who agreed to go on; the events that stand are bound into the audit chain."""

from datetime import date

import sqlalchemy as sa
from alembic import op

from pipelines.ledger.store import record_events

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move to this schema."""
    op.create_table(
        "sending_stop",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_sending_stop_reason_given")),
        sa.CheckConstraint("number > 0", name=op.f("ck_sending_stop_number_positive")),
        sa.PrimaryKeyConstraint("programme", "number", name=op.f("pk_sending_stop")),
    )
    op.create_table(
        "sending_resume",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_sending_resume_reason_given")),
        sa.ForeignKeyConstraint(
            ["programme", "number"],
            ["sending_stop.programme", "sending_stop.number"],
            name=op.f("fk_sending_resume_programme_number"),
        ),
        sa.PrimaryKeyConstraint("programme", "number", "actor", name=op.f("pk_sending_resume")),
    )
    _bind_events()


def _bind_events() -> None:
    """One audit record a programme over its events, so that the chain tells of every one of them."""
    connection = op.get_bind()
    newest = connection.exec_driver_sql(
        "select programme, max(business_date) from entitlement_event group by programme order by programme"
    ).all()
    for programme, day in newest:
        on = day if isinstance(day, date) else date.fromisoformat(day)
        record_events(connection, programme, 0, "migration", on)


def downgrade() -> None:
    """The ledger only moves forward."""
    raise NotImplementedError("restore a backup instead")
