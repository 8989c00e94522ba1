"""Claims matching: a day's claims against the eligible people, the protections and the ledger, as SQL.

`sql/matching/claims/` holds the steps. With every run the same SQL runs over planted claims whose answers are known; a
run that does not find exactly those fails, because "no duplicates" must never mean "could not match".
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.intake.keys import name_key
from pipelines.matching import planted
from pipelines.matching.accounts import account_columns
from pipelines.matching.engine import MatchingError, run_steps
from pipelines.matching.findings import rules
from pipelines.matching.relations import CLAIM, INPUTS, MEMBER, PERSON, tuples
from pipelines.programme import ROOT, Programme

STEPS = sorted((ROOT / "sql" / "matching" / "claims").glob("*.sql"))
_EMPTY = {
    "person": "対象者が一人もいません。住民基本台帳の抽出を先に取り込んでください。",
    "earlier_claim": "台帳に申請のある人がいるのに、これまでの申請が一件も読めません。台帳を点検してください。",
}
_ABOUT_PEOPLE = ("DUPLICATE_CLAIM", "MEMBER_NOT_WANTED")
RESULTS = (
    "applicant",
    "decision",
    "freed",
    "claim_finding",
    "line_finding",
    "person_finding",
    "omitted",
    "reason",
    "outcome",
    "naming",
)


@dataclass(frozen=True)
class Matched:
    """A day's answer, by SQL relation name (see `sql/matching/claims/`), and each person's codes."""

    relations: Mapping[str, pa.Table]
    codes: Mapping[str, str] = field(default_factory=dict)

    @property
    def claims(self) -> int:
        """How many claims were matched."""
        return int(self.relations["claim"].num_rows)

    def findings(self) -> list[dict[str, Any]]:
        """Every finding once (claim_id, line, code, person_id): about the claim (line empty), a line, or a person."""
        found = self.relations
        of_people = found["person_finding"]
        kept = pc.is_in(of_people["code"], value_set=pa.array(_ABOUT_PEOPLE))
        return [
            *({**row, "line": "", "person_id": None} for row in found["claim_finding"].to_pylist()),
            *found["line_finding"].to_pylist(),
            *of_people.filter(kept).to_pylist(),
            *(
                {**row, "line": row["person_id"], "code": "MEMBER_OMITTED"}
                for row in found["omitted"].to_pylist()
            ),
        ]


def claim_relation(channel: str, claims: pa.Table) -> pa.Table:
    """A staged claims table as the relation that the SQL reads."""

    def text(name: str) -> pa.ChunkedArray:
        """The column, null where the source has none or left it empty."""
        if name not in claims.column_names:
            return pa.chunked_array([pa.nulls(claims.num_rows, pa.string())])
        column = claims.column(name)
        return pc.if_else(pc.equal(column, ""), None, column)

    online = channel == "online"
    received = text("received_at_key" if online else "received_on_key")
    arrival = _moments(received, text("received_at")) if online else received
    effective = received if online else pc.coalesce(text("postmarked_on_key"), received)
    account_key, yucho_converted = account_columns(claims)
    lacking = (
        pc.equal(claims.column("attachments"), "0")
        if online
        else pc.is_valid(text("deficiency_code"))
    )
    columns = {
        "claim_id": claims.column("claim_no"), "channel": pa.array([channel] * claims.num_rows, pa.string()),
        "arrival": arrival, "effective_on": effective,
        "supersedes_id": text("supersedes_no"), "proxy_kind": pc.coalesce(text("proxy_kind"), pa.scalar("")),
        "account_key": account_key, "account_fault": pc.is_null(account_key), "yucho_converted": yucho_converted,
        "deficient": lacking,
    }  # fmt: skip
    return pa.table({f.name: columns.get(f.name, text(f.name)) for f in CLAIM}, schema=CLAIM)


def _moments(days: pa.ChunkedArray, texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Date keys with the digits of the time that the text gives behind the date, so that they sort; null as the key."""
    times = pc.struct_field(pc.extract_regex(texts, r"(?P<time>[0-9]{2}:[0-9:.]*)Z?$"), "time")
    digits = pc.replace_substring_regex(pc.coalesce(times, pa.scalar("")), r"[^0-9]", "")
    return pc.binary_join_element_wise(days, digits, "")


def member_relation(members: pa.Table) -> pa.Table:
    """A staged members table as the relation that the SQL reads."""
    return pa.table(
        {
            "claim_id": members.column("claim_no"), "line": members.column("line"),
            "name_key": members.column("name_key"), "date_key": members.column("date_key"),
            "not_wanted": pc.equal(members.column("not_wanted"), "yes"),
        },
        schema=MEMBER,
    )  # fmt: skip


def person_relation(people: pa.Table, protected: set[str], died: set[str]) -> pa.Table:
    """The eligible people (register items, keys, state) as the relation that the SQL reads.

    people: person_id, resident_id, household_id, name_kanji, relationship, the keys with `alias_key`, state,
    claim_id. died: person ids of those who died on or after the base date.
    """
    names = people.column("name_kanji")
    parts = pc.extract_regex(names, "^(?P<family>[^ 　（(]+)[ 　]+(?P<given>[^（(]+)")
    person_ids = people.column("person_id")
    columns = {
        "is_head": pc.starts_with(people.column("relationship"), "02"),
        "protected": pc.is_in(person_ids, value_set=pa.array(sorted(protected), pa.string())),
        "died": pc.is_in(person_ids, value_set=pa.array(sorted(died), pa.string())),
        "family_key": name_key(pc.struct_field(parts, "family")),
        "given_key": name_key(pc.struct_field(parts, "given")),
    }  # fmt: skip
    return pa.table(
        {f.name: columns[f.name] if f.name in columns else people.column(f.name) for f in PERSON},
        schema=PERSON,
    )


def match_claims(
    programme: Programme,
    relations: Mapping[str, pa.Table],
    spill: Path | None = None,
    *,
    never_empty: Collection[str] = (),
) -> Matched:
    """Match a day's claims.

    Args:
        programme: whose deadline and severities count.
        relations: those of `pipelines.matching.relations.INPUTS`, with these schemas.
        spill: where the engine may put what does not fit.
        never_empty: relations that have rows, as the caller knows from elsewhere; `person` always has.

    Raises:
        MatchingError: an input is missing, empty where it cannot be, or lacks what a rule reads; the SQL cannot run;
            or the planted claims are not found exactly as they should be.
    """
    _assert_inputs(relations, {"person", *never_empty})
    _assert_planted_found(programme)
    return _run(programme, rules(programme), relations, spill)


def _assert_inputs(relations: Mapping[str, pa.Table], never_empty: Collection[str]) -> None:
    """A rule that reads nothing finds nothing: such a run fails instead."""
    for name, (schema, filled) in INPUTS.items():
        rows = relations.get(name)
        if rows is None or rows.schema != schema:
            raise MatchingError(
                f"{name}: 突合の入力がないか、列が違います。開発者に連絡してください。"
            )
        if name in never_empty and rows.num_rows == 0:
            raise MatchingError(f"{name}: {_EMPTY[name]}")
        for column in filled:
            if missing := rows.column(column).null_count:
                raise MatchingError(
                    f"{name}.{column}: {missing:,}行に値がありません。このままでは規則が働かないため、"
                    "突合を止めました。取り込んだデータと台帳を点検してください。"
                )


def _run(
    programme: Programme, rule: pa.Table, relations: Mapping[str, pa.Table], spill: Path | None
) -> Matched:
    deadline = pa.table({"deadline": [f"{programme.claims.deadline:%Y%m%d}"]})
    found = run_steps(
        STEPS, {**relations, "rule": rule, "setting": deadline}, RESULTS,
        memory_limit="1GB", spill_folder=spill,
    )  # fmt: skip
    return Matched({**found, "claim": relations["claim"]}, _codes(found["reason"]))


def _codes(reasons: pa.Table) -> dict[str, str]:
    """The codes behind each decided person's state, sorted and joined by `;`."""
    codes: dict[str, list[str]] = defaultdict(list)
    for person, code in sorted(tuples(reasons, "person_id", "code")):
        codes[person].append(code)
    return {person: ";".join(found) for person, found in codes.items()}


def _assert_planted_found(programme: Programme) -> None:
    """Run the same SQL over planted claims and compare every answer."""
    strict = rules(
        programme.model_copy(update={"findings": dict.fromkeys(programme.findings, "review")})
    )
    matched = _run(programme, strict, planted.relations(programme), None)
    missed = planted.differences(*_answers(matched))
    if missed:
        raise MatchingError(
            "突合の自己点検に失敗しました("
            + "、".join(missed)
            + ")。突合を止めました。SQLと設定を確認してください。"
        )


def _answers(matched: Matched) -> tuple[planted.Answers, planted.Answers]:
    """Everybody who was decided or freed with the codes, every claim with its outcome and findings."""
    found = matched.relations
    people = {
        person: (state, frozenset(filter(None, matched.codes.get(person, "").split(";"))))
        for person, state in tuples(found["decision"], "person_id", "state")
    }
    freed = dict.fromkeys(found["freed"]["person_id"].to_pylist(), ("unclaimed", frozenset[str]()))
    codes: dict[str, set[str]] = defaultdict(set)
    for row in matched.findings():
        codes[row["claim_id"]].add(row["code"])
    claims = {
        claim: (outcome, frozenset(codes[claim]))
        for claim, outcome in tuples(found["outcome"], "claim_id", "outcome")
    }
    return {**freed, **people}, claims


def held_share(matched: Matched) -> tuple[float, float]:
    """(share of decided people who are held, share of claims nobody was found for)."""
    states = matched.relations["decision"].column("state").to_pylist()
    codes = matched.relations["claim_finding"].column("code").to_pylist()
    return (
        states.count("held") / len(states) if states else 0.0,
        codes.count("HEAD_NOT_FOUND") / matched.claims if matched.claims else 0.0,
    )


def assert_plausible(programme: Programme, matched: Matched, day: date) -> None:
    """The circuit breaker.

    Raises:
        MatchingError: a share above the programme's limit: something is wrong with the day's files or rules.
    """
    if matched.claims < programme.limits.min_claims:
        return
    held, unresolved = held_share(matched)
    for name, share, limit in (
        ("保留の割合", held, programme.limits.held_share),
        ("申請者不明の割合", unresolved, programme.limits.unresolved_share),
    ):
        if share > limit:
            raise MatchingError(
                f"{day}: {name} {share:.0%} が上限 {limit:.0%} を超えました。申請ファイルを確認してください。"
            )
