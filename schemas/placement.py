"""Placements after abuse, from Disability Welfare and Elderly Support: municipalities only, no address."""

from schemas import across, fields, forms
from schemas.tables import Field, table

ROWS = table(
    "rows",
    (),
    {
        "name_kanji": fields.NAME_KANJI,
        "birth_date": fields.BIRTH_DATE,
        "registered_municipality": Field(
            "住民票所在市区町村名", "where the person is registered", (forms.REQUIRED,)
        ),
        "facility_municipality": Field(
            "施設所在市区町村名", "where the person is placed", (forms.REQUIRED,)
        ),
    },
    *across.dates_readable("birth_date"),
    *across.not_after_receipt("birth_date"),
)
DATASET = {"placement_disability": (ROWS,), "placement_elderly": (ROWS,)}
