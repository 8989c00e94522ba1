"""A home whose every partition holds canaries: in every text cell of good rows, of bad rows and of refused files."""

import io
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from data.synthetic_ward.files import to_csv
from data.synthetic_ward.xlsx import write_archive, write_xlsx
from pipelines.errors import InputRefused
from pipelines.intake import receive
from pipelines.intake.layouts import Layout, load_layout
from pipelines.programme import ROOT, Settings
from pipelines.steps.campaign import Campaign, open_campaign
from schemas.datasets import DATASETS

PROGRAMME = ROOT / "programmes" / "shinjuku-2020.toml"
EARLIER, DAY = date(2020, 5, 20), date(2020, 6, 3)
CANARY = "秘密札"
NUMBER, SHORT = "9182736450", "918273645"  # ten digits, and with a digit lost
BIRTH = "19370203"
ACCOUNT, BOOK = "7351924", "73519241"
CLAIM = "C55566677788"
CANARIES = (CANARY, NUMBER, SHORT, BIRTH, ACCOUNT, BOOK, CLAIM)
_CODES = {
    "not_wanted": "no",
    "paid_elsewhere": "yes",
    "request_role": "evacuee",
    "claim_kind": "new",
}
_VALUES = {
    "resident_id": NUMBER, "household_id": NUMBER, "applicant_resident_id": NUMBER, "birth_date": BIRTH,
    "applicant_birth_date": BIRTH, "claim_no": CLAIM, "account_number": ACCOUNT, "yucho_number": BOOK,
    "received_at": "2020-05-19T10:00:00", "line": "1", "relationship": "02", "sex": "male", "change_reason": "birth",
    "proxy_kind": "", "supersedes_no": "", "attachments": "0", "deficiency_code": "", **_CODES,
}  # fmt: skip
_DATES = ("_on",)


def open_home(home: Path) -> Campaign:
    """A campaign without a link."""
    inputs = home / "inputs"
    settings = Settings(
        programme_path=PROGRAMME, home=home, inputs=inputs, ledger_url=f"sqlite:///{home / 'ledger.sqlite'}"
    )  # fmt: skip

    def no_link(party: str) -> None:
        raise AssertionError(party)

    return open_campaign(settings, no_link)


def stage_everything(c: Campaign, day: date) -> list[str]:
    """Stage every dataset for a day; returns the datasets."""
    for dataset in DATASETS:
        manifest = receive.stage(c.programme, c.staging, dataset, day, make_files(c, dataset, day))
        if dataset == "register":
            write_control_sheet(c, day, manifest.rows_in)
    return list(DATASETS)


def write_control_sheet(c: Campaign, day: date, rows: int) -> None:
    """The register's control sheet of that day; its author is a canary."""
    path = c.inbox / day.isoformat() / f"register_{day:%Y%m%d}.control.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet = [("件数", str(rows)), ("世帯数", "1"), ("作成者", CANARY)]
    path.write_bytes(to_csv(("項目", "値"), sheet, "cp932"))


def refuse_everything(c: Campaign, day: date) -> None:
    """Hand every dataset in without its header, so that the first row of canaries stands in its place."""
    for dataset in DATASETS:
        files = make_files(c, dataset, day, headless=True)
        try:
            receive.stage(c.programme, c.staging, dataset, day, files)
        except InputRefused as error:
            c.note_refusal(dataset, str(error), day)
        else:
            raise AssertionError(f"{dataset}: a file without header was staged")


def make_files(c: Campaign, dataset: str, day: date, *, headless: bool = False) -> dict[str, bytes]:
    """A dataset's files under its layout: good rows, a row of broken cells, a ragged one, an exact duplicate."""
    layout = load_layout(c.programme.source(dataset).layout)
    members: dict[str, list[tuple[str, bytes]]] = {}
    files: dict[str, bytes] = {}
    for table in DATASETS[dataset]:
        spec = layout.tables[table.name]
        rows = list(_rows(layout, list(spec.columns.values())))
        header, rows = (rows[0], rows[1:]) if headless else (list(spec.columns), rows)
        name, _, member = spec.file_name(dataset, day).partition("#")
        if layout.format == "xlsx":
            files[name] = _workbook([header, *rows])
        elif member:
            members.setdefault(name, []).append((member, to_csv(header, rows, layout.encoding)))
        else:
            files[name] = to_csv(header, rows, layout.encoding)
    return files | {name: _archive(found) for name, found in members.items()}


def _rows(layout: Layout, columns: Sequence[str]) -> Iterator[list[str]]:
    good = [_cell(layout, column) for column in columns]
    yield good
    yield [SHORT if _VALUES.get(column) == NUMBER else CANARY for column in columns]
    yield [f"{CANARY}{place}" for place in range(len(columns) + (layout.format != "xlsx"))]
    yield good


def _cell(layout: Layout, column: str) -> str:
    value = _VALUES.get(column)
    if value is None:
        value = BIRTH if column.endswith(_DATES) else f"{CANARY}{column}"
    codes = layout.codes.get(column, {})
    return next((theirs for theirs, ours in codes.items() if ours == value), value)


def _workbook(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.BytesIO()
    write_xlsx(out, rows)
    return out.getvalue()


def _archive(members: Sequence[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    write_archive(out, members)
    return out.getvalue()
