"""Keys and parcels for the tests of the link, made once per test process."""

import atexit
import shutil
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cryptography import x509

from pipelines.disclosure.guard import Guard, Register
from pipelines.disclosure.release import Release, make_release
from pipelines.link import pki as pki_module
from pipelines.link.delivery import Parcel, Published, publish
from pipelines.link.identity import Identity, load_certificate
from pipelines.link.manifest import Manifest
from pipelines.link.pki import create_demonstration_pki
from pipelines.link.seal import seal, sign
from pipelines.link.session import Endpoint, open_session
from pipelines.programme import ROOT, load_programme

PARTIES = ("contractor", "bank", "jlis")
DAY = date(2020, 6, 1)
NAME = "payments_0001.txt"
PAYLOAD = b"0123456789\r\n" * 10_000


@dataclass(frozen=True)
class World:
    """A demonstration PKI and who is in it."""

    pki: Path
    ward: Identity
    parties: dict[str, Identity]

    def certificate(self, party: str) -> x509.Certificate:
        return load_certificate(self.pki / "ward" / "parties" / f"{party}.crt")

    def pack(
        self,
        payload: bytes,
        name: str,
        *,
        to: str = "bank",
        records: int = 1,
        sum_yen: int | None = None,
    ) -> Parcel:
        return Parcel.pack(
            release(payload, name, to=to, records=records, sum_yen=sum_yen),
            programme="test",
            unpayable=True,
            signer=self.ward,
            to=to,
            certificate=self.certificate(to),
        )


def release(
    payload: bytes,
    name: str,
    *,
    to: str = "bank",
    records: int = 1,
    sum_yen: int | None = None,
) -> Release:
    """What the gate lets pass to a party, about nobody."""
    programme = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")
    own = Register(lambda _births, _households: (), lambda: ())
    days = {source.dataset: DAY for source in programme.list_sources}
    guard = Guard(frozenset(), frozenset, tuple, days, 0, lambda _people: own)
    return make_release(
        programme, guard, {"bank": "payments", "contractor": "forms"}[to], name=name, payload=payload,
        columns=(), people=frozenset(), records=records, sum_yen=sum_yen, day=DAY,
    )  # fmt: skip


def sealed_statement(
    payload: bytes, signer: Identity, recipient: x509.Certificate, **stated: Any
) -> tuple[bytes, bytes]:
    """(sealed file, signed manifest) as a party makes them, whatever the manifest states."""
    sealed = seal(payload, signer, recipient, on=stated["business_date"])
    manifest = Manifest(
        sha256=hash_of(payload), sealed_sha256=hash_of(sealed), sealed_bytes=len(sealed), **stated
    )
    return sealed, sign(manifest.to_bytes(), signer)


def small_keys() -> AbstractContextManager[object]:
    """Let the PKI make smaller keys than in earnest, for speed."""
    return patch.object(pki_module, "KEY_BITS", 2048)


@cache
def world() -> World:
    """Make the PKI on first use."""
    folder = Path(tempfile.mkdtemp(prefix="kyufu-link-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    pki = folder / "pki"
    with small_keys():
        create_demonstration_pki(pki, PARTIES)
    parties = {party: Identity.load(pki / "parties" / party) for party in PARTIES}
    return World(pki, Identity.load(pki / "ward"), parties)


def hash_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def parcel() -> Parcel:
    """A delivery to the bank, sealed anew at every call."""
    return world().pack(PAYLOAD, NAME, sum_yen=1)


def send(ward: Endpoint, what: Parcel, *, started_before: bool = False) -> Published:
    with open_session(ward) as sftp:
        return publish(sftp, "inbox", what, started_before=started_before)


def files(folder: Path) -> dict[str, str]:
    """Each file's name and hash."""
    return {path.name: hash_of(path.read_bytes()) for path in folder.iterdir()}
