"""Claims: receive them over three channels, match them, decide every person named on them."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.errors import InputRefused, PeriodRefused
from pipelines.intake import attachments, keys
from pipelines.intake.layouts import load_layout
from pipelines.intake.receive import assert_may_enter
from pipelines.intake.staging import Manifest, sha256
from pipelines.ledger import claim_owners, people, tables
from pipelines.ledger.bulk import load
from pipelines.ledger.holds import Decided
from pipelines.ledger.states import Entitlement
from pipelines.ledger.store import Move, add_refusal, fetch, move, record, staged
from pipelines.matching import claims as matching
from pipelines.matching import relations
from pipelines.matching.engine import MatchingError
from pipelines.matching.reach import asked_of_claims, named_by, people_within_reach
from pipelines.steps import fetching, inbox, register, undecided
from pipelines.steps.campaign import Campaign
from pipelines.steps.deliveries import LINKED, USED
from pipelines.steps.given_claims import given_claims
from pipelines.steps.hold_sides import Staged

_ACCOUNT_PARTS = ("bank_code", "branch_code", "account_type", "account_number")
_ACCOUNT = r"\|".join(rf"(?P<{part}>[^|]+)" for part in _ACCOUNT_PARTS)
CHANNELS = undecided.CHANNELS
_ROWS_SHOWN = 20


def receive(c: Campaign, day: date, channel: str) -> dict[str, Any]:
    """Stage a channel's claims of the day; outside the programme's periods that is refused and recorded.

    What a party sent is taken once, and refused if it is another content by then. A file on the ward's own PC that was
    replaced becomes a new version; if the day is decided already, the next business day's run decides what is new.

    Returns counts; `unexpected`: how many files of the party's outbox are told of on the steward's page.
    """
    dataset = CHANNELS[channel]
    with inbox.taking_in(c, dataset, day):
        return _receive(c, day, dataset)


def _receive(c: Campaign, day: date, dataset: str) -> dict[str, Any]:
    source = c.programme.source(dataset)
    staged = c.staging.manifest(dataset, day)
    if staged is not None and not _is_replaced(c, source.party, staged, day):
        inbox.enter(c, staged)
        _keep_attachments(c, dataset, day)
        told = _look_again(c, source.party, staged)
        return {**inbox.counts(staged), "received": True, **told}
    try:
        assert_may_enter(source, day)
        sent = _files(c, source.party, dataset, day)
    except PeriodRefused as error:
        return {"dataset": dataset, "received": False, **c.note_refusal(dataset, str(error), day)}
    told = _told(sent.unexpected)
    if not sent.files:
        return {"dataset": dataset, "received": False, **told}
    if staged is None and c.ledger.result_of(undecided.STEP, day) is not None:
        raise InputRefused(
            f"{dataset} {day}: この日の申請はもう突合しました。"
            "あとから届いた申請は、次の業務日の日付で受け取ってください。"
        )
    result = inbox.stage_and_enter(
        c, dataset, day, sent.files, gate=sent.assert_rows_declared, sheets=sent.sheets
    )
    _keep_attachments(c, dataset, day)
    return {**result, "received": True, **told}


def _files(c: Campaign, party: str, dataset: str, day: date) -> fetching.Sent:
    if party == "ward":
        return fetching.Sent(inbox.read_ward_files(c, dataset, day) or {})
    return fetching.fetch(c, party, dataset, day)


def _look_again(c: Campaign, party: str, staged: Manifest) -> dict[str, int]:
    if party == "ward":
        return {}
    return _told(fetching.look_again(c, party, staged))


def _told(unexpected: int) -> dict[str, int]:
    return {"unexpected": unexpected} if unexpected else {}


def _is_replaced(c: Campaign, party: str, staged: Manifest, day: date) -> bool:
    """Whether the ward's own PC holds other bytes than what is staged."""
    if party != "ward":
        return False
    files = inbox.read_ward_files(c, staged.dataset, day)
    return files is not None and {n: sha256(data) for n, data in files.items()} != staged.sources


def _keep_attachments(c: Campaign, dataset: str, day: date) -> None:
    """Put the attachments of the staged archives apart, unopened."""
    if load_layout(c.programme.source(dataset).layout).format == "zip":
        attachments.keep(c.staging, dataset, day)


def match_and_decide(c: Campaign, day: date) -> dict[str, Any]:
    """Match the day's claims and enter every decision in the ledger, all or nothing.

    Claims of an earlier day that were mended or came again after it was decided are decided with today's; a claim
    number that is decided stays as it is decided, and another claim with it is left out, counted and told. Claims that
    were nobody's and that two people gave to somebody are decided with today's too.
    """

    def work(connection: sa.Connection) -> dict[str, Any]:
        wanted = inbox.deliveries(c, undecided.STEP, list(CHANNELS.values()), day)
        used = {USED: [d.as_json() for d in wanted]}
        given, decisions = given_claims(c, connection)
        if not wanted and not given:
            return {"claims": 0, "decided": {}, "findings": {}, **used}
        c.guard(day).assert_lists_current(c.programme, day)
        taken = undecided.open_claims(c, connection, wanted)
        relations = _relations(c, connection, taken, given, day)
        matched = matching.match_claims(
            c.programme, relations, c.home / "spill",
            never_empty=_never_empty(connection, c.programme.id),
        )  # fmt: skip
        matching.assert_plausible(c.programme, matched, day)
        left_out = _tell_left_out(c, connection, taken, day)
        entered = _enter(c, connection, matched, day, _ids(given), decisions)
        return {**entered, **left_out, **used}

    return c.ledger.once(undecided.STEP, day, work)


def _relations(
    c: Campaign,
    connection: sa.Connection,
    taken: list[undecided.Open],
    given: list[Staged],
    day: date,
) -> dict[str, pa.Table]:
    """The claims to decide with everything within their reach that they are matched against."""
    channels = {dataset: channel for channel, dataset in CHANNELS.items()}
    claims = pa.concat_tables(
        [
            *(matching.claim_relation(channels[t.delivery.dataset], t.claims) for t in taken),
            *(matching.claim_relation(g.channel, g.claims) for g in given),
        ]
    )
    claims = _name_newest(connection, c.programme.id, claims)
    lines = [*(t.members for t in taken), *(g.members for g in given)]
    members = pa.concat_tables([matching.member_relation(rows) for rows in lines])
    late = register.late_arrivals(c, day)
    newcomers = relations.NEWCOMER.empty_table()
    if late is not None:
        newcomers = late.select(relations.NEWCOMER.names).cast(relations.NEWCOMER)
    earlier = _earlier_claims(connection, c.programme.id, claims, _ids(given))
    named = _people_of_named(connection, c.programme.id, claims, earlier)
    everybody = c.people()
    people.assert_everybody(connection, c.programme.id, everybody.num_rows)
    everybody = everybody.append_column("alias_key", keys.alias_key(everybody.column("name_kanji")))
    reached = people_within_reach(everybody, claims, members, named)
    ids = reached.column("person_id")
    states = people.states_among(connection, c.programme.id, ids.to_pylist())
    states = states.take(pc.index_in(ids, value_set=states.column("person_id").combine_chunks()))
    for name in ("state", "claim_id"):
        reached = reached.append_column(name, states.column(name))
    protected = _protected(connection, c.programme.id)
    died = register.died_since_base_date(c, day)
    return {
        "claim": claims, "member": members, "person": matching.person_relation(reached, protected, died),
        "newcomer": newcomers, "earlier_claim": earlier,
    }  # fmt: skip


def _ids(given: list[Staged]) -> list[str]:
    """The ids of claims that the ledger has already."""
    return [claim_id for staged in given for claim_id in staged.numbers]


def _protected(connection: sa.Connection, programme: str) -> set[str]:
    """Everybody who is protected.

    Raises:
        MatchingError: nobody is, though the lists that were linked protect somebody.
    """
    found = people.protected_ids(connection, programme)
    s = tables.step
    linked = sa.select(s.c.result).where(s.c.programme == programme, s.c.name.like(f"{LINKED}%"))
    brought = sum(result["protections"] for result in connection.execute(linked).scalars())
    if brought and not found:
        raise MatchingError(
            f"protection: 名簿から{brought:,}件の保護を記録しましたが、台帳に一件もありません。"
            "台帳を点検してください。"
        )
    return found


def _never_empty(connection: sa.Connection, programme: str) -> set[str]:
    """Which relations must have rows, as another table of the ledger tells."""
    e = tables.entitlement
    on_a_claim = sa.exists().where(e.c.programme == programme, e.c.claim_id.is_not(None))
    return {"earlier_claim"} if connection.execute(sa.select(on_a_claim)).scalar_one() else set()


def _tell_left_out(
    c: Campaign, connection: sa.Connection, taken: list[undecided.Open], day: date
) -> dict[str, int]:
    """Enter what is not decided, for the steward's page of its delivery and the audit chain; returns the counts."""
    for found in taken:
        if not (found.repeated or found.fallen):
            continue
        delivery = found.delivery
        detail = {
            "version": delivery.version, "repeated": len(found.repeated), "fallen": len(found.fallen)
        }  # fmt: skip
        subject = f"{delivery.dataset}:{delivery.day}"
        record(connection, c.programme.id, "claims.left_out", "system", subject, detail, day)
        add_refusal(
            connection, c.programme.id, delivery.dataset, _why_left_out(found), delivery.day
        )
    return {
        "left_out": sum(len(found.repeated) for found in taken),
        "lines_left_out": sum(len(found.fallen) for found in taken),
    }


def _why_left_out(found: undecided.Open) -> str:
    reasons = []
    if found.repeated:
        reasons.append(
            f"先に届いた申請と同じ受付番号の申請が{len(found.repeated)}件あり、決定していません"
            f"({_rows(found.repeated)})。提供元に確認し、番号を改めた申請を受け取ってください。"
        )
    if found.fallen:
        reasons.append(
            f"決定後に受け入れた明細のうち{len(found.fallen)}行は、申請が取下げ・訂正されているため決定していません"
            f"({_rows(found.fallen)})。給付が必要な人は、新しい申請を受け取ってください。"
        )
    delivery = found.delivery
    return f"{delivery.dataset} {delivery.day} 第{delivery.version}版: {''.join(reasons)}"


def _rows(rows: tuple[int, ...]) -> str:
    shown = "、".join(str(row) for row in rows[:_ROWS_SHOWN])
    return f"原本の{shown}行目" + ("ほか" if len(rows) > _ROWS_SHOWN else "")


def _earlier_claims(
    connection: sa.Connection, programme: str, claims: pa.Table, known: Collection[str] = ()
) -> pa.Table:
    """The claims in the ledger that have an account or certificate of these claims, or are named by one of them.

    The first claim of the ledger is always among them: no rows mean that the ledger has no claims but the known ones,
    which are among these claims.
    """
    t = tables.claim
    account = (
        t.c.bank_code + "|" + t.c.branch_code + "|" + t.c.account_type + "|" + t.c.account_number
    )
    supplemented = sa.case((t.c.kind == undecided.SUPPLEMENT, t.c.supersedes_id))
    made = {"account_key": account, "supplements_id": supplemented}
    columns = [made[n] if n in made else t.c[n] for n in relations.EARLIER.names]
    others = t.c.programme == programme, t.c.claim_id.not_in(known)
    first = sa.select(sa.func.min(t.c.claim_id)).where(*others)
    values = ((value,) for value in asked_of_claims(claims).to_pylist())
    with staged(connection, "asked_of_claims", ["value"], values) as table:
        is_asked = [
            part.in_(sa.select(table.c.value))
            for part in (account, t.c.certificate_serial, t.c.claim_id, supplemented)
        ]
        query = sa.select(*columns).where(
            *others, sa.or_(t.c.claim_id == first.scalar_subquery(), *is_asked)
        )
        return fetch(connection, query.order_by(t.c.claim_id), relations.EARLIER)


def _name_newest(connection: sa.Connection, programme: str, claims: pa.Table) -> pa.Table:
    """Name the newest correction where a claim names one that its own applicant has corrected since."""
    column = claims.column("supersedes_id")
    named = column.drop_null().unique().to_pylist()
    newest = {claim_id: claim_id for claim_id in named}
    asked = set(named)
    while found := _corrections_of(connection, programme, asked):
        newest = {claim_id: found.get(last, last) for claim_id, last in newest.items()}
        asked = set(found.values()) - set(found)
    resolved = pa.array([newest.get(claim_id) for claim_id in column.to_pylist()], pa.string())
    return claims.set_column(claims.column_names.index("supersedes_id"), "supersedes_id", resolved)


def _corrections_of(
    connection: sa.Connection, programme: str, claim_ids: set[str]
) -> dict[str, str]:
    """Claim -> its newest correction by the same applicant, of those that have one."""
    if not claim_ids:
        return {}
    t, later = tables.claim, tables.claim.alias("later")
    with staged(connection, "named_claim", ["claim_id"], ((i,) for i in claim_ids)) as table:
        query = (
            sa.select(t.c.claim_id, later.c.claim_id)
            .join(later, (later.c.programme == programme) & (later.c.supersedes_id == t.c.claim_id))
            .where(t.c.programme == programme, t.c.claim_id.in_(sa.select(table.c.claim_id)))
            .where(later.c.kind == "correction", later.c.applicant_id == t.c.applicant_id)
            .order_by(later.c.day, later.c.claim_id)
        )
        found = connection.execute(query).all()
    return {before: after for before, after in found if before != after}


def _people_of_named(
    connection: sa.Connection, programme: str, claims: pa.Table, earlier: pa.Table
) -> set[str]:
    """Who made the earlier claims that these claims name, and who stands on one of them or on its supplements."""
    found = named_by(claims, earlier)
    if not found.num_rows:
        return set()
    e = tables.entitlement
    ids = ((claim_id,) for claim_id in found.column("claim_id").to_pylist())
    with staged(connection, "named_claim", ["claim_id"], ids) as table:
        query = sa.select(e.c.person_id).where(
            e.c.programme == programme, e.c.claim_id.in_(sa.select(table.c.claim_id))
        )
        on_them = set(connection.execute(query).scalars())
    return on_them.union(found.column("applicant_id").drop_null().to_pylist())


def _enter(
    c: Campaign, connection: sa.Connection, matched: matching.Matched, day: date,
    known: Collection[str] = (), given: Sequence[Decided] = (),
) -> dict[str, Any]:  # fmt: skip
    """Write claims, findings and moves; return counts by state and code.

    known: the claims that the ledger has already, because they were nobody's; given: the decisions that say whose they
    are.
    """
    found, codes = matched.relations, matched.codes
    outcomes = dict(relations.tuples(found["outcome"], "claim_id", "outcome"))
    _give_claims(connection, c.programme.id, found, outcomes, known, given, day)
    _insert_claims(connection, c.programme.id, found, outcomes, known, day)
    for kind, outcome in (("correction", "superseded"), ("withdrawal", "withdrawn")):
        naming = found["naming"].filter(found["naming"].column("is_own"))
        of_kind = naming.filter(pc.equal(naming.column("claim_kind"), kind))
        named = of_kind.column("named_id").to_pylist()
        _mark_named(connection, c.programme.id, named, outcome)
        if named:
            subject = f"claims:{day}"
            counts = {"claims": len(named)}
            record(connection, c.programme.id, f"claims.{outcome}", "system", subject, counts, day)
    findings = matched.findings()
    _insert_findings(c, connection, findings)
    decided = relations.tuples(found["decision"], "person_id", "state", "claim_id")
    freed = found["freed"].column("person_id").to_pylist()
    moves = [
        *(Move(p, state, claim, codes.get(p, "")) for p, state, claim in decided),
        *(Move(person, Entitlement.UNCLAIMED) for person in freed),
    ]
    move(connection, c.programme.id, moves, "claims", "", day)
    result = {
        "claims": matched.claims - len(known),
        "decided": dict(sorted(Counter(found["decision"].column("state").to_pylist()).items())),
        "outcomes": dict(sorted(Counter(outcomes.values()).items())),
        "findings": dict(sorted(Counter(row["code"] for row in findings).items())),
    }
    if known:
        result["given"] = len(known)
    record(connection, c.programme.id, "claims.decided", "system", f"claims:{day}", result, day)
    return result


def _give_claims(
    connection: sa.Connection, programme: str, found: Mapping[str, pa.Table], outcomes: Mapping[str, str],
    known: Collection[str], given: Sequence[Decided], day: date,
) -> None:  # fmt: skip
    """Enter whose the claims are that were nobody's, and what became of them."""
    whose = found["applicant"].filter(
        pc.is_in(
            found["applicant"].column("claim_id"), value_set=pa.array(sorted(known), pa.string())
        )
    )
    rows = {
        claim_id: {"applicant_id": person, "household_id": household}
        for claim_id, person, household in relations.tuples(
            whose, "claim_id", "person_id", "household_id"
        )
    }
    matched = {
        claim_id: rows.get(claim_id, {}) | {"outcome": outcomes[claim_id]} for claim_id in known
    }
    claim_owners.give(connection, programme, given, matched, day)


def _insert_findings(
    c: Campaign, connection: sa.Connection, findings: list[dict[str, Any]]
) -> None:
    own = ("claim_id", "line", "code", "person_id")
    severity = c.programme.findings
    rows = (
        (c.programme.id, severity[row["code"]], *(row[name] for name in own)) for row in findings
    )
    load(connection, tables.finding, ("programme", "severity", *own), rows)


def _insert_claims(
    connection: sa.Connection,
    programme: str,
    found: Mapping[str, pa.Table],
    outcomes: Mapping[str, str],
    known: Collection[str],
    day: date,
) -> None:
    """Write the claims that are not known, each with its applicant, its outcome and the account it names."""
    applicants = found["applicant"]
    is_known = pc.is_in(
        found["claim"].column("claim_id"), value_set=pa.array(sorted(known), pa.string())
    )
    claims = found["claim"].filter(pc.invert(is_known))
    ids = claims.column("claim_id")
    whose = applicants.take(
        pc.index_in(ids, value_set=applicants.column("claim_id").combine_chunks())
    )
    account = pc.extract_regex(claims.column("account_key"), _ACCOUNT)
    columns = {
        "claim_id": ids, "channel": claims.column("channel"), "kind": claims.column("claim_kind"),
        "supersedes_id": claims.column("supersedes_id"), "household_id": whose.column("household_id"),
        "applicant_id": whose.column("person_id"), "certificate_serial": claims.column("certificate_serial"),
        "proxy_kind": claims.column("proxy_kind"), "account_holder_kana": claims.column("account_holder_kana"),
        **{name: pc.struct_field(account, name) for name in _ACCOUNT_PARTS},
    }  # fmt: skip
    values = zip(*(column.to_pylist() for column in columns.values()), strict=True)
    rows = ((programme, day, outcomes[row[0]], *row) for row in values)
    load(connection, tables.claim, ("programme", "day", "outcome", *columns), rows)


def _mark_named(
    connection: sa.Connection, programme: str, claim_ids: list[str], outcome: str
) -> None:
    """Claims that a correction or withdrawal names, with their supplements; what was paid by one stays so."""
    t = tables.claim
    here = t.c.programme == programme
    with staged(
        connection, "named_claim", ["claim_id"], ((n,) for n in sorted(claim_ids))
    ) as named:
        wanted = sa.select(named.c.claim_id)
        supplements = sa.select(t.c.claim_id).where(
            here, t.c.kind == undecided.SUPPLEMENT, t.c.supersedes_id.in_(wanted)
        )
        connection.execute(
            sa.update(t)
            .where(here, t.c.claim_id.in_(wanted.union_all(supplements)))
            .where(t.c.outcome.not_in(["withdrawn", "paid"]))
            .values(outcome=outcome)
        )
