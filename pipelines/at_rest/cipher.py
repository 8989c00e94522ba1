"""One stored file, encrypted: the same bytes under the same key and name give the same file, every time.

AES-SIV (RFC 5297) in pieces of 1 MiB, each bound to the file's name, its place and whether it is the last one: a piece
that is changed, moved, cut off or put into another file is found. Its nonce is made of what it encrypts, so that a
write that was killed and made again with other content gives nothing away, and a partition that is made again has the
very same bytes. A file of an earlier Kyufu has no mark in front and is read as it is.
"""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from pipelines.errors import KyufuError

KEY_BYTES = 64
MARK = b"KYUFU-AES-SIV-1\n"
_PIECE = 1 << 20
_TAG = 16
_END = b"\x01"  # closes the content, so that there is always a last piece with something in it


class StoredBytesDamaged(KyufuError):
    """A stored file is not what was written under its key."""


class EncryptingFile:
    """A file to write in order; what lies behind it is encrypted. sha256, size: of what was written into it."""

    def __init__(self, file: BinaryIO, key: bytes, name: str) -> None:
        """Begin the file."""
        self.closed = False
        self._file, self._siv, self._name = file, AESSIV(key), name
        self._left = bytearray()
        self._pieces = 0
        self._digest = hashlib.sha256()
        self.size = 0
        file.write(MARK)

    @property
    def sha256(self) -> str:
        """Of everything written so far."""
        return self._digest.hexdigest()

    def write(self, data: bytes | memoryview) -> int:
        """Take more."""
        view = memoryview(data).cast("B")
        self._digest.update(view)
        self.size += len(view)
        at = 0
        while len(self._left) + len(view) - at > _PIECE:
            taken = _PIECE - len(self._left)
            self._put(bytes(self._left) + view[at : at + taken], last=False)
            self._left.clear()
            at += taken
        self._left += view[at:]
        return len(view)

    def tell(self) -> int:
        """How much was written."""
        return self.size

    def flush(self) -> None:
        """Nothing is written before its piece is whole."""

    def close(self) -> None:
        """Write what is left and the end; the file behind it stays open."""
        if self.closed:
            return
        left = bytes(self._left) + _END
        for start in range(0, len(left), _PIECE):
            self._put(left[start : start + _PIECE], last=start + _PIECE >= len(left))
        self.closed = True

    def _put(self, piece: bytes, *, last: bool) -> None:
        self._file.write(self._siv.encrypt(piece, _bound(self._name, self._pieces, last)))
        self._pieces += 1


class DecryptingFile(io.RawIOBase):
    """What was written under a key and name, to read here and there; only the pieces that are asked for are opened.

    Reading raises StoredBytesDamaged where a piece is not what was written.
    """

    def __init__(self, file: BinaryIO, key: bytes, name: str) -> None:
        """Read an encrypted file; its end is looked at, so that none is taken for a whole one that was cut off.

        Raises:
            StoredBytesDamaged: its end is not what was written.
        """
        self._pieces, self.size = _inside(file.seek(0, io.SEEK_END))
        self._file, self._siv, self._name = file, AESSIV(key), name
        self._at = 0
        self._open: tuple[int, bytes] = (-1, b"")
        if self.size < 0:
            raise StoredBytesDamaged(_damaged(name))
        self.piece(self._pieces - 1)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in what was written."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read up to the end of a piece."""
        number, first = divmod(self._at, _PIECE)
        if self._at >= self.size:
            return 0
        part = self.piece(number)[first : first + len(buffer)][: self.size - self._at]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def pieces(self) -> Iterator[bytes]:
        """Everything, in order."""
        for number in range(self._pieces):
            yield self.piece(number)[: max(0, self.size - number * _PIECE)]

    def piece(self, number: int) -> bytes:
        """One piece; the end mark stands behind the last one's content.

        Raises:
            StoredBytesDamaged: it is not what was written.
        """
        if self._open[0] != number:
            self._file.seek(len(MARK) + number * (_PIECE + _TAG))
            stored, last = self._file.read(_PIECE + _TAG), number == self._pieces - 1
            try:
                content = self._siv.decrypt(stored, _bound(self._name, number, last))
            except (InvalidTag, ValueError):
                raise StoredBytesDamaged(_damaged(self._name)) from None
            if last and not content.endswith(_END):
                raise StoredBytesDamaged(_damaged(self._name))
            self._open = number, content
        return self._open[1]


def decrypt(stored: bytes, key: bytes, name: str) -> bytes:
    """What was written under that key and name.

    Raises:
        StoredBytesDamaged: it is not what was written.
    """
    return b"".join(DecryptingFile(io.BytesIO(stored), key, name).pieces())


def is_encrypted(path: Path) -> bool:
    """Whether a stored file has the mark."""
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK


def plain_size(path: Path) -> int:
    """How many bytes were written into a stored file."""
    size = path.stat().st_size
    if not is_encrypted(path):
        return size
    return _inside(size)[1]


def _inside(stored: int) -> tuple[int, int]:
    """(pieces, bytes that were written) of an encrypted file of that size."""
    size = stored - len(MARK)
    pieces = -(-size // (_PIECE + _TAG))
    return pieces, size - _TAG * pieces - len(_END)


def _bound(name: str, number: int, last: bool) -> list[bytes]:
    return [name.encode(), number.to_bytes(8), bytes([last])]


def _damaged(name: str) -> str:
    return f"{name}: 保存したデータが壊れているか、書き換えられています。バックアップから戻してください。"
