"""DV evacuees' own requests (申出), keyed by General Affairs; the current address never leaves."""

from schemas import across, fields, forms
from schemas.tables import Field, table

ROWS = table(
    "rows",
    (),
    {
        "request_no": Field("申出番号", "the request's number", (forms.REQUIRED,)),
        "requested_on": Field("申出年月日", "when it was made", (forms.DATE,), is_date=True),
        "request_role": Field(
            "区分", "evacuee or companion", (forms.one_of("evacuee", "companion"),)
        ),
        "name_kanji": fields.NAME_KANJI,
        "name_kana": fields.NAME_KANA,
        "birth_date": fields.BIRTH_DATE,
        "registered_address": fields.REGISTERED_ADDRESS,
        "current_address": Field(
            "居所住所", "where the evacuee lives; never leaves", (forms.REQUIRED,)
        ),
    },
    *across.dates_readable("requested_on", "birth_date"),
    *across.not_after_receipt("requested_on", "birth_date"),
    across.in_order("birth_date", "requested_on"),
)
DATASET = {"evacuation_requests": (ROWS,)}
