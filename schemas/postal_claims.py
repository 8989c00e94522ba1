"""Postal claims, keyed by the print contractor."""

from schemas import claims, links
from schemas.tables import table

CLAIMS = table(
    "claims",
    ("claim_no",),
    {
        "claim_no": claims.CLAIM_NO,
        **claims.PAPER_DATES,
        **claims.KIND,
        **claims.HOUSEHOLD,
        **claims.APPLICANT,
        **claims.PROXY,
        **claims.ACCOUNT,
        **claims.DEFICIENCY,
    },
    *claims.PAPER_RULES,
    links=(links.OF_HOUSEHOLD,),
)
DATASET = {"postal_claims": (CLAIMS, claims.MEMBERS)}
