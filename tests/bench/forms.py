"""Time and peak memory of the forms' day: all its files built, scanned, parsed back and compared.

A synthetic ward of 350,000, registered, with its lists linked (``--ward`` for a ready one). The real step with the real
ledger on SQLite, ``forms.build``: the contractor's file by the programme's profile, looked through for every protected
person, read back and compared with the register field by field, its proof sheet, the ward's own forms and the Braille
envelopes. Each run is a process of its own on a fresh copy of the same home; the middle of the runs is shown, of the
memory the highest. After every run the contractor's file is read by Python's csv alone, and everybody who is not the
ward's own must be there once, or the bench fails. Imports and the ward are not counted.

The barcodes of the ward's households are timed alone too, each address once, with nothing remembered.
"""

import argparse
import csv
import io
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.delivery import REGISTERED, RESIDENTS, _open, prepare
from tests.bench.wards import make_ward
from tests.campaign_home import copy_home

RUNS = 3
AIM_SECONDS, AIM_MEGABYTES, AIM_BARCODES = 60.0, 1500, 10.0


def url_of(home: Path) -> str:
    """The ledger of a home."""
    return f"sqlite:///{home}/ledger.sqlite"


def run_day(home: Path) -> dict[str, float]:
    """Build the day's forms: seconds, CPU seconds, peak memory."""
    from pipelines.campaign import without_collector
    from pipelines.steps import forms

    c = _open(home, url_of(home), home)
    started, cpu = time.monotonic(), time.process_time()
    with without_collector():
        made = forms.build(c, REGISTERED)
    took = {"seconds": time.monotonic() - started, "cpu": time.process_time() - cpu}
    took["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**took, "files": len(made["names"]), "people": made["people"]}


def time_barcodes(home: Path) -> dict[str, float]:
    """Encode the address of every household."""
    import pyarrow.compute as pc

    from pipelines.outputs.barcode_columns import encode_codes

    c = _open(home, url_of(home), home)
    heads = c.snapshot_people.filter(pc.starts_with(c.snapshot_people["relationship"], "02"))
    address = pc.binary_join_element_wise(heads["address"], heads["address_supplement"], "　")
    pair = (heads["postal_code"].combine_chunks(), address.combine_chunks())
    started, cpu = time.monotonic(), time.process_time()
    found = encode_codes(*pair)
    took = {"seconds": time.monotonic() - started, "cpu": time.process_time() - cpu}
    return {**took, "households": len(found), "without": found.null_count}


def check(home: Path) -> None:
    """Read the contractor's file without any of our code: everybody who is not the ward's own stands in it once.

    Raises:
        SystemExit: it is not so.
    """
    import pyarrow.compute as pc

    c = _open(home, url_of(home), home)
    withheld = set(c.guard(REGISTERED).withheld_from_contractors)
    rows = c.people().select(["person_id", "resident_id", "household_id"])
    rows = rows.filter(pc.is_valid(rows["household_id"])).to_pylist()
    wanted = sorted(row["resident_id"] for row in rows if row["person_id"] not in withheld)
    from pipelines.steps import outbox

    (payload,) = (home / "releases").glob("forms_*/payload")
    text = outbox.read_payload(c, payload.parent.name).decode(c.programme.forms.encoding)
    with io.StringIO(text, newline="") as file:
        printed = sorted(
            value
            for row in csv.DictReader(file)
            for name, value in row.items()
            if name.startswith("住民番号") and value
        )
    waiting = set(wanted) - set(printed)
    if len(printed) != len(set(printed)) or not set(printed) <= set(wanted):
        sys.exit("the file holds somebody twice, or somebody who is the ward's own")
    gone = sum(1 for row in rows if row["resident_id"] in waiting)
    print(json.dumps({"printed": len(printed), "not printed": gone}))  # noqa: T201


def _child(only: str, home: Path, *more: object) -> dict[str, Any]:
    arguments = ("--only", only, "--home", home, *more)
    command = [sys.executable, "-m", "tests.bench.forms", *map(str, arguments)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, env=os.environ)
    if done.returncode:
        sys.exit(f"{only} ended with status {done.returncode}")
    lines = done.stdout.decode().splitlines()
    return json.loads(lines[-1]) if lines else {}


def measure(ward: Path, folder: Path, runs: int) -> None:
    """Prepare one home, then run the day on copies of it and print what it took."""
    base, found, checked = folder / "base", [], {}
    _child("prepare", base, "--ward", ward)
    barcodes = _child("barcodes", base)
    met = "met" if barcodes["seconds"] <= AIM_BARCODES else "NOT MET"
    print(f"barcodes {barcodes}  (aim {AIM_BARCODES:.0f} s)  {met}", flush=True)  # noqa: T201
    for number in range(runs):
        home = folder / f"run{number}"
        copy_home(base, home)
        found.append(_child("day", home))
        checked = _child("check", home)
        shutil.rmtree(home)
    middle = {key: statistics.median(run[key] for run in found) for key in ("seconds", "cpu")}
    peak = max(run["megabytes"] for run in found)
    is_met = middle["seconds"] <= AIM_SECONDS and peak <= AIM_MEGABYTES
    cost = f"cpu {middle['cpu']:6.2f} s  peak {peak:5.0f} MB"
    print(  # noqa: T201
        f"forms' day {middle['seconds']:6.2f} s (aim {AIM_SECONDS:.0f})  {cost} "
        f"(aim {AIM_MEGABYTES})  {'met' if is_met else 'NOT MET'}  files {found[0]['files']}  {checked}",
        flush=True,
    )


def main() -> None:
    """Measure over a given synthetic ward, or a new one."""
    parser = argparse.ArgumentParser(description="Time and peak memory of the forms' day.")
    parser.add_argument("--ward", type=Path, help="a ready synthetic ward (else one is made)")
    parser.add_argument("--residents", type=int, default=RESIDENTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--only", choices=["prepare", "barcodes", "day", "check"], help=argparse.SUPPRESS)  # fmt: skip
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        parts = {
            "prepare": lambda: prepare(options.ward, options.home, url_of(options.home), 0),
            "barcodes": lambda: print(json.dumps(time_barcodes(options.home))),  # noqa: T201
            "day": lambda: print(json.dumps(run_day(options.home))),  # noqa: T201
            "check": lambda: check(options.home),
        }
        parts[options.only]()
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ward = options.ward or make_ward(options.residents, options.seed, folder / "ward")
        measure(ward, folder, options.runs)


if __name__ == "__main__":
    main()
