"""docs/interfaces as the parties use it: its commands, run as they stand, and its samples, as the code writes them."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines.link.delivery import publish
from pipelines.link.identity import Identity
from pipelines.link.receiving import read_acknowledgement, receive
from pipelines.link.seal import seal, unseal
from pipelines.link.session import Endpoint, open_session
from pipelines.programme import ROOT
from tests import interface_samples
from tests.components import require
from tests.link_server import serve_as
from tests.link_world import DAY, NAME, PAYLOAD, hash_of, parcel, world

pytestmark = pytest.mark.component("openssl")

FOLDER = ROOT / "docs" / "interfaces"
BLOCKS = dict(
    re.findall(r"```sh (\w+)\n(.*?)```", (FOLDER / "parties.md").read_text(encoding="utf-8"), re.DOTALL)
)  # fmt: skip
SENT = "results_20200601_01.txt"


@pytest.fixture(params=["mock", pytest.param("sshd", marks=pytest.mark.component("sshd"))])
def link(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Endpoint]:
    require("openssl")
    with serve_as(request.param, tmp_path / "relay", world()) as found:
        yield found


@pytest.fixture
def desk(link: Endpoint, tmp_path: Path) -> Path:
    """The party's folder, with its keys below it."""
    desk = tmp_path / "desk"
    keys = desk / "keys"
    keys.mkdir(parents=True)
    for path in (world().pki / "parties" / "bank").iterdir():
        (keys / path.name).write_bytes(path.read_bytes())
    if link.username != "ward-bank":  # OpenSSH serves one account, which the ward's key opens
        (keys / "ssh_key").write_bytes(link.key_path.read_bytes())
    (keys / "ssh_key").chmod(0o600)
    return desk


def run(block: str, desk: Path, link: Endpoint, **variables: str) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """One block of the document in the party's folder, with what the document says stands in the variables."""
    account = "bank" if link.username == "ward-bank" else link.username
    given = {
        "PATH": os.environ["PATH"], "HOME": str(desk), "KEYS": str(desk / "keys"), "HOST": link.host,
        "PORT": str(link.port), "ACCOUNT": account, "NAME": NAME, **variables,
    }  # fmt: skip
    return subprocess.run(
        ["bash", "-eu", "-c", BLOCKS[block]], cwd=desk, env=given, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_every_command_of_the_document_is_run_here() -> None:
    assert set(BLOCKS) == {
        "fetch",
        "verify",
        "open",
        "usable",
        "acknowledge",
        "send",
        "certificate",
    }


def test_a_delivery_is_fetched_verified_opened_and_acknowledged(link: Endpoint, desk: Path) -> None:
    with open_session(link) as sftp:
        publish(sftp, "inbox", parcel())
    for block in ("fetch", "verify", "open"):
        done = run(block, desk, link)
        assert done.returncode == 0, f"{block}: {done.stderr}"
    assert (desk / NAME).read_bytes() == PAYLOAD
    assert run("usable", desk, link).returncode == 1  # the delivery is a demonstration's
    done = run("acknowledge", desk, link, RECORDS="1", SUM="1")
    assert done.returncode == 0, done.stderr
    with open_session(link) as sftp:
        answer = read_acknowledgement(sftp, "outbox", NAME, world().certificate("bank"), DAY)
    assert answer is not None
    assert (answer.accepted, answer.records, answer.sum_yen) == (True, 1, 1)
    assert answer.sha256 == hash_of(PAYLOAD)


def test_what_was_changed_on_the_way_is_refused(link: Endpoint, desk: Path) -> None:
    with open_session(link) as sftp:
        publish(sftp, "inbox", parcel())
    assert run("fetch", desk, link).returncode == 0
    sealed = desk / f"{NAME}.p7m"
    damaged = bytearray(sealed.read_bytes())
    damaged[-40] ^= 1
    sealed.write_bytes(bytes(damaged))
    assert run("verify", desk, link).returncode != 0
    assert run("open", desk, link).returncode != 0


def test_a_manifest_of_somebody_else_is_refused(link: Endpoint, desk: Path) -> None:
    with open_session(link) as sftp:
        publish(sftp, "inbox", parcel())
    assert run("fetch", desk, link).returncode == 0
    other = world().pki / "parties" / "jlis" / "identity.crt"
    (desk / "keys" / "ward.crt").write_bytes(other.read_bytes())
    assert run("verify", desk, link).returncode != 0


def test_a_partys_file_reaches_the_ward(link: Endpoint, desk: Path) -> None:
    (desk / SENT).write_bytes(PAYLOAD)
    done = run(
        "send", desk, link, FILE=SENT, KIND="result", DAY=DAY.isoformat(), PROGRAMME="test", RECORDS="3", SUM="null",
        UNPAYABLE="true",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with open_session(link) as sftp:
        got = receive(sftp, "outbox", SENT, world().ward, world().certificate("bank"), DAY)
    assert got.payload == PAYLOAD
    assert (got.manifest.records, got.manifest.sum_yen, got.manifest.unpayable) == (3, None, True)


def test_a_test_certificate_made_by_the_party_itself_opens_and_signs(tmp_path: Path) -> None:
    require("openssl")
    nowhere = Endpoint("127.0.0.1", 1, "nobody", tmp_path, "")
    (tmp_path / "keys").mkdir()
    done = run("certificate", tmp_path, nowhere)
    assert done.returncode == 0, done.stderr
    made, ward = Identity.load(tmp_path), world().ward
    today = date.today() + timedelta(days=1)  # noqa: DTZ011 -- openssl dates it by its own clock
    sealed = seal(PAYLOAD, ward, made.certificate, on=today)
    assert unseal(sealed, made, ward.certificate, on=today) == PAYLOAD


def test_the_samples_are_what_the_code_writes() -> None:
    """``python -m tests.interface_samples`` writes them anew."""
    made = interface_samples.samples()
    files = (path for path in interface_samples.FOLDER.rglob("*") if path.is_file())
    assert {path.relative_to(interface_samples.FOLDER).as_posix() for path in files} == set(made)
    for name, content in made.items():
        assert (interface_samples.FOLDER / name).read_bytes() == content, name


def test_every_sample_is_linked_from_a_page() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md"))
    for name in interface_samples.samples():
        assert f"samples/{name})" in pages, name


def test_the_samples_are_unusable() -> None:
    stated = json.loads(interface_samples.samples()["manifest.json"])
    assert (stated["unpayable"], stated["kind"]) == (True, "rehearsal")
    assert stated["name"].startswith("rehearsal_")
    assert interface_samples.bank_sample().sum_yen == 2
