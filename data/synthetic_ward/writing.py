"""How people write the same name, date, address and account holder differently."""

from __future__ import annotations

import re
import unicodedata
from random import Random

import jaconv

from data.synthetic_ward.model import SPACE, Household

OLD_TO_NEW = str.maketrans(
    "髙﨑濵濱邉邊齋齊德瀨澤廣國櫻眞惠榮", "高崎浜浜辺辺斎斉徳瀬沢広国桜真恵栄"
)
NEW_TO_OLD = str.maketrans("高崎渡辺斎浜沢", "髙﨑渡邉齋濵澤")
_SAME_FOR_COLLISIONS = str.maketrans("斉嶋冨", "斎島富")
_KATAKANA = "".join(chr(c) for c in range(0x30A1, 0x30FB)) + "ー・"
_HALF = {ord(c): jaconv.z2h(c) for c in _KATAKANA} | {
    ord(SPACE): " ",
    ord("（"): "(",
    ord("）"): ")",
}
_HIRAGANA = {ord(c): jaconv.kata2hira(c) for c in _KATAKANA}
_LARGE = str.maketrans("ァィゥェォッャュョヮ", "アイウエオツヤユヨワ")
_SLIPS = (("ョウ", "ョオ"), ("オオ", "オー"), ("トウ", "トー"), ("ュウ", "ュー"), ("ヅ", "ズ"))
_ERAS = (("令和", "R", 20190501), ("平成", "H", 19890108), ("昭和", "S", 19261225))


def fold(name: str) -> str:
    """The name without written differences, so that two people can be told apart for certain."""
    return name.translate(OLD_TO_NEW).translate(_SAME_FOR_COLLISIONS).replace(SPACE, "")


def fold_kana(kana: str) -> str:
    """The reading without written differences."""
    large = kana.translate(_LARGE).replace(SPACE, "").replace("ヅ", "ズ").replace("ヂ", "ジ")
    return large.replace("ー", "").replace("オウ", "オオ")


def half_width(text: str) -> str:
    """Half-width kana."""
    return text.translate(_HALF)


def large_kana(text: str) -> str:
    """Small kana made large, as a bank's book has them."""
    return text.translate(_LARGE)


def write_spacing(rng: Random, name: str, keep: float) -> str:
    """The space between the names kept, made narrow or left out."""
    draw = rng.random()
    if draw < keep:
        return name
    return name.replace(SPACE, " " if draw < (1 + keep) / 2 else "")


def write_name(rng: Random, name: str, keep: float = 0.5) -> str:
    """A name as typed by hand: new kanji forms, other spaces, narrow letters."""
    if rng.random() > keep:
        name = name.translate(OLD_TO_NEW)
    if "Ａ" <= name[0] <= "Ｚ":
        return unicodedata.normalize("NFKC", name) if rng.random() > keep else name
    return write_spacing(rng, name, keep)


def list_name(rng: Random, name: str) -> str:
    """A name as another office's list has it: old or new kanji forms, any spacing."""
    draw = rng.random()
    if draw < 0.3:
        name = name.translate(OLD_TO_NEW)
    elif draw < 0.5:
        family, _, given = name.partition(SPACE)
        name = f"{family.translate(NEW_TO_OLD)}{SPACE}{given}"
    return write_spacing(rng, name, 0.4)


def write_kana(rng: Random, kana: str) -> str:
    """A reading as claimants write it: half-width, hiragana, without space."""
    draw = rng.random()
    if draw < 0.45:
        return kana
    if draw < 0.65:
        return half_width(kana)
    if draw < 0.8:
        return kana.replace(SPACE, "")
    return kana.translate(_HIRAGANA)


def slip_kana(rng: Random, kana: str) -> str:
    """A reading with a slip of the pen in a long vowel or a small kana."""
    if rng.random() < 0.3:
        return large_kana(kana)
    right, wrong = rng.choice(_SLIPS)
    return kana.replace(right, wrong)


def write_holder(rng: Random, holder: str) -> str:
    """An account holder's kana as on a form; equal to the book up to width, small kana, space."""
    draw = rng.random()
    if draw < 0.4:
        return holder
    if draw < 0.7:
        return half_width(holder)
    if draw < 0.9:
        return half_width(large_kana(holder))
    return holder.replace(SPACE, " ")


def write_date(rng: Random, date: str, keep: float = 0.6) -> str:
    """A birth date as written; one with an unknown part stays as recorded."""
    if date.endswith("00") or rng.random() < keep:
        return date
    year, month, day = int(date[:4]), int(date[4:6]), int(date[6:])
    draw = rng.random()
    if draw < 0.4:
        return f"{year}-{month:02d}-{day:02d}"
    if draw < 0.6:
        return f"{year}/{month}/{day}"
    return wareki(year, month, day, short=draw < 0.8)


def wareki(year: int, month: int, day: int, *, short: bool) -> str:
    """A date in the Japanese era; before 昭和 it is written with slashes."""
    for era, letter, first in _ERAS:
        if year * 10_000 + month * 100 + day >= first:
            n = year - first // 10_000 + 1
            if short:
                return f"{letter}{n}.{month}.{day}"
            return f"{era}{'元' if n == 1 else n}年{month}月{day}日"
    return f"{year}/{month}/{day}"


def short_address(address: str) -> str:
    """An address with narrow digits and hyphens."""
    text = unicodedata.normalize("NFKC", address)
    return re.sub(r"丁目|番地|番", "-", text).replace("号", "").rstrip("-")


def type_address(rng: Random, household: Household) -> str:
    """An address as typed on the web form: no prefecture, the building run on or left out."""
    address = household.address if rng.random() < 0.15 else short_address(household.address)
    if rng.random() < 0.75:
        address = address.removeprefix("東京都")
    if rng.random() < 0.6:
        address += unicodedata.normalize("NFKC", household.building).replace(" ", "")
    return address
