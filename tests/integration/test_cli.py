"""Bad input through the command line, in a process of its own: a clear message, status 1, nothing half-written.

The refusals of a day's files share one home: each test breaks one thing, sees the run stop, and repairs it; the last
test runs what is repaired and must end like a ward that never had a fault.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.link.pki import create_demonstration_pki
from tests.campaign_home import (
    PROGRAMME,
    environment,
    faults,
    final_state,
    half_written,
    make_ward,
    run_campaign,
)
from tests.link_world import PARTIES, small_keys

DAY = "2020-05-18"
MARK = "20200518"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Demonstration keys, made once."""
    folder = tmp_path_factory.mktemp("keys") / "pki"
    with small_keys():
        create_demonstration_pki(folder, PARTIES)
    return folder


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    """The first day of a small ward."""
    return make_ward(tmp_path_factory.mktemp("ward") / "inputs", 120, 7, {DAY})


@pytest.fixture(scope="module")
def new_home(tmp_path_factory, keys):
    def make(name: str) -> Path:
        home = tmp_path_factory.mktemp(name) / "home"
        shutil.copytree(keys, home / "pki")
        return home

    return make


@pytest.fixture(scope="module")
def home(new_home):
    """The home that all the faults of the day's files share."""
    return new_home("faults")


@pytest.fixture(scope="module")
def inputs(ward, tmp_path_factory):
    """The inputs that the tests break and repair."""
    return Path(shutil.copytree(ward, tmp_path_factory.mktemp("broken") / "inputs"))


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The message of a run that ended as it should: one clear error, no traceback."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.count("エラー:") == 1
    return done.stderr.strip()


def kyufu(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    return subprocess.run(
        command,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def changed_programme(folder: Path, *changes: tuple[str, str]) -> Path:
    """A copy of the programme file with text replaced."""
    text = PROGRAMME.read_text(encoding="utf-8")
    for pattern, new in changes:
        text, count = re.subn(pattern, new, text, flags=re.MULTILINE | re.DOTALL)
        assert count == 1, pattern
    path = folder / "programme.toml"
    path.write_text(text, encoding="utf-8")
    return path


# --- the programme and the places: nothing is even opened ---


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("^amount_yen = 100_000", "amount_yen = 100_000\nbonus_yen = 1"), r"bonus_yen: unknown key"),
        (("^amount_yen = 100_000", ""), r"amount_yen"),
        (("^base_date = 2020-04-27", 'base_date = "27 April"'), r"base_date"),
        (
            (r'^id = "payments"([^\n]*)\nrecipient = "bank"', r'id = "payments"\1\nrecipient = "banque"'),
            r"unknown party 'banque'",
        ),
    ],
    ids=["unknown key", "missing key", "wrong value", "unknown party"],
)  # fmt: skip
def test_a_wrong_programme_file(tmp_path, ward, change, says):
    path = changed_programme(tmp_path, change)
    home = tmp_path / "home"
    message = refused(run_campaign(ward, home, "--programme", str(path)))
    assert str(path) in message
    assert re.search(says, message)
    assert not (home / "ledger.sqlite").exists()


def test_a_severity_that_is_missing_is_told_with_its_section(tmp_path, ward, new_home):
    path = changed_programme(tmp_path, ('^LATE = "block"\n', ""))
    message = refused(run_campaign(ward, new_home("severity"), "--programme", str(path)))
    assert "[findings]" in message
    assert "LATE" in message


def test_a_programme_file_that_is_not_there(tmp_path, ward):
    message = refused(
        run_campaign(ward, tmp_path / "home", "--programme", str(tmp_path / "none.toml"))
    )
    assert str(tmp_path / "none.toml") in message
    assert "--programme" in message


def test_inputs_that_are_not_there(tmp_path):
    message = refused(run_campaign(tmp_path / "nowhere", tmp_path / "home"))
    assert str(tmp_path / "nowhere") in message
    assert "kyufu synth" in message


def test_a_resident_nobody_knows(tmp_path):
    message = refused(kyufu("status", "0000000000", "--home", str(tmp_path / "home")))
    assert "対象者はいません" in message


def test_validation_may_not_be_switched_off(tmp_path):
    message = refused(
        kyufu("balance", "--home", str(tmp_path / "home"), PANDERA_VALIDATION_ENABLED="False")
    )
    assert "PANDERA_VALIDATION_ENABLED" in message


# --- the link ---


def test_f36_a_host_key_that_is_not_the_pinned_one(home, inputs, keys):
    known_hosts = home / "pki" / "ward" / "known_hosts"
    kind, key = (keys / "server" / "accounts" / "bank.pub").read_text(encoding="ascii").split()[:2]
    known_hosts.write_text(f"kyufu-relay {kind} {key}\n", encoding="ascii")
    message = refused(run_campaign(inputs, home))
    assert "host key is not the pinned one" in message
    assert not list(home.glob("staging/*"))
    shutil.copy(keys / "ward" / "known_hosts", known_hosts)


@pytest.mark.parametrize("name", ["known_hosts", "ssh/ward-contractor"])
def test_a_key_of_the_link_that_cannot_be_read(home, inputs, keys, name):
    path = home / "pki" / "ward" / name
    path.write_text("nothing\n", encoding="ascii")
    message = refused(run_campaign(inputs, home))
    assert str(path) in message
    shutil.copy(keys / "ward" / name, path)


# --- the day's files ---


def _refused_at(home: Path, inputs: Path) -> str:
    message = refused(run_campaign(inputs, home))
    assert faults(home) == []
    assert half_written(home) == []
    return message


def test_a_missing_control_sheet(home, inputs):
    sheet = inputs / "ward" / DAY / f"register_{MARK}.control.csv"
    kept = sheet.rename(sheet.with_name("kept"))
    message = _refused_at(home, inputs)
    assert str(sheet) in message
    assert "管理票" in message
    kept.rename(sheet)


def test_f29_an_extract_that_is_not_the_control_sheets(home, inputs):
    extract = inputs / "ward" / DAY / f"register_{MARK}.csv"
    whole = extract.read_bytes()
    extract.write_bytes(b"\r\n".join(whole.split(b"\r\n")[:-2]) + b"\r\n")
    message = _refused_at(home, inputs)
    assert extract.name in message
    assert "SHA256" in message
    extract.write_bytes(whole)


def test_a_missing_register(home, inputs):
    extract = inputs / "ward" / DAY / f"register_{MARK}.csv"
    kept = extract.rename(extract.with_name("kept"))
    message = _refused_at(home, inputs)
    assert str(extract) in message
    kept.rename(extract)


def test_f29_a_file_of_another_day(home, inputs):
    file = inputs / "ward" / DAY / f"facility_children_{MARK}.csv"
    yesterday = file.rename(file.with_name("facility_children_20200517.csv"))
    message = _refused_at(home, inputs)
    assert yesterday.name in message
    assert file.name in message
    yesterday.rename(file)


def test_f33_an_empty_list_without_its_declaration_of_zero(home, inputs):
    sheet = inputs / "ward" / DAY / f"placement_elderly_{MARK}.zero.csv"
    kept = sheet.rename(sheet.with_name("kept"))
    message = _refused_at(home, inputs)
    assert sheet.name in message
    assert "零件の申告" in message
    kept.rename(sheet)


def test_a_declaration_of_zero_for_another_list(home, inputs):
    sheet = inputs / "ward" / DAY / f"placement_elderly_{MARK}.zero.csv"
    whole = sheet.read_bytes()
    sheet.write_bytes(whole.replace(b"placement_elderly", b"placement_disability"))
    assert sheet.name in _refused_at(home, inputs)
    sheet.write_bytes(whole)


def test_f33_a_list_that_never_came_stops_every_outgoing_file(home, inputs):
    file = inputs / "ward" / DAY / f"evacuation_requests_{MARK}.csv"
    kept = file.rename(file.with_name("kept"))
    message = _refused_at(home, inputs)
    assert "evacuation_requests" in message
    assert "届いていません" in message
    assert not list((home / "releases").glob("*"))
    kept.rename(file)


def test_f23_a_wrong_byte_is_told_by_its_place_never_by_its_value(home, inputs):
    file = inputs / "ward" / DAY / f"facility_outside_{MARK}.csv"
    whole = file.read_bytes()
    file.write_bytes(whole + b"\x81\xff\r\n")
    message = _refused_at(home, inputs)
    assert file.name in message
    assert re.search(r"\d+バイト目", message)
    file.write_bytes(whole)


def test_repaired_it_ends_like_a_ward_without_faults(home, inputs, ward, new_home):
    done = run_campaign(inputs, home)
    assert done.returncode == 0, done.stderr
    clean = new_home("clean")
    assert run_campaign(ward, clean).returncode == 0
    expected, found = final_state(clean), final_state(home)
    # the lists were approved twice: without the one that came late, and with it; refused files stay on record
    different = [name for name in expected if found[name] != expected[name]]
    assert different == ["approval", "refusal"]


def test_claims_that_arrive_after_the_days_matching_are_refused_not_lost(home, inputs):
    folder = inputs / "ward" / DAY
    late = [folder / f"inhouse_{kind}_{MARK}.csv" for kind in ("claims", "members")]
    for file in late:
        file.write_text("受付番号\r\n", encoding="utf-8")
    message = _refused_at(home, inputs)
    assert "inhouse_claims" in message
    assert "次の業務日" in message
    for file in late:
        file.unlink()
    assert run_campaign(inputs, home).returncode == 0


# --- production ---


def test_a_production_programme_takes_no_rehearsed_approval(tmp_path, ward, new_home):
    path = changed_programme(
        tmp_path,
        ('^mode = "demonstration"', 'mode = "production"   '),
        (r"^\[demonstration\].*", ""),
    )
    home = new_home("production")
    message = refused(run_campaign(ward, home, "--programme", str(path)))
    assert "本番の事業では職員が名簿を登録します" in message
    assert "kyufu roster register" in message
    assert faults(home) == []
    assert not list((home / "releases").glob("*"))


def test_a_production_programme_may_not_name_rehearsing_people(tmp_path, ward):
    path = changed_programme(tmp_path, ('^mode = "demonstration"', 'mode = "production"   '))
    message = refused(run_campaign(ward, tmp_path / "home", "--programme", str(path)))
    assert "[demonstration]" in message
