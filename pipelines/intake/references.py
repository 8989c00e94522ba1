"""What the rules may ask beside the rows: the programme's days, the postal table, the Zengin list.

Both tables are of their own date, not of the data's, so the rules that use them only warn.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from pipelines.intake.keys.towns import fold_place
from pipelines.outputs.postal_towns import Kind, Zone, find_zone

_SECTION = "字"


@dataclass(frozen=True)
class ReferenceTables:
    """The `schemas.tables.References` of one day of receipt; both days as YYYYMMDD."""

    base_date: str
    day: str

    def knows_postal_code(self, code: str) -> bool:
        """Whether the postal table has the code."""
        return find_zone(code).kind is not Kind.UNKNOWN

    def postal_code_fits(self, code: str, place: str) -> bool:
        """Whether a code's towns agree with an address up to its first number.

        An office's code and one for "towns without a code of their own" agree with any address.
        """
        zone = find_zone(code)
        return zone.kind is not Kind.TOWN or _names_a_town(zone, fold_place(place))

    def knows_bank(self, bank: str) -> bool:
        """Whether the Zengin list has the bank."""
        return bank in _banks()

    def knows_branch(self, bank: str, branch: str) -> bool:
        """Whether the Zengin list has the branch."""
        return bank in _banks() and branch in _banks()[bank].branches


def references(base_date: date, day: date) -> ReferenceTables:
    """The references for a file that came on `day`."""
    return ReferenceTables(f"{base_date:%Y%m%d}", f"{day:%Y%m%d}")


def _names_a_town(zone: Zone, folded: str) -> bool:
    """The address begins with one of the towns; a tower with a code of its own begins with its town."""
    return any(_begins(folded, *place) for place in zone.places)


def _begins(folded: str, prefecture: str, city: str, town: str) -> bool:
    rest = folded
    for part in (prefecture, city):
        rest = rest.removeprefix(fold_place(part))
    town = fold_place(town)
    if city.startswith("京都市"):  # streets stand before the town
        return town in rest
    rest = rest.removeprefix(_SECTION)
    return rest.startswith(town) or (bool(rest) and town.startswith(rest))


@cache
def _banks() -> Any:
    """The list by bank code; read when an account is first asked for."""
    from zengin_code import Bank

    return Bank.all
