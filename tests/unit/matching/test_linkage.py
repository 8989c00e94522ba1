"""Linkage, as a caseworker reads it: one resident register, one list row, what follows.

Residents and rows are written as: name, reading, birth date, address; - is unknown.
"""

import random

import pyarrow as pa
import pytest

from pipelines.intake.keys import (
    address_key,
    alias_key,
    date_key,
    kana_key,
    loose_kana_key,
    name_key,
)
from pipelines.matching.engine import MatchingError
from pipelines.matching.linkage import KEYS, RULES, link


def _table(id_column, lines):
    """One line: id, name, kana, birth, address."""
    columns = list(zip(*lines, strict=True)) or [()] * 5
    ids, names, kana, births, addresses = (
        pa.array([None if cell == "-" else cell for cell in column], pa.string())
        for column in columns
    )
    return pa.table(
        {
            id_column: ids,
            "name_key": name_key(names),
            "alias_key": alias_key(names),
            "kana_key": kana_key(kana),
            "loose_kana_key": loose_kana_key(kana),
            "date_key": date_key(births),
            "address_key": address_key(addresses, "13104"),
        }
    )


REGISTER = [
    ("1", "髙橋　一郎", "タカハシ　イチロウ", "19800401", "東京都新宿区西新宿２丁目８番１号"),
    ("2", "髙橋　二郎", "タカハシ　ジロウ", "19800401", "東京都新宿区西新宿２丁目８番１号"),
    ("3", "鈴木　大輝", "スズキ　ダイキ", "20100505", "東京都新宿区新宿６丁目１番１号"),
    ("4", "鈴木　泰輝", "スズキ　タイキ", "20100505", "東京都新宿区新宿６丁目１番１号"),
    ("5", "佐藤　裕子", "サトウ　ユウコ", "19600102", "東京都新宿区大久保１丁目２番３号"),
    ("6", "佐藤　裕子", "サトウ　ユウコ", "19600102", "東京都新宿区戸山１丁目２番３号"),
    ("7", "斎藤　花子", "サイトウ　ハナコ", "19750312", "東京都新宿区矢来町１２３番地"),
    ("8", "ＬＩ　ＮＡ（田中　愛）", "-", "19900909", "東京都新宿区百人町１丁目１番１号"),
    ("9", "渡\ue000　実", "ワタナベ　ミノル", "19450000", "東京都新宿区四谷１丁目１番１号"),
    ("10", "伊藤　健", "イトウ　ケン", "19720108", "東京都新宿区原町１丁目１番１号"),
    ("11", "伊藤　健", "イトウ　タケシ", "19720118", "東京都新宿区若葉１丁目１番１号"),
    ("12", "渡\ue001　光一", "ワタナベ　コウイチ", "19661212", "東京都新宿区中井１丁目１番１号"),
    ("13", "森　薫", "モリ　カオル", "19880808", "-"),
]

# row, rule, outcome, candidates, what the row shows
CASES = [
    ("高橋一郎 タカハシイチロウ S55.4.1 西新宿2-8-1", "NAME_KANA_BIRTH_ADDRESS", "linked", "1"),
    (
        "高橋一郎 ﾀｶﾊｼｲﾁﾛｳ 1980/4/1 新宿区西新宿2-8-1都庁ハイツ305",
        "NAME_KANA_BIRTH_ADDRESS",
        "linked",
        "1",
    ),
    ("高橋一郎 - 19800401 西新宿2-8-1", "NAME_BIRTH_ADDRESS", "linked", "1"),
    ("高橋一郎 カズオ 19800401 西新宿2-8-1", "NAME_BIRTH_ADDRESS", "linked", "1"),
    ("高階市朗 タカハシイチロウ 19800401 西新宿2-8-1", "KANA_BIRTH_ADDRESS", "linked", "1"),
    ("高橋〓郎 - 19800401 西新宿2-8-1", "UNREADABLE_BIRTH_ADDRESS", "review", "1 2"),
    ("渡辺光一 - 19661212 中井1-1-1", "UNREADABLE_BIRTH_ADDRESS", "linked", "12"),
    ("高橋一郎 タカハシイチロウ 19800401 大久保9-9-9", "NAME_KANA_BIRTH", "linked", "1"),
    ("高橋一郎 タカハシイチロウ 19800401 -", "NAME_KANA_BIRTH", "linked", "1"),
    ("高橋一郎 - 19800401 -", "NAME_BIRTH", "linked", "1"),
    ("高橋一郎 - 19800401 横浜市中区本町1-1", "NAME_BIRTH", "linked", "1"),
    ("田中愛 - 19900909 -", "NAME_BIRTH", "linked", "8"),
    ("LI･NA - 19900909 -", "NAME_BIRTH", "linked", "8"),
    ("高橋一郎 カズオ 19800401 -", "NAME_BIRTH_OTHER_KANA", "linked", "1"),
    ("斉藤花子 サイトウハナコ 19750312 -", "KANA_BIRTH_NEAR_NAME", "linked", "7"),
    ("渡辺光一 ワタナベコウイチ 19661212 -", "KANA_BIRTH_NEAR_NAME", "linked", "12"),
    ("- サイトウハナコ 19750312 -", "KANA_BIRTH", "linked", "7"),
    ("渡〓実 ワタナベミノル 19450308 四谷1-1-1", "NAME_KANA_ADDRESS_PARTIAL_BIRTH", "linked", "9"),
    # not certain enough
    ("高橋一郎 カズオ 19800401 大久保9-9-9", "NAME_BIRTH_DISPUTED", "review", "1 2"),
    ("斎藤華 サイトウハナコ 19750312 -", "KANA_BIRTH_DISPUTED", "review", "7"),
    ("- サイトウハナコ 19750312 大久保9-9-9", "KANA_BIRTH_DISPUTED", "review", "7"),
    ("高橋三郎 - 19800401 西新宿2-8-1", "NEAR_NAME_BIRTH", "review", "1 2"),
    ("高橋一夫 - 19800401 -", "NEAR_NAME_BIRTH", "review", "1"),
    ("- サイドウハナゴ 19750312 -", "LOOSE_KANA_BIRTH", "review", "7"),
    ("高橋一郎 - 19800411 西新宿2-8-1", "NAME_ADDRESS_SLIP", "review", "1"),
    ("高階市朗 タカハシイチロウ 19810401 西新宿2-8-1", "KANA_ADDRESS_SLIP", "review", "1"),
    ("斎藤花子 サイトウハナコ 19751203 -", "NAME_KANA_SLIP", "review", "7"),
    ("斎藤花子 - 19750321 -", "NAME_SLIP", "review", "7"),
    ("斎藤花子 - H50.3.12 -", "NAME_SLIP", "review", "7"),
    ("斎藤花子 - 19991231 矢来町123", "NAME_ADDRESS", "review", "7"),
    ("斉藤華子 サイトウハナコ - 矢来町123", "KANA_ADDRESS", "review", "7"),
    ("森薫 - - -", "NAME_ONLY", "review", "13"),
    ("内田花子 ウチダハナコ 19750312 矢来町123", "BIRTH_ADDRESS", "review", "7"),
    # two people fit
    ("佐藤裕子 サトウユウコ 19600102 -", "NAME_KANA_BIRTH", "review", "5 6"),
    ("佐藤裕子 サトウユウコ 19600102 戸山1-2-3", "NAME_KANA_BIRTH_ADDRESS", "linked", "6"),
    ("佐藤裕子 サトウユウコ 19600102 若松町1", "NAME_KANA_BIRTH", "review", "5 6"),
    # twins
    ("鈴木大輝 - 20100505 新宿6-1-1", "NAME_BIRTH_ADDRESS", "linked", "3"),
    ("鈴木泰輝 ダイキ 20100505 新宿6-1-1", "NAME_BIRTH_ADDRESS", "linked", "4"),
    ("- スズキダイキ 20100505 新宿6-1-1", "KANA_BIRTH_ADDRESS", "linked", "3"),
    ("鈴木〓輝 - 20100505 新宿6-1-1", "UNREADABLE_BIRTH_ADDRESS", "review", "3 4"),
    # the birth date is another 伊藤健's, but the address is this one's with a slip
    ("伊藤健 - 19720108 若葉1-1-1", "NAME_BIRTH", "review", "10 11"),
    # nobody
    ("高橋一郎 タカハシイチロウ 19550723 大久保9-9-9", None, "absent", ""),
    ("山本五郎 ヤマモトゴロウ 19800401 -", None, "absent", ""),
    ("- - 19800401 -", None, "absent", ""),
    ("- - - 西新宿2-8-1", None, "absent", ""),
    ("- - - -", None, "absent", ""),
]


@pytest.mark.parametrize(("line", "rule", "outcome", "candidates"), CASES)
def test_what_a_row_leads_to(line, rule, outcome, candidates):
    found = link(_table("row_id", [("r", *line.split(" "))]), _table("person_id", REGISTER))
    row = found.to_pylist()[0]
    assert (row["rule"], row["outcome"]) == (rule, outcome)
    assert row["candidates"] == candidates.split()
    assert row["person_id"] == (candidates if outcome == "linked" else None)


def test_every_rule_has_a_case():
    assert {rule.code for rule in RULES} == {case[1] for case in CASES if case[1]}


def test_the_explanation_names_items_and_objections_but_no_value():
    lines = [
        ("a", "高橋一郎", "カズオ", "19800401", "西新宿2-8-1"),
        ("b", "佐藤裕子", "-", "19600102", "戸山9-9-9"),
        ("c", "伊藤健", "-", "19720108", "若葉1-1-1"),
        ("d", "高橋一夫", "-", "19800401", "-"),
        ("e", "山本五郎", "-", "19110101", "-"),
    ]
    found = link(_table("row_id", lines), _table("person_id", REGISTER))
    assert found["explanation"].to_pylist() == [
        "name=agreed kana=differed birth=agreed address=agreed",
        "name=agreed kana=unknown birth=agreed address=differed several_people",
        "name=agreed kana=unknown birth=agreed address=differed rival_at_address",
        "name=near kana=unknown birth=agreed address=unknown weak_rule",
        "no_candidate",
    ]


def test_two_rows_for_one_person_are_both_reviewed():
    lines = [
        ("a", "高橋一郎", "-", "19800401", "西新宿2-8-1"),
        ("b", "斎藤花子", "-", "19750312", "-"),
        ("c", "高橋一郎", "-", "19800401", "-"),
    ]
    found = link(_table("row_id", lines), _table("person_id", REGISTER)).to_pylist()
    assert [row["row_id"] for row in found] == ["a", "b", "c"]
    assert [row["outcome"] for row in found] == ["review", "linked", "review"]
    assert [row["candidates"] for row in found] == [["1"], ["7"], ["1"]]
    assert found[0]["explanation"].endswith("person_twice_on_list")


def test_an_empty_key_is_an_unknown_one():
    empty = pa.table({key: [""] for key in KEYS})
    found = link(empty.append_column("row_id", [["r"]]), empty.append_column("person_id", [["p"]]))
    assert found["outcome"].to_pylist() == ["absent"]


def test_an_empty_list_and_an_empty_register():
    nobody, rows = _table("person_id", []), _table("row_id", [("r", "森薫", "-", "-", "-")])
    assert link(rows, nobody)["outcome"].to_pylist() == ["absent"]
    assert link(_table("row_id", []), _table("person_id", REGISTER)).num_rows == 0


def test_tables_without_their_columns_or_ids_are_refused():
    rows, people = _table("row_id", [("r", "森薫", "-", "-", "-")]), _table("person_id", REGISTER)
    with pytest.raises(MatchingError, match=r"relation list_row: lacks the columns kana_key"):
        link(rows.drop_columns(["kana_key"]), people)
    with pytest.raises(
        MatchingError, match=r"relation person: a person_id is empty or there twice"
    ):
        link(rows, pa.concat_tables([people, people]))
    with pytest.raises(MatchingError, match=r"relation list_row: a row_id is empty"):
        link(_table("row_id", [("-", "森薫", "-", "-", "-")]), people)


def _planted(seed):
    """A register of 3,000, and a list of its people and of strangers, written badly."""
    rng = random.Random(seed)
    families = [
        "髙橋 タカハシ",
        "斎藤 サイトウ",
        "渡邉 ワタナベ",
        "山﨑 ヤマザキ",
        "田中 タナカ",
        "林 ハヤシ",
    ]
    first = [
        "一 カズ",
        "健 ケン",
        "裕 ユウ",
        "美 ミ",
        "直 ナオ",
        "真 マ",
        "智 トモ",
        "由 ユ",
        "正 マサ",
    ]
    second = ["郎 オ", "子 コ", "樹 キ", "香 カ", "也 ヤ", "人 ト", "恵 エ", "紀 ノリ", "治 ハル"]
    towns = ["西新宿", "大久保", "百人町", "戸山"]

    def person(number):
        parts = [rng.choice(pool).split(" ") for pool in (families, first, second)]
        (family, given, end), (family_kana, given_kana, end_kana) = zip(*parts, strict=True)
        birth = f"{rng.randint(1930, 2019)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
        chome, block, house = (rng.randint(1, 20) for _ in range(3))
        place = f"東京都新宿区{rng.choice(towns)}{chome}丁目{block}番{house}号"
        kana = f"{family_kana}　{given_kana}{end_kana}"
        return (f"{number}", f"{family}　{given}{end}", kana, birth, place)

    def written_badly(line):
        number, name, kana, birth, place = line
        if rng.random() < 0.3:
            name = name.translate(str.maketrans("髙邉﨑斎　", "高辺崎斉 "))
        if rng.random() < 0.1:
            name = name[:-1] + rng.choice("夫美代二")
        if rng.random() < 0.3:
            birth = f"{birth[:4]}/{birth[4:6]}/{birth[6:]}"
        elif rng.random() < 0.1:
            birth = birth[:7] + rng.choice("0123456789")
        kana = "-" if rng.random() < 0.4 else kana.replace("ザ", rng.choice("ザサ"))
        place = "-" if rng.random() < 0.3 else place.replace("丁目", "-").replace("番", "-")[:-1]
        return (number, name, kana, birth, place)

    register = [person(number) for number in range(3000)]
    known = [written_badly(line) for line in rng.sample(register, 400)]
    strangers = [written_badly(person(number)) for number in range(9000, 9100)]
    return register, known + strangers


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_noise_gives_no_wrong_link_and_few_misses(seed):
    register, lines = _planted(seed)
    found = link(_table("row_id", lines), _table("person_id", register)).to_pylist()
    linked = [row for row in found if row["outcome"] == "linked"]
    assert [row for row in linked if row["row_id"] != row["person_id"]] == []
    known = [row for row in found if int(row["row_id"]) < 9000]
    assert sum(row["outcome"] == "linked" for row in known) >= 0.75 * len(known)
    assert sum(row["row_id"] in row["candidates"] for row in known) >= 0.97 * len(known)


def test_the_answer_does_not_depend_on_the_order_of_rows_or_people():
    register, lines = _planted(4)
    found = link(_table("row_id", lines), _table("person_id", register))
    turned = link(_table("row_id", lines[::-1]), _table("person_id", register[::-1]))
    assert turned.sort_by("row_id").equals(found.sort_by("row_id"))
