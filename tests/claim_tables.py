"""Claim cases as a caseworker writes them: tables of people and claims in, tables of decisions out.

A case file (`tests/sql/claims/*.txt`) holds cases. A case begins with `# title` and has blocks: `people` (who
exists and how they stand), `earlier` (claims of earlier days; `P0+v002` is a supplement of P0), `newcomers` (born or
moved in after the base date), `claims` (of today), `then people` (whoever is decided today, nobody else) and
`then claims` (what became of each).
Names, kana, birth dates and addresses come from `tests/sql/claims/town.txt`.

Cells of `claims`:

- kind: `new`, `correction of P1`, `withdrawal of P1`.
- applicant: a person of the town; what is written otherwise stands in `also` (`name=`, `kana=`, `born=`, `address=`,
  `household=`, `number=`).
- account: a letter is a bank account in the applicant's name, `A/ヤマダハナコ` in that of somebody else; `-` is none;
  `bank 0005 001 1 1234567` and `yucho 10120 12345671` are written out.
- lines: people of the town, or `name/birth date` as written; `:not` marks the "not wanted" box.
- also: `postmark=`, `time=`, `code=` (不備コード), `attachments=`, `proxy=施設/カナ`, `certificate=`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pyarrow as pa

from pipelines.intake import keys
from pipelines.matching import claims as matching
from pipelines.matching import relations as schemas
from schemas.datasets import DATES
from schemas.tables import date_key_of

FOLDER = Path(__file__).parent / "sql" / "claims"
TODAY = "20200603"
MUNICIPALITY = "13104"
CHANNELS = ("postal", "online", "inhouse")
PROXIES = {"法定代理人": "legal", "施設": "facility", "世帯員": "household"}
ROWS = ("people", "earlier", "newcomers", "claims", "then people", "then claims")

Row = dict[str, str]


@dataclass(frozen=True)
class Case:
    """One case: its title, its tables, where it stands."""

    title: str
    place: str
    tables: Mapping[str, list[Row]] = field(default_factory=dict)

    def rows(self, name: str) -> list[Row]:
        return self.tables.get(name, [])


def read_table(lines: Iterable[str]) -> list[Row]:
    """Rows of a table whose cells stand between bars; its first line names the columns."""
    header, *rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    wrong = [row for row in rows if len(row) != len(header)]
    assert not wrong, f"{len(header)} columns, but {wrong}"
    return [dict(zip(header, row, strict=True)) for row in rows]


@cache
def read_cases(path: Path) -> tuple[Case, ...]:
    """All cases of a file."""
    cases: list[Case] = []
    block: list[str] = []
    tables: dict[str, list[Row]] = {}

    def close() -> None:
        if block:
            name, *lines = block
            assert name in ROWS, f"{path.name}: {name!r} is no block"
            tables[name] = read_table(lines)
            block.clear()

    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("# "):
            close()
            tables = {}
            cases.append(Case(line[2:], f"{path.stem}:{number}", tables))
        elif line in ROWS:
            close()
            block.append(line)
        elif line.strip():
            block.append(line)
    close()
    return tuple(cases)


@cache
def town() -> dict[str, Row]:
    """Everybody who may appear, by the word that the cases use."""
    lines = (FOLDER / "town.txt").read_text(encoding="utf-8").splitlines()
    rows = read_table(line for line in lines if line.strip() and not line.startswith("#"))
    return {row["person"]: row for row in rows}


def people_relation(case: Case) -> pa.Table:
    """The case's people as the SQL's relation."""
    rows = case.rows("people")
    columns: dict[str, list[str | None]] = {
        n: [] for n in ("person_id", "resident_id", "household_id", "name_kanji")
    }
    columns |= {n: [] for n in ("kana", "born", "address", "relationship", "state", "claim_id")}
    for row in rows:
        known = town()[row["person"]]
        state, _, claim = row["state"].partition(" by ")
        elsewhere = row["household"] == "-"
        values = {
            "person_id": row["person"], "resident_id": None if elsewhere else f"N{row['person']}",
            "household_id": None if elsewhere else row["household"], "name_kanji": known["name"],
            "kana": known["kana"] or None, "born": known["born"], "address": known["address"],
            "relationship": "02" if "head" in row["also"].split() else "20", "state": state, "claim_id": claim or None,
        }  # fmt: skip
        for name, value in values.items():
            columns[name].append(value)
    text = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    table = {
        **{n: text[n] for n in text if n not in ("kana", "born", "address")},
        "name_key": keys.name_key(text["name_kanji"]), "alias_key": keys.alias_key(text["name_kanji"]),
        "kana_key": keys.kana_key(text["kana"]),
        "loose_kana_key": keys.loose_kana_key(text["kana"]), "date_key": keys.date_key(text["born"]),
        "address_key": keys.address_key(text["address"], MUNICIPALITY),
    }  # fmt: skip
    marked = {
        mark: {r["person"] for r in rows if mark in r["also"].split()}
        for mark in ("protected", "died")
    }
    return matching.person_relation(pa.table(table), marked["protected"], marked["died"])


def staged_claims(rows: list[Row], channel: str, day: str = TODAY) -> tuple[pa.Table, pa.Table]:
    """A channel's claims and members as intake stages them."""
    chosen = [row for row in rows if row["channel"] == channel]
    claims = [_claim(row, day) for row in chosen]
    members = [member for row in chosen for member in _members(row)]
    names = list(
        _claim(
            {
                "claim": "",
                "channel": channel,
                "kind": "new",
                "applicant": "",
                "account": "-",
                "also": "",
            },
            day,
        )
    )
    return _with_keys(claims, names, "applicant_"), _with_keys(
        members, ["claim_no", "line", "name_kanji", "birth_date", "not_wanted"], ""
    )


def _with_keys(rows: list[dict[str, str]], names: list[str], prefix: str) -> pa.Table:
    table = pa.table({n: pa.array([row[n] for row in rows], pa.string()) for n in names})
    made = {
        "name_key": keys.name_key(table.column(f"{prefix}name_kanji")),
        **{date_key_of(n): keys.date_key(table.column(n)) for n in names if n in DATES},
    }
    if prefix:
        kana = table.column("applicant_name_kana")
        made |= {
            "kana_key": keys.kana_key(kana), "loose_kana_key": keys.loose_kana_key(kana),
            "address_key": keys.address_key(table.column("applicant_address"), MUNICIPALITY),
            "holder_key": keys.loose_kana_key(table.column("account_holder_kana")),
            "proxy_key": keys.loose_kana_key(table.column("proxy_name_kana")),
        }  # fmt: skip
    for name, column in made.items():
        table = table.append_column(name, column)
    return table


def _claim(row: Row, day: str) -> dict[str, str]:
    also = dict(item.partition("=")[::2] for item in row["also"].split())
    known = town().get(
        row["applicant"],
        {"name": row["applicant"], "kana": "", "born": "", "address": "", "household": ""},
    )
    kana = also.get("kana", known["kana"])
    kind, _, original = row["kind"].partition(" of ")
    proxy, _, proxy_kana = also.get("proxy", "").partition("/")
    online, inhouse = row["channel"] == "online", row["channel"] == "inhouse"
    iso = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    household = also.get("household", known["household"])
    claim = {
        "claim_no": row["claim"], "claim_kind": kind, "supersedes_no": original,
        "applicant_name_kanji": also.get("name", known["name"]), "applicant_name_kana": kana,
        "applicant_birth_date": also.get("born", known["born"]),
        "applicant_address": also.get("address", known["address"]) if online else "",
        "proxy_kind": PROXIES.get(proxy, ""), "proxy_name_kana": proxy_kana,
        **_account(row["account"], kana),
    }  # fmt: skip
    if online:
        del claim["proxy_kind"]
        when = also.get("time", "12:00:00")
        claim |= {"received_at": when if "T" in when else f"{iso}T{when}"}
        claim |= {
            "certificate_serial": also.get("certificate", f"S{row['claim']}"),
            "attachments": also.get("attachments", "1"),
        }
        return claim
    claim |= {
        "received_on": day,
        "postmarked_on": also.get("postmark", ""),
        "deficiency_code": also.get("code", ""),
    }
    claim["household_id"] = "" if household == "-" else household
    if inhouse:
        number = "" if household == "-" else f"N{row['applicant']}"
        claim["applicant_resident_id"] = also.get("number", number)
    return claim


def _account(cell: str, kana: str) -> dict[str, str]:
    words = cell.split()
    given = dict.fromkeys(
        (
            "bank_code",
            "branch_code",
            "account_type",
            "account_number",
            "yucho_symbol",
            "yucho_number",
        ),
        "",
    )
    holder = kana
    if words[0] == "bank":
        given |= zip(
            ("bank_code", "branch_code", "account_type", "account_number"),
            words[1].split("-"),
            strict=True,
        )
    elif words[0] == "yucho":
        given |= zip(("yucho_symbol", "yucho_number"), words[1].split("-"), strict=True)
    elif words[0] != "-":
        letter, _, other = words[0].partition("/")
        holder = other or kana
        values = ("0005", "001", "1", f"{ord(letter):07d}")
        given |= zip(
            ("bank_code", "branch_code", "account_type", "account_number"), values, strict=True
        )
    return {**given, "account_holder_kana": holder}


def _members(row: Row) -> list[dict[str, str]]:
    members = []
    for number, cell in enumerate(row["lines"].split(), start=1):
        who, _, mark = cell.partition(":")
        known = town().get(who)
        name, _, born = who.partition("/")
        members.append(
            {
                "claim_no": row["claim"], "line": str(number), "name_kanji": known["name"] if known else name,
                "birth_date": known["born"] if known else born, "not_wanted": "yes" if mark == "not" else "no",
            }
        )  # fmt: skip
    return members


def relations(case: Case, day: str = TODAY) -> dict[str, pa.Table]:
    """Everything the SQL reads for a case."""
    staged = {channel: staged_claims(case.rows("claims"), channel, day) for channel in CHANNELS}
    earlier = [
        {
            "claim_id": row["claim"], "household_id": row["household"].strip("-") or None,
            "applicant_id": row["applicant"].strip("-") or None,
            "account_key": f"0005|001|1|{ord(row['account']):07d}" if row["account"] != "-" else None,
            "certificate_serial": row["certificate"] if row["certificate"] != "-" else None, "proxy_kind": "",
            "outcome": row["outcome"],
            "supplements_id": row["claim"].partition("+")[0] if "+" in row["claim"] else None,
        }
        for row in case.rows("earlier")
    ]  # fmt: skip
    return {
        "claim": pa.concat_tables([matching.claim_relation(n, t) for n, (t, _) in staged.items()]),
        "member": pa.concat_tables([matching.member_relation(t) for _, t in staged.values()]),
        "person": people_relation(case),
        "newcomer": pa.Table.from_pylist(
            [{"household_id": r["household"], "date_key": r["born"]} for r in case.rows("newcomers")],
            schemas.NEWCOMER,
        ),
        "earlier_claim": pa.Table.from_pylist(earlier, schemas.EARLIER),
    }  # fmt: skip


# Columns that say what something is; every other text column names somebody or something of its own case.
_SHARED = {
    "channel", "arrival", "effective_on", "claim_kind", "proxy_kind", "state", "outcome", "date_key", "line",
    "given_key", "account_holder_kana",
}  # fmt: skip


def apart(number: int, found: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """A case's relations with its number before every name, so that many cases are matched in one run, each alone."""
    return {name: _apart(number, table) for name, table in found.items()}


def _apart(number: int, table: pa.Table) -> pa.Table:
    for index, column in enumerate(table.schema):
        if column.type == pa.string() and column.name not in _SHARED:
            values = [
                None if v is None else f"{number}:{v}"
                for v in table.column(column.name).to_pylist()
            ]
            table = table.set_column(index, column, pa.array(values, pa.string()))
    return table
