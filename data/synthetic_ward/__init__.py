"""A synthetic ward: what a municipality really gets, made up, with the true answers.

It is made from `docs/rules.md` and `docs/interfaces/`, and shares no code with the pipeline.
"""

from __future__ import annotations

from pathlib import Path


def generate(
    residents: int, seed: int, out: Path, *, errors: str = "normal", canaries: bool = False
) -> dict[str, int]:
    """Write a ward's inputs and true answers into a new directory.

    Args:
        residents: Rows of the register extract, at least 1.
        seed: The same number of residents and seed give the same bytes.
        out: Must not exist or be empty; it appears when everything is written.
        canaries: everybody on a protection list has a name (秘匿鳥 …), and hides at an address (百人町９丁目), that
            nobody else has, so that a plain search finds whatever leaks.
        errors: "normal", or "hard": broken rows and files on top, with `truth/quarantine.csv`.

    Returns:
        How many residents, households, claims, and people by their final state.

    Raises:
        FileExistsError: `out` is not empty.
        ValueError: fewer than one resident, or unknown errors.
    """
    from data.synthetic_ward.making import write_ward

    return write_ward(residents, seed, Path(out), errors, canaries=canaries)
