"""Stored bytes: readable with their own key alone, the same bytes every time, gone once the key is destroyed."""

import io
import shutil
import stat

import pytest

from pipelines.at_rest.cipher import StoredBytesDamaged, plain_size
from pipelines.at_rest.store import STAGING, AtRest, Erased, KeyMissing, KeyRefused, beside

PARTITION = "register/dt=2020-05-18"
CANARY = "見本太郎,0000000001".encode()
MIB = 1 << 20


@pytest.fixture
def store(tmp_path):
    return AtRest(tmp_path / "home")


def _file(store, name="rows"):
    return store.home / "staging" / name


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB - 1, 2 * MIB, 3 * MIB + 5])
def test_what_was_written_is_read_whatever_its_size(store, size):
    data = bytes(n % 251 for n in range(1000)) * (size // 1000 + 1)
    store.write(STAGING, PARTITION, _file(store), data[:size])
    assert store.read(STAGING, PARTITION, _file(store)) == data[:size]
    assert plain_size(_file(store)) == size


@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 5])
def test_it_is_read_here_and_there_as_a_plain_file_is(store, size):
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    store.write(STAGING, PARTITION, _file(store), data)
    plain = io.BytesIO(data)
    with store.reading(STAGING, PARTITION, _file(store)) as file:
        for place, whence, count in (
            (-8, io.SEEK_END, 8), (0, io.SEEK_SET, 5), (MIB - 3, io.SEEK_SET, 7), (10, io.SEEK_CUR, 2 * MIB),
            (0, io.SEEK_SET, -1), (size + 9, io.SEEK_SET, 4),
        ):  # fmt: skip
            if whence == io.SEEK_END and size < 8:
                continue
            assert file.seek(place, whence) == plain.seek(place, whence)
            assert file.read(count) == plain.read(count)


def test_written_in_parts_it_is_the_same_file(store):
    data = bytes(range(251)) * 12_000
    store.write(STAGING, PARTITION, _file(store), data)
    with store.writing(STAGING, PARTITION, _file(store, "parts"), "rows") as file:
        for start in range(0, len(data), 700_001):
            file.write(data[start : start + 700_001])
    assert _file(store, "parts").read_bytes() == _file(store).read_bytes()


def test_nothing_of_it_lies_in_the_home_and_the_key_lies_outside(store):
    store.write(STAGING, PARTITION, _file(store), CANARY * 1000)
    assert CANARY not in _file(store).read_bytes()
    (key,) = beside(store.home).rglob("*.key")
    assert not key.is_relative_to(store.home)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert store.partitions(STAGING) == [PARTITION]


def test_written_again_it_has_the_same_bytes(store):
    store.write(STAGING, PARTITION, _file(store), CANARY)
    before = _file(store).read_bytes()
    AtRest(store.home).write(STAGING, PARTITION, _file(store), CANARY)
    assert _file(store).read_bytes() == before


@pytest.mark.parametrize("place", [16, 100, MIB + 50, -1])
def test_a_flipped_bit_is_found(store, place):
    store.write(STAGING, PARTITION, _file(store), bytes(2 * MIB))
    stored = bytearray(_file(store).read_bytes())
    stored[place] ^= 1
    _file(store).write_bytes(stored)
    with pytest.raises(StoredBytesDamaged, match="rows"):
        store.read(STAGING, PARTITION, _file(store))


@pytest.mark.parametrize("cut", [1, 17, MIB + 16 + 16, None])
def test_what_is_cut_off_is_found(store, cut):
    store.write(STAGING, PARTITION, _file(store), bytes(2 * MIB))
    stored = _file(store).read_bytes()
    _file(store).write_bytes(stored[:-cut] if cut else stored[:16])
    with pytest.raises(StoredBytesDamaged):
        store.read(STAGING, PARTITION, _file(store))
    with (
        pytest.raises(StoredBytesDamaged),
        store.reading(STAGING, PARTITION, _file(store)),
    ):
        pass


def test_a_file_under_another_files_name_is_found(store):
    store.write(STAGING, PARTITION, _file(store), CANARY)
    shutil.copy(_file(store), _file(store, "members"))
    with pytest.raises(StoredBytesDamaged):
        store.read(STAGING, PARTITION, _file(store, "members"))


def test_once_its_key_is_destroyed_no_copy_can_be_read(store, tmp_path):
    store.write(STAGING, PARTITION, _file(store), CANARY)
    copied = shutil.copytree(store.home, tmp_path / "copy")
    assert store.destroy(STAGING, PARTITION)
    assert not list(beside(store.home).rglob("*.key"))
    with pytest.raises(Erased):
        store.read(STAGING, PARTITION, _file(store))
    with pytest.raises(KeyMissing):
        AtRest(copied, store.keys).read(STAGING, PARTITION, copied / "staging" / "rows")
    assert not store.destroy(STAGING, PARTITION)


def test_nothing_is_written_again_where_the_key_is_destroyed(store):
    store.write(STAGING, PARTITION, _file(store), CANARY)
    store.destroy(STAGING, PARTITION)
    with pytest.raises(Erased):
        AtRest(store.home).write(STAGING, PARTITION, _file(store), CANARY)
    assert store.is_erased(STAGING, PARTITION)


def test_f44_a_key_that_comes_back_from_a_backup_of_the_keys_is_refused(store, tmp_path):
    store.write(STAGING, PARTITION, _file(store), CANARY)
    backup = shutil.copytree(store.keys, tmp_path / "backup")
    store.destroy(STAGING, PARTITION)
    shutil.copytree(backup, store.keys, dirs_exist_ok=True)
    with pytest.raises(Erased):
        AtRest(store.home).read(STAGING, PARTITION, _file(store))


def test_a_key_that_is_used_for_something_else_is_refused(store):
    store.write(STAGING, PARTITION, _file(store), CANARY)
    (key,) = store.keys.rglob("*.key")
    other = key.with_name("dt=2020-05-19.key")
    shutil.copy(key, other)
    with pytest.raises(KeyRefused, match="使い回し"):
        store.write(STAGING, "register/dt=2020-05-19", _file(store), CANARY)


def test_a_damaged_key_is_refused(store):
    store.write(STAGING, PARTITION, _file(store), CANARY)
    (key,) = store.keys.rglob("*.key")
    key.write_bytes(key.read_bytes()[:-1])
    with pytest.raises(KeyRefused):
        AtRest(store.home).read(STAGING, PARTITION, _file(store))


def test_a_file_of_an_earlier_kyufu_is_read_as_it_is(store):
    _file(store).parent.mkdir(parents=True)
    _file(store).write_bytes(CANARY)
    assert store.read(STAGING, PARTITION, _file(store)) == CANARY
    assert plain_size(_file(store)) == len(CANARY)


def test_a_write_that_fails_leaves_nothing(store):
    def half():
        with store.writing(STAGING, PARTITION, _file(store)) as file:
            file.write(CANARY)
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        half()
    assert list(_file(store).parent.iterdir()) == []
