"""The scan of outgoing bytes: a protected person's number, name with birth date, or present address in them?

Everything a release holds is text, so it is decoded once; widths, dashes and ways to write a house number are made
equal first. What the register itself says of the people the release is about (a namesake born on the same day, a
neighbour in the same house) is no leak: each secret may stand in the bytes as often as in those people's own register
lines, never more often.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import ahocorasick_rs

from pipelines.disclosure.guard import DisclosureRefused, Secret

_NUMBER = re.compile(r"(?<!\d)\d{10}(?!\d)")
_DATE = re.compile(r"(?<!\d)\d{8}(?!\d)")
_BETWEEN_NUMBERS = re.compile("丁目|番地の?|番")
_SHORTEST_ADDRESS = 8
_DASHES = "−‐―ー－"
_BLANKS = " \u3000"
_BETWEEN_CELLS = ',"号室'

KINDS = ("住民番号", "氏名と生年月日", "現在の居所")
Hits = tuple[Counter[str], Counter[str], Counter[str]]


def scan(
    payload: bytes,
    secrets: Sequence[Secret],
    own_lines: Callable[[], Iterable[str]],
    encoding: str = "utf-8",
) -> None:
    """Look through a release's final bytes for the people it must not be about.

    own_lines: what the register says of the people it is about, a line a household; asked for only when needed.

    Raises:
        DisclosureRefused: something of a protected person stands in it; the message counts, it names nobody.
    """
    found = find(payload.decode(encoding), secrets)
    if not any(found):
        return
    allowed = find("\n".join(own_lines()), secrets)
    leaks = [sum((there - own).values()) for there, own in zip(found, allowed, strict=True)]
    if any(leaks):
        told = "、".join(
            f"{kind}{count}件" for kind, count in zip(KINDS, leaks, strict=True) if count
        )
        raise DisclosureRefused(
            f"保護対象者の情報が送付データに含まれています({told})。送付を止めました。"
        )


def find(text: str, secrets: Sequence[Secret]) -> Hits:
    """How often each secret stands in the text: (numbers, names with birth date, addresses)."""
    folded = fold(text)
    ids = {s.resident_id for s in secrets if s.resident_id}
    numbers = Counter(number for number in _NUMBER.findall(folded) if number in ids)
    return numbers, _find_names(folded.split("\n"), secrets), _find_addresses(folded, secrets)


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


def _find_names(records: Iterable[str], secrets: Sequence[Secret]) -> Counter[str]:
    """Records that hold a protected person's birth date and, with it, one of that person's names."""
    by_birth: dict[str, dict[str, str]] = {}
    for secret in secrets:
        names = {fold(name): secret.person_id for name in secret.names if name}
        by_birth.setdefault(secret.birth_date, {}).update(names)
    hits: Counter[str] = Counter()
    for record in records:
        for birth in set(_DATE.findall(record)) & by_birth.keys():
            hits.update({person for name, person in by_birth[birth].items() if name in record})
    return hits


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
