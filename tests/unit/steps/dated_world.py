"""A ward whose sources write most dates as era number, year, month and day."""

from datetime import date
from itertools import pairwise

import sqlalchemy as sa

from pipelines.intake.staging import sha256
from pipelines.ledger import payments as ledger_payments
from pipelines.ledger import results, tables
from pipelines.ledger.states import Batch
from pipelines.steps import claims, payments, quarantine, register
from tests.ledger_states import read_states
from tests.unit.intake.intake_world import PASSWORD, arrive, csv_bytes, mend
from tests.unit.ledger.ledger_world import told

DAY, NEXT = date(2020, 5, 18), date(2020, 5, 19)
BASE = "20200427"
COMPACT = "NEEMMDD"  # 5020420 is the 20th of April 2020
LAYOUTS = {
    "register_changes": ("changed_on", "notified_on", "birth_date"),
    "facility_children": ("admitted_on", "discharged_on"),
    "inhouse_claims": ("received_on", "postmarked_on"),
    "postal_claims": ("received_on", "postmarked_on"),
}
REGISTER = "住民番号,世帯番号,カナ氏名,漢字氏名,続柄,生年月日,郵便番号,住所,方書,世帯主漢字氏名"
RESIDENT = "{0:010d},{0:010d},ミホン,見本{1},02,1980040{0},1600022,東京都新宿区新宿１丁目,,見本{1}"
CHANGES = (
    "住民番号,世帯番号,異動事由,異動年月日,届出年月日,カナ氏名,漢字氏名,続柄,生年月日,郵便番号,住所,方書,"
    "世帯主漢字氏名"
)
CHANGE = "{:010d},{:010d},{},{},5020510,,,,,,,,"
CHILDREN = "氏名,生年月日,性別,住民票住所,施設所在地住所,入所等年月日,退所等年月日"
CHILD = "見本{1},1980040{0},1,東京都新宿区新宿１丁目,東京都新宿区西新宿２丁目,5020401,{2}"
CLAIMS = (
    "受付番号,受付年月日,消印年月日,申請区分,元受付番号,世帯番号,申請者住民番号,申請者氏名,申請者カナ,申請者生年月日,"
    "代理区分,代理人カナ,金融機関コード,支店コード,預金種目,口座番号,口座名義カナ,記号,番号,不備コード"
)
CLAIM = "P{0},{2},{3},新規,,{0:010d},{0:010d},見本{1},ミホン,1980040{0},,,0001,001,1,123456{0},ミホン,,,"
MEMBERS = "受付番号,行,氏名,生年月日,不要"
MEMBER = "P{0},1,見本{1},1980040{0},"
NAMES = {1: "一子", 2: "二郎", 3: "三子", 4: "四郎"}


def freeze(c):
    data = csv_bytes(REGISTER, *(RESIDENT.format(n, name) for n, name in NAMES.items()))
    arrive(c, "register_20200518.csv", data, DAY)
    items = {
        "基準日": BASE, "抽出日時": "20200518090000", "件数": "4", "世帯数": "4",
        "SHA256": sha256(data), "作成者": "見本",
    }  # fmt: skip
    sheet = csv_bytes("項目,値", *(f"{item},{value}" for item, value in items.items()))
    arrive(c, "register_20200518.control.csv", sheet, DAY)
    register.receive_register(c, DAY)
    assert register.freeze_snapshot(c, DAY)["people"] == 4


def send_changes(c, *rows, day=DAY):
    lines = [row if isinstance(row, str) else CHANGE.format(row[0], *row) for row in rows]
    arrive(c, f"register_changes_{day:%Y%m%d}.csv", csv_bytes(CHANGES, *lines), day)
    return register.receive_changes(c, day)


def send_claims(c, day, dates, lacks=None):
    """Everybody's own claim; dates: who -> (received_on, postmarked_on); lacks: who -> deficiency code."""
    claim_rows = [
        CLAIM.format(n, NAMES[n], *written) + (lacks or {}).get(n, "")
        for n, written in dates.items()
    ]
    member_rows = [MEMBER.format(n, NAMES[n]) for n in dates]
    for name, lines in (("claims", (CLAIMS, *claim_rows)), ("members", (MEMBERS, *member_rows))):
        arrive(c, f"inhouse_{name}_{day:%Y%m%d}.csv", csv_bytes(*lines, encoding="utf-8"), day)
    return claims.receive(c, day, "inhouse")


def states(c):
    with c.ledger.read() as connection:
        rows = read_states(connection, c.programme.id)
    return {row["person_id"][-1]: (row["state"], row["codes"]) for row in rows}


def send_to_bank(c, day=DAY):
    """Draft the day's batch and bring it to the bank; returns its id."""
    (batch_id,) = payments.draft(c, day)["batches"]
    way = (Batch.DRAFTED, Batch.APPROVED, Batch.SENDING, Batch.DELIVERED)
    with c.ledger.write() as connection:
        for before, after in pairwise(way):
            ledger_payments.set_batch_state(connection, c.programme.id, batch_id, {before}, after)
    return batch_id


def settle(c, batch_id, paid=True, day=NEXT):
    """The bank paid, or returned, the whole batch."""
    p = tables.payment
    with c.ledger.write() as connection:
        rows = connection.execute(sa.select(p).filter_by(batch_id=batch_id)).all()
        found = [told(row, not paid, number) for number, row in enumerate(rows, start=2)]
        file = results.ResultFile("results.txt", f"hash of {batch_id} {paid}", found)
        results.settle(connection, c.programme.id, file, day)
        return register.take_out_gone(c, connection, day)


def mend_changes(c, day, changes):
    data = quarantine.export(c, "register_changes", day, PASSWORD, "os:steward", "修正", NEXT)
    return quarantine.take_back(
        c, mend(data, "rows", changes), "back.xlsx", PASSWORD, "os:steward", NEXT
    )
