"""The delivery protocol over real SFTP: restarts, faults, wrong keys (FAULTS.md 1-9 and 36-38)."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.link import remote
from pipelines.link.delivery import Parcel, Published, publish
from pipelines.link.errors import (
    DeliveryUnknown,
    LinkError,
    NameTaken,
    ReadBackDiffers,
    RemoteFailure,
    StoredBytesDiffer,
)
from pipelines.link.session import Endpoint, open_session
from tests import link_server
from tests.integration.send_parcel import save
from tests.link_server import serve, serve_as
from tests.link_world import NAME, files, hash_of, parcel, send, world

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(params=["mock", pytest.param("sshd", marks=pytest.mark.component("sshd"))])
def ward(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Endpoint]:
    """The ward's endpoint, on our relay and on OpenSSH."""
    with serve_as(request.param, tmp_path, world()) as found:
        yield found


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Endpoint]:
    with serve(tmp_path, world()) as found:
        yield found


@pytest.fixture
def inbox(tmp_path: Path, ward: Endpoint) -> Path:
    home = "bank" if ward.username == "ward-bank" else "home"
    return tmp_path / home / "inbox"


def run_worker(store: Path, failpoint: str = "") -> int:
    environment = {**os.environ, "KYUFU_FAILPOINT": failpoint}
    arguments = [sys.executable, "-m", "tests.integration.send_parcel", str(store)]
    return subprocess.run(arguments, cwd=REPOSITORY, env=environment, check=False).returncode


def whole(what: Parcel) -> dict[str, str]:
    return {f"{NAME}.p7m": what.sealed_sha256, f"{NAME}.manifest": hash_of(what.manifest)}


def test_a_delivery_is_published_whole_and_once(ward: Endpoint, inbox: Path) -> None:
    what = parcel()
    first = send(ward, what)
    second = send(ward, what, started_before=True)
    assert first == Published(NAME, what.sealed_sha256, len(what.sealed_bytes()), False)
    assert second == replace(first, already_there=True)
    assert files(inbox) == whole(what)


def without_tokens(names: Iterable[str]) -> set[str]:
    """The names with one word for what each sender's temporary has of its own."""
    return {re.sub(r"\.[0-9a-f]{8}\.tmp$", ".OWN.tmp", name) for name in names}


KILLS = {
    "link.before_upload": set(),
    "link.mid_upload": {f"{NAME}.p7m.OWN.tmp"},
    "link.before_rename": {f"{NAME}.p7m.OWN.tmp"},
    "link.after_rename": {f"{NAME}.p7m"},
    "link.after_manifest": {f"{NAME}.p7m", f"{NAME}.manifest"},
}


@pytest.mark.parametrize("failpoint", KILLS)
def test_f01_f02_f03_a_killed_send_is_finished_with_the_same_bytes(
    ward: Endpoint, inbox: Path, tmp_path: Path, failpoint: str
) -> None:
    what = parcel()
    save(tmp_path / "store", ward, what)
    assert run_worker(tmp_path / "store", failpoint) == -signal.SIGKILL
    assert without_tokens(files(inbox)) == KILLS[failpoint]
    assert send(ward, what, started_before=failpoint != "link.before_upload").name == NAME
    assert files(inbox) == whole(what)


def test_f01_a_worker_killed_before_the_upload_runs_again(relay: Endpoint, tmp_path: Path) -> None:
    what = parcel()
    save(tmp_path / "store", relay, what)
    assert run_worker(tmp_path / "store", "link.before_upload") == -signal.SIGKILL
    assert run_worker(tmp_path / "store") == 0
    assert files(tmp_path / "bank" / "inbox") == whole(what)


def test_f03_a_published_delivery_is_not_written_again(ward: Endpoint, inbox: Path) -> None:
    what = parcel()
    send(ward, what)
    before = {path.name: path.stat().st_mtime_ns for path in inbox.iterdir()}
    assert send(ward, what, started_before=True).already_there
    assert {path.name: path.stat().st_mtime_ns for path in inbox.iterdir()} == before


def test_f04_both_names_of_a_broken_rename_are_accepted(ward: Endpoint, inbox: Path) -> None:
    what = parcel()
    (inbox / f"{NAME}.p7m").write_bytes(what.sealed_bytes())
    (inbox / f"{NAME}.p7m.tmp").hardlink_to(inbox / f"{NAME}.p7m")
    send(ward, what, started_before=True)
    assert files(inbox) == whole(what)


def test_f04_a_server_that_dies_in_the_rename(tmp_path: Path) -> None:
    what = parcel()
    with serve(tmp_path, world(), link_server.DiesInRename) as ward:
        send(ward, what)
    assert files(tmp_path / "bank" / "inbox") == whole(what)


def test_f04_a_rename_that_was_done_but_reported_failed(tmp_path: Path) -> None:
    what = parcel()
    with serve(tmp_path, world(), link_server.ForgetsToAnswer) as ward:
        send(ward, what)
    assert files(tmp_path / "bank" / "inbox") == whole(what)


@pytest.mark.parametrize("suffix", [".p7m", ".manifest"])
def test_f05_another_content_under_the_name_stops(ward: Endpoint, inbox: Path, suffix: str) -> None:
    (inbox / f"{NAME}{suffix}").write_bytes(b"something else")
    with pytest.raises(NameTaken, match="decide"):
        send(ward, parcel())
    assert files(inbox) == {f"{NAME}{suffix}": hash_of(b"something else")}


def test_f05_sealing_again_is_another_content(ward: Endpoint, inbox: Path) -> None:
    what = parcel()
    send(ward, what)
    with pytest.raises(NameTaken):
        send(ward, parcel(), started_before=True)
    assert files(inbox) == whole(what)


def test_f06_nothing_there_after_a_start_is_unknown(ward: Endpoint, inbox: Path) -> None:
    with pytest.raises(DeliveryUnknown, match="not sent again"):
        send(ward, parcel(), started_before=True)
    assert files(inbox) == {}


def test_f06_only_the_manifest_left_is_unknown(ward: Endpoint, inbox: Path) -> None:
    what = parcel()
    send(ward, what)
    (inbox / f"{NAME}.p7m").unlink()
    with pytest.raises(DeliveryUnknown):
        send(ward, what)
    assert set(files(inbox)) == {f"{NAME}.manifest"}


@pytest.mark.parametrize("fault", [link_server.TakesAtOnce, link_server.TakesTheTemporary])
def test_f06_a_receiver_that_takes_at_once(
    tmp_path: Path, fault: type[link_server.RelaySftp]
) -> None:
    what = parcel()
    with serve(tmp_path, world(), fault) as ward:
        with pytest.raises(DeliveryUnknown):
            send(ward, what)
        with pytest.raises(DeliveryUnknown):
            send(ward, what, started_before=True)
    assert files(tmp_path / "bank" / "inbox") == {}


@pytest.mark.parametrize("fault", [link_server.Doubles, link_server.LosesTheEnd])
def test_f07_a_changed_file_is_never_renamed(
    tmp_path: Path, fault: type[link_server.RelaySftp]
) -> None:
    with serve(tmp_path, world(), fault) as ward, pytest.raises(ReadBackDiffers):
        send(ward, parcel())
    assert without_tokens(files(tmp_path / "bank" / "inbox")) == {f"{NAME}.p7m.OWN.tmp"}


@pytest.mark.parametrize("own", ["", ".0123abcd"])
def test_f07_a_longer_leftover_is_replaced(ward: Endpoint, inbox: Path, own: str) -> None:
    what = parcel()
    (inbox / f"{NAME}.p7m{own}.tmp").write_bytes(what.sealed_bytes() * 2)
    send(ward, what, started_before=True)
    assert files(inbox) == whole(what)


@pytest.mark.parametrize(
    "fault", [link_server.ReportsNoSize, link_server.DiskFull, link_server.MayNotWrite]
)
def test_f08_a_servers_error_is_a_failure(
    tmp_path: Path, fault: type[link_server.RelaySftp]
) -> None:
    failures = (RemoteFailure, ReadBackDiffers)
    with serve(tmp_path, world(), fault) as ward, pytest.raises(failures):
        send(ward, parcel())
    assert not {f"{NAME}.p7m", f"{NAME}.manifest"} & set(files(tmp_path / "bank" / "inbox"))


def test_f08_a_missing_folder_is_a_failure(relay: Endpoint) -> None:
    with open_session(relay) as sftp, pytest.raises(RemoteFailure, match="folder"):
        publish(sftp, "nowhere", parcel())


def test_f09_every_try_reads_the_stored_file_from_its_start(
    relay: Endpoint, tmp_path: Path
) -> None:
    stored = tmp_path / "sealed"
    made = parcel()
    stored.write_bytes(made.sealed_bytes())
    what = replace(made, sealed=stored)
    send(relay, what)
    send(relay, what, started_before=True)
    assert files(tmp_path / "bank" / "inbox") == whole(what)


def test_f09_a_short_stored_file_is_never_sent(relay: Endpoint, tmp_path: Path) -> None:
    stored = tmp_path / "sealed"
    made = parcel()
    stored.write_bytes(made.sealed_bytes()[:-1])
    with pytest.raises(StoredBytesDiffer):
        send(relay, replace(made, sealed=stored))
    assert files(tmp_path / "bank" / "inbox") == {}


def test_f10_two_workers_at_once_leave_one_whole_file(relay: Endpoint, tmp_path: Path) -> None:
    what = parcel()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            send(relay, what)
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(isinstance(error, LinkError) for error in failures)
    send(relay, what, started_before=True)
    assert files(tmp_path / "bank" / "inbox") == whole(what)


class HeldInMidUpload:
    """Another sender of the same parcel, in a thread of its own, that stops when half of the file is written."""

    def __init__(self, ward: Endpoint, what: Parcel, monkeypatch: pytest.MonkeyPatch) -> None:
        self._reached, self._go_on = threading.Event(), threading.Event()
        self.errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._work, args=(ward, what))
        monkeypatch.setattr(remote, "failpoint", self._failpoint)

    def start(self) -> None:
        self._thread.start()
        self._reached.wait()

    def end(self) -> None:
        self._go_on.set()
        self._thread.join()

    def _failpoint(self, name: str) -> None:
        if threading.current_thread() is self._thread and name == "link.mid_upload":
            self._reached.set()
            self._go_on.wait()

    def _work(self, ward: Endpoint, what: Parcel) -> None:
        try:
            send(ward, what)
        except BaseException as error:
            self.errors.append(error)
        finally:
            self._reached.set()


def test_f10_what_another_sender_has_half_written_is_never_announced(
    ward: Endpoint, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = parcel()
    other = HeldInMidUpload(ward, what, monkeypatch)
    try:
        with open_session(ward) as sftp, pytest.raises(RemoteFailure, match="another sender"):
            publish(sftp, "inbox", what, on_start=other.start)
        there = files(inbox)
        assert f"{NAME}.p7m" not in there
        assert f"{NAME}.manifest" not in there
    finally:
        other.end()
    assert other.errors == []
    assert files(inbox) == whole(what)


def test_f10_a_sender_whose_file_another_one_published_meanwhile_is_content(
    ward: Endpoint, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = parcel()
    other = HeldInMidUpload(ward, what, monkeypatch)
    other.start()
    try:
        send(ward, what)
        assert files(inbox) == whole(what)
    finally:
        other.end()
    assert other.errors == []
    assert files(inbox) == whole(what)
