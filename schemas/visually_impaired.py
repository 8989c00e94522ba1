"""Holders of the handbook for the visually impaired, from Disability Welfare: who gets a Braille form."""

from schemas import fields, links
from schemas.tables import table

ROWS = table(
    "rows",
    ("resident_id",),
    {"resident_id": fields.RESIDENT_ID, "name_kanji": fields.NAME_KANJI},
    links=(links.OF_RESIDENT,),
)
DATASET = {"visually_impaired": (ROWS,)}
