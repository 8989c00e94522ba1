"""The relations that the claims SQL reads: column names and types."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

CLAIM = pa.schema(
    [
        *(
            (name, pa.string())
            for name in (
                "claim_id", "channel", "arrival", "effective_on", "claim_kind", "supersedes_id", "household_id",
                "applicant_resident_id", "name_key", "kana_key", "loose_kana_key", "date_key", "address_key",
                "holder_key", "proxy_kind", "proxy_key", "account_key", "certificate_serial", "account_holder_kana",
            )
        ),
        ("account_fault", pa.bool_()), ("yucho_converted", pa.bool_()), ("deficient", pa.bool_()),
    ]
)  # fmt: skip
MEMBER = pa.schema(
    [(n, pa.string()) for n in ("claim_id", "line", "name_key", "date_key")]
    + [("not_wanted", pa.bool_())]
)
PERSON = pa.schema(
    [
        *(
            (name, pa.string())
            for name in (
                "person_id", "resident_id", "household_id", "name_key", "alias_key", "family_key", "given_key",
                "kana_key", "loose_kana_key", "date_key", "address_key", "state", "claim_id",
            )
        ),
        ("is_head", pa.bool_()), ("protected", pa.bool_()), ("died", pa.bool_()),
    ]
)  # fmt: skip
NEWCOMER = pa.schema([(n, pa.string()) for n in ("household_id", "date_key")])
EARLIER = pa.schema(
    [
        (n, pa.string())
        for n in (
            "claim_id",
            "household_id",
            "applicant_id",
            "account_key",
            "certificate_serial",
            "proxy_kind",
            "outcome",
            "supplements_id",
        )
    ]
)

# what the SQL is given: schema, and the columns that always have a value, for a rule would not see a row without it
INPUTS = {
    "claim": (
        CLAIM,
        (
            "claim_id", "channel", "arrival", "effective_on", "claim_kind", "proxy_kind", "account_fault",
            "yucho_converted", "deficient",
        ),
    ),
    "member": (MEMBER, ("claim_id", "line", "not_wanted")),
    "person": (PERSON, ("person_id", "state", "is_head", "protected", "died")),
    "newcomer": (NEWCOMER, ()),
    "earlier_claim": (EARLIER, ("claim_id", "proxy_kind", "outcome")),
}  # fmt: skip


def tuples(rows: pa.Table, *columns: str) -> Iterator[tuple[Any, ...]]:
    """The rows as plain tuples of these columns."""
    return zip(*(rows.column(name).to_pylist() for name in columns), strict=True)
