"""A dozen of the soak's kills, always the same, and proof that a campaign that ends otherwise would be seen."""

import pytest

from tests.soak import kills


def test_a_dozen_kills_at_random_moments_change_nothing(tmp_path):
    done = kills.soak(12, seed=20200427, folder=tmp_path)
    assert done.kills.total() == 12
    assert set(done.kills) == {"place", "time"}
    assert done.campaigns >= 1


def test_a_campaign_that_ends_otherwise_is_found(tmp_path, monkeypatch):
    calm = kills.Undisturbed(tmp_path, tmp_path, 1.0, {"payment": ["a payment"]})
    monkeypatch.setattr(kills, "play_undisturbed", lambda _folder: calm)
    monkeypatch.setattr(kills, "_run_once", lambda *_: False)
    monkeypatch.setattr(kills, "final_state", lambda _home: {"payment": []})
    (tmp_path / "pki").mkdir()
    with pytest.raises(AssertionError, match=r"seed 3.*payment"):
        kills.soak(1, seed=3, folder=tmp_path)
