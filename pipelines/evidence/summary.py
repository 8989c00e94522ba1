"""What happened, as a ward officer reads it, and as `HOME/summary.json` says it. Counts and hashes only."""

import json
from collections import Counter
from typing import Any

import sqlalchemy as sa

from pipelines.evidence.unreconciled import Unreconciled, take_unreconciled
from pipelines.files import write_whole
from pipelines.ledger import incidents, rosters, stops, tables
from pipelines.ledger.balance import Balance, take_balance
from pipelines.ledger.municipal_letters import letters
from pipelines.ledger.states import LABELS_JA, Entitlement
from pipelines.ledger.store import told_reasons
from pipelines.matching.findings import FINDINGS
from pipelines.reports.arrivals import LINK
from pipelines.steps import sent
from pipelines.steps.campaign import Campaign
from pipelines.steps.inbox import intake_totals


def summarise(c: Campaign, seconds: float) -> dict[str, Any]:
    """The campaign as it stands. seconds: how long the run took."""
    with c.ledger.read() as connection:
        balance = take_balance(connection, c.programme.id)
        return {
            "programme": c.programme.id,
            "demonstration": c.programme.is_demonstration,
            "entitlements": balance.states,
            "holds": _holds(connection, c.programme.id),
            "payments": _payments(connection, c.programme.id, balance),
            "unreconciled": take_unreconciled(c, connection).as_dict(),
            "files": _files(connection, c.programme.id),
            "letters": _letters(connection, c.programme.id),
            "intake": intake_totals(connection, c.programme.id),
            "refused": _refused(connection, c.programme.id),
            "late_deliveries": _late_deliveries(c, connection),
            "stopped": _stopped(connection, c.programme.id),
            "incidents": _incidents(c, connection),
            "rosters": _rosters(c, connection),
            "balanced": balance.balanced,
            "faults": list(balance.faults),
            "seconds": round(seconds, 1),
        }


def write(c: Campaign, summary: dict[str, Any]) -> None:
    """Write `HOME/summary.json`."""
    text = json.dumps(summary, ensure_ascii=False, indent=2, sort_keys=True)
    write_whole(c.home / "summary.json", f"{text}\n".encode())


def paid_people(c: Campaign) -> int:
    """How many people have been paid so far."""
    with c.ledger.read() as connection:
        return take_balance(connection, c.programme.id).states[Entitlement.PAID]


def render(summary: dict[str, Any]) -> str:
    """The summary in Japanese, for people."""
    lines = [
        f"■ {summary['programme']} の状況"
        + ("(デモンストレーション)" if summary["demonstration"] else "")
    ]
    lines += [
        f"  {LABELS_JA[Entitlement(s)]:<12} {n:>9,}人"
        for s, n in summary["entitlements"].items()
        if n
    ]
    lines.append(f"  {'合計':<12} {sum(summary['entitlements'].values()):>9,}人")
    if summary["holds"]:
        lines.append("■ 保留の理由(職員の判断を待っています)")
        lines += [
            f"  {code:<22} {n:>7,}人  {FINDINGS[code].meaning}"
            for code, n in summary["holds"].items()
        ]
    money = summary["payments"]
    lines += [
        "■ 支払",
        f"  給付済み {money['people']:,}人({money['households']:,}世帯) {money['sum_yen']:,}円"
        f" / 振込不能 {money['returned']:,}人 / 回収中 {money['recovering_yen']:,}円"
        f" / 回収済み {money['recovered_yen']:,}円",
        *Unreconciled(**summary["unreconciled"]).lines(),
        "■ 外部とのファイル(名前・件数・受領確認)",
    ]
    lines += [
        f"  {f['recipient']:<11} {f['name']:<30} {f['records']:>8,}件"
        + (f" {f['sum_yen']:,}円" if f["sum_yen"] is not None else "")
        + f" {f['sha256'][:12]} {'受領確認済み' if f['acknowledged'] else '区内で発送'}"
        for f in summary["files"]
    ]
    of_link = [r for r in summary["refused"] if r["subject"].startswith(LINK)]
    others = [r for r in summary["refused"] if not r["subject"].startswith(LINK)]
    for title, told in (
        ("相手先から届いた、予定と違うもの(相手先に確認してください)", of_link),
        ("期間外などのため受け取らなかったもの・送らなかったもの", others),
    ):
        if told:
            lines.append(f"■ {title}")
            lines += [f"  {r['day']} {r['reason']}" for r in told]
    if told := summary["letters"]:
        lines.append(
            f"■ 他の自治体への通知 {told['letters']:,}通({told['people']:,}人): 確認・発送待ち {told['open']:,}、"
            f"発送済み {told['posted']:,}、取り下げ {told['withdrawn']:,}(kyufu letters list)"
        )
    if summary["late_deliveries"]:
        lines.append("■ 期限までに受領確認の届かなかった送付(kyufu deliveries)")
        lines += [f"  {told}" for told in summary["late_deliveries"]]
    if summary["stopped"]:
        lines.append(f"■ {summary['stopped']}")
    if summary["incidents"]:
        lines.append("■ 事故・事故のおそれ(kyufu incident list)")
        lines += [f"  {told}" for told in summary["incidents"]]
    if summary["rosters"]:
        lines.append("■ 送付できない相手先(kyufu roster list)")
        lines += [f"  {told}" for told in summary["rosters"]]
    total = summary["intake"]
    lines.append(
        f"■ 入力 {total['rows_in']:,}行 = 受入 {total['accepted']:,} + 保留 {total['quarantined']:,}"
        f" + 完全重複 {total['duplicates']:,}"
    )
    lines.append(
        "■ 収支: 全員と全額の行き先が一致しています。"
        if summary["balanced"]
        else "■ 収支が一致しません:"
    )
    lines += [f"  {fault}" for fault in summary["faults"]]
    return "\n".join(lines)


def _letters(connection: sa.Connection, programme: str) -> dict[str, int]:
    """Letters to other municipalities by how far they are; empty if there is none."""
    found = letters(connection, programme)
    if not found:
        return {}
    return {
        "letters": len(found),
        "people": sum(one.people for one in found if one.withdrawn_on is None),
        "open": sum(one.is_open for one in found),
        "posted": sum(one.posted_on is not None for one in found),
        "withdrawn": sum(one.withdrawn_on is not None for one in found),
    }


def _late_deliveries(c: Campaign, connection: sa.Connection) -> list[str]:
    """What its receiver should have acknowledged before the newest business day, for people."""
    day = sent.newest_day(connection, c.programme.id)
    found = sent.unacknowledged(connection, c.programme)
    return [sent.told(c, one) for one in found if day is not None and one.is_late(day)]


def _stopped(connection: sa.Connection, programme: str) -> str | None:
    """What stops all sending, for people; None if nothing does."""
    found = stops.standing(connection, programme)
    return stops.told(found) if found else None


def _incidents(c: Campaign, connection: sa.Connection) -> list[str]:
    """The incidents that suspend deliveries, for people."""
    names = {party.id: party.name for party in c.programme.parties}
    found = incidents.standing(connection, c.programme.id)
    return [incidents.told(one, names, c.programme.incidents) for one in found]


def _rosters(c: Campaign, connection: sa.Connection) -> list[str]:
    """The parties to which nothing may go until something is registered, for people."""
    lacking = (
        (p.name, rosters.lacking(connection, c.programme, p.id)) for p in c.programme.parties
    )
    return [f"{name}: {'、'.join(found)}" for name, found in lacking if found]


def _holds(connection: sa.Connection, programme: str) -> dict[str, int]:
    """People held, by finding code; somebody with two codes counts under both."""
    e = tables.entitlement
    rows = connection.execute(
        sa.select(e.c.codes).filter_by(programme=programme, state=Entitlement.HELD)
    ).scalars()
    return dict(
        sorted(Counter(code for codes in rows for code in codes.split(";") if code).items())
    )


def _payments(connection: sa.Connection, programme: str, balance: Balance) -> dict[str, int]:
    p, e = tables.payment, tables.entitlement
    claims = sa.select(sa.func.count(sa.distinct(p.c.claim_id))).where(
        p.c.programme == programme, p.c.result == "paid"
    )
    households = sa.select(
        sa.func.count(sa.distinct(sa.func.coalesce(e.c.household_id, e.c.person_id)))
    ).where(e.c.programme == programme, e.c.state == Entitlement.PAID)
    return {
        "people": balance.states[Entitlement.PAID],
        "households": int(connection.execute(households).scalar_one()),
        "claims": int(connection.execute(claims).scalar_one()),
        "sum_yen": balance.net_yen,
        "returned": balance.states[Entitlement.RETURNED],
        "returned_yen": balance.returned_yen,
        "recovering_yen": balance.recovering_yen,
        "recovered_yen": balance.recovered_yen,
    }


def _files(connection: sa.Connection, programme: str) -> list[dict[str, Any]]:
    r = tables.release
    columns = [
        r.c.recipient,
        r.c.name,
        r.c.records,
        r.c.sum_yen,
        r.c.sha256,
        r.c.acknowledged,
        r.c.state,
    ]
    query = (
        sa.select(*columns).where(r.c.programme == programme).order_by(r.c.business_date, r.c.name)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _refused(connection: sa.Connection, programme: str) -> list[dict[str, str]]:
    r = tables.refusal
    query = (
        sa.select(r.c.day, r.c.subject, r.c.reason)
        .where(r.c.programme == programme)
        .order_by(r.c.day, r.c.subject)
    )
    return [
        {"day": str(row.day), "subject": row.subject, "reason": reason}
        for row in connection.execute(query)
        for reason in told_reasons(row.reason)
    ]
