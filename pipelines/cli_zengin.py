"""`kyufu zengin show`: a bank file for a person's eyes, without anybody's account number or name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from pipelines.errors import InputMissing, InputRefused
from pipelines.outputs import zengin as formats
from pipelines.programme import Bank, load_programme
from pipelines.terminal import Programme, console, settings

zengin = typer.Typer(no_args_is_help=True, help="全銀形式の振込ファイルと結果ファイルを見る。")


@zengin.callback()
def _group() -> None:
    """A group of its own, so that `show` is named."""


@zengin.command()
def show(
    file: Annotated[Path, typer.Argument(help="A transfer file or a result file.", dir_okay=False)],
    programme: Programme = None,
) -> None:
    """Show counts, sums and each record's key, bank, branch and amount; of a result file its code as well."""
    if not file.is_file():
        raise InputMissing(f"{file} がありません。ファイルの場所を確認してください。")
    bank = load_programme(settings(programme).programme_path).bank
    read = _read(file.read_bytes(), bank, file.name)
    header = read.header
    console.print(
        f"{file.name}: {'振込結果' if isinstance(read, formats.Results) else '総合振込'}"
        f"  委託者コード {header.client_code}  振込指定日 {header.transfer_mmdd[:2]}月{header.transfer_mmdd[2:]}日"
        f"  仕向 {header.bank_code}-{header.branch_code}"
    )
    _tell("合計", read.trailer)
    if isinstance(read, formats.Results):
        _tell("振込済", read.processed)
        _tell("振込不能", read.failed)
        rows = [(outcome.payment, outcome.code) for outcome in read.outcomes]
    else:
        rows = [(payment, "") for payment in read.payments]
    console.print(_table(rows))


def _read(data: bytes, bank: Bank, name: str) -> formats.File | formats.Results:
    """The file as a transfer file, else as a result file.

    Raises:
        InputRefused: it is neither; the message says why not, without a value.
    """
    sent = formats.Profile(line_break=bank.line_break, max_records=bank.max_records)
    returned = formats.ReturnProfile(
        sent=sent, position=bank.result_code_column, codes=bank.result_codes
    )
    try:
        return formats.read(data, sent)
    except formats.ZenginError as error:
        as_sent = str(error)
    try:
        return formats.read_results(data, returned)
    except formats.ZenginError as error:
        raise InputRefused(
            f"{name}: 全銀形式のファイルとして読めません(振込として: {as_sent}。結果として: {error})。"
            "ファイルと事業の[bank]の設定を確認してください。"
        ) from None


def _tell(title: str, totals: formats.Trailer) -> None:
    console.print(f"{title} {totals.count:,}件 {totals.amount_yen:,}円")


def _table(rows: Sequence[tuple[formats.Payment, str]]) -> Table:
    table = Table(box=box.SIMPLE)
    for heading in ("行", "支払番号", "銀行", "支店", "金額", "結果"):
        table.add_column(heading, no_wrap=True)
    for number, (payment, code) in enumerate(rows, start=2):
        table.add_row(
            str(number), payment.customer_code_1, payment.bank_code, payment.branch_code,
            f"{payment.amount_yen:,}円", code,
        )  # fmt: skip
    return table
