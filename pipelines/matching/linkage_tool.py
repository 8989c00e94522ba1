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
        MatchingError: an id is missing, empty or repeated, or neither file's names can be compared.
        ValueError: the municipality's code is not in the postal table.
    """
    found = link(
        keyed(rows, "row_id", "row_id", municipality),
        keyed(register, "resident_id", "person_id", municipality),
    )
    names = ["row_id", "outcome", "person_id", "rule", "score", "explanation"]
    return found.select(names).rename_columns(
        ["row_id", "outcome", "resident_id", "rule", "score", "explanation"]
    )


def keyed(table: pa.Table, id_column: str, id_name: str, municipality: str) -> pa.Table:
    """Ids and match keys of a table of `TEXTS`, as `link` wants them. id_name: what the id is called there."""
    if id_column not in table.column_names:
        raise MatchingError(f"linkage: the file lacks the column {id_column}")
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
            "date_key": keys.date_key(texts["birth_date"]),
            "address_key": keys.address_key(texts["address"], municipality),
            "room_key": room_key(texts["address_extra"]),
        }
    )


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
