"""`kyufu quarantine …` and `kyufu attachment …`: what waits, mending it, giving it back; attachments."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from pipelines.errors import KyufuError
from pipelines.files import write_whole
from pipelines.programme import quarantine_password_from_environment
from pipelines.terminal import (
    Home,
    Programme,
    Reason,
    assert_absent,
    console,
    no_link,
    os_user,
    settings,
    tell_decided,
    today,
)
from schemas.rules import RULES

quarantine = typer.Typer(
    no_args_is_help=True, help="保留された行を見る、直すために書き出す、戻す。"
)
attachment = typer.Typer(no_args_is_help=True, help="オンライン申請の添付を、検査してから見る。")

Dataset = Annotated[str, typer.Argument(help="The dataset, as `kyufu quarantine list` shows it.")]
Day = Annotated[
    datetime, typer.Argument(formats=["%Y-%m-%d"], help="The day of its delivery, YYYY-MM-DD.")
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        help="A file with the password; else KYUFU_QUARANTINE_PASSWORD, else it is asked for."
    ),
]
Purpose = Annotated[str, typer.Option(help="Why; goes into the audit trail.")]


@quarantine.command("list")
def list_rows(programme: Programme = None, home: Home = None) -> None:
    """Show what waits: dataset, day, rule, number of rows, age, and what to do."""
    from pipelines.steps import quarantine as steps
    from pipelines.steps.campaign import open_campaign

    c = open_campaign(settings(programme, home), no_link)
    for unused in steps.list_unused(c, today()):
        console.print(
            f"{unused.dataset} {unused.day} 第{unused.version}版: 次の処理を待っています"
            "(その業務日か翌業務日の処理を実行してください)。"
        )
    found = steps.list_waiting(c, today())
    if not found:
        console.print("保留されている行はありません。")
        return
    table = Table(title="保留されている行", box=box.SIMPLE)
    for heading in ("データ", "日付", "版", "規則", "行数", "経過日数"):
        table.add_column(
            heading, no_wrap=True, justify="right" if heading.endswith("数") else "left"
        )
    for item in found:
        age = f"{(today() - item.day).days:,}"
        table.add_row(
            item.dataset, str(item.day), str(item.version), item.rule, f"{item.rows:,}", age
        )
    console.print(table)
    for rule in sorted({item.rule for item in found}):
        console.print(f"{rule}: {RULES[rule].remedy}")
    console.print(
        "一つの行が複数の規則で保留されることがあります。直すには kyufu quarantine export を使います。"
    )


@quarantine.command()
def export(
    dataset: Dataset,
    day: Day,
    out: Annotated[Path, typer.Option(help="The workbook to write; must not exist yet.")],
    purpose: Purpose = "保留行の修正",
    password_file: PasswordFile = None,
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Write the rows that wait to a workbook protected by a password. Taking them out is itself recorded."""
    from pipelines.steps import quarantine as steps
    from pipelines.steps.campaign import open_campaign

    assert_absent(out)
    c = open_campaign(settings(programme, home), no_link)
    password = _password(password_file, confirm=True)
    actor = os_user()
    data = steps.export(c, dataset, day.date(), password, actor, purpose, today())
    write_whole(out, data)
    console.print(f"{out} に書き出しました。直したら kyufu quarantine return で戻してください。")


@quarantine.command("return")
def take_back(
    file: Annotated[Path, typer.Argument(help="The mended workbook.")],
    password_file: PasswordFile = None,
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Take a mended workbook back: every row is checked again, and what is still bad waits on."""
    from pipelines.steps import quarantine as steps
    from pipelines.steps import rosters
    from pipelines.steps.campaign import open_campaign

    if not file.is_file():
        raise KyufuError(f"{file} がありません。")
    c = open_campaign(settings(programme, home), no_link)
    password = _password(password_file, confirm=False)
    actor = rosters.acting(c, os_user())
    found = steps.take_back(c, file.read_bytes(), file.name, password, actor, today())
    console.print(
        f"{found['dataset']} {found['day']} 第{found['version']}版: 直された{found['changed']:,}行のうち"
        f"{found['accepted']:,}行を受け入れました。保留は残り{found['waiting']:,}行です。"
    )
    for table, row, codes in found["still_waiting"]:
        console.print(f"  {table} {row}行目: {'、'.join(codes)} {RULES[codes[0]].remedy}")
    for table, row in found["held_back"]:
        console.print(
            f"  {table} {row}行目: 直した内容が受け入れ済みの行と同じ番号になるため、元のまま保留しました。"
        )
    if found["accepted"]:
        console.print("受け入れた行は、次にその業務日か翌業務日の処理を実行したときに使われます。")


@quarantine.command("except")
def sign_exceptions(
    dataset: Dataset, day: Day, reason: Reason, programme: Programme = None, home: Home = None
) -> None:
    """Set apart the rows of a day that nobody can mend; a second person agrees by doing the same.

    What waits for them goes on without them; they stay in quarantine and in every count.
    """
    from pipelines import sign_in
    from pipelines.steps import exceptions

    c, actor = sign_in.open_signed_in(programme, home)
    decided = exceptions.sign(c, dataset, day.date(), reason, actor, today())
    rows, repeated = len(decided.content["rows"]), decided.content["duplicates"]
    tell_decided(
        f"{dataset} {day:%Y-%m-%d}: 保留{rows:,}行と重複{repeated:,}行を例外とします({actor.name})。",
        "これらの行を待たずに進みます。",
        decided.needed - len(decided.approved_by),
    )


@quarantine.command()
def recheck(dataset: Dataset, day: Day, programme: Programme = None, home: Home = None) -> None:
    """Put a staged day to the present rules and layout again, from the files as they came."""
    from pipelines.steps import quarantine as steps
    from pipelines.steps import rosters
    from pipelines.steps.campaign import open_campaign

    c = open_campaign(settings(programme, home), no_link)
    found = steps.recheck(c, dataset, day.date(), rosters.acting(c, os_user()), today())
    told = "、".join(found["differences"]) or "前と同じ結果です"
    console.print(f"{dataset} {day:%Y-%m-%d} 第{found['version']}版: {told}。")


@attachment.command()
def show(
    claim: Annotated[str, typer.Argument(help="受付番号.")],
    name: Annotated[str, typer.Argument(help="The attachment's file name.")],
    out: Annotated[Path, typer.Option(help="Where to put it; must not exist yet.")],
    purpose: Purpose = "申請の確認",
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Put a claim's attachment where it can be looked at, once the programme's scanner passed it."""
    from pipelines.steps import attachments
    from pipelines.steps.campaign import open_campaign

    assert_absent(out)
    c = open_campaign(settings(programme, home), no_link)
    data = attachments.show(c, claim, name, os_user(), purpose, today())
    write_whole(out, data)
    console.print(f"{out} に書き出しました。")


def _password(file: Path | None, confirm: bool) -> str:
    """The password from the file, the environment, or the person at the terminal; never an argument."""
    if file is not None:
        if not file.is_file():
            raise KyufuError(f"{file} がありません。")
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    told = quarantine_password_from_environment()
    return told or str(typer.prompt("パスワード", hide_input=True, confirmation_prompt=confirm))
