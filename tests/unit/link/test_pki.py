"""The demonstration's keys: whole or absent, made once, each owner only its own."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.link.errors import KeyNotUsable
from pipelines.link.identity import Identity, load_certificate
from pipelines.link.pki import create_demonstration_pki
from tests.link_world import PARTIES, small_keys, world


@pytest.fixture(autouse=True)
def _small_keys() -> Iterator[None]:
    with small_keys():
        yield


def test_files_are_for_their_owner_only() -> None:
    for path in (world().pki, *world().pki.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_a_party_holds_its_own_keys_and_nobody_elses() -> None:
    folder = world().pki / "parties" / "bank"
    assert {path.name for path in folder.iterdir()} == {
        "identity.key",
        "identity.crt",
        "ca.crt",
        "ward.crt",
        "ssh_key",
        "known_hosts",
    }
    assert load_certificate(folder / "ward.crt") == world().ward.certificate
    assert world().parties["bank"].certificate != world().parties["jlis"].certificate


def test_a_second_call_changes_nothing(tmp_path: Path) -> None:
    create_demonstration_pki(tmp_path / "pki", ["bank"])
    before = _content(tmp_path)
    create_demonstration_pki(tmp_path / "pki", ["bank"])
    assert _content(tmp_path) == before


def test_what_a_crash_left_is_replaced(tmp_path: Path) -> None:
    left = tmp_path / ".pki.partial" / "ward"
    left.mkdir(parents=True)
    (left / "identity.key").write_bytes(b"half a key")
    create_demonstration_pki(tmp_path / "pki", ["bank"])
    assert [path.name for path in tmp_path.iterdir()] == ["pki"]
    Identity.load(tmp_path / "pki" / "ward")


def test_other_parties_keys_are_not_touched(tmp_path: Path) -> None:
    create_demonstration_pki(tmp_path / "pki", ["bank"])
    with pytest.raises(KeyNotUsable, match="choose another folder"):
        create_demonstration_pki(tmp_path / "pki", PARTIES)


def test_a_folder_with_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("x")
    with pytest.raises(KeyNotUsable):
        create_demonstration_pki(tmp_path, PARTIES)


def test_two_processes_make_one(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    both = [spawn.Process(target=_create, args=(str(tmp_path / "pki"),)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    Identity.load(tmp_path / "pki" / "ward")


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    for name, owner in (("identity.key", "bank"), ("identity.crt", "jlis")):
        (tmp_path / name).write_bytes((world().pki / "parties" / owner / name).read_bytes())
    with pytest.raises(KeyNotUsable, match="not the key of"):
        Identity.load(tmp_path)


@pytest.mark.parametrize("content", [None, b"no key"])
def test_an_unreadable_key_is_refused(tmp_path: Path, content: bytes | None) -> None:
    certificate = world().pki / "ward" / "identity.crt"
    (tmp_path / "identity.crt").write_bytes(certificate.read_bytes())
    if content is not None:
        (tmp_path / "identity.key").write_bytes(content)
    with pytest.raises(KeyNotUsable, match=r"identity\.key"):
        Identity.load(tmp_path)


def test_a_key_never_shows_in_a_message() -> None:
    assert "key" not in repr(world().ward)


def _create(folder: str) -> None:
    with small_keys():
        create_demonstration_pki(Path(folder), ["bank"])


def _content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
