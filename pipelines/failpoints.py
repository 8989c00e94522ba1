"""Named places where a crash test can kill the process, as a power cut would.

A test sets ``KYUFU_FAILPOINT`` to one name (``name``, or ``name:3`` for the third time; ``any:17``
for the seventeenth place that is reached, whichever it is) in a child process; the child sends
itself SIGKILL when it reaches that place, so no handler, no ``finally`` and no buffer flush runs.
Without the variable a failpoint does nothing. It can only end the process, never change what the
process does. ``any:0`` counts every place in ``passed`` and ends nothing.

| name | place |
| --- | --- |
| link.before_upload | nothing of the delivery is at the receiver yet |
| link.mid_upload | half of a file is in its temporary name |
| link.before_rename | the temporary file is complete and was read back |
| link.after_rename | the sealed file has its final name, its manifest does not exist yet |
| link.after_manifest | everything is published, the caller does not know it yet |
| files.before_rename | a file is whole under its temporary name |
| inbox.staged | a dataset of the day is staged, the ledger does not know it yet |
| quarantine.staged | mended rows are staged, the ledger does not know it yet |
| quarantine.before_commit | the return of mended rows is in its transaction, nothing is committed |
| quarantine.after_commit | the return of mended rows is committed, the caller does not know it yet |
| approvals.decided | one person's decision is in the ledger, the next person's is not |
| holds.before_commit | a person's decision about a hold is in its transaction, nothing is committed |
| holds.decided | a person's decision about a hold is in the ledger, the caller does not know it yet |
| ledger.before_commit | a transaction that may write has done its work, nothing is committed |
| ledger.after_commit | it is committed, the caller does not know it yet |
| ledger.before_commit.STEP | a step has done its work in its transaction, nothing is committed |
| ledger.after_commit.STEP | the step is committed, the caller does not know it yet |
| outbox.packed | a release is sealed and stored, the ledger does not know it yet |
| outbox.sealed | the ledger knows the sealed bytes, nothing of them is at the receiver |
| outbox.started | a file lies whole under its temporary name, the ledger says that it is being sent |
| outbox.sent | everything is published, the ledger still says that it is being sent |
| outbox.acknowledged | the receiver's acknowledgement is read, the ledger does not know it yet |
| payments.sending | a batch is marked as sending, nothing of it is at the bank |
| payments.sent | the bank has acknowledged a batch, the batch is still marked as sending |
| accounts.read | the bank's answer about accounts is read, nothing of it is in the ledger |
| results.read | the bank's result is read, nothing of it is in the ledger |
| results.settled | the result is in the ledger, the caller does not know it yet |
| erasure.asked | a party's request to return and to erase is in the ledger, nothing of it is sent |
| erasure.party_certified | a party's certificate is entered, the caller does not know it yet |
| erasure.planned | an erasure is planned, the caller does not know it yet |
| erasure.listed | what will be searched for is kept, nothing is erased yet |
| erasure.keys_destroyed | a class's keys are destroyed, its files are there |
| erasure.files_gone | its files are gone, its rows are there |
| erasure.part_before_commit | its rows are erased in the transaction, nothing is committed |
| erasure.part_erased | it is erased and marked, the caller does not know it yet |
| erasure.shrunk | the database is made anew without what was erased |
| erasure.searched | the search found nothing, the certificate is not made yet |
| erasure.signed | the certificate is signed, the ledger does not know it |
| erasure.certified | the ledger knows it, the list of what was searched for is still there |

STEP is the name under which the ledger keeps the step: ``forms.build``, ``claims.decide``, …
"""

import os
import signal
from collections import Counter

VARIABLE = "KYUFU_FAILPOINT"
ANY = "any"
passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Kill this process with SIGKILL if ``KYUFU_FAILPOINT`` names this place, for the wanted time."""
    wanted, _, time = os.environ.get(VARIABLE, "").partition(":")
    if wanted not in (name, ANY):
        return
    passed[name] += 1
    if passed.total() == int(time or 1):
        os.kill(os.getpid(), signal.SIGKILL)
