"""What must stay secret at this moment, as the gate needs it; gathered from the ledger and the snapshot."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from pipelines.errors import Refusal
from pipelines.programme import Disclosure, ListSource, Programme


class DisclosureRefused(Refusal):
    """Something may not leave; the message and the rule's code name nobody."""


class PeriodClosed(DisclosureRefused):
    """The disclosure is right, but not on this day."""


@dataclass(frozen=True)
class Secret:
    """One protected person: what must not stand in bytes that do not cover them.

    birth_date: as written; birth_key: as YYYYMMDD, None where it is not known. addresses: where they live now, and
    where they lived before under protection.
    """

    person_id: str
    resident_id: str | None
    names: tuple[str, ...]
    birth_date: str
    birth_key: str | None
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Register:
    """What the register says of the people a release is about, asked for only when something was found.

    lines: (birth dates as YYYYMMDD, household numbers) -> the lines of the households with somebody born then or of
    that number; addresses: every household's address, once.
    """

    lines: Callable[[frozenset[str], frozenset[str]], Iterable[str]]
    addresses: Callable[[], Iterable[str]]


@dataclass(frozen=True)
class Guard:
    """The present state of protection; what needs the register is looked up when a file asks for it.

    withheld: who must be in no contractor's file. known: the protected people. list_days: dataset -> day of its newest
    list, None if it never came. own: some people's register. in_facilities: whom other municipalities may be told of,
    as admitted to a facility and under no other protection.
    """

    protected: frozenset[str]
    withheld: Callable[[], frozenset[str]]
    known: Callable[[], tuple[Secret, ...]]
    list_days: dict[str, date | None]
    undecided_rows: int
    own: Callable[[frozenset[str]], Register]
    in_facilities: frozenset[str] = frozenset()

    @cached_property
    def withheld_from_contractors(self) -> frozenset[str]:
        """Who must be in no contractor's file."""
        return self.withheld()

    @cached_property
    def secrets(self) -> tuple[Secret, ...]:
        """What must not stand in bytes that do not cover the protected people."""
        return self.known()

    def secrets_digest(self) -> str:
        """What the scan looks for, as a hash: the same bytes need no second look for the same secrets."""
        return hashlib.sha256(repr(self.secrets).encode()).hexdigest()

    def assert_lists_current(self, programme: Programme, day: date) -> None:
        """Fail closed: every list is there, young enough, and leaves nobody undecided.

        A list whose collection period is over is measured at the period's end: nothing newer can come.

        Raises:
            DisclosureRefused: a list is missing or too old, or a row about somebody registered here has no candidate.
        """
        for source in programme.list_sources:
            newest = self.list_days.get(source.dataset)
            if newest is None:
                raise DisclosureRefused(
                    f"{source.dataset}({source.department})の名簿が届いていません(または照合が済んでいません)。済むまで何も送りません。"
                    "該当者がいない場合は零件の申告を受け取ってください。",
                    "LIST_MISSING",
                )
            age = (min(day, source.period.last) - newest).days
            if age > programme.lists.max_age_days:
                raise DisclosureRefused(
                    _too_old(source, newest, age, programme.lists.max_age_days),
                    "LIST_OLD",
                    days=age,
                )
        if self.undecided_rows:
            raise DisclosureRefused(
                f"名簿の行で、候補者の見つからないもの、または誤りで保留になったものが{self.undecided_rows}行あります。"
                "二人の職員が判断するまで何も送りません。",
                "ROWS_UNDECIDED",
                rows=self.undecided_rows,
            )


NOBODY = Guard(
    frozenset(), frozenset, tuple, {}, 0, lambda _people: Register(lambda _b, _h: (), lambda: ())
)
"""For a release about nobody, which must be possible after the protections are erased."""


def _too_old(source: ListSource, newest: date, age: int, limit: int) -> str:
    return (
        f"{source.dataset}({source.department})の名簿は{newest}のもので{age}日前です(上限{limit}日)。"
        "新しい名簿を受け取ってください。"
    )


def assert_fields(disclosure: Disclosure, columns: tuple[str, ...]) -> None:
    """Refuse a column that the disclosure neither names nor declares as derived.

    Raises:
        DisclosureRefused: there is one.
    """
    outside = sorted(set(columns) - set(disclosure.fields) - set(disclosure.derived))
    if outside:
        raise DisclosureRefused(
            f"{disclosure.id}: 提供が認められていない項目です: {'、'.join(outside)}({disclosure.basis})",
            "FIELDS",
            fields=len(outside),
        )


def assert_way(disclosure: Disclosure, recipient: str, medium: str) -> None:
    """Refuse another recipient or another medium than the disclosure's.

    Raises:
        DisclosureRefused: it is to go to somebody else, or in another way.
    """
    if recipient != disclosure.recipient:
        raise DisclosureRefused(
            f"{disclosure.id}: {recipient} への提供は認められていません"
            f"(相手方: {disclosure.recipient}、{disclosure.basis})。送りません。",
            "RECIPIENT",
        )
    if medium != disclosure.medium:
        raise DisclosureRefused(
            f"{disclosure.id}: 媒体 {medium} での提供は認められていません"
            f"(媒体: {disclosure.medium}、{disclosure.basis})。送りません。",
            "MEDIUM",
        )


def assert_nobody(
    disclosure: Disclosure, columns: tuple[str, ...], people: frozenset[str], payload: bytes
) -> None:
    """Refuse anything about anybody: such a release is a short note in ASCII, which no name and no address is.

    Raises:
        DisclosureRefused: it names a column or a person, is not such a note, or its disclosure is about somebody.
    """
    if disclosure.people != "nobody" or columns or people or not payload.isascii():
        raise DisclosureRefused(
            f"{disclosure.id}: 個人に関する内容は含められません。", "NOBODY", people=len(people)
        )


def assert_people(disclosure: Disclosure, guard: Guard, people: frozenset[str]) -> None:
    """Refuse a person outside the disclosure's rule about people.

    Raises:
        DisclosureRefused: somebody in it must not be.
    """
    outside: frozenset[str] = frozenset()
    told = ""
    if disclosure.people == "contractor":
        outside, told = people & guard.withheld_from_contractors, "委託先に渡せない人"
    elif disclosure.people == "facility":
        outside, told = people - guard.in_facilities, "他の自治体に知らせてはならない人"
    elif disclosure.people == "unprotected":
        outside, told = people & guard.protected, "保護対象者"
    elif disclosure.people == "nobody":
        outside, told = people, "この書類に載せてはならない人"
    if outside:
        raise DisclosureRefused(
            f"{disclosure.id}: {told}が{len(outside)}人含まれています。作り直してください。",
            "PEOPLE",
            people=len(outside),
        )


def assert_period(programme: Programme, disclosure: Disclosure, day: date) -> None:
    """Refuse a day outside the disclosure's period, or outside the party's connection or contract.

    Raises:
        PeriodClosed: the day is outside.
    """
    if not disclosure.period.holds(day):
        raise PeriodClosed(
            f"{disclosure.id}: {day} は提供期間 {disclosure.period} の外です({disclosure.basis})。",
            "PERIOD",
        )
    if disclosure.medium == "lgwan":
        party = programme.party(disclosure.recipient)
        for rule, name, period in (
            ("CONNECTION", "結合", party.connection),
            ("CONTRACT", "契約", party.contract),
        ):
            if not period.holds(day):
                raise PeriodClosed(
                    f"{party.name}: {day} は{name}期間 {period} の外です。送りません。", rule
                )
