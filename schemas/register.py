"""住民基本台帳の抽出: the ten items of everybody on the register on the base date.

Only an undecodable row or a broken key keeps a row out: nobody loses an entitlement to a warning.
"""

from dataclasses import replace

from schemas import across, fields, forms
from schemas.tables import table

ROWS = table(
    "rows",
    ("resident_id",),
    {
        "resident_id": fields.RESIDENT_ID,
        "household_id": fields.HOUSEHOLD_ID,
        "name_kana": replace(
            fields.NAME_KANA,
            meaning="name in kana; may be missing for foreign residents",
            checks=(forms.NAME_GIVEN,),
        ),
        "name_kanji": fields.NAME_KANJI,
        "relationship": replace(fields.RELATIONSHIP, checks=(forms.REQUIRED, forms.RELATIONSHIP)),
        "birth_date": replace(
            fields.BIRTH_DATE,
            meaning="YYYYMMDD; unknown parts are 00",
            checks=(forms.REQUIRED, forms.BIRTH_DATE),
        ),
        "postal_code": fields.POSTAL_CODE,
        "address": fields.ADDRESS,
        "address_supplement": fields.ADDRESS_SUPPLEMENT,
        "head_name_kanji": fields.HEAD_NAME_KANJI,
    },
    across.BORN_BY_BASE_DATE,
    *across.POSTAL_CODE,
    *across.HEADS,
)
DATASET = {"register": (ROWS,)}
