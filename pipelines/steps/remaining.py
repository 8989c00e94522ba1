"""The search before a certificate: nothing of what was erased may stand in any byte that is left.

What is searched for is gathered before anything is erased, from the ledger and from staging: names, numbers, accounts,
addresses. It is kept encrypted under a key of its own, so that an erasure that was killed can go on, and that key is
the last one to be destroyed. What another class may hold longer is not searched for.
"""

import gzip
import io
import json
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import ahocorasick_rs
import pyarrow as pa
import sqlalchemy as sa

from pipelines.at_rest.cipher import MARK
from pipelines.at_rest.store import SEARCH_LIST
from pipelines.errors import KyufuError
from pipelines.ledger import tables
from pipelines.ledger.personal import PERSONAL, PLAIN, Class, How
from pipelines.ledger.store import fetch_plain
from pipelines.steps.campaign import Campaign
from schemas.datasets import DATASETS

_SHORTEST = 4  # characters; a shorter name stands in other words
_NAMES = (
    "name_kanji",
    "name_kana",
    "head_name_kanji",
    "applicant_name_kanji",
    "applicant_name_kana",
)
_PLACES = (
    "address",
    "registered_address",
    "facility_address",
    "current_address",
    "applicant_address",
)
_NUMBERS = ("resident_id", "household_id", "applicant_resident_id", "certificate_serial")
_ACCOUNTS = ("account_holder_kana",)
_STAGED = {Class.RAW_INPUTS, Class.STAGING, Class.PROTECTIONS}
_PIECE = 32 << 20
_OVERLAP = 1 << 10
_HEX = b"0123456789abcdefABCDEF"
_ENCODINGS = ("utf-8", "cp932", "utf-16-le")
_LINK = "link"  # the simulated parties' own machines, which are theirs to certify


class Remains(KyufuError):
    """Something that was erased still stands somewhere; the message counts, by place."""


@dataclass(frozen=True)
class Searched:
    """What was looked through, and for how many values. found: place -> how many of them stand there."""

    values: int
    files: int
    tables: int
    found: dict[str, int]


def list_path(c: Campaign, number: int) -> Path:
    """Where the search list of an erasure lies, encrypted."""
    return c.home / "erasure" / f"{number:03d}" / "search.bin"


def make_list(c: Campaign, number: int, erased: Iterable[Class]) -> int:
    """Gather what is about to be erased and is kept nowhere longer, once; returns how many values."""
    path, partition = list_path(c, number), f"{number:03d}"
    if path.is_file():
        return len(_read_list(c, number))
    wanted = set(erased)
    words = set(_of_ledger(c, wanted))
    if wanted & _STAGED:
        words |= set(_of_staging(c, wanted))
    words = {word for word in words if len(word) >= _SHORTEST}
    kept = _standing("\n".join(_kept_longer(c, wanted)), sorted(words))
    numbers = sorted(word for word in words if word.isdecimal())
    kept |= _standing("\n".join(_plain_numbers(c)), numbers)
    kept |= _standing("\n".join(_municipalities(c)), sorted(words))
    data = json.dumps(sorted(words - kept), ensure_ascii=False).encode()
    c.at_rest.write(SEARCH_LIST, partition, path, data)
    return len(words - kept)


def forget_list(c: Campaign, number: int) -> None:
    """Destroy the key of the search list, then the list."""
    c.at_rest.destroy(SEARCH_LIST, f"{number:03d}")
    list_path(c, number).unlink(missing_ok=True)


def search(c: Campaign, number: int) -> Searched:
    """Look for every value of the list in every byte that is left; see `docs/erasure.md` for what is not covered."""
    words = _read_list(c, number)
    patterns = sorted({encoded for word in words for encoded in _written(word)})
    found: Counter[str] = Counter()
    files = looked = 0
    matcher = ahocorasick_rs.BytesAhoCorasick(patterns) if patterns else None
    for path in _left(c):
        files += 1
        if matcher and (hits := _hits(matcher, path)):
            found[str(path)] = hits
    for name, texts in _ledger_texts(c):
        looked += 1
        if matcher and (hits := len(_found(matcher, "\n".join(texts).encode()))):
            found[f"台帳の表 {name}"] = hits
    return Searched(len(words), files, looked, dict(sorted(found.items())))


def assert_nothing_remains(searched: Searched) -> None:
    """Fail if anything was found.

    Raises:
        Remains: something was; the message says where and how many, never what.
    """
    if searched.found:
        told = "、".join(f"{place}({n}件)" for place, n in list(searched.found.items())[:10])
        raise Remains(
            f"消去したはずの情報が残っています: {told}。証明書は発行しません。"
            "その場所のデータを取り除いてから、kyufu erasure run をもう一度実行してください。"
        )


# --- what is searched for ---


def _of_ledger(c: Campaign, wanted: set[Class]) -> Iterator[str]:
    """The values of the columns of those classes; an account with what stands beside it, so that it is unmistakable."""
    for table, texts in _personal_texts(c, wanted):
        del table
        yield from texts
    if wanted & {Class.CLAIM_DETAILS, Class.PAYMENT_RECORDS}:
        yield from _accounts(c, wanted)


def _personal_texts(c: Campaign, wanted: set[Class]) -> Iterator[tuple[str, set[str]]]:
    """(table, values) of every column of those classes that holds text of its own."""
    silent = (How.TOLD, How.IDS_INSIDE, How.MAYBE_PERSON)
    columns = [
        tables.metadata.tables[table].c[column]
        for (table, column), (kind, how) in PERSONAL.items()
        if kind in wanted and how not in silent and column not in _PARTS
    ]
    if Class.PROTECTIONS in wanted:
        columns += [tables.protection.c.mailing_address, tables.former_whereabouts.c.address]
    with c.ledger.read() as connection:
        for column in columns:
            query = sa.select(column).where(
                column.table.c.programme == c.programme.id, column.is_not(None)
            )
            values = {str(value) for (value,) in fetch_plain(connection, query.distinct())}
            yield column.table.name, values


_PARTS = frozenset(
    {
        "bank_code", "branch_code", "account_type", "account_number", "relationship", "birth_date", "date_key",
        "postal_code", "account_holder_kana", "payee_kana",
    }
)  # fmt: skip
"""Too short or too common to be looked for alone: seven digits stand in any hash."""


def _accounts(c: Campaign, wanted: set[Class]) -> Iterator[str]:
    """Accounts as a database's page and a bank's record have them: the number before its holder's name."""
    cl, p = tables.claim.c, tables.payment.c
    for kind, number, holder, programme in (
        (Class.CLAIM_DETAILS, cl.account_number, cl.account_holder_kana, cl.programme),
        (Class.PAYMENT_RECORDS, p.account_number, p.payee_kana, p.programme),
    ):
        if kind in wanted:
            query = sa.select(number, holder).where(
                programme == c.programme.id, number.is_not(None), number != ""
            )
            with c.ledger.read() as connection:
                for account, name in fetch_plain(connection, query.distinct()):
                    yield f"{account}{name or ''}"
                    yield f"{account},{name or ''}"


def _of_staging(c: Campaign, wanted: set[Class]) -> Iterator[str]:
    """Names, numbers and addresses of every staged table."""
    lists = {source.dataset for source in c.programme.list_sources}
    for dataset, declared in DATASETS.items():
        kind = Class.PROTECTIONS if dataset in lists else Class.STAGING
        if kind not in wanted:
            continue
        for day in c.staging.days(dataset, date.max):
            if c.staging.is_erased(dataset, day):
                continue
            for table in declared:
                yield from _values(c.staging.read(dataset, day, table.name))


def _values(rows: pa.Table) -> Iterator[str]:
    for name in (*_NAMES, *_PLACES, *_NUMBERS, *_ACCOUNTS):
        if name in rows.column_names:
            yield from (str(v) for v in rows.column(name).unique().to_pylist() if v)


def _kept_longer(c: Campaign, wanted: set[Class]) -> Iterator[str]:
    """What other classes of the ledger may still hold."""
    for _, texts in _personal_texts(c, set(Class) - wanted):
        yield from texts
    if Class.PAYMENT_RECORDS not in wanted:
        p = tables.payment.c
        query = sa.select(p.account_number, p.payee_kana).where(p.programme == c.programme.id)
        with c.ledger.read() as connection:
            for account, name in fetch_plain(connection, query.distinct()):
                yield f"{account}{name}\n{account},{name}\n{name}"


def _plain_numbers(c: Campaign) -> Iterator[str]:
    """What the ledger counts with, such as a payment's key: the same digits may be somebody's number by chance."""
    for table, columns in PLAIN.items():
        source = tables.metadata.tables[table]
        with c.ledger.read() as connection:
            for column in columns - {"detail", "result", "hash", "previous"}:
                query = sa.select(source.c[column]).distinct()
                yield from (str(value) for (value,) in fetch_plain(connection, query) if value)


def _municipalities(c: Campaign) -> Iterator[str]:
    """Whom letters went to: a list that knows of somebody's address no more than the municipality tells nobody's."""
    m = tables.municipal_letter.c.municipality
    with c.ledger.read() as connection:
        yield from connection.execute(sa.select(m).distinct()).scalars()


def _standing(text: str, words: Sequence[str]) -> set[str]:
    if not words:
        return set()
    found = ahocorasick_rs.AhoCorasick(words).find_matches_as_indexes(text, overlapping=True)
    return {words[number] for number, _, _ in found}


def _read_list(c: Campaign, number: int) -> list[str]:
    words: list[str] = json.loads(
        c.at_rest.read(SEARCH_LIST, f"{number:03d}", list_path(c, number))
    )
    return words


def _written(word: str) -> Iterator[bytes]:
    """The ways in which a file may write it."""
    for encoding in _ENCODINGS:
        try:
            yield word.encode(encoding)
        except UnicodeEncodeError:
            continue
    if not word.isascii():
        yield json.dumps(word)[1:-1].encode()


# --- where ---


def _left(c: Campaign) -> Iterator[Path]:
    """Every file that is left: the home, the keys, Airflow's folder, the ward's inbox, backups, temporary files."""
    own = [c.home, c.at_rest.keys, c.inbox]
    others = [c.settings.airflow, c.settings.backups, *c.settings.search]
    folders = [folder for folder in (*own, *others) if folder and folder.is_dir()]
    skipped = c.home / _LINK
    seen = set()
    for path in (p for folder in folders for p in sorted(folder.rglob("*"))):
        if path.is_file() and not path.is_symlink() and not path.is_relative_to(skipped):
            real = path.resolve()
            if real not in seen:
                seen.add(real)
                yield path
    yield from _temporary()


def _temporary() -> Iterator[Path]:
    """What a killed process of ours may have left where temporary files lie."""
    for path in sorted(Path(tempfile.gettempdir()).glob("kyufu-*")):
        if path.is_file():
            yield path


def _hits(matcher: ahocorasick_rs.BytesAhoCorasick, path: Path) -> int:
    """How many values stand in a file, or in what an archive holds; encrypted files are what may be kept longer."""
    words: set[int] = set()
    for text in _texts(path):
        words |= _found(matcher, text)
    return len(words)


def _found(matcher: ahocorasick_rs.BytesAhoCorasick, text: bytes) -> set[int]:
    """Which patterns stand in a text; a number inside a longer one, or in a hash, is none."""
    return {
        word
        for word, start, end in matcher.find_matches_as_indexes(text, overlapping=True)
        if not (text[start:end].isdigit() and _goes_on(text, start, end))
    }


def _goes_on(text: bytes, start: int, end: int) -> bool:
    around = text[max(start - 1, 0) : start] + text[end : end + 1]
    return any(byte in _HEX for byte in around)


def _texts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        head = file.read(_PIECE)
        if head.startswith(MARK):
            return
        yield from _inside(head, path)
        before = head[-_OVERLAP:]
        while piece := file.read(_PIECE):
            yield before + piece
            before = piece[-_OVERLAP:]


def _inside(head: bytes, path: Path) -> Iterator[bytes]:
    """The bytes, and what is compressed in them."""
    yield head
    if head.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(path) as archive:
                yield from (archive.read(info) for info in archive.infolist())
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError):
            return  # damaged or under a password: its bytes were looked through as they are
    elif head.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(io.BytesIO(path.read_bytes())) as unpacked:
                yield unpacked.read()
        except (OSError, EOFError):
            return
    elif head.startswith(b"%PDF-"):
        from pipelines.outputs.paper.reading import page_texts

        yield "\n".join(page_texts(path.read_bytes())).encode()


def _ledger_texts(c: Campaign) -> Iterator[tuple[str, list[str]]]:
    """Every table of the ledger's database, whatever it is: (name, its texts)."""
    with c.ledger.read() as connection:
        for name in sorted(sa.inspect(connection).get_table_names()):
            table = sa.Table(name, sa.MetaData(), autoload_with=connection)
            columns = [column for column in table.c if isinstance(column.type, sa.String | sa.JSON)]
            if columns:
                own = [table.c.programme == c.programme.id] if "programme" in table.c else []
                texts = [sa.cast(column, sa.Text) for column in columns]
                query: Any = sa.select(*texts).where(*own)
                rows = fetch_plain(connection, query)
                yield name, [str(value) for row in rows for value in row if value]
