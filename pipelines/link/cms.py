"""The shape of the CMS messages (RFC 5652) that the link accepts, and nothing wider.

The structures are declared once and read by cryptography's strict DER parser. A message is
accepted only if writing the structure again gives the same bytes, every fixed part has its one
value, and the rest is a certificate that we pinned, the content, or covered by the signature. So no
bit of a message is free: whoever changes one is refused.
"""

from hashlib import sha256
from typing import Annotated, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ObjectIdentifier

DATA = ObjectIdentifier("1.2.840.113549.1.7.1")
SIGNED_DATA = ObjectIdentifier("1.2.840.113549.1.7.2")
ENVELOPED_DATA = ObjectIdentifier("1.2.840.113549.1.7.3")
CONTENT_TYPE = ObjectIdentifier("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = ObjectIdentifier("1.2.840.113549.1.9.4")
SHA256 = ObjectIdentifier("2.16.840.1.101.3.4.2.1")
AES256_CBC = ObjectIdentifier("2.16.840.1.101.3.4.1.42")
RSA = ObjectIdentifier("1.2.840.113549.1.1.1")
RSA_SHA256 = ObjectIdentifier("1.2.840.113549.1.1.11")

OID_TAG = b"\x06"
OCTETS_TAG = b"\x04"
DATA_OID_BYTES = bytes.fromhex("2a864886f70d010701")

Shape = TypeVar("Shape")


class CmsShapeError(ValueError):
    """The bytes are not a message of the one accepted shape. Says which part, never its value."""


@asn1.sequence
class Algorithm:
    """AlgorithmIdentifier without parameters, or with NULL."""

    oid: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class IssuerAndSerial:
    """Who is meant: the certificate with this issuer and serial number."""

    issuer: asn1.TLV
    serial: int


@asn1.sequence
class Attribute:
    """One signed attribute."""

    oid: ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class SignerInfo:
    """One signature over the signed attributes (which hold the content's hash)."""

    version: int
    signer: IssuerAndSerial
    digest: Algorithm
    attributes: Annotated[asn1.SetOf[Attribute], asn1.Implicit(0)]
    algorithm: Algorithm
    signature: bytes


@asn1.sequence
class SignedContent:
    """EncapsulatedContentInfo: the content is attached."""

    oid: ObjectIdentifier
    content: Annotated[bytes, asn1.Explicit(0)]


@asn1.sequence
class SignedData:
    """SignedData with the signer's certificate and no revocation lists."""

    version: int
    digests: asn1.SetOf[Algorithm]
    content: SignedContent
    certificates: Annotated[asn1.SetOf[asn1.TLV], asn1.Implicit(0)]
    signers: asn1.SetOf[SignerInfo]


@asn1.sequence
class SignedMessage:
    """ContentInfo of a SignedData."""

    oid: ObjectIdentifier
    data: Annotated[SignedData, asn1.Explicit(0)]


@asn1.sequence
class AttributeSet:
    """Signed attributes in a frame, so that they can be written on their own."""

    attributes: asn1.SetOf[Attribute]


@asn1.sequence
class Recipient:
    """KeyTransRecipientInfo: RSA PKCS #1 v1.5 to one certificate."""

    version: int
    recipient: IssuerAndSerial
    algorithm: Algorithm
    encrypted_key: bytes


@asn1.sequence
class CipherAlgorithm:
    """AES-CBC with its initialisation vector."""

    oid: ObjectIdentifier
    initial_vector: bytes


@asn1.sequence
class EncryptedContent:
    """The ciphertext."""

    oid: ObjectIdentifier
    algorithm: CipherAlgorithm
    ciphertext: Annotated[bytes, asn1.Implicit(0)]


@asn1.sequence
class EnvelopedData:
    """EnvelopedData to one recipient."""

    version: int
    recipients: asn1.SetOf[Recipient]
    content: EncryptedContent


@asn1.sequence
class EnvelopedMessage:
    """ContentInfo of an EnvelopedData."""

    oid: ObjectIdentifier
    data: Annotated[EnvelopedData, asn1.Explicit(0)]


def check_envelope(message: bytes, recipient: x509.Certificate) -> None:
    """Check that a message is an envelope to exactly this recipient.

    Raises:
        CmsShapeError: it is anything else.
    """
    envelope = _parse(EnvelopedMessage, message)
    data = envelope.data
    to = _only(data.recipients.as_list(), "recipient")
    _expect(envelope.oid == ENVELOPED_DATA and data.version == 0, "envelope type")
    _expect(_names(to.recipient, recipient) and to.version == 0, "recipient")
    _expect(to.algorithm.oid == RSA, "key encryption")
    _expect(data.content.oid == DATA and data.content.algorithm.oid == AES256_CBC, "cipher")


def open_signed(message: bytes, signer: x509.Certificate) -> bytes:
    """Verify a signed message against one pinned certificate and return its content.

    Raises:
        CmsShapeError: another shape, another signer, or the signature does not fit the content.
    """
    signed = _parse(SignedMessage, message)
    data = signed.data
    info = _only(data.signers.as_list(), "signature")
    _expect(signed.oid == SIGNED_DATA and data.version == 1, "message type")
    _expect(_only(data.digests.as_list(), "digest").oid == SHA256, "digest")
    _expect(data.content.oid == DATA, "content type")
    certificate = _only(data.certificates.as_list(), "certificate")
    _expect(_is(certificate, signer.public_bytes(Encoding.DER)), "signer's certificate")
    _expect(_names(info.signer, signer) and info.version == 1, "signer")
    _expect(info.digest.oid == SHA256, "digest of the signature")
    _expect(info.algorithm.oid in (RSA, RSA_SHA256), "signature algorithm")
    content = data.content.content
    _check_attributes(info.attributes.as_list(), content)
    _check_signature(info, signer)
    return content


def _parse(shape: type[Shape], message: bytes) -> Shape:
    try:
        parsed = asn1.decode_der(shape, message)
        same = asn1.encode_der(parsed) == message
    except ValueError as error:
        raise CmsShapeError("not a DER message of the expected structure") from error
    _expect(same, "encoding")
    return parsed


def _check_attributes(attributes: list[Attribute], content: bytes) -> None:
    kinds = _values(attributes, CONTENT_TYPE)
    digests = _values(attributes, MESSAGE_DIGEST)
    _expect(kinds == [(OID_TAG, DATA_OID_BYTES)], "signed content type")
    _expect(digests == [(OCTETS_TAG, sha256(content).digest())], "hash of the content")


def _values(attributes: list[Attribute], oid: ObjectIdentifier) -> list[tuple[bytes, bytes]]:
    return [
        (bytes(value.tag_bytes), bytes(value.data))
        for attribute in attributes
        if attribute.oid == oid
        for value in attribute.values.as_list()
    ]


def _check_signature(info: SignerInfo, signer: x509.Certificate) -> None:
    key = signer.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise CmsShapeError("the signer's key is not RSA")
    # What is signed is the attributes as a plain SET, not under the tag they are sent with.
    signed = _without_header(asn1.encode_der(AttributeSet(attributes=info.attributes)))
    try:
        key.verify(info.signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise CmsShapeError("the signature does not fit") from error


def _without_header(sequence: bytes) -> bytes:
    length = sequence[1]
    return sequence[2:] if length < 0x80 else sequence[2 + (length & 0x7F) :]


def _names(who: IssuerAndSerial, certificate: x509.Certificate) -> bool:
    issuer = certificate.issuer.public_bytes()
    return who.serial == certificate.serial_number and _is(who.issuer, issuer)


def _is(element: asn1.TLV, der: bytes) -> bool:
    """Compare bytes, not meaning: names of the same text in another string type differ."""
    return bytes(element.tag_bytes) == der[:1] and bytes(element.data) == _without_header(der)


def _only(items: list[Shape], what: str) -> Shape:
    _expect(len(items) == 1, f"number of {what}s")
    return items[0]


def _expect(holds: bool, part: str) -> None:
    if not holds:
        raise CmsShapeError(f"unexpected {part}")
