"""The register and the lists as linkage reads them: names in their parts, readings, slips, addresses in parts.

The expensive half is done once for a register (`prepare`); the rest only for the rows that no exact tier
decided and the people they may mean.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.intake.keys import kana_key, loose_kana_key, name_key
from pipelines.intake.keys.columns import plain_strings
from pipelines.intake.keys.towns import prefectures
from pipelines.matching.engine import MatchingError

KEYS = ("name_key", "alias_key", "kana_key", "loose_kana_key", "date_key", "address_key")
# As written, where known: the blank tells the family name from the given one. room: the number in a building.
WRITTEN = ("name_kanji", "name_kana")
PARTS = ("family_key", "given_key", "family_sound", "given_sound")

_WRITTEN_PARTS = r"^[\s　]*(?P<family>[^\s　(（]+)[\s　]+(?P<given>[^\s　].*)$"
_ERA_SHIFTS = (14, 30, 44, 63)
# Shorter texts have no neighbours worth the name: half of all given names are two characters.
_SHORTEST = {"name": 3, "given": 2, "family": 2, "loose": 4}

RECORD = pa.schema(
    [
        ("unique_id", pa.string()),
        *[
            (name, pa.string())
            for name in (
                "name", "listed", "kana", "loose", "family", "given", "pattern", "birth", "address", "town", "numbers",
            )
        ],
        ("room", pa.string()),
        ("outside", pa.bool_()),
        *[(name, pa.int32()) for name in ("year", "month", "day")],
        *[(name, pa.list_(pa.string())) for name in ("family_sounds", "given_sounds", "number_edits")],
        *[(f"{name}_{what}", pa.list_(pa.string())) for name in _SHORTEST for what in ("edits", "cuts")],
    ]
)  # fmt: skip


@dataclass
class Register:
    """Everybody who may be meant, and what their names have in common.

    people: person_id, `KEYS`, `PARTS`, room_key. counts: column of a record -> value -> residents with it.
    family_sounds, given_sounds: a name's part -> the readings it has in the register. models: of `linkage_score`;
    ahead: of `linkage.link_ahead`.
    """

    people: pa.Table
    counts: dict[str, dict[str, int]]
    family_sounds: dict[str, set[str]]
    given_sounds: dict[str, set[str]]
    models: dict[Any, Any] = field(default_factory=dict)
    ahead: dict[Any, Any] = field(default_factory=dict)


def prepare(people: pa.Table) -> Register:
    """Make a register ready for any number of lists.

    Args:
        people: person_id (unique), `KEYS`, null where unknown; also, where there are such, `WRITTEN` and room_key.

    Raises:
        MatchingError: a column is missing, or a person_id is null or repeated.
    """
    check(people, "person", "person_id")
    table = with_parts(people, "person_id")
    columns = {
        "name": "name_key",
        "loose": "loose_kana_key",
        "family": "family_key",
        "given": "given_key",
    }
    return Register(
        table,
        {name: _counts(table[column]) for name, column in columns.items()},
        _sounds(table, "family"),
        _sounds(table, "given"),
    )


def check(table: pa.Table, name: str, id_column: str) -> None:
    """Refuse a table without its columns or with ids that are empty or there twice."""
    if missing := [column for column in (id_column, *KEYS) if column not in table.column_names]:
        raise MatchingError(f"relation {name}: lacks the columns {', '.join(missing)}")
    ids = table[id_column]
    if ids.null_count or pc.count_distinct(ids).as_py() != len(ids):
        raise MatchingError(f"relation {name}: a {id_column} is empty or there twice")


def with_parts(table: pa.Table, id_column: str) -> pa.Table:
    """The columns that linkage reads: id, `KEYS`, room_key, `PARTS` as far as a blank shows them; empty is null."""
    wanted = {id_column: table[id_column]}
    for name in (*KEYS, "room_key"):
        present = name in table.column_names
        text = plain_strings(table[name]) if present else pa.nulls(table.num_rows, pa.string())
        wanted[name] = pc.if_else(pc.equal(text, ""), None, text)
    nothing = pa.nulls(table.num_rows, pa.string())
    kanji, kana = (table[n] if n in table.column_names else nothing for n in WRITTEN)
    wanted["family_key"], wanted["given_key"] = _parts(kanji, wanted["name_key"], name_key)
    wanted["family_sound"], wanted["given_sound"] = _parts(
        kana, wanted["loose_kana_key"], loose_kana_key
    )
    return pa.table(wanted)


def _parts(written: pa.Array, whole: pa.Array, to_key: Any) -> tuple[pa.Array, pa.Array]:
    """Keys of the text before and after the blank; null unless together they are the key of the whole."""
    parts = pc.extract_regex(plain_strings(written), _WRITTEN_PARTS)
    keys = []
    for name in ("family", "given"):
        coded = pc.struct_field(parts, name).dictionary_encode()
        keys.append(to_key(coded.dictionary).take(coded.indices))
    fits = pc.fill_null(pc.equal(pc.binary_join_element_wise(*keys, ""), whole), False)
    return tuple(pc.if_else(fits, key, None) for key in keys)


def _counts(column: pa.Array) -> dict[str, int]:
    found = pc.value_counts(pc.drop_null(column))
    return dict(
        zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
    )


def _sounds(table: pa.Table, part: str) -> dict[str, set[str]]:
    pairs = table.select([f"{part}_key", f"{part}_sound"])
    pairs = pairs.group_by(pairs.column_names).aggregate([])
    found: dict[str, set[str]] = defaultdict(set)
    for key, sound in zip(*(pairs[name].to_pylist() for name in pairs.column_names), strict=True):
        if key and sound:
            found[key].add(sound)
    return dict(found)


def complete_rows(rows: pa.Table, register: Register) -> pa.Table:
    """The rows of a list with the parts of names that were written without a blank, as the register's names tell."""
    found = rows.to_pylist()
    for row in found:
        if row["name_key"] and not row["family_key"]:
            row["family_key"], row["given_key"] = _split(
                row["name_key"], register.counts["family"], register.counts["given"]
            )
        sounds = register.family_sounds.get(row["family_key"] or "", set())
        if row["loose_kana_key"] and not row["family_sound"] and sounds:
            row["family_sound"], row["given_sound"] = _split(
                row["loose_kana_key"], dict.fromkeys(sounds, 1), {}
            )
    return pa.Table.from_pylist(found, rows.schema)


def _split(
    whole: str, families: dict[str, int], givens: dict[str, int]
) -> tuple[str | None, str | None]:
    """The commonest known family name that the text begins with, one before a known given name first.

    Where no family name is known, whatever stands before the longest known given name.
    """
    ends = range(1, len(whole))
    options = [
        (whole[end:] in givens, families[whole[:end]] * givens.get(whole[end:], 1), end)
        for end in ends
        if whole[:end] in families
    ]
    if options:
        end = max(options)[2]
        return whole[:end], whole[end:]
    end = next((end for end in ends if whole[end:] in givens), 0)
    return (whole[:end], whole[end:]) if end else (None, None)


def birth_slips(rows: pa.Table) -> pa.Table:
    """The birth dates that one likely writing error makes of each row's; columns row_id, date_key."""
    found: dict[str, list[Any]] = {"row_id": [], "date_key": []}
    for row_id, date in zip(rows["row_id"].to_pylist(), rows["date_key"].to_pylist(), strict=True):
        for slip in sorted(_slips(date)) if date else ():
            found["row_id"].append(row_id)
            found["date_key"].append(slip)
    return pa.table(
        found, pa.schema([("row_id", rows.schema.field("row_id").type), ("date_key", pa.string())])
    )


def _slips(date: str) -> set[str]:
    year, month, day = int(date[:4]), date[4:6], date[6:]
    slips = {date[:4] + day + month, f"{year}0000", f"{year}{month}00"}
    slips |= {f"{year + sign * shift:04d}{month}{day}" for shift in _ERA_SHIFTS for sign in (1, -1)}
    slips |= {date[:at] + digit + date[at + 1 :] for at in range(8) for digit in "0123456789"}
    slips |= {date[:at] + date[at + 1] + date[at] + date[at + 2 :] for at in range(7)}
    slips |= {f"{date[:4]}{other:02d}{day}" for other in range(1, 13)}
    slips |= {f"{date[:6]}{other:02d}" for other in range(1, 32)}
    return slips - {date}


def records(
    table: pa.Table, register: Register, ids: Sequence[str], *, listed: bool = False
) -> pa.Table:
    """Rows or people (with `PARTS`) as Splink compares them (schema `RECORD`); one more for an alias.

    ids: the record ids; an alias has the same with "+". listed: they are rows of a list.
    """
    found: list[dict[str, Any]] = []
    for record_id, row in zip(ids, table.to_pylist(), strict=True):
        found.append(_record(record_id, row, register))
        if row["alias_key"] and row["alias_key"] != row["name_key"]:
            family, given = _split(
                row["alias_key"], register.counts["family"], register.counts["given"]
            )
            alias = {**row, "name_key": row["alias_key"], "family_key": family, "given_key": given}
            alias |= dict.fromkeys(("kana_key", "loose_kana_key", "family_sound", "given_sound"))
            found.append(_record(f"{record_id}+", alias, register))
    if listed:
        for record in found:
            record["listed"] = record["name"]
    return pa.Table.from_pylist(found, RECORD)


def _record(record_id: str, row: dict[str, Any], register: Register) -> dict[str, Any]:
    texts = {
        "name": row["name_key"], "family": row["family_key"], "given": row["given_key"],
        "loose": row["loose_kana_key"],
    }  # fmt: skip
    record = {"unique_id": record_id, **texts, "kana": row["kana_key"], "room": row["room_key"]}
    for name, text in texts.items():
        record[f"{name}_edits"], record[f"{name}_cuts"] = _neighbours(text, _SHORTEST[name])
    # Two characters that cannot be read leave too little of a name.
    one_unread = texts["name"] and len(texts["name"]) > 2 and texts["name"].count("〓") == 1
    record["pattern"] = texts["name"].replace("〓", "_") if one_unread else None
    for part, known in (("family", register.family_sounds), ("given", register.given_sounds)):
        own = row[f"{part}_sound"]
        record[f"{part}_sounds"] = [own] if own else sorted(known.get(texts[part] or "", ()))
    if date := row["date_key"]:
        record |= {
            "birth": date,
            "year": int(date[:4]),
            "month": int(date[4:6]),
            "day": int(date[6:]),
        }
    if address := row["address_key"]:
        town, _, numbers = address.partition("|")
        parts = numbers.split("-")
        record |= {
            "address": address, "town": town, "numbers": numbers + "-", "outside": town.startswith(prefectures()),
            "number_edits": ["-".join([*parts[:at], "*", *parts[at + 1 :]]) for at in range(len(parts))]
            if len(parts) > 1 else [],
        }  # fmt: skip
    return record


def _neighbours(text: str | None, shortest: int) -> tuple[list[str], list[str]]:
    """The text with each character blanked, and without each character."""
    if text is None or len(text) < shortest:
        return [], []
    places = range(len(text))
    return [f"{text[:at]}*{text[at + 1 :]}" for at in places], [
        text[:at] + text[at + 1 :] for at in places
    ]


def frequencies(register: Register, column: str, *tables: pa.Table) -> pa.Table:
    """Share of residents with each value of a column of these records; columns `column` and tf_`column`.

    Of `listed`, a name that nobody bears counts as what `_listed_shares` expects.
    """
    if column == "listed":
        shares = _listed_shares(register, *tables)
    else:
        counts, everybody = register.counts[column], max(1, register.people.num_rows)
        values = {value for table in tables for value in table[column].to_pylist() if value}
        shares = {value: counts[value] / everybody for value in values if value in counts}
    known = sorted(shares)
    return pa.table(
        {
            column: pa.array(known, pa.string()),
            f"tf_{column}": pa.array([shares[value] for value in known], pa.float64()),
        }
    )


def _listed_shares(register: Register, *tables: pa.Table) -> dict[str, float]:
    """How likely somebody bears the name that a list has, as the register tells.

    A name that no resident bears, but whose two halves are names of residents, may well be somebody's: half a resident.
    Where a half is nobody's either, the whole is as likely as the two together. Of two ways to part it the likelier.
    """
    everybody = max(1, register.people.num_rows)
    shares: dict[str, float] = {}
    for table in tables:
        for record in table.select(["listed", "family", "given"]).to_pylist():
            if name := record["listed"]:
                share = _bearers(register, name, record["family"], record["given"]) / everybody
                shares[name] = max(share, shares.get(name, 0.0))
    return shares


def _bearers(register: Register, name: str, family: str | None, given: str | None) -> float:
    """How many residents bear a name; how many would be expected to, where none does."""
    if found := register.counts["name"].get(name):
        return found
    halves = (
        register.counts["family"].get(family or "", 0),
        register.counts["given"].get(given or "", 0),
    )
    if all(halves) or not (family and given):
        return 0.5
    return float(max(0.5, halves[0]) * max(0.5, halves[1]) / max(1, register.people.num_rows))


__all__ = [
    "KEYS", "Register", "birth_slips", "check", "complete_rows", "frequencies", "kana_key", "prepare", "records",
    "with_parts",
]  # fmt: skip
