"""Online applications over Mynaportal, as J-LIS hands them over; the item names are the portal's."""

from dataclasses import replace

from schemas import across, claims, forms, links
from schemas.tables import Field, table

_CLAIM_NO = replace(claims.CLAIM_NO, item="申請受付番号")
CLAIMS = table(
    "claims",
    ("claim_no",),
    {
        "claim_no": _CLAIM_NO,
        "received_at": Field(
            "申請日時", "date and time of the application", (forms.TIMESTAMP,), is_date=True
        ),
        "claim_kind": claims.KIND["claim_kind"],
        "supersedes_no": replace(claims.KIND["supersedes_no"], item="元申請受付番号"),
        **claims.APPLICANT,
        "applicant_address": Field("申請者住所", "as typed"),
        "certificate_serial": Field(
            "証明書シリアル番号", "serial of the certificate that signed, hexadecimal",
            (forms.REQUIRED, forms.CERTIFICATE_SERIAL),
        ),
        **claims.ACCOUNT,
        "attachments": Field("添付数", "number of attached files", (forms.COUNT,)),
    },
    *across.dates_readable("received_at", "applicant_birth_date"),
    *across.not_after_receipt("received_at", "applicant_birth_date"),
    across.NAMES_ANOTHER,
    *across.BANKS,
)  # fmt: skip
MEMBERS = table(
    "members",
    ("claim_no", "line"),
    {
        "claim_no": _CLAIM_NO,
        "line": replace(claims.LINE, item="連番"),
        "name_kanji": claims.LINE_NAME,
        "birth_date": claims.LINE_BIRTH_DATE,
        "not_wanted": replace(claims.NOT_WANTED, item="給付希望"),
    },
    *claims.MEMBERS.rules,
    links=claims.MEMBERS.links,
)
ATTACHMENTS = table("attachments", (), {"claim_no": _CLAIM_NO}, links=(links.OF_ATTACHMENT,))
"""What lies beside the tables of a dump, a row each; every application that came counts, accepted or not."""
DATASET = {"online_claims": (CLAIMS, MEMBERS)}
