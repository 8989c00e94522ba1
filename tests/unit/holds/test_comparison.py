"""Both sides of a hold: what counts as the same, what a steward sees of it, what changes its fingerprint."""

from dataclasses import replace

import pytest

from pipelines.matching.comparison import MASK, Sides, Verdict, compare, line_of, masked

PERSON = {
    "person_id": "R1", "resident_id": "0000000001", "household_id": "0000000011", "name_kanji": "見本　太郎",
    "name_kana": "ミホン　タロウ", "relationship": "02", "birth_date": "19800401", "address": "東京都新宿区西新宿1-1",
    "address_supplement": "見本荘１", "head_name_kanji": "見本　太郎", "name_key": "見本太郎", "alias_key": "MIHON",
    "kana_key": "ミホンタロウ", "loose_kana_key": "ミホンタロウ", "date_key": "19800401", "address_key": "A",
}  # fmt: skip
LINE = {
    "line": "1",
    "name_kanji": "見本太郎",
    "birth_date": "S55.4.1",
    "name_key": "見本太郎",
    "date_key": "19800401",
}
CLAIM = {
    "claim_no": "C1", "applicant_name_kanji": "見本太郎", "applicant_name_kana": "ﾐﾎﾝ ﾀﾛｳ",
    "applicant_birth_date": "19800401", "household_id": "0000000011", "account_holder_kana": "ミホンタロウ",
    "bank_code": "0001", "branch_code": "001", "account_type": "1", "account_number": "1234567", "row": 7,
    "name_key": "見本太郎", "kana_key": "ミホンタロウ", "loose_kana_key": "ミホンタロウ", "date_key": "19800401",
    "holder_key": "ミホンタロウ", "received_on": "20200601", "postmarked_on": "20200531", "deficiency_code": "03",
}  # fmt: skip
ACCOUNT = ("bank_code", "branch_code", "account_type", "account_number")
DEATH = {
    "resident_id": "0000000001",
    "change_reason": "death",
    "changed_on": "20200501",
    "notified_on": "20200508",
}
SIDES = Sides(
    CLAIM, LINE, PERSON, PERSON, PERSON, [DEATH], "20200831", ["C2"], [], [], ["C1", "C2"]
)


def _items(sides):
    return {(item.about, item.label): item for item in compare(sides)}


@pytest.mark.parametrize(
    ("where", "item", "verdict"),
    [
        # what the claim has otherwise                     the item                verdict
        ({}, ("対象者", "氏名"), "表記の違い"),             # other spacing
        ({"name_kanji": "見本　太郎"}, ("対象者", "氏名"), "一致"),
        ({"name_kanji": "MIHON", "name_key": "MIHON"}, ("対象者", "氏名"), "表記の違い"),  # the register's alias
        ({"name_kanji": "別人", "name_key": "別人"}, ("対象者", "氏名"), "相違"),
        ({"name_kanji": "", "name_key": None}, ("対象者", "氏名"), "片方に記載なし"),
        ({}, ("対象者", "生年月日"), "一致"),               # another way to write the date
        ({"birth_date": "S55.4.2", "date_key": "19800402"}, ("対象者", "生年月日"), "相違"),
    ],
)  # fmt: skip
def test_the_line_beside_the_register(where, item, verdict):
    assert _items(replace(SIDES, line={**LINE, **where}))[item].verdict == verdict


@pytest.mark.parametrize(
    ("where", "item", "verdict"),
    [
        ({}, ("申請者", "カナ"), "一致"),                   # another width
        ({"kana_key": "ミポンタロウ"}, ("申請者", "カナ"), "表記の違い"),  # loosely the same
        ({"kana_key": "ベツジン", "loose_kana_key": "ベツジン"}, ("申請者", "カナ"), "相違"),
        ({"household_id": "0000000012"}, ("対象者", "世帯番号"), "相違"),
        ({"household_id": ""}, ("対象者", "世帯番号"), "片方に記載なし"),
        ({"holder_key": "ベツジン"}, ("口座", "名義カナ"), "相違"),
        ({"account_holder_kana": ""}, ("口座", "名義カナ"), "片方に記載なし"),
        (dict.fromkeys(ACCOUNT, ""), ("口座", "番号"), "片方に記載なし"),
    ],
)  # fmt: skip
def test_the_claim_beside_the_register(where, item, verdict):
    assert _items(replace(SIDES, claim={**CLAIM, **where}))[item].verdict == verdict


def test_without_a_line_or_an_applicant_the_other_side_stands_alone():
    found = _items(replace(SIDES, line=None, applicant=None))
    assert found["対象者", "氏名"].verdict == Verdict.MISSING
    assert found["申請者", "氏名"].verdict == Verdict.MISSING


def test_changes_and_related_claims_are_told():
    found = _items(SIDES)
    change = found["異動", "対象者・申請者・世帯主"]
    assert change.registered == "死亡 20200501 (届出・通知 20200508)"
    assert found["関係する申請", "受付番号"].claimed == "C2"
    assert found["書類", "消印・受付日 / 期限"].claimed == "20200531"


def test_an_online_claim_shows_its_time_and_attachments():
    online = {
        **CLAIM,
        "received_at": "2020-06-01T10:00",
        "attachments": "0",
        "applicant_address": "",
    }
    del online["household_id"]
    found = _items(replace(SIDES, claim=online))
    assert found["書類", "不備コード・添付"].claimed == "添付0件"
    assert found["書類", "消印・受付日 / 期限"].claimed == "2020-06-01T10:00"
    assert found["対象者", "世帯番号"].verdict == Verdict.NOTE


def test_masked_items_keep_their_verdicts_and_lose_their_texts():
    plain = compare(SIDES)
    shown = masked(plain)
    assert [i.verdict for i in shown] == [i.verdict for i in plain]
    texts = {t for i in shown if i.private for t in (i.claimed, i.registered)}
    assert texts == {"", MASK}


@pytest.mark.parametrize(
    "change",
    [
        {"claim": {**CLAIM, "account_number": "7654321"}},
        {"line": None},
        {"person": {**PERSON, "address": "別の住所"}},
        {"applicant": None},
        {"head": None},
        {"changes": []},
        {"others": []},
        {"protected": ["R1"]},
        {"concerns": ["recovery"]},
        {"payable_on": ["C1"]},
        {"deadline": "20200901"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_changes_the_fingerprint(change):
    assert replace(SIDES, **change).fingerprint() != SIDES.fingerprint()


def test_how_rows_are_keyed_or_numbered_does_not_change_the_fingerprint():
    again = replace(SIDES, claim={**CLAIM, "row": 8, "name_key": "x"}, changes=list(SIDES.changes))
    assert again.fingerprint() == SIDES.fingerprint()
    two = [DEATH, {**DEATH, "changed_on": "20200502"}]
    assert (
        replace(SIDES, changes=two).fingerprint() == replace(SIDES, changes=two[::-1]).fingerprint()
    )


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([("1", "見本花子", "20100101"), ("2", "見本太郎", "19800401")], "2"),
        ([("1", "見本太郎", None), ("2", "見本花子", "19800401")], "1"),  # the name is stronger
        ([("1", "MIHON", "19800401")], "1"),  # the alias
        ([("1", "見元太郎", "19800401")], "1"),  # a misspelt name
        ([("1", "見本花子", None)], None),
        ([], None),
    ],
)
def test_the_line_that_means_a_person(lines, found):
    rows = [{"line": n, "name_key": name, "date_key": born} for n, name, born in lines]
    line = line_of(rows, PERSON)
    assert (line and line["line"]) == found


def test_a_birth_date_that_nobody_knows_means_nobody():
    unknown = {**PERSON, "name_key": "別人", "alias_key": None, "date_key": None}
    assert line_of([{"line": "1", "name_key": None, "date_key": None}], unknown) is None
