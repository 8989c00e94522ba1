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

_DATE = re.compile(b"[0-9]{6,8}")
_DASHES = tuple(mark.encode() for mark in "−‐―ー－")
_BLANKS = tuple(blank.encode() for blank in " \u3000")
_BETWEEN_NUMBERS = tuple(word.encode() for word in ("丁目", "番地の", "番地", "番"))
_BETWEEN_CELLS = tuple(mark.encode() for mark in ',"号室')
_SHORTEST_ADDRESS = 8  # characters
_LONG = 1 << 20

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


def _leaking_people(text: bytes, secrets: Sequence[Secret], own: Register) -> tuple[int, int]:
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


def _leaking_addresses(text: bytes, secrets: Sequence[Secret], own: Register) -> int:
    """Present addresses that stand in the text more often than its people live there."""
    addresses = _find_addresses(text, secrets)
    if not addresses:
        return 0
    known = _find_addresses(fold("\n".join(own.addresses())), secrets)
    return (addresses - known).total()


def fold(text: str) -> bytes:
    """In UTF-8, which is fast to search; widths, dashes and spaces are equal, other characters stay what they are."""
    middle = text.find("\n", len(text) // 2) + 1 if len(text) > _LONG else 0
    with ThreadPoolExecutor(max_workers=2) as pool:
        return b"".join(pool.map(_fold_part, (text[:middle], text[middle:])))


def _fold_part(text: str) -> bytes:
    wide = pc.utf8_normalize(pa.scalar(text, pa.large_string()), "NFKC").as_buffer().to_pybytes()
    return _replaced(_replaced(wide, _DASHES, b"-"), _BLANKS, b"")


@lru_cache(maxsize=1 << 16)
def _fold_word(text: str) -> bytes:
    """`fold` of a secret's own words, which every release of a day is searched for."""
    return _fold_part(text)


def fold_address(folded: bytes) -> bytes:
    """One way to write a house number, over the borders of cells."""
    return _replaced(_replaced(folded, _BETWEEN_NUMBERS, b"-"), _BETWEEN_CELLS, b"")


def _replaced(text: bytes, words: Iterable[bytes], by: bytes) -> bytes:
    for word in words:
        text = text.replace(word, by)
    return text


def _standing(text: bytes, words: Sequence[bytes]) -> Iterator[tuple[int, int, int]]:
    """Where any of many words stands in the text: (index of the word, start, end)."""
    if words:
        matcher = ahocorasick_rs.BytesAhoCorasick(words)
        yield from matcher.find_matches_as_indexes(text, overlapping=True)


def _goes_on(text: bytes, start: int, end: int) -> bool:
    """Whether a number goes on before or after its place."""
    return text[max(start - 1, 0) : start].isdigit() or text[end : end + 1].isdigit()


def _find_numbers(folded: bytes, secrets: Sequence[Secret]) -> Counter[str]:
    """How often each protected person's number stands in the text."""
    ids = sorted({s.resident_id for s in secrets if s.resident_id})
    found = _standing(folded, [resident_id.encode() for resident_id in ids])
    return Counter(ids[word] for word, start, end in found if not _goes_on(folded, start, end))


def _find_names(folded: bytes, secrets: Sequence[Secret]) -> Counter[str]:
    """Records that hold a protected person's birth date and, with it, one of that person's names."""
    by_birth = _names_by_birth(secrets)
    births = sorted(by_birth)
    in_record: dict[int, set[bytes]] = defaultdict(set)  # where the record starts -> births in it
    for word, start, end in _standing(folded, births):
        if not (_DATE.fullmatch(births[word]) and _goes_on(folded, start, end)):
            in_record[folded.rfind(b"\n", 0, start) + 1].add(births[word])
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


def _end_of_record(text: bytes, start: int) -> int:
    end = text.find(b"\n", start)
    return len(text) if end < 0 else end


def _names_by_birth(secrets: Sequence[Secret]) -> dict[bytes, dict[bytes, str]]:
    """Birth date, as written and as eight digits -> name -> person."""
    by_birth: dict[bytes, dict[bytes, str]] = {}
    for secret in secrets:
        names = {_fold_word(name): secret.person_id for name in secret.names if name}
        for birth in {_fold_word(secret.birth_date), (secret.birth_key or "").encode()} - {b""}:
            by_birth.setdefault(birth, {}).update(names)
    return by_birth


def _find_addresses(folded: bytes, secrets: Sequence[Secret]) -> Counter[bytes]:
    """Present addresses of protected people, anywhere in the text; not where the number goes on."""
    written = {fold_address(_fold_word(a)) for secret in secrets for a in secret.addresses}
    patterns = sorted(a for a in written if len(a.decode()) >= _SHORTEST_ADDRESS)
    if not patterns:
        return Counter()
    text = fold_address(folded)
    return Counter(
        patterns[word]
        for word, _, end in _standing(text, patterns)
        if not text[end : end + 1].isdigit()
    )
