"""The simulated print contractor: takes forms and notices, sends the claims that it keyed."""

from pathlib import Path

from pipelines.link.parties._erasing import answer_erasure
from pipelines.link.parties._rows import NotATable, count_records, count_rows
from pipelines.link.parties._sftp import Mailbox
from pipelines.link.parties.party import Answer, Delivery, Party, Refused
from pipelines.link.parties.running import run_party


def step(party: Party, box: Mailbox) -> None:
    """Answer what came, then send what is there up to the business date."""
    party.answer_inbox(box, ("forms_", "notices_"), take_forms)
    answer_erasure(party, box)
    party.send_days(
        box,
        ["postal_claims_*.csv", "postal_members_*.csv"],
        count_claims,
    )


def count_claims(path: Path) -> int:
    """Return the number of rows in a file of keyed claims."""
    return count_rows(path.read_bytes(), ragged=True)


def take_forms(delivery: Delivery) -> Answer:
    """Count the records of a print file against its manifest; a rehearsal's is counted and never printed.

    Raises:
        Refused: it is no table, or the count differs.
    """
    try:
        records = count_records(delivery.payload)
    except NotATable as error:
        raise Refused(f"the file cannot be read: {error}") from error
    if records != delivery.manifest.get("records"):
        raise Refused("the number of records is not the manifest's", records)
    return Answer(records, None)


if __name__ == "__main__":
    run_party("contractor", step)
