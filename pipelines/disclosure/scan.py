"""The scan of outgoing bytes: a protected person's number, name with birth date, or whereabouts in them?

Text is made equal first: widths, dashes, blanks, ways to write a house number or a birth date. What a piece covers may
stand in it. What the register itself says of the people it is about (a namesake born on the same day, a neighbour in
the same house) is no leak: in a machine file each may stand as often as in those people's own register lines, on paper
as often as it likes.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any

import ahocorasick_rs
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.disclosure.guard import DisclosureRefused, Register, Secret
from pipelines.disclosure.writings import CHOME, address_writings, birth_writings

_DASHES = tuple(mark.encode() for mark in "−‐―ー－")
_BLANKS = tuple(blank.encode() for blank in " \u3000")
_BETWEEN_NUMBERS = tuple(word.encode() for word in ("丁目", "番地の", "番地", "番"))
_BORDER = b"\x1f"  # between two numbers with a blank between them, and between the lines of a page
_BETWEEN_CELLS = (*(mark.encode() for mark in ',"号室'), _BORDER)
_TWO_NUMBERS = re.compile(rb"(?<=[0-9])(?: |\xe3\x80\x80)+(?=[0-9])")
_LINE_END = re.compile(
    r"[\r\n\x02\ufffe]+"
)  # the last two: how a reader tells of a hyphen at a line's end
_PART = 1 << 20  # characters

KINDS = ("住民番号", "氏名と生年月日", "居所")
Owners = frozenset[str]  # the protected people whom one word would give away


@dataclass(frozen=True)
class Covered:
    """Whose data may stand in a text: by kind of secret, because a field that is not allowed covers nobody."""

    numbers: Owners = frozenset()
    names: Owners = frozenset()
    addresses: Owners = frozenset()


@dataclass(frozen=True)
class Found:
    """What stands in a text, and how often: words, by the kinds of `KINDS`."""

    numbers: Counter[bytes]
    names: Counter[Owners]
    addresses: Counter[bytes]


class Search:
    """Looks for all secrets at once; made once for the same secrets."""

    def __init__(self, secrets: Sequence[Secret]) -> None:
        """Prepare the words of every secret."""
        self._numbers = _by_word((s.resident_id or "", s.person_id) for s in secrets)
        self._births = _names_by_birth(secrets)
        self._addresses = _by_word(
            (fold_address(fold(writing)), s.person_id)
            for s in secrets
            for address in s.addresses
            for writing in address_writings(address)
        )
        self._birth_keys = {s.person_id: s.birth_key for s in secrets}
        self._find_numbers = _matcher(self._numbers)
        self._find_births = _matcher(self._births)
        self._find_addresses = _matcher(self._addresses)

    def look(self, text: str) -> Found:
        """Everything of anybody in a text; some records of it at a time, so that memory stays small."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            parts = list(pool.map(lambda span: self._look(text[slice(*span)]), _spans(text)))
        return Found(*(sum(of_kind, Counter()) for of_kind in zip(*parts, strict=True)))

    def _look(self, text: str) -> tuple[Counter[bytes], Counter[Owners], Counter[bytes]]:
        folded = fold(text)
        return self._numbers_in(folded), self._names_in(folded), self._addresses_in(folded)

    def uncovered(self, found: Found, covered: Covered) -> Found:
        """What of it is about nobody that is covered."""
        return Found(
            _without(found.numbers, self._numbers, covered.numbers),
            Counter({who: n for who, n in found.names.items() if not who & covered.names}),
            _without(found.addresses, self._addresses, covered.addresses),
        )

    def known(
        self, found: Found, own: Register, covered: Covered, secrets: Sequence[Secret]
    ) -> Found:
        """What the register, and covered people's own whereabouts, say of what was found."""
        lines: Iterable[str] = ()
        if found.numbers or found.names:
            births = {self._birth_keys[person] for who in found.names for person in who}
            numbers = frozenset(number.decode() for number in found.numbers)
            lines = own.lines(frozenset(key for key in births if key), numbers)
        addresses: Iterable[str] = ()
        if found.addresses:
            theirs = (s.addresses for s in secrets if s.person_id in covered.addresses)
            addresses = (*own.addresses(), *chain.from_iterable(theirs))
        folded = fold("\n".join(lines))
        return Found(
            self._numbers_in(folded),
            self._names_in(folded),
            self._addresses_in(fold("\n".join(addresses))),
        )

    def told(self, more: Found) -> tuple[int, int, int]:
        """How many of each kind; one place that reads as two writings of the same whereabouts is one."""
        whose: Counter[Owners] = Counter()
        for word, count in more.addresses.items():
            whose |= Counter({self._addresses[word]: count})
        return more.numbers.total(), more.names.total(), whose.total()

    def _numbers_in(self, folded: bytes) -> Counter[bytes]:
        return Counter(
            word for word, start, end in self._find_numbers(folded) if not _goes_on(folded, start, end)
        )  # fmt: skip

    def _names_in(self, folded: bytes) -> Counter[Owners]:
        """Records that hold somebody's birth date and, with it, one of that person's names."""
        in_record: dict[int, set[bytes]] = defaultdict(
            set
        )  # where the record starts -> births in it
        for word, start, end in self._find_births(folded):
            if not (word.isdigit() and _goes_on(folded, start, end)) and not (
                word[-1:].isdigit() and folded[end : end + 1].isdigit()
            ):
                in_record[folded.rfind(b"\n", 0, start) + 1].add(word)
        hits: Counter[Owners] = Counter()
        for start, births in in_record.items():
            record = folded[start : _end_of_record(folded, start)]
            hits.update(
                {
                    who
                    for birth in births
                    for name, who in self._births[birth].items()
                    if name in record
                }
            )
        return hits

    def _addresses_in(self, folded: bytes) -> Counter[bytes]:
        """Whereabouts, anywhere in the text; not where the number goes on."""
        if not self._addresses:
            return Counter()
        text = fold_address(folded)
        return Counter(
            word for word, _, end in self._find_addresses(text) if not text[end : end + 1].isdigit()
        )


@lru_cache(maxsize=4)
def search_for(secrets: tuple[Secret, ...]) -> Search:
    """The search for these secrets; a day's releases share it."""
    return Search(secrets)


def scan_text(
    text: str,
    secrets: tuple[Secret, ...],
    covered: Covered,
    own: Register,
    *,
    is_list: bool = False,
) -> dict[str, int]:
    """How often a file tells more than its people's own register: kind -> count, of `KINDS`.

    is_list: the ward's own list with a line a person, in which a household's items stand once for each.
    """
    search = search_for(secrets)
    found = search.uncovered(search.look(text), covered)
    excess = _not_among if is_list else _more_than
    return _leaks(search, found, covered, own, secrets, excess)


def scan_pages(
    pages: Sequence[str], secrets: tuple[Secret, ...], covered: Covered, own: Register
) -> dict[str, int]:
    """The same for pages that go to one addressee.

    A page is one record. It is read with its line ends and without them: either may join or part what belongs together.
    """
    search = search_for(secrets)
    parted = "\n".join(_LINE_END.sub("\x1f", page) for page in pages)
    joined = "\n".join(_LINE_END.sub("", page) for page in pages)
    leaks: Counter[str] = Counter()
    for text in dict.fromkeys((parted, joined)):
        found = search.uncovered(search.look(text), covered)
        leaks |= Counter(_leaks(search, found, covered, own, secrets, _not_among))
    return dict(leaks)


def assert_silent(leaks: dict[str, int]) -> None:
    """Refuse what leaks.

    Raises:
        DisclosureRefused: something of a protected person stands in it; the message counts, it names nobody.
    """
    if not any(leaks.values()):
        return
    told = "、".join(f"{kind}{leaks[kind]}件" for kind in KINDS if leaks.get(kind))
    counts = dict(zip(("numbers", "names", "addresses"), map(leaks.get, KINDS), strict=True))
    raise DisclosureRefused(
        f"保護対象者の情報が送付データに含まれています({told})。送付を止めました。",
        "CONTENT",
        **{kind: count for kind, count in counts.items() if count},
    )


def _leaks(
    search: Search, found: Found, covered: Covered, own: Register, secrets: tuple[Secret, ...],
    excess: Callable[[Counter[Any], Counter[Any]], Counter[Any]],
) -> dict[str, int]:  # fmt: skip
    if not (found.numbers or found.names or found.addresses):
        return {}
    known = search.known(found, own, covered, secrets)
    more = Found(
        excess(found.numbers, known.numbers), excess(found.names, known.names), excess(found.addresses, known.addresses)
    )  # fmt: skip
    return dict(zip(KINDS, search.told(more), strict=True))


def _more_than(found: Counter[Any], known: Counter[Any]) -> Counter[Any]:
    return found - known


def _not_among(found: Counter[Any], known: Counter[Any]) -> Counter[Any]:
    return Counter({word: count for word, count in found.items() if word not in known})


def _spans(text: str) -> list[tuple[int, int]]:
    """Where a long text may be parted: behind line ends, which no secret goes over."""
    ends = [0]
    while ends[-1] < len(text) or len(ends) == 1:
        behind = text.find("\n", ends[-1] + _PART) + 1
        ends.append(behind or len(text))
    return list(pairwise(ends))


def fold(text: str) -> bytes:
    """In UTF-8, which is fast to search; widths, dashes and blanks are equal, other characters stay what they are."""
    wide = pc.utf8_normalize(pa.scalar(text, pa.large_string()), "NFKC").as_buffer().to_pybytes()
    parted = _TWO_NUMBERS.sub(_BORDER, _replaced(wide, _DASHES, b"-"))
    return _replaced(parted, _BLANKS, b"")


def fold_address(folded: bytes) -> bytes:
    """One way to write a house number, over the borders of cells."""
    for kanji, digits in CHOME:
        folded = folded.replace(kanji, digits)
    return _replaced(_replaced(folded, _BETWEEN_NUMBERS, b"-"), _BETWEEN_CELLS, b"")


def _replaced(text: bytes, words: Iterable[bytes], by: bytes) -> bytes:
    for word in words:
        text = text.replace(word, by)
    return text


def _by_word(pairs: Iterable[tuple[str | bytes, str]]) -> dict[bytes, Owners]:
    """Word -> whom it gives away; an empty word gives away nobody."""
    found: dict[bytes, set[str]] = defaultdict(set)
    for word, person in pairs:
        if word:
            found[word.encode() if isinstance(word, str) else word].add(person)
    return {word: frozenset(people) for word, people in sorted(found.items())}


def _matcher(words: Iterable[bytes]) -> Callable[[bytes], Iterator[tuple[bytes, int, int]]]:
    """Finds where any of many words stands in a text: (word, start, end)."""
    listed = list(words)
    automaton = ahocorasick_rs.BytesAhoCorasick(listed) if listed else None

    def find(text: bytes) -> Iterator[tuple[bytes, int, int]]:
        if automaton is not None:
            for word, start, end in automaton.find_matches_as_indexes(text, overlapping=True):
                yield listed[word], start, end

    return find


def _without(found: Counter[bytes], owners: dict[bytes, Owners], covered: Owners) -> Counter[bytes]:
    return Counter({word: n for word, n in found.items() if not owners[word] & covered})


def _goes_on(text: bytes, start: int, end: int) -> bool:
    """Whether a number goes on before or after its place."""
    return text[max(start - 1, 0) : start].isdigit() or text[end : end + 1].isdigit()


def _end_of_record(text: bytes, start: int) -> int:
    end = text.find(b"\n", start)
    return len(text) if end < 0 else end


def _names_by_birth(secrets: Sequence[Secret]) -> dict[bytes, dict[bytes, Owners]]:
    """Every writing of a birth date -> name -> whose they are."""
    by_birth: dict[bytes, dict[bytes, set[str]]] = defaultdict(lambda: defaultdict(set))
    for secret in secrets:
        names = [fold(name) for name in secret.names if name]
        births = {fold(secret.birth_date), *birth_writings(secret.birth_key or "")}
        for birth in births - {b""}:
            for name in names:
                by_birth[birth][name].add(secret.person_id)
    return {
        birth: {name: frozenset(people) for name, people in names.items()}
        for birth, names in sorted(by_birth.items())
    }
