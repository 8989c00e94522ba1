"""Making a ward: people first, then what happened to them, then the files that tell of it."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

# importing a scenario module registers its scenarios; rare needs first, so that a small ward
# still has households for them
from data.synthetic_ward import (  # noqa: F401
    files,
    hard,
    plant_accounts,
    plant_applicants,
    plant_changes,
    plant_evacuees,
    plant_lists,
    plant_repeats,
    truth,
)
from data.synthetic_ward.banks import Bank
from data.synthetic_ward.drawing import Draw
from data.synthetic_ward.people import People
from data.synthetic_ward.places import Places
from data.synthetic_ward.plain import claim_for_the_rest
from data.synthetic_ward.plant_lists import plant_strangers
from data.synthetic_ward.scenarios import plant_all
from data.synthetic_ward.settings import load_settings
from data.synthetic_ward.world import Ward

ERRORS = ("normal", "hard")


def make_ward(residents: int, seed: int, *, canaries: bool = False) -> Ward:
    """The ward with everything that happened in it, in memory."""
    settings, rng = load_settings(), Draw(seed)
    places = Places(rng, settings.ward, settings.places)
    people = People(rng, places, settings.population)
    bank = Bank(rng, settings.banks, settings.accounts)
    households = people.fill(residents)
    ward = Ward(settings, rng, places, people, bank, households, canaries=canaries)
    ward.pool = households.copy()
    rng.shuffle(ward.pool)
    plant_all(ward)
    plant_strangers(ward)
    claim_for_the_rest(ward)
    files.number_claims(ward)
    return ward


@contextmanager
def collector_paused() -> Iterator[None]:
    """Millions of objects that all stay alive: looking for garbage among them is wasted time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def check_free(out: Path) -> None:
    """Refuse a place that holds anything."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} is not empty: name a new directory or remove it first")


def write_ward(
    residents: int, seed: int, out: Path, errors: str, *, canaries: bool = False
) -> dict[str, int]:
    """Make a ward and write it beside `out`; it gets its name when it is complete."""
    if residents < 1:
        raise ValueError("a ward has at least one resident")
    if errors not in ERRORS:
        raise ValueError(f"errors are one of {', '.join(ERRORS)}")
    check_free(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        draft.chmod(0o755)
        with collector_paused():
            ward = make_ward(residents, seed, canaries=canaries)
            counts = fill_folder(ward, draft, residents, seed)
            if errors == "hard":
                hard.plant(ward, seed, draft)
        check_free(out)
        draft.replace(out)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return counts


def fill_folder(ward: Ward, out: Path, residents: int, seed: int) -> dict[str, int]:
    """Write all files of a ward."""
    files.write_register(ward, out)
    files.write_lists(ward, out)
    files.write_claims(ward, out)
    files.write_book(ward, out)
    truth.write_truth(ward, out)
    return truth.write_summary(ward, out, residents, seed)
