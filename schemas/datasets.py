"""The datasets that may enter, each with its tables, key and columns."""

from dataclasses import dataclass

import pandera.pandas as pa

from schemas.fields import Field, field, schema


@dataclass(frozen=True)
class Table:
    """One table of a dataset. key: columns that name a row; personal rows with an equal key must not differ."""

    name: str
    key: tuple[str, ...]
    fields: tuple[tuple[str, Field], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Our column names, in the staged order."""
        return tuple(name for name, _ in self.fields)

    def schema(self) -> pa.DataFrameSchema:
        """The pandera schema of the text table."""
        return schema(self.name, self.fields)


def _table(name: str, key: tuple[str, ...], *columns: str | tuple[str, str]) -> Table:
    """Columns by name; a pair is a column and the dataset's variant of it."""
    fields = [field(c) if isinstance(c, str) else field(*c) for c in columns]
    return Table(name, key, tuple(fields))


_ACCOUNT = (
    "bank_code", "branch_code", "account_type", "account_number", "account_holder_kana",
    "yucho_symbol", "yucho_number",
)  # fmt: skip
_ADDRESS = ("postal_code", "address", "address_supplement", "head_name_kanji")
_APPLICANT = ("applicant_name_kanji", "applicant_name_kana", "applicant_birth_date")
_MEMBERS = _table(
    "members", ("claim_no", "line"),
    "claim_no", "line", "name_kanji", ("birth_date", "line_birth_date"), "not_wanted",
)  # fmt: skip
_FACILITY = _table(
    "rows", (),
    "name_kanji", "birth_date", "sex", "registered_address", "facility_address", "admitted_on", "discharged_on",
)  # fmt: skip
_PLACEMENT = _table(
    "rows", (), "name_kanji", "birth_date", "registered_municipality", "facility_municipality"
)
_EXCHANGE = _table(
    "rows", (), "sender", "name_kanji", "name_kana", "sex", "birth_date", "paid_elsewhere"
)

DATASETS: dict[str, tuple[Table, ...]] = {
    "register": (
        _table(
            "rows", ("resident_id",),
            "resident_id", "household_id", ("name_kana", "register_name_kana"), "name_kanji", "relationship",
            ("birth_date", "register_birth_date"), *_ADDRESS,
        ),
    ),
    "register_changes": (
        _table(
            "rows", ("resident_id", "change_reason", "changed_on"),
            "resident_id", "household_id", "change_reason", "changed_on", "notified_on",
            *((name, "change_item") for name in ("name_kana", "name_kanji", "relationship", "birth_date", *_ADDRESS)),
        ),
    ),
    "facility_children": (_FACILITY,),
    "facility_disability": (_FACILITY,),
    "placement_disability": (_PLACEMENT,),
    "placement_elderly": (_PLACEMENT,),
    "visually_impaired": (_table("rows", ("resident_id",), "resident_id", "name_kanji"),),
    "evacuation_requests": (
        _table(
            "rows", (),
            "request_no", "requested_on", "request_role", "name_kanji", "name_kana", "birth_date",
            "registered_address", "current_address",
        ),
    ),
    "facility_outside": (_EXCHANGE,),
    "facility_inside": (_EXCHANGE,),
    "online_claims": (
        _table(
            "claims", ("claim_no",),
            "claim_no", "received_at", "claim_kind", "supersedes_no", *_APPLICANT, "applicant_address",
            "certificate_serial", *_ACCOUNT, "attachments",
        ),
        _MEMBERS,
    ),
    "postal_claims": (
        _table(
            "claims", ("claim_no",),
            "claim_no", "received_on", "postmarked_on", "claim_kind", "supersedes_no",
            ("household_id", "claimed_household_id"), *_APPLICANT,
            "proxy_kind", "proxy_name_kana", *_ACCOUNT, "deficiency_code",
        ),
        _MEMBERS,
    ),
    "inhouse_claims": (
        _table(
            "claims", ("claim_no",),
            "claim_no", "received_on", "postmarked_on", "claim_kind", "supersedes_no",
            ("household_id", "claimed_household_id"), "applicant_resident_id", *_APPLICANT,
            "proxy_kind", "proxy_name_kana", *_ACCOUNT, "deficiency_code",
        ),
        _MEMBERS,
    ),
}  # fmt: skip
