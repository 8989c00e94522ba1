"""Damaged bank files from a fixed seed: each is refused with a ZenginError, or is whole and says what it says."""

import random
from collections.abc import Callable

import pytest

from pipelines.outputs.zengin import (
    Profile,
    ReturnProfile,
    ZenginError,
    read,
    read_results,
    write,
)
from tests.unit.outputs.test_zengin_results import returned
from tests.zengin_samples import HEADER, PAYMENTS

SEED = 20200427
FILES = 1_500
STEP = 122  # a record with CR LF
SENT, RETURNED = write(HEADER, PAYMENTS, Profile()), returned()
Mutation = Callable[[random.Random, bytes], bytes]


def _flip(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def _insert(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + rng.randbytes(rng.randrange(1, 4)) + data[place:]


def _records(data: bytes) -> list[bytes]:
    return [data[start : start + STEP] for start in range(0, len(data), STEP)]


def _swap(rng: random.Random, data: bytes) -> bytes:
    records = _records(data)
    rng.shuffle(records)
    return b"".join(records)


def _repeat(rng: random.Random, data: bytes) -> bytes:
    records = _records(data)
    records.insert(rng.randrange(len(records)), rng.choice(records))
    return b"".join(records)


def _drop(rng: random.Random, data: bytes) -> bytes:
    records = _records(data)
    del records[rng.randrange(len(records))]
    return b"".join(records)


def _line_ends(rng: random.Random, data: bytes) -> bytes:
    return data.replace(b"\r\n", rng.choice([b"", b"\n", b"\r", b"\n\r"]))


MUTATIONS: tuple[Mutation, ...] = (_flip, _cut, _insert, _swap, _repeat, _drop, _line_ends)


def _damaged(good: bytes) -> list[bytes]:
    rng = random.Random(SEED)
    made = []
    for _ in range(FILES):
        data = good
        for mutate in rng.choices(MUTATIONS, k=rng.randrange(1, 4)):
            data = mutate(rng, data) or b"\x00"
        made.append(data)
    return made


def test_a_damaged_transfer_file_is_refused_or_reads_as_exactly_its_bytes() -> None:
    refused = 0
    for data in _damaged(SENT):
        try:
            file = read(data, Profile())
        except ZenginError:
            refused += 1
        else:
            assert write(file.header, file.payments, Profile()) == data
    assert refused > FILES * 0.9


def test_a_damaged_result_file_is_refused_or_adds_up() -> None:
    refusals = []
    for data in _damaged(RETURNED):
        try:
            found = read_results(data, ReturnProfile())
        except ZenginError as error:
            refusals.append(str(error))
        else:
            paid = [o.payment.amount_yen for o in found.outcomes if o.is_paid]
            assert (found.processed.count, found.processed.amount_yen) == (len(paid), sum(paid))
            assert found.trailer.count == len(found.outcomes)
    assert len(refusals) > FILES * 0.9
    text = "\n".join(refusals)
    assert not [payment for payment in PAYMENTS if payment.account_number in text]


@pytest.mark.parametrize("data", [b"", b"\r\n", b"1", b"9" * 120, b"\x00" * 488, b"\xff" * 488])
def test_what_is_no_bank_file_is_refused(data: bytes) -> None:
    for reader in (lambda: read(data, Profile()), lambda: read_results(data, ReturnProfile())):
        with pytest.raises(ZenginError):
            reader()
