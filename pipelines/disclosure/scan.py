"""The scan of outgoing bytes: a protected person's number, name with birth date, or present address in them?

Everything a release holds is text, so it is decoded once; half- and full-width writings are made equal first.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

import ahocorasick_rs
import pyarrow as pa

from pipelines.disclosure.guard import DisclosureRefused, Secret
from pipelines.intake.keys import date_key

_NUMBER = re.compile(r"(?<!\d)\d{10}(?!\d)")
_DATE = re.compile(r"(?<!\d)\d{8}(?!\d)")
_SHORTEST_ADDRESS = 8
_LOOSE = {ord(a): b for a, b in zip("−‐―ー－", "-----", strict=True)} | {
    ord(" "): "",
    ord("\u3000"): "",
}


def scan(payload: bytes, secrets: Sequence[Secret], encoding: str = "utf-8") -> None:
    """Look through a release's final bytes for the people it must not be about.

    Raises:
        DisclosureRefused: something of a protected person stands in it; the message counts, it names nobody.
    """
    if not secrets:
        return
    text = fold(payload.decode(encoding))
    found = {
        "住民番号": len(
            {s.resident_id for s in secrets if s.resident_id} & set(_NUMBER.findall(text))
        ),
        "氏名と生年月日": _count_names(text.split("\n"), secrets),
        "現在の居所": _count_addresses(text, secrets),
    }
    hits = [f"{what}{count}件" for what, count in found.items() if count]
    if hits:
        raise DisclosureRefused(
            f"保護対象者の情報が送付データに含まれています({'、'.join(hits)})。送付を止めました。"
        )


def fold(text: str) -> str:
    """Make widths, dashes and spaces equal; characters stay what they are otherwise."""
    return unicodedata.normalize("NFKC", text).translate(_LOOSE)


def _count_names(records: Iterable[str], secrets: Sequence[Secret]) -> int:
    """Records that hold a protected person's birth date and, with it, one of that person's names."""
    by_birth: dict[str, set[str]] = {}
    keys = date_key(pa.array([secret.birth_date for secret in secrets], pa.string())).to_pylist()
    for secret, key in zip(secrets, keys, strict=True):
        names = {fold(name) for name in secret.names if name}
        for birth in {fold(secret.birth_date), key} - {None, ""}:
            by_birth.setdefault(birth, set()).update(names)
    as_lists_write = [birth for birth in by_birth if not _DATE.fullmatch(birth)]
    hits = 0
    for record in records:
        births = set(_DATE.findall(record)) & by_birth.keys()
        births.update(birth for birth in as_lists_write if birth in record)
        for birth in births:
            hits += any(name in record for name in by_birth[birth])
    return hits


def _count_addresses(text: str, secrets: Sequence[Secret]) -> int:
    """Distinct present addresses of protected people that stand anywhere in the text."""
    addresses = {fold(a) for s in secrets for a in s.addresses}
    patterns = sorted(a for a in addresses if len(a) >= _SHORTEST_ADDRESS)
    if not patterns:
        return 0
    return len(set(ahocorasick_rs.AhoCorasick(patterns).find_matches_as_strings(text)))
