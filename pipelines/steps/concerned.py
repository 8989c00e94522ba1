"""Whom a file was about, kept so that it can be answered after the personal data is gone.

`HOME/evidence/people/<name>`: the people of a release or an export as sorted digests of 16 bytes, made with the ward's
key (`pipelines.steps.pseudonyms`). Who has the key and a resident's number can look that resident up and nothing else;
without the key it tells nothing of anybody. The audit chain holds the SHA-256 of each such file.
"""

from collections.abc import Iterable
from pathlib import Path

from pipelines.files import write_whole
from pipelines.intake.staging import sha256
from pipelines.steps.campaign import Campaign
from pipelines.steps.pseudonyms import digests

_BYTES = 16
FOLDER = Path("evidence") / "people"


def keep(c: Campaign, name: str, people: Iterable[str]) -> str:
    """Keep whom a file is about; returns the SHA-256 for the audit chain. The same people give the same bytes."""
    data = b"".join(sorted({digest[:_BYTES] for digest in digests(c, people)}))
    write_whole(_path(c, name), data)
    return sha256(data)


def kept_sha256(c: Campaign, name: str) -> str | None:
    """The SHA-256 of what is kept under the name; None if nothing is."""
    path = _path(c, name)
    return sha256(path.read_bytes()) if path.is_file() else None


def is_about(c: Campaign, name: str, person_id: str) -> bool | None:
    """Whether the file of that name was about the person; None if it is not kept whom it was about."""
    path = _path(c, name)
    if not path.is_file():
        return None
    wanted, data = next(digests(c, [person_id]))[:_BYTES], path.read_bytes()
    at = data.find(wanted)
    while at % _BYTES and at >= 0:
        at = data.find(wanted, at + 1)
    return at >= 0


def _path(c: Campaign, name: str) -> Path:
    return c.home / FOLDER / name
