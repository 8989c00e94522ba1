"""Rosters of who handles personal data, what was confirmed of them, accidents and what was done about them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move to this schema."""
    _create_rosters()
    _create_incidents()


def _create_rosters() -> None:
    op.create_table(
        "handler_roster",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("certificate_sha256", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_handler_roster_number_positive")),
        sa.PrimaryKeyConstraint("programme", "party", "number", name=op.f("pk_handler_roster")),
    )
    op.create_table(
        "handler_confirmation",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.CheckConstraint(
            "what in ('training', 'consent')", name=op.f("ck_handler_confirmation_what_known")
        ),
        sa.CheckConstraint("evidence <> ''", name=op.f("ck_handler_confirmation_evidence_given")),
        sa.PrimaryKeyConstraint(
            "programme",
            "party",
            "organisation",
            "what",
            "content_sha256",
            name=op.f("pk_handler_confirmation"),
        ),
    )


def _create_incidents() -> None:
    op.create_table(
        "incident",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=True),
        sa.Column("people", sa.Integer(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.CheckConstraint(
            "kind in ('accident', 'suspicion')", name=op.f("ck_incident_kind_known")
        ),
        sa.CheckConstraint("number > 0 and people >= 0", name=op.f("ck_incident_numbers_possible")),
        sa.CheckConstraint("what <> ''", name=op.f("ck_incident_what_given")),
        sa.PrimaryKeyConstraint("programme", "number", name=op.f("pk_incident")),
    )
    op.create_table(
        "incident_step",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.CheckConstraint(
            "step in ('notice', 'report', 'instruction', 'resume')",
            name=op.f("ck_incident_step_step_known"),
        ),
        sa.CheckConstraint("note <> ''", name=op.f("ck_incident_step_note_given")),
        sa.ForeignKeyConstraint(
            ["programme", "number"],
            ["incident.programme", "incident.number"],
            name=op.f("fk_incident_step_programme_number"),
        ),
        sa.PrimaryKeyConstraint(
            "programme", "number", "step", "actor", name=op.f("pk_incident_step")
        ),
    )


def downgrade() -> None:
    """The ledger only moves forward."""
    raise NotImplementedError("restore a backup instead")
