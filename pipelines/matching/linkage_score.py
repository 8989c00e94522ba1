"""How likely a row of a list means a resident: Splink weighs pairs; a row's residents share its probability.

Splink (Fellegi-Sunter, https://moj-analytical-services.github.io/splink) is given the levels of `linkage_model`, the
frequencies of names in the whole register, and u as its random sampling finds it among residents. It compares only
the pairs that `sql/matching/linkage_pairs` finds, so it never reads the whole register. Imported when a row needs a
score and not before: the import takes longer than most lists.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.matching import linkage_model as model
from pipelines.matching.engine import MatchingError, connect, engine_errors
from pipelines.matching.linkage_records import Register, frequencies, records

_FREQUENCY_COLUMNS = ("name", "listed", "loose", "family", "given")
_ROWS, _PEOPLE = (
    "list_row",
    "person",
)  # Splink orders its two inputs by name: the row is always on the left


@dataclass(frozen=True)
class Score:
    """One resident whom a row may mean: levels reached, weight in bits, share of the row's probability."""

    person_id: Any
    levels: dict[str, str]
    weight: float
    probability: float


def score(
    rows: pa.Table, people: pa.Table, pairs: pa.Table, register: Register
) -> dict[Any, list[Score]]:
    """Weigh pairs of rows and residents.

    Args:
        rows: rows of one list (row_id, keys and parts).
        people: the residents of `pairs` (person_id, keys and parts).
        pairs: row_id, person_id; each pair once.
        register: everybody, for frequencies and u.

    Returns:
        For each row_id with pairs, its residents, the likeliest first.

    Raises:
        MatchingError: Splink or the engine failed; never with a value of a row.
    """
    if not pairs.num_rows:
        return {}
    found: dict[Any, list[Score]] = {}
    has_kana = pc.is_valid(rows["loose_kana_key"])
    for of_kana, kept in ((True, rows.filter(has_kana)), (False, rows.filter(pc.invert(has_kana)))):
        own = pairs.filter(pc.is_in(pairs["row_id"], value_set=kept["row_id"].combine_chunks()))
        if own.num_rows:
            meant = people.filter(
                pc.is_in(people["person_id"], value_set=pc.unique(own["person_id"]))
            )
            weights = _weigh(kept, meant, own, register, _u_values(register, of_kana))
            found |= {row_id: _share(shares) for row_id, shares in weights.items()}
    return found


def _share(found: dict[Any, tuple[float, dict[str, str]]]) -> list[Score]:
    """Probabilities of one row's residents: exactly one of them, or nobody, is meant."""
    odds = {person: 2.0**weight for person, (weight, _) in found.items()}
    whole = math.fsum([*odds.values(), 1 - model.PRIOR_PRESENT])  # exact, so in any order the same
    scores = [
        Score(person, levels, weight, odds[person] / whole)
        for person, (weight, levels) in found.items()
    ]
    return sorted(scores, key=lambda s: (-s.weight, str(s.person_id)))


def _weigh(
    rows: pa.Table,
    people: pa.Table,
    pairs: pa.Table,
    register: Register,
    us: dict[str, list[float]],
) -> dict[Any, dict[Any, tuple[float, dict[str, str]]]]:
    """The best weight of each pair over names and aliases, with the levels that give it."""
    row_ids, person_ids = rows["row_id"].to_pylist(), people["person_id"].to_pylist()
    row_at = {row_id: str(at) for at, row_id in enumerate(row_ids)}
    person_at = {person_id: str(at) for at, person_id in enumerate(person_ids)}
    left = records(rows, register, list(row_at.values()), listed=True)
    right = records(people, register, list(person_at.values()))
    wanted = _record_pairs(pairs, row_at, person_at, left, right)
    found: dict[Any, dict[Any, tuple[float, dict[str, str]]]] = {}
    for pair in _predict(left, right, wanted, register, us).to_pylist():
        row_id = row_ids[int(pair["unique_id_l"].rstrip("+"))]
        person_id = person_ids[int(pair["unique_id_r"].rstrip("+"))]
        weight = pair["match_weight"]
        known = found.setdefault(row_id, {})
        if person_id not in known or known[person_id][0] < weight:
            known[person_id] = (weight, _levels(pair))
    return found


def _levels(pair: dict[str, Any]) -> dict[str, str]:
    """The level that a pair reached in each comparison; Splink numbers them from the weakest, -1 is unknown."""
    reached = {}
    for comparison in model.COMPARISONS:
        number = pair[f"gamma_{comparison.name}"]
        reached[comparison.name] = comparison.levels[
            0 if number < 0 else len(comparison.levels) - 1 - number
        ].code
    return reached


def _record_pairs(
    pairs: pa.Table,
    row_at: dict[Any, str],
    person_at: dict[Any, str],
    left: pa.Table,
    right: pa.Table,
) -> pa.Table:
    """Splink's table of pairs to compare, with every name and alias of the two."""
    known = [set(table["unique_id"].to_pylist()) for table in (left, right)]
    found: dict[str, list[str]] = {"join_key_l": [], "join_key_r": []}
    for row_id, person_id in zip(
        pairs["row_id"].to_pylist(), pairs["person_id"].to_pylist(), strict=True
    ):
        rows, people = (
            [at + alias for alias in ("", "+") if at + alias in ids]
            for at, ids in zip((row_at[row_id], person_at[person_id]), known, strict=True)
        )
        for one in rows:
            for other in people:
                found["join_key_l"].append(f"{_ROWS}-__-{one}")
                found["join_key_r"].append(f"{_PEOPLE}-__-{other}")
    return pa.table({**found, "match_key": ["0"] * len(found["join_key_l"])})


def _predict(
    left: pa.Table, right: pa.Table, pairs: pa.Table, register: Register, us: dict[str, list[float]]
) -> pa.Table:
    # Half the list is taken to be on the register, each resident as likely as another.
    prior = model.PRIOR_PRESENT / max(2, register.people.num_rows)
    with _Splink() as splink:
        linker = splink.linker(left, right, _settings(us, prior))
        for column in _FREQUENCY_COLUMNS:
            table = splink.api.register(frequencies(register, column, left, right))
            linker.table_management.register_term_frequency_lookup(table, column)
        linker.table_management.register_blocked_pairs_for_predict(splink.api.register(pairs))
        predicted = linker.inference.predict(warning_mode="never").as_pyarrow_table()
    gammas = [f"gamma_{comparison.name}" for comparison in model.COMPARISONS]
    return predicted.select(["unique_id_l", "unique_id_r", "match_weight", *gammas])


def _u_values(register: Register, has_kana: bool) -> dict[str, list[float]]:
    """U of each level for rows with or without a reading, worked out once for a register."""
    if has_kana not in register.models:
        one, other = _samples(register)
        if not has_kana:  # one side as such a row would give it
            for column in ("kana_key", "loose_kana_key", "family_sound", "given_sound"):
                at = one.schema.get_field_index(column)
                one = one.set_column(at, column, pa.nulls(one.num_rows, pa.string()))
        known = register.models.get(
            not has_kana
        )  # only names compare otherwise with or without a reading
        us = _estimate_u(one, other, register, (model.NAME,) if known else model.COMPARISONS)
        if not known:
            us["birth"] = _of_one_generation(us["birth"], register)
        register.models[has_kana] = {**(known or {}), **us}
    found: dict[str, list[float]] = register.models[has_kana]
    return found


def _estimate_u(
    one: pa.Table, other: pa.Table, register: Register, comparisons: Sequence[model.Comparison]
) -> dict[str, list[float]]:
    """Splink's u among two disjoint samples of residents, drawn towards the stated one if they are small."""
    estimated = _sampled_once(one, other, register, comparisons)
    pairs = one.num_rows * other.num_rows
    us = {}
    for comparison in comparisons:
        sampled = estimated.get(comparison.name, [0.0] * len(comparison.levels))
        us[comparison.name] = [
            min(1.0, (seen * pairs + level.u * model.PRIOR_PAIRS) / (pairs + model.PRIOR_PAIRS))
            for level, seen in zip(comparison.levels, sampled, strict=True)
        ]
    return us


def _samples(register: Register) -> tuple[pa.Table, pa.Table]:
    """Two disjoint samples of residents, the same whatever their order."""
    if "samples" in register.models:
        found: tuple[pa.Table, pa.Table] = register.models["samples"]
        return found
    ids = register.people["person_id"].to_pylist()
    order = sorted(range(len(ids)), key=lambda at: hashlib.sha256(str(ids[at]).encode()).digest())
    at = pa.array(order, pa.int64())
    size = min(model.SAMPLE, len(order) // 2)
    samples = register.people.take(at[:size]), register.people.take(at[size : 2 * size])
    register.models["samples"] = samples
    return samples


_SAMPLED: dict[str, dict[str, list[float]]] = {}  # what two samples gave, by their contents


def _sampled_once(
    one: pa.Table, other: pa.Table, register: Register, comparisons: Sequence[model.Comparison]
) -> dict[str, list[float]]:
    """As `_sampled_u`, and nothing twice: additions to a register mostly leave its samples as they are."""
    if not one.num_rows or not other.num_rows:
        return {}
    names = [comparison.name for comparison in comparisons]
    known = register.family_sounds, register.given_sounds, register.counts["family"]
    sizes = [len(words) for words in known]  # what splits and sounds the samples' names
    contents = repr((one.to_pylist(), other.to_pylist(), names, sizes))
    digest = hashlib.sha256(contents.encode()).hexdigest()
    if digest not in _SAMPLED:
        _SAMPLED[digest] = _sampled_u(one, other, register, comparisons)
    return _SAMPLED[digest]


def _sampled_u(
    one: pa.Table, other: pa.Table, register: Register, comparisons: Sequence[model.Comparison]
) -> dict[str, list[float]]:
    left = records(one, register, [str(at) for at in range(one.num_rows)])
    right = records(other, register, [str(at) for at in range(other.num_rows)])
    stated = {c.name: [level.u for level in c.levels] for c in comparisons}
    with _Splink() as splink:
        linker = splink.linker(left, right, _settings(stated, 0.001))
        linker.training.estimate_u_using_random_sampling(
            max_pairs=float((left.num_rows + right.num_rows) ** 2),
            min_count_per_level=None,
            num_chunks=1,
        )
        settings = linker.misc.save_model_to_json()
    return {
        comparison["output_column_name"]: [
            level.get("u_probability", 0.0) for level in comparison["comparison_levels"]
        ]
        for comparison in settings["comparisons"]
    }


def _of_one_generation(us: list[float], register: Register) -> list[float]:
    """U of birth dates among people whose names agree already: given names go with a generation.

    Most pairs worth a score share a name, so that their birth dates agree by chance more often than those of any two.
    """
    years = pc.value_counts(
        pc.utf8_slice_codeunits(pc.drop_null(register.people["date_key"]), 0, 4)
    )
    counts = years.field("counts").to_pylist()
    any_two = sum(count * count for count in counts) / max(1, sum(counts)) ** 2
    seen = register.models.get("namesakes", {"pairs": 0, "same_year": 0, "same_date": 0})
    of_one_name = (seen["same_year"] + any_two * 1000) / (seen["pairs"] + 1000)
    factor = min(10.0, max(1.0, of_one_name / any_two)) if any_two else 1.0
    levels = [level.code for level in model.BIRTH.levels]
    raised = [
        min(1.0, u if code in ("UNKNOWN", "OTHER", "ERA") else u * factor)
        for code, u in zip(levels, us, strict=True)
    ]
    same_date = (seen["same_date"] + raised[levels.index("AGREED")] * 100_000) / (
        seen["pairs"] + 100_000
    )
    raised[levels.index("AGREED")] = max(raised[levels.index("AGREED")], same_date)
    return raised


def _settings(us: dict[str, list[float]], prior: float) -> dict[str, Any]:
    return {
        "link_type": "link_only",
        "unique_id_column_name": "unique_id",
        "probability_two_random_records_match": prior,
        "comparisons": [
            {
                "output_column_name": comparison.name,
                "comparison_levels": [
                    _level(level, u)
                    for level, u in zip(comparison.levels, us[comparison.name], strict=True)
                ],
            }
            for comparison in model.COMPARISONS
            if comparison.name in us
        ],
        "blocking_rules_to_generate_predictions": [],
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": True,
    }


def _level(level: model.Level, u: float) -> dict[str, Any]:
    found: dict[str, Any] = {
        "sql_condition": level.condition or "ELSE", "label_for_charts": level.code
    }  # fmt: skip
    if level.m is None:
        return {**found, "is_null_level": True}
    found |= {"m_probability": level.m, "u_probability": max(u, 1e-9)}
    if level.frequency:
        # Without the second, the value's frequency would scale u instead of being it.
        found["tf_adjustment_column"] = level.frequency
        found["disable_tf_exact_match_detection"] = True
    return found


class _Splink:
    """A connection with Splink on it; whatever goes wrong inside is a MatchingError without a value of a row."""

    def __enter__(self) -> "_Splink":
        from splink import DuckDBAPI

        self._connection = connect(memory_limit="1GB", threads=2)
        self.api = DuckDBAPI(connection=self._connection)
        return self

    def linker(self, left: pa.Table, right: pa.Table, settings: dict[str, Any]) -> Any:
        from splink import Linker

        tables = [
            self.api.register(table, dataset_display_name=name)
            for table, name in ((left, _ROWS), (right, _PEOPLE))
        ]
        return Linker(tables, settings, log_level=None, validate_settings=False)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._connection.close()
        if isinstance(error, engine_errors()):
            raise MatchingError(f"linkage: scoring failed with {type(error).__name__}") from None
