"""Opening the ledger: SQLite on one machine, PostgreSQL in production, migrated to the newest schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipelines.errors import KyufuError

READING = "kyufu_reading"  # execution option: this transaction only reads, so it need not queue with writers
MIGRATIONS = Path(__file__).resolve().parents[2] / "sql" / "ledger"


def open_engine(url: str) -> sa.Engine:
    """Connect to the ledger without changing it; statements in errors never show their parameters.

    Raises:
        KyufuError: the database cannot be reached.
    """
    location = sa.make_url(url)
    if location.get_backend_name() == "sqlite":
        database = location.database
        if not database or database == ":memory:":
            raise KyufuError("台帳はファイルまたはPostgreSQLに置いてください (KYUFU_LEDGER_URL)。")
        Path(database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": 60})
        sa.event.listen(engine, "connect", _configure_sqlite)
        sa.event.listen(engine, "begin", _begin_immediate)
        return engine
    engine = sa.create_engine(location.set(drivername="postgresql+psycopg"), hide_parameters=True)
    sa.event.listen(engine, "handle_error", _hide_values_in_context)
    try:
        engine.connect().close()
    except sa.exc.OperationalError as error:
        raise KyufuError(
            f"台帳のデータベースに接続できません: {location.render_as_string()}。KYUFU_LEDGER_URLを確認してください。"
        ) from error
    return engine


def open_ledger(url: str) -> sa.Engine:
    """Connect and migrate to the newest schema.

    Raises:
        KyufuError: the database cannot be reached.
    """
    engine = open_engine(url)
    if not _has_newest_schema(engine):
        _migrate(engine)
    return engine


def _has_newest_schema(engine: sa.Engine) -> bool:
    """Only looks: nobody who opens a ledger that is as it should be waits for a writer, or loads Alembic."""
    newest = max(path.name[:4] for path in MIGRATIONS.glob("versions/[0-9]*.py"))
    with engine.connect().execution_options(**{READING: True}) as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return False
        found = connection.execute(sa.text("select version_num from alembic_version"))
        return found.scalars().all() == [newest]


def _migrate(engine: sa.Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with migration_lock(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def migration_lock(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One process migrates, the others wait: SQLite locks the file, PostgreSQL an advisory lock."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("select pg_advisory_xact_lock(471250427)"))
        yield connection


def hide_values(error: BaseException) -> None:
    """Take the row out of a PostgreSQL error, which shows it in its detail, its context or (class 22) its message."""
    diagnosis = getattr(error, "diag", None)
    if diagnosis is not None and diagnosis.sqlstate is not None:
        shows_value = diagnosis.sqlstate.startswith("22")
        what = "" if shows_value else f": {diagnosis.message_primary}"
        error.args = (f"SQLSTATE {diagnosis.sqlstate}{what}",)


def _hide_values_in_context(context: sa.engine.ExceptionContext) -> None:
    hide_values(context.original_exception)
    shown = context.sqlalchemy_exception
    if shown is not None:
        name = type(context.original_exception).__qualname__
        shown.args = (f"({name}) {context.original_exception}",)


def _configure_sqlite(connection: Any, _record: Any) -> None:
    """SQLAlchemy starts the transactions itself; writers queue; what is deleted is overwritten."""
    connection.isolation_level = None
    for pragma in (
        "journal_mode=wal",
        "synchronous=full",
        "foreign_keys=on",
        "secure_delete=on",
        "temp_store=memory",
        "cache_size=-262144",
        "wal_autocheckpoint=50000",
    ):
        connection.execute(f"pragma {pragma}")


def _begin_immediate(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get(READING, False)
    connection.exec_driver_sql("begin" if reading else "begin immediate")
