"""The release: bytes that passed their disclosure's check. Only the gate makes one; only a release may leave."""

from collections.abc import Iterable
from dataclasses import InitVar, dataclass, field
from datetime import date

from pipelines.disclosure.contents import Contents, read_contents
from pipelines.disclosure.guard import (
    DisclosureRefused,
    Guard,
    Secret,
    assert_fields,
    assert_nobody,
    assert_people,
    assert_period,
    assert_way,
)
from pipelines.disclosure.scan import Covered, assert_silent, scan_pages, scan_text
from pipelines.errors import Refusal
from pipelines.intake.staging import sha256
from pipelines.programme import Disclosure, Programme, ProgrammeError

REHEARSAL = "rehearsal_"  # how the name of a rehearsal's delivery begins
ERASURE = "erasure_request_"  # and of a request to return and to erase, which is about nobody
_PERMIT = object()


@dataclass(frozen=True)
class Piece:
    """What one addressee gets of a PDF: its pages, both ends counted from 1 and included, and whom it is about.

    Nobody else's secrets may stand on them, be it somebody of the same household.
    """

    first_page: int
    last_page: int
    covers: frozenset[str] = field(repr=False)


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
    pieces: tuple[Piece, ...] = field(default=(), repr=False)
    permit: InitVar[object] = None  # not kept, so that a changed copy needs one of its own

    def __post_init__(self, permit: object) -> None:
        """Only the gate has the permit."""
        if permit is not _PERMIT:
            raise DisclosureRefused("提供の審査を通っていないデータは送れません。", "PERMIT")

    @property
    def sha256(self) -> str:
        """Of the payload."""
        return sha256(self.payload)

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is a rehearsal's: about nobody, and never to be used."""
        return self.name.startswith(REHEARSAL)

    def assert_may_go(self, recipient: str, medium: str) -> None:
        """Refuse another recipient or medium than the disclosure's.

        Raises:
            DisclosureRefused: bound to this release.
        """
        try:
            assert_way(self.disclosure, recipient, medium)
        except DisclosureRefused as refusal:
            _bind(refusal, self.name, self.business_date, self.disclosure)
            raise


def make_release(
    programme: Programme, guard: Guard, disclosure_id: str, *, name: str, payload: bytes, columns: tuple[str, ...],
    people: frozenset[str], records: int, sum_yen: int | None, day: date, scanned: tuple[str, str] | None = None,
    pieces: Iterable[Piece] = (), to: str | None = None, medium: str | None = None,
) -> Release:  # fmt: skip
    """Check everything the disclosure says, scan the bytes, and make the release.

    scanned: (payload hash, secrets hash) of an earlier release: the same bytes are not scanned again for the same
    secrets; everything else is checked anew. pieces: of a PDF that goes to several addressees, what each of them gets.
    to, medium: where and how the caller is about to hand it over, if that is already known.

    Raises:
        DisclosureRefused: a column, a person, the recipient, the medium, the day, a list's state, or something in the
            bytes forbids it; the ledger's transaction that it leaves enters it in the audit chain.
    """
    disclosure = _find(programme, disclosure_id, name, day)
    parts = tuple(pieces)
    secrets = guard.secrets_digest()
    try:
        assert_way(disclosure, to or disclosure.recipient, medium or disclosure.medium)
        assert_period(programme, disclosure, day)
        if name.startswith(ERASURE):
            assert_nobody(disclosure, columns, people, payload)
        elif name.startswith(REHEARSAL):
            _assert_is_rehearsal(people)
        else:
            guard.assert_lists_current(programme, day)
        assert_fields(disclosure, columns)
        assert_people(disclosure, guard, people)
        if scanned != (sha256(payload), secrets):
            _scan(disclosure, guard, payload, columns, people, parts)
    except Refusal as refusal:
        _bind(refusal, name, day, disclosure)
        raise
    return Release(
        name, disclosure, payload, columns, people, records, sum_yen, day, secrets, parts, permit=_PERMIT
    )  # fmt: skip


def started_release(
    programme: Programme, disclosure_id: str, *, name: str, payload: bytes, columns: tuple[str, ...],
    people: frozenset[str], records: int, sum_yen: int | None, day: date, checked_sha256: str, scanned_for: str,
) -> Release:  # fmt: skip
    """The release of a file whose sending has started: it was checked then, and is only brought to its end.

    checked_sha256: what the ledger says was checked.

    Raises:
        DisclosureRefused: these are other bytes.
    """
    disclosure = _find(programme, disclosure_id, name, day)
    if sha256(payload) != checked_sha256:
        refusal = DisclosureRefused(
            f"{name}: 保存した内容が審査時と違います。送付を止めました。", "BYTES"
        )
        _bind(refusal, name, day, disclosure)
        raise refusal
    return Release(
        name, disclosure, payload, columns, people, records, sum_yen, day, scanned_for, permit=_PERMIT
    )  # fmt: skip


def _find(programme: Programme, disclosure_id: str, name: str, day: date) -> Disclosure:
    try:
        return programme.disclosure(disclosure_id)
    except ProgrammeError as error:
        refusal = DisclosureRefused(str(error), "NO_DISCLOSURE")
        refusal.bind(name, day, disclosure=disclosure_id)
        raise refusal from None


def _bind(refusal: Refusal, name: str, day: date, disclosure: Disclosure) -> None:
    codes = {
        "disclosure": disclosure.id,
        "recipient": disclosure.recipient,
        "medium": disclosure.medium,
    }
    refusal.bind(name, day, **codes)


def _assert_is_rehearsal(people: frozenset[str]) -> None:
    if people:
        raise DisclosureRefused(
            "予行の送付に、実在の対象者を載せることはできません。", "REHEARSAL", people=len(people)
        )


def _scan(
    disclosure: Disclosure, guard: Guard, payload: bytes, columns: tuple[str, ...], people: frozenset[str],
    pieces: tuple[Piece, ...],
) -> None:  # fmt: skip
    contents = read_contents(payload)
    _assert_pieces(contents, people, pieces)
    if not guard.secrets:
        return
    leaks: dict[str, int] = {}
    for part in pieces or (Piece(1, len(contents.pages), people),):
        covered = _covered(disclosure, guard.secrets, columns, part.covers)
        pages = contents.pages[part.first_page - 1 : part.last_page]
        is_list = disclosure.medium == "paper"
        found = [
            scan_text(t, guard.secrets, covered, guard.own(part.covers), is_list=is_list)
            for t in contents.texts
        ]
        if pages:
            found.append(scan_pages(pages, guard.secrets, covered, guard.own(part.covers)))
        for each in found:
            leaks = {kind: leaks.get(kind, 0) + each.get(kind, 0) for kind in {*leaks, *each}}
    assert_silent(leaks)


def _assert_pieces(contents: Contents, people: frozenset[str], pieces: tuple[Piece, ...]) -> None:
    """Every page belongs to one piece, and the pieces are about the release's people."""
    if not pieces:
        return
    pages = [page for part in pieces for page in range(part.first_page, part.last_page + 1)]
    covered = frozenset().union(*(part.covers for part in pieces))
    if sorted(pages) != list(range(1, len(contents.pages) + 1)) or covered != people:
        raise DisclosureRefused(
            "宛先ごとの頁の分け方が、書類の頁または対象者と合いません。送付を止めました。", "PIECES"
        )


def _covered(
    disclosure: Disclosure, secrets: tuple[Secret, ...], columns: tuple[str, ...], covers: frozenset[str]
) -> Covered:  # fmt: skip
    """Whose secrets may stand in a piece: of whom it is about, and by the fields that it is said to hold."""
    if disclosure.people in ("contractor", "nobody", "unprotected"):
        return Covered()
    nobody: frozenset[str] = frozenset()
    return Covered(
        numbers=covers if "resident_id" in columns else nobody,
        names=covers,
        addresses=covers if "mailing_address" in columns else nobody,
    )
