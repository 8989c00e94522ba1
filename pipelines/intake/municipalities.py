"""Other municipalities and prefectures: which one a written place names, and where a letter to it goes.

`schemas/municipalities/<name>.toml` is the ward's own table; nothing is guessed from another source.
"""

import re
import tomllib
from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError

from pipelines.intake.keys.addresses import split_municipality
from pipelines.intake.keys.towns import fold_place
from pipelines.programme import ROOT, Part, ProgrammeError

_WARD_OF_A_CITY = re.compile("(.+市).+区")
FOLDER = ROOT / "schemas" / "municipalities"


class Municipality(Part):
    """A municipality or prefecture that letters go to. code: of JIS X 0402, five digits; office: who opens them."""

    code: str = Field(pattern=r"^\d{5}$")
    name: str
    postal_code: str = Field(pattern=r"^\d{7}$")
    address: str
    office: str


class _Table(Part):
    municipality: tuple[Municipality, ...]


class Directory:
    """The table, asked by what a list writes."""

    def __init__(self, entries: tuple[Municipality, ...]) -> None:
        """Index the entries by prefecture and city."""
        self._known = {_place_of(entry.name): entry for entry in entries}

    def find(self, place: str) -> Municipality | None:
        """The entry of the municipality that an address or a sender's name lies in; None if the table has none.

        Of a text that names a prefecture alone it is the prefecture's.
        """
        return self._known.get(_place_of(place))


def place_name(place: str) -> str:
    """Prefecture and city of a written place, as far as it names them: nobody's address."""
    return "".join(_place_of(place))


def _place_of(text: str) -> tuple[str, str]:
    prefecture, city, _ = split_municipality(fold_place(text))
    ward = _WARD_OF_A_CITY.fullmatch(
        city
    )  # a designated city is one municipality, whichever ward is named
    return prefecture, ward[1] if ward else city


@lru_cache(maxsize=8)
def load_directory(name: str, folder: Path = FOLDER) -> Directory:
    """Read and check a table.

    Raises:
        ProgrammeError: it is missing, no TOML, or an entry lacks something or stands twice.
    """
    path = folder / f"{name}.toml"
    try:
        found = _Table.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise ProgrammeError(
            f"{path}: cannot be used as a table of municipalities: {error}"
        ) from error
    for what, values in (
        ("code", [m.code for m in found.municipality]),
        ("name", [_place_of(m.name) for m in found.municipality]),
    ):
        if len(set(values)) != len(values):
            raise ProgrammeError(f"{path}: a {what} stands twice")
    return Directory(found.municipality)
