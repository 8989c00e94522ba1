"""Receiving: everything is checked before it counts (FAULTS 37, 38).

The tests play the bank's side too, with the bank's own keys.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pipelines.link.errors import (
    CertificateNotValid,
    ManifestInvalid,
    NameNotAllowed,
    NameTaken,
    RemoteFailure,
    SealInvalid,
)
from pipelines.link.identity import Identity
from pipelines.link.manifest import Acknowledgement
from pipelines.link.pki import create_demonstration_pki
from pipelines.link.receiving import acknowledge, list_published, read_acknowledgement, receive
from pipelines.link.session import Endpoint, open_session
from tests import link_server
from tests.link_server import endpoint, serve, serve_as
from tests.link_world import DAY, NAME, PAYLOAD, parcel, send, small_keys, world


@pytest.fixture(params=["mock", pytest.param("sshd", marks=pytest.mark.component("sshd"))])
def ward(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Endpoint]:
    """The ward's endpoint, on our relay and on OpenSSH."""
    with serve_as(request.param, tmp_path, world()) as found:
        yield found


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Endpoint]:
    with serve(tmp_path, world()) as found:
        yield found


def test_a_delivery_is_received_and_answered(ward: Endpoint) -> None:
    keys = world()
    send(ward, parcel())
    bank, sender = keys.parties["bank"], keys.ward.certificate
    with open_session(ward) as sftp:
        assert list_published(sftp, "inbox") == [NAME]
        got = receive(sftp, "inbox", NAME, bank, sender, DAY)
        assert got.payload == PAYLOAD
        assert (got.manifest.name, got.manifest.kind) == (NAME, "payments")
        answer = Acknowledgement(NAME, got.manifest.sha256, 1, 1, True, "")
        signer = keys.certificate("bank")
        assert read_acknowledgement(sftp, "outbox", NAME, signer, DAY) is None
        for _ in range(2):
            acknowledge(sftp, "outbox", answer, bank, DAY)
        assert read_acknowledgement(sftp, "outbox", NAME, signer, DAY) == answer
        with pytest.raises(NameTaken):
            acknowledge(sftp, "outbox", replace(answer, accepted=False), bank, DAY)
        assert list_published(sftp, "outbox") == []


def test_a_file_without_its_manifest_does_not_exist(relay: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "bank" / "inbox" / f"{NAME}.p7m").write_bytes(b"x")
    keys = world()
    with open_session(relay) as sftp:
        assert list_published(sftp, "inbox") == []
        with pytest.raises(RemoteFailure, match="nothing is published"):
            receive(sftp, "inbox", NAME, keys.parties["bank"], keys.ward.certificate, DAY)


@pytest.mark.parametrize("suffix", [".p7m", ".manifest"])
@pytest.mark.parametrize("damage", ["flip", "cut", "longer"])
def test_f38_a_damaged_delivery_is_refused(
    relay: Endpoint, tmp_path: Path, suffix: str, damage: str
) -> None:
    keys = world()
    send(relay, parcel())
    path = tmp_path / "bank" / "inbox" / f"{NAME}{suffix}"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= damage == "flip"
    cut = len(content) - (damage == "cut")
    path.write_bytes(content[:cut] + b"x" * (damage == "longer"))
    with open_session(relay) as sftp, pytest.raises((SealInvalid, RemoteFailure)):
        receive(sftp, "inbox", NAME, keys.parties["bank"], keys.ward.certificate, DAY)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (link_server.GrowsInTheRead, "the server reported"),
        (link_server.ShrinksInTheRead, "the server reported"),
        (link_server.TakenInTheRead, "not there"),
    ],
)
def test_f38_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, fault: type[link_server.RelaySftp], says: str
) -> None:
    keys = world()
    with serve(tmp_path, keys) as plain:
        send(plain, parcel())
    with (
        serve(tmp_path, keys, fault) as ward,
        open_session(ward) as sftp,
        pytest.raises(RemoteFailure, match=says),
    ):
        receive(sftp, "inbox", NAME, keys.parties["bank"], keys.ward.certificate, DAY)


def test_f38_a_swapped_delivery_is_refused(relay: Endpoint, tmp_path: Path) -> None:
    keys = world()
    inbox = tmp_path / "bank" / "inbox"
    send(relay, parcel())
    for suffix in (".p7m", ".manifest"):
        (inbox / f"other{suffix}").write_bytes((inbox / f"{NAME}{suffix}").read_bytes())
    with open_session(relay) as sftp, pytest.raises(ManifestInvalid, match="another delivery"):
        receive(sftp, "inbox", "other", keys.parties["bank"], keys.ward.certificate, DAY)


def test_f37_an_expired_certificate_is_refused(relay: Endpoint) -> None:
    keys = world()
    send(relay, parcel())
    late = date(2041, 1, 1)
    with open_session(relay) as sftp:
        with pytest.raises(CertificateNotValid, match="expired on 2040-12-31"):
            receive(sftp, "inbox", NAME, keys.parties["bank"], keys.ward.certificate, late)
        answer = Acknowledgement(NAME, "0" * 64, 0, None, True, "")
        with pytest.raises(CertificateNotValid):
            acknowledge(sftp, "outbox", answer, keys.parties["bank"], late)


def test_f37_a_wrong_sender_is_refused(relay: Endpoint) -> None:
    keys = world()
    send(relay, parcel())
    with open_session(relay) as sftp, pytest.raises(SealInvalid):
        receive(sftp, "inbox", NAME, keys.parties["bank"], keys.certificate("jlis"), DAY)


def test_a_stray_name_is_said(relay: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "bank" / "outbox" / "a b.manifest").write_bytes(b"")
    with open_session(relay) as sftp, pytest.raises(NameNotAllowed):
        list_published(sftp, "outbox")


def test_the_endpoint_of_another_home_sees_another_home(relay: Endpoint) -> None:
    send(relay, parcel())
    with open_session(endpoint(world(), relay.port, "jlis")) as sftp:
        assert list_published(sftp, "inbox") == []


def test_f37_what_was_sealed_before_a_rotation_stays_readable(
    relay: Endpoint, tmp_path: Path
) -> None:
    keys = world()
    with small_keys():
        create_demonstration_pki(tmp_path / "renewed", ["bank"])
    renewed = Identity.load(tmp_path / "renewed" / "parties" / "bank")
    what = parcel()
    send(relay, what)
    send(relay, what, started_before=True)
    with open_session(relay) as sftp:
        old = receive(sftp, "inbox", NAME, keys.parties["bank"], keys.ward.certificate, DAY)
        assert old.payload == PAYLOAD
        with pytest.raises(SealInvalid, match="recipient"):
            receive(sftp, "inbox", NAME, renewed, keys.ward.certificate, DAY)
