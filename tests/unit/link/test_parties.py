"""The simulated parties' own rules: records, accounts, counting, and their independence."""

import ast
from pathlib import Path

import pytest

from pipelines.link.parties import _zengin
from pipelines.link.parties._accounts import Book, is_holder, judge, read_book
from pipelines.link.parties._rows import NotATable, count_records, count_rows
from pipelines.link.parties._zengin import NotAPaymentFile, read_batch, write_result
from tests.transfer_file import Payee, transfer_file

LINK = Path(_zengin.__file__).parents[1]
PAYEES = [Payee("0001", "101", "1", "1234567", "ﾐﾎﾝ ﾊﾅｺ", 100_000), Payee(amount_yen=300_000)]


@pytest.mark.parametrize("line_end", [b"", b"\r\n"])
def test_a_batch_is_read(line_end: bytes) -> None:
    batch = read_batch(transfer_file(PAYEES, line_end=line_end))
    first = batch.transfers[0]
    assert (first.bank, first.branch, first.kind, first.number) == ("0001", "101", "1", "1234567")
    assert first.holder == "ﾐﾎﾝ ﾊﾅｺ".ljust(30)
    assert [transfer.amount_yen for transfer in batch.transfers] == [100_000, 300_000]
    assert batch.sum_yen == 400_000


def _changed(content: bytes, at: int, value: bytes) -> bytes:
    return content[:at] + value + content[at + len(value) :]


FILE = transfer_file(PAYEES)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "whole number"),
        (FILE[:-1], "whole number"),
        (FILE[:-120], "in this order"),
        (FILE[:120] + FILE[240:], "count"),
        (FILE + FILE, "in this order"),
        (_changed(FILE, 1, b"11"), "type|21"),
        (_changed(FILE, 120 + 80, b"0000100001"), "sum"),
        (_changed(FILE, 120 + 80, b"0000000000"), "zero"),
        (_changed(FILE, 120 + 80, b"       100"), "no number"),
        (_changed(FILE, 120 + 43, b"123 567"), "no number"),
        (_changed(FILE, 120 + 50, "漢字".encode("cp932")), "single-byte"),
        (_changed(FILE, 120 + 50, b"\r\n"), "line ends"),
        (_changed(FILE, 120, b"3"), "in this order"),
        (transfer_file([]), "whole number"),
        (transfer_file(PAYEES, line_end=b"\n"), "whole number"),
        (_changed(transfer_file(PAYEES, line_end=b"\r\n"), 242, b"  "), "line ends"),
    ],
)
def test_anything_else_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(NotAPaymentFile, match=reason):
        read_batch(content)


def test_a_result_has_the_codes_and_both_totals() -> None:
    batch = read_batch(transfer_file(PAYEES))
    result = write_result(batch, list(zip(batch.transfers, [0, 2], strict=True)))
    lines = result.split(b"\r\n")
    assert [len(line) for line in lines] == [120, 120, 120, 120, 120, 0]
    assert [line[113:114] for line in lines[1:3]] == [b"0", b"2"]
    assert lines[3] == (
        b"8" + b"000002" + b"000000400000" + b"000001000000100000" + b"000001000000300000"
    ).ljust(120)


@pytest.mark.parametrize(
    ("payee", "holder"),
    [
        ("ﾐﾎﾝ ﾊﾅｺ", "ミホン　ハナコ"),
        ("ﾐﾎﾝﾊﾅｺ", "ミホン　ハナコ"),
        ("ｷﾕｳﾌ ﾘﾖｳﾀ", "キュウフ　リョウタ"),
        ("ｶﾞﾊﾟﾔ ｽﾞﾝ", "ガパヤ　ズン"),
        ("ｽﾞﾛ-", "ズロー"),
        ("ｳﾞｲｵﾗ", "ヴィヲラ"),
        ("SMITH JOHN", "Ｓｍｉｔｈ　Ｊｏｈｎ"),
        (
            "ｱｲｳｴｵ ｶｷｸｹｺ ｻｼｽｾｿ ﾀﾁﾂﾃﾄ ﾅﾆﾇﾈﾉ"[:30],
            "アイウエオ　カキクケコ　サシスセソ　タチツテト　ナニヌネノハヒ",
        ),
    ],
)
def test_a_holder_is_known_in_both_writings(payee: str, holder: str) -> None:
    assert is_holder(payee.ljust(30), holder)


@pytest.mark.parametrize(
    ("payee", "holder"),
    [
        ("ﾐﾎﾝ ﾊﾅｺ", "ミホン　ハナヨ"),
        ("ﾐﾎﾝ", "ミホン　ハナコ"),
        ("ｶﾊﾔ", "ガパヤ"),
        ("", "ミホン　ハナコ"),
    ],
)
def test_another_holder_is_seen(payee: str, holder: str) -> None:
    assert not is_holder(payee.ljust(30), holder)


def test_a_transfer_is_judged(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.csv"
    header = "金融機関コード,支店コード,預金種目,口座番号,口座名義カナ\r\n"
    accounts.write_text(header + "0001,101,1,1234567,ミホン　ハナコ\r\n", encoding="utf-8")
    book: Book = read_book(accounts)
    given = [PAYEES[0], Payee(number="7654321"), Payee(holder="ﾍﾞﾂ ｼﾞﾝ")]
    batch = read_batch(transfer_file(given))
    assert [judge(transfer, book) for transfer in batch.transfers] == [0, 1, 2]


def test_a_book_with_other_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("a,b\r\n", encoding="utf-8")
    with pytest.raises(ValueError, match="columns"):
        read_book(tmp_path / "accounts.csv")


def test_rows_are_counted() -> None:
    assert count_rows('番号,氏名\r\n1,髙表\r\n2,"a\r\nb"\r\n'.encode("cp932")) == 2
    assert count_rows("番号\r\n".encode()) == 0


@pytest.mark.parametrize("content", [b"", b'a\r\n"x', b"a,b\r\n1\r\n", b"PK\x03\x04rest"])
def test_what_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(NotATable):
        count_records(content)


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or ".")
    return found


def test_the_parties_import_nothing_of_kyufu() -> None:
    files = sorted((LINK / "parties").glob("*.py"))
    assert len(files) >= 5
    for path in files:
        ours = {name for name in _imports(path) if name.split(".")[0] in ("pipelines", "schemas")}
        assert all(name.startswith("pipelines.link.parties") for name in ours), (path, ours)
    for init in (LINK / "__init__.py", LINK.parent / "__init__.py"):
        assert not _imports(init)


def test_the_link_imports_no_later_stage() -> None:
    for path in sorted(LINK.rglob("*.py")):
        tops = {name.split(".")[0] for name in _imports(path)}
        assert not tops & {"airflow", "sqlalchemy", "pandas", "duckdb"}, path
        ours = {name for name in _imports(path) if name.startswith("pipelines")}
        allowed = (
            "pipelines.link",
            "pipelines.failpoints",
            "pipelines.errors",
            "pipelines.disclosure.release",
        )
        assert all(name.startswith(allowed) for name in ours), path
