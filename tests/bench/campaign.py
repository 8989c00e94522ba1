"""Time and peak memory of a synthetic ward and its whole campaign, each as a process of its own.

`make bench` runs it; the figures depend on the machine, so they are printed and never asserted.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def measure(name: str, arguments: list[str]) -> None:
    """Run `kyufu` once; print wall seconds and the peak memory of its largest process."""
    started = time.monotonic()
    environment = {**os.environ, "COLUMNS": "200"}
    subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        check=True,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{name:<10} {seconds:8.1f} s   peak {peak:8.0f} MB")  # noqa: T201


def main() -> None:
    """Make the ward, run its campaign twice, and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--residents", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ward, home = Path(folder) / "ward", Path(folder) / "home"
        size = ["--residents", str(options.residents), "--seed", str(options.seed)]
        measure("synth", ["synth", *size, "--out", str(ward)])
        truth = str(ward / "truth" / "people.csv")
        run = ["campaign", "--inputs", str(ward), "--home", str(home), "--truth", truth]
        measure("campaign", run)
        measure("again", run)
        summary = json.loads((home / "summary.json").read_text(encoding="utf-8"))
    for key in ("entitlements", "payments", "truth", "balanced"):
        print(f"{key}: {summary[key]}")  # noqa: T201


if __name__ == "__main__":
    main()
