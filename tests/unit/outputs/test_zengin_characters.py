"""Names brought into the bank's characters."""

import pytest

from pipelines.outputs.zengin import bank_name_kana


@pytest.mark.parametrize(
    ("name", "value", "changed"),
    [
        ("ヤマダ　タロウ", "ﾔﾏﾀﾞ ﾀﾛｳ", ()),
        ("ﾔﾏﾀﾞ ﾀﾛｳ", "ﾔﾏﾀﾞ ﾀﾛｳ", ()),
        ("キュウヨ　イチロウ", "ｷﾕｳﾖ ｲﾁﾛｳ", ("SMALL_KANA",)),
        ("ｷｭｳﾖ", "ｷﾕｳﾖ", ("SMALL_KANA",)),
        ("やまだ　たろう", "ﾔﾏﾀﾞ ﾀﾛｳ", ("HIRAGANA",)),
        ("ローラ", "ﾛ-ﾗ", ("LONG_MARK",)),
        ("ｵｰﾉ", "ｵ-ﾉ", ("LONG_MARK",)),
        ("ヲガワ　ヰヱ", "ｵｶﾞﾜ ｲｴ", ("OLD_KANA",)),
        ("ヴィクトル", "ｳﾞｲｸﾄﾙ", ("SMALL_KANA", "VU")),
        ("ヵヶ", "ｶｹ", ("SMALL_KANA",)),
        ("ジョン・スミス", "ｼﾞﾖﾝ ｽﾐｽ", ("SMALL_KANA", "MIDDLE_DOT")),
        ("ｊｏｈｎ Smith", "JOHN SMITH", ("LOWER_CASE",)),
        ("ヤマダ　　タロウ　", "ﾔﾏﾀﾞ ﾀﾛｳ", ("SPACES",)),
        ("カ゛ハ゜", "ｶﾞﾊﾟ", ()),
        ("カ）ギンコウ", "ｶ)ｷﾞﾝｺｳ", ()),
        ("ア" * 31, "ｱ" * 30, ("CUT",)),
        ("ガ" * 16, "ｶﾞ" * 15, ("CUT",)),
        ("山田タロウ", "ﾀﾛｳ", ("REFUSED",)),
        ("A*B", "AB", ("REFUSED",)),
        ("", "", ()),
    ],
)
def test_rules(name: str, value: str, changed: tuple[str, ...]) -> None:
    kana = bank_name_kana(name)
    assert (kana.value, kana.changed) == (value, changed)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("キュウヨ", False), ("山田タロウ", True), ("ア" * 31, True), ("", True), ("山田", True)],
)
def test_lost_characters_need_a_person(name: str, expected: bool) -> None:
    assert bank_name_kana(name).needs_person is expected


def test_marks_and_width_are_the_banks() -> None:
    assert bank_name_kana("A/B", marks="/").value == "A/B"
    assert len(bank_name_kana("ア" * 50, width=40).value) == 40


def test_name_is_not_in_repr() -> None:
    assert "ﾀﾛｳ" not in repr(bank_name_kana("タロウ"))
