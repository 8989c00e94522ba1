"""Who on the register is meant by a list that carries no resident number.

Facility, placement, evacuee and other municipalities' lists name people by name, birth date and
sometimes an address. A wrong link gives a protected child's money and address to somebody else, so
a row is linked only where the strongest rule that applies finds exactly one person and nothing
speaks against it; what is likely but not certain goes to a steward. The comparison is SQL
(`sql/matching/linkage`); which agreement is enough is `RULES`, here and nowhere else.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching.engine import MatchingError, run_steps

KEYS = ("name_key", "alias_key", "kana_key", "loose_kana_key", "date_key", "address_key")
SQL_FOLDER = Path(__file__).resolve().parents[2] / "sql" / "matching" / "linkage"

# Beyond this many characters a difference of one is not looked for.
LONGEST_NAME = 80

# How an item of a pair can compare; 04_compared_pair.sql says what each means.
NAME_STATES = ("agreed", "unreadable", "near", "differed", "unknown")
KANA_STATES = ("agreed", "loose", "differed", "unknown")
BIRTH_STATES = ("agreed", "partial", "slip", "differed", "unknown")
ADDRESS_STATES = ("agreed", "differed", "unknown")


@dataclass(frozen=True)
class Rule:
    """One tier: the states that each item may have, what follows, and why that is right."""

    code: str
    outcome: Literal["linked", "review"]
    why: str
    name: tuple[str, ...] = NAME_STATES
    kana: tuple[str, ...] = KANA_STATES
    birth: tuple[str, ...] = field(default=BIRTH_STATES)
    address: tuple[str, ...] = ADDRESS_STATES

    def cases(self) -> Iterator[tuple[str, str, str, str]]:
        """Each combination of states that the rule covers."""
        return product(self.name, self.kana, self.birth, self.address)


_AGREED = ("agreed",)
_READS_ALIKE = ("agreed", "loose")
_NOT_AGREED = ("differed", "unknown")

# Strongest first. A pair takes the first rule that covers it; its strongest pair decides a row.
RULES = (
    Rule(
        "NAME_KANA_BIRTH_ADDRESS",
        "linked",
        "Everything agrees.",
        name=_AGREED,
        kana=_READS_ALIKE,
        birth=_AGREED,
        address=_AGREED,
    ),
    Rule(
        "NAME_BIRTH_ADDRESS",
        "linked",
        "Nobody shares name, birth date and address with another; in 2020 readings were kept for"
        " convenience and a different one is no contradiction (FORMATS.md 4.4).",
        name=_AGREED,
        birth=_AGREED,
        address=_AGREED,
    ),
    Rule(
        "KANA_BIRTH_ADDRESS",
        "linked",
        "Twins are not given the same reading, so it is one person whose kanji was miswritten. Only"
        " the strict reading will do: twins タイキ and ダイキ exist.",
        kana=_AGREED,
        birth=_AGREED,
        address=_AGREED,
    ),
    Rule(
        "UNREADABLE_BIRTH_ADDRESS",
        "linked",
        "Every character that could be read agrees; a twin whose name fits as well makes two people"
        " and so a review.",
        name=("unreadable",),
        kana=("unknown", "loose"),
        birth=_AGREED,
        address=_AGREED,
    ),
    Rule(
        "NAME_KANA_BIRTH",
        "linked",
        "Namesakes with the same reading and birth date are some 1 in 100,000; people move, so the"
        " address may differ (docs/rules.md).",
        name=_AGREED,
        kana=_READS_ALIKE,
        birth=_AGREED,
    ),
    Rule(
        "NAME_BIRTH",
        "linked",
        "Exactly one resident with this name and birth date: the address need not agree"
        " (docs/rules.md). The list gives no reading.",
        name=_AGREED,
        kana=("unknown",),
        birth=_AGREED,
    ),
    Rule(
        "NAME_BIRTH_OTHER_KANA",
        "linked",
        "As above, with another reading of the same kanji (裕子: ヒロコ, ユウコ) and no address to"
        " contradict as well.",
        name=_AGREED,
        kana=("differed",),
        birth=_AGREED,
        address=("unknown",),
    ),
    Rule(
        "KANA_BIRTH_NEAR_NAME",
        "linked",
        "Reading and birth date agree and the kanji differ in one character (斉藤, 斎藤) or where"
        " one could not be read.",
        name=("unreadable", "near"),
        kana=_AGREED,
        birth=_AGREED,
    ),
    Rule(
        "KANA_BIRTH",
        "linked",
        "A list with readings only: nothing contradicts.",
        name=("unknown",),
        kana=_AGREED,
        birth=_AGREED,
        address=("unknown",),
    ),
    Rule(
        "NAME_KANA_ADDRESS_PARTIAL_BIRTH",
        "linked",
        "Month or day of birth is unknown on one side; the year agrees, which tells father and son"
        " apart.",
        name=_AGREED,
        kana=_READS_ALIKE,
        birth=("partial",),
        address=_AGREED,
    ),
    Rule(
        "NAME_BIRTH_DISPUTED",
        "review",
        "Name and birth date agree, but reading and address both differ: perhaps a namesake.",
        name=_AGREED,
        kana=("differed",),
        birth=_AGREED,
        address=("differed",),
    ),
    Rule(
        "KANA_BIRTH_DISPUTED",
        "review",
        "Many people share a reading: with other kanji, or another address and no kanji, it may be"
        " somebody else.",
        name=("differed", "unknown"),
        kana=_AGREED,
        birth=_AGREED,
        address=_NOT_AGREED,
    ),
    Rule(
        "NEAR_NAME_BIRTH",
        "review",
        "One character off or unread: a slip, or a twin (一郎, 二郎).",
        name=("unreadable", "near"),
        birth=_AGREED,
    ),
    Rule(
        "LOOSE_KANA_BIRTH",
        "review",
        "The reading agrees but for voicing and long marks, the kanji do not.",
        kana=("loose",),
        birth=_AGREED,
    ),
    Rule(
        "NAME_ADDRESS_SLIP",
        "review",
        "Birth dates one slip apart at one address: a writing error, or father and child.",
        name=_AGREED,
        birth=("slip",),
        address=_AGREED,
    ),
    Rule(
        "KANA_ADDRESS_SLIP",
        "review",
        "As above, known by the reading.",
        kana=_AGREED,
        birth=("slip",),
        address=_AGREED,
    ),
    Rule(
        "NAME_KANA_SLIP",
        "review",
        "Name and reading agree, the birth date is one slip away: a writing error, or a namesake.",
        name=_AGREED,
        kana=_READS_ALIKE,
        birth=("slip",),
        address=_NOT_AGREED,
    ),
    Rule(
        "NAME_SLIP",
        "review",
        "As above without a reading (placements give name and birth date only).",
        name=_AGREED,
        kana=("unknown",),
        birth=("slip",),
        address=_NOT_AGREED,
    ),
    Rule(
        "NAME_ADDRESS",
        "review",
        "Name and address agree; the birth date is unknown or altogether another.",
        name=_AGREED,
        address=_AGREED,
    ),
    Rule(
        "KANA_ADDRESS",
        "review",
        "As above, known by the reading, where the birth date does not contradict.",
        kana=_READS_ALIKE,
        birth=("partial", "unknown"),
        address=_AGREED,
    ),
    Rule(
        "NAME_ONLY",
        "review",
        "A row without a full birth date still protects those it may mean.",
        name=_AGREED,
        birth=("partial", "unknown"),
    ),
    Rule(
        "BIRTH_ADDRESS",
        "review",
        "Same birth date at the same address under another name: renamed, miswritten, or a twin.",
        birth=_AGREED,
        address=_AGREED,
    ),
)


def link(rows: pa.Table, people: pa.Table) -> pa.Table:
    """Find the person that each row of one list means.

    Args:
        rows: one list; columns row_id (unique) and `KEYS`, each null where unknown.
        people: everybody who may be meant; columns person_id (unique) and `KEYS`.

    Returns:
        One row for each of `rows`, in their order: row_id; outcome (linked, review, absent);
        person_id (null unless linked; nobody is linked twice); rule (code of the deciding rule,
        null if absent); candidates (sorted person_ids: the person linked, or those
        whom a row under review may mean); explanation (how each item compares and what kept the row
        from being linked; never a value).

    Raises:
        MatchingError: a column is missing, or a row_id or person_id is null or repeated.
    """
    _check(rows, "list_row", "row_id")
    _check(people, "person", "person_id")
    found = run_steps(
        sorted(SQL_FOLDER.glob("*.sql")),
        {
            "list_row": _prepare(rows, "row_id"),
            "person": _prepare(people, "person_id"),
            "rule_case": _rule_cases(),
            "name_position": pa.table({"n": list(range(1, LONGEST_NAME + 1))}),
        },
        ["decision", "candidate"],
    )
    return _assemble(rows["row_id"], people.schema.field("person_id").type, found)


def _check(table: pa.Table, name: str, id_column: str) -> None:
    if missing := [column for column in (id_column, *KEYS) if column not in table.column_names]:
        raise MatchingError(f"relation {name}: lacks the columns {', '.join(missing)}")
    ids = table[id_column]
    if ids.null_count or pc.count_distinct(ids).as_py() != len(ids):
        raise MatchingError(f"relation {name}: a {id_column} is empty or there twice")


def _prepare(table: pa.Table, id_column: str) -> pa.Table:
    """The columns that linkage reads; an empty key is an unknown one."""
    texts = {key: table[key].cast(pa.string()) for key in KEYS}
    known = {key: pc.if_else(pc.equal(text, ""), None, text) for key, text in texts.items()}
    return pa.table({id_column: table[id_column], **known})


def _rule_cases() -> pa.Table:
    """Each combination of states with the strongest rule that covers it."""
    cases: dict[tuple[str, str, str, str], tuple[Rule, int]] = {}
    for strength, rule in enumerate(RULES):
        for case in rule.cases():
            cases.setdefault(case, (rule, strength))
    names = ("name_state", "kana_state", "birth_state", "address_state")
    return pa.Table.from_pylist(
        [
            {
                **dict(zip(names, case, strict=True)),
                "rule": rule.code,
                "strength": strength,
                "outcome": rule.outcome,
            }
            for case, (rule, strength) in cases.items()
        ]
    )


def _assemble(
    row_ids: pa.ChunkedArray, person_type: pa.DataType, found: dict[str, pa.Table]
) -> pa.Table:
    decisions = {decision["row_id"]: decision for decision in found["decision"].to_pylist()}
    candidates: dict[object, list[object]] = {}
    for pair in found["candidate"].sort_by("person_id").to_pylist():
        candidates.setdefault(pair["row_id"], []).append(pair["person_id"])
    ids = row_ids.to_pylist()
    decided = [decisions.get(row_id) for row_id in ids]
    return pa.table(
        {
            "row_id": row_ids,
            "outcome": pa.array([d["outcome"] if d else "absent" for d in decided], pa.string()),
            "person_id": pa.array([d["person_id"] if d else None for d in decided], person_type),
            "rule": pa.array([d["rule"] if d else None for d in decided], pa.string()),
            "candidates": pa.array([candidates.get(i, []) for i in ids], pa.list_(person_type)),
            "explanation": pa.array([_explain(d) for d in decided], pa.string()),
        }
    )


def _explain(decision: dict[str, str] | None) -> str:
    if decision is None:
        return "no_candidate"
    items = [f"{item}={decision[f'{item}_state']}" for item in ("name", "kana", "birth", "address")]
    return " ".join([*items, *filter(None, [decision["objection"]])])
