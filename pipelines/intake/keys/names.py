"""Keys of names: kanji or roman letters, and kana in a strict and a loose strength."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.intake.keys.characters import (
    UNREADABLE,
    CharacterTable,
    fold,
    name_character,
)
from pipelines.intake.keys.columns import map_distinct, map_text, plain_strings

_NAME = CharacterTable(name_character)
_KANA = CharacterTable(lambda char: "カ" if char in "ヵゕ" else name_character(char))

_IN_BRACKETS = re.compile(r"\([^)\n]*\)?|\)")
_ALIAS = re.compile(r"^[^(\n]*(?:\(([^)\n]*)\)?([^\n]*))?", re.MULTILINE)
_NOTHING_READ = re.compile(rf"^{UNREADABLE}+$", re.MULTILINE)
_OPENING_BRACKET = "[(（\\[［{｛〔【〈《「『]"

_VU_ROW = dict(zip("アイエオ", "ハヒヘホ", strict=True))
_VOICELESS = dict(
    zip(
        "ガギグゲゴザジズゼゾダヂヅデドバビブベボパピプペポヲヰヱヷヴ",
        "カキクケコサシスセソタシステトハヒフヘホハヒフヘホオイエワフ",
        strict=True,
    )
)
_LOOSE = CharacterTable(lambda char: "" if char == "ー" else _VOICELESS.get(char, char))


def name_key(names: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Key of kanji and roman names: 髙橋　さくら and 高橋サクラ agree.

    Old and variant kanji, width, spaces, kana script and case make no difference. What stands in
    brackets (an alias or a former family name) is left out: see `alias_key`. An unreadable
    character (gaiji, 〓, ■, ?) becomes 〓: it agrees with another unreadable one in the same place
    and with no real character; it is not a wildcard.

    Args:
        names: string column as recorded.

    Returns:
        String array of the same length; null where there is no name or none of it can be read.
    """
    return map_text(names, _name_keys)


def alias_key(names: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Key of the alias in brackets.

    ＬＩ　ＮＡ（田中　愛） gives that of 田中愛, 山田［佐藤］花子 that of 佐藤花子.

    Returns:
        String array of the same length; null where there is no alias.
    """
    names = plain_strings(names)
    with_alias = pc.if_else(pc.match_substring_regex(names, _OPENING_BRACKET), names, None)
    return map_distinct(with_alias, _alias_keys)


def kana_key(names: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Strict key of kana names.

    ｶﾄｳ ｷﾖｳｺ, かとうきょうこ and カトウ　キョウコ agree; カトウ and ガトウ do not.

    Returns:
        String array of the same length; null where there is no kana.
    """
    return map_text(names, _kana_keys)


def loose_kana_key(names: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Loose key of kana names, for finding candidates.

    No voicing (清音化) and no long marks; ヂ is ジ, ヅ ズ, ヲ オ, ヰ イ, ヱ エ, ヴァ バ.

    Returns:
        String array of the same length; null where there is no kana.
    """
    return map_text(names, _loose_kana_keys)


def _name_keys(text: str) -> str:
    return _drop_unread(_IN_BRACKETS.sub("", fold(text, _NAME)))


def _alias_keys(text: str) -> str:
    aliases = _ALIAS.sub(
        lambda m: (m[1] or "") + _IN_BRACKETS.sub("", m[2] or ""), fold(text, _NAME)
    )
    return _drop_unread(aliases)


def _kana_keys(text: str) -> str:
    return _drop_unread(_IN_BRACKETS.sub("", fold(text, _KANA)))


def _loose_kana_keys(text: str) -> str:
    keys = _kana_keys(text)
    if "ヴ" in keys:
        keys = re.sub("ヴ([アイエオ])", lambda m: _VU_ROW[m[1]], keys)
    return _drop_unread(_LOOSE.map(keys))


def _drop_unread(keys: str) -> str:
    return _NOTHING_READ.sub("", keys) if UNREADABLE in keys else keys
