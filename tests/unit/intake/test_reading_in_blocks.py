"""A CSV file read in blocks gives what it gives in one: the same rows, numbers and ragged rows, or a refusal."""

import random

import pytest

from pipelines.errors import InputRefused
from pipelines.intake.readers import TextTable, delimited

HEADER = ["a", "b", "c"]
LINES = ("1,2,3", "山田,太郎,1", "", "x,y", "1,2,3,4", "NA,,", "k,l,m", 'x,"y",z', "\x07,b,c")
COMMON = (20, 20, 4, 4, 4, 10, 20, 1, 1)
# quotes: around line breaks, quotes and commas, in a row that is too long, within a cell, and unclosed
QUOTED = (
    *LINES[:5], '"a\r\nb",c,"d\n\n"', '"山ソ""田","太,郎",""', '"x\n1,2,3\n",y,z,"\n"', '"a\rb",c,d', 'a"b,c,d',
    'a,"b,c',
)  # fmt: skip
QUOTED_COMMON = (10, 10, 2, 3, 3, 20, 20, 4, 4, 2, 1)


def _read(data, encoding, block, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK", block)
    try:
        table: TextTable = delimited.read_csv(data, encoding, HEADER, "file.csv")
    except InputRefused:
        return "refused"
    return table.rows.combine_chunks().to_pydict(), table.ragged_rows.to_pylist()


def _file(draw, kinds=LINES, common=COMMON):
    """Mostly good lines, with ragged, blank, quoted and cut-off ones, and now and then a wrong byte or a mark."""
    lines = ["a,b,c", *draw.choices(kinds, common, k=draw.randint(0, 12))]
    data = draw.choice(["\r\n", "\n"]).join(lines).encode("cp932")
    data += b"\r\n" if draw.random() < 0.9 else b""
    if draw.random() < 0.2:
        at = draw.randrange(len(data) + 1)
        data = data[:at] + draw.choice([b"\x80", b"\xff", b"\r", b"\x85"]) + data[at:]
    if draw.random() < 0.7:
        return data, "cp932"
    mark = b"\xef\xbb\xbf" if draw.random() < 0.5 else b""
    return mark + data.decode("cp932", "replace").encode(), draw.choice(["utf-8", "utf-8-sig"])


@pytest.mark.parametrize("seed", range(200))
def test_blocks_change_nothing(seed, monkeypatch):
    data, encoding = _file(random.Random(seed))
    whole = _read(data, encoding, 1 << 20, monkeypatch)
    for block in (1, 7, 20):
        assert _read(data, encoding, block, monkeypatch) == whole


def test_the_files_of_that_test_are_read_and_refused(monkeypatch):
    outcomes = [_read(*_file(random.Random(seed)), 7, monkeypatch) for seed in range(200)]
    refused = sum(outcome == "refused" for outcome in outcomes)
    ragged = sum(bool(outcome[1]) for outcome in outcomes if outcome != "refused")
    assert refused > 50
    assert len(outcomes) - refused > 50
    assert ragged > 20


@pytest.mark.parametrize("seed", range(300))
def test_blocks_split_no_record_between_quotes(seed, monkeypatch):
    data, encoding = _file(random.Random(seed), QUOTED, QUOTED_COMMON)
    whole = _read(data, encoding, 1 << 20, monkeypatch)
    for block in (1, 7, 20, 50):
        assert _read(data, encoding, block, monkeypatch) == whole


def test_the_files_of_that_test_have_rows_and_ragged_rows_in_later_blocks(monkeypatch):
    files = [_file(random.Random(seed), QUOTED, QUOTED_COMMON) for seed in range(300)]
    outcomes = [_read(*file, 7, monkeypatch) for file in files]
    read = [found for found in outcomes if found != "refused"]
    assert len(read) > 100
    assert len(outcomes) - len(read) > 50
    assert sum(bool(ragged) for _, ragged in read) > 50
    assert sum(any("\n" in cell for cell in rows["a"]) for rows, _ in read) > 50


def test_a_quoted_file_is_never_whole_in_memory_as_text(monkeypatch):
    lengths = []
    parse = delimited._parse

    def noting(text, *more):
        lengths.append(len(text))
        return parse(text, *more)

    monkeypatch.setattr(delimited, "_parse", noting)
    monkeypatch.setattr(delimited, "_BLOCK", 1000)
    row = '"見本\n花子",b"b,"c"\r\n'
    data = ("a,b,c\r\n" + row * 1001).encode("cp932")
    assert delimited.read_csv(data, "cp932", HEADER, "file.csv").rows.num_rows == 1001
    assert max(lengths) <= 4000
    assert sum(lengths) == len(data.decode("cp932"))


def test_a_lone_cr_in_the_header_refuses_the_file():
    with pytest.raises(InputRefused, match="見出し行の途中に改行"):
        delimited.read_csv(b"a,b,\rc\r\n1,2,3\r\n", "cp932", HEADER, "file.csv")


@pytest.mark.parametrize(
    ("bad", "message"),
    [(b"\x85", "14バイト目(3行目)"), (b"\x80", "3行目に文字ではない")],
)
def test_a_wrong_byte_of_a_later_block_is_told_by_its_place_in_the_file(bad, message, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK", 8)
    data = b"a,b,c\r\n1,2,3\r\n" + bad + b",5,6\r\n"
    with pytest.raises(InputRefused) as refused:
        delimited.read_csv(data, "cp932", HEADER, "file.csv")
    assert message in str(refused.value)
