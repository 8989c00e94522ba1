"""Kanji numerals as digits: 十一丁目 is 11丁目, 昭和五十五年 is 昭和55年."""

import re

NUMERALS = "〇一二三四五六七八九十百千"
_DIGIT = {char: value for value, char in enumerate("〇一二三四五六七八九")}
_UNIT = {"十": 10, "百": 100, "千": 1000}
_RUN = re.compile(f"[{NUMERALS}]+")


def to_digits(text: str) -> str:
    """Every run of kanji numerals as digits; 二〇二 and 二百二 are both 202."""
    return _RUN.sub(lambda m: str(_value(m[0])), text)


def _value(run: str) -> int:
    total = current = 0
    for char in run:
        if char in _DIGIT:
            current = current * 10 + _DIGIT[char]
        else:
            total += (current or 1) * _UNIT[char]
            current = 0
    return total + current
