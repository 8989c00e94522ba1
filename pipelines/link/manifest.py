"""The manifest that announces a delivery, and the acknowledgement that answers it.

Both are small JSON texts without personal data, signed by their sender (``seal.sign``). Reading is
strict: an unknown, missing or oddly typed field is refused, so a change of the contract is noticed.
"""

import json
import re
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any, Self

from pipelines.link.errors import ManifestInvalid, NameNotAllowed

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,119}")
SUFFIXES_OF_THE_LINK = (".p7m", ".manifest", ".ack", ".tmp")
HEAD = frozenset({"audit_number", "audit_hash"})  # the fields that a manifest may lack together
SHA256_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """What one delivery is: signed by its sender, published last.

    ``records`` counts data records (no header or trailer rows); ``sum_yen`` is None where there is
    no money; ``sha256`` is of the payload; ``unpayable`` marks a rehearsal. ``audit_number`` and
    ``audit_hash`` are the head of the ward's audit chain when it was sealed; parties have none, and
    a manifest has both fields or neither.
    """

    name: str
    kind: str
    business_date: date
    records: int
    sum_yen: int | None
    sha256: str
    sealed_sha256: str
    sealed_bytes: int
    programme: str
    unpayable: bool
    audit_number: int | None = None
    audit_hash: str | None = None

    def to_bytes(self) -> bytes:
        """Write as UTF-8 JSON with sorted keys: the same manifest is always the same bytes."""
        value = asdict(self) | {"business_date": self.business_date.isoformat()}
        if self.audit_number is None:
            value = {name: found for name, found in value.items() if name not in HEAD}
        return _to_json(value)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read what ``to_bytes`` wrote.

        Raises:
            ManifestInvalid: not JSON, or a field is missing, unknown or of another type.
        """
        names = {field.name for field in fields(cls)}
        value = _from_json(content, names, "manifest", HEAD)
        _expect_text(value, "name", "kind", "programme", "business_date")
        _expect_count(value, "records", "sealed_bytes")
        _expect_yen(value)
        _expect_hash(value, "sha256", "sealed_sha256")
        _expect(type(value["unpayable"]) is bool, "unpayable")
        if "audit_number" in value:
            _expect_count(value, "audit_number")
            _expect_hash(value, "audit_hash")
        return cls(**value | {"business_date": _to_date(value["business_date"])})


@dataclass(frozen=True)
class Acknowledgement:
    """What a receiver answers: the payload's hash, count and sum as it found them."""

    name: str
    sha256: str
    records: int
    sum_yen: int | None
    accepted: bool
    reason: str

    def to_bytes(self) -> bytes:
        """Write as UTF-8 JSON with sorted keys."""
        return _to_json(asdict(self))

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read what ``to_bytes`` wrote.

        Raises:
            ManifestInvalid: not JSON, or a field is missing, unknown or of another type.
        """
        value = _from_json(content, {field.name for field in fields(cls)}, "acknowledgement")
        _expect_text(value, "name", "reason")
        _expect_count(value, "records")
        _expect_yen(value)
        _expect_hash(value, "sha256")
        _expect(type(value["accepted"]) is bool, "accepted")
        return cls(**value)


def check_name(name: str) -> str:
    """Return a delivery's name if the link can carry it.

    Raises:
        NameNotAllowed: a path, a control character, too long, or a suffix that the link adds.
    """
    if not is_name(name):
        raise NameNotAllowed(
            f"{name!r} cannot name a delivery; use letters, digits, '_', '-' and single dots, "
            f"at most 120, and none of the endings {', '.join(SUFFIXES_OF_THE_LINK)}."
        )
    return name


def is_name(name: str) -> bool:
    """Whether the link can carry a delivery of that name."""
    fits = NAME.fullmatch(name) is not None and ".." not in name
    return fits and not name.endswith(SUFFIXES_OF_THE_LINK)


def _to_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False).encode()


def _from_json(
    content: bytes, names: set[str], what: str, may_lack: frozenset[str] = frozenset()
) -> dict[str, Any]:
    try:
        value = json.loads(content.decode(), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise ManifestInvalid(f"the {what} is not JSON; ask its sender.") from error
    if not isinstance(value, dict):
        raise ManifestInvalid(f"the {what} is not a JSON object; ask its sender.")
    if value.keys() not in (names, names - may_lack):
        odd = sorted(value.keys() ^ (names if may_lack & value.keys() else names - may_lack))
        raise ManifestInvalid(f"the {what} lacks or adds the fields {odd}; ask its sender.")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a field is given twice")
    return value


def _to_date(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ManifestInvalid("the field business_date is not a date YYYY-MM-DD.") from error
    _expect(day.isoformat() == text, "business_date")
    return day


def _expect_text(value: dict[str, Any], *names: str) -> None:
    for name in names:
        _expect(isinstance(value[name], str), name)


def _expect_count(value: dict[str, Any], *names: str) -> None:
    for name in names:
        _expect(type(value[name]) is int and value[name] >= 0, name)


def _expect_yen(value: dict[str, Any]) -> None:
    yen = value["sum_yen"]
    _expect(yen is None or (type(yen) is int and yen >= 0), "sum_yen")


def _expect_hash(value: dict[str, Any], *names: str) -> None:
    for name in names:
        _expect(isinstance(value[name], str) and bool(SHA256_HEX.fullmatch(value[name])), name)


def _expect(holds: bool, name: str) -> None:
    if not holds:
        raise ManifestInvalid(f"the field {name} is not of its type; ask the sender.")
