"""Letters to other municipalities, and where protected people lived before."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move to this schema."""
    op.create_table(
        "former_whereabouts",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint(
            "programme", "person_id", "dataset", "address", name=op.f("pk_former_whereabouts")
        ),
    )
    op.create_table(
        "municipal_letter",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("municipality", sa.Text(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("blanks", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("withdrawn_on", sa.Date(), nullable=True),
        sa.Column("posted_on", sa.Date(), nullable=True),
        sa.Column("posted_by", sa.Text(), nullable=True),
        sa.Column("receipt_number", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "people > 0 and blanks >= 0", name=op.f("ck_municipal_letter_counts_right")
        ),
        sa.CheckConstraint(
            "(posted_on is null) = (receipt_number is null) and (posted_on is null) = (posted_by is null)",
            name=op.f("ck_municipal_letter_posted_with_its_receipt"),
        ),
        sa.CheckConstraint(
            "posted_on is null or withdrawn_on is null",
            name=op.f("ck_municipal_letter_posted_or_withdrawn"),
        ),
        sa.PrimaryKeyConstraint("programme", "name", name=op.f("pk_municipal_letter")),
        sa.UniqueConstraint(
            "programme", "receipt_number", name=op.f("uq_municipal_letter_programme_receipt_number")
        ),
    )
    op.create_table(
        "municipal_notice",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("letter", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("paid", sa.Boolean(create_constraint=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["programme", "letter"],
            ["municipal_letter.programme", "municipal_letter.name"],
            name=op.f("fk_municipal_notice_programme_letter"),
        ),
        sa.PrimaryKeyConstraint(
            "programme", "letter", "person_id", name=op.f("pk_municipal_notice")
        ),
    )


def downgrade() -> None:
    """The ledger only moves forward."""
    raise NotImplementedError("restore a backup instead")
