"""The steward's reports: the pages of what arrived, and what great-expectations says of whole partitions."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.errors import KyufuError
from pipelines.files import write_whole
from pipelines.ledger.balance import Balance
from pipelines.reports import arrivals, measures, pages, results
from pipelines.reports.arrivals import Partition
from pipelines.reports.day_sheet import read_day_sheet
from pipelines.steps import exceptions, inbox
from pipelines.steps.campaign import Campaign
from schemas.expectations import load_suites

DOCS_PARTITIONS = 60  # the newest ones; every partition keeps its own page


def folder(c: Campaign) -> Path:
    """Where the reports lie."""
    return c.home / "reports"


def write(c: Campaign, day: date) -> dict[str, Any]:
    """Write the pages of what arrived that day and the index of everything.

    Returns how many pages were written, how many partitions that day were refused, and the rows that wait.
    """
    found, refusals = _partitions(c)
    todays = [p for p in found if p.day == day]
    _write_pages(c, found, todays)
    _write_index(c, day, found, refusals)
    return {
        "pages": len(todays) + 1,
        "refused": sum(p.manifest is None for p in todays),
        "quarantined": sum(p.manifest.quarantined for p in todays if p.manifest),
    }


def write_day_sheet(c: Campaign, day: date, balance: Balance) -> None:
    """Write the day's sheet, and the index with it. An older day keeps its own: the ledger tells what is, not was."""
    if any(later > day for later in _sheets(c)):
        return
    found, refusals = _partitions(c)
    waiting = sum(exceptions.waiting(c, p.manifest) for p in found if p.manifest)
    with c.ledger.read() as connection:
        owed = arrivals.list_owed(c.programme, found, day)
        sheet = read_day_sheet(connection, c.programme, day, balance, waiting, owed)
    write_whole(folder(c) / pages.day_page_name(day), pages.render_day(sheet))
    _write_index(c, day, found, refusals)


def write_all(c: Campaign) -> dict[str, Any]:
    """Write every page again, and the index."""
    found, refusals = _partitions(c)
    _write_pages(c, found, found)
    if found:
        _write_index(c, found[0].day, found, refusals)
    return {"pages": len(found) + bool(found)}


def profile(c: Campaign, day: date) -> dict[str, Any]:
    """Judge what arrived up to that day with great-expectations, and show it on the pages.

    A demonstration plays its whole campaign in minutes and is judged once, when entitlements lapse.

    Raises:
        KyufuError: a critical expectation failed; the pages say which.
    """
    if c.programme.is_demonstration and day < c.programme.claims.lapse_on:
        return {"profiled": 0}
    return profile_now(c)


def profile_now(c: Campaign) -> dict[str, Any]:
    """Judge the newest partitions; nothing is done if all of them are judged already.

    Raises:
        KyufuError: a critical expectation failed; the pages say which.
    """
    found, refusals = _partitions(c)
    newest = [p for p in found if p.manifest and not p.erased][:DOCS_PARTITIONS]
    new = [p for p in newest if p.manifest and _profile(c, p) is None]
    if new:
        _judge(c, newest)
        _write_pages(c, found, new)
        _write_index(c, found[0].day, found, refusals)
    counts = results.count_failed(judged for p in newest if (judged := _profile(c, p)))
    if counts["critical"]:
        raise KyufuError(
            f"全体の検査で重大な不一致が{counts['critical']}件あります。"
            f"{folder(c) / 'index.html'} を見て、提供元に確認してください。"
        )
    return {"profiled": len(new), **counts}


def _judge(c: Campaign, partitions: Iterable[Partition]) -> None:
    from pipelines.reports.validation import Measured, judge  # it imports great-expectations

    suites = load_suites()
    measured = []
    run_keys = {}
    for p in partitions:
        if p.manifest is None:
            continue
        found = measures.measure_partition(
            c.staging, suites[p.dataset], p.manifest, c.programme.benefit.address_prefix, _control(c, p)
        )  # fmt: skip
        measured.append(Measured(p.dataset, p.day.isoformat(), suites[p.dataset], found))
        run_keys[p.dataset, p.day.isoformat()] = p.manifest.run_key
    folder(c).mkdir(parents=True, exist_ok=True)
    for key, checks in judge(measured, folder(c) / "data_docs").items():
        results.write_profile(folder(c), results.Profile(*key, run_keys[key], checks))


def _control(c: Campaign, partition: Partition) -> measures.Control | None:
    """The totals of the register's control sheet."""
    if partition.dataset != "register" or partition.manifest is None:
        return None
    (file,) = partition.manifest.sources
    _, sheet = inbox.control_sheet(c, partition.day, file)
    if sheet is None:
        return None
    rows, households = sheet.get("件数", ""), sheet.get("世帯数", "")
    if not (rows.isdecimal() and households.isdecimal()):
        return None
    return measures.Control(int(rows), int(households))


def _partitions(c: Campaign) -> tuple[list[Partition], list[arrivals.Refusal]]:
    """Everything that arrived, newest first, and everything that was refused."""
    with c.ledger.read() as connection:
        refusals = arrivals.read_refusals(connection, c.programme.id)
    datasets = arrivals.all_datasets(c.programme)
    return arrivals.list_partitions(c.staging, datasets, refusals), refusals


def _profile(c: Campaign, partition: Partition) -> results.Profile | None:
    if partition.manifest is None:
        return None
    return results.read_profile(folder(c), partition.dataset, partition.day, partition.manifest)


def _write_pages(c: Campaign, everything: list[Partition], partitions: Iterable[Partition]) -> None:
    for p in partitions:
        with c.ledger.read() as connection:
            declarations = arrivals.read_declarations(connection, c.programme.id, p)
        detail = pages.Detail(
            arrivals.list_files(c.staging, p), arrivals.list_broken_rules(c.staging, p),
            arrivals.trend(everything, p), _profile(c, p), declarations,
        )  # fmt: skip
        page = pages.render_partition(c.programme.id, p, detail)
        write_whole(folder(c) / pages.page_name(p.dataset, p.day), page)


def _sheets(c: Campaign) -> list[date]:
    """The days that have a sheet, newest first."""
    found = (folder(c) / "days").glob("*.html")
    return sorted((date.fromisoformat(path.stem) for path in found), reverse=True)


def _write_index(
    c: Campaign, day: date, found: list[Partition], refusals: list[arrivals.Refusal]
) -> None:
    """The index as of the newest day that is known: repeating an earlier day's step takes nothing off it."""
    day = max([day, *(p.day for p in found)])
    datasets = arrivals.all_datasets(c.programme)
    profiles = {(p.day, p.dataset): judged for p in found if (judged := _profile(c, p))}
    docs = folder(c) / "data_docs" / "index.html"
    page = pages.render_index(
        c.programme.id, day, found, arrivals.list_owed(c.programme, found, day),
        [r for r in refusals if r.subject not in datasets], profiles, docs.is_file(), _sheets(c),
    )  # fmt: skip
    write_whole(folder(c) / "index.html", page)
