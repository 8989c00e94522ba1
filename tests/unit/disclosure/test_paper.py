"""Paper through the gate: a piece may hold the secrets of the people it covers, and of nobody else (FAULTS.md 34)."""

from dataclasses import replace
from datetime import date

import pytest

from pipelines.disclosure.contents import read_contents
from pipelines.disclosure.guard import DisclosureRefused, Guard, Register, Secret
from pipelines.disclosure.release import Piece, make_release
from pipelines.outputs.paper import setting
from pipelines.outputs.paper.typesetting import typeset
from pipelines.programme import ROOT, load_programme

PROGRAMME = load_programme(ROOT / "programmes" / "shinjuku-2020.toml")
DAY = date(2020, 6, 3)
SAFE, OLD = "東京都新宿区百人町２丁目２０番１２号 見本荘１０３", "東京都新宿区四谷三丁目１番２号"
FLED = Secret(
    "R9",
    "0000000009",
    ("髙橋\u3000花子", "タカハシ\u3000ハナコ"),
    "19800401",
    "19800401",
    (OLD, SAFE),
)
CHILD = Secret(
    "R8", "0000000008", ("髙橋\u3000葵", "タカハシ\u3000アオイ"), "20150501", "20150501", (SAFE,)
)
COLUMNS = ("resident_id", "name_kanji", "birth_date", "address", "mailing_address")


def guard(own=()):
    days = {source.dataset: DAY for source in PROGRAMME.list_sources}
    register = Register(lambda _births, _households: own, lambda: own)
    ids = frozenset({"R8", "R9"})
    return Guard(ids, lambda: ids, lambda: (FLED, CHILD), days, 0, lambda _people: register)


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """Texts, one a page -> a PDF."""
    (tmp_path / "common.typ").write_text((setting.TEMPLATES / "common.typ").read_text())
    (tmp_path / "pages.typ").write_text(
        '#import "common.typ": data, sheet\n#show: sheet\n'
        '#data.pages.map(page => table(columns: 3, ..page.split("|"))).join(pagebreak())\n'
    )
    monkeypatch.setattr(setting, "TEMPLATES", tmp_path)
    return lambda *texts: typeset("pages", {"pages": texts}, DAY)


def release(payload, people=("R1",), pieces=(), columns=COLUMNS, own=(), disclosure="inhouse"):
    return make_release(
        PROGRAMME, guard(own), disclosure, name="inhouse_20200603.pdf", payload=payload, columns=columns,
        people=frozenset(people), records=1, sum_yen=None, day=DAY, pieces=pieces,
    )  # fmt: skip


def refusal(*arguments, **how):
    with pytest.raises(DisclosureRefused) as caught:
        release(*arguments, **how)
    for secret in ("R9", "R8", "0000000009", "花子", "百人町", "四谷"):
        assert secret not in str(caught.value) + repr(caught.value.detail)
    return caught.value


HEAD = "見本\u3000太郎|1970年1月1日|東京都新宿区新宿１丁目１番１号"
LEAKS = [
    "同封: 0000000009",
    "髙橋\u3000花子|昭和55年4月1日|",
    "タカハシ\u3000ハナコ|1980年4月1日|",
    "髙橋 花子|S55.4.1|",
    "髙橋 花子|1980/04/01|",
    f"送付先|{SAFE}|",
    "送付先|新宿区百人町2-20-12見本荘103|",
    "備考: 百人町２－２０－１２ 見本荘１０３ にお住まいです||",
    f"前の居所|{OLD}|",
    "備考: 四谷3-1-2の時と同じです||",
]


@pytest.mark.parametrize("leak", LEAKS)
def test_f34_another_members_letter_that_tells_of_the_fled_is_refused(pages, leak):
    assert release(pages(HEAD))
    found = refusal(pages(f"{HEAD}|{leak}"))
    assert found.rule == "CONTENT"
    assert sum(found.counts.values()) >= 1


@pytest.mark.parametrize("leak", LEAKS)
def test_her_own_letter_may_say_it(pages, leak):
    assert release(pages(f"{HEAD}|{leak}"), people=("R9",))


@pytest.mark.parametrize("leak", LEAKS)
def test_f34_each_piece_covers_its_own_people_alone(pages, leak):
    payload = pages(HEAD, f"{HEAD}|{leak}")
    hers_second = (Piece(1, 1, frozenset({"R1"})), Piece(2, 2, frozenset({"R9"})))
    hers_first = (Piece(1, 1, frozenset({"R9"})), Piece(2, 2, frozenset({"R1"})))
    assert release(payload, people=("R1", "R9"), pieces=hers_second)
    assert refusal(payload, people=("R1", "R9"), pieces=hers_first).rule == "CONTENT"


def test_who_lives_at_the_same_safe_place_is_no_leak(pages):
    assert release(pages(f"{HEAD}|{SAFE}|"), people=("R8",))


def test_f34_a_field_that_is_not_stated_covers_nobody(pages):
    payload = pages(f"{HEAD}|{SAFE}|")
    assert refusal(payload, people=("R9",), columns=("name_kanji", "address")).rule == "CONTENT"


def test_a_neighbour_by_the_register_is_no_leak_however_often_it_stands(pages):
    own = [f"0000000001,見本太郎,19700101,{SAFE}"]
    assert release(pages(f"{HEAD}|{SAFE}|{SAFE}"), own=own)


@pytest.mark.parametrize(
    "pieces",
    [
        (Piece(1, 1, frozenset({"R1"})),),
        (Piece(1, 2, frozenset({"R1"})), Piece(2, 2, frozenset({"R9"}))),
        (Piece(1, 1, frozenset({"R1"})), Piece(2, 2, frozenset({"R2"}))),
        (Piece(1, 1, frozenset({"R1"})), Piece(2, 3, frozenset({"R9"}))),
    ],
)
def test_pieces_that_do_not_make_up_the_pages_and_the_people_are_refused(pages, pieces):
    found = refusal(pages(HEAD, HEAD), people=("R1", "R9"), pieces=pieces)
    assert found.rule == "PIECES"


def test_a_list_of_the_wards_own_is_looked_at_too():
    mine = "0000000009,髙橋花子,19800401,新宿\r\n".encode("utf-8-sig")
    assert release(mine, people=("R9",))
    assert refusal(mine, people=("R1",)).rule == "CONTENT"


def test_a_list_tells_a_households_address_once_for_each_of_its_people():
    own = [f"0000000001,見本太郎,19700101,{SAFE}"]
    lines = f"0000000001,{SAFE}\r\n0000000002,{SAFE}\r\n".encode()
    assert release(lines, people=("R1", "R2"), own=own)
    assert refusal(lines, people=("R1", "R2")).rule == "CONTENT"


def test_the_list_for_the_post_office_is_about_nobody(pages):
    columns = ("municipality", "municipality_address", "letter")
    post = {"disclosure": "registered_mail", "columns": columns}
    assert release(pages("神奈川県横浜市||"), people=(), **post)
    assert refusal(pages("神奈川県横浜市||"), people=("R1",), **post).rule == "PEOPLE"
    assert refusal(pages("髙橋花子|1980年4月1日|"), people=(), **post).rule == "CONTENT"


# what a payload says, whatever its encoding


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_f34_every_encoding_in_use_is_read(encoding):
    payload = "0000000009,髙橋花子,昭和55年4月1日\r\n".encode(encoding)
    assert refusal(payload).rule == "CONTENT"


def test_half_width_kana_is_read_even_where_it_could_be_something_else():
    payload = "ﾀｶﾊｼ ﾊﾅｺ 19800401".encode("cp932")
    assert refusal(payload).rule == "CONTENT"
    assert any("ﾃｱ" in text for text in read_contents("ﾃｱ".encode("cp932")).texts)


@pytest.mark.parametrize(
    "payload", [b"\x00\x01\x02", b"%PDF-1.7 broken", "a".encode("utf-16-le"), b"\x81\xff"]
)
def test_what_nobody_can_read_does_not_leave(payload):
    assert refusal(payload).rule == "UNREADABLE"


def test_without_secrets_a_pdf_still_has_to_be_readable(pages):
    bare = replace(guard(), known=lambda: ())
    with pytest.raises(DisclosureRefused):
        make_release(
            PROGRAMME, bare, "inhouse", name="x.pdf", payload=b"%PDF-1.7 broken", columns=COLUMNS,
            people=frozenset(), records=0, sum_yen=None, day=DAY,
        )  # fmt: skip
