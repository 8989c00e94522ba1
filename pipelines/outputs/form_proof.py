"""The proof sheet (校正紙) of a forms' file: its trickiest records as they are printed, and every replaced character.

A person looks at it before the file goes. It is made of the finished file, read back, never of the register: what the
proof shows is what the contractor gets. Which records are shown is a matter of the file alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import cycle
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.outputs.barcode import BARS
from pipelines.outputs.forms import HOUSEHOLD_TEXTS, MEMBER_COLUMNS, FormsProfile
from pipelines.outputs.paper.typesetting import showable, typeset
from pipelines.outputs.print_characters import read_notes

Scores = npt.NDArray[np.int64]

_FLOOR: Final = "階|[0-9０-９][FfＦｆ]"
_ROMAN: Final = "[A-Za-zＡ-Ｚａ-ｚ]"
_NEEDS_QUOTES: Final = '[",\r\n]'
_LETTER_CODE: Final = "CC[123] [^s]"
_FILLED_UP: Final = "CC4 [^s]"
_WHOLE_DATE: Final = r"^[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])$"


@dataclass(frozen=True, slots=True)
class Chosen:
    """One record on the proof. household: its place in the file, from 0; reasons: why it is there."""

    household: int
    reasons: tuple[str, ...]


def choose_records(printed: pa.Table, profile: FormsProfile, most: int) -> list[Chosen]:
    """The trickiest households of a file (see `forms_check.read_forms`), in the file's order.

    Each kind of trickiness in turn gives its worst household that is not chosen yet; equals go by their place in the
    file. So every kind is there, and the same file always gives the same records.
    """
    kinds = _kinds(printed, profile)
    ordered = {
        label: iter(np.argsort(-score, kind="stable")[: int(np.count_nonzero(score))].tolist())
        for label, score in kinds.items()
    }
    picked: dict[int, list[str]] = {}
    for label in cycle(list(ordered)):
        if len(picked) >= most or not ordered:
            break
        if label not in ordered:
            continue
        household = next((h for h in ordered[label] if h not in picked), None)
        if household is None:
            del ordered[label]
        else:
            picked[household] = [label]
    yes_or_no = {label: score for label, score in kinds.items() if score.max(initial=0) <= 1}
    return [
        Chosen(
            household,
            tuple(dict.fromkeys([*labels, *(k for k, score in yes_or_no.items() if score[household])])),
        )
        for household, labels in sorted(picked.items())
    ]  # fmt: skip


def households_of(printed: pa.Table, chosen: Iterable[Chosen]) -> list[str]:
    """Their household numbers."""
    starts = _household_starts(printed)
    at = pa.array([int(starts[one.household]) for one in chosen], pa.int64())
    numbers: list[str] = printed["household_id"].take(at).to_pylist()
    return numbers


def build_proof(
    printed: pa.Table,
    profile: FormsProfile,
    facts: Mapping[str, str],
    chosen: Sequence[Chosen],
    day: date,
) -> bytes:
    """The proof sheet as a PDF: a page of facts, a page a record, then the replaced characters.

    Args:
        printed: the finished file, read back (`forms_check.read_forms`).
        profile: what it was built with.
        facts: what the first page says of the file, heading -> text.
        chosen: the records (`choose_records`).
        day: the business date.

    Raises:
        PaperError: a text that no page can show.
    """
    starts = _household_starts(printed)
    records = [_record(printed, starts, one) for one in chosen]
    data = showable(
        {
            "day": str(day),
            "facts": [[name, text] for name, text in facts.items()],
            "kinds": [[label, n] for label, n in Counter(r for c in chosen for r in c.reasons).items()],
            "records": records,
            "characters": _characters(printed, profile),
        }
    )  # fmt: skip
    return typeset("form_proof", data, day)


def _kinds(printed: pa.Table, profile: FormsProfile) -> dict[str, Scores]:
    """Each kind of trickiness: for each household how tricky it is; 0 is not."""
    starts = _household_starts(printed)
    first = printed.take(pa.array(starts))

    def of_household(values: Any) -> Scores:
        return np.asarray(values).astype(np.int64)

    def of_members(values: Any, how: np.ufunc = np.maximum) -> Scores:
        each = np.asarray(values).astype(np.int64)
        return how.reduceat(each, starts) if len(starts) else each

    def has(column: str, pattern: str) -> Any:
        return pc.match_substring_regex(printed[column], pattern)

    members = of_household(pc.cast(first["members"], pa.int64()))
    where = _joined(first["address"], first["address_supplement"])
    notes = pc.if_else(
        pc.equal(printed["slot"], 1), pc.count_substring(printed["replaced"], "=U+"), 0
    )
    coded = pc.not_equal(first["barcode"], "")
    cells = [printed[n] for n in (*HOUSEHOLD_TEXTS, *MEMBER_COLUMNS)]
    quoted = pc.match_substring_regex(_joined(*cells), _NEEDS_QUOTES)
    edge = np.zeros(len(starts), dtype=np.int64)
    edge[:1] = edge[-1:] = 1
    return {
        "外字・置換文字": of_members(notes, np.add),
        "人数が多い": np.where(members > 1, members, 0),
        "2行以上": (members > profile.max_members).astype(np.int64),
        "住所が長い": of_household(pc.utf8_length(where)),
        "漢字氏名が長い": of_members(pc.utf8_length(printed["name_kanji"])),
        "カナ氏名が長い": of_members(pc.utf8_length(printed["name_kana"])),
        "外国人名": of_members(has("name_kanji", _ROMAN)),
        "階のある住所": of_household(pc.match_substring_regex(where, _FLOOR)),
        "バーコードなし": of_household(pc.invert(coded)),
        "バーコードに英字": of_household(pc.match_substring_regex(first["barcode"], _LETTER_CODE)),
        "住所表示番号が13桁": of_household(
            pc.and_(coded, pc.invert(pc.match_substring_regex(first["barcode"], _FILLED_UP)))
        ),
        "生年月日に不詳": of_members(pc.invert(has("birth_date", _WHOLE_DATE))),
        "カナ氏名なし": of_members(pc.equal(printed["name_kana"], "")),
        "区切り文字を含む": of_members(quoted),
        "先頭・末尾": edge,
    }


def _household_starts(printed: pa.Table) -> npt.NDArray[np.int64]:
    """Where each household begins; a file has a household's people together, in order."""
    is_first = pc.and_(pc.equal(printed["line"], "1"), pc.equal(printed["slot"], 1))
    return np.flatnonzero(np.asarray(is_first))


def _joined(*columns: Any) -> Any:
    return pc.binary_join_element_wise(*columns, pa.scalar("　", pa.large_string()))


def _record(printed: pa.Table, starts: npt.NDArray[np.int64], chosen: Chosen) -> dict[str, Any]:
    """One household as its page shows it."""
    start = int(starts[chosen.household])
    end = (
        int(starts[chosen.household + 1])
        if chosen.household + 1 < len(starts)
        else printed.num_rows
    )
    people = printed.slice(start, end - start).to_pylist()
    head = people[0]
    codes = head["barcode"].split()
    return {
        "reasons": "、".join(chosen.reasons),
        "rows": "、".join(str(row) for row in dict.fromkeys(p["file_row"] for p in people)),
        **{n: head[n] for n in ("household_id", "postal_code", "address", "address_supplement")},
        **{n: head[n] for n in ("head_name_kanji", "members")},
        "codes": " ".join(codes[1:-1]),
        "bars": "".join(BARS[code] for code in codes),
        "people": [[str(n), *(p[c] for c in MEMBER_COLUMNS)] for n, p in enumerate(people, start=1)],
        "replaced": list(_replaced(people)),
    }  # fmt: skip


def _replaced(people: list[dict[str, Any]]) -> Iterator[list[str]]:
    """Every note of a household's rows: file row, cell, place, the register's character, its code points."""
    for row, text in dict.fromkeys((p["file_row"], p["replaced"]) for p in people):
        for cell, notes in read_notes(text).items() if text else ():
            for kept in notes:
                yield [str(row), cell, str(kept.place), kept.original, _codes(kept.original)]


def _characters(printed: pa.Table, profile: FormsProfile) -> list[list[str]]:
    """Every replaced character once: the register's, code points, what is printed, how often, first file row."""
    noted = printed.filter(
        pc.and_(pc.equal(printed["slot"], 1), pc.not_equal(printed["replaced"], ""))
    )
    rows: dict[str, int] = {}
    count = Counter[str]()
    for file_row, text in zip(
        noted["file_row"].to_pylist(), noted["replaced"].to_pylist(), strict=True
    ):
        for notes in read_notes(text).values():
            for kept in notes:
                rows.setdefault(kept.original, file_row)
                count[kept.original] += 1
    return [
        [char, _codes(char), profile.characters.printed(char), str(count[char]), str(rows[char])]
        for char in sorted(count)
    ]  # fmt: skip


def _codes(text: str) -> str:
    return "+".join(f"U+{ord(char):04X}" for char in text)
