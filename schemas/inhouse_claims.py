"""Claims that the ward keyed itself: protected people and Braille households."""

from schemas import claims, forms, links
from schemas.tables import Field, table

CLAIMS = table(
    "claims",
    ("claim_no",),
    {
        "claim_no": claims.CLAIM_NO,
        **claims.PAPER_DATES,
        **claims.KIND,
        **claims.HOUSEHOLD,
        "applicant_resident_id": Field(
            "申請者住民番号", "empty for somebody registered elsewhere", (forms.DIGITS_10_OR_EMPTY,)
        ),
        **claims.APPLICANT,
        **claims.PROXY,
        **claims.ACCOUNT,
        **claims.DEFICIENCY,
    },
    *claims.PAPER_RULES,
    links=(links.OF_HOUSEHOLD, links.OF_APPLICANT),
)
DATASET = {"inhouse_claims": (CLAIMS, claims.MEMBERS)}
