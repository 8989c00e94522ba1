"""The scan of outgoing bytes: a protected person's number, name with birth date, or present address in them?

Everything a release holds is text, so it is decoded once; widths, dashes and ways to write a house number are made
equal first. What the register itself says of the people the release is about (a namesake born on the same day, a
neighbour in the same house) is no leak: each secret may stand in the bytes as often as in those people's own register
lines, never more often.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import ahocorasick_rs
import pyarrow as pa

from pipelines.disclosure.guard import DisclosureRefused, Register, Secret
from pipelines.intake.keys import date_key

_NUMBER = re.compile(r"(?<!\d)\d{10}(?!\d)")
_DATE = re.compile(r"(?<!\d)\d{8}(?!\d)")
_BETWEEN_NUMBERS = re.compile("丁目|番地の?|番")
_SHORTEST_ADDRESS = 8
_DASHES = "−‐―ー－"
_BLANKS = " \u3000"
_BETWEEN_CELLS = ',"号室'

KINDS = ("住民番号", "氏名と生年月日", "現在の居所")


def scan(payload: bytes, secrets: Sequence[Secret], own: Register, encoding: str = "utf-8") -> None:
    """Look through a release's final bytes for the people it must not be about.

    Raises:
        DisclosureRefused: something of a protected person stands in it; the message counts, it names nobody.
    """
    text = fold(payload.decode(encoding))
    numbers, names = _find_numbers(text, secrets), _find_names(text, secrets)
    leaks = [0, 0, 0]
    if numbers or names:
        written = pa.array([s.birth_date for s in secrets if s.person_id in names], pa.string())
        births = frozenset(date_key(written).drop_null().to_pylist())
        lines = fold("\n".join(own.lines(births, frozenset(numbers))))
        leaks[0] = sum((numbers - _find_numbers(lines, secrets)).values())
        leaks[1] = sum((names - _find_names(lines, secrets)).values())
    if addresses := _find_addresses(text, secrets):
        known = _find_addresses(fold("\n".join(own.addresses())), secrets)
        leaks[2] = sum((addresses - known).values())
    if any(leaks):
        told = "、".join(
            f"{kind}{count}件" for kind, count in zip(KINDS, leaks, strict=True) if count
        )
        raise DisclosureRefused(
            f"保護対象者の情報が送付データに含まれています({told})。送付を止めました。"
        )


def fold(text: str) -> str:
    """Make widths, dashes and spaces equal; characters stay what they are otherwise."""
    text = unicodedata.normalize("NFKC", text)
    for dash in _DASHES:
        text = text.replace(dash, "-")
    return _without(text, _BLANKS)


def fold_address(folded: str) -> str:
    """One way to write a house number, over the borders of cells."""
    return _without(_BETWEEN_NUMBERS.sub("-", folded), _BETWEEN_CELLS)


def _without(text: str, characters: str) -> str:
    for character in characters:
        text = text.replace(character, "")
    return text


def _find_numbers(folded: str, secrets: Sequence[Secret]) -> Counter[str]:
    """How often each protected person's number stands in the text."""
    ids = {s.resident_id for s in secrets if s.resident_id}
    return Counter(number for number in _NUMBER.findall(folded) if number in ids)


def _find_names(folded: str, secrets: Sequence[Secret]) -> Counter[str]:
    """Records that hold a protected person's birth date and, with it, one of that person's names."""
    by_birth: dict[str, dict[str, str]] = {}
    keys = date_key(pa.array([secret.birth_date for secret in secrets], pa.string())).to_pylist()
    for secret, key in zip(secrets, keys, strict=True):
        names = {fold(name): secret.person_id for name in secret.names if name}
        for birth in {fold(secret.birth_date), key} - {None, ""}:
            by_birth.setdefault(birth, {}).update(names)
    as_lists_write = _standing(folded, [birth for birth in by_birth if not _DATE.fullmatch(birth)])
    hits: Counter[str] = Counter()
    for record in folded.split("\n"):
        births = set(_DATE.findall(record)) & by_birth.keys()
        births.update(birth for birth in as_lists_write if birth in record)
        found = (
            person for birth in births for name, person in by_birth[birth].items() if name in record
        )
        hits.update(set(found))
    return hits


def _standing(text: str, words: Sequence[str]) -> set[str]:
    """Which of many words stand anywhere in the text."""
    if not words:
        return set()
    return set(ahocorasick_rs.AhoCorasick(words).find_matches_as_strings(text, overlapping=True))


def _find_addresses(folded: str, secrets: Sequence[Secret]) -> Counter[str]:
    """Present addresses of protected people, anywhere in the text; not where the number goes on."""
    written = {fold_address(fold(address)) for secret in secrets for address in secret.addresses}
    patterns = sorted(address for address in written if len(address) >= _SHORTEST_ADDRESS)
    hits: Counter[str] = Counter()
    if patterns:
        text = fold_address(folded)
        matcher = ahocorasick_rs.AhoCorasick(patterns)
        for number, _, end in matcher.find_matches_as_indexes(text, overlapping=True):
            if not text[end : end + 1].isdigit():
                hits[patterns[number]] += 1
    return hits
