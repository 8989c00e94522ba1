"""What every simulated party does: poll its home, answer deliveries, send its own, survive a kill.

Everything that was decided is stored under ``--work`` before it is published, and published again
from there after a restart, so a restart neither loses nor repeats anything::

    received/<name>            the opened payload
    stored/<name>.p7m, .manifest, .ack   what this party sends, sealed once
    finished/<name>            nothing more to do for this name
    remembered/<name>          what was decided once
    first_day                  the first business date that was seen
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pipelines.link.parties._openssl import Openssl, SealRefused
from pipelines.link.parties._sftp import Mailbox

NO_HASH = "0" * 64
REQUESTS = "erasure_request_"  # how the name of a request to return and to erase begins
REHEARSAL = "rehearsal_"


class Refused(Exception):
    """A delivery is not accepted. The message goes to the ward as the reason."""

    def __init__(self, reason: str, records: int = 0, sum_yen: int | None = None) -> None:
        """Keep what was counted before it was refused."""
        super().__init__(reason)
        self.records = records
        self.sum_yen = sum_yen


@dataclass(frozen=True)
class Delivery:
    """An opened delivery of the ward."""

    name: str
    manifest: dict[str, Any]
    payload: bytes

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is to be checked and used for nothing."""
        return self.name.startswith(REHEARSAL)


@dataclass(frozen=True)
class Answer:
    """What a party found in an accepted delivery, and what it sends back because of it."""

    records: int
    sum_yen: int | None
    reply: Callable[[], None] = lambda: None


Handler = Callable[[Delivery], Answer]


class Party:
    """One party with its keys, its work folder and, while connected, its home on the relay."""

    def __init__(self, name: str, identity: Path, work: Path, inputs: Path, programme: str) -> None:
        """Make the work folder."""
        self.name = name
        self.inputs = inputs
        self.work = work
        self.programme = programme
        self.keys = Openssl(identity, work / "scratch")
        for folder in ("received", "stored", "finished", "remembered"):
            (work / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._finished = {path.name for path in (work / "finished").iterdir()}

    def answer_inbox(self, box: Mailbox, prefixes: tuple[str, ...], handle: Handler) -> None:
        """Open, check and acknowledge every published delivery that is not finished, requests to erase aside."""
        for name in self._unanswered(box):
            if not name.startswith(REQUESTS):
                self._answer(box, name, prefixes, handle)
                self.finish(f"in {name}")

    def answer_requests(self, box: Mailbox, handle: Handler) -> None:
        """The same for requests to return and to erase, which every party takes."""
        for name in self._unanswered(box):
            if name.startswith(REQUESTS):
                self._answer(box, name, (REQUESTS,), handle)
                self.finish(f"in {name}")

    def _unanswered(self, box: Mailbox) -> list[str]:
        names = (
            file.removesuffix(".manifest")
            for file in box.names("inbox")
            if file.endswith(".manifest")
        )
        return sorted(name for name in names if f"in {name}" not in self._finished)

    def remember(self, what: str, make: Callable[[], bytes]) -> bytes:
        """What was made under that name once, whatever is there now."""
        kept = self.work / "remembered" / what
        if not kept.exists():
            write_whole(kept, make())
        return kept.read_bytes()

    def send(
        self,
        box: Mailbox,
        name: str,
        payload: bytes,
        day: str,
        *,
        kind: str,
        records: int,
        sum_yen: int | None = None,
        programme: str | None = None,
        unpayable: bool = True,
    ) -> None:
        """Seal once, store, publish, and do nothing if that is finished already."""
        if f"out {name}" in self._finished:
            return
        stored = self.work / "stored"
        if not (stored / f"{name}.manifest").exists():
            sealed = self.keys.seal(payload)
            manifest = {
                "name": name,
                "kind": kind,
                "business_date": day,
                "records": records,
                "sum_yen": sum_yen,
                "sha256": hashlib.sha256(payload).hexdigest(),
                "sealed_sha256": hashlib.sha256(sealed).hexdigest(),
                "sealed_bytes": len(sealed),
                "programme": self.programme if programme is None else programme,
                "unpayable": unpayable,
            }
            write_whole(stored / f"{name}.p7m", sealed)
            write_whole(stored / f"{name}.manifest", self.keys.sign(to_json(manifest)))
        for suffix in (".p7m", ".manifest"):
            box.place(f"outbox/{name}{suffix}", (stored / f"{name}{suffix}").read_bytes())
        self.finish(f"out {name}")
        log(f"sent {name}: {records} records")

    def send_days(
        self, box: Mailbox, patterns: Iterable[str], count: Callable[[Path], int]
    ) -> None:
        """Send what the inputs hold for each day up to the business date, then the day's list."""
        last = self._business_date(box)
        if last is None:
            return
        for day in self._days(last):
            list_name = f"day_{day:%Y%m%d}.json"
            if f"out {list_name}" in self._finished:
                continue
            folder = self.inputs / day.isoformat()
            files = sorted(path for pattern in patterns for path in folder.glob(pattern))
            text = day.isoformat()
            for path in files:
                kind = path.stem.rpartition("_")[0]
                self.send(box, path.name, path.read_bytes(), text, kind=kind, records=count(path))
            listed = to_json({"day": text, "files": [path.name for path in files]})
            self.send(box, list_name, listed, text, kind="day", records=len(files))

    def finish(self, what: str) -> None:
        """Remember durably that there is nothing more to do for a name."""
        write_whole(self.work / "finished" / what, b"")
        self._finished.add(what)

    def _answer(self, box: Mailbox, name: str, prefixes: tuple[str, ...], handle: Handler) -> None:
        answer: Answer | None = None
        found: dict[str, Any] = {"name": name, "sha256": NO_HASH, "accepted": True, "reason": ""}
        try:
            if not name.startswith((*prefixes, REHEARSAL)):
                raise Refused(f"{self.name} does not take this kind of file")
            delivery = self._open(box, name)
            _refuse_half_rehearsal(delivery)
            found["sha256"] = hashlib.sha256(delivery.payload).hexdigest()
            answer = handle(delivery)
            write_whole(self.work / "received" / name, delivery.payload)
            found |= {"records": answer.records, "sum_yen": answer.sum_yen}
        except Refused as refusal:
            found |= {"accepted": False, "reason": str(refusal)}
            found |= {"records": refusal.records, "sum_yen": refusal.sum_yen}
        self._acknowledge(box, name, found)
        if answer is not None:
            answer.reply()

    def _open(self, box: Mailbox, name: str) -> Delivery:
        try:
            manifest = json.loads(self.keys.verify(box.read(f"inbox/{name}.manifest")))
        except (SealRefused, ValueError) as error:
            raise Refused("the manifest is not signed by the ward") from error
        if not isinstance(manifest, dict) or manifest.get("name") != name:
            raise Refused("the manifest is about another file")
        try:
            sealed = box.read(f"inbox/{name}.p7m")
        except FileNotFoundError as error:
            raise Refused("the file is announced but not there") from error
        if hashlib.sha256(sealed).hexdigest() != manifest.get("sealed_sha256"):
            raise Refused("the sealed file has not the hash of its manifest")
        try:
            payload = self.keys.unseal(sealed)
        except SealRefused as error:
            raise Refused("the seal cannot be opened, or is not the ward's") from error
        if hashlib.sha256(payload).hexdigest() != manifest.get("sha256"):
            raise Refused("the payload has not the hash of its manifest")
        return Delivery(name, manifest, payload)

    def _acknowledge(self, box: Mailbox, name: str, found: dict[str, Any]) -> None:
        stored = self.work / "stored" / f"{name}.ack"
        if not stored.exists():
            write_whole(stored, self.keys.sign(to_json(found)))
        box.place(f"outbox/{name}.ack", stored.read_bytes())
        log(f"answered {name}: accepted={found['accepted']}, {found['records']} records")

    def _business_date(self, box: Mailbox) -> date | None:
        try:
            text = box.read("inbox/business_date").decode("ascii").strip()
            return date.fromisoformat(text)
        except (FileNotFoundError, ValueError):
            return None  # not set yet, or just being written

    def _days(self, last: date) -> list[date]:
        kept = self.work / "first_day"
        if not kept.exists():
            known = [last.isoformat(), *(path.name for path in self.inputs.glob("????-??-??"))]
            write_whole(kept, min(known).encode("ascii"))
        first = date.fromisoformat(kept.read_text(encoding="ascii"))
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _refuse_half_rehearsal(delivery: Delivery) -> None:
    """A rehearsal says so in its name and in its signed manifest, and is unpayable; anything between is refused."""
    stated = delivery.manifest.get("kind") == "rehearsal"
    if stated is not delivery.is_rehearsal:
        raise Refused("the name and the manifest disagree about whether it is a rehearsal")
    if stated and delivery.manifest.get("unpayable") is not True:
        raise Refused("a rehearsal that is not marked unpayable")


def to_json(value: dict[str, Any]) -> bytes:
    """Write JSON as the link's contract says: UTF-8, sorted keys."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False).encode()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is whole or absent, also after a power cut."""
    beside = path.parent / f".{path.name}.partial"
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def log(text: str) -> None:
    """Write one line to the log: names of files and counts, never what is in them."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
