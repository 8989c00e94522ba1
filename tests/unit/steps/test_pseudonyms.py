"""Audit records name nobody: the same person is the same digest, and only the ward's key makes it."""

import multiprocessing
from types import SimpleNamespace

import pytest

from pipelines.errors import KyufuError
from pipelines.steps.pseudonyms import KEY, pseudonym


def _ward(home, programme="test-2020"):
    return SimpleNamespace(home=home, programme=SimpleNamespace(id=programme))


def _name(home):
    return pseudonym(_ward(home), "R0000000001")


def test_the_same_person_is_the_same_and_nobody_is_told(tmp_path):
    first = _name(tmp_path)
    assert first == _name(tmp_path)
    assert first.startswith("person:")
    assert "0000000001" not in first
    assert pseudonym(_ward(tmp_path), "R0000000002") != first
    assert pseudonym(_ward(tmp_path, "other-2021"), "R0000000001") != first


def test_without_the_key_nothing_can_be_made_again(tmp_path):
    first = _name(tmp_path)
    key = tmp_path / KEY
    assert key.stat().st_mode & 0o777 == 0o600
    key.unlink()
    assert _name(tmp_path) != first


def test_a_damaged_key_is_refused(tmp_path):
    _name(tmp_path)
    (tmp_path / KEY).write_bytes(b"short")
    with pytest.raises(KyufuError, match="鍵が壊れています"):
        _name(tmp_path)


def test_processes_that_begin_at_once_make_one_key(tmp_path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(_name, [tmp_path] * 8))) == 1
    assert [p.name for p in (tmp_path / KEY).parent.iterdir()] == [KEY.name]
