"""Gates: may this delivery enter at all? Each looks at a whole file and raises before anything of it is published.

A gate says yes or raises `InputRefused` with what to do. Two of them (the same content as before, an unusual size) stop
what may after all be right; a signed declaration that names exactly these bytes lets it pass.
"""

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.errors import InputRefused
from pipelines.intake.staging import Manifest, Staging, sha256
from pipelines.programme import DateInside, Intake
from schemas.tables import date_key_of

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


def assert_declared(
    sheet: Sheet, manifest: Manifest, file: str, needs: Literal["理由", "申告日"]
) -> None:
    """A declaration must be about exactly these bytes, signed by two people, and say what it needs to say.

    file: the declaration's name. needs: the reason, or the day of the declaration.

    Raises:
        InputRefused: another dataset, day, count or content, no two different names, no reason or no such day; the
            message names the items, not their values.
    """
    expected = {
        "名簿": manifest.dataset, "基準日": manifest.day.replace("-", ""), "件数": str(manifest.rows_in),
        "SHA256": content_hash(manifest.sources),
    }  # fmt: skip
    wrong = [item for item, value in expected.items() if sheet.get(item) != value]
    said = sheet.get(needs, "").strip()
    if not said or (needs == "申告日" and not _is_day(said)):
        wrong.append(needs)
    names = signers(sheet)
    wrong += [item for item, name in zip(SIGNERS, names, strict=True) if not name]
    if all(names) and names[0] == names[1]:
        wrong.append(SIGNERS[1])
    if wrong:
        raise InputRefused(
            f"{file}: この{manifest.dataset} {manifest.day}の申告ではありません(「{'」「'.join(wrong)}」)。"
            f"基準日は受け取る日、件数は{manifest.rows_in}、SHA256は届いたファイルのもの({expected['SHA256']})、"
            "申告者と確認者は別々の二人です。零件の申告には申告日(YYYYMMDD)、ほかの申告には理由も必要です。"
            "ファイルが差し替わったときは、新しい申告が必要です。担当課に確認してください。"
        )


def signers(sheet: Sheet) -> tuple[str, ...]:
    """Who signed a declaration: 申告者 and 確認者, empty where nobody did."""
    return tuple(sheet.get(item, "").strip() for item in SIGNERS)


def _is_day(text: str) -> bool:
    """Whether it is a day as YYYYMMDD."""
    if not (len(text) == 8 and text.isascii() and text.isdigit()):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def repeated_day(staging: Staging, manifest: Manifest, may_repeat: Sequence[str]) -> date | None:
    """Another day of the dataset of which a file came again, or None.

    A file without rows repeats nothing. A later day counts too, for it may have been received first, but not against
    what is staged already. A dataset of `may_repeat`, which its sender delivers whole every time, may be the same as
    the delivery before or after it, but not as one farther away.
    """
    day = date.fromisoformat(manifest.day)
    files = {name.partition("#")[0] for name, rows in manifest.file_rows.items() if rows}
    here = {digest for name, digest in manifest.sources.items() if name in files}
    staged = staging.manifest(manifest.dataset, day)
    until = day if staged and staged.sources == manifest.sources else date.max
    others = _others(staging, manifest, until)
    same = [other for other, found in others if not here.isdisjoint(found.sources.values())]
    if manifest.dataset in may_repeat:
        days = [other for other, _ in others]
        before = [other for other in days if other < day][-1:]
        after = [other for other in days if other > day][:1]
        if not set(same).isdisjoint(before + after):
            return None
    return same[-1] if same else None


def implausible_size(
    staging: Staging, manifest: Manifest, intake: Intake
) -> tuple[float, int] | None:
    """(median of the last deliveries, their number) if the delivery's rows lie outside the band, else None."""
    band = intake.size_band.get(manifest.dataset)
    yesterday = date.fromisoformat(manifest.day) - timedelta(days=1)
    earlier = _others(staging, manifest, yesterday)
    rows = [found.rows_in for _, found in earlier][-intake.last_deliveries :]
    if band is None or len(rows) < intake.min_deliveries:
        return None
    median = statistics.median(rows)
    if max(median, manifest.rows_in) < intake.min_rows:
        return None
    inside = band.at_least * median <= manifest.rows_in <= band.at_most * median
    return None if inside else (median, len(rows))


def _others(staging: Staging, manifest: Manifest, until: date) -> list[tuple[date, Manifest]]:
    """The dataset's deliveries of other days up to `until`, in order, each in its newest version."""
    days = staging.days(manifest.dataset, until)
    found = ((day, staging.manifest(manifest.dataset, day)) for day in days)
    return [(day, other) for day, other in found if other is not None and other.day != manifest.day]


def why_doubtful(staging: Staging, manifest: Manifest, intake: Intake) -> str | None:
    """Why the delivery may be the wrong one (only counts and days), or None."""
    if again := repeated_day(staging, manifest, intake.may_repeat):
        return f"{again}に取り込んだものと同じ内容です。別の日の抽出が届いた可能性があります。"
    if found := implausible_size(staging, manifest, intake):
        median, deliveries = found
        return (
            f"{manifest.rows_in:,}行は、これまで{deliveries}回の中央値{median:,.0f}行から大きく外れています。"
            "途中で切れたか、二重に出力された可能性があります。"
        )
    return None


def assert_plausible(
    staging: Staging, manifest: Manifest, intake: Intake, declaration: Sheet | None, file: str
) -> bool:
    """Refuse a delivery that may be the wrong one, unless it is declared right.

    file: the declaration's name.

    Returns:
        Whether it enters on a declaration.

    Raises:
        InputRefused: it is doubtful and not declared, or the declaration is not about it.
    """
    reason = why_doubtful(staging, manifest, intake)
    if reason is None:
        return False
    if declaration is None:
        raise InputRefused(
            f"{manifest.dataset} {manifest.day}: {reason}提供元に確認し、正しいファイルを受け取ってください。"
            f"これで正しいときは、二人で申告書({file})を作って添えてください。"
            f"申告書の件数は{manifest.rows_in}、SHA256は{content_hash(manifest.sources)}です。"
        )
    assert_declared(declaration, manifest, file, "理由")
    return True


def assert_dated(
    tables: Mapping[str, pa.Table], inside: DateInside, dataset: str, day: date
) -> None:
    """The dates inside the delivery must fit its day: not mostly later, and the newest not too old.

    One mistyped date is its row's matter and stops nothing; a delivery without any date says nothing.

    Raises:
        InputRefused: more than half are later than the day, or the newest other one is older than the limit.
    """
    key = date_key_of(inside.column)
    dates = next(t for t in tables.values() if key in t.column_names).column(key).drop_null()
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
