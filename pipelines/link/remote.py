"""Files at the other end: found by name and hash, written beside, read back, renamed.

Every sender writes under a temporary name of its own, so that what is renamed is what it has read back, and no other
sender of the same file can stand half-written under the final name.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from pipelines.failpoints import failpoint
from pipelines.link.errors import (
    DeliveryUnknown,
    NameTaken,
    ReadBackDiffers,
    RemoteFailure,
)
from pipelines.link.session import SFTPClient, SFTPFile, remote_errors

PIECE_BYTES = 32_768  # the largest piece that every SFTP server must accept
TEMPORARY = re.compile(r"(\.[0-9a-f]{8})?\.tmp")  # behind the final name


@dataclass(frozen=True)
class Found:
    """What stands at the server for one path: the final file's SHA-256, and the paths of its temporaries."""

    path: str
    final: str | None
    temporaries: tuple[str, ...]

    def refuse_other(self, content: bytes) -> None:
        """Stop if something else than ``content`` stands under the final name.

        Raises:
            NameTaken: it does.
        """
        if self.final not in (None, sha256(content).hexdigest()):
            raise NameTaken(
                f"{self.path}: already there with another content. Nothing was changed; "
                "compare the two with the receiver and decide."
            )


def find(sftp: SFTPClient, path: str) -> Found:
    """Look at a path and its temporary names; the final file is read and hashed.

    Raises:
        RemoteFailure, LinkUnreachable: it cannot be told what is there.
    """
    return Found(path, hash_remote(sftp, path), _temporaries(sftp, path))


def place(
    sftp: SFTPClient,
    found: Found,
    content: bytes,
    before_rename: Callable[[], None] | None = None,
) -> None:
    """Bring ``content`` under its final name, or accept it there; drop the temporaries left over.

    A temporary of another sender that is still at work is dropped too: that one ends with an error, or finds the file
    under its final name. ``before_rename`` is called when the whole temporary is there: until then no receiver takes
    it.

    Raises:
        NameTaken: another content is, or meanwhile came, under the final name.
        DeliveryUnknown: what was written is under neither name any more.
        ReadBackDiffers, RemoteFailure, LinkUnreachable: not delivered.
    """
    if found.final is not None:
        found.refuse_other(content)
    for left in found.temporaries:
        remove(sftp, left)
    if found.final is not None:
        return
    own = f"{found.path}.{secrets.token_hex(4)}.tmp"
    _write(sftp, own, content)
    if not _read_back(sftp, own, found.path, content):
        return
    if before_rename is not None:
        before_rename()
    failpoint("link.before_rename")
    _rename(sftp, own, found.path, content)


def hash_remote(sftp: SFTPClient, path: str) -> str | None:
    """Return the SHA-256 (hex) of a remote file, or None if it is not there."""
    try:
        return sha256(read_remote(sftp, path)).hexdigest()
    except FileNotFoundError:
        return None


def read_remote(sftp: SFTPClient, path: str, *, most_bytes: int | None = None) -> bytes:
    """Read a whole remote file to its end.

    Args:
        sftp: an open session.
        path: the remote path.
        most_bytes: refuse a larger file without reading it.

    Raises:
        FileNotFoundError: it is not there.
        RemoteFailure: the server reports no size, another size than it gives, or an error.
    """
    with remote_errors(f"read {path}"), sftp.open(path, "rb") as file:
        size = file.stat().st_size
        if size is None:
            raise RemoteFailure(f"{path}: the server reports no size; ask the relay's operator.")
        if most_bytes is not None and size > most_bytes:
            raise RemoteFailure(f"{path}: {size} bytes, more than the {most_bytes} expected.")
        file.prefetch(size)
        content = _read_to_end(file, size)
    if len(content) != size:
        raise RemoteFailure(f"{path}: {len(content)} bytes came, the server reported {size}.")
    return content


def _read_to_end(file: SFTPFile, size: int) -> bytes:
    """What the file holds, to its end or just beyond `size`: one that grows without end fills no memory."""
    content = bytearray()
    while len(content) <= size and (piece := file.read(PIECE_BYTES)):
        content += piece
    return bytes(content)


def remove(sftp: SFTPClient, path: str) -> None:
    """Remove a remote file; one that is gone already is fine."""
    try:
        with remote_errors(f"remove {path}"):
            sftp.remove(path)
    except FileNotFoundError:
        return


def _temporaries(sftp: SFTPClient, path: str) -> tuple[str, ...]:
    """The paths under which senders write the file: ``<path>.<something>.tmp`` or ``<path>.tmp``."""
    folder, _, name = path.rpartition("/")
    try:
        with remote_errors(f"list {folder}"):
            names = sftp.listdir(folder or ".")
    except FileNotFoundError:
        return ()
    found = (n for n in map(str, names) if TEMPORARY.fullmatch(n.removeprefix(name)))
    return tuple(sorted(f"{folder}/{n}" for n in found if n.startswith(f"{name}.")))


def _write(sftp: SFTPClient, path: str, content: bytes) -> None:
    half = len(content) // 2
    try:
        with remote_errors(f"write {path}"), sftp.open(path, "wx") as file:
            file.set_pipelined(True)
            _write_pieces(file, content[:half])
            failpoint("link.mid_upload")
            _write_pieces(file, content[half:])
    except FileNotFoundError as error:
        raise RemoteFailure(f"{path}: the folder does not exist at the server.") from error


def _write_pieces(file: SFTPClient, content: bytes) -> None:
    view = memoryview(content)
    for start in range(0, len(content), PIECE_BYTES):
        file.write(bytes(view[start : start + PIECE_BYTES]))


def _read_back(sftp: SFTPClient, own: str, path: str, content: bytes) -> bool:
    """Whether the temporary is there and whole; False if another sender has published the same meanwhile."""
    try:
        held = read_remote(sftp, own)
    except FileNotFoundError as error:
        _judge_lost(sftp, path, content, error)
        return False
    if held != content:
        raise ReadBackDiffers(
            f"{path}: {len(content)} bytes were written, the server holds {len(held)} "
            "with another hash. It was not published; retry, then ask the relay's operator "
            "(space, quota)."
        )
    return True


def _rename(sftp: SFTPClient, own: str, path: str, content: bytes) -> None:
    try:
        with remote_errors(f"rename {own}"):
            sftp.rename(own, path)
    except (FileNotFoundError, RemoteFailure) as error:
        _judge_lost(sftp, path, content, error)


def _judge_lost(sftp: SFTPClient, path: str, content: bytes, error: Exception) -> None:
    """What was written is away, or its rename failed: it may be published, by us or by another sender. Look."""
    now = find(sftp, path)
    if now.final is not None:
        place(sftp, now, content)
    elif now.temporaries:
        raise _disturbed(path, error) from error
    else:
        raise _unknown(path) from error


def _disturbed(path: str, error: Exception) -> RemoteFailure:
    """Say why a temporary was not renamed; one that was away then is another sender's by now."""
    if isinstance(error, RemoteFailure):
        return error
    return RemoteFailure(
        f"{path}: another sender is writing the same file; nothing counts as delivered by this "
        "one. Wait until the other has ended, then retry."
    )


def _unknown(path: str) -> DeliveryUnknown:
    return DeliveryUnknown(
        f"{path}: what was written is gone; the receiver may have taken it. It is not sent again. "
        "Look for its acknowledgement or ask the receiver, then record what is known."
    )
