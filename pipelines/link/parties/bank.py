"""The simulated bank: posts each payment file once and reports every transfer's result.

A rehearsal's file (``unpayable``) is treated like any other: no money is behind this bank.
"""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.link.parties._accounts import Book, judge, read_book
from pipelines.link.parties._erasing import answer_erasure
from pipelines.link.parties._moods import Answers, in_mood, mood_of
from pipelines.link.parties._sftp import Mailbox
from pipelines.link.parties._zengin import Batch, NotAPaymentFile, read_batch, write_result
from pipelines.link.parties.party import Answer, Delivery, Party, Refused, write_whole
from pipelines.link.parties.running import run_party


def step(party: Party, box: Mailbox) -> None:
    """Answer every payment file that came, and send its result."""
    party.answer_inbox(box, ("payments_",), partial(take_payments, party, box))
    answer_erasure(party, box)


def take_payments(party: Party, box: Mailbox, delivery: Delivery) -> Answer:
    """Check a payment file and post it, unless its transfers were posted before.

    Raises:
        Refused: the file, its totals, or its content's history do not allow it.
    """
    try:
        batch = read_batch(delivery.payload)
    except NotAPaymentFile as error:
        raise Refused(str(error), error.records, error.sum_yen) from error
    count = len(batch.transfers)
    stated = (delivery.manifest.get("records"), delivery.manifest.get("sum_yen"))
    if (count, batch.sum_yen) != stated:
        raise Refused("count or sum is not the manifest's", count, batch.sum_yen)
    _post_once(party.work / "posted", delivery.name, batch)
    return Answer(count, batch.sum_yen, partial(_send_result, party, box, delivery, batch))


def _post_once(posted: Path, name: str, batch: Batch) -> None:
    """Write into the books; the same transfers under another name or date are not new."""
    posted.mkdir(mode=0o700, exist_ok=True)
    records = sorted(transfer.record for transfer in batch.transfers)
    entry = posted / hashlib.sha256(b"".join(records)).hexdigest()
    if not entry.exists():
        write_whole(entry, name.encode())
    elif entry.read_bytes() != name.encode():
        earlier = entry.read_text(encoding="utf-8")
        raise Refused(f"already posted as {earlier}", len(records), batch.sum_yen)


def _send_result(party: Party, box: Mailbox, delivery: Delivery, batch: Batch) -> None:
    book: Book = read_book(party.inputs / "accounts.csv")
    answers = [(transfer, judge(transfer, book)) for transfer in batch.transfers]
    own, later = in_mood(mood_of(party.inputs, delivery.name), answers)
    _send_answers(party, box, delivery, f"result_{delivery.name}", batch, own)
    if later:
        name = delivery.name.replace("payments_", "results_", 1)
        _send_answers(party, box, delivery, name, batch, later)


def _send_answers(
    party: Party, box: Mailbox, delivery: Delivery, name: str, batch: Batch, answers: Answers
) -> None:
    manifest: dict[str, Any] = delivery.manifest
    party.send(
        box,
        name,
        write_result(batch, answers),
        manifest["business_date"],
        kind="result",
        records=len(answers),
        sum_yen=sum(transfer.amount_yen for transfer, _ in answers),
        programme=manifest["programme"],
        unpayable=manifest["unpayable"],
    )


if __name__ == "__main__":
    run_party("bank", step)
