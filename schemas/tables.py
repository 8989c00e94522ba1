"""What a dataset's table is: its columns, its key, its rules, and the pandera schemas that they make."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import pandas as pd
import pandera.pandas as pa

Check = tuple[str, Callable[[pd.Series], pd.Series]]
"""A rule code, and a test of one column: text to True where the value keeps the rule."""


@dataclass(frozen=True)
class Field:
    """One column.

    item: the item's name in the sources that the layouts map. meaning: what it says. checks: its own rules.
    standard: the name in the source's published standard, where that is another one. holds_12_digits: the declared
    form is itself a number of twelve digits, which could be taken for a My Number.
    """

    item: str
    meaning: str
    checks: tuple[Check, ...] = ()
    standard: str = ""
    holds_12_digits: bool = False


class References(Protocol):
    """What a rule may ask beside the rows: the programme's days and the dated reference tables."""

    @property
    def base_date(self) -> str:
        """The base date as YYYYMMDD."""

    @property
    def day(self) -> str:
        """The day of receipt as YYYYMMDD."""

    def read_dates(self, column: pd.Series) -> pd.Series:
        """Dates of any style as YYYYMMDD; 00 for an unknown month or day, empty where there is no date."""

    def knows_postal_code(self, code: str) -> bool:
        """Whether the postal table has the code."""

    def postal_code_fits(self, code: str, place: str) -> bool:
        """Whether a code's towns agree with an address up to its first number; True where the table cannot say."""

    def knows_bank(self, bank: str) -> bool:
        """Whether the Zengin list has the bank."""

    def knows_branch(self, bank: str, branch: str) -> bool:
        """Whether the Zengin list has the branch."""


class RowTest(Protocol):
    """Judges rows: True where a row keeps the rule, by the index of `rows`."""

    def __call__(self, rows: pd.DataFrame, references: References) -> pd.Series:
        """Judge each row."""


@dataclass(frozen=True)
class Rule:
    """A rule that one column cannot answer by its form alone: across columns, rows or reference tables.

    code: of `schemas.rules`. column: where a breach is told. columns: what `test` reads. test: gives True for each row
    that keeps the rule. scope: `table` where a row can only be judged with all others in sight.
    """

    code: str
    column: str
    columns: tuple[str, ...]
    test: RowTest
    scope: Literal["row", "table"] = "row"


@dataclass(frozen=True)
class Link:
    """A column whose values name rows of another table; an empty value names nothing.

    code: of `schemas.rules`. column: whose values name. table, to: the table and column that must have them: of an
    earlier table of the same delivery, or of the staged `dataset` that the delivery is judged against. where: only for
    these codes of a column.
    """

    code: str
    column: str
    table: str
    to: str
    dataset: str = ""
    where: tuple[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class Table:
    """One table of a dataset. key: columns that name a row; personal rows with an equal key must not differ."""

    name: str
    key: tuple[str, ...]
    fields: tuple[tuple[str, Field], ...]
    rules: tuple[Rule, ...] = ()
    links: tuple[Link, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Our column names, in the staged order."""
        return tuple(name for name, _ in self.fields)

    @property
    def codes(self) -> set[str]:
        """The rule codes that the schemas and the links can report."""
        of_columns = {code for _, field in self.fields for code, _ in field.checks}
        of_rules = {rule.code for rule in self.rules}
        return of_columns | of_rules | {link.code for link in self.links}

    def schema(self, references: References) -> pa.DataFrameSchema:
        """The strict pandera schema of any part of the text table: columns, and the rules within a row."""
        columns = {
            name: pa.Column(
                None,
                [_check(code, name, test) for code, test in definition.checks],
                description=f"{definition.item}: {definition.meaning}",
            )
            for name, definition in self.fields
        }
        return pa.DataFrameSchema(
            columns, checks=self._checks("row", references), name=self.name, strict=True
        )

    def schema_across_rows(
        self, references: References
    ) -> tuple[tuple[str, ...], pa.DataFrameSchema]:
        """The columns that the rules across rows read, and their pandera schema; it needs the whole table."""
        read = {column for rule in self.rules if rule.scope == "table" for column in rule.columns}
        columns = tuple(column for column in self.columns if column in read)
        return columns, pa.DataFrameSchema(
            dict.fromkeys(columns, pa.Column(None)),
            checks=self._checks("table", references), name=self.name, strict=True,
        )  # fmt: skip

    def _checks(self, scope: Literal["row", "table"], references: References) -> list[pa.Check]:
        return [
            _check(rule.code, rule.column, partial(rule.test, references=references))
            for rule in self.rules
            if rule.scope == scope
        ]


def _check(code: str, column: str, test: Callable[..., pd.Series]) -> pa.Check:
    """A pandera check that carries its rule code and column; it keeps one failing value, not all of them."""
    return pa.Check(test, name=code, title=column, n_failure_cases=1)


def table(
    name: str,
    key: tuple[str, ...],
    fields: Mapping[str, Field],
    *rules: Rule,
    links: tuple[Link, ...] = (),
) -> Table:
    """A table from its columns by name, in the staged order, its rules and its links.

    Raises:
        ValueError: a key, rule or link names a column that the table has not.
    """
    named = {*key, *(column for rule in rules for column in (rule.column, *rule.columns))}
    named |= {link.column for link in links} | {link.where[0] for link in links if link.where}
    if unknown := sorted(named - set(fields)):
        raise ValueError(f"{name}: no such column: {', '.join(unknown)}")
    return Table(name, key, tuple(fields.items()), rules, links)
