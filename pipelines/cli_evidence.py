"""`kyufu evidence`: the signed audit pack of a period, for a signed-in person at a terminal."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipelines import sign_in
from pipelines.errors import KyufuError
from pipelines.programme import Period
from pipelines.terminal import Home, Programme, assert_absent, console, today, write_new


def evidence(
    first: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First business date.")
    ],
    last: Annotated[
        datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last business date.")
    ],
    out: Annotated[Path, typer.Option(help="The ZIP to write; must not exist yet.")],
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Make one signed ZIP for the yearly inspection; run it while nothing else runs. No resident is in it."""
    from pipelines.evidence.pack import make_pack
    from pipelines.intake.staging import sha256
    from pipelines.link.identity import fingerprint

    assert_absent(out)
    c, actor = sign_in.open_signed_in(programme, home)
    data = make_pack(c, _period(first, last), actor, today())
    write_new(out, data)
    console.print(escape(f"{out} に書き出しました。SHA-256 {sha256(data)}"))
    console.print(f"区の証明書の指紋(SHA-256) {fingerprint(c.ward.certificate)}")
    console.print(
        "確かめるには、展開したフォルダーで sh check.sh を実行します(sha256sum と openssl だけを使います)。"
    )


def _period(first: datetime, last: datetime) -> Period:
    if last < first:
        raise KyufuError("--to は --from より前にできません。期間を確認してください。")
    return Period(**{"from": first.date(), "to": last.date()})
