"""Whom the audit chain is about, without saying who: a digest that only the ward's key makes.

The chain outlives the personal data. The key lies outside the ledger, in the home: who has it can look a resident's
showings up, and once it is erased the chain still holds and tells nothing of anybody.
"""

import hmac
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from pipelines.errors import KyufuError
from pipelines.files import sync_folder, write_whole
from pipelines.steps.campaign import Campaign

KEY = Path("keys") / "audit_subjects.key"
_BYTES = 32
_PERSON, _HOUSEHOLD = "person:", "household:"


def pseudonym(c: Campaign, person_id: str) -> str:
    """The subject of an audit record about a person: the same person, programme and key give the same.

    Raises:
        KyufuError: the key is damaged.
    """
    return person_digests(c)(person_id)


def person_digests(c: Campaign) -> Callable[[str], str]:
    """`pseudonym` for many people: the key is read once."""
    return _digests(c, _PERSON)


def household_digests(c: Campaign) -> Callable[[str], str]:
    """The same for households, so that those of erased people can still be told apart."""
    return _digests(c, _HOUSEHOLD)


def _digests(c: Campaign, mark: str) -> Callable[[str], str]:
    key, programme = _key(c.home / KEY), c.programme.id
    kind = () if mark == _PERSON else (mark,)

    def digest(name: str) -> str:
        parts = [part.encode() for part in (programme, *kind, name)]
        framed = b"".join(len(part).to_bytes(8) + part for part in parts)
        return mark + hmac.new(key, framed, sha256).hexdigest()

    return digest


def digests(c: Campaign, person_ids: Iterable[str]) -> Iterator[bytes]:
    """The 32 bytes behind each person's pseudonym, in the given order.

    Raises:
        KyufuError: the key is damaged.
    """
    key = _key(c.home / KEY)
    programme = _framed(c.programme.id)
    for person_id in person_ids:
        yield hmac.digest(key, programme + _framed(person_id), "sha256")


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
