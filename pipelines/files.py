"""Writing files whole: beside the final name, then renamed; readable by nobody else."""

import os
from pathlib import Path

from pipelines.failpoints import failpoint


def write_whole(path: Path, data: bytes) -> None:
    """Write durably under a temporary name and rename; the final name exists whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    failpoint("files.before_rename")
    beside.rename(path)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
