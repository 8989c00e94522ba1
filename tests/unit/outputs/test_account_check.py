"""Accounts asked about before they are paid to: written and read back by positions that a profile gives."""

import pytest

from pipelines.outputs.zengin import (
    CheckProfile,
    Header,
    Profile,
    Query,
    ZenginError,
    read_answers,
    read_queries,
    write_queries,
)

COLUMNS = {
    "bank_code": 2, "branch_code": 21, "account_type": 43, "account_number": 44, "payee_kana": 51, "key": 92,
    "answer": 112,
}  # fmt: skip
ANSWERS = {
    "0": "confirmed",
    "1": "ACCOUNT_NOT_FOUND",
    "2": "HOLDER_DIFFERS",
    "9": "ACCOUNT_UNCONFIRMED",
}
PROFILE = CheckProfile(Profile(max_records=3), COLUMNS, ANSWERS)
HEADER = Header("1310400001", "ｼﾝｼﾞﾕｸｸ", "0605", "0001", "001", "1", "0131040")
QUERIES = [
    Query("0001", "001", "1", "1234567", "ﾐﾎﾝ ﾊﾅｺ", "0000000001"),
    Query("9900", "018", "1", "7654321", "ﾐﾎﾝ ﾀﾛｳ", "0000000002"),
]


def _file():
    return write_queries(HEADER, QUERIES, PROFILE)


def _answered(*codes):
    """The bank's answer: the same file as 99, each record with its code."""
    head, *data, trailer, end, _ = _file().split(b"\r\n")
    data = [line[:111] + code + line[112:] for line, code in zip(data, codes, strict=True)]
    return b"\r\n".join([head[:1] + b"99" + head[3:], *data, trailer, end, b""])


def test_it_reads_what_it_wrote_and_stands_where_the_profile_says():
    data = _file()
    assert read_queries(data, PROFILE) == QUERIES
    assert _file() == data
    head, first, _, trailer, *_ = data.split(b"\r\n")
    assert {len(line) for line in data.split(b"\r\n")[:-1]} == {120}
    assert head[:4] == b"1980"
    assert first[1:5] + first[20:23] + first[42:50] == b"000100111234567"
    assert first[50:80].decode("cp932").rstrip() == "ﾐﾎﾝ ﾊﾅｺ"
    assert (first[91:101], first[111:112]) == (b"0000000001", b" ")
    assert trailer[:7] == b"8000002"


def test_another_bank_may_want_the_items_elsewhere():
    columns = {"key": 2, "payee_kana": 12, "bank_code": 42, "branch_code": 46, "account_type": 49, "account_number": 50,
               "answer": 120}  # fmt: skip
    profile = CheckProfile(Profile(line_break="none"), columns, ANSWERS)
    data = write_queries(HEADER, QUERIES, profile)
    assert (len(data), data[121:131]) == (120 * 5, b"0000000001")
    assert read_queries(data, profile) == QUERIES


def test_answers_come_back_with_what_they_mean():
    told = read_answers(_answered(b"0", b"2"), PROFILE)
    assert told == [(QUERIES[0], "confirmed"), (QUERIES[1], "HOLDER_DIFFERS")]


@pytest.mark.parametrize("code", [b" ", b"5"])
def test_a_code_that_the_profile_does_not_know_is_refused(code):
    with pytest.raises(ZenginError, match="record 3: answer"):
        read_answers(_answered(b"0", code), PROFILE)


def test_a_request_is_no_answer_and_an_answer_no_request():
    with pytest.raises(ZenginError, match="transfer_type"):
        read_answers(_file(), PROFILE)
    with pytest.raises(ZenginError, match="transfer_type"):
        read_queries(_answered(b"0", b"0"), PROFILE)


def test_a_file_with_another_count_or_without_records_is_refused():
    lines = _file().split(b"\r\n")
    with pytest.raises(ZenginError, match="count"):
        read_queries(b"\r\n".join([lines[0], *lines[2:]]), PROFILE)
    with pytest.raises(ZenginError, match="no data"):
        read_queries(b"\r\n".join([lines[0], *lines[-3:]]), PROFILE)


@pytest.mark.parametrize("queries", [[], QUERIES * 2])
def test_no_account_and_more_than_the_bank_takes_are_refused(queries):
    with pytest.raises(ZenginError, match="count"):
        write_queries(HEADER, queries, PROFILE)


@pytest.mark.parametrize(
    ("columns", "answers", "told"),
    [
        ({"answer": 111}, ANSWERS, None),
        ({"answer": 101}, ANSWERS, "stands on another"),
        ({"answer": 121}, ANSWERS, "120|stands on"),
        ({"bank_code": 1}, ANSWERS, "stands on another"),
        ({"tax": 7}, ANSWERS, "columns must say"),
        ({}, {"1": "ACCOUNT_NOT_FOUND"}, "confirmed"),
        ({}, {"00": "confirmed"}, "one character"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(columns, answers, told):
    def profile():
        return CheckProfile(Profile(), {**COLUMNS, **columns}, answers)

    if told is None:
        assert read_queries(write_queries(HEADER, QUERIES, profile()), profile()) == QUERIES
    else:
        with pytest.raises(ValueError, match=told):
            profile()


def test_no_error_and_no_repr_shows_an_account():
    with pytest.raises(ZenginError) as caught:
        write_queries(HEADER, [Query("0001", "001", "1", "12345678", "ﾐﾎﾝ", "0000000001")], PROFILE)
    assert "12345678" not in str(caught.value)
    assert "1234567" not in repr(QUERIES)
