"""The keys of stored bytes, and reading and writing with them.

`KEYS/<class>/<partition>.key`, outside the data folder, mode 0600: a copy of the data folder is worth nothing without
it, and destroying a key destroys every copy of what it encrypted. A destroyed key leaves `HOME/destroyed_keys/<class>/
<partition>`, so that a key that comes back from a backup of the keys is refused, and so is one under another's name.
"""

import hmac
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from pipelines.at_rest.cipher import (
    KEY_BYTES,
    MARK,
    DecryptingFile,
    EncryptingFile,
    decrypt,
    is_encrypted,
)
from pipelines.errors import KyufuError
from pipelines.files import open_whole, sync_folder, write_whole

RAW_INPUTS = "raw_inputs"
STAGING = "staging"
QUARANTINE = "quarantine"
ATTACHMENTS = "attachments"
PROTECTIONS = "protections"
OUTGOING_COPIES = "outgoing_copies"
SEARCH_LIST = "search_list"
_CHECK = b"kyufu key of "


class KeyRefused(KyufuError):
    """The key belongs to something else, or is damaged."""


class Erased(KyufuError):
    """What is asked for was erased: its key is destroyed."""


class KeyMissing(KyufuError):
    """There is no key for what is stored."""


class AtRest:
    """The stored bytes of one home. home: the data folder; keys: where the keys lie, outside of it."""

    def __init__(self, home: Path, keys: Path | None = None) -> None:
        """Remember the folders; nothing is created yet."""
        self.home = home
        self.keys = keys or beside(home)
        self._known: dict[tuple[str, str], bytes] = {}

    @contextmanager
    def writing(
        self, kind: str, partition: str, path: Path, name: str = ""
    ) -> Iterator[EncryptingFile]:
        """A file to write, encrypted, whole and durable under its name only when the block ends without an error.

        name: what the file is called when it is read, if not as now.

        Raises:
            Erased: the partition's key is destroyed.
            KeyRefused: its key is damaged, or another's.
        """
        key = self._key(kind, partition, make=True)
        with open_whole(path) as file:
            encrypting = EncryptingFile(file, key, name or path.name)
            yield encrypting
            encrypting.close()

    def write(self, kind: str, partition: str, path: Path, data: bytes) -> None:
        """Write a file whole; errors as of `writing`."""
        with self.writing(kind, partition, path) as file:
            file.write(data)

    def read(self, kind: str, partition: str, path: Path) -> bytes:
        """What was written.

        Raises:
            Erased, KeyRefused, KeyMissing: its key cannot be used.
            StoredBytesDamaged: it is not what was written.
            FileNotFoundError: it is not there, and was not erased.
        """
        self._assert_there(kind, partition)
        return b"".join(self.pieces(kind, partition, path))

    def pieces(self, kind: str, partition: str, path: Path) -> Iterator[bytes]:
        """The same, a piece at a time."""
        self._assert_there(kind, partition)
        with path.open("rb") as file:
            if not is_encrypted(path):
                yield file.read()
                return
            key = self._key(kind, partition, make=False)
            yield from DecryptingFile(file, key, path.name).pieces()

    @contextmanager
    def reading(self, kind: str, partition: str, path: Path, name: str = "") -> Iterator[BinaryIO]:
        """A file to read here and there, of which only what is asked for is opened; errors as of `read`."""
        with path.open("rb") as file:
            if not is_encrypted(path):
                yield file
                return
            key = self._key(kind, partition, make=False)
            yield io.BufferedReader(DecryptingFile(file, key, name or path.name))

    def opened(self, kind: str, partition: str, name: str, stored: bytes) -> bytes:
        """The content of stored bytes that were read already; errors as of `read`."""
        if not stored.startswith(MARK):
            return stored
        return decrypt(stored, self._key(kind, partition, make=False), name)

    def closed(self, kind: str, partition: str, name: str, data: bytes) -> bytes:
        """The bytes to store for some content; errors as of `writing`."""
        buffer = io.BytesIO()
        file = EncryptingFile(buffer, self._key(kind, partition, make=True), name)
        file.write(data)
        file.close()
        return buffer.getvalue()

    def is_erased(self, kind: str, partition: str) -> bool:
        """Whether the partition's key was destroyed."""
        return self._tombstone(kind, partition).is_file()

    def partitions(self, kind: str) -> list[str]:
        """The partitions of a class that have a key, in order."""
        root = self.keys / kind
        found = (path.relative_to(root).as_posix() for path in root.rglob("*.key"))
        return sorted(name.removesuffix(".key") for name in found)

    def destroy(self, kind: str, partition: str) -> bool:
        """Destroy a key for good; whether there was one. The same again changes nothing."""
        self._known.pop((kind, partition), None)
        tombstone, path = self._tombstone(kind, partition), self._path(kind, partition)
        if not tombstone.is_file():
            write_whole(tombstone, b"")
            sync_folder(tombstone.parent)
        if not path.is_file():
            return False
        with path.open("rb+") as file:
            file.write(secrets.token_bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        sync_folder(path.parent)
        return True

    def _key(self, kind: str, partition: str, *, make: bool) -> bytes:
        self._assert_there(kind, partition)
        known = self._known.get((kind, partition))
        if known is None:
            path = self._path(kind, partition)
            if make and not path.is_file():
                _make(path, kind, partition)
            known = self._known[kind, partition] = _load(path, kind, partition)
        return known

    def _assert_there(self, kind: str, partition: str) -> None:
        if self.is_erased(kind, partition):
            raise Erased(f"{kind}/{partition}: 保存期間が終わり、消去されました。もう読めません。")

    def _path(self, kind: str, partition: str) -> Path:
        return self.keys / kind / f"{partition}.key"

    def _tombstone(self, kind: str, partition: str) -> Path:
        return self.home / "destroyed_keys" / kind / partition


def beside(home: Path) -> Path:
    """Where the keys lie unless the installation says otherwise: beside the data folder, not in it."""
    return home.with_name(f"{home.name}.keys")


def _make(path: Path, kind: str, partition: str) -> None:
    """A new key; of several processes that make one, the first one's is everybody's."""
    key = secrets.token_bytes(KEY_BYTES)
    made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    write_whole(made, key + _check(key, kind, partition))
    try:
        os.link(made, path)
    except FileExistsError:
        pass  # another process was first; its key is read
    finally:
        made.unlink()
    sync_folder(path.parent)


def _load(path: Path, kind: str, partition: str) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise KeyMissing(
            f"{kind}/{partition}: 鍵がありません({path})。鍵のフォルダー(KYUFU_KEYS)を確認してください。"
        ) from None
    key, check = content[:KEY_BYTES], content[KEY_BYTES:]
    if len(key) != KEY_BYTES or not hmac.compare_digest(check, _check(key, kind, partition)):
        raise KeyRefused(
            f"{kind}/{partition}: 鍵が壊れているか、ほかのデータの鍵の使い回しです({path})。"
            "使いません。鍵のバックアップから正しいものを戻してください。"
        )
    return key


def _check(key: bytes, kind: str, partition: str) -> bytes:
    """Ties a key to what it is for."""
    return hmac.new(key, _CHECK + f"{kind}/{partition}".encode(), sha256).digest()
