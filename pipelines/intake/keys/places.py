"""Whether a written place lies in a municipality, however its prefecture, blanks and widths are written."""

from pipelines.intake.keys.addresses import split_municipality
from pipelines.intake.keys.towns import fold_place


def lies_in(text: str, prefix: str) -> bool | None:
    """Whether an address or municipality name lies in the municipality that `prefix` names.

    Args:
        text: as written; the prefecture may be left out, blanks and widths do not count.
        prefix: prefecture and municipality (東京都新宿区).

    Returns:
        True inside; False where it names another prefecture or municipality; None where it names neither.
    """
    folded, own = fold_place(text), fold_place(prefix)
    prefecture, city, _ = split_municipality(folded)
    own_prefecture, own_city, _ = split_municipality(own)
    if folded.startswith(own):
        return True
    if own_city and city.startswith(own_city) and prefecture in ("", own_prefecture):
        return True
    if city:
        return False
    return False if prefecture not in ("", own_prefecture) else None
