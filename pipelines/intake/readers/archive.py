"""ZIP dumps: looked over before a byte is unpacked, then read member by member."""

import io
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from pipelines.errors import InputRefused

MAX_UNPACKED = 2 << 30
MAX_RATIO = 200
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UTF_8_NAME, _ENCRYPTED = 0x800, 0x2041
# what a damaged archive makes the standard library raise
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


def open_archive(data: bytes, file: str) -> zipfile.ZipFile:
    """Open a ZIP after checking its members: plain relative UTF-8 names, once each, no links, no password, no bomb.

    Raises:
        InputRefused: any of these does not hold; nothing is unpacked.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except DAMAGED:
        raise InputRefused(f"{file}: ZIPとして読めません。途中で切れた可能性があります。") from None
    members = archive.infolist()
    for info in members:
        _assert_member(info, file)
    names = [unicodedata.normalize("NFC", info.filename).casefold() for info in members]
    if len(names) != len(set(names)):
        raise InputRefused(f"{file}: 同じ名前のファイルが二つあります。")
    if sum(info.file_size for info in members) > MAX_UNPACKED:
        raise InputRefused(f"{file}: 展開後の大きさが上限を超えます。")
    return archive


def _assert_member(info: zipfile.ZipInfo, file: str) -> None:
    """One member's entry in the directory; names may hold personal data and are never shown."""
    if not info.filename.isascii() and not info.flag_bits & _UTF_8_NAME:
        raise InputRefused(
            f"{file}: ファイル名の文字コードがUTF-8と示されていません。英数字かUTF-8の名前で作り直してください。"
        )
    path = PurePosixPath(info.filename)
    if (
        not path.parts
        or path.is_absolute()
        or ".." in path.parts
        or any(sign in info.orig_filename for sign in "\\:\0")
    ):
        raise InputRefused(f"{file}: 展開先の外を指す名前があります。")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputRefused(f"{file}: リンクまたは特殊なファイルがあります。")
    if info.flag_bits & _ENCRYPTED:
        raise InputRefused(
            f"{file}: パスワードで暗号化されたファイルがあります。暗号化せずに作り直してください。"
        )
    if info.compress_type not in _METHODS:
        raise InputRefused(f"{file}: 圧縮の方式がdeflateではありません。作り直してください。")
    if info.file_size > MAX_RATIO * max(info.compress_size, 1 << 10):
        raise InputRefused(f"{file}: 圧縮率が異常です。")


def assert_declared(
    archive: zipfile.ZipFile, tables: Sequence[str], others: Sequence[str], file: str
) -> None:
    """Every file in the archive is a table of the layout or matches one of its patterns.

    Raises:
        InputRefused: some do not; they are counted, never named.
    """
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    strange = [
        name
        for name in names
        if name not in tables and not any(fnmatchcase(name, pattern) for pattern in others)
    ]
    if strange:
        raise InputRefused(
            f"{file}: レイアウトにないファイルが{len(strange)}個入っています。"
            "必要なものならレイアウトに加え、そうでなければ除いて作り直してもらってください。"
        )


def read_member(
    archive: zipfile.ZipFile, member: str, file: str, called: str | None = None
) -> bytes:
    """The bytes of one member; a missing or damaged one refuses the archive.

    called: what a message calls the member where its name comes from outside and may hold personal data.

    Raises:
        InputRefused: it is not there, or its bytes are not those that the archive was made of.
    """
    shown = called or member
    try:
        return archive.read(member)
    except KeyError:
        raise InputRefused(f"{file}: {shown} が入っていません。") from None
    except DAMAGED:
        raise InputRefused(
            f"{file}: {shown} が壊れています。作り直してもらってください。"
        ) from None
