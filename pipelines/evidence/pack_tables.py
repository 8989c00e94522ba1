"""The audit pack's tables: text only, counts and hashes, no resident; of a period, by business date."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pipelines.evidence.access import EVENTS_JA
from pipelines.evidence.disclosures import HEADINGS, REFUSAL_HEADINGS, Given, Report
from pipelines.ledger import rosters, tables
from pipelines.ledger.incidents import KINDS_JA, STEPS_JA, Incident
from pipelines.ledger.rosters import WHAT_JA, What
from pipelines.programme import Period, Programme

DUTIES_JA = {"responsible": "取扱責任者", "handler": "取扱者"}


@dataclass(frozen=True)
class Table:
    """One CSV of the pack."""

    name: str
    heading: Sequence[str]
    rows: Sequence[Sequence[str]]


def disclosures(report: Report) -> Table:
    """Every release of the period, as `kyufu disclosures` tells it."""
    rows = [[one.disclosure, *one.cells(), text(one.sealed_sha256)] for one in report.given]
    return Table("disclosures", ("提供", *HEADINGS, "封かん後SHA-256"), rows)


def refusals(report: Report) -> Table:
    """What the gate did not let out."""
    return Table("refusals", REFUSAL_HEADINGS, [one.cells() for one in report.refused])


def deliveries(given: Iterable[Given], days: Mapping[str, int]) -> Table:
    """What went over the link; days: party -> days it has to acknowledge."""
    heading = ("名前", "相手先", "送付日", "受領確認日", "受領確認までの日数", "期限内", "状態")
    rows = []
    for g in given:
        if g.medium != "lgwan" or g.sent_on is None:
            continue
        took = (g.acknowledged_on - g.sent_on).days if g.acknowledged_on else None
        in_time = (
            "" if took is None else "はい" if took <= days.get(g.recipient_id, 0) else "いいえ"
        )
        days_told = [str(g.sent_on), text(g.acknowledged_on), text(took)]
        rows.append([g.name, g.recipient, *days_told, in_time, g.outcome])
    return Table("deliveries", heading, rows)


def approvals(connection: sa.Connection, programme: str, period: Period) -> Table:
    """Every approval and rejection."""
    a = tables.approval.c
    query = sa.select(a.business_date, a.subject, a.actor, a.decision, a.subject_hash).where(
        a.programme == programme, a.business_date.between(period.first, period.last)
    )
    words = {"approve": "承認", "reject": "却下"}
    rows = [
        [str(day), subject, actor, words[decision], digest]
        for day, subject, actor, decision, digest in connection.execute(
            query.order_by(a.business_date, a.subject, a.actor)
        )
    ]
    return Table("approvals", ("日付", "対象", "職員", "判断", "内容のハッシュ"), rows)


def access(connection: sa.Connection, programme: str, period: Period) -> Table:
    """Showings, exports and inquiries, counted by who did what and why."""
    a = tables.audit.c
    query = sa.select(a.event, a.actor, a.detail).where(
        a.programme == programme, a.business_date.between(period.first, period.last),
        a.detail.contains('"purpose": '),
    )  # fmt: skip
    times: Counter[tuple[str, str, str]] = Counter()
    people: Counter[tuple[str, str, str]] = Counter()
    for event, actor, detail in connection.execute(query.order_by(a.number)):
        told = json.loads(detail)
        key = (EVENTS_JA.get(event, event), actor, told["purpose"])
        times[key] += 1
        people[key] += told["count"]
    rows = [[*key, str(times[key]), str(people[key])] for key in sorted(times)]
    return Table("access", ("内容", "職員", "目的", "回数", "延べ件数"), rows)


def roster_people(connection: sa.Connection, programme: Programme) -> Table:
    """Every roster that was ever registered, with its people."""
    r = tables.handler_roster
    heading = (
        "相手先",
        "再委託先",
        "版",
        "登録日",
        "登録した職員",
        "区分",
        "氏名",
        "アカウント",
        "証明書SHA-256",
    )
    query = sa.select(r).filter_by(programme=programme.id).order_by(r.c.party, r.c.number)
    rows = []
    for row in connection.execute(query):
        for roster in json.loads(row.content):
            rows += [
                [
                    row.party, roster["subcontractor"], str(row.number), str(row.business_date), row.actor,
                    DUTIES_JA[person["duty"]], person["name"], "、".join(person["accounts"]),
                    "" if roster["subcontractor"] else text(row.certificate_sha256),
                ]
                for person in roster["people"]
            ]  # fmt: skip
    return Table("rosters", heading, rows)


def confirmations(connection: sa.Connection, programme: Programme) -> Table:
    """What was confirmed of each party and subcontractor; whether it is of the present roster and contract."""
    rows = []
    for party in rosters.organisations(programme):
        needed = set(rosters.needed(programme, party))
        for one, by in rosters.confirmations(connection, programme.id, party).items():
            what = WHAT_JA[What(one.what)]
            rows.append(
                [
                    party,
                    one.organisation,
                    what,
                    str(by.on),
                    by.actor,
                    by.evidence,
                    "はい" if one in needed else "いいえ",
                ]
            )
    heading = ("相手先", "再委託先", "確認", "日付", "職員", "書類", "今の名簿・契約のもの")
    return Table("confirmations", heading, sorted(rows))


def incidents(found: Iterable[Incident]) -> Table:
    """Every incident and what was done about it, a line each."""
    rows = []
    for one in found:
        people = text(one.people) or "不明"
        state = "停止中" if one.stands else "終了"
        first = [
            str(one.number),
            one.party,
            KINDS_JA[one.kind],
            text(one.happened_on) or "不明",
            people,
            state,
        ]
        rows.append([*first, str(one.since), "記録", one.actor, one.what])
        rows += [
            [*first, str(done.on), STEPS_JA[done.step], done.actor, done.note] for done in one.done
        ]
    heading = (
        "番号",
        "相手先",
        "区分",
        "発生日",
        "対象人数",
        "送付",
        "日付",
        "手続",
        "職員",
        "内容",
    )
    return Table("incidents", heading, rows)


def stops(connection: sa.Connection, programme: str) -> Table:
    """Every stop of all sending and every agreement to go on."""
    rows = []
    for table, what in ((tables.sending_stop, "停止"), (tables.sending_resume, "再開の同意")):
        query = sa.select(table).filter_by(programme=programme)
        rows += [
            [str(row.number), what, str(row.business_date), row.actor, row.reason]
            for row in connection.execute(query)
        ]
    return Table("stops", ("番号", "手続", "日付", "職員", "理由"), sorted(rows))


def chain_lines(chain: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """The audit chain, a JSON object a line, every field as it is hashed."""
    for row in chain:
        told = {**row, "business_date": str(row["business_date"])}
        yield json.dumps(told, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def text(value: object) -> str:
    """A cell; empty for None."""
    return "" if value is None else str(value)
