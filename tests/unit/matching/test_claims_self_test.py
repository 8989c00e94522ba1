"""A match that cannot match fails loudly: planted claims, an empty relation, an implausible day."""

import re
import shutil
from datetime import date

import pyarrow as pa
import pytest

from pipelines.matching import claims as matching
from pipelines.matching import planted
from pipelines.matching.engine import MatchingError
from pipelines.matching.findings import FINDINGS, MADE_ELSEWHERE, rules
from pipelines.programme import ROOT, ProgrammeError, load_programme
from pipelines.steps import register, waiting_changes
from tests.claim_tables import FOLDER, Case, read_cases, relations

PROGRAMME = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")
DAY = date(2020, 6, 3)
CLEAN = read_cases(FOLDER / "applicant.txt")[0]

# step -> what is put in its place: a rule that runs and finds nothing, or everything alike
BROKEN = {
    "01_claimant_candidate.sql": (
        "in_household where tier is not null",
        "in_household where tier > 9",
    ),
    "03_naming.sql": ("then false", "then true"),
    "04_forgotten.sql": ("where naming.is_own", "where false"),
    "06_current_claim.sql": ("where is_own", "where false"),
    "08_line_candidate.sql": ("where tier is not null", "where tier > 9"),
    "10_line_finding.sql": (
        "where\n    line.person_id is null\n",
        "where\n    false and line.person_id is null\n",
    ),
    "11_touch.sql": ("rivals.accounts > 1", "rivals.accounts > 9"),
    "12_shared_account.sql": ("having count(distinct household) > 1", "having false"),
    "13_shared_certificate.sql": ("having count(distinct applicant_id) > 1", "having false"),
    "14_claim_finding.sql": ("fact.effective_on > setting.deadline", "false"),
    "15_person_finding.sql": ("where is_disputed or place > 1", "where false"),
    "16_decision.sql": ("when holds = 1 then 'held'", "when false then 'held'"),
    "17_freed.sql": ("where candidate.ledger_state", "where false and candidate.ledger_state"),
    "18_omitted.sql": ("where candidate.state", "where false and candidate.state"),
    "20_outcome.sql": ("fate.weight = 5 or", ""),
}


@pytest.fixture
def steps(tmp_path, monkeypatch):
    """A copy of the SQL that a test may break."""
    folder = shutil.copytree(ROOT / "sql" / "matching" / "claims", tmp_path / "claims")
    monkeypatch.setattr(matching, "STEPS", sorted(folder.glob("*.sql")))
    return folder


def test_the_planted_claims_are_found_by_the_real_sql():
    assert matching.match_claims(PROGRAMME, relations(CLEAN)).claims == 1


@pytest.mark.parametrize("name", BROKEN)
def test_a_rule_that_finds_nothing_any_more_stops_the_match(steps, name):
    intact, broken = BROKEN[name]
    text = (steps / name).read_text(encoding="utf-8")
    assert text.count(intact) >= 1
    (steps / name).write_text(text.replace(intact, broken), encoding="utf-8")
    with pytest.raises(MatchingError, match=r"自己点検に失敗しました.*突合を止めました"):
        matching.match_claims(PROGRAMME, relations(CLEAN))


def test_every_finding_that_matching_makes_is_planted():
    planted_codes = set().union(*(codes for _, codes in planted.claims().values()))
    assert {waiting_changes.CODE, register.PAID_NOT_ELIGIBLE} <= MADE_ELSEWHERE
    assert planted_codes == set(FINDINGS) - MADE_ELSEWHERE


def test_every_code_that_the_sql_knows_is_a_finding():
    text = "".join(path.read_text(encoding="utf-8") for path in matching.STEPS)
    known = set(re.findall(r"'([A-Z][A-Z_]+)'", text)) | {"MEMBER_OMITTED"}
    assert known == set(FINDINGS) - MADE_ELSEWHERE


@pytest.mark.parametrize("name", ["claim", "member", "person", "newcomer", "earlier_claim"])
def test_a_missing_input_is_an_error_not_an_empty_result(name):
    found = relations(CLEAN)
    del found[name]
    with pytest.raises(MatchingError, match=f"{name}: 突合の入力がないか、列が違います"):
        matching.match_claims(PROGRAMME, found)


def test_an_input_without_a_column_that_a_rule_reads_is_an_error():
    found = relations(CLEAN)
    found["earlier_claim"] = found["earlier_claim"].drop_columns(["certificate_serial"])
    with pytest.raises(MatchingError, match="earlier_claim: 突合の入力がないか、列が違います"):
        matching.match_claims(PROGRAMME, found)


@pytest.mark.parametrize(
    ("name", "column"), [("person", "state"), ("claim", "effective_on"), ("person", "protected")]
)
def test_a_value_that_a_rule_cannot_do_without_stops_the_match(name, column):
    found = relations(CLEAN)
    table = found[name]
    nothing = pa.nulls(table.num_rows, table.schema.field(column).type)
    found[name] = table.set_column(table.column_names.index(column), column, nothing)
    with pytest.raises(
        MatchingError, match=rf"{name}\.{column}: {table.num_rows}行に値がありません"
    ):
        matching.match_claims(PROGRAMME, found)


def test_no_earlier_claims_though_there_are_some_is_an_error():
    found = relations(CLEAN)
    assert found["earlier_claim"].num_rows == 0
    with pytest.raises(MatchingError, match=r"earlier_claim: .*これまでの申請が一件も読めません"):
        matching.match_claims(PROGRAMME, found, never_empty={"earlier_claim"})


def test_an_emptied_rule_names_its_step(steps):
    (steps / "12_shared_account.sql").write_text("", encoding="utf-8")
    with pytest.raises(
        MatchingError, match=r"step 12_shared_account\.sql: must be exactly one select"
    ):
        matching.match_claims(PROGRAMME, relations(CLEAN))


def test_a_missing_rule_names_the_relation(steps, monkeypatch):
    left = [path for path in matching.STEPS if path.name != "12_shared_account.sql"]
    monkeypatch.setattr(matching, "STEPS", left)
    with pytest.raises(MatchingError, match="relation shared_account is missing"):
        matching.match_claims(PROGRAMME, relations(CLEAN))


def test_nobody_to_match_against_is_an_error_not_an_empty_result():
    empty = Case("", "", {"claims": CLEAN.rows("claims")})
    with pytest.raises(MatchingError, match=r"person: .*一人もいません"):
        matching.match_claims(PROGRAMME, relations(empty))


def test_the_message_of_a_failed_self_test_names_planted_people_only(steps):
    text = (steps / "16_decision.sql").read_text(encoding="utf-8")
    (steps / "16_decision.sql").write_text(
        text.replace("then 'held'", "then 'approved'"), encoding="utf-8"
    )
    with pytest.raises(MatchingError) as caught:
        matching.match_claims(PROGRAMME, relations(CLEAN))
    assert "PLANT" in str(caught.value)
    assert not any(name in str(caught.value) for name in ("太郎", "山田", "花子"))


def test_planted_ids_are_marked_in_every_relation():
    for name in ("person", "claim", "member"):
        column = "person_id" if name == "person" else "claim_id"
        assert all(
            v.startswith("PLANT")
            for v in planted.relations(PROGRAMME)[name].column(column).to_pylist()
        )


def _day(*wrong: str) -> matching.Matched:
    """Three households' claims; `wrong` are further cells for the `also` of each."""
    also = [*wrong, "", "", ""][:3]
    who = (("太郎", "山田"), ("実", "鈴木"), ("学", "髙橋"))
    rows = [
        {
            "claim": f"P{n}",
            "channel": "postal",
            "kind": "new",
            "applicant": p,
            "account": a,
            "lines": p,
            "also": x,
        }
        for n, ((p, _), a, x) in enumerate(zip(who, "ABC", also, strict=True))
    ]
    people = [{"person": p, "household": h, "also": "head", "state": "unclaimed"} for p, h in who]
    return matching.match_claims(
        PROGRAMME, relations(Case("", "", {"people": people, "claims": rows}))
    )


def _limits(**changes: float):
    limits = PROGRAMME.limits.model_copy(update={"min_claims": 3, **changes})
    return PROGRAMME.model_copy(update={"limits": limits})


def test_the_breaker_trips_when_too_many_people_are_held():
    day = _day("postmark=20200901", "postmark=20200901")
    matching.assert_plausible(_limits(held_share=0.7), day, DAY)
    with pytest.raises(MatchingError, match=r"2020-06-03: 保留の割合 67% が上限 60% を超えました"):
        matching.assert_plausible(_limits(held_share=0.6), day, DAY)


def test_the_breaker_trips_when_too_many_applicants_are_unknown():
    day = _day("household=どこか")
    matching.assert_plausible(_limits(unresolved_share=0.4), day, DAY)
    with pytest.raises(
        MatchingError, match=r"2020-06-03: 申請者不明の割合 33% が上限 30% を超えました"
    ):
        matching.assert_plausible(_limits(unresolved_share=0.3), day, DAY)


def test_the_breaker_keeps_quiet_on_a_handful_of_claims():
    day = _day("postmark=20200901", "postmark=20200901", "postmark=20200901")
    matching.assert_plausible(_limits(min_claims=4), day, DAY)


def test_a_code_and_its_severity_come_in_pairs():
    assert rules(PROGRAMME).num_rows == len(FINDINGS)
    for findings in (
        {k: v for k, v in PROGRAMME.findings.items() if k != "LATE"},
        {**PROGRAMME.findings, "TOO_EARLY": "note"},
    ):
        with pytest.raises(ProgrammeError, match=r"lacks|unknown"):
            rules(PROGRAMME.model_copy(update={"findings": findings}))


def test_a_severity_of_note_takes_a_finding_its_effect():
    programme = PROGRAMME.model_copy(update={"findings": {**PROGRAMME.findings, "LATE": "note"}})
    late = read_cases(FOLDER / "paperwork.txt")[0]
    states = matching.match_claims(programme, relations(late)).relations["decision"].column("state")
    assert set(states.to_pylist()) == {"approved"}
