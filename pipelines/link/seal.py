"""Sealing: a payload signed by its sender, then enveloped to its recipient (CMS, DER).

``openssl cms`` opens what ``seal`` writes, and ``unseal`` opens what ``openssl cms`` writes
(docs/interfaces/link.md). The envelope's AES-CBC has no integrity of its own; the signature inside
is what counts. Sealing is random: seal once, keep the bytes, send only those.
"""

from datetime import date

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from pipelines.link import cms
from pipelines.link.errors import KeyNotUsable, SealInvalid
from pipelines.link.identity import Identity, check_valid_on

ASK_AGAIN = "Do not use it; ask its sender to send it again under a new name."


def seal(payload: bytes, signer: Identity, recipient: x509.Certificate, *, on: date) -> bytes:
    """Sign a payload and encrypt it to one recipient.

    Args:
        payload: the bytes to protect; may be empty.
        signer: the sender.
        recipient: the pinned certificate of the receiver.
        on: the business date, on which both certificates must be valid.

    Returns:
        DER bytes of a CMS EnvelopedData; different at every call.

    Raises:
        CertificateNotValid: one of the certificates may not be used on that date.
    """
    check_valid_on(recipient, on, use="encrypt")
    check_valid_on(signer.certificate, on, use="sign")
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(sign(payload, signer))
    builder = builder.add_recipient(recipient)
    builder = builder.set_content_encryption_algorithm(algorithms.AES256)
    return builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def unseal(sealed: bytes, identity: Identity, sender: x509.Certificate, *, on: date) -> bytes:
    """Decrypt a sealed file and verify that the pinned sender signed its payload.

    Args:
        sealed: what ``seal`` or the sender's ``openssl cms`` wrote.
        identity: the receiver.
        sender: the pinned certificate of the sender.
        on: the business date of the file.

    Returns:
        The payload.

    Raises:
        SealInvalid: damaged, truncated, for another recipient, or not signed by the sender.
        CertificateNotValid: a certificate may not be used on that date.
    """
    check_valid_on(sender, on, use="sign")
    check_valid_on(identity.certificate, on, use="encrypt")
    return verify(_decrypt(sealed, identity), sender)


def sign(payload: bytes, signer: Identity) -> bytes:
    """Wrap a payload in a CMS SignedData (DER, attached, SHA-256)."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(payload)
    builder = builder.add_signer(signer.certificate, signer.key, SHA256())
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def sign_detached(payload: bytes, signer: Identity) -> bytes:
    """A CMS signature (DER, SHA-256) of bytes that lie beside it; without a time, so that it is the same every time."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(payload)
    builder = builder.add_signer(signer.certificate, signer.key, SHA256())
    options = pkcs7.PKCS7Options
    return builder.sign(
        Encoding.DER, [options.DetachedSignature, options.Binary, options.NoAttributes]
    )


def verify(signed: bytes, sender: x509.Certificate) -> bytes:
    """Return the payload of a signed message, if the pinned sender signed exactly these bytes.

    Raises:
        SealInvalid: any bit of the message is not as the sender wrote it.
    """
    try:
        return cms.open_signed(signed, sender)
    except cms.CmsShapeError as error:
        raise SealInvalid(f"the signature check failed: {error}. {ASK_AGAIN}") from error


def _decrypt(sealed: bytes, identity: Identity) -> bytes:
    if not isinstance(identity.key, rsa.RSAPrivateKey):
        raise KeyNotUsable("an RSA key is needed to open a sealed file.")
    try:
        cms.check_envelope(sealed, identity.certificate)
        return pkcs7.pkcs7_decrypt_der(sealed, identity.certificate, identity.key, [])
    except cms.CmsShapeError as error:
        raise SealInvalid(f"the envelope cannot be opened: {error}. {ASK_AGAIN}") from error
    except Exception as error:
        # Whatever a damaged envelope makes the library raise, it is one thing to the caller.
        raise SealInvalid(
            f"the envelope cannot be opened: {type(error).__name__}. {ASK_AGAIN}"
        ) from error
