"""Admissions to facilities, from Children & Families (母子生活支援施設 など) and from Disability Welfare.

A row that is refused protects nobody until it is mended, so odd values only warn.
"""

from schemas import across, fields, forms
from schemas.tables import Field, table

ROWS = table(
    "rows",
    (),
    {
        "name_kanji": fields.NAME_KANJI,
        "birth_date": fields.BIRTH_DATE,
        "sex": fields.SEX,
        "registered_address": fields.REGISTERED_ADDRESS,
        "facility_address": Field("施設所在地住所", "where the facility is", (forms.REQUIRED,)),
        "admitted_on": Field("入所等年月日", "admission", (forms.DATE_OR_EMPTY,), is_date=True),
        "discharged_on": Field(
            "退所等年月日", "discharge, empty while inside", (forms.DATE_OR_EMPTY,), is_date=True
        ),
    },
    *across.dates_readable("birth_date", "admitted_on", "discharged_on"),
    *across.not_after_receipt("birth_date", "admitted_on"),
    across.in_order("birth_date", "admitted_on"),
    across.in_order("admitted_on", "discharged_on"),
)
DATASET = {"facility_children": (ROWS,), "facility_disability": (ROWS,)}
