"""Signing in at Airflow: the token of its auth manager, kept below the home, asked about at each use.

The token is never printed, never logged and readable by its owner alone. Who it belongs to and what that person may do
is what the running API server answers each time (`plugins/who.py`), never what stands in a file.
"""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.errors import KyufuError
from pipelines.files import write_whole
from pipelines.steps.roles import Actor, Role
from pipelines.terminal import no_link, settings

if TYPE_CHECKING:
    from pipelines.steps.campaign import Campaign

FILE = "sign_in.json"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TIMEOUT_SECONDS = 30.0
_TRIES = 6
_WAIT_SECONDS = 0.5
_BUSY = (500, 502, 503, 504)  # Airflow on SQLite answers 500 while somebody else writes
_REFUSED = (400, 401, 403, 422)


class NotSignedIn(KyufuError):
    """Nobody is signed in, or Airflow does not confirm it."""


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    url: str
    token: str = Field(pattern=r"^[!-~]+$")


class _Who(BaseModel):
    model_config = ConfigDict(frozen=True)
    user: str
    roles: frozenset[Role]


def open_signed_in(programme: Path | None, home: Path | None) -> "tuple[Campaign, Actor]":
    """The campaign of a command that has no link, and who is signed in and on the ward's roster.

    Raises:
        NotSignedIn: nobody is.
        NotOnRoster: who is signed in may not handle personal data.
    """
    from pipelines.ledger import rosters

    c, actor = open_for_anybody(programme, home)
    with c.ledger.read() as connection:
        rosters.assert_handler(connection, c.programme, actor.name)
    return c, actor


def open_for_anybody(programme: Path | None, home: Path | None) -> "tuple[Campaign, Actor]":
    """As `open_signed_in`, for whoever is signed in: to see a roster, and to register the first one.

    Raises:
        NotSignedIn: nobody is.
    """
    from pipelines.steps.campaign import open_campaign

    chosen = settings(programme, home)
    actor = signed_in(chosen.home)
    return open_campaign(chosen, no_link), actor


def sign_in(home: Path, url: str, user: str, password: str) -> Actor:
    """Ask Airflow for a token, keep it below the home, and return whose it is.

    Raises:
        NotSignedIn: Airflow does not run at the address, or refuses the user or the password.
        KyufuError: the address would send the password in the clear.
    """
    _assert_safe(url)
    body = {"username": user, "password": password}
    answer = _ask(url, "POST", "/auth/token/cli", json=body)
    if answer.status_code in _REFUSED:
        raise NotSignedIn(
            "ユーザー名かパスワードが違います。もう一度 kyufu login を実行してください。"
        )
    kept = _Kept(url=url, token=_field(answer, "access_token", url))
    actor = _who(kept)
    write_whole(home / FILE, kept.model_dump_json().encode())
    return actor


def signed_in(home: Path) -> Actor:
    """Who is signed in, as the API server says now.

    Raises:
        NotSignedIn: nobody, the token is no longer good, or Airflow does not run.
    """
    path = home / FILE
    if not path.is_file():
        raise NotSignedIn("ログインしていません。kyufu login でAirflowにログインしてください。")
    if path.stat().st_mode & 0o077:
        raise NotSignedIn(
            f"{path} をほかの利用者が読める状態です。kyufu logout のあと、kyufu login でログインし直してください。"
        )
    try:
        kept = _Kept.model_validate_json(path.read_bytes())
    except ValidationError:
        raise NotSignedIn(
            f"{path} が壊れています。kyufu login でログインし直してください。"
        ) from None
    _assert_safe(kept.url)
    return _who(kept)


def sign_out(home: Path) -> bool:
    """Forget the token; whether there was one."""
    path = home / FILE
    was_there = path.is_file()
    path.unlink(missing_ok=True)
    return was_there


def _who(kept: _Kept) -> Actor:
    """Ask the server who the token's owner is."""
    bearer = {"Authorization": f"Bearer {kept.token}"}
    answer = _ask(kept.url, "GET", "/kyufu/who", headers=bearer)
    if answer.status_code in _REFUSED:
        raise NotSignedIn(
            "ログインの期限が切れたか、取り消されています。もう一度 kyufu login を実行してください。"
        )
    if answer.status_code != httpx.codes.OK:
        raise _strange(kept.url)
    try:
        found = _Who.model_validate_json(answer.content)
    except ValidationError:
        raise _strange(kept.url) from None
    if not found.user:
        raise _strange(kept.url)
    return Actor(found.user, found.roles)


def _ask(url: str, method: str, path: str, **options: Any) -> httpx.Response:
    """One question to the API server; asked again while the server is busy."""
    try:
        with httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            for _ in range(_TRIES):
                answer = client.request(method, path, **options)
                if answer.status_code not in _BUSY:
                    return answer
                time.sleep(_WAIT_SECONDS)
    except httpx.TransportError:
        raise NotSignedIn(
            f"Airflow({url})に接続できません。職員の確認ができないため実行しません。"
            "Airflowを起動するか(make serve)、KYUFU_AIRFLOW_URLを確認してください。"
        ) from None
    raise NotSignedIn(f"Airflow({url})が混み合っています。しばらくしてもう一度実行してください。")


def _field(answer: httpx.Response, name: str, url: str) -> str:
    try:
        found = answer.json()[name]
    except (json.JSONDecodeError, KeyError, TypeError):
        raise _strange(url) from None
    return str(found)


def _strange(url: str) -> NotSignedIn:
    return NotSignedIn(
        f"{url} の応答がKyufuのAirflowのものではありません。KYUFU_AIRFLOW_URLと"
        "plugins/who.py が読み込まれていることを確認してください。"
    )


def _assert_safe(url: str) -> None:
    """A password and a token travel encrypted, or not at all beyond this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return
    raise KyufuError(
        "KYUFU_AIRFLOW_URL: https:// のアドレスか、この機械のアドレス(http://127.0.0.1:…)が必要です。"
    )
