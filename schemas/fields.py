"""Every column once: our name, the standard's item name, its meaning, and the checks that hold in every dataset.

All columns are text. Checks are named by a rule code of `schemas.rules`; a check sees a pandas string series and
returns a boolean series.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pa

Check = tuple[str, Callable[[pd.Series], pd.Series]]

_DATE = (
    r"\d{8}|\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?"
    r"|(?:明治|大正|昭和|平成|令和|[MTSHR])(?:\d{1,2}|元)[-/.年]\d{1,2}[-/.月]\d{1,2}日?"
)
REQUIRED: Check = ("REQUIRED", lambda column: column != "")
DIGITS_10: Check = ("DIGITS_10", lambda column: column.str.fullmatch(r"\d{10}"))
DIGITS_10_OR_EMPTY: Check = ("DIGITS_10", lambda column: column.str.fullmatch(r"(?:\d{10})?"))
BIRTH_DATE: Check = (
    "BIRTH_DATE_ODD",
    lambda column: column.str.fullmatch(r"\d{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"),
)
DATE: Check = ("DATE_FORM", lambda column: column.str.normalize("NFKC").str.fullmatch(_DATE))
DATE_OR_EMPTY: Check = ("DATE_FORM", lambda column: (column == "") | DATE[1](column))
POSTAL_CODE: Check = ("POSTAL_CODE_FORM", lambda column: column.str.fullmatch(r"\d{7}"))
NAME_GIVEN: Check = ("NAME_EMPTY", lambda column: column != "")


def one_of(*codes: str) -> Check:
    """The value is one of the codes."""
    return ("CODE_UNKNOWN", lambda column: column.isin(codes))


@dataclass(frozen=True)
class Field:
    """A column: the register standard's (or the bank's, or the portal's) item name, its meaning, its checks."""

    item: str
    meaning: str
    checks: tuple[Check, ...] = ()


CLAIM_KINDS = ("new", "correction", "withdrawal")
PROXY_KINDS = ("", "legal", "facility", "household")

FIELDS: dict[str, Field] = {
    "resident_id": Field("住民番号", "the resident's number, 10 digits", (DIGITS_10,)),
    "household_id": Field("世帯番号", "the household's number, 10 digits", (DIGITS_10,)),
    "name_kana": Field("カナ氏名", "name in kana as recorded"),
    "name_kanji": Field("漢字氏名", "name as recorded, never normalised", (REQUIRED,)),
    "relationship": Field("続柄", "chained two-digit codes; 02 is the head", (REQUIRED,)),
    "birth_date": Field("生年月日", "as the source writes it", (REQUIRED,)),
    "postal_code": Field("郵便番号", "7 digits", (POSTAL_CODE,)),
    "address": Field("住所", "from the prefecture to the number"),
    "address_supplement": Field("方書", "building and room"),
    "head_name_kanji": Field("世帯主漢字氏名", "the head's name as recorded"),
    "change_reason": Field(
        "異動事由",
        "death, moved_out, birth or moved_in",
        (one_of("death", "moved_out", "birth", "moved_in"),),
    ),
    "changed_on": Field("異動年月日", "when it happened", (DATE,)),
    "notified_on": Field("届出年月日", "when the ward was told", (DATE,)),
    "sex": Field("性別", "male, female or not given", (one_of("", "male", "female"),)),
    "registered_address": Field("住民票住所", "where the person is registered", (REQUIRED,)),
    "facility_address": Field("施設所在地住所", "where the facility is", (REQUIRED,)),
    "admitted_on": Field("入所等年月日", "admission", (DATE_OR_EMPTY,)),
    "discharged_on": Field("退所等年月日", "discharge, empty while inside", (DATE_OR_EMPTY,)),
    "registered_municipality": Field(
        "住民票所在市区町村名", "where the person is registered", (REQUIRED,)
    ),
    "facility_municipality": Field("施設所在市区町村名", "where the person is placed", (REQUIRED,)),
    "request_no": Field("申出番号", "the request's number", (REQUIRED,)),
    "requested_on": Field("申出年月日", "when it was made", (DATE,)),
    "request_role": Field("区分", "evacuee or companion", (one_of("evacuee", "companion"),)),
    "current_address": Field("居所住所", "where the evacuee lives; never leaves", (REQUIRED,)),
    "sender": Field("通知元", "the municipality or prefecture that sent the row", (REQUIRED,)),
    "paid_elsewhere": Field("給付の有無", "yes or no", (one_of("yes", "no"),)),
    "claim_no": Field("受付番号", "the claim's number", (REQUIRED,)),
    "received_at": Field("申請日時", "date and time of an online application", (REQUIRED,)),
    "received_on": Field("受付年月日", "date of receipt", (DATE,)),
    "postmarked_on": Field("消印年月日", "the postmark", (DATE_OR_EMPTY,)),
    "claim_kind": Field("申請区分", "new, correction or withdrawal", (one_of(*CLAIM_KINDS),)),
    "supersedes_no": Field("元受付番号", "the claim that is corrected or withdrawn"),
    "applicant_resident_id": Field(
        "申請者住民番号", "empty for somebody registered elsewhere", (DIGITS_10_OR_EMPTY,)
    ),
    "applicant_name_kanji": Field("申請者氏名", "as typed or keyed", (REQUIRED,)),
    "applicant_name_kana": Field("申請者カナ", "as typed or keyed"),
    "applicant_birth_date": Field("申請者生年月日", "as typed or keyed"),
    "applicant_address": Field("申請者住所", "as typed"),
    "certificate_serial": Field(
        "証明書シリアル番号", "serial of the certificate that signed", (REQUIRED,)
    ),
    "proxy_kind": Field("代理区分", "none, legal, facility or household", (one_of(*PROXY_KINDS),)),
    "proxy_name_kana": Field("代理人カナ", "the proxy's name in kana"),
    "bank_code": Field("金融機関コード", "4 digits"),
    "branch_code": Field("支店コード", "3 digits"),
    "account_type": Field("預金種目", "1 普通, 2 当座, 4 貯蓄"),
    "account_number": Field("口座番号", "7 digits"),
    "account_holder_kana": Field("口座名義カナ", "as typed or keyed"),
    "yucho_symbol": Field("記号", "symbol of a Yucho savings book"),
    "yucho_number": Field("番号", "number of a Yucho savings book"),
    "attachments": Field("添付数", "number of attached files"),
    "deficiency_code": Field("不備コード", "what the claim lacks"),
    "line": Field("行", "line on the form", (REQUIRED,)),
    "not_wanted": Field("不要", "yes where the benefit is not wanted", (one_of("yes", "no"),)),
}

_VARIANTS = {
    "change_item": Field(
        "異動後の項目", "given for births and arrivals, empty for deaths and departures"
    ),
    "line_birth_date": Field("生年月日", "as typed or keyed"),
    "claimed_household_id": Field(
        "世帯番号", "as printed on the form; empty on a person's own claim", (DIGITS_10_OR_EMPTY,)
    ),
    "register_birth_date": Field(
        "生年月日", "YYYYMMDD; unknown parts are 00", (REQUIRED, BIRTH_DATE)
    ),
    "register_name_kana": Field(
        "カナ氏名", "name in kana; may be missing for foreign residents", (NAME_GIVEN,)
    ),
}


def field(column: str, variant: str | None = None) -> tuple[str, Field]:
    """The column's definition, or a dataset's variant of it (same column, other checks)."""
    return column, (_VARIANTS[variant] if variant else FIELDS[column])


def schema(name: str, fields: Sequence[tuple[str, Field]]) -> pa.DataFrameSchema:
    """A strict pandera schema of text columns; every check carries its rule code as its name."""
    return pa.DataFrameSchema(
        {
            column: pa.Column(
                None,
                [pa.Check(test, name=code) for code, test in definition.checks],
                description=f"{definition.item}: {definition.meaning}",
            )
            for column, definition in fields
        },
        name=name,
        strict=True,
    )
