"""Pages: the same bytes for the same data, the text comes back, and nothing is printed as an empty box."""

from datetime import date

import pytest

from pipelines.errors import KyufuError
from pipelines.outputs.mailing_register import Posted, build_register
from pipelines.outputs.paper import setting
from pipelines.outputs.paper.reading import page_texts, read_pages
from pipelines.outputs.paper.typesetting import PaperError, typeset

DAY = date(2020, 5, 18)


@pytest.fixture(autouse=True)
def _a_template(tmp_path, monkeypatch):
    (tmp_path / "common.typ").write_text((setting.TEMPLATES / "common.typ").read_text())
    (tmp_path / "page.typ").write_text(
        '#import "common.typ": data, sheet, window-address, braille-cells\n'
        '#show: sheet\n#window-address("1600022", (data.address,), data.name, bars: data.bars)\n'
        "#braille-cells(data.cells)\n"
    )
    monkeypatch.setattr(setting, "TEMPLATES", tmp_path)


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


def test_a_large_document_set_by_another_process_is_the_same_and_is_read_back_the_same(monkeypatch):
    monkeypatch.undo()
    rows = [Posted(f"F20200518-{n:05d}", "郵送", f"見本{n}", "台帳の住所") for n in range(1, 400)]
    monkeypatch.setattr(setting, "_LARGE", 10**9)
    here = build_register(rows, "申請書", 0, DAY)
    monkeypatch.setattr(setting, "_LARGE", 0)
    beside = build_register(rows, "申請書", 0, DAY)
    assert beside == here
    assert page_texts(beside) == read_pages(here)
    assert "F20200518-00399" in page_texts(beside)[-1]


def test_a_process_that_cannot_set_a_document_is_an_error_that_says_so(monkeypatch):
    monkeypatch.setattr(setting, "_LARGE", 0)
    with pytest.raises(KyufuError, match="no_such_template"):
        typeset("no_such_template", {"name": "見本"}, DAY)
