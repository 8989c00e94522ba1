"""Gates: yesterday's extract, a cut or doubled one, another day's dates; and what a signed declaration lets pass."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from pipelines.errors import InputRefused
from pipelines.intake import gates
from pipelines.intake.keys import date_key
from pipelines.intake.staging import Manifest, Staging, sha256
from pipelines.programme import ROOT, DateInside, Intake, load_programme
from schemas.datasets import DATES
from tests.unit.intake.refusals import CANARY, refusal

FIRST = date(2020, 5, 18)
BAND = Intake.model_validate(
    {
        "may_repeat": ["visually_impaired"],
        "last_deliveries": 3,
        "min_deliveries": 2,
        "min_rows": 20,
        "size_band": {"register_changes": {"at_least": 0.5, "at_most": 2.0}},
    }
)


def _manifest(content, *, rows=100, day=FIRST, dataset="register_changes", files=1):
    sources = {f"{n}_{day:%Y%m%d}.csv": sha256(f"{content}{n}".encode()) for n in range(files)}
    read = dict.fromkeys(sources, rows)
    return Manifest(dataset, day.isoformat(), sources, rows, rows, 0, 0, 0, {}, file_rows=read)


@pytest.fixture
def delivered(tmp_path):
    """Stage deliveries on days that follow each other; the next one's day is given back."""
    staging = Staging(tmp_path)

    def put(*deliveries, dataset="register_changes", files=1):
        for n, (content, rows) in enumerate(deliveries):
            day = FIRST + timedelta(days=n)
            made = _manifest(content, rows=rows, day=day, dataset=dataset, files=files)
            data = {name: name.encode() for name in made.sources}
            staging.write(made, {"rows": pa.table({"row": [2]})}, data)
        return staging, FIRST + timedelta(days=len(deliveries))

    return put


@pytest.mark.parametrize("files", [1, 2])
def test_f29_yesterdays_extract_is_found_under_todays_name(delivered, files):
    staging, day = delivered(("a", 100), ("b", 100), files=files)
    again = _manifest("a", day=day, files=files)
    assert gates.repeated_day(staging, again, BAND.may_repeat) == FIRST
    other = _manifest("c", day=day, files=files)
    assert gates.repeated_day(staging, other, BAND.may_repeat) is None


def test_an_empty_delivery_repeats_nothing(delivered):
    staging, day = delivered(("a", 0))
    again = _manifest("a", rows=0, day=day)
    assert gates.repeated_day(staging, again, BAND.may_repeat) is None


def test_a_list_delivered_whole_may_be_as_the_last_one_but_not_as_an_older_one(delivered):
    staging, day = delivered(("a", 9), ("b", 9), dataset="visually_impaired")
    same = _manifest("b", day=day, dataset="visually_impaired")
    assert gates.repeated_day(staging, same, BAND.may_repeat) is None
    older = _manifest("a", day=day, dataset="visually_impaired")
    assert gates.repeated_day(staging, older, BAND.may_repeat) == FIRST


def test_the_same_day_again_is_not_a_repetition(delivered):
    staging, _ = delivered(("a", 100), ("a", 100))
    assert gates.repeated_day(staging, _manifest("a"), BAND.may_repeat) is None


def test_f29_a_later_day_that_was_received_first_is_not_repeated(delivered):
    staging, _ = delivered(("b", 100), ("a", 100))
    came_late = _manifest("a")
    assert gates.repeated_day(staging, came_late, BAND.may_repeat) == FIRST + timedelta(days=1)


def test_a_list_delivered_whole_may_be_as_the_next_one_but_not_as_a_later_one(delivered):
    staging, _ = delivered(("a", 9), ("b", 9), ("c", 9), dataset="visually_impaired")
    after = FIRST + timedelta(days=2)
    found = [
        gates.repeated_day(
            staging, _manifest(content, dataset="visually_impaired"), BAND.may_repeat
        )
        for content in ("b", "c")
    ]
    assert found == [None, after]


def test_f29_one_file_of_a_set_that_came_again_repeats_its_day(delivered):
    staging, day = delivered(("a", 100), files=2)
    again = _manifest("b", day=day, files=2)
    name = next(iter(again.sources))
    again.sources[name] = _manifest("a", files=1).sources[f"0_{FIRST:%Y%m%d}.csv"]
    assert gates.repeated_day(staging, again, BAND.may_repeat) == FIRST
    again.file_rows[name] = 0
    assert gates.repeated_day(staging, again, BAND.may_repeat) is None


@pytest.mark.parametrize(
    ("rows", "found"),
    [(49, (100.0, 3)), (50, None), (200, None), (201, (100.0, 3)), (0, (100.0, 3))],
)
def test_f29_a_cut_or_doubled_delivery_leaves_the_band(delivered, rows, found):
    staging, day = delivered(("a", 5000), ("b", 90), ("c", 100), ("d", 110))
    assert gates.implausible_size(staging, _manifest("e", rows=rows, day=day), BAND) == found


def test_the_band_needs_deliveries_to_compare_with(delivered):
    staging, day = delivered(("a", 100))
    assert gates.implausible_size(staging, _manifest("b", rows=1, day=day), BAND) is None


def test_small_deliveries_have_no_band(delivered):
    staging, day = delivered(("a", 19), ("b", 19))
    assert gates.implausible_size(staging, _manifest("c", rows=1, day=day), BAND) is None
    assert gates.implausible_size(staging, _manifest("c", rows=60, day=day), BAND) is not None


def test_a_dataset_without_a_band_has_none(delivered):
    staging, day = delivered(("a", 100), ("b", 100), dataset="postal_claims")
    few = _manifest("c", rows=1, day=day, dataset="postal_claims")
    assert gates.implausible_size(staging, few, BAND) is None


# declarations


def _declaration(manifest, **other):
    return {
        "名簿": manifest.dataset, "基準日": manifest.day.replace("-", ""), "件数": str(manifest.rows_in),
        "SHA256": gates.content_hash(manifest.sources), "理由": "異動なし", "申告者": "見本一", "確認者": "見本二",
        **other,
    }  # fmt: skip


def test_a_doubtful_delivery_is_refused_and_says_what_to_declare(delivered):
    staging, day = delivered(("a", 100))
    again = _manifest("a", day=day)
    message = refusal(
        InputRefused, lambda: gates.assert_plausible(staging, again, BAND, None, "x.declared.csv")
    )
    assert "2020-05-18" in message
    assert "x.declared.csv" in message
    assert gates.content_hash(again.sources) in message


def test_a_declaration_signed_by_two_lets_it_pass(delivered):
    staging, day = delivered(("a", 100))
    again = _manifest("a", day=day)
    sheet = _declaration(again)
    assert gates.assert_plausible(staging, again, BAND, sheet, "x.declared.csv") is True
    fine = _manifest("b", day=day)
    assert gates.assert_plausible(staging, fine, BAND, sheet, "x.declared.csv") is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"名簿": "register"}, {"基準日": "20200518"}, {"件数": "99"}, {"SHA256": "0" * 64}, {"理由": " "},
        {"申告者": ""}, {"確認者": "見本一"}, {"確認者": " 見本一 "}, {"確認者": ""},
    ],
)  # fmt: skip
def test_a_declaration_about_something_else_or_by_one_person_is_refused(delivered, wrong):
    staging, day = delivered(("a", 100))
    again = _manifest("a", day=day)
    sheet = _declaration(again, **wrong)
    message = refusal(
        InputRefused, lambda: gates.assert_plausible(staging, again, BAND, sheet, "x.declared.csv")
    )
    assert "x.declared.csv" in message
    assert f"「{next(iter(wrong))}」" in message


# dates inside

INSIDE = DateInside(column="notified_on", max_age_days=31)


def _dated(*dates):
    """A delivery with these dates, as staged: the text and its key."""
    texts = pa.array(dates, pa.string())
    return {"rows": pa.table({"notified_on": texts, "notified_on_key": date_key(texts)})}


@pytest.mark.parametrize(
    "dates",
    [
        ["20200517", "2020-05-01"],
        ["令和2年5月18日"],
        ["20200518", "20250518"],  # one mistyped date is its row's matter
        ["19800101", "20200501"],
        [],
        ["", CANARY],
    ],
)
def test_dates_that_fit_the_day(dates):
    gates.assert_dated(_dated(*dates), INSIDE, "register_changes", FIRST)


@pytest.mark.parametrize(
    "dates",
    [["20200519", "20200520", "20200518"], ["20200401", "20200416"], ["20200101", "20200519"]],
)
def test_f29_dates_of_another_day_are_refused(dates):
    message = refusal(
        InputRefused,
        lambda: gates.assert_dated(_dated(*dates), INSIDE, "register_changes", FIRST),
    )
    assert "register_changes 2020-05-18" in message


def test_without_a_limit_of_age_old_dates_pass():
    undated = DateInside(column="notified_on")
    gates.assert_dated(_dated("19800101"), undated, "register_changes", FIRST)


@pytest.mark.parametrize(
    "made", ["", "20200518", "20200426235959", "20200519000000", "２０２００５１８００００００"]
)
def test_an_extract_made_before_the_base_date_or_after_its_day_is_refused(made):
    message = refusal(
        InputRefused,
        lambda: gates.assert_extracted_in_time(
            {"抽出日時": made}, date(2020, 4, 27), FIRST, "register.control.csv"
        ),
    )
    assert "抽出日時" in message


def test_a_sheet_that_says_an_item_twice_is_refused():
    sheet = "項目,値\r\n件数,1\r\n件数,2\r\n".encode("cp932")
    assert "二度" in refusal(InputRefused, lambda: gates.read_sheet(sheet, "x.control.csv"))


def test_the_programme_gates_datasets_and_columns_that_exist():
    programme = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")
    for dataset, inside in programme.intake.date_inside.items():
        assert inside.column in programme.source(dataset).columns
        assert inside.column in DATES
    lists = {source.dataset for source in programme.list_sources}
    assert set(programme.intake.may_repeat) <= lists
    assert programme.intake.attachment_scanner == ()
