"""The simulated parties end to end: real processes, real SFTP, real openssl."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pipelines.link.delivery import Parcel, publish
from pipelines.link.errors import RelayFailed
from pipelines.link.manifest import Acknowledgement
from pipelines.link.receiving import Received, list_published, read_acknowledgement, receive
from pipelines.link.relay import Relay
from pipelines.link.session import open_session
from tests.components import require
from tests.link_server import LONGEST_WAIT_SECONDS, serve
from tests.link_world import DAY, hash_of, world
from tests.transfer_file import Payee, transfer_file

pytestmark = pytest.mark.component("openssl")

REPOSITORY = Path(__file__).parents[2]
HEADER = "金融機関コード,支店コード,預金種目,口座番号,口座名義カナ\r\n"
CLAIMS = "受付番号,申請者氏名\r\n0001,髙橋　花子\r\n0002,山﨑　一郎\r\n".encode("cp932")
Found = TypeVar("Found")


def make_inputs(folder: Path) -> Path:
    for party in ("bank", "jlis", "contractor/2020-06-02"):
        (folder / party).mkdir(parents=True)
    (folder / "contractor" / "2020-06-02" / "postal_claims_20200602.csv").write_bytes(CLAIMS)
    accounts = HEADER + "0001,101,1,0000001,ミホン　ハナコ\r\n0001,101,1,0000002,ミホン　リョウ\r\n"
    (folder / "bank" / "accounts.csv").write_text(accounts, encoding="utf-8", newline="")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("openssl")
    return tmp_path_factory.mktemp("relay")


@pytest.fixture(scope="module")
def relay(folder: Path) -> Iterator[Relay]:
    with Relay.start(folder / "relay", world().pki, make_inputs(folder / "inputs")) as running:
        yield running


def send(relay: Relay, parcel: Parcel, party: str = "bank") -> None:
    with open_session(relay.endpoints[party]) as sftp:
        publish(sftp, "inbox", parcel)


def wait_for(relay: Relay, look: Callable[[], Found | None]) -> Found:
    last_moment = time.monotonic() + LONGEST_WAIT_SECONDS
    while time.monotonic() < last_moment:
        relay.check()
        found = look()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing came within {LONGEST_WAIT_SECONDS} s")


def answer_to(relay: Relay, name: str, party: str = "bank") -> Acknowledgement:
    def look() -> Acknowledgement | None:
        with open_session(relay.endpoints[party]) as sftp:
            return read_acknowledgement(sftp, "outbox", name, world().certificate(party), DAY)

    return wait_for(relay, look)


def get(relay: Relay, name: str, party: str = "bank") -> Received:
    def look() -> Received | None:
        with open_session(relay.endpoints[party]) as sftp:
            if name not in list_published(sftp, "outbox"):
                return None
            return receive(sftp, "outbox", name, world().ward, world().certificate(party), DAY)

    return wait_for(relay, look)


def payments(payees: Sequence[Payee], name: str, **changes: int) -> Parcel:
    total = sum(payee.amount_yen for payee in payees)
    stated = {"records": len(payees), "sum_yen": total} | changes
    return world().pack(
        transfer_file(payees), name, records=stated["records"], sum_yen=stated["sum_yen"]
    )


def test_the_day_brings_what_a_party_has_for_it(relay: Relay) -> None:
    relay.set_business_date(date(2020, 6, 3))
    got = get(relay, "postal_claims_20200602.csv", "contractor")
    assert got.payload == CLAIMS
    assert (got.manifest.kind, got.manifest.records) == ("postal_claims", 2)
    assert (got.manifest.programme, got.manifest.business_date) == (
        "shinjuku-2020",
        date(2020, 6, 2),
    )
    lists = {
        "day_20200602.json": ("contractor", ["postal_claims_20200602.csv"]),
        "day_20200603.json": ("contractor", []),
    }
    for name, (party, files) in lists.items():
        day = get(relay, name, party)
        assert json.loads(day.payload)["files"] == files
        assert day.manifest.kind == "day"
    assert json.loads(get(relay, "day_20200603.json", "jlis").payload) == {
        "day": "2020-06-03",
        "files": [],
    }


def test_forms_are_counted_and_acknowledged(relay: Relay) -> None:
    forms = "世帯番号,氏名\r\n1,見本\r\n2,見本\r\n".encode("cp932")
    send(relay, world().pack(forms, "forms_0001.csv", to="contractor", records=2), "contractor")
    assert answer_to(relay, "forms_0001.csv", "contractor") == Acknowledgement(
        "forms_0001.csv", hash_of(forms), 2, None, True, ""
    )


def test_another_count_of_forms_is_refused(relay: Relay) -> None:
    forms = b"a\r\n1\r\n"
    send(relay, world().pack(forms, "forms_0002.csv", to="contractor", records=2), "contractor")
    answer = answer_to(relay, "forms_0002.csv", "contractor")
    assert (answer.accepted, answer.records) == (False, 1)


def test_a_kind_that_the_party_does_not_take_is_refused(relay: Relay) -> None:
    send(relay, world().pack(b"x", "payments_9.txt", to="contractor"), "contractor")
    assert not answer_to(relay, "payments_9.txt", "contractor").accepted


def test_payments_are_posted_and_every_result_comes_back(relay: Relay) -> None:
    payees = [
        Payee(number="0000001", holder="ﾐﾎﾝ ﾊﾅｺ", amount_yen=400_000, key=1),
        Payee(number="0000002", holder="ﾐﾎﾝ ﾘﾖｳ", amount_yen=100_000, key=2),
        Payee(number="0000009", holder="ﾐﾎﾝ ﾅｼ", amount_yen=200_000, key=3),
        Payee(number="0000001", holder="ﾍﾞﾂ ｼﾞﾝ", amount_yen=100_000, key=4),
    ]
    send(relay, payments(payees, "payments_0001.txt"))
    answer = answer_to(relay, "payments_0001.txt")
    assert answer == Acknowledgement(
        "payments_0001.txt", hash_of(transfer_file(payees)), 4, 800_000, True, ""
    )
    got = get(relay, "result_payments_0001.txt")
    sent = transfer_file(payees)
    lines = got.payload.split(b"\r\n")
    assert [line[113:114] for line in lines[1:5]] == [b"0", b"0", b"1", b"2"]
    for row, line in enumerate(lines[:5]):
        as_sent = sent[row * 120 : row * 120 + 120]
        assert line[:113] + line[114:] == as_sent[:113] + as_sent[114:]
    assert lines[5].startswith(b"8000004000000800000" + b"000002000000500000000002000000300000")
    assert (got.manifest.records, got.manifest.sum_yen) == (4, 800_000)
    assert (got.manifest.kind, got.manifest.unpayable) == ("result", True)


@pytest.mark.parametrize("changes", [{"records": 2}, {"sum_yen": 99_999}])
def test_f17_totals_that_differ_from_the_manifest_are_refused(
    relay: Relay, changes: dict[str, int]
) -> None:
    name = f"payments_wrong_{next(iter(changes))}.txt"
    send(relay, payments([Payee(number="0000001", key=50)], name, **changes))
    answer = answer_to(relay, name)
    assert (answer.accepted, answer.records, answer.sum_yen) == (False, 1, 100_000)


def test_the_bank_posts_one_content_once(relay: Relay) -> None:
    payees = [Payee(number="0000001", key=60), Payee(number="0000002", key=61)]
    send(relay, payments(payees, "payments_0060.txt"))
    assert answer_to(relay, "payments_0060.txt").accepted
    send(relay, payments(payees[::-1], "payments_0061.txt"))
    answer = answer_to(relay, "payments_0061.txt")
    assert (answer.accepted, answer.reason) == (False, "already posted as payments_0060.txt")


def test_f38_the_bank_refuses_a_damaged_file(relay: Relay, folder: Path) -> None:
    parcel = payments([Payee(number="0000001", key=70)], "payments_0070.txt")
    damaged = bytearray(parcel.sealed_bytes())
    damaged[-40] ^= 1
    other = Parcel(parcel.release, bytes(damaged), hash_of(bytes(damaged)), parcel.manifest)
    send(relay, other)
    answer = answer_to(relay, "payments_0070.txt")
    assert (answer.accepted, answer.sha256) == (False, "0" * 64)


def test_a_restart_neither_loses_nor_repeats(tmp_path: Path) -> None:
    require("openssl")
    inputs = make_inputs(tmp_path / "inputs")
    parcel = payments([Payee(number="0000001", key=80)], "payments_0080.txt")
    with Relay.start(tmp_path / "relay", world().pki, inputs) as first:
        first.set_business_date(date(2020, 6, 2))
        send(first, parcel)
        get(first, "result_payments_0080.txt")
        get(first, "day_20200602.json", "contractor")
    outboxes = [tmp_path / "relay" / "homes" / party / "outbox" for party in first.endpoints]
    before = {path: path.read_bytes() for box in outboxes for path in box.iterdir()}
    # The bank loses its note that it had finished, as if killed before it wrote it.
    for note in (tmp_path / "relay" / "work" / "bank" / "finished").iterdir():
        note.unlink()
    with Relay.start(tmp_path / "relay", world().pki, inputs) as second:
        second.set_business_date(date(2020, 6, 3))
        get(second, "day_20200603.json", "contractor")
        get(second, "day_20200603.json", "jlis")
        finished = tmp_path / "relay" / "work" / "bank" / "finished" / "in payments_0080.txt"
        wait_for(second, lambda: finished.exists() or None)
    after = {path: path.read_bytes() for box in outboxes for path in box.iterdir()}
    assert {path: after[path] for path in before} == before
    assert {path.name for path in after.keys() - before.keys()} == {
        "day_20200603.json.p7m",
        "day_20200603.json.manifest",
    }


def test_logs_and_names_hold_no_personal_data(relay: Relay, folder: Path) -> None:
    canary = "ｶﾅﾘｱ ｲﾁﾛｳ"
    send(relay, payments([Payee(number="7777777", holder=canary, key=90)], "payments_0090.txt"))
    assert answer_to(relay, "payments_0090.txt").accepted
    for log in (folder / "relay" / "logs").iterdir():
        text = log.read_bytes()
        assert canary.encode() not in text
        assert canary.encode("cp932") not in text
        assert b"7777777" not in text


def test_a_child_that_dies_is_said_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(RelayFailed, match=r"relay ended with status 1(.|\n)*Error"):
        Relay.start(tmp_path / "relay", tmp_path / "no-pki", tmp_path)


def test_f36_a_party_refuses_another_host_key(tmp_path: Path) -> None:
    own = tmp_path / "identity"
    own.mkdir()
    for path in (world().pki / "parties" / "bank").iterdir():
        (own / path.name).write_bytes(path.read_bytes())
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    line = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    (own / "known_hosts").write_bytes(b"kyufu-relay " + line + b"\n")
    with serve(tmp_path / "homes", world()) as ward:
        where = ["--endpoint", f"127.0.0.1:{ward.port}", "--work", str(tmp_path / "work")]
        rest = ["--inputs", str(tmp_path), "--identity", str(own), "--once"]
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.link.parties.bank", *where, *rest],
            cwd=REPOSITORY,
            capture_output=True,
            check=False,
        )
    assert done.returncode == 1
    assert b"BadHostKeyException" in done.stderr


PARENT = """
import sys, time
from pathlib import Path
from pipelines.link.relay import Relay
relay = Relay.start(*map(Path, sys.argv[1:]))
print(*(child.pid for child in relay._children.values()), flush=True)
time.sleep(60)
"""


def test_the_children_end_with_a_killed_parent(tmp_path: Path) -> None:
    folders = [tmp_path / "relay", world().pki, make_inputs(tmp_path / "inputs")]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *map(str, folders)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        children = [int(pid) for pid in parent.stdout.readline().split()]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert len(children) == 4
    last_moment = time.monotonic() + LONGEST_WAIT_SECONDS
    while any(_alive(pid) for pid in children):
        assert time.monotonic() < last_moment
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z" and os.getpgid(pid) == pid
