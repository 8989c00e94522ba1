"""A fixed part of the soak, always the same."""

from tests.soak.intake import good_files, soak


def test_damaged_files_are_refused_or_true_to_the_file():
    found = soak(210, seed=20200427)
    assert sum(found.values()) == 210
    for layout in {good.layout for good in good_files()}:
        assert found[f"{layout} refused"], layout
        assert found[f"{layout} staged"], layout
