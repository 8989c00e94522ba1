"""What the ward's sheets must say, looked up anew by whom each is about: in the register and in the protections.

Shares no code with `ward_mail`, which puts the sheets together: that one groups and addresses, this one takes each
sheet's people by their ids and asks where they may be written to.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.outputs.ward_sheets import FORM, Addressee, Named, Sheet, print_day
from pipelines.steps.campaign import Campaign

_ITEMS = (
    "person_id", "resident_id", "household_id", "name_kanji", "birth_date", "date_key", "postal_code", "address",
    "address_supplement",
)  # fmt: skip


@dataclass(frozen=True)
class Claimed:
    """What is said to be on a sheet. lines: as addressed; the check says whether they may be."""

    number: str
    kind: str
    addressee: str
    people: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    lines: tuple[str, ...]


def expected_sheets(
    c: Campaign, connection: sa.Connection, claimed: Sequence[Claimed]
) -> dict[str, Sheet]:
    """Number -> the sheet as register and protections have it.

    Raises:
        KyufuError: a sheet goes to an address that is not its addressee's, or names protected people and others.
    """
    register = _register(c, claimed)
    care = _protections(connection, c.programme.id)
    found = {}
    for item in claimed:
        protected = item.addressee in care
        strangers = [p for p in item.people if (p in care) != protected]
        if strangers and item.kind == FORM:
            raise KyufuError(
                f"{item.number}: 保護対象者とほかの人が一枚に載っています。作成を止めました。"
            )
        row = register[item.addressee]
        to = _allowed(item, row, care.get(item.addressee))
        named = [register[p] for p in item.people] if item.kind == FORM else []
        found[item.number] = Sheet(
            item.number, item.kind, to, resident_id=row["resident_id"] if protected else "",
            household_id=row["household_id"] if named and not protected else "",
            persons=tuple(Named(r["name_kanji"], print_day(r["date_key"], r["birth_date"])) for r in named),
            total_yen=len(named) * c.programme.benefit.amount_yen, rows=item.rows,
        )  # fmt: skip
    return found


def _allowed(item: Claimed, row: Mapping[str, str], addresses: set[str] | None) -> Addressee:
    """The addressee, if the sheet's lines are one of its addresses, or no address at all."""
    name = row["name_kanji"]
    if item.lines == ("窓口交付",):
        return Addressee("", item.lines, name)
    if addresses is not None:
        (line,) = item.lines
        if line in addresses or (not addresses and line.endswith("気付")):
            return Addressee("", item.lines, name)
    elif item.lines == tuple(filter(None, (row["address"], row["address_supplement"]))):
        return Addressee(row["postal_code"], item.lines, name)
    raise KyufuError(
        f"{item.number}: 宛先が台帳・保護の記録の住所ではありません。作成を止めました。"
    )


def _register(c: Campaign, claimed: Sequence[Claimed]) -> dict[str, dict[str, str]]:
    wanted = sorted({p for item in claimed for p in (item.addressee, *item.people)})
    everybody = c.people().select(list(_ITEMS))
    own = everybody.filter(
        pc.is_in(everybody.column("person_id"), value_set=pa.array(wanted, pa.string()))
    )
    return {
        row["person_id"]: {name: value or "" for name, value in row.items()}
        for row in own.to_pylist()
    }


def _protections(connection: sa.Connection, programme: str) -> dict[str, set[str]]:
    """Protected person -> the addresses that the protections give."""
    p = tables.protection
    query = sa.select(p.c.person_id, p.c.mailing_address).where(p.c.programme == programme)
    found: dict[str, set[str]] = defaultdict(set)
    row: Any
    for row in connection.execute(query):
        found[row.person_id] |= {row.mailing_address} - {""}
    return dict(found)
