"""The steward's pages as HTML bytes: pure, from counts to a page that needs nothing outside itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipelines.reports.arrivals import (
    LINK,
    BrokenRule,
    Declared,
    Owed,
    Partition,
    Refusal,
    SourceFile,
)
from pipelines.reports.charts import bar_chart, column_chart
from pipelines.reports.day_sheet import AGES, DAYS_AHEAD, DaySheet
from pipelines.reports.results import Profile
from schemas.datasets import DATASETS

TITLES = {
    "register": "住民基本台帳(基準日抽出)",
    "register_changes": "住民異動",
    "facility_children": "施設入所者(母子生活支援施設)",
    "facility_disability": "施設入所者(障害福祉サービス)",
    "placement_disability": "措置入所者(障害者)",
    "placement_elderly": "措置入所者(高齢者)",
    "visually_impaired": "視覚障害者",
    "evacuation_requests": "避難の申出",
    "facility_outside": "区外施設の入所者(他自治体から)",
    "facility_inside": "区内施設の入所者(他自治体から)",
    "online_claims": "オンライン申請",
    "postal_claims": "郵送申請",
    "inhouse_claims": "窓口申請",
}
STATES = {"accepted": "受入済み", "quarantined": "一部保留", "refused": "受取拒否"}
OWED = {
    "present": "届いています",
    "missing": "未着",
    "stale": "期限切れ",
    "refused": "拒否(正しいものが未着)",
    "closed": "収集期間外",
}
SEVERITIES = {"reject": "保留", "warn": "注意"}


@dataclass(frozen=True)
class Detail:
    """What a partition's page shows besides its counts. history: its dataset's last partitions, oldest first."""

    files: Sequence[SourceFile]
    broken: Sequence[BrokenRule]
    history: Sequence[Partition]
    profile: Profile | None
    declarations: Sequence[Declared] = ()


def page_name(dataset: str, day: date) -> str:
    """Where a partition's page lies below the reports folder."""
    return f"intake/{day.isoformat()}/{dataset}.html"


def render_partition(programme: str, partition: Partition, detail: Detail) -> bytes:
    """The page of one partition, in UTF-8."""
    per_rule: dict[tuple[str, str], int] = {}
    for b in detail.broken:
        per_rule[b.rule, b.severity] = per_rule.get((b.rule, b.severity), 0) + b.count
    rules = bar_chart([(rule, count, severity) for (rule, severity), count in per_rule.items()])
    columns = [
        (
            f"{p.day:%m-%d}",
            (
                ("accepted", p.manifest.accepted),
                ("duplicates", p.manifest.duplicates),
                ("reject", p.manifest.quarantined),
            ),
        )
        for p in detail.history
        if p.manifest
    ]
    return _render(
        "partition.html", programme=programme, partition=partition, detail=detail, rules=rules,
        columns=column_chart(columns), items=_items(partition.dataset), root="../../",
    )  # fmt: skip


def render_index(
    programme: str,
    day: date,
    partitions: Sequence[Partition],
    owed: Sequence[Owed],
    withheld: Sequence[Refusal],
    profiles: Mapping[tuple[date, str], Profile],
    has_docs: bool,
    sheets: Sequence[date],
) -> bytes:
    """The page of all partitions, newest day first.

    withheld: outgoing files that were not sent, and what is told of the parties' outboxes. sheets: the days that have a
    day's sheet.
    """
    of_link = sorted((r for r in withheld if r.subject.startswith(LINK)), key=lambda r: r.day)
    days = [(when, list(those)) for when, those in groupby(partitions, key=lambda p: p.day)]
    return _render(
        "index.html", programme=programme, day=day, days=days, owed=owed, profiles=profiles, has_docs=has_docs,
        sheets=sheets, day_page_name=day_page_name,
        withheld=[r for r in withheld if not r.subject.startswith(LINK)], of_link=of_link[::-1], root="",
    )  # fmt: skip


def day_page_name(day: date) -> str:
    """Where a day's sheet lies below the reports folder."""
    return f"days/{day.isoformat()}.html"


def render_day(sheet: DaySheet) -> bytes:
    """The day's sheet, one A4 page in UTF-8."""
    return _render("day.html", sheet=sheet, ages=AGES, days_ahead=DAYS_AHEAD)


def render_inquiry(found: object = None, error: str = "") -> bytes:
    """The page on which one resident's state is asked for. found: state, codes, form and events, to be shown."""
    return _render("inquiry.html", found=found, error=error)


def render_docs_index(found: Sequence[tuple[str, str, str]]) -> bytes:
    """The first page of the Data Docs: (day, name, relative address) of every validation, in the order to show."""
    return _render("docs.html", found=found, root="../")


def _items(dataset: str) -> dict[str, str]:
    """Our column -> the source's item name."""
    return {name: field.item for table in DATASETS[dataset] for name, field in table.fields}


def _render(template: str, **values: object) -> bytes:
    return _environment().get_template(template).render(**values).encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pipelines.reports"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals.update(
        titles=TITLES, states=STATES, owed_states=OWED, severities=SEVERITIES, page_name=page_name
    )
    environment.filters["count"] = lambda number: f"{number:,}"
    return environment
