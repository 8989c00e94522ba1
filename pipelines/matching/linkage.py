"""Who on the register is meant by a list that carries no resident number.

Facility, placement, evacuee and other municipalities' lists name people by name, birth date and sometimes an
address. A wrong link gives a protected child's money and address to somebody else, so a row is linked only where an
exact tier finds exactly one person (`sql/matching/linkage`), or where one resident has nearly all of the row's
probability and a gate allows it (`linkage_score`); what is likely but not certain goes to a steward. Which
agreement is enough, and what each is worth, is in `linkage_model` and nowhere else.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching import linkage_model as model
from pipelines.matching.engine import run_steps
from pipelines.matching.linkage_records import (
    KEYS,
    Register,
    birth_slips,
    check,
    complete_rows,
    prepare,
    with_parts,
)

__all__ = ["KEYS", "Register", "link", "link_ahead", "prepare"]

_SQL = Path(__file__).resolve().parents[2] / "sql" / "matching"
TIERS = _SQL / "linkage"
PAIRS = _SQL / "linkage_pairs"

# Beyond this many characters a difference of one is not looked for.
LONGEST_NAME = 80

_STATE_TEXTS = {
    "agreed": "一致", "unreadable": "読めない字を除き一致", "near": "一字違い", "differed": "相違", "unknown": "不明",
    "loose": "濁点・長音を除き一致", "partial": "分かる部分は一致",
}  # fmt: skip
_TITLES = {"name": "氏名", "kana": "フリガナ", "birth": "生年月日", "address": "住所"}


@dataclass(frozen=True)
class _Decision:
    """What follows for one row. tier: it was an exact one, which a score never overrules."""

    outcome: str
    person_id: Any = None
    rule: str | None = None
    score: float | None = None
    candidates: Sequence[Any] = ()
    explanation: str = "台帳に該当する可能性のある人はいません。"
    tier: bool = False


def link(rows: pa.Table, people: pa.Table | Register, more: pa.Table | None = None) -> pa.Table:
    """Find the person that each row of one list means.

    Args:
        rows: one list; columns row_id (unique) and `KEYS`, each null where unknown; also, where there are such,
            name_kanji and name_kana as written, and room_key.
        people: everybody who may be meant: a table with person_id (unique) and the same columns, or a register that
            `prepare` made of one, which is worth it for several lists.
        more: people who have joined since the register was prepared; the same columns.

    Returns:
        One row for each of `rows`, in their order: row_id; outcome (linked, review, absent); person_id (null unless
        linked; nobody is linked twice); rule (code of the deciding tier or gate, null if absent); score (the likeliest
        person's probability, 0 to 1, null where a tier decided or nobody is likely); candidates (the person linked, or
        those whom a row under review may mean, the likeliest first); explanation (in Japanese, for a steward: how each
        item compares, how common the name is, why it is not linked; never a value).

    Raises:
        MatchingError: a column is missing, a row_id or person_id is null or repeated, or the engine failed.
    """
    check(rows, "list_row", "row_id")
    register = people if isinstance(people, Register) else prepare(people)
    prepared, everybody = with_parts(rows, "row_id"), register.people
    decisions = {
        row_id: register.ahead[row_id]
        for row_id in rows["row_id"].to_pylist()
        if row_id in register.ahead
    }
    if more is not None and more.num_rows:
        joined = with_parts(more, "person_id")
        everybody = pa.concat_tables([everybody, joined])
        check(everybody, "person", "person_id")
        for row_id in _in_touch(complete_rows(prepared, register), joined):
            decisions.pop(row_id, None)
    decisions |= _decisions(_without(prepared, decisions), everybody, register)
    return _assemble(rows["row_id"], everybody.schema.field("person_id").type, _once(decisions))


def link_ahead(lists: Sequence[pa.Table], register: Register) -> None:
    """Weigh the rows of several lists at once; `link` then only settles what one list's rows have to do with another.

    Splink's cost is nearly all in starting it. The answers are those of `link` without it.

    Args:
        lists: as `link` takes them; every row_id in one of them only.
        register: keeps what was found.

    Raises:
        MatchingError: as `link`.
    """
    for rows in lists:
        check(rows, "list_row", "row_id")
    if lists:
        together = pa.concat_tables([with_parts(rows, "row_id") for rows in lists])
        check(together, "list_row", "row_id")
        register.ahead |= dict.fromkeys(together["row_id"].to_pylist(), _Decision("absent"))
        register.ahead |= _decisions(together, register.people, register)


def _decisions(rows: pa.Table, people: pa.Table, register: Register) -> dict[Any, _Decision]:
    """What follows for each row by itself; a row about nobody is left out."""
    people = _within_reach(rows, people)
    decisions = _by_tiers(rows, people)
    open_rows = _without(rows, decisions)
    if open_rows.num_rows and people.num_rows:
        decisions |= _by_score(complete_rows(open_rows, register), people, register)
    return decisions


def _within_reach(rows: pa.Table, people: pa.Table) -> pa.Table:
    """The people who share a name, a reading, an address or a birth date, written right or not, with some row.

    No tier and no pair goes beyond them, and all bearers of a row's name are among them.
    """
    dates = _together(rows["date_key"], birth_slips(rows)["date_key"])
    names = _together(rows["name_key"], rows["alias_key"])
    shared = [
        ("date_key", dates),
        ("name_key", names),
        ("alias_key", names),
        ("loose_kana_key", rows["loose_kana_key"]),
        ("address_key", rows["address_key"]),
    ]
    reached = pa.array([False] * people.num_rows, pa.bool_())
    for column, values in shared:
        known = pc.drop_null(pc.unique(values))
        reached = pc.or_(reached, pc.is_in(people[column], value_set=known, skip_nulls=True))
    return people.filter(reached)


def _together(*columns: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string())


def _in_touch(rows: pa.Table, joined: pa.Table) -> list[Any]:
    """The rows that share something with the people who have joined."""
    steps, relations = sorted(PAIRS.glob("*.sql"))[:1], _pair_relations(rows, joined)
    pairs = run_steps(steps, relations, ["scored_pair"])["scored_pair"]
    return list(pairs["row_id"].to_pylist())


def _pair_relations(rows: pa.Table, people: pa.Table) -> dict[str, pa.Table | Path]:
    wanted = [*KEYS, "family_key", "given_key"]
    return {
        "open_row": rows.select(["row_id", *wanted]),
        "person": people.select(["person_id", *wanted]),
        "birth_slip": birth_slips(rows),
    }


def _without(rows: pa.Table, decisions: dict[Any, _Decision]) -> pa.Table:
    decided = pa.array(list(decisions), rows.schema.field("row_id").type)
    return rows.filter(pc.invert(pc.is_in(rows["row_id"], value_set=decided)))


def _by_tiers(rows: pa.Table, people: pa.Table) -> dict[Any, _Decision]:
    """The rows that an exact tier links."""
    if not rows.num_rows or not people.num_rows:
        return {}
    found = run_steps(
        sorted(TIERS.glob("*.sql")),
        {
            "list_row": rows.select(["row_id", *KEYS]),
            "person": people.select(["person_id", *KEYS]),
            "rule_case": _rule_cases(),
            "name_position": pa.table({"n": list(range(1, LONGEST_NAME + 1))}),
            "common_name": pa.table({"people": [model.COMMON_NAME]}),
        },
        ["decision"],
    )["decision"].to_pylist()
    return {
        d["row_id"]: _Decision(
            "linked", d["person_id"], d["rule"], None, [d["person_id"]], _explain_tier(d), tier=True
        )
        for d in found
    }


def _rule_cases() -> pa.Table:
    """Each combination of states with the strongest rule that covers it."""
    cases: dict[tuple[str, str, str, str], tuple[model.Rule, int]] = {}
    for strength, rule in enumerate(model.RULES):
        for case in rule.cases():
            cases.setdefault(case, (rule, strength))
    names = ("name_state", "kana_state", "birth_state", "address_state")
    return pa.Table.from_pylist(
        [
            {
                **dict(zip(names, case, strict=True)),
                "rule": rule.code,
                "strength": strength,
                "is_for_rare_names": int(rule.rare),
            }
            for case, (rule, strength) in cases.items()
        ]
    )


def _by_score(rows: pa.Table, people: pa.Table, register: Register) -> dict[Any, _Decision]:
    """What the score says of rows that no tier linked."""
    pairs_step, namesakes_step = sorted(PAIRS.glob("*.sql"))
    pairs = run_steps([pairs_step], _pair_relations(rows, people), ["scored_pair"])["scored_pair"]
    pairs = pairs.sort_by([("row_id", "ascending"), ("person_id", "ascending")])
    if not pairs.num_rows:
        return {}
    from pipelines.matching.linkage_score import score

    if "namesakes" not in register.models:
        relations: dict[str, pa.Table | Path] = {
            "person": register.people.select(["person_id", "name_key", "date_key"])
        }
        found = run_steps([namesakes_step], relations, ["namesake_birth"])["namesake_birth"]
        register.models["namesakes"] = found.to_pylist()[0]
    meant = people.filter(pc.is_in(people["person_id"], value_set=pc.unique(pairs["person_id"])))
    names = dict(zip(meant["person_id"].to_pylist(), meant["name_key"].to_pylist(), strict=True))
    scored = score(rows, meant, pairs, register)
    return {row_id: _decide(scores, names, register) for row_id, scores in scored.items()}


def _decide(scores: Sequence[Any], names: dict[Any, str | None], register: Register) -> _Decision:
    """Linked, review or absent, by the shares of probability of one row's residents."""
    scores = [s for s in scores if _may_be_meant(s)]
    if not scores:
        return _Decision("absent")
    best = scores[0]
    least = best.probability * model.CANDIDATE_SHARE
    likely = [s.person_id for s in scores if s.probability >= least or _is_rival(s)]
    present = sum(s.probability for s in scores)
    if present < model.REVIEW_AT:
        return _Decision("absent")
    bearers = register.counts["name"].get(names[best.person_id] or "", 0)
    told = _explain_score(best, bearers)
    gate = _gate(best.levels)
    rounded = round(best.probability, 6)
    rival = _has_rival(scores)
    if gate and best.probability >= gate.at and not rival:
        return _Decision("linked", best.person_id, gate.code, rounded, [best.person_id], told)
    reason = (
        "同じ氏名で、名簿の生年月日どおりの別の人がいます" if rival
        else f"可能性のある人が{len(likely)}人います" if len(likely) > 1
        else "自動で結び付けるには確からしさが足りません" if gate
        else "自動で結び付けてよい一致の組み合わせではありません"
    )  # fmt: skip
    return _Decision("review", None, "SCORE_REVIEW", rounded, likely, f"{told}。要確認: {reason}。")


def _may_be_meant(score: Any) -> bool:
    levels = score.levels
    if levels["name"] not in model.PARTIAL_NAMES:
        return True
    return levels["address"] in model.PARTIAL_NAME_PLACES


def _has_rival(scores: Sequence[Any]) -> bool:
    """Whether the birth date that the best lacks is that of another resident of the same name."""
    return not _is_rival(scores[0]) and any(_is_rival(other) for other in scores[1:])


def _is_rival(score: Any) -> bool:
    return score.levels["birth"] == model.RIVAL_BIRTH and score.levels["name"] in model.RIVAL_NAMES


def _gate(levels: dict[str, str]) -> model.Gate | None:
    """The first gate that lets these levels link by score."""
    for gate in model.GATES:
        if (
            levels["name"] in gate.name
            and levels["birth"] in gate.birth
            and levels["address"] in gate.address
        ):
            return gate
    return None


def _once(decisions: dict[Any, _Decision]) -> dict[Any, _Decision]:
    """Nobody is linked twice: where a tier and a score claim one person the score yields, otherwise both wait."""
    linked = [d for d in decisions.values() if d.outcome == "linked"]
    times = Counter(d.person_id for d in linked)
    by_tier = Counter(d.person_id for d in linked if d.tier)
    return {
        row_id: replace(
            d,
            outcome="review",
            person_id=None,
            explanation=f"{d.explanation.removesuffix('。')}。要確認: 名簿の別の行も同じ人を指しています。",
        )
        if d.outcome == "linked"
        and times[d.person_id] > 1
        and not (d.tier and by_tier[d.person_id] == 1)
        else d
        for row_id, d in decisions.items()
    }


def _explain_tier(decision: dict[str, Any]) -> str:
    items = [
        f"{title}: {_STATE_TEXTS[decision[f'{item}_state']]}" for item, title in _TITLES.items()
    ]
    return "、".join(items) + f"。同じ氏名の人は台帳に{decision['namesakes']:,}人"


def _explain_score(best: Any, bearers: int) -> str:
    items = [
        f"{comparison.title}: {next(x.text for x in comparison.levels if x.code == best.levels[comparison.name])}"
        for comparison in model.COMPARISONS
    ]
    return (
        "、".join(items)
        + f"。台帳のこの人と同じ氏名の人は{bearers:,}人。確からしさ {best.probability:.4f}"
    )


def _assemble(
    row_ids: pa.ChunkedArray, person_type: pa.DataType, decisions: dict[Any, _Decision]
) -> pa.Table:
    decided = [decisions.get(row_id, _Decision("absent")) for row_id in row_ids.to_pylist()]
    return pa.table(
        {
            "row_id": row_ids,
            "outcome": pa.array([d.outcome for d in decided], pa.string()),
            "person_id": pa.array([d.person_id for d in decided], person_type),
            "rule": pa.array([d.rule for d in decided], pa.string()),
            "score": pa.array([d.score for d in decided], pa.float64()),
            "candidates": pa.array([list(d.candidates) for d in decided], pa.list_(person_type)),
            "explanation": pa.array([d.explanation for d in decided], pa.string()),
        }
    )
