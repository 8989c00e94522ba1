"""The ways in which a row arrives broken: each by the code of the rule that must find it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

Cells = tuple[str, ...]
Record = dict[str, str]


class Fault(NamedTuple):
    """A broken row. rule: what it breaks, and nothing else. make: a whole row's cells to the rows that arrive."""

    rule: str
    make: Callable[[Record], list[Cells]]


def cells(record: Record) -> Cells:
    """A row's cells in the order of its header."""
    return tuple(record.values())


def cut(record: Record) -> list[Cells]:
    """The last cell is missing."""
    return [cells(record)[:-1]]


def run_on(record: Record) -> list[Cells]:
    """A cell too many, as a comma left in a name gives."""
    return [(*cells(record), "")]


def put(column: str, text: str) -> Callable[[Record], list[Cells]]:
    """Other text in one cell."""
    return lambda record: [cells(record | {column: text})]


def lose_zero(column: str) -> Callable[[Record], list[Cells]]:
    """A number that a spreadsheet has opened: a digit is gone."""
    return lambda record: [cells(record | {column: record[column][1:]})]


def contradict(column: str) -> Callable[[Record], list[Cells]]:
    """Two rows under one key that differ in a cell."""
    return lambda record: [cells(record), cells(record | {column: record[column] + "子"})]


RAGGED = (Fault("ROW_LENGTH", cut), Fault("ROW_LENGTH", run_on))
POSTAL = (
    *RAGGED,
    Fault("REQUIRED", put("申請者氏名", "")),
    Fault("DIGITS_10", lose_zero("世帯番号")),
    Fault("CODE_UNKNOWN", put("申請区分", "再申請")),
    Fault("CODE_UNKNOWN", put("代理区分", "親戚")),
    Fault("DATE_FORM", put("受付年月日", "六月上旬")),
    Fault("DUPLICATE_KEY", contradict("申請者氏名")),
)
INHOUSE = (*POSTAL, Fault("DIGITS_10", lose_zero("申請者住民番号")))
ONLINE = (
    *RAGGED,
    Fault("REQUIRED", put("申請者氏名", "")),
    Fault("REQUIRED", put("証明書シリアル番号", "")),
    Fault("CODE_UNKNOWN", put("申請区分", "再申請")),
    Fault("DUPLICATE_KEY", contradict("申請者氏名")),
)
MEMBERS = (
    *RAGGED,
    Fault("REQUIRED", put("氏名", "")),
    Fault("DUPLICATE_KEY", contradict("氏名")),
)
PAPER_MEMBERS = (*MEMBERS, Fault("CODE_UNKNOWN", put("不要", "△")))
ONLINE_MEMBERS = (*MEMBERS, Fault("CODE_UNKNOWN", put("給付希望", "未定")))
CHANGES = (
    *RAGGED,
    Fault("DIGITS_10", lose_zero("住民番号")),
    Fault("CODE_UNKNOWN", put("異動事由", "改名")),
    Fault("DATE_FORM", put("異動年月日", "先月")),
    Fault("DATE_FORM", put("届出年月日", "不明")),
    Fault("DUPLICATE_KEY", contradict("方書")),
)
REQUESTS = (
    *RAGGED,
    Fault("REQUIRED", put("申出番号", "")),
    Fault("REQUIRED", put("居所住所", "")),
    Fault("DATE_FORM", put("申出年月日", "来週")),
    Fault("CODE_UNKNOWN", put("区分", "友人")),
)


def records(header: Sequence[str], rows: Sequence[Cells]) -> list[Record]:
    """Rows by the names of their columns."""
    return [dict(zip(header, row, strict=True)) for row in rows]
