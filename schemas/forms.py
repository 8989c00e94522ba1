"""The forms of values: checks of one column of text, each under its rule code.

A check sees a pandas string series and gives True for each value that keeps the rule. Digits are the half-width ones.
"""

import pandas as pd

from schemas.tables import Check

_DATE = (
    r"[0-9]{8}|[0-9]{4}[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}日?"
    r"|(?:明治|大正|昭和|平成|令和|[MTSHR])(?:[0-9]{1,2}|元)[-/.年][0-9]{1,2}[-/.月][0-9]{1,2}日?"
)
_DAY = "(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?Z?"


def _matches(code: str, pattern: str) -> Check:
    """The whole value has the form."""
    return (code, lambda column: column.str.fullmatch(pattern))


def _date(column: pd.Series) -> pd.Series:
    return column.str.normalize("NFKC").str.fullmatch(_DATE)


def one_of(*codes: str) -> Check:
    """The value is one of the codes."""
    return ("CODE_UNKNOWN", lambda column: column.isin(codes))


REQUIRED: Check = ("REQUIRED", lambda column: column != "")
NAME_GIVEN: Check = ("NAME_EMPTY", lambda column: column != "")
DIGITS_10 = _matches("DIGITS_10", "[0-9]{10}")
DIGITS_10_OR_EMPTY = _matches("DIGITS_10", "(?:[0-9]{10})?")
BIRTH_DATE = _matches("BIRTH_DATE_ODD", f"[0-9]{{4}}{_DAY}")
DATE: Check = ("DATE_FORM", _date)
DATE_OR_EMPTY: Check = ("DATE_FORM", lambda column: (column == "") | _date(column))
TIMESTAMP = _matches(
    "DATE_FORM", f"[0-9]{{8}}|[0-9]{{4}}[-/][0-9]{{2}}[-/][0-9]{{2}}(?:[T ]{_TIME})?"
)
RELATIONSHIP = _matches("RELATIONSHIP_FORM", "(?:(?:[0-9]{2}){1,4})?")
POSTAL_CODE = _matches("POSTAL_CODE_FORM", "[0-9]{7}")
POSTAL_CODE_OR_EMPTY = _matches("POSTAL_CODE_FORM", "(?:[0-9]{7})?")
BANK_CODE = _matches("BANK_FORM", "(?:[0-9]{4})?")
BRANCH_CODE = _matches("BANK_FORM", "(?:[0-9]{3})?")
ACCOUNT_TYPE: Check = ("ACCOUNT_TYPE_UNKNOWN", lambda column: column.isin(["", "1", "2", "4"]))
ACCOUNT_NUMBER = _matches("ACCOUNT_NUMBER_FORM", "(?:[0-9]{7})?")
YUCHO_SYMBOL = _matches("YUCHO_FORM", "(?:[01][0-9]{3}0)?")
YUCHO_NUMBER = _matches("YUCHO_FORM", "(?:[0-9]{1,8})?")
# X.509 (RFC 5280 4.1.2.2): a positive integer of at most 20 octets
CERTIFICATE_SERIAL = _matches("CERTIFICATE_FORM", "(?:[0-9A-Fa-f]{1,40})?")
COUNT = _matches("COUNT_FORM", "[0-9]{1,3}")
