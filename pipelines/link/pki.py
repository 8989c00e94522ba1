"""The demonstration's keys: a certification authority, the ward, its parties, the relay server.

In production the ward's and the parties' certificates come from LGPKI and the SSH keys from the
LGWAN-ASP; Kyufu then reads folders of the same layout. Nobody needs another one's folder::

    <dir>/ca/                  ca.key, ca.crt                      the authority (nobody's to keep)
    <dir>/ward/                identity.key, identity.crt, ca.crt  the ward's own
        parties/<party>.crt    the pinned certificates of the parties
        ssh/ward-<party>       the ward's SSH key for each party's home
        known_hosts            the pinned host key of the relay
    <dir>/parties/<party>/     identity.key, identity.crt, ca.crt, ward.crt, ssh_key, known_hosts
    <dir>/server/              host_key, accounts/<account>.pub    the relay's own

One RSA key serves its owner to sign and to open; SSH keys are ed25519 in OpenSSH format. All
certificates are valid from 2020-01-01 to 2040-12-31, so that a rehearsal can run in 2020.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from pipelines.link.errors import KeyNotUsable
from pipelines.link.identity import Identity

FIRST_MOMENT = datetime(2019, 12, 31, 15, tzinfo=UTC)  # 2020-01-01 00:00 in Tokyo
LAST_MOMENT = datetime(2040, 12, 31, 14, 59, 59, tzinfo=UTC)
KEY_BITS = 3072
HOST_ALIAS = "kyufu-relay"


def create_demonstration_pki(directory: Path, parties: Sequence[str]) -> None:
    """Make the keys of a demonstration, once.

    Everything is built beside ``directory`` and renamed, so ``directory`` is whole or absent;
    a second call (or a second process) leaves what is there.

    Args:
        directory: where the folders of the module's docstring appear (mode 0700, files 0600).
        parties: the parties' names, such as ``("contractor", "bank", "jlis")``.

    Raises:
        KeyNotUsable: ``directory`` holds something else, or keys of other parties.
    """
    directory = directory.absolute()
    directory.parent.mkdir(parents=True, exist_ok=True)
    with _only_one_at_a_time(directory.parent):
        if directory.exists() and any(directory.iterdir()):
            _check_parties(directory, parties)
            return
        beside = directory.with_name(f".{directory.name}.partial")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=0o700)
        _build(beside, parties)
        beside.replace(directory)


@contextmanager
def _only_one_at_a_time(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check_parties(directory: Path, parties: Sequence[str]) -> None:
    known = directory / "parties"
    found = {folder.name for folder in known.iterdir()} if known.is_dir() else set()
    if found != set(parties):
        raise KeyNotUsable(
            f"{directory}: holds keys of {sorted(found)}, not of {sorted(parties)}; "
            "choose another folder, or remove this one if it is only a demonstration's."
        )


def _build(folder: Path, parties: Sequence[str]) -> None:
    authority = _make_authority()
    ca_certificate = _certificate_bytes(authority.certificate)
    _write_identity(folder / "ca", authority, stem="ca")
    ward = _issue(authority, "ward")
    _write_identity(folder / "ward", ward)
    _write(folder / "ward" / "ca.crt", ca_certificate)
    host_line = _write_host_key(folder / "server")
    _write(folder / "ward" / "known_hosts", host_line)
    for party in parties:
        own = folder / "parties" / party
        identity = _issue(authority, party)
        _write_identity(own, identity)
        _write(own / "ca.crt", ca_certificate)
        _write(own / "ward.crt", _certificate_bytes(ward.certificate))
        _write(own / "known_hosts", host_line)
        party_crt = folder / "ward" / "parties" / f"{party}.crt"
        _write(party_crt, _certificate_bytes(identity.certificate))
        accounts = folder / "server" / "accounts"
        _write_ssh_pair(own / "ssh_key", accounts / f"{party}.pub")
        _write_ssh_pair(folder / "ward" / "ssh" / f"ward-{party}", accounts / f"ward-{party}.pub")


def _make_authority() -> Identity:
    key = rsa.generate_private_key(65537, KEY_BITS)
    name = _name("demonstration CA")
    builder = _certificate(name, name, key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    builder = builder.add_extension(_usage(authority=True), critical=True)
    return Identity(builder.sign(key, SHA256()), key)


def _issue(authority: Identity, owner: str) -> Identity:
    key = rsa.generate_private_key(65537, KEY_BITS)
    issuer = authority.certificate.subject
    builder = _certificate(_name(f"demonstration {owner}"), issuer, key).add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    builder = builder.add_extension(_usage(authority=False), critical=True)
    return Identity(builder.sign(authority.key, SHA256()), key)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(FIRST_MOMENT)
        .not_valid_after(LAST_MOMENT)
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Kyufu demonstration"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_encipherment=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_identity(folder: Path, identity: Identity, stem: str = "identity") -> None:
    key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(folder / f"{stem}.key", key)
    _write(folder / f"{stem}.crt", _certificate_bytes(identity.certificate))


def _certificate_bytes(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _write_host_key(folder: Path) -> bytes:
    key = ed25519.Ed25519PrivateKey.generate()
    _write(folder / "host_key", _openssh(key))
    return HOST_ALIAS.encode() + b" " + _public_line(key)


def _write_ssh_pair(private: Path, public: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    _write(private, _openssh(key))
    _write(public, _public_line(key))


def _openssh(key: ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def _public_line(key: ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b"\n"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in path.parents[:2]:
        folder.chmod(0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
