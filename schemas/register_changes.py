"""異動: what happened on the register since the base date.

The eight items after the dates are given for births and arrivals and empty for deaths and departures.
"""

from dataclasses import replace

from schemas import across, fields, forms, links
from schemas.tables import Field, table

REASONS = ("death", "moved_out", "birth", "moved_in")
_TOLD_AFTERWARDS = ("death", "birth", "moved_in")  # a departure may be told before it happens

ROWS = table(
    "rows",
    ("resident_id", "change_reason", "changed_on"),
    {
        "resident_id": fields.RESIDENT_ID,
        "household_id": fields.HOUSEHOLD_ID,
        "change_reason": Field(
            "異動事由", "death, moved_out, birth or moved_in", (forms.one_of(*REASONS),)
        ),
        "changed_on": Field("異動年月日", "when it happened", (forms.DATE,)),
        "notified_on": Field(
            "届出年月日", "when the ward was told", (forms.DATE,), standard="異動届出年月日"
        ),
        "name_kana": fields.NAME_KANA,
        "name_kanji": replace(fields.NAME_KANJI, checks=()),
        "relationship": fields.RELATIONSHIP,
        "birth_date": replace(fields.BIRTH_DATE, checks=()),
        "postal_code": replace(fields.POSTAL_CODE, checks=(forms.POSTAL_CODE_OR_EMPTY,)),
        "address": fields.ADDRESS,
        "address_supplement": fields.ADDRESS_SUPPLEMENT,
        "head_name_kanji": fields.HEAD_NAME_KANJI,
    },
    *across.dates_readable("changed_on", "notified_on", "birth_date"),
    across.SIDE_OF_BASE_DATE,
    *across.not_after_receipt("notified_on", "birth_date"),
    across.in_order("changed_on", "notified_on", where=("change_reason", _TOLD_AFTERWARDS)),
    across.in_order("birth_date", "changed_on"),
    *across.POSTAL_CODE,
    links=(links.OF_WHO_LEFT,),
)
DATASET = {"register_changes": (ROWS,)}
