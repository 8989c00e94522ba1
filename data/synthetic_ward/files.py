"""Writing the ward's inputs: one folder a sender, one folder a day."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from data.synthetic_ward.model import Claim
from data.synthetic_ward.world import INHOUSE, ONLINE, POSTAL, Known, Ward
from data.synthetic_ward.xlsx import write_archive, write_xlsx

CP932, UTF8 = "cp932", "utf-8"
CROSS = "×"
REGISTER = [
    "住民番号",
    "世帯番号",
    "カナ氏名",
    "漢字氏名",
    "続柄",
    "生年月日",
    "郵便番号",
    "住所",
    "方書",
    "世帯主漢字氏名",
]
CHANGES = [
    "住民番号",
    "世帯番号",
    "異動事由",
    "異動年月日",
    "届出年月日",
    "カナ氏名",
    "漢字氏名",
    "続柄",
    "生年月日",
    "郵便番号",
    "住所",
    "方書",
    "世帯主漢字氏名",
]
CLAIM = [
    "受付番号",
    "受付年月日",
    "消印年月日",
    "申請区分",
    "元受付番号",
    "世帯番号",
    "申請者氏名",
    "申請者カナ",
    "申請者生年月日",
    "代理区分",
    "代理人カナ",
    "金融機関コード",
    "支店コード",
    "預金種目",
    "口座番号",
    "口座名義カナ",
    "記号",
    "番号",
    "不備コード",
]
INHOUSE_CLAIM = [*CLAIM[:6], "申請者住民番号", *CLAIM[6:]]
MEMBER = ["受付番号", "行", "氏名", "生年月日", "不要"]
APPLICATION = [
    "申請受付番号",
    "申請日時",
    "申請区分",
    "元申請受付番号",
    "申請者氏名",
    "申請者カナ",
    "申請者生年月日",
    "申請者住所",
    "証明書シリアル番号",
    "金融機関コード",
    "支店コード",
    "預金種目",
    "口座番号",
    "口座名義カナ",
    "記号",
    "番号",
    "添付数",
]
ONLINE_MEMBER = ["申請受付番号", "連番", "氏名", "生年月日", "給付希望"]
BOOK = ["金融機関コード", "支店コード", "預金種目", "口座番号", "口座名義カナ"]
_FACILITY = [
    "氏名",
    "生年月日",
    "性別",
    "住民票住所",
    "施設所在地住所",
    "入所等年月日",
    "退所等年月日",
]
_PLACEMENT = ["氏名", "生年月日", "住民票所在市区町村名", "施設所在市区町村名"]
_NOTICE = ["通知元", "氏名", "カナ氏名", "性別", "生年月日", "給付の有無"]
LISTS = {
    "facility_children": (CP932, _FACILITY),
    "facility_disability": ("xlsx", _FACILITY),
    "placement_disability": (CP932, _PLACEMENT),
    "placement_elderly": (CP932, _PLACEMENT),
    "visually_impaired": (CP932, ["住民番号", "氏名"]),
    "evacuation_requests": (
        UTF8,
        [
            "申出番号",
            "申出年月日",
            "区分",
            "氏名",
            "カナ氏名",
            "生年月日",
            "住民票住所",
            "居所住所",
        ],
    ),
    "facility_outside": (CP932, _NOTICE),
    "facility_inside": (CP932, _NOTICE),
}
_JPEG_START = bytes.fromhex("ffd8ffe000104a46494600010100000100010000fffe")
_JPEG_END = bytes.fromhex("ffd9")
_LENGTH_BYTES = 2


def to_csv(header: Sequence[str], rows: Iterable[Sequence[str]], encoding: str) -> bytes:
    """A CSV file's bytes: RFC 4180, CRLF, one header row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def compact(day: str) -> str:
    """YYYY-MM-DD as YYYYMMDD."""
    return day.replace("-", "")


def known_on(rows: Iterable[Known], day: str) -> list[tuple[str, ...]]:
    """The rows that a sender knows on a day, in the order in which it learned of them."""
    return [
        row.cells for row in sorted(rows, key=lambda r: r.first) if row.first <= day <= row.last
    ]


def folder(out: Path, sender: str, day: str) -> Path:
    """The folder of a sender's day."""
    path = out / sender / day
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_register(ward: Ward, out: Path) -> int:
    """The extract of the base date and its control sheet; returns the number of residents."""
    settings, day = ward.settings, ward.settings.days["setup"]
    rows = [
        (
            *(p.resident_id, h.household_id, p.kana, p.name, p.relation, p.birth),
            *(h.postal_code, h.address, h.building, h.head.name),
        )
        for h in ward.households
        for p in h.members
        if p.in_extract
    ]
    content = to_csv(REGISTER, rows, CP932)
    path = folder(out, "ward", day)
    (path / f"register_{compact(day)}.csv").write_bytes(content)
    sheet = [
        ("基準日", settings.ward["base_date"]),
        ("抽出日時", settings.days["extracted_at"]),
        ("件数", str(len(rows))),
        ("世帯数", str(len(ward.households))),
        ("SHA256", hashlib.sha256(content).hexdigest()),
        ("作成者", settings.ward["author"]),
    ]
    control = to_csv(("項目", "値"), sheet, CP932)
    (path / f"register_{compact(day)}.control.csv").write_bytes(control)
    return len(rows)


def write_lists(ward: Ward, out: Path) -> None:
    """The register changes and all lists, each whole, on the days on which they are delivered."""
    for day in ward.settings.days["changes"]:
        content = to_csv(CHANGES, known_on(ward.changes, day), CP932)
        (folder(out, "ward", day) / f"register_changes_{compact(day)}.csv").write_bytes(content)
    for day in ward.settings.days["lists"]:
        path = folder(out, "ward", day)
        for dataset, (form, header) in LISTS.items():
            rows = known_on(ward.lists.get(dataset, []), day)
            name = f"{dataset}_{compact(day)}"
            if form == "xlsx":
                write_xlsx(path / f"{name}.xlsx", [header, *rows])
                continue
            content = to_csv(header, rows, form)
            (path / f"{name}.csv").write_bytes(content)
            if not rows:
                sheet = _declare_zero(ward, dataset, day, content)
                (path / f"{name}.zero.csv").write_bytes(sheet)


def _declare_zero(ward: Ward, dataset: str, day: str, content: bytes) -> bytes:
    """Two people of the department declare on the day of the delivery that exactly this list is empty."""
    settings = ward.settings.ward
    rows = [
        ("名簿", dataset), ("基準日", compact(day)), ("件数", "0"), ("SHA256", hashlib.sha256(content).hexdigest()),
        ("申告者", settings["lists_author"]), ("確認者", settings["lists_checker"]), ("申告日", compact(day)),
    ]  # fmt: skip
    return to_csv(("項目", "値"), rows, CP932)


def number_claims(ward: Ward) -> None:
    """Number the claims of each channel and day in the order of their sending."""
    prefix = {ONLINE: "", POSTAL: "P", INHOUSE: "K"}
    counters: dict[tuple[str, str], int] = {}
    for claims in (ward.claims, ward.refused):
        claims.sort(key=lambda c: (c.day, c.channel, c.sent, c.order))
    for claim in sorted((*ward.claims, *ward.refused), key=lambda c: (c.day, c.sent, c.order)):
        key = (claim.channel, claim.day)
        counters[key] = counters.get(key, 0) + 1
        claim.number = f"{prefix[claim.channel]}{compact(claim.day)}{counters[key]:07d}"


def write_claims(ward: Ward, out: Path) -> None:
    """Every channel's claims, those included that the programme's periods refuse."""
    by_file: dict[tuple[str, str], list[Claim]] = {}
    for claim in sorted((*ward.claims, *ward.refused), key=lambda c: c.number):
        by_file.setdefault((claim.channel, claim.day), []).append(claim)
    for (channel, day), claims in by_file.items():
        if channel == ONLINE:
            path = folder(out, "jlis", day) / f"mynaportal_{compact(day)}.zip"
            write_archive(path, _dump(claims))
            continue
        sender, name = ("contractor", "postal") if channel == POSTAL else ("ward", "inhouse")
        encoding, header = (CP932, CLAIM) if channel == POSTAL else (UTF8, INHOUSE_CLAIM)
        path = folder(out, sender, day)
        rows = [_claim_row(c, inhouse=channel == INHOUSE) for c in claims]
        content = to_csv(header, rows, encoding)
        (path / f"{name}_claims_{compact(day)}.csv").write_bytes(content)
        members = to_csv(MEMBER, _member_rows(claims, (CROSS, "")), encoding)
        (path / f"{name}_members_{compact(day)}.csv").write_bytes(members)


def _claim_row(claim: Claim, *, inhouse: bool) -> tuple[str, ...]:
    a = claim.account
    original = claim.original.number if claim.original else ""
    start = (claim.number, claim.sent, claim.postmark, claim.kind, original, claim.household_id)
    rest = (claim.name, claim.kana, claim.birth, claim.proxy_kind, claim.proxy_kana)
    account = (a.bank, a.branch, a.kind, a.number, a.holder, a.symbol, a.book_number)
    applicant = (claim.resident_id,) if inhouse else ()
    return (*start, *applicant, *rest, *account, claim.deficiency)


def _member_rows(claims: Iterable[Claim], words: tuple[str, str]) -> Iterable[tuple[str, ...]]:
    unwanted, wanted = words
    for claim in claims:
        for n, line in enumerate(claim.lines, start=1):
            word = unwanted if line.unwanted else wanted
            yield claim.number, str(n), line.name, line.birth, word


def _dump(claims: list[Claim]) -> Iterable[tuple[str, bytes]]:
    """The members of Mynaportal's archive."""
    rows = [
        (
            *(c.number, c.sent, c.kind, c.original.number if c.original else ""),
            *(c.name, c.kana, c.birth, c.address, c.serial),
            *(c.account.bank, c.account.branch, c.account.kind, c.account.number),
            *(c.account.holder, c.account.symbol, c.account.book_number, c.attachments),
        )
        for c in claims
    ]
    yield "applications.csv", to_csv(APPLICATION, rows, UTF8)
    lines = _member_rows(claims, ("希望しない", "希望する"))
    yield "members.csv", to_csv(ONLINE_MEMBER, lines, UTF8)
    for claim in claims:
        if claim.attachments != "0":
            comment = claim.number.encode()
            length = (len(comment) + _LENGTH_BYTES).to_bytes(_LENGTH_BYTES, "big")
            picture = _JPEG_START + length + comment + _JPEG_END
            yield f"attachments/{claim.number}/account.jpg", picture


def write_book(ward: Ward, out: Path) -> None:
    """The bank's own book of accounts."""
    rows = [(*key, holder) for key, holder in sorted(ward.bank.book.items())]
    (out / "bank").mkdir()
    (out / "bank" / "accounts.csv").write_bytes(to_csv(BOOK, rows, UTF8))
