"""Both sides of a hold: what the claim says beside what the register says, item by item, for a steward to read."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

Row = Mapping[str, Any]
MASK = "●●●"
_PERSONAL = ("name", "kana", "address", "resident_id", "household_id", "account_number", "birth")
_TELLING = re.compile(
    r"[\u3400-\u9fff々].+|.{3,}"
)  # a family or given name that is not half of another word
_TECHNICAL = ("row",)  # and every `_key`: made from the other columns


class Verdict(StrEnum):
    """How the two sides of an item stand to each other, in ward staff's words."""

    SAME = "一致"
    SPELLING = "表記の違い"
    DIFFERENT = "相違"
    MISSING = "片方に記載なし"
    NOTE = "参考"


@dataclass(frozen=True)
class Item:
    """One item. about: whose it is. private: whether its two texts are anybody's data, so that they may be masked."""

    about: str
    label: str
    claimed: str
    registered: str
    verdict: Verdict
    private: bool = True


@dataclass(frozen=True)
class Sides:
    """All that a hold is about, as staging has it.

    claim, line: of the staged claim; line is None if no line names the person. person is empty for a claim that touches
    nobody. person, applicant, head: register items
    with their keys, head being the person's; applicant and head are None where there is nobody. changes: the register's
    changes of any of them. deadline: YYYYMMDD. others: numbers of the claims that it is disputed with or shares an
    account or certificate with. protected: the ids of the protected ones among person, applicant and head.
    concerns: why two people must decide. payable_on: claims that the person may be paid on.
    """

    claim: Row
    line: Row | None
    person: Row
    applicant: Row | None
    head: Row | None
    changes: Sequence[Row]
    deadline: str
    others: Sequence[str]
    protected: Sequence[str]
    concerns: Sequence[str]
    payable_on: Sequence[str]

    def fingerprint(self) -> str:
        """SHA-256 over everything that is shown, not over how it is keyed."""
        content = {
            "claim": _plain(self.claim), "line": _plain(self.line), "person": _plain(self.person),
            "applicant": _plain(self.applicant), "head": _plain(self.head),
            "changes": sorted((_plain(row) or {} for row in self.changes), key=repr),
            "deadline": self.deadline, "others": list(self.others), "protected": sorted(self.protected),
            "concerns": sorted(self.concerns), "payable_on": list(self.payable_on),
        }  # fmt: skip
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def texts(self) -> set[str]:
        """What either side says of people and accounts: nothing of it may stand in a reason."""
        named = (self.claim, self.line or {}, self.person, self.applicant or {}, self.head or {})
        found = set()
        for row in named:
            for column, value in (_plain(row) or {}).items():
                if value and any(part in column for part in _PERSONAL):
                    found.add(str(value))
                    if "name" in column or "kana" in column:
                        found.update(filter(_TELLING.fullmatch, str(value).split()))
        return found


def _plain(row: Row | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {k: v for k, v in row.items() if k not in _TECHNICAL and not k.endswith("_key")}


def line_of(lines: Sequence[Row], person: Row) -> Row | None:
    """The line of a claim that means the person: by name and birth date, by name, by birth date alone; else None."""
    names = {person["name_key"], person.get("alias_key")} - {None}
    tiers = (
        lambda line: line["name_key"] in names and line["date_key"] == person["date_key"],
        lambda line: line["name_key"] in names,
        lambda line: line["date_key"] is not None and line["date_key"] == person["date_key"],
    )
    for tier in tiers:
        found = [line for line in lines if tier(line)]
        if found:
            return min(found, key=lambda line: str(line["line"]))
    return None


def compare(sides: Sides) -> list[Item]:
    """Every item of both sides, in the order in which a steward reads them."""
    return [
        *_person_items(sides),
        *_applicant_items(sides),
        *_account_items(sides),
        *_paper_items(sides),
        *(
            Item("異動", _whose(row, sides), "", _change(row), Verdict.NOTE)
            for row in sides.changes
        ),
        *(Item("関係する申請", "受付番号", other, "", Verdict.NOTE) for other in sides.others),
    ]


def masked(items: Sequence[Item]) -> list[Item]:
    """The items without anybody's data: only how the sides stand to each other is left."""
    return [
        replace(item, claimed=item.claimed and MASK, registered=item.registered and MASK)
        if item.private
        else item
        for item in items
    ]


def _person_items(s: Sides) -> list[Item]:
    line: Row = s.line or {}
    if not s.person:
        return [_household(s)]
    return [
        _item("対象者", "氏名", line, "name_kanji", s.person, "name_kanji", ("name_key",)),
        _item("対象者", "生年月日", line, "birth_date", s.person, "birth_date", ("date_key",)),
        _household(s),
        Item("対象者", "続柄", "", _text(s.person, "relationship"), Verdict.NOTE),
        Item("対象者", "住所", "", _address(s.person), Verdict.NOTE),
    ]


def _household(s: Sides) -> Item:
    """The printed household number beside the register's; online claims have none."""
    if "household_id" in s.claim:
        return _item("対象者", "世帯番号", s.claim, "household_id", s.person, "household_id", ())
    return Item("対象者", "世帯番号", "", _text(s.person, "household_id"), Verdict.NOTE)


def _applicant_items(s: Sides) -> list[Item]:
    own: Row = s.applicant or {}
    items = [
        _item("申請者", "氏名", s.claim, "applicant_name_kanji", own, "name_kanji", ("name_key",)),
        _item(
            "申請者", "カナ", s.claim, "applicant_name_kana", own, "name_kana", ("kana_key", "loose_kana_key"),
        ),
        _item("申請者", "生年月日", s.claim, "applicant_birth_date", own, "birth_date", ("date_key",)),
        Item("申請者", "世帯番号", "", _text(own, "household_id"), Verdict.NOTE),
        Item("申請者", "続柄", "", _text(own, "relationship"), Verdict.NOTE),
        Item("世帯主", "氏名", "", _text(s.person, "head_name_kanji"), Verdict.NOTE),
    ]  # fmt: skip
    if "applicant_address" in s.claim:
        items.append(
            _item("申請者", "住所", s.claim, "applicant_address", own, "address", ("address_key",))
        )
    return items


def _account_items(s: Sides) -> list[Item]:
    own: Row = s.applicant or {}
    holder = {**s.claim, "loose_kana_key": s.claim.get("holder_key")}
    parts = [
        _text(s.claim, n) for n in ("bank_code", "branch_code", "account_type", "account_number")
    ]
    yucho = [_text(s.claim, n) for n in ("yucho_symbol", "yucho_number")]
    account = "-".join(part for part in (*parts, *yucho) if part)
    return [
        _item("口座", "名義カナ", holder, "account_holder_kana", own, "name_kana", ("loose_kana_key",)),
        Item("口座", "番号", account, "", Verdict.NOTE if account else Verdict.MISSING),
        Item(
            "代理", "区分・カナ",
            " ".join(filter(None, (_text(s.claim, "proxy_kind"), _text(s.claim, "proxy_name_kana")))),
            "", Verdict.NOTE,
        ),
    ]  # fmt: skip


def _paper_items(s: Sides) -> list[Item]:
    came = _text(s.claim, "postmarked_on") or _text(s.claim, "received_on")
    lacks = _text(s.claim, "deficiency_code")
    if "attachments" in s.claim:
        came, lacks = _text(s.claim, "received_at"), f"添付{_text(s.claim, 'attachments')}件"
    return [
        Item("書類", "消印・受付日 / 期限", came, s.deadline, Verdict.NOTE, private=False),
        Item("書類", "不備コード・添付", lacks, "", Verdict.NOTE, private=False),
    ]


def _item(
    about: str, label: str, claim: Row, claimed: str, register: Row, registered: str, keys: Sequence[str],
) -> Item:  # fmt: skip
    """One item; keys: match keys from the strictest to the loosest, none where the texts themselves are compared."""
    left, right = _text(claim, claimed), _text(register, registered)
    return Item(about, label, left, right, _verdict(left, right, claim, register, keys))


def _verdict(left: str, right: str, claim: Row, register: Row, keys: Sequence[str]) -> Verdict:
    if not left or not right:
        return Verdict.MISSING
    if left == right:
        return Verdict.SAME
    for place, key in enumerate(keys):
        own, other = claim.get(key), register.get(key)
        if own is not None and own == other:
            strict = (place == 0 and len(keys) > 1) or key == "date_key"
            return Verdict.SAME if strict else Verdict.SPELLING
    if "name_key" in keys and claim.get("name_key") == register.get("alias_key"):
        return (
            Verdict.SPELLING
        )  # a name in the register's brackets: 通称, or a Latin name beside the kanji
    return Verdict.DIFFERENT


def _text(row: Row, column: str) -> str:
    return str(row.get(column) or "")


def _address(person: Row) -> str:
    return " ".join(filter(None, (_text(person, "address"), _text(person, "address_supplement"))))


def _whose(change: Row, sides: Sides) -> str:
    """Whose change it is; somebody may be more than one of them."""
    places = {"対象者": sides.person, "申請者": sides.applicant, "世帯主": sides.head}
    resident = change["resident_id"]
    return "・".join(
        place for place, row in places.items() if row and row["resident_id"] == resident
    )


_REASONS = {"death": "死亡", "moved_out": "転出", "moved_in": "転入", "birth": "出生"}


def _change(row: Row) -> str:
    reason = str(row["change_reason"])
    return f"{_REASONS.get(reason, reason)} {row['changed_on']} (届出・通知 {row['notified_on'] or '不明'})"
