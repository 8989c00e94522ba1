"""The life of a party's process: options, polling, reconnecting, ending with its parent."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from pipelines.link.parties._sftp import CONNECTION_ERRORS, Conflict, Mailbox
from pipelines.link.parties.party import Party, log, write_whole

POLL_SECONDS = 0.2
RETRY_SECONDS = 1.0
GRACE_SECONDS = 5.0

Step = Callable[[Party, Mailbox], None]


def run_party(name: str, step: Step) -> None:
    """Do ``step`` again and again until standard input closes or SIGTERM comes.

    With ``--once`` the step is done once, and the process ends with status 1 if it failed.
    """
    options = _parse(name)
    os.umask(0o077)
    party = Party(name, options.identity, options.work, options.inputs, options.programme)
    host, _, port = options.endpoint.rpartition(":")
    if options.once:
        box = Mailbox(host, int(port), name, options.identity)
        try:
            step(party, box)
        finally:
            box.close()
        return
    ended = _end_with_parent()
    ready_file: Path | None = options.ready_file
    while not ended.is_set():
        try:
            box = Mailbox(host, int(port), name, options.identity)
            try:
                if ready_file is not None:
                    write_whole(ready_file, b"")
                _poll(party, box, step, ended)
            finally:
                box.close()
        except (*CONNECTION_ERRORS, Conflict) as error:
            log(f"trying again: {type(error).__name__}")
            ended.wait(RETRY_SECONDS)


def _poll(party: Party, box: Mailbox, step: Step, ended: threading.Event) -> None:
    while not ended.is_set():
        step(party, box)
        ended.wait(POLL_SECONDS)


def _parse(name: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"The simulated party {name}.")
    parser.add_argument("--endpoint", required=True, help="the relay, HOST:PORT")
    parser.add_argument("--identity", type=Path, required=True, help="the party's own keys")
    parser.add_argument("--work", type=Path, required=True, help="the party's own memory")
    parser.add_argument("--inputs", type=Path, required=True, help="what the party has to send")
    parser.add_argument("--programme", default="", help="the programme named in manifests")
    parser.add_argument("--ready-file", type=Path, help="made when first connected")
    parser.add_argument("--once", action="store_true", help="do everything once and end")
    return parser.parse_args()


def _end_with_parent() -> threading.Event:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: _end(ended))
    threading.Thread(target=_wait_for_end_of_input, args=(ended,), daemon=True).start()
    return ended


def _wait_for_end_of_input(ended: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    _end(ended)


def _end(ended: threading.Event) -> None:
    ended.set()
    timer = threading.Timer(GRACE_SECONDS, os._exit, args=(1,))  # if a step hangs
    timer.daemon = True
    timer.start()
