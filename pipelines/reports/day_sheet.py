"""The day's sheet (日報) for the section chief: where everybody and every yen is, what needs a person; only counts."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from pipelines.ledger import cash, incidents, mail, recoveries, results, rosters, sent, tables
from pipelines.ledger.balance import Balance
from pipelines.ledger.people import FORMS_SENT
from pipelines.ledger.personal import CLASSES_JA, Class
from pipelines.ledger.states import LABELS_JA, Batch, Entitlement, Route
from pipelines.matching.findings import FINDINGS
from pipelines.programme import Programme
from pipelines.reports.arrivals import Owed

CHANNELS = {"online": "オンライン", "postal": "郵送", "inhouse": "窓口"}
ROUTES = {"contractor": "委託先から", "inhouse": "区から"}
AGES = ((7, "7日以内"), (14, "8〜14日"), (30, "15〜30日"), (None, "31日以上"))
DAYS_AHEAD = 60


@dataclass(frozen=True)
class Count:
    """How many, by the end of the day and on the day itself."""

    title: str
    today: int
    total: int


@dataclass(frozen=True)
class Held:
    """People who wait for a finding, by how many days ago their claim was matched (`AGES`)."""

    code: str
    meaning: str
    by_age: tuple[int, ...]

    @property
    def people(self) -> int:
        """All of them."""
        return sum(self.by_age)


@dataclass(frozen=True)
class Deadline:
    """A date ahead, days from the sheet's day."""

    day: date
    days: int
    title: str


@dataclass(frozen=True)
class DaySheet:
    """One day. batches: (state, batches, yen) of what is on its way; needed: what waits for a person, with how many."""

    programme: str
    name: str
    office: str
    day: date
    balance: Balance
    mailed: Sequence[Count]
    letters: Sequence[Count]
    claims: Sequence[Count]
    held: Sequence[Held]
    paid: Sequence[Count]
    batches: Sequence[tuple[str, int, int]]
    deadlines: Sequence[Deadline]
    needed: Sequence[tuple[str, int]]

    @property
    def states(self) -> list[tuple[str, int]]:
        """People by state, in ward staff's words, nobody left out."""
        return [(LABELS_JA[Entitlement(s)], n) for s, n in self.balance.states.items() if n]


def read_day_sheet(
    connection: sa.Connection, programme: Programme, day: date, balance: Balance, waiting_rows: int,
    owed: Iterable[Owed],
) -> DaySheet:  # fmt: skip
    """The sheet as the ledger stands; `today` is what happened on that business day.

    Args:
        connection: the ledger.
        programme: for its dates.
        day: the business day whose run ends.
        balance: as just taken.
        waiting_rows: rows of quarantine that somebody must mend.
        owed: what should have arrived, as of the day.
    """
    return DaySheet(
        programme.id, programme.benefit.name, programme.benefit.office, day, balance,
        _mailed(connection, programme.id, day), _letters(connection, programme.id, day),
        _claims(connection, programme.id, day),
        _held(connection, programme.id, day), _paid(connection, programme.id, balance, day),
        _batches(connection, programme.id), list_deadlines(programme, day),
        _needed(connection, programme, day, balance, waiting_rows, owed),
    )  # fmt: skip


def list_deadlines(programme: Programme, day: date) -> list[Deadline]:
    """The dates of the next 60 days on which something ends, the nearest first; the day itself counts."""
    ends = {
        (programme.claims.deadline, "申請期限(消印・オンライン申請日)"),
        (programme.claims.lapse_on, "未申請の失効"),
        *((s.period.last, f"収集期間の終わり: {s.dataset}") for s in programme.sources),
        *((s.period.last, f"収集期間の終わり: {s.dataset}") for s in programme.list_sources),
        *((d.period.last, f"提供期間の終わり: {d.id}") for d in programme.disclosures),
        *(
            (last, f"保存期間の終わり: {CLASSES_JA[Class(what)]}")
            for what, last in programme.retention.items()
        ),
    }
    return [
        Deadline(last, (last - day).days, title)
        for last, title in sorted(ends)
        if 0 <= (last - day).days <= DAYS_AHEAD
    ]


def _mailed(connection: sa.Connection, programme: str, day: date) -> list[Count]:
    """Households and people to whom a form was sent, by the way it went."""
    a = tables.audit
    query = sa.select(a.c.business_date, a.c.detail).where(
        a.c.programme == programme, a.c.event == FORMS_SENT
    )
    sent = [(on == day, json.loads(detail)) for on, detail in connection.execute(query)]
    return [
        Count(
            f"{way}({unit})",
            *_today_and_all(((d["route"], is_today, d[counted]) for is_today, d in sent), route),
        )
        for route, way in ROUTES.items()
        for counted, unit in (("households", "世帯"), ("people", "人"))
    ]


def _letters(connection: sa.Connection, programme: str, day: date) -> list[Count]:
    """Sheets of the ward's own that went out, by kind, and what came back, whoever mailed it."""
    m, b = tables.mailing, tables.mail_return
    of_today = m.c.sent_on == day
    query = (
        sa.select(m.c.kind, of_today, sa.func.count())
        .where(m.c.programme == programme, m.c.way != "contractor", m.c.sent_on.is_not(None))
        .group_by(m.c.kind, of_today)
    )
    rows = connection.execute(query).all()
    found = [Count(title, *_today_and_all(rows, kind)) for kind, title in mail.LABELS_JA.items()]
    came_back = b.c.business_date == day
    returned = connection.execute(
        sa.select(sa.literal("returned"), came_back, sa.func.count())
        .where(b.c.programme == programme)
        .group_by(came_back)
    ).all()
    return [*found, Count("返戻(委託先の発送分を含む)", *_today_and_all(returned, "returned"))]


def _claims(connection: sa.Connection, programme: str, day: date) -> list[Count]:
    """Claims matched, by channel; corrected and withdrawn ones count where they came in."""
    c = tables.claim
    is_today = c.c.day == day
    query = (
        sa.select(c.c.channel, is_today, sa.func.count())
        .where(c.c.programme == programme)
        .group_by(c.c.channel, is_today)
    )
    rows = connection.execute(query).all()
    return [Count(title, *_today_and_all(rows, channel)) for channel, title in CHANNELS.items()]


def _today_and_all(rows: Iterable[Sequence[Any]], key: str) -> tuple[int, int]:
    """(of today, of all days) of the rows (key, whether today, count)."""
    own = [(bool(is_today), int(count)) for name, is_today, count in rows if name == key]
    return sum(count for is_today, count in own if is_today), sum(count for _, count in own)


def _held(connection: sa.Connection, programme: str, day: date) -> list[Held]:
    """Who waits, by finding code and age; somebody with two codes counts under both."""
    e, c = tables.entitlement, tables.claim
    query = (
        sa.select(e.c.codes, c.c.day, sa.func.count())
        .join(c, (c.c.programme == e.c.programme) & (c.c.claim_id == e.c.claim_id))
        .where(e.c.programme == programme, e.c.state.in_([Entitlement.HELD, Entitlement.CLAIMED]))
        .group_by(e.c.codes, c.c.day)
    )
    found: dict[str, Counter[int]] = {}
    for codes, since, count in connection.execute(query):
        for code in filter(None, codes.split(";")):
            found.setdefault(code, Counter())[_age((day - since).days)] += count
    held = [
        Held(code, FINDINGS[code].meaning, tuple(ages[at] for at in range(len(AGES))))
        for code, ages in found.items()
    ]
    return sorted(held, key=lambda h: (-h.people, h.code))


def _age(days: int) -> int:
    return next(at for at, (most, _) in enumerate(AGES) if most is None or days <= most)


def _paid(connection: sa.Connection, programme: str, balance: Balance, day: date) -> list[Count]:
    """People on their way to the money, by what happened on the day and by where they stand."""
    a, b = tables.audit, tables.batch
    taken = sa.select(a.c.detail).filter_by(
        programme=programme, event="results.taken", business_date=day
    )
    results_of_day = [json.loads(detail) for detail in connection.execute(taken).scalars()]
    signed = sa.select(a.c.detail).filter_by(
        programme=programme, event="cash.received", business_date=day
    )
    received = sum(json.loads(d)["people"] for d in connection.execute(signed).scalars())
    drafted = sa.select(sa.func.coalesce(sa.func.sum(b.c.people), 0)).where(
        b.c.programme == programme, b.c.business_date == day, b.c.state != Batch.REJECTED
    )
    today = {
        Entitlement.IN_PAYMENT: int(connection.execute(drafted).scalar_one()),
        Entitlement.PAID: sum(found["paid"] for found in results_of_day) + received,
        Entitlement.RETURNED: sum(found["returned"] for found in results_of_day),
    }
    return [Count(LABELS_JA[s], number, balance.states[s]) for s, number in today.items()]


_BATCH_STATES = {
    (Route.TRANSFER, Batch.DRAFTED): "起案済み(承認待ち)",
    (Route.TRANSFER, Batch.APPROVED): "承認済み(送付前)",
    (Route.TRANSFER, Batch.SENDING): "送付中",
    (Route.TRANSFER, Batch.DELIVERED): "銀行が受領(結果待ち)",
    (Route.CASH, Batch.DRAFTED): "窓口払い 起案済み(承認待ち)",
    (Route.CASH, Batch.APPROVED): "窓口払い 受領待ち",
}


def _batches(connection: sa.Connection, programme: str) -> list[tuple[str, int, int]]:
    """(state, batches, yen) of the batches that are not settled."""
    b = tables.batch
    query = (
        sa.select(b.c.route, b.c.state, sa.func.count(), sa.func.sum(b.c.sum_yen))
        .where(b.c.programme == programme)
        .group_by(b.c.route, b.c.state)
    )
    found = {
        (route, state): (int(n), int(yen)) for route, state, n, yen in connection.execute(query)
    }
    return [(title, *found[where]) for where, title in _BATCH_STATES.items() if where in found]


def _needed(
    connection: sa.Connection, of: Programme, day: date, balance: Balance, waiting_rows: int,
    owed: Iterable[Owed],
) -> list[tuple[str, int]]:  # fmt: skip
    """What waits for a person, each with how many; nothing that is zero."""
    programme = of.id
    b, r, u, q = tables.batch, tables.release, tables.unlinked_row, tables.erasure_request
    days = {party.id: party.acknowledge_days for party in of.parties}
    unacknowledged = sent.unacknowledged(connection, programme, days)

    def count(table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(table)
        return int(
            connection.execute(query.where(table.c.programme == programme, *where)).scalar_one()
        )

    late = [o for o in owed if o.state in ("missing", "stale", "refused")]
    standing = incidents.standing(connection, programme)
    lacking = [p for p in of.parties if rosters.lacking(connection, of, p.id)]
    found = [
        ("事故・事故のおそれで送付を止めている相手先の対応(kyufu incident list)", len(standing)),
        ("うち手続の期限を過ぎたもの", incidents.count_late(standing, of.incidents, day)),
        ("名簿・研修・再委託の承諾が登録されていない相手先(kyufu roster list)", len(lacking)),
        ("保留・不備の人の確認(kyufu holds list)",
         balance.states[Entitlement.HELD] + balance.states[Entitlement.CLAIMED]),
        ("振込の承認を待つ一括", count(b, b.c.state == Batch.DRAFTED, b.c.route == str(Route.TRANSFER))),
        ("窓口払いの承認を待つ一括(kyufu cash list)",
         count(b, b.c.state == Batch.DRAFTED, b.c.route == str(Route.CASH))),
        ("窓口でまだ受領のない支払(kyufu cash list)", len(cash.at_counter(connection, programme))),
        ("受領の確認が来ていない外部への送付",
         count(r, r.c.medium == "lgwan", r.c.state == "delivered", ~r.c.acknowledged)),
        ("期限までに受領の確認が来なかった送付(kyufu deliveries)", sum(s.is_late(day) for s in unacknowledged)),
        ("相手に届いたか分からない送付(送付先に確認)", count(r, r.c.state == "unknown")),
        ("振込結果の分からない人(銀行に確認)", balance.states[Entitlement.UNKNOWN]),
        ("振込不能の人(口座の訂正を求める)", balance.states[Entitlement.RETURNED]),
        ("返戻されたまま対応していない郵便物(kyufu mail list --returned)",
         sum(m.needs_somebody for m in mail.list_mail(connection, programme, returned_only=True))),
        ("対象者が見つからない名簿の行(二人で決定)", count(u, ~u.c.decided)),
        ("照合できない振込結果(kyufu results list)", len(results.open_faults(connection, programme))),
        ("対象外と分かった人への支払(回収の要否を決める)", len(recoveries.candidates(connection, programme))),
        ("回収の終わっていない人(kyufu recovery list)",
         sum(bool(r.open_yen) for r in recoveries.opened(connection, programme))),
        ("保留中の行(kyufu quarantine list)", waiting_rows),
        ("届いていない・古い・拒否されたままの名簿", len(late)),
        ("期限までに届かない返還・消去の証明書(kyufu erasure status)",
         count(q, q.c.certified_on.is_(None), q.c.due < day)),
    ]  # fmt: skip
    return [(title, number) for title, number in found if number]
