"""Linkage of any list against any register: columns of text in, outcomes out (`kyufu link`)."""

import re
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.intake import keys
from pipelines.matching.engine import MatchingError
from pipelines.matching.linkage import link

# What both files may have; sex is accepted and not used: it is usually absent and never needed.
TEXTS = ("name_kanji", "name_kana", "sex", "birth_date", "address", "address_extra")
_LAST_NUMBER = re.compile(r"([0-9]+)[^0-9]*$")
_NAMES = ("name_kanji", "name_kana")
_ROWS_SHOWN = 10


def link_texts(register: pa.Table, rows: pa.Table, municipality: str) -> pa.Table:
    """Link the rows of a list to the residents of a register.

    Args:
        register: resident_id (unique) and any of `TEXTS`, as recorded; empty, null or no column at all is unknown.
        rows: row_id (unique) and the same.
        municipality: JIS code of the register's municipality ("13104"), whose name addresses may leave out.

    Returns:
        One row for each of `rows`, in their order: row_id, outcome (linked, review, absent), resident_id, rule, score
        (0 to 1), explanation; all but score are text. resident_id is empty (null) unless linked.

    Raises:
        MatchingError: an id is empty or there twice, a column is no text, the register has nobody, or the two files
            have no column of names in common.
        ValueError: the municipality's code is not in the postal table.
    """
    listed = keyed(rows, "row_id", "row_id", municipality)
    people = keyed(register, "resident_id", "person_id", municipality)
    if not people.num_rows:
        raise MatchingError("台帳に一人もいません。台帳のファイルを確認してください。")
    if not any(
        name in rows.column_names and people[name].null_count < people.num_rows for name in _NAMES
    ):
        raise MatchingError(
            f"氏名を比べられません。{' か '.join(_NAMES)} の列が名簿に必要で、その列が台帳にも要ります。"
        )
    found = link(listed, people)
    names = ["row_id", "outcome", "person_id", "rule", "score", "explanation"]
    return found.select(names).rename_columns(
        ["row_id", "outcome", "resident_id", "rule", "score", "explanation"]
    )


def keyed(table: pa.Table, id_column: str, id_name: str, municipality: str) -> pa.Table:
    """Ids and match keys of a table of `TEXTS`, as `link` wants them. id_name: what the id is called there.

    Raises:
        MatchingError: as `assert_readable`.
    """
    assert_readable(table, id_column)
    texts = {name: _text(table, name) for name in TEXTS}
    kanji, kana = texts["name_kanji"], texts["name_kana"]
    return pa.table(
        {
            id_name: _text(table, id_column),
            "name_kanji": kanji,
            "name_kana": kana,
            "name_key": keys.name_key(kanji),
            "alias_key": keys.alias_key(kanji),
            "kana_key": keys.kana_key(kana),
            "loose_kana_key": keys.loose_kana_key(kana),
            "date_key": _birth_key(texts["birth_date"]),
            "address_key": keys.address_key(texts["address"], municipality),
            "room_key": room_key(texts["address_extra"]),
        }
    )


def assert_readable(table: pa.Table, id_column: str) -> None:
    """Refuse a file whose ids or columns cannot be used.

    Raises:
        MatchingError: the id's column is missing, a column is there twice or is no text, an id is empty or there twice.
    """
    for name in (id_column, *TEXTS):
        times = table.column_names.count(name)
        if times > 1:
            raise MatchingError(f"列 {name} が{times}つあります。一つにしてください。")
        if times and not _is_text(table.schema.field(name).type):
            raise MatchingError(f"列 {name} が文字列ではありません。文字列の列にしてください。")
    if id_column not in table.column_names:
        raise MatchingError(
            f"列 {id_column} がありません。行ごとに異なる番号の列を付けてください。"
        )
    ids = _text(table, id_column)
    if empty := _rows(pc.is_null(ids)):
        raise MatchingError(f"列 {id_column} が空の行があります({empty})。番号を付けてください。")
    counted = pc.value_counts(ids)
    repeated = counted.field("values").filter(pc.greater(counted.field("counts"), 1))
    if twice := _rows(pc.is_in(ids, value_set=repeated)):
        raise MatchingError(
            f"列 {id_column} の同じ番号の行があります({twice})。行ごとに異なる番号にしてください。"
        )


def unread_births(table: pa.Table) -> str:
    """Which rows have a birth date that cannot be read, so that it counts as unknown: text for a person, or empty."""
    births = _text(table, "birth_date")
    return _rows(pc.and_(pc.is_valid(births), pc.is_null(_birth_key(births))))


def _is_text(column_type: pa.DataType) -> bool:
    """Text, or what is written as text in one way only; of a fraction nobody knows how it was written."""
    if pa.types.is_dictionary(column_type):
        return _is_text(column_type.value_type)
    kinds = ("string", "large_string", "string_view", "integer", "date", "timestamp", "null")
    return any(getattr(pa.types, f"is_{kind}")(column_type) for kind in kinds)


def _rows(chosen: pa.Array | pa.ChunkedArray) -> str:
    """The rows of a file that are chosen, counted from 1: how many, and the first of them."""
    numbers = [at + 1 for at in pc.indices_nonzero(chosen).to_pylist()]
    if not numbers:
        return ""
    shown = "、".join(str(number) for number in numbers[:_ROWS_SHOWN])
    return f"{shown}行目" + (f"ほか、計{len(numbers):,}行" if len(numbers) > _ROWS_SHOWN else "")


def _birth_key(births: pa.Array) -> pa.Array:
    """Key of birth dates in any style; 生 behind a date says nothing, and a year alone is one."""
    plain = pc.replace_substring_regex(births, r"[\s　]*生(まれ)?[\s　]*$", "")
    return keys.date_key(pc.replace_substring_regex(plain, r"^[\s　]*([0-9]{4})[\s　]*$", r"\1年"))


def _text(table: pa.Table, name: str) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(table.num_rows, pa.string())
    text = table[name].combine_chunks().cast(pa.string())
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(text), ""), None, text)


def room_key(extras: pa.Array) -> pa.Array:
    """The last number of an address supplement (方書): ○○荘　２０３号室 gives 203; null where there is none."""
    coded = extras.dictionary_encode()
    found = [
        _LAST_NUMBER.search(unicodedata.normalize("NFKC", text))
        for text in coded.dictionary.to_pylist()
    ]
    rooms = pa.array(
        [number[1].lstrip("0") or "0" if number else None for number in found], pa.string()
    )
    return rooms.take(coded.indices)
