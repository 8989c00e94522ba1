"""`kyufu rehearse-delivery PARTY`: a delivery about nobody, marked unpayable, the way that the real ones go."""

from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from pipelines.errors import KyufuError
from pipelines.terminal import Home, Programme, console, settings, today

if TYPE_CHECKING:
    from pipelines.link.relay import Relay
    from pipelines.link.session import SFTPClient
    from pipelines.programme import Settings
    from pipelines.steps.campaign import Campaign, Sessions


def rehearse_delivery(
    party: Annotated[str, typer.Argument(help="The party's id: contractor or bank.")],
    host: Annotated[
        str | None, typer.Option(help="The relay. Without one the simulated link is started.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The relay's port.")] = 22,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Business date (in a demonstration only)."),
    ] = None,
    programme: Programme = None,
    home: Home = None,
) -> None:
    """Send a party a sample file and wait for its acknowledgement. The party must use it for nothing."""
    from pipelines.campaign import rehearsal_link
    from pipelines.programme import load_programme
    from pipelines.steps.campaign import open_campaign
    from pipelines.steps.rehearsal_deliveries import deliver

    chosen = settings(programme, home)
    loaded = load_programme(chosen.programme_path)
    if not loaded.is_demonstration and (day or host is None):
        raise KyufuError(
            "本番の事業では --host で中継サーバーを指定してください。業務日は今日です(--day は使えません)。"
        )
    on = day.date() if day else today()
    if host:
        c = _with_rosters(open_campaign(chosen, _to(chosen, host, port)), on)
        found = deliver(c, party, on)
    else:
        with rehearsal_link(chosen, loaded) as relay:
            c = _with_rosters(open_campaign(chosen, _over(relay)), on)
            found = deliver(c, party, on)
    console.print(
        escape(
            f"{found['name']}: {loaded.party(party).name}が受領を確認しました"
            f"({found['records']}件、SHA-256 {found['sha256']})。予行のため、相手方はこの内容を使いません。"
        )
    )


def _with_rosters(c: "Campaign", on: date) -> "Campaign":
    """In a demonstration, register the sample rosters, as people do it in production."""
    from pipelines.steps import rosters

    if c.programme.is_demonstration and any(rosters.rehearse(c, on).values()):
        console.print("実演のため、取扱者の名簿を見本のまま登録しました(kyufu roster list)。")
    return c


def _to(chosen: "Settings", host: str, port: int) -> "Sessions":
    """Sessions with the ward's own keys, below the home."""
    from pipelines.link.session import Endpoint, open_session, read_host_key

    ward = chosen.home / "pki" / "ward"

    def sessions(party: str) -> AbstractContextManager["SFTPClient"]:
        account = f"ward-{party}"
        host_key = read_host_key(ward / "known_hosts")
        return open_session(Endpoint(host, port, account, ward / "ssh" / account, host_key))

    return sessions


def _over(relay: "Relay") -> "Sessions":
    from pipelines.link.session import open_session

    return lambda party: open_session(relay.endpoints[party])
