"""Sealed files: opened by openssl and by us, refused after any change."""

import random
import subprocess
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.link.errors import CertificateNotValid, SealInvalid
from pipelines.link.identity import check_valid_on, load_certificate
from pipelines.link.seal import seal, sign, unseal, verify
from tests.components import require
from tests.link_world import DAY, world

PAYLOAD = "見本,100000\r\n".encode("cp932")


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=3000))
def test_what_is_sealed_is_unsealed(payload: bytes) -> None:
    keys = world()
    sealed = seal(payload, keys.ward, keys.certificate("bank"), on=DAY)
    assert unseal(sealed, keys.parties["bank"], keys.ward.certificate, on=DAY) == payload


def test_sealing_twice_gives_other_bytes() -> None:
    keys = world()
    to = keys.certificate("bank")
    assert seal(PAYLOAD, keys.ward, to, on=DAY) != seal(PAYLOAD, keys.ward, to, on=DAY)


@pytest.mark.component("openssl")
def test_openssl_opens_a_sealed_file(tmp_path: Path) -> None:
    require("openssl")
    keys = world()
    own = keys.pki / "parties" / "bank"
    sealed = seal(PAYLOAD, keys.ward, keys.certificate("bank"), on=DAY)
    (tmp_path / "F.p7m").write_bytes(sealed)
    decrypt = f"-decrypt -binary -inform DER -inkey {own}/identity.key -recip {own}/identity.crt"
    _openssl(tmp_path, f"{decrypt} -in F.p7m -out F.p7s")
    _openssl(tmp_path, f"-verify -binary -inform DER -in F.p7s -CAfile {own}/ca.crt -out F")
    assert (tmp_path / "F").read_bytes() == PAYLOAD


@pytest.mark.component("openssl")
def test_a_file_sealed_by_openssl_is_unsealed(tmp_path: Path) -> None:
    require("openssl")
    keys = world()
    own = keys.pki / "parties" / "bank"
    (tmp_path / "F").write_bytes(PAYLOAD)
    signer = f"-signer {own}/identity.crt -inkey {own}/identity.key"
    _openssl(tmp_path, f"-sign -binary -nodetach -outform DER {signer} -in F -out F.p7s")
    encrypt = "-encrypt -binary -outform DER -aes-256-cbc -in F.p7s -out F.p7m"
    _openssl(tmp_path, f"{encrypt} {own}/ward.crt")
    sealed = (tmp_path / "F.p7m").read_bytes()
    assert unseal(sealed, keys.ward, keys.certificate("bank"), on=DAY) == PAYLOAD


def test_f38_no_bit_of_a_signed_message_is_free() -> None:
    keys = world()
    signed = sign(PAYLOAD, keys.ward)
    for place in range(len(signed)):
        changed = _flip(signed, place * 8 + place % 8)
        with pytest.raises(SealInvalid):
            verify(changed, keys.ward.certificate)


def test_f38_no_bit_of_a_sealed_file_is_free() -> None:
    keys = world()
    sealed = seal(PAYLOAD, keys.ward, keys.certificate("bank"), on=DAY)
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 - shown if the test fails
    for bit in random.Random(seed).sample(range(len(sealed) * 8), 300):
        with pytest.raises(SealInvalid):
            unseal(_flip(sealed, bit), keys.parties["bank"], keys.ward.certificate, on=DAY)


def test_f38_every_truncation_is_refused() -> None:
    keys = world()
    sealed = seal(PAYLOAD, keys.ward, keys.certificate("bank"), on=DAY)
    for length in range(0, len(sealed), 7):
        with pytest.raises(SealInvalid):
            unseal(sealed[:length], keys.parties["bank"], keys.ward.certificate, on=DAY)
    with pytest.raises(SealInvalid):
        unseal(sealed + b"\0", keys.parties["bank"], keys.ward.certificate, on=DAY)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_f38_anything_else_is_refused(noise: bytes) -> None:
    keys = world()
    with pytest.raises(SealInvalid):
        verify(noise, keys.ward.certificate)
    with pytest.raises(SealInvalid):
        unseal(noise, keys.ward, keys.certificate("bank"), on=DAY)


def test_another_recipient_cannot_open() -> None:
    keys = world()
    sealed = seal(PAYLOAD, keys.ward, keys.certificate("bank"), on=DAY)
    with pytest.raises(SealInvalid, match="recipient"):
        unseal(sealed, keys.parties["jlis"], keys.ward.certificate, on=DAY)


def test_another_sender_is_refused() -> None:
    keys = world()
    sealed = seal(PAYLOAD, keys.parties["jlis"], keys.certificate("bank"), on=DAY)
    with pytest.raises(SealInvalid, match="signer's certificate"):
        unseal(sealed, keys.parties["bank"], keys.ward.certificate, on=DAY)


def test_a_second_signature_is_refused() -> None:
    keys = world()
    builder = pkcs7.PKCS7SignatureBuilder().set_data(PAYLOAD)
    for signer in (keys.ward, keys.parties["jlis"]):
        builder = builder.add_signer(signer.certificate, signer.key, SHA256())
    with pytest.raises(SealInvalid):
        verify(builder.sign(Encoding.DER, []), keys.ward.certificate)


@pytest.mark.parametrize(
    "options",
    [[pkcs7.PKCS7Options.NoAttributes], [pkcs7.PKCS7Options.DetachedSignature]],
)
def test_a_signature_of_another_form_is_refused(options: list[pkcs7.PKCS7Options]) -> None:
    keys = world()
    builder = pkcs7.PKCS7SignatureBuilder().set_data(PAYLOAD)
    builder = builder.add_signer(keys.ward.certificate, keys.ward.key, SHA256())
    with pytest.raises(SealInvalid):
        verify(builder.sign(Encoding.DER, options), keys.ward.certificate)


def test_an_unsigned_envelope_is_refused() -> None:
    keys = world()
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(PAYLOAD)
    builder = builder.add_recipient(keys.certificate("bank"))
    sealed = builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    with pytest.raises(SealInvalid):
        unseal(sealed, keys.parties["bank"], keys.ward.certificate, on=DAY)


@pytest.mark.parametrize(
    ("day", "says"),
    [
        (date(2019, 12, 31), "demonstration bank.* is not valid before 2020-01-01.*Ask its owner"),
        (date(2041, 1, 1), "demonstration bank.* expired on 2040-12-31.*renewed certificate"),
    ],
)
def test_f37_a_certificate_outside_its_dates_is_refused(day: date, says: str) -> None:
    keys = world()
    sealed = seal(PAYLOAD, keys.ward, keys.certificate("bank"), on=DAY)
    with pytest.raises(CertificateNotValid, match=says):
        seal(PAYLOAD, keys.ward, keys.certificate("bank"), on=day)
    with pytest.raises(CertificateNotValid, match=says.replace("bank", "ward")):
        unseal(sealed, keys.parties["bank"], keys.ward.certificate, on=day)


@pytest.mark.parametrize("day", [date(2020, 1, 1), date(2040, 12, 31)])
def test_f37_the_first_and_the_last_day_count(day: date) -> None:
    keys = world()
    sealed = seal(PAYLOAD, keys.ward, keys.certificate("bank"), on=day)
    assert unseal(sealed, keys.parties["bank"], keys.ward.certificate, on=day) == PAYLOAD


@pytest.mark.parametrize("use", ["sign", "encrypt"])
def test_f37_the_authoritys_certificate_is_no_partys(use: str) -> None:
    authority = load_certificate(world().pki / "ca" / "ca.crt")
    with pytest.raises(CertificateNotValid, match="not made to"):
        check_valid_on(authority, DAY, use=use)


def _flip(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _openssl(folder: Path, arguments: str) -> None:
    subprocess.run(
        ["openssl", "cms", *arguments.split()], cwd=folder, check=True, capture_output=True
    )
