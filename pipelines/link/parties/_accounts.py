"""The bank's own book of accounts, and whether a payee's name is the account holder's."""

import csv
import unicodedata
from functools import lru_cache
from pathlib import Path

from pipelines.link.parties._zengin import Transfer

NO_SUCH_ACCOUNT = 1
OTHER_HOLDER = 2
PROCESSED = 0

PAYEE_WIDTH = 30
COLUMNS = ["金融機関コード", "支店コード", "預金種目", "口座番号", "口座名義カナ"]
LARGE = str.maketrans("ァィゥェォッャュョヮヵヶヲヰヱー‐−", "アイウエオツヤユヨワカケオイエ---")
LEFT_OUT = str.maketrans("", "", " ・.")

Book = dict[tuple[str, str, str, str], str]


@lru_cache(maxsize=1)
def read_book(path: Path) -> Book:
    """Read ``accounts.csv``: bank, branch, type and number to the holder's kana."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, strict=True)
        if next(rows) != COLUMNS:
            raise ValueError(f"{path}: the columns are not {COLUMNS}")
        return {(bank, branch, kind, number): kana for bank, branch, kind, number, kana in rows}


def judge(transfer: Transfer, book: Book) -> int:
    """Return the result code of a transfer: processed, no such account, or another holder."""
    holder = book.get((transfer.bank, transfer.branch, transfer.kind, transfer.number))
    if holder is None:
        return NO_SUCH_ACCOUNT
    return PROCESSED if is_holder(transfer.holder, holder) else OTHER_HOLDER


def is_holder(payee: str, holder: str) -> bool:
    """Compare a payee field of 30 half-width characters with an account holder's kana.

    A name that fills the field was cut there, so only its beginning is compared.
    """
    given, known = _bare(payee), _bare(holder)
    filled = len(payee.rstrip()) >= PAYEE_WIDTH - 1  # a space may have stood where it was cut
    return bool(given) and (known.startswith(given) if filled else known == given)


def _bare(name: str) -> str:
    """Return kana as a transfer shows it: large, voicing marks apart, no spaces."""
    large = unicodedata.normalize("NFKC", name).upper().translate(LARGE)
    return unicodedata.normalize("NFD", large).translate(LEFT_OUT)
