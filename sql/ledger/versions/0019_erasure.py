"""What is erased when, by whose agreement; who outside was asked to return and erase, and the certificates."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move to this schema."""
    op.create_table(
        "erasure",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("planned_on", sa.Date(), nullable=False),
        sa.Column("drafter", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("certified_on", sa.Date()),
        sa.Column("certificate_sha256", sa.Text()),
        sa.CheckConstraint("number > 0", name=op.f("ck_erasure_number_positive")),
        sa.CheckConstraint(
            "state in ('planned', 'replaced', 'begun', 'searched', 'certified')",
            name=op.f("ck_erasure_state_known"),
        ),
        sa.CheckConstraint(
            "(state = 'certified') = (certificate_sha256 is not null and certified_on is not null)",
            name=op.f("ck_erasure_certified_by_something"),
        ),
        sa.PrimaryKeyConstraint("programme", "number", name=op.f("pk_erasure")),
    )
    op.create_table(
        "erasure_part",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("erased_on", sa.Date(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["programme", "number"],
            ["erasure.programme", "erasure.number"],
            name=op.f("fk_erasure_part_programme_number"),
        ),
        sa.PrimaryKeyConstraint("programme", "number", "part", name=op.f("pk_erasure_part")),
    )
    op.create_table(
        "erasure_request",
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("asked_on", sa.Date(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("certified_on", sa.Date()),
        sa.Column("certificate_sha256", sa.Text()),
        sa.Column("erased", sa.Integer()),
        sa.Column("returned", sa.Integer()),
        sa.CheckConstraint(
            "(certified_on is null) = (certificate_sha256 is null)"
            " and (certified_on is null) = (erased is null) and (certified_on is null) = (returned is null)",
            name=op.f("ck_erasure_request_certified_whole"),
        ),
        sa.PrimaryKeyConstraint("programme", "party", name=op.f("pk_erasure_request")),
    )
    _let_people_become_digests()


_KEPT = ("event_id", "programme", "from_state", "to_state", "cause", "reference", "codes", "business_date")  # fmt: skip


def _let_people_become_digests() -> None:
    """The events stay append-only, but for one change: a person's id may become a digest, once, and nothing else."""
    becomes = "new.person_id like 'person:%' and old.person_id not like 'person:%'"
    if op.get_bind().dialect.name == "postgresql":
        same = " and ".join(f"new.{name} is not distinct from old.{name}" for name in _KEPT)
        op.execute("drop trigger entitlement_event_append_only on entitlement_event")
        op.execute(
            "create trigger entitlement_event_append_only before delete or truncate on entitlement_event "
            "for each statement execute function entitlement_event_append_only()"
        )
        op.execute(
            "create trigger entitlement_event_no_update before update on entitlement_event "
            f"for each row when (not ({becomes} and {same})) execute function entitlement_event_append_only()"
        )
        return
    same = " and ".join(f"new.{name} is old.{name}" for name in _KEPT)
    op.execute("drop trigger entitlement_event_no_update")
    op.execute(
        "create trigger entitlement_event_no_update before update on entitlement_event "
        f"when not ({becomes} and {same}) "
        "begin select raise(abort, 'entitlement_event is append-only'); end"
    )


def downgrade() -> None:
    """The ledger only moves forward."""
    raise NotImplementedError("restore a backup instead")
