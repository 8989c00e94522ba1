"""Whether a written place lies in a municipality, however its prefecture, blanks and widths are written."""

import re

from pipelines.intake.keys.addresses import split_municipality
from pipelines.intake.keys.numerals import NUMERALS
from pipelines.intake.keys.towns import fold_place, municipality_named

_AFTER_TOWN = re.compile(rf"$|[0-9{NUMERALS}]|丁目|番")


def lies_in(text: str, prefix: str) -> bool | None:
    """Whether an address or municipality name lies in the municipality that `prefix` names.

    An address that begins with a town names no municipality: it lies here if the municipality has that town in the
    postal table. What may as well be another municipality's name (信濃町) is not known.

    Args:
        text: as written; the prefecture and the municipality may be left out, blanks and widths do not count.
        prefix: prefecture and municipality (東京都新宿区).

    Returns:
        True inside; False where it names another prefecture or municipality; None where it names neither, or where the
        name may be one of this municipality's towns as well as another municipality.
    """
    folded, own = fold_place(text), fold_place(prefix)
    prefecture, city, rest = split_municipality(folded)
    own_prefecture, own_city, _ = split_municipality(own)
    if folded.startswith(own):
        return True
    if own_city and city.startswith(own_city) and prefecture in ("", own_prefecture):
        return True
    if city:
        return None if _rest_after_town(folded, prefix) is not None else False
    if prefecture not in ("", own_prefecture):
        return False
    after = _rest_after_town(rest, prefix)
    return True if after is not None and _AFTER_TOWN.match(after) else None


def _rest_after_town(folded: str, prefix: str) -> str | None:
    """What follows the longest of the municipality's towns that a folded text begins with; None without one."""
    home = municipality_named(prefix)
    towns = (town for town in home.towns if folded.startswith(town)) if home else ()
    town = max(towns, key=len, default=None)
    return None if town is None else folded[len(town) :]
