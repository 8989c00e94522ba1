"""Characters a printer has not: what is printed, by which rule, and the original again."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.outputs.print_characters import (
    SETS,
    CharacterSet,
    Kept,
    NoteError,
    read_notes,
    replace_column,
    replace_text,
    restore_text,
    write_notes,
)

OWN = {"\ue001": "辻"}


def printed(text: str, name: str, encoding: str = "utf-8", *, keeps_gaiji: bool = False) -> str:
    return replace_text(text, CharacterSet(name, encoding, keeps_gaiji, OWN))[0]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("髙﨑濵邉齋", "cp932", "髙﨑濵邉齋"),
        ("髙﨑濵邉齋", "jisx0208", "高崎濱邉齋"),
        ("𠮷德瀨桒㐂麴", "cp932", "吉德瀨桒喜麹"),
        ("𠮷德瀨桒㐂麴", "jisx0208", "吉徳瀬桑喜麹"),
        ("𠮷德瀨桒㐂麴", "unicode", "𠮷德瀨桒㐂麴"),
        ("葛\U000e0101辻\ufe00", "cp932", "葛辻"),
        ("葛\U000e0101辻\ufe00", "unicode", "葛\U000e0101辻\ufe00"),
        ("か\u3099", "cp932", "が"),
        ("神塚①㈱", "cp932", "神塚①㈱"),
        ("神塚①", "jisx0208", "神塚１"),
        ("〜−—", "cp932", "～－―"),
        ("彅", "jisx0208", "〓"),
        ("\ue000\ue001", "cp932", "〓辻"),
        ("\ue000\ue001", "unicode", "〓辻"),
        ("한", "cp932", "〓"),
        ("", "cp932", ""),
    ],
)
def test_the_closest_that_the_printer_has(text: str, name: str, expected: str) -> None:
    assert printed(text, name) == expected


def test_the_wards_own_font_prints_gaiji_as_they_are() -> None:
    assert printed("\ue000", "cp932", "cp932", keeps_gaiji=True) == "\ue000"
    assert printed("\ue000", "jisx0208", keeps_gaiji=True) == "\ue000"
    assert printed("\uf8ff", "cp932", "cp932", keeps_gaiji=True) == "〓"


def test_nothing_that_the_file_cannot_hold_is_printed() -> None:
    assert printed("𠮷〜\u0085", "unicode", "cp932") == "吉～〓"
    assert printed("〜～", "jisx0208", "cp932") == "～～"
    assert printed("〜～", "jisx0208", "utf-8") == "〜～"


def test_a_column_is_changed_only_where_it_must_be() -> None:
    column = pa.array(["山田", "𠮷田", "", "𠮷\ue000", "か"], pa.large_string())
    new, notes = replace_column(column, CharacterSet("cp932", keeps_gaiji=False))
    assert new.to_pylist() == ["山田", "吉田", "", "吉〓", "か"]
    assert notes == {1: [Kept(1, "𠮷")], 3: [Kept(1, "𠮷"), Kept(2, "\ue000")]}
    same, none = replace_column(column, CharacterSet())
    assert same is column
    assert not none


@given(
    st.lists(
        st.text(
            st.characters(codec="utf-8") | st.sampled_from('髙𠮷\ue000葛\U000e0101か\u3099〜"]\\^-')
        )
    ),
    st.sampled_from(SETS),
    st.sampled_from(["utf-8", "cp932"]),
    st.booleans(),
)
def test_the_original_comes_back_and_all_that_is_printed_can_be(
    texts: list[str], name: str, encoding: str, keeps_gaiji: bool
) -> None:
    characters = CharacterSet(name, encoding, keeps_gaiji)
    new, notes = replace_column(pa.array(texts, pa.large_string()), characters)
    for row, (text, instead) in enumerate(zip(texts, new.to_pylist(), strict=True)):
        kept = notes.get(row, [])
        assert restore_text(instead, kept) == text
        assert (
            read_notes(write_notes("漢字氏名1", kept)).get("漢字氏名1", []) == kept
            if kept
            else instead == text
        )
        assert all(map(characters.holds, instead))
        assert replace_text(instead, characters) == (instead, [])


@pytest.mark.parametrize("text", ["x", "漢字氏名:0=U+1", "漢字氏名:1=U+", "漢字氏名:1=5409", " "])
def test_a_note_that_cannot_be_read(text: str) -> None:
    with pytest.raises(NoteError):
        read_notes(text)


def test_a_note_of_a_place_that_is_not_there() -> None:
    with pytest.raises(NoteError):
        restore_text("山", [Kept(2, "川")])


def test_a_set_nobody_knows() -> None:
    with pytest.raises(ValueError, match="jisx0208"):
        CharacterSet("ascii")
