"""The release: bytes that passed their disclosure's check. Only the gate makes one; only a release may leave."""

from dataclasses import InitVar, dataclass, field
from datetime import date

from pipelines.disclosure.guard import (
    DisclosureRefused,
    Guard,
    assert_fields,
    assert_nobody,
    assert_people,
    assert_period,
)
from pipelines.disclosure.scan import scan
from pipelines.intake.staging import sha256
from pipelines.programme import Disclosure, Programme

_PERMIT = object()


@dataclass(frozen=True)
class Release:
    """What may leave. people: the ids it is about; the bytes are final."""

    name: str
    disclosure: Disclosure
    payload: bytes = field(repr=False)
    columns: tuple[str, ...]
    people: frozenset[str] = field(repr=False)
    records: int
    sum_yen: int | None
    business_date: date
    scanned_for: str
    permit: InitVar[object] = None  # not kept, so that a changed copy needs one of its own

    def __post_init__(self, permit: object) -> None:
        """Only the gate has the permit."""
        if permit is not _PERMIT:
            raise DisclosureRefused("提供の審査を通っていないデータは送れません。")

    @property
    def sha256(self) -> str:
        """Of the payload."""
        return sha256(self.payload)


def make_release(
    programme: Programme, guard: Guard, disclosure_id: str, *, name: str, payload: bytes, columns: tuple[str, ...],
    people: frozenset[str], records: int, sum_yen: int | None, day: date, scanned: tuple[str, str] | None = None,
) -> Release:  # fmt: skip
    """Check everything the disclosure says, scan the bytes, and make the release.

    scanned: (payload hash, secrets hash) of an earlier release: the same bytes are not scanned again for the same
    secrets; everything else is checked anew.

    Raises:
        DisclosureRefused: a column, a person, the day, a list's state, or something in the bytes forbids it.
    """
    disclosure = programme.disclosure(disclosure_id)
    assert_period(programme, disclosure, day)
    if disclosure.people == "nobody":
        assert_nobody(disclosure, columns, people, payload)
        return Release(
            name, disclosure, payload, (), frozenset(), records, sum_yen, day, "", _PERMIT
        )
    guard.assert_lists_current(programme, day)
    assert_fields(disclosure, columns)
    assert_people(disclosure, guard, people)
    secrets = guard.secrets_digest()
    if disclosure.medium == "lgwan" and scanned != (sha256(payload), secrets):
        covered = people if disclosure.people == "payees" else frozenset()
        encoding = "cp932" if disclosure.people == "payees" else "utf-8"
        uncovered = [s for s in guard.secrets if s.person_id not in covered]
        scan(payload, uncovered, guard.own(people), encoding)
    return Release(
        name, disclosure, payload, columns, people, records, sum_yen, day, secrets, _PERMIT
    )
