"""What the commands share: the console, the options that say which programme and home, the settings they give."""

import os
import pwd
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape

from pipelines.errors import KyufuError
from pipelines.files import write_whole
from pipelines.link.errors import LinkError
from pipelines.programme import Settings, settings_from_environment

if TYPE_CHECKING:
    from pipelines.steps.campaign import Campaign

console = Console(highlight=False, soft_wrap=True)

Programme = Annotated[
    Path | None, typer.Option("--programme", help="Programme file (default: KYUFU_PROGRAMME).")
]
Home = Annotated[
    Path | None, typer.Option("--home", help="Where Kyufu keeps its files (default: KYUFU_HOME).")
]
Reason = Annotated[str, typer.Option(help="Why, without anybody's name, address or number.")]


def settings(
    programme: Path | None = None, home: Path | None = None, inputs: Path | None = None
) -> Settings:
    """The environment's settings with what the command line says instead."""
    found = settings_from_environment()
    changes: dict[str, Any] = {}
    if programme:
        changes["programme_path"] = programme.absolute()
    if inputs:
        changes["inputs"] = inputs.absolute()
    if home:
        changes["home"] = home.absolute()
        if found.ledger_url.startswith("sqlite"):
            changes["ledger_url"] = f"sqlite:///{home.absolute() / 'ledger.sqlite'}"
    return found.model_copy(update=changes)


def no_link(party: str) -> Any:
    """The link of a command that has none."""
    raise LinkError(f"{party}: this command does not use the link")


def tell_decided(what: str, done: str, left: int) -> None:
    """Print what somebody decided, and what follows; left: how many different people must still agree."""
    follows = done if left <= 0 else f"反映には、あと{left}人の別の職員の同意が必要です。"
    console.print(escape(f"{what}{follows}"))


def assert_absent(out: Path) -> None:
    """Fail if a file of that name is there already.

    Raises:
        KyufuError: it is.
    """
    if out.exists():
        raise KyufuError(f"{out} はすでにあります。別の名前にしてください。")


def write_new(out: Path, data: bytes) -> None:
    """Write a file whole, where none is yet; readable by its owner alone.

    Raises:
        KyufuError: one of that name is there.
    """
    assert_absent(out)
    write_whole(out, data)


def today() -> date:
    """The date in Japan."""
    return datetime.now(ZoneInfo("Asia/Tokyo")).date()


def business_day(c: "Campaign") -> date:
    """The business date of a command: today; in a demonstration the newest day on which a step ran."""
    from pipelines.steps.sent import newest_day

    if c.programme.is_demonstration:
        with c.ledger.read() as connection:
            newest = newest_day(connection, c.programme.id)
        if newest is not None:
            return newest
    return today()


def os_user() -> str:
    """Who runs this process, as the operating system knows them: never a name that was typed."""
    return f"os:{pwd.getpwuid(os.geteuid()).pw_name}"
