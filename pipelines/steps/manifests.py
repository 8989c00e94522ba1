"""The stored manifests: each holds the head of the audit chain at its sealing, outside the ledger's reach.

A ledger that was restored from an older backup, or whose chain was cut off or made anew, disagrees with them; then
nothing is sent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from cryptography import x509

from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.link.errors import ManifestInvalid, SealInvalid
from pipelines.link.identity import load_certificate
from pipelines.link.manifest import Manifest
from pipelines.link.seal import verify
from pipelines.steps.campaign import Campaign


class LedgerBehind(KyufuError):
    """The ledger does not know what was delivered: it is an older one, or was changed."""


@dataclass(frozen=True)
class Stored:
    """A release's manifest as it is stored. manifest: None where no certificate of the ward fits its signature."""

    name: str
    manifest: Manifest | None


def stored(c: Campaign) -> Iterator[Stored]:
    """Every stored manifest, by name."""
    certificates = _certificates(c)
    for path in sorted((c.home / "releases").glob("*/manifest")):
        yield Stored(path.parent.name, _read(path, certificates))


def assert_ledger_is_current(c: Campaign, connection: sa.Connection, what: str) -> None:
    """Fail unless the audit chain has every head that went out with a delivery.

    Raises:
        LedgerBehind: it lacks one, or has another record in its place, or a manifest's head cannot be read because no
            certificate of the ward fits it; the message names the delivery.
    """
    exported = list(stored(c))
    unreadable = [found.name for found in exported if found.manifest is None]
    if unreadable:
        raise LedgerBehind(
            f"{what}: 保存してある{unreadable[0]}の送り状の、区の署名を確認できません。書き換えられたか、"
            "区の以前の証明書がpki/ward/formerにありません。送っていません。kyufu audit verify で確認してください。"
        )
    heads = {
        (found.manifest.audit_number, found.manifest.audit_hash): found.name
        for found in exported
        if found.manifest is not None and found.manifest.audit_number
    }
    a = tables.audit.c
    known = {(row.number, row.hash) for row in connection.execute(sa.select(a.number, a.hash))}
    missing = sorted(
        (number or 0, name)
        for (number, digest), name in heads.items()
        if (number, digest) not in known
    )
    if missing:
        number, name = missing[0]
        raise LedgerBehind(
            f"{what}: 台帳の監査記録が、送付済みの{name}の送り状(監査記録{number}番)と合いません。"
            "古いバックアップから戻したか、台帳が書き換えられています。送っていません。"
            "kyufu audit verify で確認してください。"
        )


def _certificates(c: Campaign) -> list[x509.Certificate]:
    """The ward's certificate, and those it had before."""
    former = sorted((c.home / "pki" / "ward" / "former").glob("*.crt"))
    return [c.ward.certificate, *map(load_certificate, former)]


def _read(path: Path, certificates: list[x509.Certificate]) -> Manifest | None:
    signed = path.read_bytes()
    for certificate in certificates:
        try:
            return Manifest.from_bytes(verify(signed, certificate))
        except (SealInvalid, ManifestInvalid):
            continue
    return None
