"""From the files of one dataset and day to a staged partition: read, map, check, split, key, write."""

import hashlib
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache, partial
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import InputMissing, InputRefused, PeriodRefused
from pipelines.intake import attachments, checks, keys, links, mending, my_number, readers
from pipelines.intake.layouts import FOLDER, UNKNOWN, Layout, load_layout, map_codes, map_dates
from pipelines.intake.mending import Mending
from pipelines.intake.references import references
from pipelines.intake.staging import Manifest, Staging, WithColumns, sha256
from pipelines.programme import ListSource, Programme, Source
from schemas.datasets import DATASETS, Table
from schemas.rules import RULES
from schemas.tables import Link

NOTHING: Mapping[str, tuple[date, int]] = MappingProxyType({})

# staged key column -> (function, column it is made of), added where the table has that column
KeyMaker = Callable[[pa.ChunkedArray, str], pa.Array]


def _anywhere(make: Callable[[pa.ChunkedArray], pa.Array]) -> KeyMaker:
    """A key that does not depend on the municipality."""
    return lambda column, _municipality: make(column)


KEYS: dict[str, tuple[KeyMaker, tuple[str, ...]]] = {
    "name_key": (_anywhere(keys.name_key), ("name_kanji", "applicant_name_kanji")),
    "kana_key": (_anywhere(keys.kana_key), ("name_kana", "applicant_name_kana")),
    "loose_kana_key": (_anywhere(keys.loose_kana_key), ("name_kana", "applicant_name_kana")),
    "date_key": (_anywhere(keys.date_key), ("birth_date", "applicant_birth_date")),
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
    gate: Callable[[Manifest], None] = lambda _counts: None,
    *,
    look: Callable[[Mapping[str, pa.Table]], None] = lambda _tables: None,
    mended: Mending | None = None,
    against: Mapping[str, tuple[date, int]] = NOTHING,
) -> Manifest:
    """Stage one dataset and day from its files' bytes.

    Good rows go on, bad rows go to quarantine with file, row, column and rule; the counts must add up. `gate` sees the
    counts before anything is published and raises where the day may not enter: a declared total, a signed zero; `look`
    sees the tables in the same place. `mended` rows stand for the source's; without it, what was mended of the same
    bytes before stays mended. `against`: dataset -> (day, version) of the staged partitions in which what the rows name
    is looked up; the same bytes again are judged against those of the first time.

    Raises:
        PeriodRefused: outside the collection period.
        InputMissing: one of the dataset's files is not among `files`.
        InputRefused: a column outside the basis, or a file that may not enter as a whole.
        MyNumberRefused: a file holds a My Number.
        PartitionBusy: another process held the day all the time.
    """
    with staging.holding(dataset, day):
        return _stage(programme, staging, dataset, day, files, gate, look, mended, against)


def _stage(
    programme: Programme, staging: Staging, dataset: str, day: date, files: Mapping[str, bytes],
    gate: Callable[[Manifest], None], look: Callable[[Mapping[str, pa.Table]], None], mended: Mending | None,
    against: Mapping[str, tuple[date, int]],
) -> Manifest:  # fmt: skip
    """`stage` by the one process that holds the day."""
    source = programme.source(dataset)
    assert_may_enter(source, day)
    if missing := sorted(set(expected_files(programme, dataset, day)) - set(files)):
        raise InputMissing(f"{dataset} {day}: {'、'.join(missing)} がありません。")
    layout = load_layout(source.layout)
    hashes = {name: sha256(data) for name, data in sorted(files.items())}
    laid = mended_before(staging, dataset, day, hashes) if mended is None else mended
    refer = references(programme.benefit.base_date, day)
    judged = _judged_against(staging, dataset, day, hashes, against)
    accepted: dict[str, pa.Table] = {}

    def known(link: Link) -> pa.ChunkedArray | None:
        if not link.dataset:
            return accepted[link.table].column(link.to)
        if link.dataset not in judged:
            return None
        on, version = judged[link.dataset]
        there = date.fromisoformat(on)
        return staging.read(link.dataset, there, link.table, version, [link.to]).column(link.to)

    tables: dict[str, pa.Table | WithColumns] = {}
    problems: list[pa.Table] = []
    quarantined = duplicates = 0
    claim_numbers: set[str] = set()
    file_rows: dict[str, int] = {}
    for table in DATASETS[dataset]:
        _assert_in_basis(source, layout, table)
    archives = _open_archives(layout, dataset, day, files)
    for table in DATASETS[dataset]:
        file, text = _read(layout, table, dataset, day, files, archives)
        text = mending.lay_over(text, table.name, laid)
        _assert_no_my_number(text, file, layout, table)
        rows = map_codes(_to_ours(text.rows, layout, table), layout)
        seen, _ = map_dates(rows, layout)  # what the checks look at; the raw text is what is staged
        broken = pa.concat_tables([_ragged(text, table), checks.check_rows(seen, table, refer)])
        broken = pa.concat_tables([broken, links.check_links(seen, table, known, broken)])
        broken = pa.concat_tables([broken, _not_in_layout(seen, layout, table, broken)])
        good, bad = checks.split_rows(rows, checks.rejected_rows(broken))
        kept = _drop_repeated(good, seen, table)
        accepted[table.name] = kept
        if table.name == "claims":
            claim_numbers = set(seen.column("claim_no").to_pylist())
        municipality = programme.benefit.municipality_code
        tables[table.name] = WithColumns(
            kept, partial(_add_keys, municipality=municipality, layout=layout)
        )
        tables[f"quarantine_{table.name}"] = bad
        tables[f"ragged_{table.name}"] = text.ragged_rows
        problems.append(
            broken.append_column("file", pa.array([file] * broken.num_rows, pa.string()))
        )
        file_rows[file] = text.rows_in
        quarantined += bad.num_rows + len(text.ragged)
        duplicates += good.num_rows - kept.num_rows
    for name, archive in archives.items():
        owners = attachments.assert_keepable(archive, name)
        problems.append(_attachments_of_nobody(owners, claim_numbers, name))
    found = pa.concat_tables(problems)
    rules = Counter(found.column("rule").to_pylist())
    manifest = Manifest(
        dataset, day.isoformat(), hashes,
        sum(file_rows.values()), sum(tables[t.name].num_rows for t in DATASETS[dataset]), quarantined, duplicates,
        sum(n for rule, n in rules.items() if RULES[rule].severity == "warn"), dict(sorted(rules.items())),
        mended=len(laid.cells), mending=laid.digest, schema_version=schema_version(source.layout),
        file_rows=file_rows, against=judged,
    )  # fmt: skip
    manifest = replace(manifest, run_key=run_key(programme.id, manifest))
    tables |= {"problems": found, mending.TABLE: laid.as_table()}
    gate(manifest)
    look({name: t.rows if isinstance(t, WithColumns) else t for name, t in tables.items()})
    return staging.write(manifest, tables, files)


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
    header = list(spec.columns)
    if layout.format == "xlsx":
        return name, readers.read_xlsx(data, header, name)
    if layout.format == "fixed":
        return name, readers.read_fixed(data, layout.encoding, spec.fixed, name)
    if archive_name in archives:
        data = readers.read_member(archives[archive_name], member, archive_name)
    return name, readers.read_csv(data, layout.encoding, header, name, layout.delimiter)


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


def _ragged(text: readers.TextTable, table: Table) -> pa.Table:
    count = len(text.ragged)
    return pa.table(
        {
            "table": [table.name] * count,
            "row": list(text.ragged),
            "column": [""] * count,
            "rule": ["ROW_LENGTH"] * count,
        },
        schema=checks.PROBLEM,
    )


def _not_in_layout(seen: pa.Table, layout: Layout, table: Table, broken: pa.Table) -> pa.Table:
    """Codes and dates that the layout does not know, and that no rule on the form of their column has told yet."""
    silent = pa.array([rule.code for rule in RULES.values() if rule.severity == "warn"])
    found = []
    for columns, rule, others in (
        (layout.codes, "CODE_UNKNOWN", silent),
        (layout.dates, "DATE_STYLE", pa.array(["DATE_ODD"])),
    ):
        telling = broken.filter(pc.invert(pc.is_in(broken.column("rule"), value_set=others)))
        for column in columns:
            if column in seen.column_names:
                odd = seen.filter(pc.starts_with(seen.column(column), UNKNOWN)).column("row")
                told = set(
                    telling.filter(pc.equal(telling.column("column"), column))
                    .column("row")
                    .to_pylist()
                )
                found += [
                    {"table": table.name, "row": row, "column": column, "rule": rule}
                    for row in odd.to_pylist()
                    if row not in told
                ]
    return pa.Table.from_pylist(found, schema=checks.PROBLEM)


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


def _attachments_of_nobody(owners: Sequence[str], claim_numbers: set[str], file: str) -> pa.Table:
    """Attachments whose claim is not in the archive, be it accepted or not; their row is their place among them."""
    found = [place for place, owner in enumerate(owners, start=1) if owner not in claim_numbers]
    count = len(found)
    return pa.table(
        {
            "table": ["attachments"] * count, "row": found, "column": ["claim_no"] * count,
            "rule": ["ATTACHMENT_CLAIM_UNKNOWN"] * count, "file": [file] * count,
        },
        schema=checks.PROBLEM.append(pa.field("file", pa.string())),
    )  # fmt: skip


def _add_keys(rows: pa.Table, municipality: str, layout: Layout) -> pa.Table:
    """Match keys beside the text; a date whose style the layout declares is read in that style only."""
    _, dates = map_dates(rows, layout)
    for key, (make, sources) in KEYS.items():
        for source in sources:
            if source in rows.column_names:
                declared = dates.get(source) if key == "date_key" else None
                made = make(rows.column(source), municipality) if declared is None else declared
                rows = rows.append_column(key, made)
    return rows
