"""The bank's answer."""

import pytest

from pipelines.outputs.zengin import Profile, ReturnProfile, ZenginError, read_results, write
from tests.zengin_samples import HEADER, PAYMENTS

ANSWER = ReturnProfile()


def returned(
    codes: str = "02", paid: tuple[int, int] = (1, 300_000), failed: tuple[int, int] = (1, 100_000)
) -> bytes:
    """The small file with result codes at column 114 and the longer trailer."""
    rows = write(HEADER, PAYMENTS, Profile()).split(b"\r\n")[:-1]
    for place, code in enumerate(codes, start=1):
        rows[place] = rows[place][:113] + code.encode() + rows[place][114:]
    totals = f"{paid[0]:06d}{paid[1]:012d}{failed[0]:06d}{failed[1]:012d}"
    rows[3] = rows[3][:19] + totals.encode() + b" " * 65
    return b"".join(row + b"\r\n" for row in rows)


def test_every_payment_has_an_outcome() -> None:
    results = read_results(returned(), ANSWER)
    assert results.header == HEADER
    assert [(item.payment, item.code, item.reason, item.is_paid) for item in results.outcomes] == [
        (PAYMENTS[0], "0", "paid", True),
        (PAYMENTS[1], "2", "name_differs", False),
    ]
    assert (results.processed.count, results.processed.amount_yen) == (1, 300_000)
    assert (results.failed.count, results.failed.amount_yen) == (1, 100_000)
    assert results.trailer.amount_yen == 400_000


@pytest.mark.parametrize(
    ("data", "record", "field"),
    [
        (returned(codes="07"), 3, "result_code"),
        (returned(codes="0 "), 3, "result_code"),
        (returned(paid=(2, 300_000)), 4, "processed_count"),
        (returned(paid=(1, 300_001)), 4, "processed_yen"),
        (returned(failed=(0, 100_000)), 4, "failed_count"),
        (returned(failed=(1, 0)), 4, "failed_yen"),
        (returned().replace(b"8000002", b"8000001"), 4, "count"),
        (returned()[:122] + returned()[244:], 3, "count"),
        (returned()[:-1], 0, "file"),
        (write(HEADER, PAYMENTS, Profile()), 4, "processed_count"),
    ],
)
def test_answer_that_does_not_add_up_is_refused(data: bytes, record: int, field: str) -> None:
    with pytest.raises(ZenginError) as caught:
        read_results(data, ANSWER)
    assert (caught.value.record, caught.value.field) == (record, field)


def test_another_bank_another_place() -> None:
    wide = {"000": "paid", "201": "account_closed"}
    profile = ReturnProfile(Profile(), position=118, width=3, codes=wide)
    data = returned(codes="").replace(b"7        \r\n", b"7     000\r\n")
    data = data.replace(b"000001000000300000000001000000100000", b"000002000000400000" + b"0" * 18)
    assert all(outcome.is_paid for outcome in read_results(data, profile).outcomes)


@pytest.mark.parametrize(
    "setting",
    [
        {"position": 112},
        {"position": 120, "width": 2},
        {"width": 0},
        {"width": 2},
        {"codes": {"1": "no_such_account"}},
        {"line_break": "cr"},
    ],
)
def test_profile_that_cannot_be_read(setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"code|line_break"):
        ReturnProfile(**setting)  # type: ignore[arg-type]
