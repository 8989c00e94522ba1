"""No value of any row, good, bad or refused, is in any byte below the reports folder (FAULTS 39)."""

import html
import json
from urllib.parse import quote

import pytest

from pipelines.steps import reports
from schemas.datasets import DATASETS
from tests.kyufu_process import run_kyufu
from tests.unit.reports.report_world import (
    CANARIES,
    CANARY,
    DAY,
    EARLIER,
    NUMBER,
    PROGRAMME,
    open_home,
    refuse_everything,
    stage_everything,
)

LAST = DAY.replace(day=17)


def _written(text: str) -> set[bytes]:
    """The ways in which a text may stand in a file."""
    plain = {text, html.escape(text), json.dumps(text)[1:-1], quote(text)}
    plain.add("".join(f"&#{ord(c)};" for c in text))
    return {way.encode(code) for way in plain for code in ("utf-8", "cp932", "utf-16-le")}


@pytest.fixture(scope="module")
def c(tmp_path_factory):
    opened = open_home(tmp_path_factory.mktemp("home"))
    stage_everything(opened, EARLIER)
    stage_everything(opened, DAY)
    refuse_everything(opened, LAST)
    for day in (EARLIER, DAY, LAST):
        reports.write(opened, day)
    where = ("--home", str(opened.home), "--programme", str(PROGRAMME))
    inputs = str(opened.settings.inputs)
    done = run_kyufu("report", "--profile", *where, KYUFU_INPUTS=inputs)
    assert done.returncode == 0, done.stdout + done.stderr
    yield opened
    opened.ledger.engine.dispose()


def test_the_canaries_are_in_staging_in_good_rows_and_in_bad_ones(c):
    for dataset, tables in DATASETS.items():
        for table in tables:
            rows = c.staging.read(dataset, DAY, table.name).to_pylist()
            bad = c.staging.read(dataset, DAY, f"quarantine_{table.name}").to_pylist()
            assert any(CANARY in str(row) or NUMBER in str(row) for row in rows), dataset
            assert all(CANARY in str(row) for row in bad), dataset
        assert c.staging.manifest(dataset, DAY).quarantined > 0, dataset
        assert c.staging.manifest(dataset, DAY).duplicates > 0, dataset


def test_every_partition_has_its_page_and_its_data_docs(c):
    folder = reports.folder(c)
    for dataset in DATASETS:
        for day in (EARLIER, DAY):
            assert (folder / "intake" / str(day) / f"{dataset}.html").is_file()
            assert list((folder / "data_docs" / "validations").rglob(f"{dataset}-{day}-*.html"))
            assert (folder / "expectations" / str(day) / f"{dataset}.json").is_file()
        assert "受取拒否" in (folder / "intake" / str(LAST) / f"{dataset}.html").read_text()


def test_no_canary_is_in_any_byte_of_the_reports(c):
    ways = {way for canary in CANARIES for way in _written(canary)}
    files = [p for p in reports.folder(c).rglob("*") if p.is_file()]
    assert len(files) > 100
    for path in files:
        data = path.read_bytes()
        assert not [way for way in ways if way in data], path
        assert CANARY not in path.name
        assert NUMBER not in path.name


def test_no_page_fetches_anything(c):
    for path in reports.folder(c).rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "http://" not in text, path
        assert "https://" not in text, path
        assert "<script" not in text, path
        assert "Content-Security-Policy" in text, path


def test_links_between_the_pages_lead_somewhere(c):
    import re

    folder = reports.folder(c)
    pages = [
        folder / "index.html",
        *(folder / "intake").rglob("*.html"),
        folder / "data_docs" / "index.html",
    ]
    for page in pages:
        for link in re.findall(r'<a href="([^"]+)"', page.read_text(encoding="utf-8")):
            assert (page.parent / link).is_file(), (page, link)
