"""Whom the audit chain is about, without saying who: a digest that only the ward's key makes.

The chain outlives the personal data. The key lies outside the ledger, in the home: who has it can look a resident's
showings up, and once it is erased the chain still holds and tells nothing of anybody.
"""

import hmac
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipelines.errors import KyufuError
from pipelines.files import sync_folder, write_whole
from pipelines.steps.campaign import Campaign

KEY = Path("keys") / "audit_subjects.key"
_BYTES = 32
_MARK, _HOUSEHOLD = "person:", "household:"


def pseudonym(c: Campaign, person_id: str) -> str:
    """The subject of an audit record about a person: the same person, programme and key give the same.

    Raises:
        KyufuError: the key is damaged.
    """
    return _MARK + next(digests(c, [person_id])).hex()


def digests(c: Campaign, person_ids: Iterable[str]) -> Iterator[bytes]:
    """The 32 bytes behind each person's pseudonym, in the given order.

    Raises:
        KyufuError: the key is damaged.
    """
    key = _key(c.home / KEY)
    programme = _framed(c.programme.id)
    for person_id in person_ids:
        yield hmac.digest(key, programme + _framed(person_id), "sha256")


def person_digests(c: Campaign, person_ids: Iterable[str]) -> dict[str, str]:
    """Person id -> pseudonym."""
    ids = list(person_ids)
    return {name: _MARK + made.hex() for name, made in zip(ids, digests(c, ids), strict=True)}


def household_digests(c: Campaign, household_ids: Iterable[str]) -> dict[str, str]:
    """The same for households, so that those of erased people can still be told apart."""
    ids = list(household_ids)
    made = digests(c, (f"{_HOUSEHOLD}{name}" for name in ids))
    return {
        name: _HOUSEHOLD + digest.hex() for name, digest in zip(ids, made, strict=True)
    }  # fmt: skip


def has_key(c: Campaign) -> bool:
    """Whether anybody can still be looked up; once the key is erased nobody can."""
    return (c.home / KEY).is_file()


def _framed(text: str) -> bytes:
    part = text.encode()
    return len(part).to_bytes(8) + part


def _key(path: Path) -> bytes:
    """The key, made at its first use; of several processes that make one, the first one's is everybody's."""
    if not path.is_file():
        beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        write_whole(beside, secrets.token_bytes(_BYTES))
        try:
            os.link(beside, path)
        except FileExistsError:
            pass  # another process was first; its key is read below
        finally:
            beside.unlink()
        sync_folder(path.parent)
    key = path.read_bytes()
    if len(key) != _BYTES:
        raise KyufuError(f"{path}: 監査記録用の鍵が壊れています。バックアップから戻してください。")
    return key
