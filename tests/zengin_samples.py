"""A small bank file's header and payments; `tests/golden/zengin_small.txt` is built from them."""

from pipelines.outputs.zengin import Header, Payment

HEADER = Header(
    client_code="1310400001",
    client_name="ｼﾝｼﾞﾕｸｸ",
    transfer_mmdd="0626",
    bank_code="0001",
    bank_name="ﾐｽﾞﾎ",
    branch_code="170",
    branch_name="ｼﾝｼﾞﾕｸ",
    account_type="1",
    account_number="0012345",
)
YAMADA = Payment(
    bank_code="0005",
    bank_name="ﾐﾂﾋﾞｼUFJ",
    branch_code="001",
    branch_name="ﾎﾝﾃﾝ",
    account_type="1",
    account_number="7654321",
    payee_kana="ﾔﾏﾀﾞ ﾀﾛｳ",
    amount_yen=300_000,
    customer_code_1="0000000042",
)
SATO = Payment("9900", "018", "2", "0000123", "ｻﾄｳ ﾕｳｺ", 100_000, "0000000043", new_code="1")
PAYMENTS = (YAMADA, SATO)
