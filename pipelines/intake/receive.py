"""From the files of one dataset and day to a staged partition: read, map, check, split, key, write."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from functools import cache, partial

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import InputMissing, InputRefused, PeriodRefused
from pipelines.intake import attachments, checks, keys, mending, my_number, readers
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
from schemas.rules import RULES

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
    gate: Callable[[Manifest], None] = lambda _counts: None,
    *,
    look: Callable[[Mapping[str, pa.Table]], None] = lambda _tables: None,
    mended: Mending | None = None,
) -> Manifest:
    """Stage one dataset and day from its files' bytes.

    Good rows go on, bad rows go to quarantine with file, row, column and rule; the counts must add up. `gate` sees the
    counts before anything is published and raises where the day may not enter: a declared total, a signed zero; `look`
    sees the tables in the same place. `mended` rows stand for the source's; without it, what was mended of the same
    bytes before stays mended.

    Raises:
        PeriodRefused: outside the collection period.
        InputMissing: one of the dataset's files is not among `files`.
        InputRefused: a column outside the basis, or a file that may not enter as a whole.
        MyNumberRefused: a file holds a My Number.
    """
    source = programme.source(dataset)
    assert_may_enter(source, day)
    if missing := sorted(set(expected_files(programme, dataset, day)) - set(files)):
        raise InputMissing(f"{dataset} {day}: {'、'.join(missing)} がありません。")
    layout = load_layout(source.layout)
    hashes = {name: sha256(data) for name, data in sorted(files.items())}
    laid = mended_before(staging, dataset, day, hashes) if mended is None else mended
    refer = references(programme.benefit.base_date, day)
    accepted: dict[str, pa.Table] = {}
    tables: dict[str, pa.Table | WithColumns] = {}
    problems: list[pa.Table] = []
    rows_in = quarantined = duplicates = 0
    for table in DATASETS[dataset]:
        _assert_in_basis(source, layout, table)
        file, text = _read(layout, table, dataset, day, files)
        text = mending.lay_over(text, table.name, laid)
        _assert_no_my_number(text, file, layout, table)
        rows = map_codes(_to_ours(text.rows, layout, table), layout)
        rows, seen = map_dates(rows, layout, table.date_keys)  # the raw text is what is staged
        broken = pa.concat_tables(
            [
                checks.problems(table.name, "", "ROW_LENGTH", text.ragged),
                checks.check_rows(seen, table, refer),
                _orphans(rows, table, accepted),
            ]
        )
        broken = pa.concat_tables([broken, _not_in_layout(seen, layout, table, broken)])
        good, bad = checks.split_rows(rows, checks.rejected_rows(broken))
        kept = _drop_repeated(good, seen, table)
        accepted[table.name] = kept
        municipality = programme.benefit.municipality_code
        tables[table.name] = WithColumns(kept, partial(_add_keys, municipality=municipality))
        tables[f"quarantine_{table.name}"] = bad
        tables[f"ragged_{table.name}"] = text.ragged_rows
        problems.append(
            broken.append_column("file", pa.array([file] * broken.num_rows, pa.string()))
        )
        rows_in += text.rows_in
        quarantined += bad.num_rows + len(text.ragged)
        duplicates += good.num_rows - kept.num_rows
    if layout.format == "zip":
        for name in expected_files(programme, dataset, day):
            attachments.assert_keepable(files[name], name)
    found = pa.concat_tables(problems)
    rules = Counter(found.column("rule").to_pylist())
    manifest = Manifest(
        dataset, day.isoformat(), hashes,
        rows_in, sum(tables[t.name].num_rows for t in DATASETS[dataset]), quarantined, duplicates,
        sum(n for rule, n in rules.items() if RULES[rule].severity == "warn"), dict(sorted(rules.items())),
        mended=len(laid.cells), mending=laid.digest, schema_version=schema_version(source.layout),
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
    read = {t.name: _read(layout, t, dataset, day, files) for t in DATASETS[dataset]}
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
        *sorted(manifest.sources.items()),
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


def _read(
    layout: Layout, table: Table, dataset: str, day: date, files: Mapping[str, bytes]
) -> tuple[str, readers.TextTable]:
    """The table's text under the source's own headers."""
    spec = layout.tables[table.name]
    name = spec.file_name(dataset, day)
    archive_name, _, member = name.partition("#")
    data = files[archive_name]
    if layout.format == "zip":
        members = [t.file_name(dataset, day).partition("#")[2] for t in layout.tables.values()]
        with readers.open_archive(data, archive_name) as archive:
            readers.assert_declared(archive, members, layout.others, archive_name)
            data = readers.read_member(archive, member, archive_name)
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


def _orphans(rows: pa.Table, table: Table, staged: Mapping[str, pa.Table]) -> pa.Table:
    """Member lines whose claim is not among the accepted claims."""
    if table.name != "members":
        return checks.PROBLEM.empty_table()
    known = staged["claims"].column("claim_no")
    is_known = pc.is_in(rows.column("claim_no"), value_set=known.combine_chunks())
    lost = rows.filter(pc.invert(is_known)).column("row")
    return checks.problems(table.name, "claim_no", "CLAIM_UNKNOWN", lost)


def _add_keys(rows: pa.Table, municipality: str) -> pa.Table:
    """Match keys beside the text."""
    for key, (make, sources) in KEYS.items():
        for source in sources:
            if source in rows.column_names:
                rows = rows.append_column(key, make(rows.column(source), municipality))
    return rows
