"""A campaign on an empty ledger, the ward's inbox, and a steward's spreadsheet program."""

import io
from collections.abc import Sequence
from datetime import date

import msoffcrypto
import openpyxl
from msoffcrypto.format.ooxml import OOXMLFile

from pipelines.intake import receive
from pipelines.intake.mending_book import LOCKED
from pipelines.intake.staging import Staging
from pipelines.ledger.engine import open_engine
from pipelines.ledger.store import Ledger
from pipelines.programme import ROOT, Settings, load_programme
from pipelines.steps import register
from pipelines.steps.campaign import Campaign
from tests.intake_files import register_file
from tests.unit.ledger.ledger_world import new_sqlite

PROGRAMME = ROOT / "programmes" / "shinjuku-2020.toml"
PASSWORD = "kyufu-test-password"


def csv_bytes(*lines: str, encoding: str = "cp932") -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode(encoding)


def new_campaign(folder) -> Campaign:
    """A campaign without a link; its engine is to be disposed of."""
    settings = Settings(
        programme_path=PROGRAMME,
        home=folder / "home",
        inputs=folder / "inputs",
        ledger_url=new_sqlite(folder),
    )
    programme = load_programme(PROGRAMME)
    ledger = Ledger(open_engine(settings.ledger_url), programme.id)
    return Campaign(programme, settings, ledger, Staging(settings.home), None)


def freeze_register(c: Campaign, people: Sequence[dict[str, str]], day: date) -> None:
    """Make some people the snapshot, in the layout of the ward's register."""
    files = {f"register_{day:%Y%m%d}.csv": register_file("shinjuku/register", people)}
    receive.stage(c.programme, c.staging, "register", day, files)
    register.freeze_snapshot(c, day)


def arrive(c: Campaign, name: str, data: bytes, day: date) -> None:
    """Put a file into the folder of the day."""
    folder = c.inbox / day.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def open_book(data: bytes, password: str = PASSWORD) -> openpyxl.Workbook:
    plain = io.BytesIO()
    book = msoffcrypto.OfficeFile(io.BytesIO(data))
    book.load_key(password=password, verify_password=True)
    book.decrypt(plain, verify_integrity=True)
    return openpyxl.load_workbook(plain)


def save_book(book: openpyxl.Workbook, password: str = PASSWORD) -> bytes:
    plain, protected = io.BytesIO(), io.BytesIO()
    book.save(plain)
    OOXMLFile(plain).encrypt(password, protected)
    return protected.getvalue()


def mend(data: bytes, table: str, changes: dict[int, dict[str, str]], password=PASSWORD) -> bytes:
    """The workbook with source row -> header -> new text typed into it."""
    book = open_book(data, password)
    page = book[table]
    places = {cell.value: cell.column for cell in page[1]}
    for row in page.iter_rows(min_row=2):
        for title, text in changes.get(int(row[0].value), {}).items():
            cell = page.cell(row[0].row, places[title])
            cell.value, cell.data_type = text, "s"
    return save_book(book, password)


def source_columns(page) -> list[str]:
    return [cell.value for cell in page[1]][len(LOCKED) :]
