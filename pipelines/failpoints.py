"""Named places where a crash test can kill the process, as a power cut would.

A test sets ``KYUFU_FAILPOINT`` to one name in a child process; the child sends itself SIGKILL when
it reaches that place, so no handler, no ``finally`` and no buffer flush runs. Without the variable
a failpoint does nothing. It can only end the process, never change what the process does.

| name | place |
| --- | --- |
| link.before_upload | nothing of the delivery is at the receiver yet |
| link.mid_upload | half of a file is in its temporary name |
| link.before_rename | the temporary file is complete and was read back |
| link.after_rename | the sealed file has its final name, its manifest does not exist yet |
| link.after_manifest | everything is published, the caller does not know it yet |
"""

import os
import signal

VARIABLE = "KYUFU_FAILPOINT"


def failpoint(name: str) -> None:
    """Kill this process with SIGKILL if ``KYUFU_FAILPOINT`` is ``name``."""
    if os.environ.get(VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)
