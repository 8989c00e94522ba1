"""The scan of outgoing bytes (FAULTS.md 34): every writing of a protected person is found, nobody else stops a file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.disclosure.contents import read_contents
from pipelines.disclosure.guard import DisclosureRefused, Register, Secret
from pipelines.disclosure.scan import Covered, assert_silent, scan_text

SECRET = Secret(
    "R9",
    "0000000009",
    ("髙橋\u3000花子", "タカハシ\u3000ハナコ"),
    "19800401",
    "19800401",
    ("東京都新宿区西新宿２丁目８番１号\u3000第１都庁ー１０１",),
)
OTHERS = ["0000000001,見本\u3000太郎,ミホン\u3000タロウ,19700101,新宿１丁目"] * 3


def _scan(*records, secrets=(SECRET,), encoding="utf-8", end="\r\n", own=()):
    """own: what the register says of the people the records are about."""
    payload = "".join(record + end for record in records).encode(encoding)
    register = Register(lambda _births, _households: own, lambda: own)
    for text in read_contents(payload).texts:
        assert_silent(scan_text(text, tuple(secrets), Covered(), register))


def _found(*records, **how):
    with pytest.raises(DisclosureRefused) as caught:
        _scan(*records, **how)
    message = str(caught.value)
    for value in ("髙橋", "花子", "ハナコ", "0000000009", "19800401", "西新宿"):
        assert value not in message
    return message


NUMBERS = ["0000000009", "００００００００09", "x,0000000009,y", '"0000000009"', "No.0000000009。"]
NAMES = [
    "髙橋\u3000花子,19800401",
    "髙橋 花子,19800401",
    "髙橋花子,19800401",
    "19800401 髙 橋 花 子",
    "タカハシ\u3000ハナコ,19800401",
    "ﾀｶﾊｼ ﾊﾅｺ,19800401",
    "タカハシハナコ,１９８００４０１",
    "世帯主 髙橋花子,見本,19800401,新宿",
]
ADDRESSES = [
    "東京都新宿区西新宿２丁目８番１号\u3000第１都庁ー１０１",
    "東京都新宿区西新宿2丁目8番1号 第1都庁-101",
    "東京都新宿区西新宿2丁目8番1号第1都庁－101",
    "送付先 東京都新宿区西新宿２丁目8番１号第１都庁−１０１ 見本様方",
]


@pytest.mark.parametrize("record", NUMBERS)
@pytest.mark.parametrize("place", [0, 1, 3])
def test_f34_a_number_is_found(record, place):
    assert "住民番号1件" in _found(*OTHERS[:place], record, *OTHERS[place:])


@pytest.mark.parametrize("record", NAMES)
@pytest.mark.parametrize("place", [0, 3])
def test_f34_a_name_with_its_birth_date_is_found(record, place):
    assert "氏名と生年月日1件" in _found(*OTHERS[:place], record, *OTHERS[place:])


@pytest.mark.parametrize("record", ADDRESSES)
@pytest.mark.parametrize("place", [0, 3])
def test_f34_the_present_address_is_found(record, place):
    assert "居所1件" in _found(*OTHERS[:place], record, *OTHERS[place:])


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_line_ends_and_encodings_make_no_difference(end, encoding):
    _found(*OTHERS, NAMES[0], encoding=encoding, end=end)


def test_every_record_is_counted():
    message = _found(NAMES[0], OTHERS[0], NAMES[4], NUMBERS[0], ADDRESSES[0])
    assert "住民番号1件、氏名と生年月日2件、居所1件" in message


@pytest.mark.parametrize(
    "written", ["昭和55年4月1日", "S55.4.1", "1980-04-01", "１９８０/4/1", "3550401"]
)
def test_f34_a_birth_date_as_a_list_wrote_it_is_found(written):
    secret = Secret("A1", None, ("髙橋\u3000花子",), written, "19800401", ())
    assert "氏名と生年月日1件" in _found(f"髙橋花子,{written}", secrets=[secret])
    assert "氏名と生年月日1件" in _found("髙橋花子,19800401", secrets=[secret])
    _scan("髙橋花子,19800402", secrets=[secret])
    _scan("髙橋花子,135504019", secrets=[secret])


def test_a_birth_date_with_unknown_parts_is_found():
    secret = Secret("R7", "0000000007", ("髙橋\u3000花子",), "19450000", "19450000", ())
    _found("髙橋花子,19450000", secrets=[secret])


@pytest.mark.parametrize(
    "record",
    [
        "髙橋\u3000花子,19800402",
        "タカハシ\u3000ハナコ,19790401",
        "髙橋\u3000太郎,19800401",
        "髙橋\u3000花子",
        "19800401",
        "0000000008",
        "00000000091",
        "10000000009",
        "119800401,髙橋花子",
        "東京都新宿区西新宿２丁目８番１号",
        "東京都新宿区西新宿２丁目８番１号\u3000第１都庁ー１０２",
    ],
)
def test_f34_somebody_else_stops_nothing(record):
    _scan(*OTHERS, record)


def test_a_name_and_a_birth_date_of_two_records_stop_nothing():
    _scan("髙橋\u3000花子,19700101", "見本\u3000太郎,19800401")


def test_a_person_without_a_name_or_number_stops_nothing_by_chance():
    nobody = Secret("A1", None, ("", ""), "19800401", "19800401", ("", "新宿"))
    _scan(*OTHERS, "見本,19800401,新宿", secrets=[nobody])


NEIGHBOUR = "0000000002,髙橋\u3000花子,19800401,東京都新宿区西新宿２丁目８番１号,第１都庁ー１０１"


def test_a_namesake_and_neighbour_by_the_register_stops_nothing():
    _scan(*OTHERS, NEIGHBOUR, own=[*OTHERS, NEIGHBOUR])


@pytest.mark.parametrize(
    "more", [NAMES[0], NAMES[5], ADDRESSES[0], ADDRESSES[1], NUMBERS[0], NEIGHBOUR]
)
def test_f34_once_more_than_the_register_says_is_a_leak(more):
    _found(*OTHERS, NEIGHBOUR, more, own=[*OTHERS, NEIGHBOUR])


@pytest.mark.parametrize(
    "address",
    [
        "東京都新宿区西新宿2-8-1 第1都庁-101",
        "東京都新宿区西新宿２丁目８番１号,第１都庁ー１０１号室",
        "東京都新宿区西新宿2丁目8番地の1 第1都庁101",
    ],
)
def test_f34_other_ways_to_write_a_house_number_are_found(address):
    secret = Secret("R9", None, (), "", None, ("東京都新宿区西新宿２丁目８番１号第１都庁ー１０１",))
    if address.endswith("都庁101"):
        _scan(address, secrets=[secret])  # without its dash it is another building's name
    else:
        _found(address, secrets=[secret])


def test_a_longer_house_number_is_another_house():
    secret = Secret("R9", None, (), "", None, ("東京都新宿区西新宿２丁目８番１",))
    _scan("東京都新宿区西新宿２丁目８番１１号", secrets=[secret])
    _found("東京都新宿区西新宿２丁目８番１号", secrets=[secret])


def test_no_secrets_no_scan():
    _scan(*NAMES, secrets=[])


@given(
    st.integers(0, 20),
    st.sampled_from(NUMBERS[:1] + NAMES + ADDRESSES),
    st.sampled_from(["", ",", " ", "。"]),
)
@settings(deadline=None, max_examples=30)
def test_wherever_it_stands_it_is_found(place, record, beside):
    records = OTHERS * 7
    _found(*records[:place], beside + record + beside, *records[place:])
