"""Receiving: find what a party published, open it, and answer with an acknowledgement.

Follows "Receiving" of docs/interfaces/link.md. Nothing is taken away from the relay; a file without
its manifest does not exist.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from cryptography import x509

from pipelines.link.errors import ManifestInvalid, RemoteFailure, SealInvalid
from pipelines.link.identity import Identity, check_valid_on
from pipelines.link.manifest import (
    SUFFIXES_OF_THE_LINK,
    Acknowledgement,
    Manifest,
    check_name,
    is_name,
)
from pipelines.link.remote import find, place, read_remote
from pipelines.link.seal import sign, unseal, verify
from pipelines.link.session import SFTPClient, remote_errors

_OWN = re.compile(
    r"\.(p7m|manifest|ack)(\.[0-9a-f]{8})?$"
)  # what a temporary name adds before .tmp
LARGEST_STATEMENT_BYTES = 65_536  # a manifest or acknowledgement; real ones have about 3,000


@dataclass(frozen=True)
class Received:
    """A delivery that passed every check."""

    manifest: Manifest
    payload: bytes


def list_published(sftp: SFTPClient, folder: str) -> list[str]:
    """Return the names of the deliveries in a folder that have a manifest, sorted.

    Raises:
        NameNotAllowed: a manifest has a name that this link does not carry.
        RemoteFailure, LinkUnreachable: the folder cannot be listed.
    """
    try:
        with remote_errors(f"list {folder}"):
            found = sftp.listdir(folder)
    except FileNotFoundError as error:
        raise RemoteFailure(f"{folder}: no such folder at the server.") from error
    names = (str(name) for name in found)
    return sorted(
        check_name(name.removesuffix(".manifest")) for name in names if name.endswith(".manifest")
    )


@dataclass(frozen=True)
class SealedFile:
    """A sealed file as it stands beside its manifest.

    Attributes:
        size: its bytes; None where the server does not tell.
        is_younger: it was written after its manifest, which is published last; so too where the server does not tell.
    """

    size: int | None
    is_younger: bool


@dataclass(frozen=True)
class Standing:
    """What stands in a folder of the relay. Names are deliveries', without the suffixes of the link.

    Attributes:
        published: delivery -> its sealed file.
        lone_files: sealed files without a manifest and half-written ones, left behind by their sender.
        lone_manifests: manifests without their file.
        acknowledged: what the owner of the folder acknowledges.
        others: full names of files that are nothing of this link.
    """

    published: Mapping[str, SealedFile]
    lone_files: tuple[str, ...]
    lone_manifests: tuple[str, ...]
    acknowledged: tuple[str, ...]
    others: tuple[str, ...]


def look_at(sftp: SFTPClient, folder: str, patience_seconds: float) -> Standing:
    """Look at everything in a folder, whatever its name.

    A file without its manifest may be on its way. It is left behind if its sender published something else more than
    ``patience_seconds`` later, by the server's own clock.

    Raises:
        RemoteFailure, LinkUnreachable: the folder cannot be listed.
    """
    try:
        with remote_errors(f"list {folder}"):
            found = {str(entry.filename): entry for entry in sftp.listdir_attr(folder)}
    except FileNotFoundError as error:
        raise RemoteFailure(f"{folder}: no such folder at the server.") from error
    by_suffix: dict[str, set[str]] = {suffix: set() for suffix in ("", *SUFFIXES_OF_THE_LINK)}
    for name in found:
        stem, suffix = _split(name)
        by_suffix[suffix].add(stem)
    files, manifests = by_suffix[".p7m"], by_suffix[".manifest"]
    times = [found[f"{name}.manifest"].st_mtime or 0 for name in manifests]
    newest = max(times, default=0)

    def is_left(name: str) -> bool:
        written = found[name].st_mtime
        return written is None or newest - written > patience_seconds

    def sealed_file(name: str) -> SealedFile:
        sealed, manifest = found[f"{name}.p7m"], found[f"{name}.manifest"]
        times = sealed.st_mtime, manifest.st_mtime
        is_younger = times[0] is None or times[1] is None or times[0] > times[1]
        return SealedFile(sealed.st_size, is_younger)

    lone = {name for name in files - manifests if is_left(f"{name}.p7m")}
    half = {_OWN.sub("", name) for name in by_suffix[".tmp"] if is_left(f"{name}.tmp")} - files
    return Standing(
        {name: sealed_file(name) for name in sorted(files & manifests)},
        tuple(sorted(lone | half)),
        tuple(sorted(manifests - files)),
        tuple(sorted(by_suffix[".ack"])),
        tuple(sorted(by_suffix[""])),
    )


def _split(name: str) -> tuple[str, str]:
    """(delivery, suffix of the link); (whole name, empty) for what this link does not carry."""
    for suffix in SUFFIXES_OF_THE_LINK:
        stem = name.removesuffix(suffix)
        if stem != name and (suffix == ".tmp" or is_name(stem)):
            return stem, suffix
    return name, ""


def is_published(sftp: SFTPClient, folder: str, name: str) -> bool:
    """Whether a delivery has its manifest.

    Raises:
        RemoteFailure, LinkUnreachable: it cannot be told.
    """
    try:
        with remote_errors(f"look at {folder}/{name}"):
            sftp.stat(f"{folder}/{check_name(name)}.manifest")
    except FileNotFoundError:
        return False
    return True


def receive(
    sftp: SFTPClient,
    folder: str,
    name: str,
    identity: Identity,
    sender: x509.Certificate,
    on: date,
) -> Received:
    """Read one published delivery and check it against its manifest and its seal.

    Args:
        sftp: an open session.
        folder: the remote folder, such as ``outbox``.
        name: one of ``list_published``.
        identity: the receiver.
        sender: the pinned certificate of the sender.
        on: the business date; certificates must be valid on it.

    Raises:
        SealInvalid: a signature, a hash or the envelope does not fit.
        ManifestInvalid: the manifest is about something else, or lacks a field.
        CertificateNotValid: a certificate may not be used on that date.
        RemoteFailure, LinkUnreachable: it could not be read.
    """
    manifest = read_manifest(sftp, folder, name, sender, on)
    try:
        sealed = read_remote(sftp, f"{folder}/{name}.p7m", most_bytes=manifest.sealed_bytes)
    except FileNotFoundError as error:
        raise RemoteFailure(
            f"{folder}/{name}: announced by its manifest, but not there; ask its sender."
        ) from error
    _expect_hash(sealed, manifest.sealed_sha256, f"{folder}/{name}: the sealed file")
    payload = unseal(sealed, identity, sender, on=on)
    _expect_hash(payload, manifest.sha256, f"{folder}/{name}: the payload")
    return Received(manifest, payload)


def read_manifest(
    sftp: SFTPClient, folder: str, name: str, sender: x509.Certificate, on: date
) -> Manifest:
    """Read and verify the manifest of one published delivery.

    Raises:
        SealInvalid, ManifestInvalid, CertificateNotValid, RemoteFailure: as ``receive``.
    """
    signed = _read_statement(sftp, f"{folder}/{check_name(name)}.manifest")
    if signed is None:
        raise RemoteFailure(f"{folder}/{name}: nothing is published under this name.")
    check_valid_on(sender, on, use="sign")
    manifest = Manifest.from_bytes(verify(signed, sender))
    _expect_name(manifest.name, name)
    return manifest


def read_acknowledgement(
    sftp: SFTPClient, folder: str, name: str, sender: x509.Certificate, on: date
) -> Acknowledgement | None:
    """Read and verify the acknowledgement of a delivery, or return None while there is none.

    Args:
        sftp: an open session.
        folder: where the receiver writes, such as ``outbox`` for what the ward sent.
        name: the acknowledged delivery.
        sender: the pinned certificate of who acknowledges.
        on: the business date.

    Raises:
        SealInvalid, ManifestInvalid, CertificateNotValid, RemoteFailure: as ``receive``.
    """
    signed = _read_statement(sftp, f"{folder}/{check_name(name)}.ack")
    if signed is None:
        return None
    check_valid_on(sender, on, use="sign")
    acknowledgement = Acknowledgement.from_bytes(verify(signed, sender))
    _expect_name(acknowledgement.name, name)
    return acknowledgement


def acknowledge(
    sftp: SFTPClient, folder: str, answer: Acknowledgement, signer: Identity, on: date
) -> None:
    """Publish an acknowledgement once; the same answer again changes nothing.

    Args:
        sftp: an open session.
        folder: the own direction, such as ``inbox`` for what the ward received.
        answer: what to say about which delivery.
        signer: who received.
        on: the business date.

    Raises:
        NameTaken: this delivery was answered otherwise before.
        CertificateNotValid, RemoteFailure, LinkUnreachable: not acknowledged.
    """
    check_valid_on(signer.certificate, on, use="sign")
    path = f"{folder}/{check_name(answer.name)}.ack"
    before = _read_statement(sftp, path)
    if before is not None and verify(before, signer.certificate) == answer.to_bytes():
        return
    place(sftp, find(sftp, path), sign(answer.to_bytes(), signer))


def _read_statement(sftp: SFTPClient, path: str) -> bytes | None:
    try:
        return read_remote(sftp, path, most_bytes=LARGEST_STATEMENT_BYTES)
    except FileNotFoundError:
        return None


def _expect_hash(content: bytes, expected: str, what: str) -> None:
    if sha256(content).hexdigest() != expected:
        raise SealInvalid(
            f"{what} has not the hash of its manifest; do not use it, ask its sender."
        )


def _expect_name(stated: str, name: str) -> None:
    if stated != name:
        raise ManifestInvalid(f"{name}: the signed statement is about another delivery.")
