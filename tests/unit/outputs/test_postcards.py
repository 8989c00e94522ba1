"""The contractor's postcards: golden bytes, and what does not fit is never cut off."""

import pyarrow as pa
import pytest

from pipelines.outputs.postcards import PostcardError, PostcardProfile, build_postcards, fits

SMALL = PostcardProfile(address_lines=3, line_characters=8, name_characters=6)
NAMES = (
    "payment_key", "household_id", "postal_code", "address", "address_supplement", "head_name_kanji", "decided_yen",
    "transfer_date",
)  # fmt: skip


def notices(*rows: tuple[object, ...]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(NAMES, row, strict=True)) for row in rows])


FIRST = (
    "K1",
    "0000000002",
    "1600023",
    "見本区見本町１丁目２番",
    "荘１０１",
    "見本\u3000太郎",
    300_000,
    "2020-06-05",
)
SECOND = (
    "K2",
    "0000000001",
    "1600022",
    "見本区見本町",
    None,
    "見本\u3000花子",
    100_000,
    "2020-06-05",
)


def test_the_file_is_this() -> None:
    assert build_postcards(notices(FIRST, SECOND), SMALL).decode() == (
        "世帯番号,郵便番号,住所1,住所2,住所3,宛名,給付決定額,振込予定日\r\n"
        "0000000001,1600022,見本区見本町,,,見本\u3000花子,100000,2020年6月5日\r\n"
        "0000000002,1600023,見本区見本町１丁,目２番,荘１０１,見本\u3000太郎,300000,2020年6月5日\r\n"
    )


def test_it_comes_in_the_contractors_encoding() -> None:
    data = build_postcards(notices(SECOND), PostcardProfile(encoding="cp932", line_end="\n"))
    assert data.decode("cp932").count("\n") == 2
    assert b"\r" not in data


@pytest.mark.parametrize(
    ("place", "value"),
    [(3, "見" * 17), (4, "荘" * 9), (5, "見本\u3000長左衛門太郎")],
)
def test_what_does_not_fit_is_told_and_refused(place: int, value: str) -> None:
    long = (*FIRST[:place], value, *FIRST[place + 1 :])
    assert fits(notices(FIRST, long), SMALL).to_pylist() == [True, False]
    with pytest.raises(PostcardError, match="row 2") as refused:
        build_postcards(notices(SECOND, long), SMALL)
    assert value not in str(refused.value)
