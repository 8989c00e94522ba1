"""`python -m data.synthetic_ward --residents N --seed S --out DIR`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from data.synthetic_ward import generate
from data.synthetic_ward.making import ERRORS


def main(arguments: list[str] | None = None) -> int:
    """Generate a ward and print its counts."""
    parser = argparse.ArgumentParser(prog="python -m data.synthetic_ward", description=__doc__)
    parser.add_argument("--residents", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--errors", choices=ERRORS, default=ERRORS[0])
    options = parser.parse_args(arguments)
    try:
        counts = generate(options.residents, options.seed, options.out, errors=options.errors)
    except (FileExistsError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps(counts, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
