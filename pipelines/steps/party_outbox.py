"""What lies in a party's outbox that should not, or is not what was taken from there: counted, told, never read.

Nothing is taken away from the relay; the party puts it right.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from pipelines.intake.receive import expected_files
from pipelines.ledger import tables
from pipelines.ledger.store import record
from pipelines.link import manifest as statements
from pipelines.link import receiving
from pipelines.link.errors import ManifestInvalid, RemoteFailure, SealInvalid
from pipelines.link.session import SFTPClient
from pipelines.reports.arrivals import LINK
from pipelines.steps import inbox
from pipelines.steps.campaign import Campaign
from schemas.datasets import DATASETS

OUTBOX = "outbox"
_TAKEN = "link.taken"
_NAMES_SHOWN = 10
_TOLD = {
    "strange": "どのデータにもあたらないファイルが{}個あります{}。受け取っていません。"
    "相手先に確認し、正しい名前で送り直してもらってください。",
    "late": "届いているのに受け取っていないファイルが{}個あります{}。"
    "その日の送信一覧にないか、その日の処理のあとで届いています。"
    "相手先に確認し、その日の受け取りをもう一度実行するか、後の業務日の名前で送り直してもらってください。",
    "replaced": "受け取ったあとで別の内容に差し替わったファイルが{}個あります{}。"
    "初めに受け取った内容のまま使い、新しい内容は受け取っていません。"
    "理由を相手先に確認し、訂正は後の業務日の名前で送ってもらってください。",
    "lone_file": "送り状のないファイルが{}個あります{}。送信が途中で終わっているため、受け取っていません。"
    "相手先に、送信をやり直してもらってください。",
    "lone_manifest": "ファイルのない送り状が{}個あります{}。受け取っていません。"
    "相手先に、ファイルがどうなったかを確認してください。",
}


_RESULTS = re.compile(r"results_[0-9]{8}_[0-9]{2}\.txt")  # the bank's, of whichever payments


def results_day(name: str) -> date | None:
    """The day of a file of further results, or None if the name is not such a file's."""
    return next(_days_in(name), None) if _RESULTS.fullmatch(name) else None


@dataclass(frozen=True)
class Told:
    """What was told of a party's outbox. count: of files; replaced: names that hold another content than was taken."""

    count: int
    replaced: frozenset[str]


def list_name(day: date) -> str:
    """The name of a party's list of the day."""
    return f"day_{day:%Y%m%d}.json"


def record_taken(
    connection: sa.Connection, programme: str, party_id: str, stated: statements.Manifest, day: date
) -> None:
    """Enter what was taken from a party and is not staged, in the caller's transaction."""
    detail = {"sha256": stated.sha256, "records": stated.records, "sum_yen": stated.sum_yen}
    record(connection, programme, _TAKEN, party_id, stated.name, detail, day)


def look_over(
    c: Campaign, party_id: str, sftp: SFTPClient, day: date, listed: Iterable[str] = ()
) -> Told:
    """Tell of everything in a party's outbox that should not be there as it is.

    listed: what the party's list of the day names.
    """
    names = _Names(c, party_id)
    whose = f"{c.programme.party(party_id).name}の送信箱に、"
    found = _sort_out(c, party_id, sftp, day, set(listed), names)
    for kind, which in found.items():
        if which:
            reason = whose + _TOLD[kind].format(len(which), names.shown(which))
            c.note_refusal(f"{LINK}{party_id}", reason, day)
    return Told(sum(map(len, found.values())), frozenset(found["replaced"]))


def _sort_out(
    c: Campaign, party_id: str, sftp: SFTPClient, day: date, listed: set[str], names: "_Names"
) -> dict[str, list[str]]:
    """Kind of `_TOLD` -> the names of that kind."""
    standing = receiving.look_at(sftp, OUTBOX, c.programme.link.wait_seconds)
    taken = taken_from(c, party_id)
    of_today = {*listed, list_name(day)}  # taking these refuses them with their own message
    found: dict[str, list[str]] = {
        "strange": [*standing.others, *(n for n in standing.acknowledged if n not in names.sent)],
        "late": [],
        "replaced": [],
        "lone_file": list(standing.lone_files),
        "lone_manifest": [n for n in standing.lone_manifests if n not in of_today],
    }
    for name in sorted({*standing.published, *listed}):
        of = names.day_of(name)
        if of is None or names.is_sheet_alone(name, standing.published):
            found["strange"].append(name)
        elif name in taken and name in standing.published:
            sealed = standing.published[name]
            if _is_other(c, sftp, party_id, name, of, taken[name], sealed):
                found["replaced"].append(name)
        elif name not in taken and names.is_file(name) and _is_due(name, of, day, listed):
            found["late"].append(name)
    return found


def _is_due(name: str, of: date, day: date, listed: set[str]) -> bool:
    """Whether a file of the day `of` should have been taken by then; what today's list names is about to be."""
    return of < day or (of == day and name not in listed)


class _Names:
    """Which names the programme knows in a party's outbox, and how they may be shown."""

    def __init__(self, c: Campaign, party_id: str) -> None:
        self._programme = c.programme
        self._is_bank = c.programme.party(party_id).role == "bank"
        sources = (s for s in c.programme.sources if s.party == party_id)
        self._datasets = [s.dataset for s in sources if s.dataset in DATASETS]
        r = tables.release
        query = sa.select(r.c.name, r.c.business_date).where(
            r.c.programme == c.programme.id, r.c.recipient == party_id
        )
        with c.ledger.read() as connection:
            self.sent: dict[str, date] = dict(map(tuple, connection.execute(query)))

    def is_file(self, name: str) -> bool:
        """Whether it names a file of a dataset on some day."""
        return any(name in self._files(day) for day in _days_in(name))

    def is_sheet_alone(self, name: str, published: Mapping[str, object]) -> bool:
        """Whether it names a control sheet whose file is not there."""
        files = {f for d in _days_in(name) for f in self._files(d) if inbox.sheet_name(f) == name}
        return bool(files) and not files & published.keys()

    def day_of(self, name: str) -> date | None:
        """The day that a known name is about: a dataset's file, its control sheet, a list of the day, results."""
        if name.startswith("result_"):
            return self.sent.get(name.removeprefix("result_"))
        if self._is_bank and (day := results_day(name)):
            return day
        for day in _days_in(name):
            files = self._files(day)
            if name in (list_name(day), *files, *map(inbox.sheet_name, files)):
                return day
        return None

    def shown(self, names: Iterable[str]) -> str:
        """Known names as they are; of others, which may hold anything, the kind before the first digit at most."""
        known = [name for name in names if self.day_of(name)]
        plain = (
            re.split(r"[_.]?[0-9]", n)[0]
            for n in names
            if n not in known and re.fullmatch(r"[a-z0-9_.]+", n)
        )
        words = [*known[:_NAMES_SHOWN], *sorted({kind for kind in plain if kind})]
        return f"({'、'.join(words)})" if words else ""

    def _files(self, day: date) -> set[str]:
        return {name for d in self._datasets for name in expected_files(self._programme, d, day)}


def _days_in(name: str) -> Iterator[date]:
    for digits in re.findall(r"(?<![0-9])[0-9]{8}(?![0-9])", name):
        try:
            yield date.fromisoformat(digits)
        except ValueError:
            continue


def taken_from(c: Campaign, party_id: str) -> dict[str, set[str]]:
    """Name -> SHA-256 of everything that was taken from a party."""
    found: dict[str, set[str]] = {}
    for source in c.programme.sources:
        if source.party != party_id:
            continue
        for day in c.staging.days(source.dataset, date.max):
            for version in c.staging.versions(source.dataset, day):
                staged = c.staging.manifest(source.dataset, day, version)
                for name, digest in staged.sources.items() if staged else ():
                    found.setdefault(name, set()).add(digest)
    a = tables.audit
    query = sa.select(a.c.subject, a.c.detail).where(
        a.c.programme == c.programme.id, a.c.event == _TAKEN, a.c.actor == party_id
    )
    with c.ledger.read() as connection:
        for name, detail in connection.execute(query):
            found.setdefault(name, set()).add(json.loads(detail)["sha256"])
    return found


def _is_other(
    c: Campaign, sftp: SFTPClient, party_id: str, name: str, on: date, taken: set[str],
    sealed: receiving.SealedFile,
) -> bool:  # fmt: skip
    """Whether what stands under a name is something else than what was taken.

    Its manifest is signed and holds the hash, so the file is read again only where it was written after that.
    """
    certificate = c.certificate(party_id)
    try:
        stated = receiving.read_manifest(sftp, OUTBOX, name, certificate, on)
        if stated.sha256 not in taken or sealed.size not in (None, stated.sealed_bytes):
            return True
        if sealed.is_younger:
            receiving.receive(sftp, OUTBOX, name, c.ward, certificate, on)
    except (SealInvalid, ManifestInvalid, RemoteFailure):
        return True
    return False
