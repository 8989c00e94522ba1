"""Sending: put one sealed release and its manifest at the receiver, exactly once.

Follows "Sending" of docs/interfaces/link.md. Every call looks first at what is really there, so it
may be repeated after any crash with the same parcel. A parcel is built once (``pack``) and stored;
every retry sends those bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography import x509

from pipelines.disclosure.release import Release
from pipelines.failpoints import failpoint
from pipelines.link.errors import DeliveryUnknown, StoredBytesDiffer
from pipelines.link.identity import Identity
from pipelines.link.manifest import Manifest, check_name
from pipelines.link.remote import Found, find, place
from pipelines.link.seal import seal, sign
from pipelines.link.session import SFTPClient

MEDIUM = "lgwan"  # what this link is, in a disclosure's words


@dataclass(frozen=True)
class Parcel:
    """One release as it is stored before sending: nothing else can be sent.

    ``release`` is what the gate let pass, for this medium; ``sealed`` is the sealed file or the
    path where it is stored; ``sealed_sha256`` is the hash that was recorded when it was sealed;
    ``manifest`` is the signed manifest.
    """

    release: Release
    sealed: bytes | Path
    sealed_sha256: str
    manifest: bytes

    def __post_init__(self) -> None:
        """Refuse what is to go by another medium.

        Raises:
            DisclosureRefused: its disclosure does not allow the link.
        """
        self.release.assert_may_go(self.release.disclosure.recipient, MEDIUM)

    @property
    def name(self) -> str:
        """Under which the receiver sees it."""
        return self.release.name

    @classmethod
    def pack(
        cls,
        release: Release,
        *,
        programme: str,
        unpayable: bool,
        head: tuple[int, str] | None = None,
        signer: Identity,
        to: str,
        certificate: x509.Certificate,
    ) -> Self:
        """Seal a release and sign the manifest that announces it. Random: pack once and store.

        unpayable: a demonstration's; a rehearsal's delivery always is. head: number and hash of the
        newest record of the sender's audit chain. to, certificate: the party it is sealed for.

        Raises:
            DisclosureRefused: it is not for that party, or not for the link.
            NameNotAllowed: the link cannot carry the name.
            CertificateNotValid: a certificate may not be used on the business date.
        """
        release.assert_may_go(to, MEDIUM)
        check_name(release.name)
        sealed = seal(release.payload, signer, certificate, on=release.business_date)
        manifest = Manifest(
            name=release.name,
            kind="rehearsal" if release.is_rehearsal else release.disclosure.id,
            business_date=release.business_date,
            records=release.records,
            sum_yen=release.sum_yen,
            sha256=release.sha256,
            sealed_sha256=sha256(sealed).hexdigest(),
            sealed_bytes=len(sealed),
            programme=programme,
            unpayable=unpayable or release.is_rehearsal,
            audit_number=head[0] if head else None,
            audit_hash=head[1] if head else None,
        )
        return cls(release, sealed, manifest.sealed_sha256, sign(manifest.to_bytes(), signer))

    def sealed_bytes(self) -> bytes:
        """Return the sealed file, read anew from its store at every call.

        Raises:
            StoredBytesDiffer: the store does not hold the bytes that were sealed.
        """
        stored = self.sealed.read_bytes() if isinstance(self.sealed, Path) else self.sealed
        if sha256(stored).hexdigest() != self.sealed_sha256:
            raise StoredBytesDiffer(
                f"{self.name}: the stored sealed file ({len(stored)} bytes) has not the recorded "
                "hash; nothing is sent. Restore it from the backup, or void the batch."
            )
        return stored


@dataclass(frozen=True)
class Published:
    """A delivery that the receiver can see. ``already_there``: an earlier try had published it."""

    name: str
    sealed_sha256: str
    sealed_bytes: int
    already_there: bool


def publish(
    sftp: SFTPClient,
    folder: str,
    parcel: Parcel,
    *,
    started_before: bool = False,
    on_start: Callable[[], None] | None = None,
) -> Published:
    """Bring a parcel under its final names, the manifest last; repeatable after any crash.

    Args:
        sftp: an open session.
        folder: the remote folder, such as ``inbox``.
        parcel: what to send.
        started_before: an earlier try may have published (its ``on_start`` was called).
        on_start: called once when the file lies whole under its temporary name, just before the
            rename that a receiver could see; record durably in it that the send has started, so
            that the next try can say ``started_before``.

    Returns:
        What is published, also if an earlier try had done it.

    Raises:
        NameTaken: another content stands under one of the final names.
        DeliveryUnknown: a send had started and its files are not there.
        ReadBackDiffers: the server does not hold what was written.
        RemoteFailure, LinkUnreachable: see ``session``; nothing may be counted as delivered.
        StoredBytesDiffer: the stored bytes are not those that were sealed.
    """
    sealed = parcel.sealed_bytes()
    file_name = f"{folder}/{check_name(parcel.name)}.p7m"
    manifest_name = f"{folder}/{parcel.name}.manifest"
    file, manifest = find(sftp, file_name), find(sftp, manifest_name)
    file.refuse_other(sealed)
    manifest.refuse_other(parcel.manifest)
    _refuse_unknown(parcel.name, file, manifest, started_before=started_before)
    already_there = file.final is not None and manifest.final is not None
    failpoint("link.before_upload")
    place(sftp, file, sealed, before_rename=on_start)
    failpoint("link.after_rename")
    place(sftp, manifest, parcel.manifest)
    failpoint("link.after_manifest")
    return Published(parcel.name, parcel.sealed_sha256, len(sealed), already_there)


def _refuse_unknown(name: str, file: Found, manifest: Found, *, started_before: bool) -> None:
    nothing_there = file.final is None and not file.temporaries
    announced = manifest.final is not None or bool(manifest.temporaries)
    if nothing_there and (announced or started_before):
        raise DeliveryUnknown(
            f"{name}: a send had started and the file is not there; the receiver may have taken "
            "it. It is not sent again. Look for its acknowledgement or ask the receiver, "
            "then record what is known."
        )
