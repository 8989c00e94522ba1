"""Files on the ward's own PC: the right day, whole sets, a control sheet that agrees, a signed zero."""

import json
from datetime import date

import pytest
import sqlalchemy as sa

from pipelines.disclosure.guard import DisclosureRefused
from pipelines.errors import InputMissing, InputRefused, KyufuError
from pipelines.intake import gates
from pipelines.intake.staging import sha256
from pipelines.ledger import tables
from pipelines.ledger.approvals import ApprovalRefused
from pipelines.programme import ROOT
from pipelines.steps import approvals, claims, inbox, register, reports, welfare
from tests.unit.intake.refusals import CANARY, refusal

# a step that refuses a day after staging it leaves it staged: it must hand its check to `receive.stage` as the gate
DAY = date(2020, 5, 18)
PROGRAMME = ROOT / "programmes" / "shinjuku-2020.toml"
HEADER = "住民番号,世帯番号,カナ氏名,漢字氏名,続柄,生年月日,郵便番号,住所,方書,世帯主漢字氏名"
ROW = "{0:010d},{0:010d},ミホン,見本花子,02,19800401,1600022,東京都新宿区新宿１丁目,,見本花子"
PLACEMENT = "氏名,生年月日,住民票所在市区町村名,施設所在市区町村名"


def _csv(*lines, encoding="cp932"):
    return "".join(f"{line}\r\n" for line in lines).encode(encoding)


@pytest.fixture
def arrive(campaign):
    """Put a file into the folder of the day."""

    def put(name, data, day=DAY):
        folder = campaign.inbox / day.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
        return data

    return put


def _sheet(data, rows, **other):
    items = {
        "基準日": "20200427",
        "抽出日時": "20200518090000",
        "件数": str(rows),
        "世帯数": str(rows),
        "SHA256": sha256(data),
        "作成者": "見本",
        **other,
    }
    return _csv("項目,値", *(f"{item},{value}" for item, value in items.items()))


@pytest.fixture
def extract(arrive):
    """An extract of three rows with its control sheet."""

    def put(*, rows=3, bad=(), **sheet):
        data = _csv(HEADER, *(ROW.format(n) for n in range(1, rows + 1)), *bad)
        arrive("register_20200518.csv", data)
        arrive("register_20200518.control.csv", _sheet(data, rows + len(bad), **sheet))
        return data

    return put


# the register and its control sheet


def test_an_extract_with_its_control_sheet_is_taken_in_and_frozen(campaign, extract):
    extract()
    assert register.receive_register(campaign, DAY)["accepted"] == 3
    assert register.freeze_snapshot(campaign, DAY)["people"] == 3


def test_the_snapshot_freezes_once(campaign, extract):
    extract()
    register.receive_register(campaign, DAY)
    first = register.freeze_snapshot(campaign, DAY)
    assert register.freeze_snapshot(campaign, DAY) == {**first, "repeated": True}
    later = date(2020, 5, 19)
    assert register.freeze_snapshot(campaign, later)["frozen"] is False


def test_a_missing_extract_is_named_with_its_folder(campaign):
    message = refusal(InputMissing, lambda: register.receive_register(campaign, DAY))
    assert "2020-05-18/register_20200518.csv" in message
    assert _refusals(campaign) == []  # nothing came that was refused


def test_a_missing_control_sheet_is_named(campaign, arrive):
    arrive("register_20200518.csv", _csv(HEADER, ROW.format(1)))
    message = refusal(InputMissing, lambda: register.receive_register(campaign, DAY))
    assert "register_20200518.control.csv" in message
    assert _refusals(campaign) == [("register", DAY, message)]
    assert campaign.staging.manifest("register", DAY) is None


def test_f29_an_extract_of_another_day_is_refused(campaign, arrive):
    arrive("register_20200517.csv", _csv(HEADER, ROW.format(1)))
    message = refusal(InputRefused, lambda: register.receive_register(campaign, DAY))
    assert "register_20200517.csv" in message
    assert "register_20200518.csv" in message
    assert _refusals(campaign) == [("register", DAY, message)]


def test_a_control_sheet_that_cannot_be_read_is_refused_and_recorded(campaign, extract, arrive):
    extract()
    arrive("register_20200518.control.csv", _csv("項目,内容"))
    message = refusal(InputRefused, lambda: register.receive_register(campaign, DAY))
    assert _refusals(campaign) == [("register", DAY, message)]


@pytest.mark.parametrize("item", ["SHA256", "基準日", "件数"])
def test_f29_a_control_sheet_that_disagrees_is_refused_and_nothing_is_staged(
    campaign, extract, item
):
    extract(**{item: "20200426"})
    message = refusal(InputRefused, lambda: register.receive_register(campaign, DAY))
    assert f"「{item}」" in message
    assert campaign.staging.manifest("register", DAY) is None
    assert register.freeze_snapshot(campaign, DAY)["frozen"] is False


def test_f29_a_truncated_extract_is_refused(campaign, arrive, extract):
    arrive("register_20200518.csv", extract()[:-40])
    assert "SHA256" in refusal(InputRefused, lambda: register.receive_register(campaign, DAY))


def test_an_extract_with_quarantined_rows_does_not_freeze(campaign, extract):
    extract(bad=[f"12,{CANARY}"])
    assert register.receive_register(campaign, DAY)["quarantined"] == 1
    for _ in range(2):
        message = refusal(InputRefused, lambda: register.freeze_snapshot(campaign, DAY))
        assert "保留1行" in message
        assert _refusals(campaign) == [("register", DAY, message)]
    reports.write(campaign, DAY)
    page = reports.folder(campaign) / "intake" / str(DAY) / "register.html"
    assert message in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "sheet",
    [
        b"",
        _csv("項目,内容"),
        _csv("項目,値", f"件数,3,{CANARY}"),
        b"\x81",
        _csv("基準日,20200427"),
        _csv("項目,値", f"申告者,{CANARY * 40_000}"),
    ],
)
def test_what_is_no_control_sheet_is_refused(sheet):
    assert "register.control.csv" in refusal(
        InputRefused, lambda: gates.read_sheet(sheet, "register.control.csv")
    )


# the lists and their declarations of zero


def _zero(data=b"", **other):
    """A declaration of zero for an empty list's bytes."""
    items = {
        "名簿": "placement_elderly",
        "基準日": "20200518",
        "件数": "0",
        "SHA256": sha256(data or _csv(PLACEMENT)),
        "申告者": "見本一",
        "確認者": "見本二",
        "申告日": "20200517",
        **other,
    }
    return _csv("項目,値", *(f"{item},{value}" for item, value in items.items()))


@pytest.fixture
def empty_list(arrive):
    arrive("placement_elderly_20200518.csv", _csv(PLACEMENT))
    return "placement_elderly"


def test_an_empty_list_passes_with_its_signed_zero(campaign, arrive, empty_list):
    arrive("placement_elderly_20200518.zero.csv", _zero())
    result = welfare.receive_list(campaign, DAY, empty_list)
    assert (result["received"], result["rows_in"]) == (True, 0)
    assert campaign.guard(DAY).list_days[empty_list] is None  # nobody has looked for its people yet
    welfare.link_people(campaign, DAY)
    assert campaign.guard(DAY).list_days[empty_list] == DAY


def test_f33_an_empty_list_without_its_zero_is_refused_and_counts_as_missing(campaign, empty_list):
    message = refusal(InputRefused, lambda: welfare.receive_list(campaign, DAY, empty_list))
    assert "placement_elderly_20200518.zero.csv" in message
    assert campaign.guard(DAY).list_days[empty_list] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"名簿": "placement_disability"}, {"件数": "1"}, {"基準日": "20200417"}, {"SHA256": "0" * 64}, {"申告者": ""},
        {"確認者": " "}, {"確認者": "見本一"}, {"申告日": ""}, {"申告日": "20200532"}, {"申告日": "令和2年5月"},
    ],
)  # fmt: skip
def test_f33_a_declaration_for_something_else_is_refused(campaign, arrive, empty_list, wrong):
    arrive("placement_elderly_20200518.zero.csv", _zero(**wrong))
    message = refusal(InputRefused, lambda: welfare.receive_list(campaign, DAY, empty_list))
    assert "placement_elderly_20200518.zero.csv" in message
    assert f"「{next(iter(wrong))}」" in message
    assert campaign.guard(DAY).list_days[empty_list] is None
    assert _events(campaign) == []


def test_f33_an_empty_list_that_was_replaced_needs_a_new_declaration(campaign, arrive, empty_list):
    arrive("placement_elderly_20200518.zero.csv", _zero())
    welfare.receive_list(campaign, DAY, empty_list)
    other = arrive("placement_elderly_20200518.csv", _csv(PLACEMENT)[:-2] + b"\n")
    message = refusal(InputRefused, lambda: welfare.receive_list(campaign, DAY, empty_list))
    assert "「SHA256」" in message
    assert sha256(other) in message
    assert campaign.staging.versions(empty_list, DAY) == [1]
    arrive("placement_elderly_20200518.zero.csv", _zero(other))
    assert welfare.receive_list(campaign, DAY, empty_list)["version"] == 2
    assert len(_events(campaign)) == 2


def test_who_declared_zero_and_when_is_recorded_once_and_shown(campaign, arrive, empty_list):
    arrive("placement_elderly_20200518.zero.csv", _zero())
    for _ in range(2):
        welfare.receive_list(campaign, DAY, empty_list)
    ((event, subject, actor, detail),) = _events(campaign)
    assert (event, subject) == ("intake.zero_declared", "placement_elderly:2020-05-18")
    assert actor == "見本一、見本二"
    told = json.loads(detail)
    assert (told["declared_on"], told["content"]) == ("20200517", sha256(_csv(PLACEMENT)))
    assert told["declaration"] == sha256(_zero())
    reports.write(campaign, DAY)
    page = reports.folder(campaign) / "intake" / str(DAY) / f"{empty_list}.html"
    shown = page.read_text(encoding="utf-8")
    assert "零件の申告: 申告者と確認者は見本一、見本二、申告日は20200517。" in shown


def _events(campaign):
    a = tables.audit
    query = sa.select(a.c.event, a.c.subject, a.c.actor, a.c.detail)
    with campaign.ledger.read() as connection:
        return [tuple(row) for row in connection.execute(query.where(a.c.event.like("intake.%")))]


def test_f33_a_list_of_which_no_row_is_readable_is_no_empty_list(campaign, arrive):
    arrive("placement_elderly_20200518.csv", _csv(PLACEMENT, f"{CANARY}"))
    refusal(KyufuError, lambda: _receive_and_check_lists(campaign))


def _receive_and_check_lists(campaign):
    welfare.receive_list(campaign, DAY, "placement_elderly")
    one_list = campaign.programme.model_copy(
        update={"list_sources": (campaign.programme.source("placement_elderly"),)}
    )
    campaign.guard(DAY).assert_lists_current(one_list, DAY)


def test_a_list_that_did_not_come_today_is_no_error_but_none_ever_is(campaign):
    assert welfare.receive_list(campaign, DAY, "placement_elderly")["received"] is False
    with pytest.raises(DisclosureRefused, match="facility_children"):
        campaign.guard(DAY).assert_lists_current(campaign.programme, DAY)


def test_a_list_after_its_collection_period_is_refused_visibly(campaign, arrive):
    day = date(2020, 9, 1)
    arrive("placement_elderly_20200901.csv", _csv(PLACEMENT, f"{CANARY},1,2,3"), day)
    result = welfare.receive_list(campaign, day, "placement_elderly")
    assert result["received"] is False
    assert "2020-05-01 .. 2020-08-31" in result["refused"]
    assert CANARY not in str(result)
    assert campaign.staging.manifest("placement_elderly", day) is None


# sets of files


def test_half_of_a_set_is_refused_by_name(campaign, arrive):
    arrive("inhouse_claims_20200518.csv", b"x")
    message = refusal(InputMissing, lambda: claims.receive(campaign, DAY, "inhouse"))
    assert "inhouse_members_20200518.csv" in message
    assert _refusals(campaign) == [("inhouse_claims", DAY, message)]


def test_nothing_of_a_set_is_nothing(campaign):
    assert inbox.read_ward_files(campaign, "inhouse_claims", DAY) is None


def test_an_intake_is_entered_once_with_counts_only(campaign, extract):
    extract()
    first = register.receive_register(campaign, DAY)
    assert register.receive_register(campaign, DAY) == first
    with campaign.ledger.read() as connection:
        totals = inbox.intake_totals(connection, campaign.programme.id)
    assert totals == {"rows_in": 3, "accepted": 3, "quarantined": 0, "duplicates": 0}
    assert not any("見本" in str(value) for value in first.values())


# gates of every delivery

IMPAIRED = "住民番号,氏名"
CHANGES = (
    "住民番号,世帯番号,異動事由,異動年月日,届出年月日,"
    "カナ氏名,漢字氏名,続柄,生年月日,郵便番号,住所,方書,世帯主漢字氏名"
)
DEATH = "{0:010d},{0:010d},死亡,20200510,{1},,,,,,,,"
NEXT = date(2020, 5, 19)


def _refusals(campaign):
    r = tables.refusal
    with campaign.ledger.read() as connection:
        return [
            tuple(row) for row in connection.execute(sa.select(r.c.subject, r.c.day, r.c.reason))
        ]


@pytest.fixture
def changes(arrive, campaign):
    """Changes of a day, received."""

    def put(day, *rows):
        arrive(f"register_changes_{day:%Y%m%d}.csv", _csv(CHANGES, *rows), day)
        return register.receive_changes(campaign, day)

    return put


def test_f29_yesterdays_file_under_todays_name_is_refused_and_recorded(campaign, changes):
    changes(DAY, DEATH.format(1, "20200517"))
    message = refusal(InputRefused, lambda: changes(NEXT, DEATH.format(1, "20200517")))
    assert "2020-05-18" in message
    assert campaign.staging.manifest("register_changes", NEXT) is None
    assert _refusals(campaign) == [("register_changes", NEXT, message)]


def test_f29_a_refused_file_stops_only_its_own(campaign, changes, arrive):
    changes(DAY, DEATH.format(1, "20200517"))
    refusal(InputRefused, lambda: changes(NEXT, DEATH.format(1, "20200517")))
    arrive("visually_impaired_20200519.csv", _csv(IMPAIRED, "0000000001,見本"), NEXT)
    assert welfare.receive_list(campaign, NEXT, "visually_impaired")["accepted"] == 1


def test_a_repeated_file_enters_on_its_declaration_and_that_is_recorded(campaign, changes, arrive):
    row = DEATH.format(1, "20200517")
    changes(DAY, row)
    items = {
        "名簿": "register_changes", "基準日": "20200519", "件数": "1", "SHA256": sha256(_csv(CHANGES, row)),
        "理由": "前日分の再送", "申告者": "見本一", "確認者": "見本二",
    }  # fmt: skip
    sheet = _csv("項目,値", *(f"{item},{value}" for item, value in items.items()))
    arrive("register_changes_20200519.declared.csv", sheet, NEXT)
    for _ in range(2):
        assert changes(NEXT, row)["accepted"] == 1
    with campaign.ledger.read() as connection:
        query = sa.select(tables.audit.c.event, tables.audit.c.subject)
        events = [tuple(row) for row in connection.execute(query)]
    assert events == [("intake.declared", "register_changes:2020-05-19")]


def test_f29_dates_of_another_day_are_refused(campaign, changes):
    message = refusal(InputRefused, lambda: changes(DAY, DEATH.format(1, "20200601")))
    assert _refusals(campaign) == [("register_changes", DAY, message)]


@pytest.mark.parametrize("item", [None, "件数", "SHA256", "基準日"])
def test_a_control_sheet_that_comes_with_a_list_must_agree(campaign, arrive, item):
    data = arrive("visually_impaired_20200518.csv", _csv(IMPAIRED, "0000000001,見本"))
    items = {"基準日": "20200518", "件数": "1", "SHA256": sha256(data)} | (
        {item: "9"} if item else {}
    )
    sheet = _csv("項目,値", *(f"{name},{value}" for name, value in items.items()))
    arrive("visually_impaired_20200518.control.csv", sheet)
    if item is None:
        assert welfare.receive_list(campaign, DAY, "visually_impaired")["accepted"] == 1
        return
    call = lambda: welfare.receive_list(campaign, DAY, "visually_impaired")  # noqa: E731
    assert f"「{item}」" in refusal(InputRefused, call)
    assert campaign.staging.manifest("visually_impaired", DAY) is None


# versions


def test_one_campaign_sees_the_snapshot_as_soon_as_it_is_frozen(campaign, extract):
    extract()
    assert campaign.snapshot_people.num_rows == 0
    register.receive_register(campaign, DAY)
    assert campaign.snapshot_people.num_rows == 0
    frozen = register.freeze_snapshot(campaign, DAY)
    assert campaign.snapshot_people.num_rows == frozen["people"] > 0
    assert campaign.snapshot_people is campaign.snapshot_people  # read once


def test_the_frozen_register_cannot_be_replaced(campaign, extract):
    extract()
    first = register.receive_register(campaign, DAY)
    register.freeze_snapshot(campaign, DAY)
    people = campaign.snapshot_people
    assert register.receive_register(campaign, DAY) == first
    extract(rows=4)
    message = refusal(InputRefused, lambda: register.receive_register(campaign, DAY))
    assert "確定済み" in message
    assert _refusals(campaign) == [("register", DAY, message)]
    assert campaign.staging.versions("register", DAY) == [1]
    assert campaign.snapshot_people.equals(people)


def test_a_register_that_was_replaced_before_it_is_frozen_is_frozen_in_its_newest_version(
    campaign, extract
):
    extract()
    register.receive_register(campaign, DAY)
    extract(rows=4)
    assert register.receive_register(campaign, DAY)["version"] == 2
    assert register.freeze_snapshot(campaign, DAY)["people"] == 4
    assert campaign.staging.manifest("register", DAY, 1).rows_in == 3


def test_a_replaced_list_is_linked_again_and_counts_as_missing_until_then(campaign, arrive):
    arrive("visually_impaired_20200518.csv", _csv(IMPAIRED, "0000000001,見本"))
    welfare.receive_list(campaign, DAY, "visually_impaired")
    first = welfare.link_people(campaign, DAY)
    assert campaign.guard(DAY).list_days["visually_impaired"] == DAY
    arrive("visually_impaired_20200518.csv", _csv(IMPAIRED, "0000000002,見本"))
    assert welfare.receive_list(campaign, DAY, "visually_impaired")["version"] == 2
    assert campaign.guard(DAY).list_days["visually_impaired"] is None
    second = welfare.link_people(campaign, NEXT)
    assert second["deliveries"] == [["visually_impaired", "2020-05-18", 2]]
    assert campaign.guard(NEXT).list_days["visually_impaired"] == DAY
    assert welfare.link_people(campaign, NEXT) == {**second, "repeated": True}
    assert welfare.link_people(campaign, DAY) == {**first, "repeated": True}


FACILITY = "氏名,生年月日,性別,住民票住所,施設所在地住所,入所等年月日,退所等年月日"
NOBODY = "見本不明,19900101,1,東京都新宿区西新宿１丁目,東京都中野区中野１丁目,20200401,"


def test_rows_that_nobody_is_of_a_replaced_list_are_decided_with_the_list_that_replaces_it(
    campaign, extract, arrive
):
    extract()
    register.receive_register(campaign, DAY)
    register.freeze_snapshot(campaign, DAY)
    drafts = []
    for rows in ([NOBODY], []):
        data = arrive("facility_children_20200518.csv", _csv(FACILITY, *rows))
        arrive("facility_children_20200518.zero.csv", _zero(data, 名簿="facility_children"))
        welfare.receive_list(campaign, DAY, "facility_children")
        drafts.append(welfare.link_people(campaign, DAY))
    assert [(draft["unlinked"], draft["needed"]) for draft in drafts] == [(1, 2), (1, 2)]
    assert campaign.guard(DAY).undecided_rows == 1
    refusal(ApprovalRefused, lambda: welfare.apply_people(campaign, DAY))
    for actor in ("見本一", "見本二"):
        approvals.decide(
            campaign, drafts[1]["subject"], drafts[1]["hash"], actor, True, "起案者", DAY
        )
    welfare.apply_people(campaign, DAY)
    assert campaign.guard(DAY).undecided_rows == 0


def test_rows_of_other_bytes_for_the_same_day_are_other_evidence(campaign, arrive):
    for rows in (["0000000001,見本"], ["0000000002,見本"]):
        arrive("visually_impaired_20200518.csv", _csv(IMPAIRED, *rows))
        welfare.receive_list(campaign, DAY, "visually_impaired")
    named = [
        welfare._evidence_of(campaign, inbox.Delivery("visually_impaired", DAY, version))
        for version in (1, 2)
    ]
    assert named == ["visually_impaired/2020-05-18", "visually_impaired/2020-05-18/v002"]


def test_changes_that_came_again_are_applied_on_the_next_day(campaign, extract, changes):
    extract()
    register.receive_register(campaign, DAY)
    register.freeze_snapshot(campaign, DAY)
    early = "{0:010d},{0:010d},死亡,20200420,20200517,,,,,,,,"
    changes(DAY, early.format(1))
    assert register.apply_changes(campaign, DAY)["ineligible"] == 1
    changes(DAY, early.format(1), early.format(2))
    assert register.apply_changes(campaign, NEXT)["ineligible"] == 1
    assert register.apply_changes(campaign, NEXT)["repeated"] is True
    assert register.apply_changes(campaign, DAY)["repeated"] is True
