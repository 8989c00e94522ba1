"""The scan of outgoing bytes: a protected person's number, name with birth date, or present address in them?

Everything a release holds is text, so it is decoded once; widths, dashes and ways to write a house number are made
equal first. What the register itself says of the people the release is about (a namesake born on the same day, a
neighbour in the same house) is no leak: each secret may stand in the bytes as often as in those people's own register
lines, never more often.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import ahocorasick_rs
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.disclosure.guard import DisclosureRefused, Register, Secret

_DATE = re.compile("[0-9]{6,8}")
_DASHES = "−‐―ー－"
_BLANKS = " \u3000"
_BETWEEN_NUMBERS = ("丁目", "番地の", "番地", "番")
_BETWEEN_CELLS = ',"号室'
_SHORTEST_ADDRESS = 8

KINDS = ("住民番号", "氏名と生年月日", "現在の居所")


def scan(payload: bytes, secrets: Sequence[Secret], own: Register, encoding: str = "utf-8") -> None:
    """Look through a release's final bytes for the people it must not be about.

    Raises:
        DisclosureRefused: something of a protected person stands in it; the message counts, it names nobody.
    """
    text = fold(payload.decode(encoding))
    with ThreadPoolExecutor(max_workers=2) as pool:
        people = pool.submit(_leaking_people, text, secrets, own)
        addresses = pool.submit(_leaking_addresses, text, secrets, own)
        leaks = (*people.result(), addresses.result())
    if any(leaks):
        told = "、".join(
            f"{kind}{count}件" for kind, count in zip(KINDS, leaks, strict=True) if count
        )
        raise DisclosureRefused(
            f"保護対象者の情報が送付データに含まれています({told})。送付を止めました。"
        )


def _leaking_people(text: str, secrets: Sequence[Secret], own: Register) -> tuple[int, int]:
    """(numbers, names with birth dates) that stand in the text more often than in its people's own lines."""
    numbers, names = _find_numbers(text, secrets), _find_names(text, secrets)
    if not numbers and not names:
        return 0, 0
    births = frozenset(s.birth_key for s in secrets if s.birth_key and s.person_id in names)
    lines = fold("\n".join(own.lines(births, frozenset(numbers))))
    return (
        (numbers - _find_numbers(lines, secrets)).total(),
        (names - _find_names(lines, secrets)).total(),
    )


def _leaking_addresses(text: str, secrets: Sequence[Secret], own: Register) -> int:
    """Present addresses that stand in the text more often than its people live there."""
    addresses = _find_addresses(text, secrets)
    if not addresses:
        return 0
    known = _find_addresses(fold("\n".join(own.addresses())), secrets)
    return (addresses - known).total()


def fold(text: str) -> str:
    """Make widths, dashes and spaces equal; characters stay what they are otherwise."""
    wide: str = pc.utf8_normalize(pa.scalar(text, pa.large_string()), "NFKC").as_py()
    return _replaced(_replaced(wide, _DASHES, "-"), _BLANKS, "")


@lru_cache(maxsize=1 << 16)
def _fold_word(text: str) -> str:
    """`fold` of a secret's own words, which every release of a day is searched for."""
    return fold(text)


def fold_address(folded: str) -> str:
    """One way to write a house number, over the borders of cells."""
    return _replaced(_replaced(folded, _BETWEEN_NUMBERS, "-"), _BETWEEN_CELLS, "")


def _replaced(text: str, words: Iterable[str], by: str) -> str:
    for word in words:
        text = text.replace(word, by)
    return text


def _standing(text: str, words: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Where any of many words stands in the text: (index of the word, start, end)."""
    if words:
        matcher = ahocorasick_rs.AhoCorasick(words)
        yield from matcher.find_matches_as_indexes(text, overlapping=True)


def _goes_on(text: str, start: int, end: int) -> bool:
    """Whether a number goes on before or after its place."""
    return text[start - 1 : start].isdigit() or text[end : end + 1].isdigit()


def _find_numbers(folded: str, secrets: Sequence[Secret]) -> Counter[str]:
    """How often each protected person's number stands in the text."""
    ids = sorted({s.resident_id for s in secrets if s.resident_id})
    return Counter(
        ids[word] for word, start, end in _standing(folded, ids) if not _goes_on(folded, start, end)
    )


def _find_names(folded: str, secrets: Sequence[Secret]) -> Counter[str]:
    """Records that hold a protected person's birth date and, with it, one of that person's names."""
    by_birth = _names_by_birth(secrets)
    births = sorted(by_birth)
    in_record: dict[int, set[str]] = defaultdict(set)  # where the record starts -> births in it
    for word, start, end in _standing(folded, births):
        if not (_DATE.fullmatch(births[word]) and _goes_on(folded, start, end)):
            in_record[folded.rfind("\n", 0, start) + 1].add(births[word])
    hits: Counter[str] = Counter()
    for start, found in in_record.items():
        record = folded[start : _end_of_record(folded, start)]
        hits.update(
            {
                person
                for birth in found
                for name, person in by_birth[birth].items()
                if name in record
            }
        )
    return hits


def _end_of_record(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _names_by_birth(secrets: Sequence[Secret]) -> dict[str, dict[str, str]]:
    """Birth date, as written and as eight digits -> name -> person."""
    by_birth: dict[str, dict[str, str]] = {}
    for secret in secrets:
        names = {_fold_word(name): secret.person_id for name in secret.names if name}
        for birth in {_fold_word(secret.birth_date), secret.birth_key or ""} - {""}:
            by_birth.setdefault(birth, {}).update(names)
    return by_birth


def _find_addresses(folded: str, secrets: Sequence[Secret]) -> Counter[str]:
    """Present addresses of protected people, anywhere in the text; not where the number goes on."""
    written = [fold_address(_fold_word(a)) for secret in secrets for a in secret.addresses]
    patterns = sorted({address for address in written if len(address) >= _SHORTEST_ADDRESS})
    if not patterns:
        return Counter()
    text = fold_address(folded)
    return Counter(
        patterns[word]
        for word, _, end in _standing(text, patterns)
        if not text[end : end + 1].isdigit()
    )
