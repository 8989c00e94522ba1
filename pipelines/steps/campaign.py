"""What every step is given: the programme, the ledger, staging, the people as they stand, and the link."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pipelines.at_rest.store import AtRest
from pipelines.disclosure.guard import Guard, Register, Secret
from pipelines.intake import keys
from pipelines.intake.checks import assert_validation_is_on
from pipelines.intake.staging import Staging
from pipelines.ledger import people, rosters, tables
from pipelines.ledger.engine import open_ledger
from pipelines.ledger.store import Ledger, add_refusal, fetch
from pipelines.link.identity import Identity, fingerprint, load_certificate
from pipelines.link.session import SFTPClient
from pipelines.matching.findings import rules
from pipelines.outputs.forms import FormsProfile
from pipelines.outputs.print_characters import replace_column
from pipelines.programme import Programme, Settings, load_programme
from pipelines.steps import exceptions
from pipelines.steps.deliveries import LINKED, Delivery, used_in
from pipelines.steps.form_profile import as_written_and_printed, form_profile

Sessions = Callable[[str], AbstractContextManager[SFTPClient]]

ITEMS = (
    "resident_id", "household_id", "name_kana", "name_kanji", "relationship", "birth_date", "postal_code", "address",
    "address_supplement", "head_name_kanji",
)  # fmt: skip
KEYS = ("name_key", "kana_key", "loose_kana_key", "date_key", "address_key")
PEOPLE = pa.schema([(n, pa.string()) for n in ("person_id", *ITEMS, *KEYS)])
# people rows before their other keys are made: a birth date is read by staging alone, which knows its style
WRITTEN = pa.schema([(n, pa.string()) for n in ("person_id", *ITEMS, "date_key")])


@dataclass(frozen=True)
class Campaign:
    """One programme on one installation. sessions: party -> an open SFTP session to that party's home."""

    programme: Programme
    settings: Settings
    ledger: Ledger
    staging: Staging
    sessions: Sessions

    @cached_property
    def _open_sessions(self) -> dict[str, SFTPClient]:
        return {}

    @contextmanager
    def session(self, party: str) -> Iterator[SFTPClient]:
        """An open session to a party's home; inside another block for the same party it is that block's session."""
        if party in self._open_sessions:
            yield self._open_sessions[party]
            return
        with self.sessions(party) as sftp:
            self._open_sessions[party] = sftp
            try:
                yield sftp
            finally:
                del self._open_sessions[party]

    @property
    def home(self) -> Path:
        """Where this installation keeps its files."""
        return self.settings.home

    @property
    def at_rest(self) -> AtRest:
        """The stored bytes and their keys."""
        return self.staging.at_rest

    @property
    def inbox(self) -> Path:
        """What reaches General Affairs' own PC."""
        return self.settings.inputs / "ward"

    @cached_property
    def ward(self) -> Identity:
        """The ward's certificate and key."""
        return Identity.load(self.settings.home / "pki" / "ward")

    def certificate(self, party: str) -> Any:
        """A party's pinned certificate, if it is the one of its registered roster.

        Raises:
            NotOnRoster: it is another one, or no roster is registered.
        """
        found = self.pinned_certificate(party)
        with self.ledger.read() as connection:
            rosters.assert_certificate(connection, self.programme, party, fingerprint(found))
        return found

    def pinned_certificate(self, party: str) -> Any:
        """A party's certificate as it lies in the home, whether registered or not."""
        return load_certificate(self.settings.home / "pki" / "ward" / "parties" / f"{party}.crt")

    @property
    def snapshot_people(self) -> pa.Table:
        """The frozen snapshot (schema `PEOPLE`), read once; empty before it is frozen."""
        if (frozen := self.frozen_register()) is None:
            return PEOPLE.empty_table()
        if frozen not in self._snapshots:
            self._snapshots[frozen] = self._read_snapshot(*frozen)
        return self._snapshots[frozen]

    @cached_property
    def _snapshots(self) -> dict[tuple[date, int], pa.Table]:
        return {}

    def frozen_register(self) -> tuple[date, int] | None:
        """Day and version of the register's extract that is the snapshot; None before it is frozen."""
        with self.ledger.read() as connection:
            query = sa.select(tables.snapshot.c.frozen_on).filter_by(programme=self.programme.id)
            day = connection.execute(query).scalar_one_or_none()
        if day is None:
            return None
        frozen = self.ledger.result_of("register.freeze", day) or {}
        return day, frozen.get("version") or max(self.staging.versions("register", day))

    def _read_snapshot(self, day: date, version: int) -> pa.Table:
        rows = self.staging.read("register", day, version=version)
        ids = pc.binary_join_element_wise("R", rows.column("resident_id"), "")
        return rows.append_column("person_id", ids).select(PEOPLE.names).cast(PEOPLE)

    def additions(self) -> pa.Table:
        """People who are eligible by evidence (schema `PEOPLE`), with match keys made from what the evidence says."""
        a, e = tables.addition, tables.entitlement
        columns = [a.c[n] if n in a.c else e.c[n] for n in WRITTEN.names]
        query = (
            sa.select(*columns)
            .join(e, (e.c.programme == a.c.programme) & (e.c.person_id == a.c.person_id))
            .where(a.c.programme == self.programme.id)
            .order_by(a.c.person_id)
        )
        with self.ledger.read() as connection:
            rows = fetch(connection, query, WRITTEN)
        if not self._additions or not self._additions[0].equals(rows):
            keyed = add_keys(rows, self.programme.benefit.municipality_code)
            self._additions[:] = [rows, keyed]
        return self._additions[1]

    @cached_property
    def _additions(self) -> list[pa.Table]:
        """The additions as they were last read, and with their keys; nothing at first."""
        return []

    def people(self) -> pa.Table:
        """Everybody eligible (schema `PEOPLE`): the snapshot and the additions."""
        return pa.concat_tables([self.snapshot_people, self.additions()])

    def guard(self, day: date) -> Guard:
        """The present state of protection, for the gate."""
        with self.ledger.read() as connection:
            protected = people.protected_ids(connection, self.programme.id)
            braille = people.braille_ids(connection, self.programme.id)
            whereabouts = people.whereabouts(connection, self.programme.id)
            in_facilities = people.only_in_facilities(connection, self.programme.id)
            u = tables.unlinked_row
            undecided = connection.execute(
                sa.select(sa.func.count())
                .select_from(u)
                .filter_by(programme=self.programme.id, decided=False)
            ).scalar_one()
        list_days = self._list_days(day)
        everybody = cache(self.people)
        printer = form_profile(self.programme)
        return Guard(
            frozenset(protected),
            lambda: frozenset(withheld_people(everybody(), protected, braille)),
            lambda: secrets_of(everybody(), protected, whereabouts, printer),
            list_days,
            undecided + self._quarantined_list_rows(list_days),
            lambda wanted: own_register(everybody(), wanted, printer),
            frozenset(in_facilities),
        )

    def _list_days(self, day: date) -> dict[str, date | None]:
        """The day of each list's newest delivery; None if there is none, or it is not linked to people yet."""
        with self.ledger.read() as connection:
            used = used_in(connection, self.programme.id, LINKED)
        linked = {delivery for found in used.values() for delivery in found}
        newest = {
            source.dataset: max(self.staging.days(source.dataset, day), default=None)
            for source in self.programme.list_sources
        }

        def is_linked(name: str, found: date) -> bool:
            return Delivery(name, found, max(self.staging.versions(name, found))) in linked

        return {
            name: found if found and is_linked(name, found) else None
            for name, found in newest.items()
        }

    def _quarantined_list_rows(self, list_days: Mapping[str, date | None]) -> int:
        """Rows of the newest lists that could not be read: they protect nobody yet, so they stop everything."""
        newest = (self.staging.manifest(dataset, day) for dataset, day in list_days.items() if day)
        return sum(exceptions.waiting(self, manifest) for manifest in newest if manifest)

    def note_refusal(self, subject: str, reason: str, day: date) -> dict[str, Any]:
        """Record that something was refused, so that it is seen, and say so; see `add_refusal`."""
        with self.ledger.write() as connection:
            add_refusal(connection, self.programme.id, subject, reason, day)
        return {"subject": subject, "refused": reason}


def secrets_of(
    everybody: pa.Table, protected: set[str], addresses: Mapping[str, Sequence[str]], printer: FormsProfile
) -> tuple[Secret, ...]:  # fmt: skip
    """The protected people as the scan looks for them. addresses: person_id -> where they live now."""
    columns = ["person_id", "resident_id", "name_kanji", "name_kana", "birth_date", "date_key"]
    is_kept = pc.is_in(everybody.column("person_id"), value_set=_ids(protected))
    kept = everybody.select(columns).filter(is_kept)
    return tuple(
        Secret(
            row["person_id"], row["resident_id"],
            as_written_and_printed((row["name_kanji"], row["name_kana"]), printer), row["birth_date"],
            row["date_key"], as_written_and_printed(addresses.get(row["person_id"], ()), printer),
        )
        for row in kept.to_pylist()
    )  # fmt: skip


def own_register(everybody: pa.Table, wanted: frozenset[str], printer: FormsProfile) -> Register:
    """What the register says of some people, as the scan asks for it; beside it how the contractor prints it."""

    @cache  # most pieces never ask
    def theirs() -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        """Of everybody, whether they are wanted, and the household."""
        is_wanted = pc.is_in(everybody.column("person_id"), value_set=_ids(set(wanted)))
        return is_wanted, with_own_household(everybody).column("household_id")

    def lines(births: frozenset[str], households: frozenset[str]) -> list[str]:
        is_wanted, household = theirs()
        born = pc.is_in(everybody.column("date_key"), value_set=_ids(set(births)))
        near = household.filter(pc.and_(is_wanted, born)).combine_chunks()
        named = pc.or_(
            pc.is_in(household, value_set=_ids(set(households))),
            pc.is_in(household, value_set=near),
        )
        own = everybody.filter(pc.and_(is_wanted, named))
        return household_lines(with_own_household(own), printer)

    def addresses() -> list[str]:
        is_wanted, household = theirs()
        parts = {name: everybody.column(name) for name in ("address", "address_supplement")}
        own = pa.table({"household_id": household, **parts}).filter(is_wanted)
        each = own.group_by("household_id").aggregate([(name, "one") for name in parts])
        written = _joined(each, ("address_one", "address_supplement_one")).combine_chunks()
        printed, changed = replace_column(written, printer.characters)
        return [*written.to_pylist(), *(printed[row].as_py() for row in changed)]

    return Register(lines, addresses)


def with_own_household(rows: pa.Table) -> pa.Table:
    """People rows in which somebody without a household on the register is one of their own."""
    own = pc.coalesce(rows.column("household_id"), rows.column("person_id"))
    return rows.set_column(rows.column_names.index("household_id"), "household_id", own)


def household_lines(rows: pa.Table, printer: FormsProfile) -> list[str]:
    """A line for each row of a household's form: its shared items once, then each member's of that row.

    Where the printer's fonts change a name, the line has it as it is printed too.
    """
    shared = ("household_id", "postal_code", "address", "address_supplement", "head_name_kanji")
    own = [name for name in ITEMS if name not in shared]
    most = printer.max_members
    lines = []
    for household in _households(rows, shared, own):
        for first in range(0, len(household["own"]), most):
            here = (household["shared"], *household["own"][first : first + most])
            names = (household["head"], *household["names"][first : first + most])
            lines.append(",".join([*here, *as_written_and_printed(names, printer)[len(names) :]]))
    return lines


def _households(rows: pa.Table, shared: Sequence[str], own: Sequence[str]) -> list[dict[str, Any]]:
    """Each household's items, its head's name and its members' items and names, in register order."""
    lines = pa.table(
        {
            "household": rows.column("household_id"),
            "head": rows.column("head_name_kanji"),
            "shared": _joined(rows, shared),
            "own": _joined(rows, own),
            "names": pc.coalesce(rows.column("name_kanji"), pa.scalar("")),
        }
    )
    found = lines.group_by("household").aggregate(
        [("head", "one"), ("shared", "one"), ("own", "list"), ("names", "list")]
    )
    return [
        {name.removesuffix("_one").removesuffix("_list"): value for name, value in row.items()}
        for row in found.to_pylist()
    ]


def _joined(rows: pa.Table, columns: Sequence[str]) -> pa.ChunkedArray:
    texts = [pc.coalesce(rows.column(name), pa.scalar("")) for name in columns]
    return pc.binary_join_element_wise(*texts, ",")


def withheld_people(everybody: pa.Table, protected: set[str], braille: set[str]) -> set[str]:
    """Who must not appear in a contractor's file: protected people, households of a protected head, of Braille."""
    ids, households = everybody.column("person_id"), everybody.column("household_id")
    head = pc.starts_with(everybody.column("relationship"), "02")
    is_protected = pc.is_in(ids, value_set=_ids(protected))
    by_head = households.filter(pc.and_(is_protected, head))
    by_braille = households.filter(pc.is_in(ids, value_set=_ids(braille)))
    special = pa.chunked_array([*by_head.chunks, *by_braille.chunks], pa.string()).drop_null()
    in_special = pc.is_in(households, value_set=special.combine_chunks())
    return set(ids.filter(pc.or_(in_special, is_protected)).to_pylist())


def add_keys(rows: pa.Table, municipality: str) -> pa.Table:
    """Match keys for people rows (schema `WRITTEN`) that were not staged."""
    made = {
        "name_key": keys.name_key(rows.column("name_kanji")), "kana_key": keys.kana_key(rows.column("name_kana")),
        "loose_kana_key": keys.loose_kana_key(rows.column("name_kana")),
        "address_key": keys.address_key(rows.column("address"), municipality),
    }  # fmt: skip
    for name, column in made.items():
        rows = rows.append_column(name, column)
    return rows.select(PEOPLE.names).cast(PEOPLE)


def _ids(ids: set[str]) -> pa.Array:
    return pa.array(sorted(ids), pa.string())


def open_campaign(settings: Settings, sessions: Sessions) -> Campaign:
    """Open everything a step needs.

    Raises:
        KyufuError: the programme, the ledger or the environment is not usable.
    """
    assert_validation_is_on()
    os.umask(0o077)  # whatever this process writes is its own user's alone
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    programme = load_programme(settings.programme_path)
    rules(programme)  # every finding has its severity, before the first claim needs it
    return Campaign(
        programme,
        settings,
        Ledger(open_ledger(settings.ledger_url), programme.id),
        Staging(settings.home, programme.intake.busy_wait_seconds, settings.keys),
        sessions,
    )
