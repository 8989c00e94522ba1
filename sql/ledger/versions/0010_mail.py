"""The ward's own mail: what went to whom by which way, what came back, what is written anew."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move to this schema."""
    op.create_table(
        "mailing",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("mailing_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("addressee_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("release_name", sa.Text(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("sent_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "kind in ('form', 'decision', 'non_payment', 'deficiency', 'account')",
            name=op.f("ck_mailing_kind_known"),
        ),
        sa.CheckConstraint(
            "way in ('household', 'person', 'department', 'counter', 'contractor')",
            name=op.f("ck_mailing_way_known"),
        ),
        sa.PrimaryKeyConstraint("programme", "mailing_id", name=op.f("pk_mailing")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mailing_person",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("mailing_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        _of_mailing("mailing_person"),
        sa.ForeignKeyConstraint(
            ["programme", "person_id"],
            ["entitlement.programme", "entitlement.person_id"],
            name=op.f("fk_mailing_person_programme_person_id"),
        ),
        sa.PrimaryKeyConstraint(
            "programme", "mailing_id", "person_id", name=op.f("pk_mailing_person")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mailing_person_person", "mailing_person", ["programme", "person_id"])
    op.create_table(
        "mail_return",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("mailing_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("returned_on", sa.Date(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        _of_mailing("mail_return"),
        sa.PrimaryKeyConstraint("programme", "mailing_id", name=op.f("pk_mail_return")),
    )
    op.create_table(
        "mail_reissue",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("mailing_id", sa.Text(), nullable=False),
        sa.Column("at_counter", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_mail_reissue_reason_given")),
        _of_mailing("mail_reissue"),
        sa.PrimaryKeyConstraint("programme", "mailing_id", name=op.f("pk_mail_reissue")),
    )
    op.create_table(
        "claim_letter",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("claim_id", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["programme", "claim_id"],
            ["claim.programme", "claim.claim_id"],
            name=op.f("fk_claim_letter_programme_claim_id"),
        ),
        sa.PrimaryKeyConstraint("programme", "claim_id", name=op.f("pk_claim_letter")),
    )


def _of_mailing(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["programme", "mailing_id"],
        ["mailing.programme", "mailing.mailing_id"],
        name=op.f(f"fk_{table}_programme_mailing_id"),
    )


def downgrade() -> None:
    """The ledger only moves forward."""
    raise NotImplementedError("restore a backup instead")
