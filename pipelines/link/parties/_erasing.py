"""The end of a party's contract: it erases what it holds of the programme, and certifies so under its signature.

The certificate is a CMS SignedData with the statement inside, so that ``openssl cms -verify`` opens it. It names what
was received and sent, by name and hash, and what is handed back on paper or a medium: here nothing, which it says.
"""

import hashlib
import json
from functools import partial
from typing import Any

from pipelines.link.parties._sftp import Mailbox
from pipelines.link.parties.party import REQUESTS, Answer, Delivery, Party, Refused, to_json

_OF_THE_WARD = ("*.p7m", "*.manifest")


def answer_erasure(party: Party, box: Mailbox) -> None:
    """Answer a request to return and to erase, if one came."""
    party.answer_requests(box, partial(take_request, party, box))


def take_request(party: Party, box: Mailbox, delivery: Delivery) -> Answer:
    """Read a request; what it asks for is done once it is acknowledged.

    Raises:
        Refused: it is not for this party.
    """
    try:
        asked: dict[str, Any] = json.loads(delivery.payload)
    except ValueError as error:
        raise Refused("the request cannot be read") from error
    if asked.get("party") != party.name or asked.get("programme") != party.programme:
        raise Refused("the request is for somebody else")
    return Answer(len(asked["held"]), None, partial(_erase, party, box, delivery))


def _erase(party: Party, box: Mailbox, delivery: Delivery) -> None:
    """List everything first and durably, then erase it, then certify: a restart certifies the same."""
    statement = party.remember(f"statement {delivery.name}", lambda: _statement(party, delivery))
    for folder, patterns in (("received", ("*",)), ("stored", _OF_THE_WARD)):
        for path in sorted(p for pattern in patterns for p in (party.work / folder).glob(pattern)):
            if not path.name.startswith((REQUESTS, f"result_{REQUESTS}")):
                path.unlink()
    is_sample = "samples" in party.inputs.parts  # of this repository, and nobody's
    for day in [] if is_sample else sorted(party.inputs.glob("????-??-??")):
        for path in day.iterdir():
            path.unlink()
        day.rmdir()
    for folder in ("inbox", "outbox"):
        for name in sorted(box.names(folder)):
            if name.endswith((".p7m", ".manifest")) and REQUESTS not in name:
                box.remove(f"{folder}/{name}")
    told = json.loads(statement)
    party.send(
        box, f"result_{delivery.name}", party.keys.sign(statement), delivery.manifest["business_date"],
        kind="erasure_certificate", records=len(told["erased"]), programme=delivery.manifest["programme"],
        unpayable=delivery.manifest["unpayable"],
    )  # fmt: skip


def _statement(party: Party, delivery: Delivery) -> bytes:
    """What is held now, by name and hash; and that nothing is left to hand back."""
    keyed = sorted(party.inputs.glob("????-??-??/*"))  # what it keyed or took in for the ward
    held = {p.name: p.read_bytes() for p in (*sorted((party.work / "received").iterdir()), *keyed)}
    return to_json(
        {
            "programme": party.programme,
            "party": party.name,
            "request": delivery.name,
            "erased_on": delivery.manifest["business_date"],
            "erased": [
                {"name": name, "sha256": hashlib.sha256(content).hexdigest()}
                for name, content in held.items()
                if not name.startswith(REQUESTS)
            ],
            "returned": [],
        }
    )
