"""The simulated bank: posts each payment file once, reports every transfer's result, and looks accounts up.

A demonstration's files (``unpayable``) are treated like any other: no money is behind this bank. A
rehearsal's delivery is checked and acknowledged; it is never posted and has no result.
"""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

from pipelines.link.parties._accounts import Book, judge, read_book
from pipelines.link.parties._erasing import answer_erasure
from pipelines.link.parties._moods import Answers, in_mood, mood_of
from pipelines.link.parties._sftp import Mailbox
from pipelines.link.parties._zengin import (
    Batch,
    Enquiry,
    NotAPaymentFile,
    read_batch,
    read_enquiry,
    write_answers,
    write_result,
)
from pipelines.link.parties.party import Answer, Delivery, Party, Refused, write_whole
from pipelines.link.parties.running import run_party


def step(party: Party, box: Mailbox) -> None:
    """Answer every payment file and every enquiry about accounts that came."""
    party.answer_inbox(box, ("payments_", "accounts_"), partial(take, party, box))
    answer_erasure(party, box)


def take(party: Party, box: Mailbox, delivery: Delivery) -> Answer:
    """Check one file of either kind.

    Raises:
        Refused: it is not what the bank takes.
    """
    taken = take_enquiry if delivery.name.startswith("accounts_") else take_payments
    return taken(party, box, delivery)


def take_enquiry(party: Party, box: Mailbox, delivery: Delivery) -> Answer:
    """Check a file of accounts to look up.

    Raises:
        Refused: the file or its count does not allow it.
    """
    try:
        enquiry = read_enquiry(delivery.payload)
    except NotAPaymentFile as error:
        raise Refused(str(error), error.records, error.sum_yen) from error
    count = len(enquiry.accounts)
    if delivery.manifest.get("records") != count:
        raise Refused("the count is not the manifest's", count)
    return Answer(count, None, partial(_send_enquired, party, box, delivery, enquiry))


def take_payments(party: Party, box: Mailbox, delivery: Delivery) -> Answer:
    """Check a payment file and post it, unless it is a rehearsal's or its transfers were posted before.

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
    if delivery.is_rehearsal:
        return Answer(count, batch.sum_yen)
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


def _send_enquired(party: Party, box: Mailbox, delivery: Delivery, enquiry: Enquiry) -> None:
    book: Book = read_book(party.inputs / "accounts.csv")
    codes = [judge(account, book) for account in enquiry.accounts]
    manifest: dict[str, Any] = delivery.manifest
    party.send(
        box,
        f"result_{delivery.name}",
        write_answers(enquiry, codes),
        manifest["business_date"],
        kind="result",
        records=len(codes),
        programme=manifest["programme"],
        unpayable=manifest["unpayable"],
    )


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
