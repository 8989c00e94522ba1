"""Attachments of online claims: put apart, never opened by Kyufu, shown only after the programme's scanner passed them.

`HOME/attachments/<dataset>/dt=YYYY-MM-DD/v=001/` holds `kept.zip`, in it each attachment under its own SHA-256,
so that no name from outside becomes a name here, and `index.json`: claim number -> file name -> SHA-256. Each
attachment and the index are encrypted under the partition's key (`pipelines.at_rest`). Files are mode 0600.
"""

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path, PurePosixPath

from pipelines.at_rest.cipher import StoredBytesDamaged
from pipelines.at_rest.store import ATTACHMENTS, AtRest
from pipelines.errors import InputMissing, InputRefused, KyufuError
from pipelines.files import open_whole, write_whole
from pipelines.intake import readers
from pipelines.intake.staging import Staging, partition_name, sha256

_FOLDER = "attachments"
_INDEX = "index.json"
_KEPT = "kept.zip"


class AttachmentRefused(KyufuError):
    """The attachment may not be shown: there is no scanner, or it did not pass it."""


def assert_keepable(archive: zipfile.ZipFile, file: str) -> list[str]:
    """Every attachment of an open archive lies in its place and can be read whole, one in memory at a time.

    `keep`, which needs the published version's number, then finds nothing to refuse.

    Returns:
        The claim number of each attachment, in the archive's order.

    Raises:
        InputRefused: one does not; the message tells which by its position, never by its name.
    """
    return [claim_no for claim_no, _, _ in _attachments(archive, file)]


def keep(staging: Staging, dataset: str, day: date) -> int:
    """Put the attachments of a staged day's newest archives apart, once; returns how many there are.

    Raises:
        InputMissing: the day is not staged.
        Erased: the day's attachments were erased.
        InputRefused: the archive, or an attachment's place in it, is not as agreed.
    """
    manifest = staging.manifest(dataset, day)
    if manifest is None:
        raise InputMissing(f"{dataset} {day} は取り込まれていません。")
    store, partition = staging.at_rest, partition_name(dataset, day)
    folder = _root(store.home) / partition / f"v={manifest.version:03d}"
    path = folder / _INDEX
    if not path.is_file():
        index: dict[str, dict[str, str]] = {}
        with open_whole(folder / _KEPT) as file, zipfile.ZipFile(file, "w") as bundle:
            for name, data in staging.sources(dataset, day, manifest.version).items():
                _keep_one_archive(data, name, store, partition, bundle, index)
        text = json.dumps(index, sort_keys=True, ensure_ascii=False)
        store.write(ATTACHMENTS, partition, path, text.encode())
    return sum(map(len, json.loads(store.read(ATTACHMENTS, partition, path)).values()))


def _keep_one_archive(
    data: bytes, file: str, store: AtRest, partition: str, bundle: zipfile.ZipFile,
    index: dict[str, dict[str, str]],
) -> None:  # fmt: skip
    with readers.open_archive(data, file) as archive:
        for claim_no, name, content in _attachments(archive, file):
            digest = sha256(content)
            if digest not in bundle.NameToInfo:
                kept = store.closed(ATTACHMENTS, partition, digest, content)
                bundle.writestr(zipfile.ZipInfo(digest), kept)
            index.setdefault(claim_no, {})[name] = digest


def _attachments(archive: zipfile.ZipFile, file: str) -> Iterator[tuple[str, str, bytes]]:
    """(claim number, name, content) of each attachment of an archive, in its order."""
    paths = [
        info.filename
        for info in archive.infolist()
        if PurePosixPath(info.filename).parts[:1] == (_FOLDER,) and not info.is_dir()
    ]
    for number, path in enumerate(paths, start=1):
        called = f"添付{number}番目"
        parts = PurePosixPath(path).parts
        if len(parts) != 3 or "/".join(parts) != path:
            raise InputRefused(
                f"{file}: {called}の置き場所が「{_FOLDER}/受付番号/名前」ではありません。"
                "正しい場所に置いて作り直してもらってください。"
            )
        yield parts[1], parts[2], readers.read_member(archive, path, file, called)


def names(store: AtRest, claim_no: str) -> list[str]:
    """The names of a claim's attachments, as the applicant gave them."""
    return sorted(_index_of(store, claim_no))


def show(store: AtRest, scanner: Sequence[str], seconds: float, claim_no: str, name: str) -> bytes:
    """An attachment's bytes, after the scanner passed exactly these bytes.

    scanner: a command; it is given the path of a private copy as its last argument, must read it within `seconds`, and
    ends with 0 only if the file may be opened. What it prints is not looked at.

    Raises:
        InputMissing: the claim has no such attachment.
        AttachmentRefused: no scanner is set, it cannot run, took too long, or did not pass the file.
    """
    if not scanner:
        raise AttachmentRefused(
            "添付を検査するコマンドが設定されていないため、表示できません。"
            "事業ファイルの[intake] attachment_scannerを設定してください。"
        )
    found = _index_of(store, claim_no)
    if name not in found:
        raise InputMissing(
            "その受付番号にその名前の添付はありません。番号と名前を確認してください。"
        )
    path, digest = found[name]
    content = _read_kept(store, path, digest)
    if content is None:
        raise KyufuError("保管した添付のSHA-256が記録と違います。バックアップから戻してください。")
    _scan(store.home, scanner, seconds, content)
    return content


def _read_kept(store: AtRest, path: Path, digest: str) -> bytes | None:
    """The attachment, or None where it is not what was kept."""
    try:
        with zipfile.ZipFile(path) as bundle:
            content = store.opened(
                ATTACHMENTS, _partition_of(store, path), digest, bundle.read(digest)
            )
    except (OSError, KeyError, zipfile.BadZipFile, StoredBytesDamaged):
        return None
    return content if sha256(content) == digest else None


def _scan(home: Path, scanner: Sequence[str], seconds: float, content: bytes) -> None:
    """Run the scanner on a private copy, so that it cannot change what is kept."""
    beside = _root(home) / f".scan.{os.getpid()}"
    shutil.rmtree(beside, ignore_errors=True)
    copy = beside / "attachment"
    write_whole(copy, content)
    try:
        done = subprocess.run(
            [*scanner, str(copy)], stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AttachmentRefused(
            f"添付を検査できませんでした({type(error).__name__})。検査コマンドを確認してください。表示しません。"
        ) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    if done.returncode != 0:
        raise AttachmentRefused(
            f"添付が検査を通りませんでした(終了コード {done.returncode})。開かずに情報システム担当へ連絡してください。"
        )


def _index_of(store: AtRest, claim_no: str) -> dict[str, tuple[Path, str]]:
    """Name -> (path, SHA-256) of a claim's attachments, the newest delivery's where a name came again."""
    found: dict[str, tuple[Path, str]] = {}
    for path in sorted(_root(store.home).glob(f"*/dt=*/v=*/{_INDEX}")):
        data = store.read(ATTACHMENTS, _partition_of(store, path), path)
        index: dict[str, dict[str, str]] = json.loads(data)
        for name, digest in index.get(claim_no, {}).items():
            found[name] = (path.parent / _KEPT, digest)
    return found


def _partition_of(store: AtRest, path: Path) -> str:
    """The partition of a file that is kept."""
    return path.parent.parent.relative_to(_root(store.home)).as_posix()


def _root(home: Path) -> Path:
    return home / _FOLDER
