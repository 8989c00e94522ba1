"""Which claims of a delivery are still to be decided, whatever was mended or came again meanwhile."""

from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.errors import InputRefused
from pipelines.intake.mending import Mending
from pipelines.ledger import tables
from pipelines.steps import claims, inbox, quarantine, undecided
from tests.ledger_states import read_states
from tests.unit.intake.intake_world import arrive, csv_bytes
from tests.unit.intake.refusals import refusal

DAY, NEXT, THIRD = date(2020, 5, 18), date(2020, 5, 19), date(2020, 5, 20)
DATASET = "inhouse_claims"
CLAIMS = (
    "受付番号,受付年月日,消印年月日,申請区分,元受付番号,世帯番号,申請者住民番号,申請者氏名,申請者カナ,申請者生年月日,"
    "代理区分,代理人カナ,金融機関コード,支店コード,預金種目,口座番号,口座名義カナ,記号,番号,不備コード"
)
CLAIM = "{0},20200518,,{1},,{2},,見本,ミホン,19800401,,,0001,001,1,1234567,ミホン,,,"
MEMBERS = "受付番号,行,氏名,生年月日,不要"


@pytest.fixture
def receive(campaign):
    def put(claim_rows, member_rows, day=DAY):
        arrive(
            campaign,
            f"inhouse_claims_{day:%Y%m%d}.csv",
            csv_bytes(CLAIMS, *claim_rows, encoding="utf-8"),
            day,
        )
        arrive(
            campaign,
            f"inhouse_members_{day:%Y%m%d}.csv",
            csv_bytes(MEMBERS, *member_rows, encoding="utf-8"),
            day,
        )
        return claims.receive(campaign, day, "inhouse")

    return put


@pytest.fixture
def restage(campaign):
    """The day's next version, with rows mended."""

    def put(cells):
        from pipelines.intake import receive as intake

        files = campaign.staging.sources(DATASET, DAY)
        return intake.stage(
            campaign.programme, campaign.staging, DATASET, DAY, files, mended=Mending(cells)
        )

    return put


def _short(person_id):
    return f"R{int(person_id.removeprefix('R'))}"


def _states(c):
    with c.ledger.read() as connection:
        rows = read_states(connection, c.programme.id)
    return {_short(row["person_id"]): row["state"] for row in rows}


def _refusals(c, day):
    r = tables.refusal
    with c.ledger.read() as connection:
        return [
            tuple(row)
            for row in connection.execute(sa.select(r.c.subject, r.c.reason).filter_by(day=day))
        ]


def _decide(c, version, **outcomes):
    """As if the day's claims had been decided in that version."""
    values = {
        "programme": c.programme.id, "channel": "inhouse", "day": DAY, "kind": "new", "proxy_kind": "",
    }  # fmt: skip
    with c.ledger.write() as connection:
        for number, outcome in outcomes.items():
            connection.execute(
                sa.insert(tables.claim).values(claim_id=number, outcome=outcome, **values)
            )
    used = {"deliveries": [[DATASET, DAY.isoformat(), version]]}
    c.ledger.once("claims.decide", DAY, lambda _connection: used)


def _open(c, day=NEXT):
    """(claim numbers, (claim number, line) pairs) that the day's run would decide."""
    numbers, lines = [], []
    with c.ledger.read() as connection:
        wanted = inbox.deliveries(c, undecided.STEP, [DATASET], day)
        for found in undecided.open_claims(c, connection, wanted):
            numbers += found.claims.column("claim_no").to_pylist()
            pairs = found.members.select(["claim_no", "line"]).to_pylist()
            lines += [(row["claim_no"], row["line"]) for row in pairs]
    return sorted(numbers), sorted(lines)


GOOD = CLAIM.format("K1", "新規", "0000000001")
BAD = CLAIM.format("K2", "新規", "2")
MORE = CLAIM.format("K3", "新規", "0000000003").replace("1234567", "1234568")
MENDED = tuple(CLAIM.format("K2", "新規", "0000000002").split(","))
TWO_LINES = ["K1,1,見本,19800401,", "K1,2,,19800401,"]


def test_a_new_delivery_is_to_be_decided_whole(campaign, receive):
    receive([GOOD, BAD], ["K1,1,見本,19800401,", "K2,1,見本,19800401,"])
    assert _open(campaign, DAY) == (["K1"], [("K1", "1")])


def test_a_decided_delivery_is_not_decided_again(campaign, receive):
    receive([GOOD], ["K1,1,見本,19800401,"])
    _decide(campaign, 1, K1="paid")
    assert _open(campaign) == ([], [])


def test_a_mended_claim_of_a_decided_day_is_decided_with_its_lines(campaign, receive, restage):
    receive([GOOD, BAD], ["K1,1,見本,19800401,", "K2,1,見本,19800401,"])
    _decide(campaign, 1, K1="paid")
    restage({("claims", 3): MENDED})
    assert _open(campaign) == (["K2"], [("K2", "1")])


@pytest.mark.parametrize("outcome", ["paid", "held", "deficient"])
def test_a_mended_line_of_a_decided_claim_is_a_supplement(campaign, receive, restage, outcome):
    receive([GOOD], TWO_LINES)
    _decide(campaign, 1, K1=outcome)
    restage({("members", 3): ("K1", "2", "見本二", "19800401", "")})
    assert _open(campaign) == (["K1+v002"], [("K1+v002", "2")])


def test_a_supplement_is_made_once(campaign, receive, restage):
    lines = [*TWO_LINES, "K1,3,,19800401,"]
    receive([GOOD], lines)
    _decide(campaign, 1, K1="paid")
    second = {("members", 3): ("K1", "2", "見本二", "19800401", "")}
    restage(second)
    used = {"deliveries": [[DATASET, DAY.isoformat(), 2]]}
    campaign.ledger.once("claims.decide", NEXT, lambda _connection: used)
    assert _open(campaign, date(2020, 5, 20)) == ([], [])
    restage({**second, ("members", 4): ("K1", "3", "見本三", "19800401", "")})
    assert _open(campaign, date(2020, 5, 20)) == (["K1+v003"], [("K1+v003", "3")])


def test_a_file_that_came_again_adds_claims_and_changes_none(campaign, receive):
    receive([GOOD], ["K1,1,見本,19800401,"])
    _decide(campaign, 1, K1="paid")
    changed = GOOD.replace("1234567", "7654321")
    more = CLAIM.format("K3", "新規", "0000000003")
    result = receive([changed, more], ["K1,1,見本,19800401,", "K3,1,見本,19800401,"])
    assert result["version"] == 2
    assert _open(campaign) == (["K3"], [("K3", "1")])


def test_the_same_file_again_is_no_new_version(campaign, receive):
    first = receive([GOOD], ["K1,1,見本,19800401,"])
    _decide(campaign, 1, K1="paid")
    assert receive([GOOD], ["K1,1,見本,19800401,"]) == first


def test_a_delivery_that_comes_after_its_day_was_decided_is_refused_by_the_step_itself(campaign):
    campaign.ledger.once(undecided.STEP, DAY, lambda _c: {"deliveries": []})
    files = (
        ("inhouse_claims", CLAIMS, GOOD),
        ("inhouse_members", MEMBERS, "K1,1,見本一,19800401,"),
    )
    for name, header, row in files:
        data = csv_bytes(header, row, encoding="utf-8")
        arrive(campaign, f"{name}_{DAY:%Y%m%d}.csv", data, DAY)
    for _ in range(2):
        message = refusal(InputRefused, lambda: claims.receive(campaign, DAY, "inhouse"))
    assert "もう突合しました" in message
    assert _refusals(campaign, DAY) == [(DATASET, message)]
    assert campaign.staging.manifest(DATASET, DAY) is None


def test_a_repeated_number_is_left_out_and_told_and_the_rest_is_decided(campaign, receive, decide):
    receive([GOOD], ["K1,1,見本一,19800401,"])
    decide(DAY)
    receive([GOOD, MORE], ["K1,2,見本二,19800401,", "K3,1,見本三,19800401,"], NEXT)
    result = decide(NEXT)
    assert (result["claims"], result["left_out"]) == (1, 1)
    assert _states(campaign) == {"R1": "approved", "R2": "unclaimed", "R3": "approved"}
    ((subject, reason),) = _refusals(campaign, NEXT)
    assert subject == DATASET
    assert "1件" in reason
    assert "原本の2行目" in reason
    assert decide(date(2020, 5, 20))["claims"] == 0


def test_one_number_in_two_deliveries_of_a_day_is_decided_once(campaign, receive):
    receive([GOOD], ["K1,1,見本一,19800401,"])
    receive([GOOD, MORE], ["K3,1,見本三,19800401,"], NEXT)
    wanted = inbox.deliveries(campaign, undecided.STEP, [DATASET], NEXT)
    with campaign.ledger.read() as connection:
        first, second = undecided.open_claims(campaign, connection, wanted)
    assert first.claims.column("claim_no").to_pylist() == ["K1"]
    assert second.claims.column("claim_no").to_pylist() == ["K3"]
    assert second.repeated == (2,)


@pytest.mark.parametrize("kind", ["取下", "訂正"])
def test_a_withdrawn_or_corrected_claim_has_no_supplement(campaign, receive, restage, decide, kind):
    receive([GOOD], ["K1,1,見本一,19800401,", "K1,2,,19800401,"])
    decide(DAY)
    assert _states(campaign)["R1"] == "approved"
    naming = CLAIM.format("K9", kind, "0000000001").replace(f"{kind},,", f"{kind},K1,")
    receive([naming], [], NEXT)
    restage({("members", 3): ("K1", "2", "見本二", "19800401", "")})
    result = decide(NEXT)
    assert result["lines_left_out"] == 1
    assert _states(campaign)["R2"] == "unclaimed"
    ((_, reason),) = _refusals(campaign, DAY)
    assert "原本の3行目" in reason


def _correction(number, of):
    return CLAIM.format(number, "訂正", "0000000001").replace("訂正,,", f"訂正,{of},")


def _outcomes(c):
    t = tables.claim
    with c.ledger.read() as connection:
        return dict(connection.execute(sa.select(t.c.claim_id, t.c.outcome)).all())


def _entitled(c, number):
    with c.ledger.read() as connection:
        rows = read_states(connection, c.programme.id)
    return {_short(row["person_id"]): row["claim_id"] for row in rows}[number]


@pytest.mark.parametrize(("kind", "state"), [("訂正", "approved"), ("取下", "unclaimed")])
def test_whoever_a_supplement_holds_is_free_for_what_replaces_its_claim(
    campaign, receive, restage, decide, kind, state
):
    no_account = GOOD.replace("0001,001,1,1234567", ",,,")
    receive([no_account], TWO_LINES)
    decide(DAY)
    restage({("members", 3): ("K1", "2", "見本一", "19800401", "")})
    decide(NEXT)
    assert _states(campaign)["R1"] == "held"
    assert _entitled(campaign, "R1") == "K1+v002"
    naming = _correction("K9", "K1").replace("訂正", kind)
    receive([naming], ["K9,1,見本一,19800401,"], THIRD)
    decide(THIRD)
    assert _states(campaign)["R1"] == state
    replaced = {"訂正": "superseded", "取下": "withdrawn"}[kind]
    assert {_outcomes(campaign)[n] for n in ("K1", "K1+v002")} == {replaced}


def test_whom_a_supplement_had_approved_a_correction_leaves_alone(
    campaign, receive, restage, decide
):
    receive([GOOD], TWO_LINES)
    decide(DAY)
    restage({("members", 3): ("K1", "2", "見本一", "19800401", "")})
    decide(NEXT)
    assert _states(campaign)["R1"] == "approved"
    receive([_correction("K9", "K1")], ["K9,1,見本一,19800401,"], THIRD)
    decide(THIRD)
    assert (_states(campaign)["R1"], _entitled(campaign, "R1")) == ("approved", "K1+v002")
    assert _outcomes(campaign)["K1+v002"] == "paid"


def test_a_line_that_is_good_because_another_was_mended_is_decided_too(campaign, receive, restage):
    clash = ["K1,1,見本一,19800401,", "K1,2,見本二,19800401,", "K1,2,見本三,19800401,"]
    receive([GOOD], clash)
    _decide(campaign, 1, K1="paid")
    restage({("members", 4): ("K1", "3", "見本三", "19800401", "")})
    assert _open(campaign) == (["K1+v002"], [("K1+v002", "2"), ("K1+v002", "3")])


def test_what_waits_for_a_run_is_told(campaign, receive, restage):
    receive([GOOD, BAD], [])
    _decide(campaign, 1, K1="paid")
    assert quarantine.list_unused(campaign, NEXT) == []
    restage({("claims", 3): MENDED})
    assert quarantine.list_unused(campaign, NEXT) == [inbox.Delivery(DATASET, DAY, 2)]
