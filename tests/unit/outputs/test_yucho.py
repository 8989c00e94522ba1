"""Yucho symbol and number: published cases, and what must be refused."""

from pathlib import Path

import pytest

from pipelines.outputs.yucho import YuchoError, convert

CASES = Path(__file__).parents[2] / "cases" / "yucho_cases.tsv"


def published() -> list[list[str]]:
    rows = CASES.read_text(encoding="utf-8").splitlines()
    return [row.split("\t")[:6] for row in rows if not row.startswith("#")]


@pytest.mark.parametrize("case", published(), ids=lambda case: case[0])
def test_published_cases(case: list[str]) -> None:
    symbol, number, *account = case
    assert convert(symbol, number) == tuple(account)


@pytest.mark.parametrize(
    ("symbol", "number", "account"),
    [
        ("10530", "12345671", ("9900", "058", "1", "1234567")),
        ("00530", "123456", ("9900", "059", "2", "0123456")),
        ("１０５３０", "１２３４５６７１", ("9900", "058", "1", "1234567")),
        ("10530-2", "12345671", ("9900", "058", "1", "1234567")),
        ("105302", "12345671", ("9900", "058", "1", "1234567")),
        (" 10530 ", "11", ("9900", "058", "1", "0000001")),
    ],
)
def test_rule(symbol: str, number: str, account: tuple[str, ...]) -> None:
    assert convert(symbol, number) == account


@pytest.mark.parametrize(
    ("symbol", "number"),
    [
        ("", ""),
        ("1053", "12345671"),
        ("20530", "12345671"),
        ("1053A", "12345671"),
        ("10530", ""),
        ("10530", "123456711"),
        ("10530", "12345672"),
        ("10530", "1"),
        ("10530", "00000001"),
        ("00530", "12345678"),
        ("00530", "0"),
        ("10530", "1234567-1"),
    ],
)
def test_invalid_is_refused_without_being_shown(symbol: str, number: str) -> None:
    with pytest.raises(YuchoError) as caught:
        convert(symbol, number)
    assert not any(text in str(caught.value) for text in (symbol, number) if len(text) > 1)


def test_symbol_is_never_the_branch() -> None:
    """A public page turns 19927651 into 0199276, a repository 17300 into branch 173."""
    assert convert("17300", "19927651")[1:4:2] == ("738", "1992765")


def test_a_branch_can_be_required_to_exist() -> None:
    with pytest.raises(YuchoError):
        convert("11940", "12345671", must_exist=True)
