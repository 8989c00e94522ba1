"""Judging measures by their suites with great-expectations, and its Data Docs.

Importing great-expectations takes seconds: nothing but the step that profiles imports this module, and only when there
is something to judge. What it is given are one-row tables of measures, so no value of a person can reach it; results
are BOOLEAN_ONLY and analytics are off.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from pipelines.reports.measures import Measures
from pipelines.reports.pages import render_docs_index
from pipelines.reports.results import Check, make_check
from schemas.expectations import Expectation, Suite

os.environ["GX_ANALYTICS_ENABLED"] = "False"  # read when great-expectations is imported

import great_expectations as gx
from great_expectations.core import ExpectationValidationResult
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.data_context.ephemeral_data_context import EphemeralDataContext
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.core.expect_column_values_to_be_between import (
    ExpectColumnValuesToBeBetween,
)
from great_expectations.expectations.core.expect_column_values_to_not_be_null import (
    ExpectColumnValuesToNotBeNull,
)
from great_expectations.expectations.expectation import Expectation as GxExpectation
from great_expectations.expectations.metadata_types import FailureSeverity

_SITE = "steward"


@dataclass(frozen=True)
class Measured:
    """A partition to judge. day: YYYY-MM-DD."""

    dataset: str
    day: str
    suite: Suite
    measures: Measures


# what a page would fetch from elsewhere; a page here stands alone
_FETCHED = re.compile(
    r"""(?:href|src|action)=["']https?://[^"']*["']|url\(["']?https?://[^)]*\)"""
    r"|<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*>|<iframe\b.*?</iframe>|<form\b.*?</form>",
    re.DOTALL | re.IGNORECASE,
)
_STYLE = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "<style>body{font-family:sans-serif;margin:1em} table{border-collapse:collapse} td,th{border:1px solid #555;"
    "padding:.2em .5em}</style></head>"
)


def judge(measured: Sequence[Measured], docs: Path) -> dict[tuple[str, str], tuple[Check, ...]]:
    """Judge partitions and write their Data Docs into the folder `docs`, which is replaced whole.

    Returns (dataset, day) -> its expectations judged, in the suite's order.
    """
    with tempfile.TemporaryDirectory(prefix=".docs.", dir=docs.parent) as beside:
        site = Path(beside) / "site"
        context = _open_context(site)
        checks = {(one.dataset, one.day): _judge_one(context, one) for one in measured}
        context.build_data_docs([_SITE])
        _let_stand_alone(site)
        shutil.rmtree(docs, ignore_errors=True)
        site.rename(docs)
    return checks


def _open_context(site: Path) -> EphemeralDataContext:
    """An empty context in memory whose one site lies in the folder."""
    context = gx.get_context(mode="ephemeral")
    for name in list(context.get_site_names()):
        context.delete_data_docs_site(name)
    config = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(site),
        },
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    context.add_data_docs_site(_SITE, config)  # type: ignore[arg-type]
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def _judge_one(context: EphemeralDataContext, one: Measured) -> tuple[Check, ...]:
    rows = one.measures.get("rows_in") or 0
    expectations = one.suite.expectations
    values = {e.measure: _judged(e, one.measures, rows) for e in expectations}
    asked = [e for e in expectations if e.required or values[e.measure] is not None]
    name = f"{one.dataset}-{one.day}"
    batch = (
        context.data_sources.add_pandas(name)
        .add_dataframe_asset("measures")
        .add_batch_definition_whole_dataframe(one.day)
    )
    suite = gx.ExpectationSuite(name, expectations=[found for e in asked for found in _as_gx(e)])
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=name, data=batch, suite=context.suites.add(suite))
    )
    frame = pd.DataFrame([{e.title: values[e.measure] for e in asked}], dtype="float64")
    moment = datetime.fromisoformat(one.day).replace(tzinfo=UTC)  # the business date, no clock
    outcome = definition.run(
        batch_parameters={"dataframe": frame}, result_format="BOOLEAN_ONLY", run_id=RunIdentifier(one.day, moment)
    )  # fmt: skip
    failed = {_column(result) for result in outcome.results if not result.success}
    return tuple(make_check(e, values[e.measure], e.title not in failed) for e in expectations)


def _column(result: ExpectationValidationResult) -> str:
    """The column that a result is about."""
    assert result.expectation_config is not None  # noqa: S101 - every result of a suite has it
    return str(result.expectation_config.kwargs["column"])


def _judged(
    expectation: Expectation, measures: Mapping[str, float | None], rows: float
) -> float | None:
    """The measure, or None where the partition is too small to be judged by it."""
    return measures.get(expectation.measure) if rows >= expectation.from_rows else None


def _as_gx(expectation: Expectation) -> list[GxExpectation]:
    """The expectation over the measure's column, which carries its Japanese title for the Data Docs."""
    e = expectation
    severity = FailureSeverity(e.severity)
    found: list[GxExpectation] = [
        ExpectColumnValuesToBeBetween(
            column=e.title, min_value=e.least, max_value=e.most, severity=severity
        )
    ]
    if e.required:
        found.append(ExpectColumnValuesToNotBeNull(column=e.title, severity=severity))
    return found


def _let_stand_alone(site: Path) -> None:
    """Take out of every page what it would fetch, leave no file but pages, and list them on the first one."""
    shutil.rmtree(site / "static")
    found = sorted((site / "validations").rglob("*.html"), reverse=True, key=lambda p: p.parts[-3:])
    (site / "index.html").write_bytes(
        render_docs_index(
            [
                (p.parts[-3], p.stem.removesuffix("-measures"), p.relative_to(site).as_posix())
                for p in found
            ]
        )
    )
    for path in [p for p in site.rglob("*.html") if p.parent != site]:
        text = _FETCHED.sub("", path.read_text(encoding="utf-8"))
        path.write_text(text.replace("</head>", _STYLE, 1), encoding="utf-8")
