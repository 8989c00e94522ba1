"""A synthetic ward for a bench that was given none, made by a process of its own."""

import subprocess
import sys
from pathlib import Path


def make_ward(residents: int, seed: int, out: Path) -> Path:
    """Make it as `kyufu synth` does; returns `out`."""
    size = ["--residents", str(residents), "--seed", str(seed)]
    command = [sys.executable, "-m", "pipelines.cli", "synth", *size, "--out", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return out
