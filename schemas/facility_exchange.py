"""Notices from prefectures and other municipalities: registered here and in a facility there, and the reverse."""

from schemas import across, fields, forms
from schemas.tables import Field, table

ROWS = table(
    "rows",
    (),
    {
        "sender": Field(
            "通知元", "the municipality or prefecture that sent the row", (forms.REQUIRED,)
        ),
        "name_kanji": fields.NAME_KANJI,
        "name_kana": fields.NAME_KANA,
        "sex": fields.SEX,
        "birth_date": fields.BIRTH_DATE,
        "paid_elsewhere": Field("給付の有無", "yes or no", (forms.one_of("yes", "no"),)),
    },
    *across.dates_readable("birth_date"),
    *across.not_after_receipt("birth_date"),
)
DATASET = {"facility_outside": (ROWS,), "facility_inside": (ROWS,)}
