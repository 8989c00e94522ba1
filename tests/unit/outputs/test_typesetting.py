"""Pages: the same bytes for the same data, the text comes back, and nothing is printed as an empty box."""

from datetime import date

import pytest

from pipelines.outputs.paper import typesetting
from pipelines.outputs.paper.reading import page_texts
from pipelines.outputs.paper.typesetting import PaperError, typeset

DAY = date(2020, 5, 18)


@pytest.fixture(autouse=True)
def _a_template(tmp_path, monkeypatch):
    (tmp_path / "common.typ").write_text((typesetting.TEMPLATES / "common.typ").read_text())
    (tmp_path / "page.typ").write_text(
        '#import "common.typ": data, sheet, window-address, braille-cells\n'
        '#show: sheet\n#window-address("1600022", (data.address,), data.name, bars: data.bars)\n'
        "#braille-cells(data.cells)\n"
    )
    monkeypatch.setattr(typesetting, "TEMPLATES", tmp_path)


def page(name: str) -> bytes:
    data = {"name": name, "address": "東京都新宿区新宿1-2-3", "bars": "13144", "cells": ""}
    return typeset("page", data, DAY)


def test_the_same_data_give_the_same_bytes():
    assert page("見本 髙橋") == page("見本 髙橋")
    assert page("見本 髙橋") != page("見本 高橋")


def test_rare_characters_come_back_as_they_were():
    name = "𠮷田 﨑子 葛\U000e0100城"
    text = page_texts(page(name))[0]
    assert "𠮷田 﨑子" in text
    assert "〒160-0022" in text


def test_a_character_that_the_font_has_not_is_an_error_that_names_no_text():
    with pytest.raises(PaperError, match=r"U\+E000") as refused:
        page("見本 \ue000")
    assert "見本" not in str(refused.value)
