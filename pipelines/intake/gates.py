"""Gates: may this delivery enter at all? Each looks at a whole file and raises before anything of it is published.

A gate says yes or raises `InputRefused` with what to do. Two of them (the same content as before, an unusual size) stop
what may after all be right; a signed declaration that names exactly these bytes lets it pass.
"""

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import InputRefused
from pipelines.intake.keys import date_key
from pipelines.intake.staging import Manifest, Staging, sha256
from pipelines.programme import DateInside, Intake

Sheet = Mapping[str, str]
SIGNERS = ("申告者", "確認者")


def read_sheet(data: bytes, file: str) -> dict[str, str]:
    """A two-column sheet (項目, 値): a control sheet or a declaration.

    Raises:
        InputRefused: undecodable, or not such a sheet.
    """
    try:
        rows = list(csv.reader(io.StringIO(data.decode("cp932"), newline="")))
    except UnicodeDecodeError as error:
        raise InputRefused(f"{file}: cp932として読めません。") from error
    except csv.Error:
        raise InputRefused(
            f"{file}: 「項目,値」の表として読めません。壊れていないか確認し、作り直してください。"
        ) from None
    if not rows or rows[0] != ["項目", "値"] or any(len(row) != 2 for row in rows):
        raise InputRefused(f"{file}: 「項目,値」の表ではありません。")
    names = [row[0] for row in rows[1:]]
    if len(names) != len(set(names)):
        raise InputRefused(f"{file}: 同じ項目が二度あります。")
    return dict(map(tuple, rows[1:]))  # type: ignore[arg-type]


def assert_sheet_agrees(sheet: Sheet, expected: Sheet, file: str) -> None:
    """Every expected item must stand on the control sheet with that very value.

    Raises:
        InputRefused: one does not; the message names it, not its value.
    """
    for item, value in expected.items():
        if sheet.get(item) != value:
            raise InputRefused(
                f"{file}: 「{item}」がファイルと一致しません。提供元に確認し、正しい組を受け取ってください。"
            )


def assert_extracted_in_time(sheet: Sheet, base_date: date, day: date, file: str) -> None:
    """The time of extraction (抽出日時, YYYYMMDDhhmmss) lies between the base date and the day of delivery.

    Raises:
        InputRefused: it does not, or it is no such time.
    """
    made = sheet.get("抽出日時", "")
    is_time = len(made) == 14 and made.isascii() and made.isdigit()
    if not is_time or not f"{base_date:%Y%m%d}" <= made[:8] <= f"{day:%Y%m%d}":
        raise InputRefused(
            f"{file}: 「抽出日時」が基準日から{day}までの日時ではありません。"
            "別の日の抽出でないか、提供元に確認してください。"
        )


def content_hash(sources: Mapping[str, str]) -> str:
    """What names a delivery's content whatever its files are called: one file's SHA-256, or that of several."""
    hashes = [digest for _, digest in sorted(sources.items())]
    return hashes[0] if len(hashes) == 1 else sha256("\n".join(hashes).encode())


def assert_declared(sheet: Sheet, manifest: Manifest, file: str) -> None:
    """A declaration must be about exactly these bytes and signed by two people.

    Raises:
        InputRefused: another dataset, day, count or content, or no two different names.
    """
    expected = {
        "名簿": manifest.dataset, "基準日": manifest.day.replace("-", ""), "件数": str(manifest.rows_in),
        "SHA256": content_hash(manifest.sources),
    }  # fmt: skip
    assert_sheet_agrees(sheet, expected, file)
    names = signers(sheet)
    if not all(names) or names[0] == names[1] or not sheet.get("理由", "").strip():
        raise InputRefused(
            f"{file}: 理由と、別々の二人の名前(申告者、確認者)が必要です。記入し直してください。"
        )


def assert_zero_declared(sheet: Sheet, manifest: Manifest, file: str) -> None:
    """A declaration of zero must be about exactly these bytes, dated, and signed by two people.

    Raises:
        InputRefused: another dataset, day, count or content, no date of declaration, or no two different names; the
            message names the items, not their values.
    """
    expected = {
        "名簿": manifest.dataset, "基準日": manifest.day.replace("-", ""), "件数": "0",
        "SHA256": content_hash(manifest.sources),
    }  # fmt: skip
    wrong = [item for item, value in expected.items() if sheet.get(item) != value]
    if _date_of(sheet.get("申告日", "")) is None:
        wrong.append("申告日")
    names = signers(sheet)
    wrong += [item for item, name in zip(SIGNERS, names, strict=True) if not name]
    if all(names) and names[0] == names[1]:
        wrong.append(SIGNERS[1])
    if wrong:
        raise InputRefused(
            f"{file}: この名簿の{manifest.day}の零件の申告ではありません(「{'」「'.join(wrong)}」)。"
            "基準日は名簿を受け取る日、SHA256は届いた空の名簿のもの、申告日はYYYYMMDD、申告者と確認者は別々の二人です。"
            f"名簿が差し替わったときは、新しい申告が必要です(SHA256は{expected['SHA256']})。担当課に確認してください。"
        )


def signers(sheet: Sheet) -> tuple[str, ...]:
    """Who signed a declaration: 申告者 and 確認者, empty where nobody did."""
    return tuple(sheet.get(item, "").strip() for item in SIGNERS)


def _date_of(text: str) -> date | None:
    """YYYYMMDD as a date."""
    if not (len(text) == 8 and text.isascii() and text.isdigit()):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def repeated_day(staging: Staging, manifest: Manifest, may_repeat: Sequence[str]) -> date | None:
    """The earlier day whose content came again, or None.

    A delivery without rows repeats nothing. A dataset of `may_repeat`, which its sender delivers whole every time, may
    be the same as its last delivery, but not as one before that.
    """
    if manifest.rows_in == 0:
        return None
    earlier = _before(staging, manifest)
    here = content_hash(manifest.sources)
    same = [day for day, found in earlier if content_hash(found.sources) == here]
    if manifest.dataset in may_repeat and earlier and same and same[-1] == earlier[-1][0]:
        return None
    return same[-1] if same else None


def implausible_size(
    staging: Staging, manifest: Manifest, intake: Intake
) -> tuple[float, int] | None:
    """(median of the last deliveries, their number) if the delivery's rows lie outside the band, else None."""
    band = intake.size_band.get(manifest.dataset)
    rows = [found.rows_in for _, found in _before(staging, manifest)][-intake.last_deliveries :]
    if band is None or len(rows) < intake.min_deliveries:
        return None
    median = statistics.median(rows)
    if max(median, manifest.rows_in) < intake.min_rows:
        return None
    inside = band.at_least * median <= manifest.rows_in <= band.at_most * median
    return None if inside else (median, len(rows))


def _before(staging: Staging, manifest: Manifest) -> list[tuple[date, Manifest]]:
    """The dataset's deliveries of earlier days, in order, each in its newest version."""
    day = date.fromisoformat(manifest.day)
    days = staging.days(manifest.dataset, day - timedelta(days=1))
    found = ((earlier, staging.manifest(manifest.dataset, earlier)) for earlier in days)
    return [(earlier, manifest) for earlier, manifest in found if manifest is not None]


def why_doubtful(staging: Staging, manifest: Manifest, intake: Intake) -> str | None:
    """Why the delivery may be the wrong one (only counts and days), or None."""
    if again := repeated_day(staging, manifest, intake.may_repeat):
        return f"{again}に取り込んだものと同じ内容です。前の抽出が届いた可能性があります。"
    if found := implausible_size(staging, manifest, intake):
        median, deliveries = found
        return (
            f"{manifest.rows_in:,}行は、これまで{deliveries}回の中央値{median:,.0f}行から大きく外れています。"
            "途中で切れたか、二重に出力された可能性があります。"
        )
    return None


def assert_plausible(
    staging: Staging, manifest: Manifest, intake: Intake, declaration: Sheet | None, file: str,
    doubt: str | None = None,
) -> bool:  # fmt: skip
    """Refuse a delivery that may be the wrong one, unless it is declared right.

    file: the declaration's name. doubt: why it may be the wrong one, as far as whoever received it knows.

    Returns:
        Whether it enters on a declaration.

    Raises:
        InputRefused: it is doubtful and not declared, or the declaration is not about it.
    """
    reason = why_doubtful(staging, manifest, intake) or doubt
    if reason is None:
        return False
    if declaration is None:
        raise InputRefused(
            f"{manifest.dataset} {manifest.day}: {reason}提供元に確認し、正しいファイルを受け取ってください。"
            f"これで正しいときは、二人で申告書({file})を作って添えてください。"
            f"申告書の件数は{manifest.rows_in}、SHA256は{content_hash(manifest.sources)}です。"
        )
    assert_declared(declaration, manifest, file)
    return True


def assert_dated(
    tables: Mapping[str, pa.Table], inside: DateInside, dataset: str, day: date
) -> None:
    """The dates inside the delivery must fit its day: not mostly later, and the newest not too old.

    One mistyped date is its row's matter and stops nothing; a delivery without any date says nothing.

    Raises:
        InputRefused: more than half are later than the day, or the newest other one is older than the limit.
    """
    table = next(t for t in tables.values() if inside.column in t.column_names)
    dates = date_key(table.column(inside.column)).drop_null()
    if len(dates) == 0:
        return
    limit = f"{day:%Y%m%d}"
    past = dates.filter(pc.less_equal(dates, limit))
    if 2 * len(past) < len(dates):
        raise InputRefused(
            f"{dataset} {day}: 中の日付の半分より多くが{day}より後です({len(dates) - len(past)}行)。"
            "別の日のファイルでないか、提供元に確認してください。"
        )
    if inside.max_age_days is None:
        return
    oldest = f"{day - timedelta(days=inside.max_age_days):%Y%m%d}"
    if pc.max(past).as_py() < oldest:
        raise InputRefused(
            f"{dataset} {day}: 中の日付が、新しいものでも{inside.max_age_days}日より前です。"
            "前の抽出が届いた可能性があります。提供元に確認してください。"
        )
