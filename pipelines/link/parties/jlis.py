"""The simulated J-LIS: hands over the day's Mynaportal applications and takes nothing but the request to erase."""

import zipfile
from pathlib import Path

from pipelines.link.parties._erasing import answer_erasure
from pipelines.link.parties._rows import count_rows
from pipelines.link.parties._sftp import Mailbox
from pipelines.link.parties.party import Party
from pipelines.link.parties.running import run_party


def step(party: Party, box: Mailbox) -> None:
    """Send what is there up to the business date."""
    answer_erasure(party, box)
    party.send_days(box, ["mynaportal_*.zip"], count_applications)


def count_applications(path: Path) -> int:
    """Return the number of applications in a dump."""
    with zipfile.ZipFile(path) as dump:
        return count_rows(dump.read("applications.csv"), ragged=True)


if __name__ == "__main__":
    run_party("jlis", step)
