"""What the claims of all three channels share: the claim's head, the applicant, the account, the member lines.

Matching judges the account, the applicant and the lines and holds what is disputed, so intake only warns of them: a
claim that waits in quarantine is a claim that nobody decides.
"""

from schemas import across, forms, links
from schemas.tables import Field, table

CLAIM_KINDS = ("new", "correction", "withdrawal")
PROXY_KINDS = ("", "legal", "facility", "household")

CLAIM_NO = Field("受付番号", "the claim's number", (forms.REQUIRED,))
LINE = Field("行", "line on the form", (forms.REQUIRED,))
LINE_NAME = Field("氏名", "the member's name as typed or keyed", (forms.REQUIRED,))
LINE_BIRTH_DATE = Field("生年月日", "the member's, as typed or keyed")
NOT_WANTED = Field("不要", "yes where the benefit is not wanted", (forms.one_of("yes", "no"),))

KIND = {
    "claim_kind": Field("申請区分", "new, correction or withdrawal", (forms.one_of(*CLAIM_KINDS),)),
    "supersedes_no": Field("元受付番号", "the claim that is corrected or withdrawn"),
}
PAPER_DATES = {
    "received_on": Field("受付年月日", "date of receipt", (forms.DATE,)),
    "postmarked_on": Field("消印年月日", "the postmark", (forms.DATE_OR_EMPTY,)),
}
HOUSEHOLD = {
    "household_id": Field(
        "世帯番号",
        "as printed on the form; empty on a person's own claim",
        (forms.DIGITS_10_OR_EMPTY,),
    )
}
APPLICANT = {
    "applicant_name_kanji": Field("申請者氏名", "as typed or keyed", (forms.REQUIRED,)),
    "applicant_name_kana": Field("申請者カナ", "as typed or keyed"),
    "applicant_birth_date": Field("申請者生年月日", "as typed or keyed"),
}
PROXY = {
    "proxy_kind": Field(
        "代理区分", "none, legal, facility or household", (forms.one_of(*PROXY_KINDS),)
    ),
    "proxy_name_kana": Field("代理人カナ", "the proxy's name in kana"),
}
ACCOUNT = {
    "bank_code": Field("金融機関コード", "4 digits", (forms.BANK_CODE,), "被仕向銀行番号"),
    "branch_code": Field("支店コード", "3 digits", (forms.BRANCH_CODE,), "被仕向支店番号"),
    "account_type": Field("預金種目", "1 普通, 2 当座, 4 貯蓄", (forms.ACCOUNT_TYPE,)),
    "account_number": Field("口座番号", "7 digits", (forms.ACCOUNT_NUMBER,)),
    "account_holder_kana": Field("口座名義カナ", "as typed or keyed", standard="受取人名"),
    "yucho_symbol": Field("記号", "symbol of a Yucho savings book", (forms.YUCHO_SYMBOL,)),
    "yucho_number": Field("番号", "number of a Yucho savings book", (forms.YUCHO_NUMBER,)),
}
DEFICIENCY = {"deficiency_code": Field("不備コード", "what the claim lacks")}

MEMBERS = table(
    "members",
    ("claim_no", "line"),
    {
        "claim_no": CLAIM_NO,
        "line": LINE,
        "name_kanji": LINE_NAME,
        "birth_date": LINE_BIRTH_DATE,
        "not_wanted": NOT_WANTED,
    },
    *across.dates_readable("birth_date"),
    *across.not_after_receipt("birth_date"),
    links=(links.OF_CLAIM,),
)
PAPER_RULES = (
    *across.dates_readable("received_on", "postmarked_on", "applicant_birth_date"),
    *across.not_after_receipt("received_on", "postmarked_on", "applicant_birth_date"),
    across.in_order("postmarked_on", "received_on"),
    across.NAMES_ANOTHER,
    *across.BANKS,
)
