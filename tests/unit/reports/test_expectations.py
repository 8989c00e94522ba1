"""Expectations of whole partitions: complete as data, measured rightly, judged without any value of a row."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from pipelines.intake import receive
from pipelines.intake.mending import Mending
from pipelines.programme import ROOT
from pipelines.reports import measures, results
from schemas.datasets import DATASETS
from schemas.expectations import load_suites
from tests.campaign_home import environment
from tests.unit.reports.report_world import write_control_sheet
from tests.unit.reports.test_pages import GOOD, HEADER

DAY, NEXT = date(2020, 5, 18), date(2020, 6, 3)
PREFIX = "東京都新宿区"
MEMBERS_HEADER = "受付番号,行,氏名,生年月日,不要"
CLAIMS_HEADER = (
    "受付番号,受付年月日,消印年月日,申請区分,元受付番号,世帯番号,申請者氏名,申請者カナ,申請者生年月日,代理区分,代理人カナ,"
    "金融機関コード,支店コード,預金種目,口座番号,口座名義カナ,記号,番号,不備コード"
)
CLAIM = "P{0},20200602,,新規,,{1:010d},見本花子,ミホンハナコ,19800401,,,0001,001,1,0000001,ミホンハナコ,{2},,"


def encode(header, rows):
    return "".join(f"{line}\r\n" for line in (header, *rows)).encode("cp932")


def stage_register(c, day, rows):
    files = {f"register_{day:%Y%m%d}.csv": encode(HEADER, rows)}
    return receive.stage(c.programme, c.staging, "register", day, files)


def resident(
    number, household, relation="02", birth="19800401", kana="ミホン　ハナコ", address="東京都新宿区新宿１丁目"
):  # fmt: skip
    return f"{number:010d},{household:010d},{kana},見本　花子,{relation},{birth},1600022,{address},,見本　花子"


def measure(c, manifest, control=None):
    suite = load_suites()[manifest.dataset]
    return measures.measure_partition(c.staging, suite, manifest, PREFIX, control)


def test_every_dataset_is_in_exactly_one_suite_and_every_measure_exists(c, tmp_path):
    suites = load_suites()
    assert set(suites) == set(DATASETS)
    from tests.unit.reports.report_world import stage_everything

    stage_everything(c, DAY)
    for dataset, suite in suites.items():
        manifest = c.staging.manifest(dataset, DAY)
        control = measures.Control(4, 1) if dataset == "register" else None
        made = measure(c, manifest, control)
        assert {e.measure for e in suite.expectations} <= set(made), dataset
        assert all(e.title for e in suite.expectations)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('[[expectation]]\nmeasure="a"\ntitle="a"\nunit="rows"', "no range"),
        ('[[expectation]]\nmeasure="a"\ntitle="a"\nunit="rows"\nleast=2\nmost=1', "no range"),
        ('[[expectation]]\nmeasure="a"\ntitle="a"\nunit="rows"\nleast=2\n' * 2, "two expectations"),
    ],
)
def test_a_suite_that_makes_no_sense_is_refused(tmp_path, body, message):
    from schemas import expectations

    path = tmp_path / "wrong.toml"
    path.write_text(f'datasets = ["register"]\n{body}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        expectations._load(path)


def test_measures_of_the_register(c):
    rows = [
        resident(1, 1),
        resident(2, 1, "12", birth="19450000", kana=""),
        resident(3, 2, address="東京都渋谷区１丁目"),
        resident(4, 3, "20"),
        resident(4, 3, "20"),
    ]
    made = measure(c, stage_register(c, DAY, rows), measures.Control(6, 3))
    assert made["rows_in"] == 5
    assert made["unbalanced_rows"] == 0
    assert made["duplicate_share"] == 0.2
    assert made["households"] == 3
    assert made["people_per_household"] == 1.3333
    assert made["single_household_share"] == 0.6667
    assert made["one_head_share"] == 0.6667
    assert made["empty_kana_share"] == 0.25
    assert made["unknown_birth_share"] == 0.25
    assert made["local_address_share"] == 0.75
    assert made["control_rows_gap"] == 1
    assert made["control_households_gap"] == 0
    assert made["volume_ratio"] is None
    assert made["birth_distance"] is None


def test_drift_is_measured_against_the_partition_before(c):
    stage_register(c, DAY, [resident(1, 1, birth="19800401"), resident(2, 2, birth="19900401")])
    manifest = stage_register(
        c, NEXT, [resident(n, n, birth="19800401") for n in (1, 3, 4)] + [resident(5, 5, birth="20100401")]
    )  # fmt: skip
    made = measure(c, manifest)
    assert made["volume_ratio"] == 2
    assert made["birth_distance"] == 0.5  # (3/4 - 1/2 + 1/2 + 1/4) / 2


def test_claims_are_measured_against_their_lines_and_the_register(c):
    stage_register(c, DAY, [resident(1, 1), resident(2, 2)])
    claims = [CLAIM.format(1, 1, ""), CLAIM.format(2, 9, "11430"), CLAIM.format(3, 2, "")]
    members = ["P1,1,見本花子,19800401,", "P1,2,見本太郎,19800401,×", "P2,1,見本花子,19800401,"]
    files = {
        "postal_claims_20200603.csv": encode(CLAIMS_HEADER, claims),
        "postal_members_20200603.csv": encode(MEMBERS_HEADER, members),
    }
    manifest = receive.stage(c.programme, c.staging, "postal_claims", NEXT, files)
    made = measure(c, manifest)
    assert made["orphan_lines"] == 0
    assert made["memberless_share"] == 0.3333
    assert made["lines_per_claim"] == 1
    assert made["not_wanted_share"] == 0.3333
    assert made["household_known_share"] == 0.6667
    assert made["yucho_share"] == 0.3333
    assert made["rows_in"] == 6


def test_an_empty_partition_has_nothing_to_measure(c):
    made = measure(c, stage_register(c, DAY, []))
    assert (made["rows_in"], made["unbalanced_rows"]) == (0, 0)
    assert made["single_household_share"] is None


PROFILE = """
import json, sys
from pathlib import Path
from pipelines.errors import KyufuError
from pipelines.steps import reports
from tests.unit.reports.report_world import open_home
c = open_home(Path(sys.argv[1]))
first = "great_expectations" in sys.modules
out = []
for _ in range(2):
    before = "great_expectations" in sys.modules
    try:
        out.append(reports.profile_now(c))
    except KyufuError as error:
        out.append(str(error))
print(json.dumps([first, out, "great_expectations" in sys.modules]))
"""


def profile(home: Path, code: str = PROFILE):
    """Profile in a process of its own, as Airflow does."""
    done = subprocess.run(
        [sys.executable, "-c", code, str(home)], env=environment(), cwd=ROOT, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_what_fails_is_told_and_stops_nothing_and_doing_it_again_does_nothing(c):
    rows = [resident(n, n, kana="") for n in range(300)]
    write_control_sheet(c, DAY, 300)
    manifest = stage_register(c, DAY, rows)
    first, (once, again), _ = profile(c.home)
    assert first is False
    failed = [
        "control_households_gap",
        "empty_kana_share",
        "single_household_share",
        "people_per_household",
    ]
    found = results.read_profile(c.home / "reports", "register", DAY, manifest)
    assert sorted(check.measure for check in found.checks if not check.passed) == sorted(failed)
    assert once == {"profiled": 1, "expectations": len(found.checks), "failed": 4, "critical": 0}
    assert again == {**once, "profiled": 0}
    index = (c.home / "reports" / "index.html").read_text(encoding="utf-8")
    assert "カナ氏名が空の割合(範囲 15.00%以下、観測値 100.00%、注意)" in index
    assert '<span class="bad">否 4</span>' in index


def test_a_critical_failure_fails_the_step_after_the_pages_are_written(c):
    stage_register(c, DAY, [GOOD.format(1)])
    write_control_sheet(c, DAY, 2)
    _, (once, again), _ = profile(c.home)
    assert "重大な不一致が1件" in once
    assert again == once
    assert "管理票の件数 − 入力行数" in (c.home / "reports" / "index.html").read_text(
        encoding="utf-8"
    )


def test_other_files_for_a_day_are_judged_anew(c):
    manifest = stage_register(c, DAY, [GOOD.format(1)])
    profile_of = results.Profile("register", DAY.isoformat(), manifest.run_key, ())
    results.write_profile(c.home / "reports", profile_of)
    assert results.read_profile(c.home / "reports", "register", DAY, manifest) == profile_of
    other = stage_register(c, DAY, [GOOD.format(2)])
    assert results.read_profile(c.home / "reports", "register", DAY, other) is None


def test_a_mended_version_of_the_same_files_is_judged_anew(c):
    bad = GOOD.format(1).replace("19800401", "x")
    manifest = stage_register(c, DAY, [bad])
    judged = results.Profile("register", DAY.isoformat(), manifest.run_key, ())
    results.write_profile(c.home / "reports", judged)
    again = stage_register(c, DAY, [bad])
    assert results.read_profile(c.home / "reports", "register", DAY, again) == judged
    files = c.staging.sources("register", DAY)
    cells = Mending({("rows", 2): tuple(GOOD.format(1).split(","))})
    mended = receive.stage(c.programme, c.staging, "register", DAY, files, mended=cells)
    assert (mended.sources, mended.mended) == (manifest.sources, 1)
    assert results.read_profile(c.home / "reports", "register", DAY, mended) is None


def test_a_place_is_local_however_it_is_written(c):
    written = (
        "東京都新宿区新宿１丁目", "新宿区新宿１丁目", "東京都 新宿区新宿１丁目", "東京都中野区中野１丁目", "中野１丁目"
    )  # fmt: skip
    rows = [resident(n, n, address=address) for n, address in enumerate(written, start=1)]
    made = measure(c, stage_register(c, DAY, rows))
    assert made["local_address_share"] == 0.6


def test_a_demonstration_is_judged_once_when_entitlements_lapse(c):
    from pipelines.steps import reports

    assert c.programme.is_demonstration
    assert reports.profile(c, DAY) == {"profiled": 0}
    assert "great_expectations" not in sys.modules


IMPORTS = """
import importlib, pkgutil, sys
sys.path[:0] = ["plugins"]
import pipelines
for found in pkgutil.walk_packages(pipelines.__path__, "pipelines."):
    if found.name != "pipelines.reports.validation" and not found.name.endswith("__main__"):
        importlib.import_module(found.name)
from airflow.dag_processing.dagbag import DagBag
bag = DagBag("dags")
assert bag.import_errors == {} and len(bag.dags) >= 7
print(sorted(name for name in sys.modules if name.startswith("great_expectations")))
"""


def test_nothing_but_the_module_that_judges_imports_great_expectations(tmp_path):
    variables = {name: value for name, value in os.environ.items() if not name.startswith("KYUFU_")}
    variables |= {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}", "AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], env=variables, cwd=ROOT, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
