"""Publish a stored parcel as a worker would: ``python -m tests.integration.send_parcel STORE``.

STORE holds ``endpoint.json``, ``parcel.json``, the sealed file and the manifest. The file
``started`` in it stands for the ledger's record that writing has begun.
"""

import json
import sys
from pathlib import Path

from pipelines.link.delivery import Parcel, publish
from pipelines.link.session import Endpoint, open_session
from tests.link_world import release


def save(store: Path, endpoint: Endpoint, parcel: Parcel) -> None:
    store.mkdir(exist_ok=True)
    fields = {**vars(endpoint), "key_path": str(endpoint.key_path)}
    (store / "endpoint.json").write_text(json.dumps(fields))
    (store / "parcel.json").write_text(json.dumps([parcel.name, parcel.sealed_sha256]))
    (store / "payload").write_bytes(parcel.release.payload)
    (store / "sealed").write_bytes(parcel.sealed_bytes())
    (store / "manifest").write_bytes(parcel.manifest)


def load(store: Path) -> tuple[Endpoint, Parcel]:
    fields = json.loads((store / "endpoint.json").read_text())
    name, sealed_sha256 = json.loads((store / "parcel.json").read_text())
    payload = (store / "payload").read_bytes()
    parcel = Parcel(
        release(payload, name), store / "sealed", sealed_sha256, (store / "manifest").read_bytes()
    )
    return Endpoint(**fields | {"key_path": Path(fields["key_path"])}), parcel


def send(store: Path) -> None:
    endpoint, parcel = load(store)
    started = store / "started"
    before = started.exists()
    with open_session(endpoint) as sftp:
        publish(sftp, "inbox", parcel, started_before=before, on_start=started.touch)


if __name__ == "__main__":
    send(Path(sys.argv[1]))
