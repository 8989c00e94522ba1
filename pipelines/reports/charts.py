"""The geometry of the reports' charts: numbers to rectangles, in SVG user units. Drawn by `templates/charts.html`."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """A horizontal bar with its label, its count and how it is filled (`reject` dark, `warn` hatched)."""

    label: str
    count: int
    fill: str
    y: int
    width: float


@dataclass(frozen=True)
class BarChart:
    """Horizontal bars, one below the other. height: of the whole chart."""

    bars: tuple[Bar, ...]
    height: int


@dataclass(frozen=True)
class Piece:
    """One part of a column."""

    fill: str
    y: float
    height: float


@dataclass(frozen=True)
class Column:
    """A column of a column chart: its label below, its total above."""

    label: str
    total: int
    x: int
    top: float
    pieces: tuple[Piece, ...]


BAR_STEP, BAR_ROOM = 26, 380.0
COLUMN_STEP, COLUMN_ROOM, COLUMN_TOP = 76, 120.0, 20.0
_THINNEST = 1.0  # a single row among 350,000 must be seen


def bar_chart(counts: Sequence[tuple[str, int, str]]) -> BarChart:
    """(label, count, fill) in the order to draw; the longest bar fills the room."""
    most = max((count for _, count, _ in counts), default=0)
    bars = tuple(
        Bar(label, count, fill, place * BAR_STEP, _scale(count, most, BAR_ROOM))
        for place, (label, count, fill) in enumerate(counts)
    )
    return BarChart(bars, len(bars) * BAR_STEP)


def column_chart(columns: Sequence[tuple[str, Sequence[tuple[str, int]]]]) -> tuple[Column, ...]:
    """(label, parts as (fill, count) from the bottom up) in the order to draw; the tallest fills the room."""
    most = max((sum(n for _, n in parts) for _, parts in columns), default=0)
    return tuple(
        _column(label, parts, most, place * COLUMN_STEP)
        for place, (label, parts) in enumerate(columns)
    )


def _column(label: str, parts: Sequence[tuple[str, int]], most: int, x: int) -> Column:
    top = COLUMN_TOP + COLUMN_ROOM
    pieces = []
    for fill, count in parts:
        height = _scale(count, most, COLUMN_ROOM)
        top -= height
        if height:
            pieces.append(Piece(fill, round(top, 1), height))
    return Column(label, sum(n for _, n in parts), x, round(top, 1), tuple(pieces))


def _scale(count: int, most: int, room: float) -> float:
    return max(_THINNEST, round(room * count / most, 1)) if count else 0.0
