"""The account that a claim names: bank items or a Yucho symbol and number, or a fault."""

import pyarrow as pa
import pytest

from pipelines.matching.accounts import account_columns, read_account

COLUMNS = (
    "bank_code",
    "branch_code",
    "account_type",
    "account_number",
    "yucho_symbol",
    "yucho_number",
)

# bank, branch, type, number, symbol, number of the savings book -> account, converted?
CASES = [
    ("0005 001 1 1234567 - -", "0005|001|1|1234567", False),
    ("0005 001 2 0000001 - -", "0005|001|2|0000001", False),
    ("0005 001 4 1234567 - -", "0005|001|4|1234567", False),
    ("0005 001 3 1234567 - -", None, False),  # no such type
    ("0005 001 - 1234567 - -", None, False),
    ("0005 001 1 123456 - -", None, False),  # six digits
    ("0005 001 1 12345678 - -", None, False),
    ("0005 001 1 123456a - -", None, False),
    ("0005 001 1 １２３４５６７ - -", None, False),  # full-width digits are no bank's digits
    ("005 001 1 1234567 - -", None, False),
    ("0005 01 1 1234567 - -", None, False),
    ("- - - - - -", None, False),  # nothing given
    ("9900 018 1 1234567 - -", "9900|018|1|1234567", False),  # already a branch
    ("9900 019 2 1234567 - -", "9900|019|2|1234567", False),
    ("9900 101 1 1234567 - -", None, False),  # a symbol's digits where the branch belongs
    ("9900 100 1 1234567 - -", None, False),
    ("- - - - 10120 12345671", "9900|018|1|1234567", True),
    ("- - - - 00120 123456", "9900|019|2|0123456", True),
    ("- - - - 30120 12345671", None, False),  # not convertible
    ("- - - - 10120 -", None, False),
    ("- - - - - 12345671", None, False),
    ("0005 001 1 1234567 10120 12345671", None, False),  # two accounts: which one?
    ("0005 - - - 10120 12345671", None, False),
]  # fmt: skip


@pytest.mark.parametrize(("given", "key", "converted"), CASES)
def test_account(given, key, converted):
    account = read_account(*("" if cell == "-" else cell for cell in given.split()))
    assert (account.key, account.converted) == (key, converted)


def test_every_staged_claim_has_its_account_in_order():
    rows = [["" if cell == "-" else cell for cell in given.split()] for given, _, _ in CASES]
    table = pa.table(
        {
            name: pa.array(column, pa.string())
            for name, column in zip(COLUMNS, zip(*rows, strict=True), strict=True)
        }
    )
    keys, converted = account_columns(table)
    assert keys.to_pylist() == [key for _, key, _ in CASES]
    assert converted.to_pylist() == [yes for _, _, yes in CASES]


def test_no_claims_no_accounts():
    empty = pa.table({name: pa.array([], pa.string()) for name in COLUMNS})
    assert [len(column) for column in account_columns(empty)] == [0, 0]
