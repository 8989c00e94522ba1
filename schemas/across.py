"""Rules across columns, rows and reference tables.

A rule that needs two values is kept where one of them is missing or unreadable: another rule tells that.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from schemas import forms
from schemas.tables import References, Rule, date_key_of

HEAD = "02"
_HOUSEHOLD = ("resident_id", "household_id", "relationship")
_SLICE = 200_000
_FULL_DATE = "[0-9]{8}"
_FIRST_NUMBER = "[0-9０-９].*$"


def dates_readable(*columns: str) -> tuple[Rule, ...]:
    """Each date that is given can be read, and the calendar has such a day."""

    def rule(column: str) -> Rule:
        key = date_key_of(column)

        def test(rows: pd.DataFrame, references: References) -> pd.Series:
            return (rows[column] == "") | (rows[key] != "")

        return Rule("DATE_ODD", column, (column, key), test)

    return tuple(rule(column) for column in columns)


def not_after_receipt(*columns: str) -> tuple[Rule, ...]:
    """No date lies after the day on which the file came."""

    def rule(column: str) -> Rule:
        key = date_key_of(column)

        def test(rows: pd.DataFrame, references: References) -> pd.Series:
            dates = _full_dates(rows[key])
            return (dates == "") | (dates <= references.day)

        return Rule("DATE_FUTURE", column, (key,), test)

    return tuple(rule(column) for column in columns)


def in_order(earlier: str, later: str, where: tuple[str, tuple[str, ...]] | None = None) -> Rule:
    """`later` is not before `earlier`; told at `later`. where: only for these codes of a column."""
    keys = (date_key_of(earlier), date_key_of(later))

    def test(rows: pd.DataFrame, references: References) -> pd.Series:
        first, second = (_full_dates(rows[key]) for key in keys)
        kept = (first == "") | (second == "") | (first <= second)
        return kept if where is None else kept | ~rows[where[0]].isin(where[1])

    read = keys if where is None else (*keys, where[0])
    return Rule("DATE_ORDER", later, read, test)


def _side_of_base_date_sure(rows: pd.DataFrame, references: References) -> pd.Series:
    """The date is readable, and no unknown part of it hides the base date; kept where the form is no date's."""
    dates, base = rows["changed_on_key"], references.base_date
    month_hides = (dates.str[:4] == base[:4]) & (dates.str[4:6] == "00")
    day_hides = (dates.str[:6] == base[:6]) & (dates.str[6:] == "00")
    _, is_date = forms.DATE
    return ~is_date(rows["changed_on"]) | ~((dates == "") | month_hides | day_hides)


def _born_by_base_date(rows: pd.DataFrame, references: References) -> pd.Series:
    dates = _full_dates(rows["date_key"])
    return (dates == "") | (dates <= references.base_date)


def _postal_code_known(rows: pd.DataFrame, references: References) -> pd.Series:
    codes = _of_form(rows["postal_code"], "[0-9]{7}")
    return _by_value(codes, lambda code: code == "" or references.knows_postal_code(code))


def _postal_code_fits(rows: pd.DataFrame, references: References) -> pd.Series:
    """Compare codes with addresses up to the first number: few pairs, however many rows."""
    places = rows["address"].str.replace(_FIRST_NUMBER, "", regex=True)
    codes = _of_form(rows["postal_code"], "[0-9]{7}")

    def fits(pair: str) -> bool:
        code, _, place = pair.partition("|")
        return not code or not place or references.postal_code_fits(code, place)

    return _by_value(codes + "|" + places, fits)


def _bank_known(rows: pd.DataFrame, references: References) -> pd.Series:
    codes = _of_form(rows["bank_code"], "[0-9]{4}")
    return _by_value(codes, lambda bank: bank == "" or references.knows_bank(bank))


def _branch_known(rows: pd.DataFrame, references: References) -> pd.Series:
    """Kept where the bank is not known: that is told already."""
    banks = _of_form(rows["bank_code"], "[0-9]{4}")
    branches = _of_form(rows["branch_code"], "[0-9]{3}")

    def known(pair: str) -> bool:
        bank, _, branch = pair.partition("|")
        return not (bank and branch and references.knows_bank(bank)) or references.knows_branch(
            bank, branch
        )

    return _by_value(banks + "|" + branches, known)


def _one_head(rows: pd.DataFrame, references: References) -> pd.Series:
    """Every row of a household without exactly one head breaks the rule."""
    return pd.Series(_heads(rows) >= 0, index=rows.index)


def _head_named(rows: pd.DataFrame, references: References) -> pd.Series:
    """The head's name on a row is the name on the head's own row; kept where the household has not one head."""
    heads = _heads(rows)
    names, kept = _text(rows["name_kanji"]), heads < 0
    for start in range(0, len(heads), _SLICE):  # never the heads' names of everybody at once
        part = slice(start, start + _SLICE)
        of_heads = names.take(pa.array(np.maximum(heads[part], 0)))
        same = pc.equal(of_heads, _text(rows["head_name_kanji"].iloc[part]))
        kept[part] |= same.to_numpy(zero_copy_only=False)
    return pd.Series(kept, index=rows.index)


def _heads(rows: pd.DataFrame) -> np.ndarray:
    """The position of the head of each row's household; -1 where the household has none or several.

    Equal rows of one resident are one head.
    """
    households = pa.array(rows["household_id"]).dictionary_encode()
    if isinstance(households, pa.ChunkedArray):
        households = households.combine_chunks()
    numbers = households.indices.to_numpy()
    at = np.flatnonzero((rows["relationship"] == HEAD).to_numpy(bool))
    if len(at):
        crowded = np.bincount(numbers[at])[numbers[at]] > 1
        again = rows[["household_id", "resident_id"]].iloc[at[crowded]].duplicated().to_numpy()
        at = np.delete(at, np.flatnonzero(crowded)[again])
    head = np.full(len(households.dictionary), -1)
    head[numbers[at]] = at
    head[np.bincount(numbers[at], minlength=len(head)) > 1] = -1
    of_rows: np.ndarray = head[numbers]
    return of_rows


def _names_another(rows: pd.DataFrame, references: References) -> pd.Series:
    """A correction or withdrawal names the claim it is about; a new claim names none."""
    is_new, unnamed = rows["claim_kind"] == "new", rows["supersedes_no"] == ""
    return (is_new == unnamed) | ~rows["claim_kind"].isin(["new", "correction", "withdrawal"])


SIDE_OF_BASE_DATE = Rule(
    "CHANGE_DATE_UNSURE", "changed_on", ("changed_on", "changed_on_key"), _side_of_base_date_sure
)
BORN_BY_BASE_DATE = Rule("BIRTH_AFTER_BASE_DATE", "birth_date", ("date_key",), _born_by_base_date)
POSTAL_CODE = (
    Rule("POSTAL_CODE_UNKNOWN", "postal_code", ("postal_code",), _postal_code_known),
    Rule("POSTAL_CODE_TOWN", "postal_code", ("postal_code", "address"), _postal_code_fits),
)
HEADS = (
    Rule("HEAD_ONE", "relationship", _HOUSEHOLD, _one_head, "table"),
    Rule(
        "HEAD_NAME", "head_name_kanji", (*_HOUSEHOLD, "name_kanji", "head_name_kanji"), _head_named,
        "table",
    ),
)  # fmt: skip
BANKS = (
    Rule("BANK_UNKNOWN", "bank_code", ("bank_code",), _bank_known),
    Rule("BRANCH_UNKNOWN", "branch_code", ("bank_code", "branch_code"), _branch_known),
)
NAMES_ANOTHER = Rule(
    "SUPERSEDES_ODD", "supersedes_no", ("claim_kind", "supersedes_no"), _names_another
)


def _full_dates(dates: pd.Series) -> pd.Series:
    """The keys of whole dates; empty where the date or a part of it is not known."""
    known = dates.str.fullmatch(_FULL_DATE) & ~dates.str.contains("^.{4}00|00$", regex=True)
    return dates.where(known, "")


def _of_form(column: pd.Series, pattern: str) -> pd.Series:
    """The values of that form; the others empty."""
    return column.where(column.str.fullmatch(pattern), "")


def _by_value(column: pd.Series, test: Callable[[str], bool]) -> pd.Series:
    """Ask once for each distinct value."""
    encoded = _text(column).dictionary_encode()
    answers: Sequence[bool] = [test(value) for value in encoded.dictionary.to_pylist()]
    kept = pa.array(answers, pa.bool_()).take(encoded.indices)
    return pd.Series(kept.to_numpy(zero_copy_only=False), index=column.index, dtype=bool)


def _text(column: pd.Series) -> pa.Array:
    """The series as one Arrow array."""
    values = pa.array(column)
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
