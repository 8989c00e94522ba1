"""The claim rules of docs/rules.md as cases: tests/sql/claims/*.txt, written as `tests/claim_tables.py` says.

All cases are matched in one run (each with names of its own) and each is judged by itself.
"""

import random
from collections import defaultdict
from functools import cache

import pyarrow as pa
import pytest

from pipelines.matching import claims as matching
from pipelines.matching.findings import FINDINGS, MADE_ELSEWHERE
from pipelines.matching.relations import tuples
from pipelines.programme import ROOT, load_programme
from tests.claim_tables import FOLDER, Case, apart, read_cases, relations

PROGRAMME = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")
CASES = [
    c for path in sorted(FOLDER.glob("*.txt")) if path.stem != "town" for c in read_cases(path)
]
# Codes that docs/rules.md lists and the claims SQL finds: each must stand in some case.
RULED = sorted(set(FINDINGS) - MADE_ELSEWHERE)


def _match(shuffled: int | None = None) -> matching.Matched:
    """Every case in one run; shuffled: the seed of another order of all rows."""
    parts = [apart(number, relations(case)) for number, case in enumerate(CASES)]
    tables = {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}
    if shuffled is not None:
        order = random.Random(shuffled)
        for name, table in tables.items():
            rows = list(range(table.num_rows))
            order.shuffle(rows)
            tables[name] = table.take(rows)
    return matching.match_claims(PROGRAMME, tables)


@cache
def _answers(shuffled: int | None = None) -> dict[int, tuple[dict, dict]]:
    """Case number -> (person -> (state, codes), claim -> (outcome, findings))."""
    matched = _match(shuffled)
    people: dict[int, dict] = defaultdict(dict)
    for row in matched.relations["decision"].to_pylist():
        number, person = _own(row["person_id"])
        people[number][person] = (
            row["state"],
            matched.codes.get(row["person_id"], "").replace(";", " "),
        )
    for row in matched.relations["freed"].to_pylist():
        number, person = _own(row["person_id"])
        assert person not in people[number]
        people[number][person] = ("unclaimed", "")
    codes = defaultdict(set)
    for row in matched.findings():
        codes[row["claim_id"]].add(row["code"])
    claims: dict[int, dict] = defaultdict(dict)
    for claim_id, outcome in tuples(matched.relations["outcome"], "claim_id", "outcome"):
        number, claim = _own(claim_id)
        claims[number][claim] = (outcome, " ".join(sorted(codes[claim_id])))
    return {number: (people[number], claims[number]) for number in range(len(CASES))}


def _own(name: str) -> tuple[int, str]:
    number, _, rest = name.partition(":")
    return int(number), rest


def _expected(case: Case) -> tuple[dict, dict]:
    def words(cell: str) -> str:
        return " ".join(sorted(cell.split()))

    people = {
        row["person"]: (row["state"], words(row["codes"])) for row in case.rows("then people")
    }
    claims = {
        row["claim"]: (row["outcome"], words(row["findings"])) for row in case.rows("then claims")
    }
    return people, claims


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{c.place} {c.title}" for c in CASES])
def test_case(number):
    assert _answers()[number] == _expected(CASES[number])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_order_of_the_rows_decides_nothing(seed):
    assert _answers(seed) == _answers()


def test_each_case_alone_is_decided_as_among_the_others():
    for number in random.Random(20200427).sample(range(len(CASES)), 3):
        alone = matching.match_claims(PROGRAMME, relations(CASES[number]))
        found = {row["person_id"]: row["state"] for row in alone.relations["decision"].to_pylist()}
        expected = {p: s for p, (s, _) in _expected(CASES[number])[0].items() if s != "unclaimed"}
        assert found == expected, CASES[number].place


def test_every_finding_has_a_case():
    shown = {
        code
        for case in CASES
        for row in case.rows("then claims")
        for code in row["findings"].split()
    }
    assert shown == set(RULED)
