"""Only people within reach of the day's claims are matched against: every answer is the same as against everybody."""

import random
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.matching import claims as matching
from pipelines.matching import planted
from pipelines.matching.reach import asked_of_claims, named_by, people_within_reach
from pipelines.programme import ROOT, load_programme
from tests.claim_tables import FOLDER, Case, apart, read_cases, relations

PROGRAMME = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")
CASES = [
    c for path in sorted(FOLDER.glob("*.txt")) if path.stem != "town" for c in read_cases(path)
]
# columns of earlier claims that the day's claims may ask for; as `steps.claims` asks the ledger
ASKED = ("account_key", "certificate_serial", "claim_id", "supplements_id")
# One path each: without it somebody who decides the claim would be out of reach.
PATHS = """
# by number alone
people
person | household | also | state
太郎   | 山田      | head | unclaimed
claims
claim | channel | kind | applicant | account | lines | also
P1    | inhouse | new  | 太郎      | A       |       | household= name=別人 kana=ベツジン born=19000101
# by household alone
people
person | household | also | state
太郎   | 山田      | head | unclaimed
claims
claim | channel | kind | applicant | account | lines         | also
P1    | postal  | new  | 太郎      | A       | 山田太郎/不明 | born=不明
# by an alias
people
person | household | also | state
ナ     | 李        | head | unclaimed
claims
claim | channel | kind | applicant | account | lines | also
M1    | online  | new  | ナ        | A       |       | name=李田奈々 kana=ベツ address=どこか
# by reading
people
person | household | also | state
太郎   | 山田      | head | unclaimed
claims
claim | channel | kind | applicant | account | lines | also
M1    | online  | new  | 太郎      | A       |       | name=山多太呂 address=どこか
# by name, and the household of whoever is found
people
person | household | also | state
太郎   | 山田      | head | unclaimed
花子   | 山田      |      | unclaimed
claims
claim | channel | kind | applicant | account | lines | also
M1    | online  | new  | 太郎      | A       | 太郎  | kana=ベツ
# a line of another household
people
person | household | also | state
太郎   | 山田      | head | unclaimed
実     | 鈴木      | head | unclaimed
claims
claim | channel | kind | applicant | account | lines   | also
P1    | postal  | new  | 太郎      | A       | 太郎 実 |
# whoever stands on the claim that is taken back
people
person | household | also      | state
太郎   | 山田      | protected | held by P0
実     | 鈴木      | protected | held by P0
earlier
claim | household | applicant | account | certificate | outcome
P0    | 山田      | 太郎      | Z       | -           | held
claims
claim | channel | kind             | applicant | account | lines | also
P1    | inhouse | withdrawal of P0 | 太郎      | -       |       |
# whoever made the claim that somebody else would take back
people
person | household | also      | state
太郎   | 山田      | head      | unclaimed
一郎   | 山田      | protected | unclaimed
花子   | 別の山田  |           | held by P0
earlier
claim | household | applicant | account | certificate | outcome
P0    | 別の山田  | 一郎      | Z       | -           | held
claims
claim | channel | kind             | applicant | account | lines | also
P1    | postal  | withdrawal of P0 | 花子      | -       |       | household=別の山田
"""


def _all_cases() -> dict[str, pa.Table]:
    """Every case in one world, where the cases' people and claims are strangers to each other."""
    parts = [apart(number, relations(case)) for number, case in enumerate(CASES)]
    return {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}


def _some_of(world: dict[str, pa.Table], seed: int, share: float) -> dict[str, pa.Table]:
    """The world on a day on which only some of its claims arrive."""
    claims = world["claim"]
    draw = random.Random(seed)
    chosen = claims.filter(pa.array([draw.random() < share for _ in range(claims.num_rows)]))
    ids = chosen["claim_id"].combine_chunks()
    members = world["member"].filter(pc.is_in(world["member"]["claim_id"], value_set=ids))
    return {**world, "claim": chosen, "member": members}


def _reduced(world: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """The world without whatever is out of the claims' reach, people as well as earlier claims."""
    claims, earlier, people = world["claim"], world["earlier_claim"], world["person"]
    asked = asked_of_claims(claims)
    near = earlier.filter(
        reduce(pc.or_, (pc.is_in(earlier[name], value_set=asked) for name in ASKED))
    )
    named = named_by(claims, near)
    on_them = pc.is_in(people["claim_id"], value_set=named["claim_id"].combine_chunks())
    known = [*people.filter(on_them)["person_id"].to_pylist(), *named["applicant_id"].to_pylist()]
    reached = people_within_reach(people, claims, world["member"], filter(None, known))
    return {**world, "person": reached, "earlier_claim": near}


def _answers(world: dict[str, pa.Table]) -> dict[str, list[str]]:
    matched = matching.match_claims(PROGRAMME, world)
    return {name: sorted(map(repr, table.to_pylist())) for name, table in matched.relations.items()}


@pytest.mark.parametrize(("seed", "share"), [(1, 1.0), (2, 0.3), (3, 0.02)])
def test_the_answers_are_the_same_with_and_without_whoever_is_out_of_reach(seed, share):
    world = _some_of(_all_cases(), seed, share)
    reduced = _reduced(world)
    assert reduced["person"].num_rows < world["person"].num_rows
    assert _answers(reduced) == _answers(world)


def _paths(tmp_path) -> list[Case]:
    (tmp_path / "paths.txt").write_text(PATHS, encoding="utf-8")
    return list(read_cases(tmp_path / "paths.txt"))


def test_every_path_to_somebody_is_followed(tmp_path):
    """The first of everybody is a stranger, who is brought in whatever the claims ask."""
    stranger = {"person": "学", "household": "髙橋", "also": "head", "state": "unclaimed"}
    parts = [relations(Case("", "", {"people": [stranger]}))]
    parts += [apart(n, relations(case)) for n, case in enumerate(_paths(tmp_path))]
    world = {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}
    answers = _answers(world)
    assert _answers(_reduced(world)) == answers
    held_or_free = {"decision": 3, "freed": 2, "omitted": 1, "line_finding": 1}
    assert {name: len(answers[name]) for name in held_or_free} == held_or_free


def test_the_planted_claims_too():
    world = planted.relations(PROGRAMME)
    assert _answers(_reduced(world)) == _answers(world)


def test_a_day_that_reaches_nobody_still_has_somebody_to_be_matched_against():
    world = relations(CASES[0])
    people, no_claims, no_members = (world[n] for n in ("person", "claim", "member"))
    no_claims, no_members = no_claims.slice(0, 0), no_members.slice(0, 0)
    first = people_within_reach(people, no_claims, no_members)
    assert first["household_id"].unique().to_pylist() == [people["household_id"][0].as_py()]
    assert people_within_reach(people.slice(0, 0), no_claims, no_members).num_rows == 0
