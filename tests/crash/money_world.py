"""A ward's home before each scene (`scenes.py`), copied for every kill; its relay and parties live here and go on."""

import json
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from pipelines.at_rest.store import beside
from pipelines.link.parties import bank, contractor, jlis
from pipelines.link.parties._sftp import CONNECTION_ERRORS, Conflict, Mailbox
from pipelines.link.parties.party import Party
from tests.campaign_home import PROGRAMME_ID, copy_home, faults, final_state, make_ward, rows
from tests.crash import scenes
from tests.crash.scenes import Place
from tests.kyufu_process import PROCESSES
from tests.link_server import serve
from tests.link_world import hash_of, world

PARTIES = {"bank": bank.step, "contractor": contractor.step, "jlis": jlis.step}
LONGEST_SECONDS = 600  # a limit for what never ends, not a speed
POLL_SECONDS = 0.02
COUNTING = "any:0"

_NUMBER = count(1)


@dataclass(frozen=True)
class Ledgers:
    """Where the homes' ledgers are.

    first: home -> URL; copy: (URL, the new home) -> its URL; drop: URL. A SQLite file comes and goes with its home.
    """

    first: Callable[[Path], str]
    copy: Callable[[str, Path], str]
    drop: Callable[[str], None]


@dataclass(frozen=True)
class Told:
    """What one process left. passed: failpoint -> how often it was reached; None if it was killed."""

    exitcode: int
    refused: str | None
    passed: dict[str, int] | None


@dataclass
class World:
    """The homes before and after each scene, undisturbed. homes: scene -> the home as it begins."""

    inputs: Path
    scratch: Path
    ledgers: Ledgers
    homes: dict[str, Place] = field(default_factory=dict)
    passed: dict[str, dict[str, int]] = field(default_factory=dict)
    states: dict[str, dict[str, object]] = field(default_factory=dict)

    @contextmanager
    def copy(self, scene: str) -> Iterator[Place]:
        """A home as it is when the scene begins, with a relay and parties of its own."""
        before = self.homes[scene]
        home = self.scratch / f"home{next(_NUMBER)}"
        copy_home(before.home, home)
        copied = replace(before, home=home, url=self.ledgers.copy(before.url, home))
        with relay(copied) as place:
            yield place
        shutil.rmtree(home)
        shutil.rmtree(beside(home), ignore_errors=True)
        self.ledgers.drop(copied.url)


def make_world(scratch: Path, ledgers: Ledgers) -> World:
    """Play the story undisturbed and keep every home on the way."""
    inputs = make_ward(scratch / "inputs", 200, 7, scenes.DAYS)
    (inputs / "bank" / "moods.json").write_text(json.dumps(scenes.MOODS), encoding="utf-8")
    made = World(inputs, scratch, ledgers)
    home = scratch / "begin"
    shutil.copytree(world().pki, home / "pki")
    for party in PARTIES:
        seen = home / "link" / "work" / party / "first_day"
        seen.parent.mkdir(parents=True)
        seen.write_text(min(scenes.DAYS), encoding="ascii")
    standing = Place(home, inputs, ledgers.first(home), 0)
    for scene in scenes.STORY:
        made.homes[scene] = standing
        after = scratch / f"after_{scene}"
        copy_home(standing.home, after)
        standing = replace(standing, home=after, url=ledgers.copy(standing.url, after))
        with relay(standing) as place:
            told = play(place, scene)
        assert (told.exitcode, told.refused) == (0, None), f"{scene}: {told}"
        made.passed[scene] = told.passed or {}
        made.states[scene] = final_state(after, standing.url)
        assert faults(after, standing.url) == []
    made.homes["the end"] = standing
    return made


def play(place: Place, scene: str, failpoint: str = COUNTING) -> Told:
    """Play a scene in a process of its own, to its end or to its kill."""
    (told,) = play_at_once(place, scene, 1, failpoint)
    return told


def play_at_once(place: Place, scene: str, times: int, failpoint: str = COUNTING) -> list[Told]:
    """Play a scene in several processes at the same time."""
    files = [place.home.parent / f"told{next(_NUMBER)}.json" for _ in range(times)]
    processes = [
        PROCESSES.Process(target=scenes.play, args=(place, scene, failpoint, file))
        for file in files
    ]
    for process in processes:
        process.start()
    found = []
    for process, file in zip(processes, files, strict=True):
        process.join(LONGEST_SECONDS)
        assert process.exitcode is not None, "it does not end"
        said = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        found.append(Told(process.exitcode, said.get("refused"), said.get("passed")))
        process.close()
    return found


def was_killed(told: Told) -> bool:
    """Whether it died by SIGKILL."""
    return told.exitcode == -signal.SIGKILL


def sealed_hashes(place: Place) -> dict[str, str]:
    """Release -> the hash of the sealed bytes that the ledger knows."""
    found = rows(place.home, "release", ("name", "sealed_sha256"), place.url)
    return {str(name): str(digest) for name, digest in found if digest is not None}


def delivered_hashes(place: Place) -> dict[str, str]:
    """Release -> the hash of the file that lies at its receiver."""
    inboxes = (place.home / "link" / "homes").glob("*/inbox/*.p7m")
    return {path.stem: hash_of(path.read_bytes()) for path in inboxes}


def live_payments(place: Place) -> list[object]:
    """A person for each live payment."""
    items = rows(place.home, "payment_item", ("person_id", "live"), place.url)
    return [person for person, live in items if live]


# --- the link ---


@contextmanager
def relay(place: Place) -> Iterator[Place]:
    """Serve a home's link, with its parties answering until the block ends."""
    root = place.home / "link"
    with ExitStack() as stack:
        port = stack.enter_context(serve(root / "homes", world())).port
        for party in PARTIES:
            told = root / "homes" / party / "inbox" / "business_date"
            told.write_text(max(scenes.DAYS), encoding="ascii")
            stack.enter_context(answering(party, place, port))
        yield replace(place, port=port)


@contextmanager
def answering(name: str, place: Place, port: int) -> Iterator[None]:
    """A party that works whenever its inbox has changed until the block ends, and connects again if that breaks."""
    identity = place.home / "pki" / "parties" / name
    work = place.home / "link" / "work" / name
    party = Party(name, identity, work, place.inputs / name, PROGRAMME_ID)
    ended = threading.Event()

    inbox = place.home / "link" / "homes" / name / "inbox"

    def answer() -> None:
        answered: set[tuple[str, int, int]] = set()
        while not ended.is_set():
            with (
                suppress(*CONNECTION_ERRORS, Conflict),
                closing(Mailbox("127.0.0.1", port, name, identity)) as box,
            ):
                while not ended.wait(POLL_SECONDS):
                    if (lying := _stamps(inbox)) != answered:
                        PARTIES[name](party, box)
                        answered = lying

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _stamps(folder: Path) -> set[tuple[str, int, int]]:
    """What lies in a folder: looking there costs nothing, asking over the link a tenth of a core."""
    found = set()
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # renamed meanwhile: seen by its new name the next time
            stat = path.stat()
            found.add((path.name, stat.st_mtime_ns, stat.st_size))
    return found
