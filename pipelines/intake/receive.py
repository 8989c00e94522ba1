"""From the files of one dataset and day to a staged partition: read, map, check, split, key, write."""

import hashlib
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, partial
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import InputMissing, InputRefused, PeriodRefused
from pipelines.intake import attachments, checks, keys, links, mending, my_number, readers
from pipelines.intake.layouts import (
    FOLDER,
    UNKNOWN,
    Layout,
    load_layout,
    map_codes,
    map_dates,
    read_text,
)
from pipelines.intake.mending import Mending
from pipelines.intake.references import references
from pipelines.intake.staging import Manifest, Staging, WithColumns, sha256
from pipelines.programme import ListSource, Programme, Source
from schemas.datasets import DATASETS, Table
from schemas.online_claims import ATTACHMENTS
from schemas.rules import RULES
from schemas.tables import Link, References

NOTHING: Mapping[str, tuple[date, int]] = MappingProxyType({})

# sees what would be published and raises where it may not: the counts, and the tables without their match keys
Gate = Callable[[Manifest, Mapping[str, pa.Table]], None]
# staged key column -> (function, column it is made of), added where the table has that column; those of dates are made
# before the checks, which look at them (`map_dates`)
KeyMaker = Callable[[pa.ChunkedArray, str], pa.Array]


def _anywhere(make: Callable[[pa.ChunkedArray], pa.Array]) -> KeyMaker:
    """A key that does not depend on the municipality."""
    return lambda column, _municipality: make(column)


KEYS: dict[str, tuple[KeyMaker, tuple[str, ...]]] = {
    "name_key": (_anywhere(keys.name_key), ("name_kanji", "applicant_name_kanji")),
    "kana_key": (_anywhere(keys.kana_key), ("name_kana", "applicant_name_kana")),
    "loose_kana_key": (_anywhere(keys.loose_kana_key), ("name_kana", "applicant_name_kana")),
    "address_key": (keys.address_key, ("address", "registered_address", "applicant_address")),
    "holder_key": (_anywhere(keys.loose_kana_key), ("account_holder_kana",)),
    "proxy_key": (_anywhere(keys.loose_kana_key), ("proxy_name_kana",)),
}


def expected_files(programme: Programme, dataset: str, day: date) -> list[str]:
    """The names of the files that carry `dataset` on that day, archives once."""
    layout = load_layout(programme.source(dataset).layout)
    names = [table.file_name(dataset, day).partition("#")[0] for table in layout.tables.values()]
    return list(dict.fromkeys(names))


def assert_may_enter(source: Source | ListSource, day: date) -> None:
    """Refuse a dataset outside its collection period.

    Raises:
        PeriodRefused: the day is outside.
    """
    if not source.period.holds(day):
        raise PeriodRefused(
            f"{source.dataset}: {day} は収集期間 {source.period} の外です({source.basis})。受け取りません。"
        )


def stage(
    programme: Programme,
    staging: Staging,
    dataset: str,
    day: date,
    files: Mapping[str, bytes],
    gate: Gate = lambda _counts, _tables: None,
    *,
    mended: Mending | None = None,
    against: Mapping[str, tuple[date, int]] = NOTHING,
) -> Manifest:
    """Stage one dataset and day from its files' bytes.

    Good rows go on, bad rows go to quarantine with file, row, column and rule; the counts must add up. `gate` sees the
    counts and the tables before anything is published and raises where the day may not enter. `mended` rows stand for
    the source's; without it, what was mended of the same bytes before stays mended. `against`: dataset -> (day,
    version) of the staged partitions in which what the rows name is looked up; the same bytes again are judged against
    those of the first time.

    Raises:
        PeriodRefused: outside the collection period.
        InputMissing: one of the dataset's files is not among `files`.
        InputRefused: a column outside the basis, or a file that may not enter as a whole.
        MyNumberRefused: a file holds a My Number.
        DatasetBusy: another process held the dataset all the time.
    """
    source = programme.source(dataset)
    assert_may_enter(source, day)
    if missing := sorted(set(expected_files(programme, dataset, day)) - set(files)):
        raise InputMissing(f"{dataset} {day}: {'、'.join(missing)} がありません。")
    for table in DATASETS[dataset]:
        _assert_in_basis(source, load_layout(source.layout), table)
    hashes = {name: sha256(data) for name, data in sorted(files.items())}
    with staging.holding(dataset):
        laid = mended_before(staging, dataset, day, hashes) if mended is None else mended
        judged_against = _judged_against(staging, dataset, day, hashes, against)
        judged, of_attachments = _judge(
            programme, staging, dataset, day, files, laid, judged_against
        )
        found = pa.concat_tables([*(rows.problems for rows in judged.values()), of_attachments])
        manifest = _count(dataset, day, hashes, judged, found, laid)
        manifest = replace(
            manifest, schema_version=schema_version(source.layout), against=judged_against
        )
        manifest = replace(manifest, run_key=run_key(programme.id, manifest))
        tables = {"problems": found, mending.TABLE: laid.as_table()}
        for name, rows in judged.items():
            tables[name] = rows.accepted
            tables[f"quarantine_{name}"] = rows.quarantined
            tables[f"ragged_{name}"] = rows.ragged
        gate(manifest, tables)
        add_keys = partial(_add_keys, municipality=programme.benefit.municipality_code)
        keyed = {name: WithColumns(rows.accepted, add_keys) for name, rows in judged.items()}
        return staging.write(manifest, {**tables, **keyed}, files)


@dataclass(frozen=True)
class _Judged:
    """One table of a delivery, its rows in the order of the source.

    file: the table's file, or archive#member. rows_in: how many data rows it has. seen: the rows of the right length
    with their dates' keys. accepted, quarantined: those that pass and those that do not. ragged: the rows of another
    length, as text. duplicates: how many more are equal to an accepted one. problems: what broke, with the file.
    """

    file: str
    rows_in: int
    seen: pa.Table
    accepted: pa.Table
    quarantined: pa.Table
    ragged: pa.Table
    duplicates: int
    problems: pa.Table


def _judge(
    programme: Programme, staging: Staging, dataset: str, day: date, files: Mapping[str, bytes], laid: Mending,
    against: Mapping[str, Sequence[Any]],
) -> tuple[dict[str, _Judged], pa.Table]:  # fmt: skip
    """(table -> what became of its rows, the problems of the archives' attachments)."""
    layout = load_layout(programme.source(dataset).layout)
    refer = references(programme.benefit.base_date, day)
    archives = _open_archives(layout, dataset, day, files)
    judged: dict[str, _Judged] = {}

    def known(link: Link) -> pa.ChunkedArray | None:
        if not link.dataset:
            return judged[link.table].accepted.column(link.to)
        if link.dataset not in against:
            return None
        on, version = against[link.dataset]
        there = date.fromisoformat(on)
        return staging.read(link.dataset, there, link.table, version, [link.to]).column(link.to)

    for table in DATASETS[dataset]:
        file, text = _read(layout, table, dataset, day, files, archives)
        text = mending.lay_over(text, table.name, laid)
        _assert_no_my_number(text, file, layout, table)
        judged[table.name] = _judge_table(text, file, layout, table, refer, known)
    found = [_with_file(checks.PROBLEM.empty_table(), "")]
    for name, archive in archives.items():
        owners = pa.array(attachments.assert_keepable(archive, name), pa.string())
        rows = pa.table(
            {"claim_no": owners, "row": pa.array(range(1, len(owners) + 1), pa.int64())}
        )
        lost = links.check_links(
            rows, ATTACHMENTS, lambda link: judged[link.table].seen.column(link.to),
            checks.PROBLEM.empty_table(),
        )  # fmt: skip
        found.append(_with_file(lost, name))
    return judged, pa.concat_tables(found)


def _judge_table(
    text: readers.TextTable, file: str, layout: Layout, table: Table, refer: References, known: links.Known
) -> _Judged:  # fmt: skip
    """Every row of a table's text put to every rule."""
    rows = map_codes(_to_ours(text.rows, layout, table), layout)
    rows, seen = map_dates(rows, layout, table.date_keys)  # the raw text is what is staged
    ragged = checks.problems(table.name, "", "ROW_LENGTH", text.ragged)
    broken = pa.concat_tables([ragged, checks.check_rows(seen, table, refer)])
    broken = pa.concat_tables([broken, links.check_links(seen, table, known, broken)])
    broken = pa.concat_tables([broken, _not_in_layout(seen, layout, table, broken)])
    good, bad = checks.split_rows(rows, checks.rejected_rows(broken))
    kept = _drop_repeated(good, seen, table)
    return _Judged(
        file, text.rows_in, seen, kept, bad, text.ragged_rows, good.num_rows - kept.num_rows,
        _with_file(broken, file),
    )  # fmt: skip


def _with_file(found: pa.Table, file: str) -> pa.Table:
    """Problems with the file in which they are."""
    return found.append_column("file", pa.array([file] * found.num_rows, pa.string()))


def _count(
    dataset: str, day: date, hashes: dict[str, str], judged: Mapping[str, _Judged], found: pa.Table, laid: Mending
) -> Manifest:  # fmt: skip
    """The manifest of what became of every row."""
    tables = judged.values()
    rules = Counter(found.column("rule").to_pylist())
    return Manifest(
        dataset, day.isoformat(), hashes,
        rows_in=sum(t.rows_in for t in tables),
        accepted=sum(t.accepted.num_rows for t in tables),
        quarantined=sum(t.quarantined.num_rows + t.ragged.num_rows for t in tables),
        duplicates=sum(t.duplicates for t in tables),
        warnings=sum(n for rule, n in rules.items() if RULES[rule].severity == "warn"),
        rules=dict(sorted(rules.items())),
        mended=len(laid.cells), mending=laid.digest, file_rows={t.file: t.rows_in for t in tables},
    )  # fmt: skip


def mended_before(staging: Staging, dataset: str, day: date, hashes: Mapping[str, str]) -> Mending:
    """What is mended in the newest version, if that is of the same bytes."""
    newest = staging.manifest(dataset, day)
    if newest is None or newest.sources != hashes or not newest.mended:
        return mending.NONE
    return Mending.from_table(staging.read(dataset, day, mending.TABLE))


def read_source(
    programme: Programme, dataset: str, day: date, files: Mapping[str, bytes], laid: Mending
) -> dict[str, tuple[str, readers.TextTable]]:
    """The dataset's tables as text under the source's own headers: table -> (file, text with what is mended)."""
    layout = load_layout(programme.source(dataset).layout)
    archives = _open_archives(layout, dataset, day, files)
    read = {t.name: _read(layout, t, dataset, day, files, archives) for t in DATASETS[dataset]}
    return {name: (file, mending.lay_over(text, name, laid)) for name, (file, text) in read.items()}


@cache
def schema_version(layout: str) -> str:
    """What names the rules and the layout by their content: 12 hex characters."""
    digest = hashlib.sha256()
    for path in [*sorted(FOLDER.parent.rglob("*.py")), FOLDER / f"{layout}.toml"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def run_key(programme: str, manifest: Manifest) -> str:
    """What names the run by everything that decides its tables: 16 hex characters."""
    parts = [
        programme, manifest.dataset, manifest.day, manifest.schema_version, manifest.mending,
        *sorted(manifest.sources.items()), *sorted(manifest.against.items()),
    ]  # fmt: skip
    return sha256(json.dumps(parts).encode())[:16]


def _assert_in_basis(source: Source | ListSource, layout: Layout, table: Table) -> None:
    """Purpose limitation: the basis names every column of the dataset and of the file."""
    allowed = source.member_columns if table.name == "members" else source.columns
    outside = sorted({*table.columns, *layout.tables[table.name].columns.values()} - set(allowed))
    if outside:
        raise InputRefused(
            f"{source.dataset}: 根拠({source.basis})にない列があります: {'、'.join(outside)}。受け取りません。"
        )


def _open_archives(
    layout: Layout, dataset: str, day: date, files: Mapping[str, bytes]
) -> dict[str, zipfile.ZipFile]:
    """The dataset's archives by file name, each opened and looked over once; none where the layout has no archive."""
    members: dict[str, list[str]] = {}
    if layout.format == "zip":
        for table in layout.tables.values():
            name, _, member = table.file_name(dataset, day).partition("#")
            members.setdefault(name, []).append(member)
    archives = {name: readers.open_archive(files[name], name) for name in members}
    for name, archive in archives.items():
        readers.assert_declared(archive, members[name], layout.others, name)
    return archives


def _read(
    layout: Layout, table: Table, dataset: str, day: date, files: Mapping[str, bytes],
    archives: Mapping[str, zipfile.ZipFile],
) -> tuple[str, readers.TextTable]:  # fmt: skip
    """The table's text under the source's own headers."""
    spec = layout.tables[table.name]
    name = spec.file_name(dataset, day)
    archive_name, _, member = name.partition("#")
    data = files[archive_name]
    if archive_name in archives:
        data = readers.read_member(archives[archive_name], member, archive_name)
    return name, read_text(data, name, layout, spec)


def _to_ours(rows: pa.Table, layout: Layout, table: Table) -> pa.Table:
    """Our column names in our order; the layout must give each of them."""
    columns = layout.tables[table.name].columns
    renamed = rows.rename_columns([columns.get(name, name) for name in rows.column_names])
    missing = sorted(set(table.columns) - set(renamed.column_names))
    if missing:
        raise InputRefused(
            f"レイアウト {layout.name} に列がありません: {'、'.join(missing)}。レイアウトを直してください。"
        )
    return renamed.select([*table.columns, "row"])


def _assert_no_my_number(text: readers.TextTable, file: str, layout: Layout, table: Table) -> None:
    """Nothing of a file with a My Number in any of its rows enters, those of another length included."""
    ours = {name for name, field in table.fields if field.holds_12_digits}
    columns = layout.tables[table.name].columns
    exempt = {header for header, name in columns.items() if name in ours}
    my_number.assert_no_my_number(text.rows, file, exempt)
    my_number.assert_no_my_number(text.ragged_rows.rename_columns(["row", "行全体"]), file)


def _not_in_layout(seen: pa.Table, layout: Layout, table: Table, broken: pa.Table) -> pa.Table:
    """Codes and dates that the layout does not know, and that no rule on the form of their column has told yet."""
    silent = pa.array([rule.code for rule in RULES.values() if rule.severity == "warn"])
    found = [checks.PROBLEM.empty_table()]
    for columns, rule, others in (
        (layout.codes, "CODE_UNKNOWN", silent),
        (layout.dates, "DATE_STYLE", pa.array(["DATE_ODD"])),
    ):
        telling = broken.filter(pc.invert(pc.is_in(broken.column("rule"), value_set=others)))
        for column in columns:
            if column in seen.column_names:
                odd = seen.filter(pc.starts_with(seen.column(column), UNKNOWN)).column("row")
                told = telling.filter(pc.equal(telling.column("column"), column)).column("row")
                untold = pc.invert(pc.is_in(odd, value_set=told.combine_chunks()))
                found.append(checks.problems(table.name, column, rule, odd.filter(untold)))
    return pa.concat_tables(found)


def _drop_repeated(good: pa.Table, seen: pa.Table, table: Table) -> pa.Table:
    """Keep the first of rows that are equal in every cell; the same date in two declared styles is equal."""
    alike = seen
    if good.num_rows != seen.num_rows:
        alike = seen.filter(pc.is_in(seen.column("row"), value_set=_numbers(good)))
    kept = checks.drop_exact_duplicates(alike, table.key)
    if kept.num_rows == good.num_rows:
        return good
    return good.filter(pc.is_in(good.column("row"), value_set=_numbers(kept)))


def _numbers(rows: pa.Table) -> pa.Array:
    return rows.column("row").combine_chunks()


def _judged_against(
    staging: Staging, dataset: str, day: date, hashes: Mapping[str, str],
    against: Mapping[str, tuple[date, int]],
) -> dict[str, list[Any]]:  # fmt: skip
    """Dataset -> [day, version] of the partitions that the links ask: those of the first time, of the same bytes."""
    newest = staging.manifest(dataset, day)
    if newest is not None and newest.sources == hashes:
        return newest.against
    named = {link.dataset for table in DATASETS[dataset] for link in table.links}
    return {
        name: [on.isoformat(), version] for name, (on, version) in against.items() if name in named
    }


def _add_keys(rows: pa.Table, municipality: str) -> pa.Table:
    """Match keys beside the text."""
    for key, (make, sources) in KEYS.items():
        for source in sources:
            if source in rows.column_names:
                rows = rows.append_column(key, make(rows.column(source), municipality))
    return rows
