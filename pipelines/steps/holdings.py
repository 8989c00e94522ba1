"""What the ward holds, class by class: files, their keys, rows of the ledger; and how each class's files are erased.

The lists of other departments belong to the protections wherever they lie: as they came, staged, or in quarantine.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.at_rest import store as at_rest
from pipelines.failpoints import failpoint
from pipelines.files import sync_folder
from pipelines.intake.staging import kind_of
from pipelines.ledger.erasing import count_rows
from pipelines.ledger.personal import Class
from pipelines.programme import ROOT
from pipelines.steps.campaign import Campaign

_KINDS = {
    Class.ATTACHMENTS: at_rest.ATTACHMENTS,
    Class.RAW_INPUTS: at_rest.RAW_INPUTS,
    Class.QUARANTINE: at_rest.QUARANTINE,
    Class.STAGING: at_rest.STAGING,
    Class.OUTGOING_COPIES: at_rest.OUTGOING_COPIES,
}
_STAGED = {at_rest.RAW_INPUTS, at_rest.QUARANTINE, at_rest.STAGING}
_ONE_PIECE = 1 << 20


@dataclass(frozen=True)
class Held:
    """What is held of a class: files, keys (kind, partition), rows of the ledger."""

    files: tuple[Path, ...]
    keys: tuple[tuple[str, str], ...]
    rows: int

    def as_dict(self) -> dict[str, int]:
        """For people and plans: counts."""
        return {"files": len(self.files), "keys": len(self.keys), "rows": self.rows}


def held(c: Campaign, wanted: Class) -> Held:
    """Everything that is still held of a class."""
    with c.ledger.read() as connection:
        rows = count_rows(connection, c.programme.id, wanted)
    return Held(tuple(sorted(_files(c, wanted))), tuple(sorted(_keys(c, wanted))), rows)


def erase_files(c: Campaign, wanted: Class) -> None:
    """Destroy the class's keys, then take its files away; what is gone already stays gone."""
    found = held(c, wanted)
    for kind, partition in found.keys:
        c.at_rest.destroy(kind, partition)
    failpoint("erasure.keys_destroyed")
    for path in found.files:
        _overwrite(path)
        path.unlink()
    for folder in {path.parent for path in found.files}:
        sync_folder(folder)
    failpoint("erasure.files_gone")


def _files(c: Campaign, wanted: Class) -> Iterator[Path]:
    match wanted:
        case Class.ATTACHMENTS:
            yield from _all(c.home / "attachments")
        case Class.RAW_INPUTS | Class.QUARANTINE | Class.STAGING | Class.PROTECTIONS:
            yield from (path for path, of in _staged(c) if of is wanted)
            yield from (path for path, of in _inbox(c) if of is wanted)
            if wanted is Class.PROTECTIONS:
                yield from _all(c.home / "drafts")
        case (
            Class.OUTGOING_COPIES
        ):  # the manifests stay: they prove what was delivered, and name nobody
            yield from (p for p in _all(c.home / "releases") if p.name != "manifest")
        case Class.BACKUPS:
            yield from _all(c.settings.backups) if c.settings.backups else ()
        case Class.CLAIM_DETAILS | Class.PAYMENT_RECORDS:
            return


def _keys(c: Campaign, wanted: Class) -> Iterator[tuple[str, str]]:
    """The class's keys that are there."""
    if wanted is Class.PROTECTIONS:
        yield from (
            (at_rest.PROTECTIONS, name) for name in c.at_rest.partitions(at_rest.PROTECTIONS)
        )
        kinds: Iterable[str] = sorted(_STAGED)
    else:
        kinds = [_KINDS[wanted]] if wanted in _KINDS else []
    for kind in kinds:
        for partition in c.at_rest.partitions(kind):
            is_list = kind in _STAGED and partition.partition("/")[0] in _lists(c)
            if is_list == (wanted is Class.PROTECTIONS):
                yield kind, partition


def _staged(c: Campaign) -> Iterator[tuple[Path, Class]]:
    """Every staged file, the manifests aside, with its class; what a killed write left beside is staging's."""
    by_kind = {kind: wanted for wanted, kind in _KINDS.items()}
    for path in _all(c.staging.root):
        parts = path.relative_to(c.staging.root).parts
        if parts[0] in _lists(c):
            if path.name != "manifest.json":
                yield path, Class.PROTECTIONS
        elif parts[0].startswith("."):
            yield path, Class.STAGING
        elif "source" in parts:
            yield path, Class.RAW_INPUTS
        elif path.name != "manifest.json":
            yield path, by_kind[kind_of(path.stem)]


def _inbox(c: Campaign) -> Iterator[tuple[Path, Class]]:
    """What came on the ward's own PC, days' folders alone; the samples of this repository are nobody's."""
    if c.inbox.is_relative_to(ROOT / "data"):
        return
    for path in (p for folder in sorted(c.inbox.glob("????-??-??")) for p in _all(folder)):
        is_list = any(path.name.startswith(name) for name in _lists(c))
        yield path, Class.PROTECTIONS if is_list else Class.RAW_INPUTS


def _lists(c: Campaign) -> frozenset[str]:
    return frozenset(source.dataset for source in c.programme.list_sources)


def _all(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def _overwrite(path: Path) -> None:
    """Write over what may lie there unencrypted, so far as the storage writes in place."""
    size = path.stat().st_size
    with path.open("rb+") as file:
        for start in range(0, size, _ONE_PIECE):
            file.write(bytes(min(_ONE_PIECE, size - start)))
        file.flush()
        os.fsync(file.fileno())
