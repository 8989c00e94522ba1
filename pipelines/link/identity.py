"""Certificates and keys of the ward and its parties, and whether they may be used on a date."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from pipelines.link.errors import CertificateNotValid, KeyNotUsable

WARD_TIME = ZoneInfo("Asia/Tokyo")
SMALLEST_KEY_BITS = 2048


@dataclass(frozen=True)
class Identity:
    """A certificate with its private key: somebody who can sign, and open what was sealed."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read ``identity.crt`` and ``identity.key`` (PEM) of a folder made by the PKI.

        Raises:
            KeyNotUsable: a file is missing or damaged, or the two do not belong together.
        """
        certificate = load_certificate(folder / "identity.crt")
        key = _load_key(folder / "identity.key")
        if key.public_key() != certificate.public_key():
            raise KeyNotUsable(
                f"{folder}: identity.key is not the key of identity.crt; "
                "put the matching pair there."
            )
        return cls(certificate, key)


def load_certificate(path: Path) -> x509.Certificate:
    """Read one PEM certificate.

    Raises:
        KeyNotUsable: the file is missing, unreadable, or no certificate.
    """
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise KeyNotUsable(
            f"{path}: no readable PEM certificate ({type(error).__name__}); "
            "check the path and its permissions, or issue the certificate again."
        ) from error


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate's DER bytes, as `openssl x509 -fingerprint -sha256` tells it, without the colons."""
    return certificate.fingerprint(SHA256()).hex()


def check_valid_on(certificate: x509.Certificate, on: date, *, use: str) -> None:
    """Refuse a certificate that may not be used for ``use`` ("sign" or "encrypt") on a date.

    ``on`` is the business date; the first and last day of validity (Asia/Tokyo) both count.

    Raises:
        CertificateNotValid: not yet valid, expired, a CA, a small or foreign key, or another use.
    """
    subject = certificate.subject.rfc4514_string()
    first = certificate.not_valid_before_utc.astimezone(WARD_TIME).date()
    last = certificate.not_valid_after_utc.astimezone(WARD_TIME).date()
    if on < first:
        raise CertificateNotValid(
            f"the certificate of {subject} is not valid before {first}; the business date is {on}. "
            "Ask its owner for a certificate that covers the date."
        )
    if on > last:
        raise CertificateNotValid(
            f"the certificate of {subject} expired on {last}; the business date is {on}. "
            "Ask its owner for the renewed certificate and pin it."
        )
    if not _allows(certificate, use):
        raise CertificateNotValid(
            f"the certificate of {subject} is not made to {use}; pin the right certificate."
        )


def _load_key(path: Path) -> rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise KeyNotUsable(
            f"{path}: no readable private key ({type(error).__name__}); "
            "check the path and its permissions."
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise KeyNotUsable(f"{path}: not an RSA key; the link seals with RSA only.")
    return key


def _allows(certificate: x509.Certificate, use: str) -> bool:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < SMALLEST_KEY_BITS:
        return False
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    if usage.key_cert_sign:
        return False
    return usage.digital_signature if use == "sign" else usage.key_encipherment
