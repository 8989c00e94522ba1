"""What the steward reads: counts, refused rows by rule, the trend, what is missing, what to do."""

import re
from datetime import date, timedelta
from html.parser import HTMLParser

from pipelines.intake import receive
from pipelines.reports import arrivals, charts, pages
from pipelines.reports.arrivals import Partition
from pipelines.steps import reports
from tests.unit.reports.report_world import DAY, EARLIER, make_files

HEADER = "住民番号,世帯番号,カナ氏名,漢字氏名,続柄,生年月日,郵便番号,住所,方書,世帯主漢字氏名"
GOOD = "{0:010d},0000000001,ミホン　ハナコ,見本　花子,02,19800401,1600022,東京都新宿区新宿１丁目,,見本　花子"


def stage_register(c, day, rows):
    text = "".join(f"{line}\r\n" for line in (HEADER, *rows))
    files = {f"register_{day:%Y%m%d}.csv": text.encode("cp932")}
    return receive.stage(c.programme, c.staging, "register", day, files)


def page(c, day, dataset="register"):
    return (reports.folder(c) / "intake" / str(day) / f"{dataset}.html").read_text(encoding="utf-8")


def index(c):
    return (reports.folder(c) / "index.html").read_text(encoding="utf-8")


def cells(text):
    """Every cell of every table, row by row."""

    class Cells(HTMLParser):
        def __init__(self):
            super().__init__()
            self.rows, self.inside = [], False

        def handle_starttag(self, tag, attrs):
            if tag == "tr":
                self.rows.append([])
            elif tag in ("td", "th"):
                self.rows[-1].append("")
                self.inside = True

        def handle_endtag(self, tag):
            if tag in ("td", "th"):
                self.inside = False

        def handle_data(self, data):
            if self.inside:
                self.rows[-1][-1] += data

    parser = Cells()
    parser.feed(text)
    return [[" ".join(cell.split()) for cell in row] for row in parser.rows]


def owed(c):
    """What the index says of the register and each list: (state, newest day, age, limit)."""
    return {
        row[0]: row[1:]
        for row in cells(index(c))
        if len(row) == 5 and row[1] in pages.OWED.values()
    }


def test_counts_rules_and_row_numbers_are_those_of_the_partition(c):
    bad = GOOD.format(7)[1:]
    rows = [GOOD.format(1), bad, GOOD.format(2), GOOD.format(1), bad, "短い行"]
    manifest = stage_register(c, DAY, rows)
    assert reports.write(c, DAY) == {"pages": 2, "refused": 0, "quarantined": 3}
    found = cells(page(c, DAY))
    assert ["6", "2", "3", "1", str(manifest.warnings)] in found
    assert ["保留", "DIGITS_10", f"register_{DAY:%Y%m%d}.csv", "住民番号", "2", "3, 6"] in found
    assert ["保留", "ROW_LENGTH", f"register_{DAY:%Y%m%d}.csv", "行全体", "1", "7"] in found
    (digest,) = manifest.sources.values()
    size = sum(len(f"{line}\r\n".encode("cp932")) for line in (HEADER, *rows))
    assert [f"register_{DAY:%Y%m%d}.csv", digest[:12], f"{size:,}"] in found
    text = page(c, DAY)
    assert "先頭の0が落ちていないか" in text
    assert f"kyufu quarantine export register {DAY}" in text
    assert "一部保留" in index(c)


def test_many_rows_of_a_rule_are_cut_and_counted(c):
    stage_register(c, DAY, [GOOD.format(n)[1:] for n in range(30)])
    reports.write(c, DAY)
    shown = next(row for row in cells(page(c, DAY)) if "DIGITS_10" in row)
    assert shown[4] == "30"
    assert shown[5] == ", ".join(str(n) for n in range(2, 22)) + " ほか10行"


def test_a_day_without_anything_wrong_says_there_is_nothing_to_do(c):
    stage_register(c, DAY, [GOOD.format(1)])
    reports.write(c, DAY)
    assert "することはありません" in page(c, DAY)
    assert "規則に反する行はありません" in page(c, DAY)
    assert "quarantine export" not in page(c, DAY)


def test_the_trend_shows_the_last_partitions_oldest_first(c):
    days = [DAY + timedelta(days=n) for n in range(arrivals.TREND_LENGTH + 2)]
    for n, day in enumerate(days):
        stage_register(c, day, [GOOD.format(k) for k in range(n + 1)])
    reports.write(c, days[-1])
    rows = [row for row in cells(page(c, days[-1])) if re.fullmatch(r"2020-\d\d-\d\d", row[0])]
    assert [row[0] for row in rows] == [str(day) for day in days[2:]]
    assert [row[1] for row in rows] == [str(n + 1) for n in range(2, len(days))]


def test_a_page_does_not_know_what_came_after_its_day(c):
    stage_register(c, EARLIER, [GOOD.format(1)])
    reports.write(c, EARLIER)
    before = page(c, EARLIER)
    stage_register(c, DAY, [GOOD.format(1), GOOD.format(2)])
    reports.write_all(c)
    assert page(c, EARLIER) == before


def test_a_refused_file_is_shown_with_its_reason_and_as_owed_until_it_is_made_good(c):
    stage_register(c, EARLIER, [GOOD.format(1)])
    c.note_refusal("facility_children", "施設名簿: 読めません。<b>", DAY)
    assert reports.write(c, DAY)["refused"] == 1
    assert "施設名簿: 読めません。&lt;b&gt;" in page(c, DAY, "facility_children")
    assert "施設名簿: 読めません。&lt;b&gt;" in index(c)
    found = owed(c)
    assert found["施設入所者(母子生活支援施設)"][0] == "拒否(正しいものが未着)"
    later = DAY + timedelta(days=1)
    files = make_files(c, "facility_children", later)
    receive.stage(c.programme, c.staging, "facility_children", later, files)
    reports.write(c, later)
    found = owed(c)
    assert found["施設入所者(母子生活支援施設)"][:2] == ["届いています", str(later)]


def test_what_is_missing_and_what_is_too_old_is_said(c):
    stage_register(c, DAY, [GOOD.format(1)])
    files = make_files(c, "visually_impaired", DAY)
    receive.stage(c.programme, c.staging, "visually_impaired", DAY, files)
    later = DAY + timedelta(days=c.programme.lists.max_age_days + 1)
    reports.write(c, DAY)
    found = owed(c)
    assert found["視覚障害者"][0] == "届いています"
    assert found["避難の申出"][0] == "未着"
    reports.write(c, later)
    found = owed(c)
    assert found["視覚障害者"][0] == "期限切れ"
    assert found["避難の申出"][0] == "未着"
    assert found["施設入所者(障害福祉サービス)"][0] == "収集期間外"


def test_the_index_lists_the_newest_day_first_and_repeating_an_earlier_day_takes_nothing_off(c):
    stage_register(c, EARLIER, [GOOD.format(1)])
    stage_register(c, DAY, [GOOD.format(2)])
    reports.write(c, DAY)
    newest = index(c)
    assert newest.index(f"<h2>{DAY}") < newest.index(f"<h2>{EARLIER}")
    reports.write(c, EARLIER)
    assert index(c) == newest


def test_files_that_were_not_sent_are_told_of(c):
    c.note_refusal("notices", "期間外のため送りません。", DAY)
    reports.write(c, DAY)
    assert [str(DAY), "notices", "期間外のため送りません。"] in cells(index(c))


def test_pages_are_japanese_printable_and_readable_by_a_screen_reader(c):
    stage_register(c, DAY, [GOOD.format(1), GOOD.format(2)[1:]])
    reports.write(c, DAY)
    for text in (page(c, DAY), index(c)):
        assert '<html lang="ja">' in text
        assert "size: A4" in text
        for head in re.findall(r"<thead>.*?</thead>", text, re.DOTALL):
            assert len(re.findall(r"<th\b", head)) == len(re.findall(r'<th scope="col"', head))
        for body in re.findall(r"<tbody>.*?</tbody>", text, re.DOTALL):
            assert "<th>" not in body
        for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
            assert 'role="img"' in svg
            assert "<title>" in svg
    assert page(c, DAY).count("<svg") == 2


def test_a_bar_is_as_long_as_its_share_of_the_longest_and_one_row_is_seen():
    chart = charts.bar_chart([("A", 350_000, "reject"), ("B", 175_000, "warn"), ("C", 1, "warn")])
    assert [bar.width for bar in chart.bars] == [charts.BAR_ROOM, charts.BAR_ROOM / 2, 1.0]
    assert chart.height == 3 * charts.BAR_STEP
    assert charts.bar_chart([]).height == 0


def test_a_column_is_stacked_and_nothing_draws_nothing():
    one, two = charts.column_chart(
        [("d1", (("accepted", 3), ("reject", 1))), ("d2", (("accepted", 0),))]
    )
    assert [p.height for p in one.pieces] == [90.0, 30.0]
    assert one.pieces[1].y + one.pieces[1].height == one.pieces[0].y
    assert (two.total, two.pieces) == (0, ())


def test_state_of_a_partition():
    refused = Partition("register", date(2020, 5, 18), None, ("理由",))
    assert refused.state == "refused"


def test_every_dataset_has_a_japanese_title(c):
    assert set(pages.TITLES) == set(arrivals.all_datasets(c.programme))
