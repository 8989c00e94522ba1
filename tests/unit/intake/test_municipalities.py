"""Which municipality or prefecture a written place names, and where letters to it go: only what the table states."""

import pytest

from pipelines.intake.municipalities import load_directory, place_name
from pipelines.programme import ROOT, ProgrammeError, load_programme

PROGRAMME = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")


@pytest.fixture(scope="module")
def directory():
    return load_directory(PROGRAMME.letters.directory)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("神奈川県横浜市", "神奈川県横浜市"),
        ("神奈川県横浜市中区本町６丁目５０番地の１０", "神奈川県横浜市"),
        ("横浜市港北区", "神奈川県横浜市"),
        ("東京都豊島区緑町４丁目５－６", "東京都豊島区"),
        ("豊島区", "東京都豊島区"),
        ("千葉県", "千葉県"),
        ("　埼玉県 川口市", "埼玉県川口市"),
        ("北海道札幌市", None),
        ("見本荘１０１", None),
        ("", None),
    ],
)
def test_a_place_is_the_municipality_that_it_names(directory, place, name):
    found = directory.find(place)
    assert (found.name if found else None) == name


def test_a_place_that_the_table_lacks_is_told_without_anybodys_address():
    assert place_name("北海道札幌市中央区見本１丁目") == "北海道札幌市"


def test_the_synthetic_wards_senders_all_have_an_address(directory):
    from data.synthetic_ward.listing import ELSEWHERE

    assert [place for place in ELSEWHERE if directory.find(place) is None] == []


ENTRY = '[[municipality]]\ncode = "{}"\nname = "{}"\npostal_code = "0001410"\naddress = "x"\noffice = "y"\n'


@pytest.mark.parametrize(
    "text",
    [
        "nothing = 1",
        "[[municipality]",
        ENTRY.format("1410", "神奈川県横浜市"),
        ENTRY.format("14100", "神奈川県横浜市") * 2,
        ENTRY.format("14100", "神奈川県横浜市") + ENTRY.format("14101", "神奈川県横浜市中区"),
    ],
)
def test_a_table_that_cannot_be_used_is_an_error(tmp_path, text):
    (tmp_path / "t.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ProgrammeError, match=r"t\.toml"):
        load_directory("t", tmp_path)


def test_a_table_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(ProgrammeError):
        load_directory("none", tmp_path)
