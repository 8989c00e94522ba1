"""Measures of a partition: one number each for volume, shape, drift from the partition before, sums between files.

Made by the SQL of `sql/reports/` and from the manifest; what leaves this module are aggregates of a whole partition.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.intake.keys.places import lies_in
from pipelines.intake.staging import Manifest, Staging
from pipelines.matching.engine import run_steps
from pipelines.programme import ROOT
from schemas.datasets import DATASETS
from schemas.expectations import Suite

SQL = ROOT / "sql" / "reports"
_DECIMALS = 4
# what the SQL reads; a dataset without a column has it as null
_TEXT = (
    "resident_id", "household_id", "relationship", "name_kana", "birth_date", "address", "postal_code", "change_reason",
    "sex", "discharged_on", "claim_no", "claim_kind", "yucho_symbol", "account_holder_kana", "deficiency_code",
    "name_key", "date_key",
)  # fmt: skip
_MEMBER = ("claim_no", "not_wanted")
_REGISTER = ("resident_id", "household_id")
Measures = dict[str, float | None]


@dataclass(frozen=True)
class Control:
    """The totals that a control sheet declares."""

    rows: int
    households: int


def measure_partition(
    staging: Staging,
    suite: Suite,
    manifest: Manifest,
    address_prefix: str,
    control: Control | None = None,
) -> Measures:
    """Every measure of a staged partition; None where there is nothing to measure.

    Args:
        staging: where the partition, the one before it and the register are read.
        suite: names the folder of SQL files below `sql/reports`.
        manifest: the partition's.
        address_prefix: prefecture and municipality; an address lies there however these are written.
        control: what the control sheet declares, if one came with it.
    """
    day = date.fromisoformat(manifest.day)
    table = DATASETS[manifest.dataset][0].name
    before = previous_day(staging, manifest.dataset, day)
    present = _columns(staging.read(manifest.dataset, day, table), _TEXT)
    previous = (
        _columns(staging.read(manifest.dataset, before, table), _TEXT)
        if before
        else present.slice(0, 0)
    )
    local = _lies_in(present.column("address"), address_prefix)
    relations = {
        "present": present.append_column("is_local", local), "previous": previous,
        "register": _register(staging, day), "member": _members(staging, manifest.dataset, day),
    }  # fmt: skip
    found = _run(suite.name, relations)
    found |= _volumes(staging, manifest, before)
    if control:
        found["control_rows_gap"] = control.rows - manifest.rows_in
        found["control_households_gap"] = control.households - int(found["households"] or 0)
    return {name: _rounded(value) for name, value in found.items()}


def previous_day(staging: Staging, dataset: str, day: date) -> date | None:
    """The dataset's staged day before `day`."""
    return max((d for d in staging.days(dataset, day) if d < day), default=None)


def _run(suite: str, relations: Mapping[str, pa.Table]) -> Measures:
    """The one-row results of the steps common to all and of the suite's own."""
    steps = [*sorted((SQL / "every").glob("*.sql")), *sorted((SQL / suite).glob("*.sql"))]
    rows = run_steps(steps, relations, ["common", "measure"])
    return {**rows["common"].to_pylist()[0], **rows["measure"].to_pylist()[0]}


def _volumes(staging: Staging, manifest: Manifest, before: date | None) -> Measures:
    day = date.fromisoformat(manifest.day)
    tables = [t.name for t in DATASETS[manifest.dataset]]
    accepted = sum(staging.read(manifest.dataset, day, name).num_rows for name in tables)
    earlier = staging.manifest(manifest.dataset, before) if before else None
    return {
        "rows_in": manifest.rows_in,
        "unbalanced_rows": manifest.rows_in - accepted - manifest.quarantined - manifest.duplicates,
        "quarantined_share": _share(manifest.quarantined, manifest.rows_in),
        "duplicate_share": _share(manifest.duplicates, manifest.rows_in),
        "volume_ratio": _share(accepted, earlier.accepted) if earlier else None,
    }


def _columns(rows: pa.Table, names: tuple[str, ...]) -> pa.Table:
    """These columns as text, null where the table has none."""
    return pa.table(
        {
            name: rows.column(name)
            if name in rows.column_names
            else pa.nulls(rows.num_rows, pa.string())
            for name in names
        }
    )


def _lies_in(addresses: pa.ChunkedArray, prefix: str) -> pa.Array:
    """Whether each address lies in the municipality, as bool; null where it says neither.

    The usual spelling is told by its beginning; only the others are taken apart, each spelling once.
    """
    usual = pc.fill_null(pc.starts_with(addresses, prefix), False)
    others = pc.unique(addresses.filter(pc.invert(usual)).drop_null())
    inside = pa.array([lies_in(address, prefix) for address in others.to_pylist()], pa.bool_())
    return pc.if_else(usual, True, inside.take(pc.index_in(addresses, value_set=others)))


def _register(staging: Staging, day: date) -> pa.Table:
    """The numbers of the first register up to that day: the extract that the snapshot is made of."""
    days = staging.days("register", day)
    if not days:
        return pa.table({name: pa.array([], pa.string()) for name in _REGISTER})
    return staging.read("register", days[0]).select(_REGISTER)


def _members(staging: Staging, dataset: str, day: date) -> pa.Table:
    if "members" in [table.name for table in DATASETS[dataset]]:
        return _columns(staging.read(dataset, day, "members"), _MEMBER)
    return pa.table({name: pa.array([], pa.string()) for name in _MEMBER})


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), _DECIMALS)
