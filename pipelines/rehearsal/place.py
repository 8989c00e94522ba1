"""Where a rehearsal's Airflow lives: its folder, secrets, users, its processes' environment."""

import fcntl
import json
import os
import secrets
import shlex
import sys
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipelines.files import write_whole
from pipelines.link.session import Endpoint
from pipelines.programme import ROOT, Programme, Settings
from pipelines.rehearsal.errors import AlreadyRunning, RehearsalError

_SECRETS = {
    "jwt_secret": "AIRFLOW__API_AUTH__JWT_SECRET",
    "secret_key": "AIRFLOW__API__SECRET_KEY",
    "fernet_key": "AIRFLOW__CORE__FERNET_KEY",
}
_DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"


@dataclass(frozen=True)
class Place:
    """One Airflow home for one campaign home, serving at one address."""

    settings: Settings
    programme: Programme
    airflow_home: Path
    port: int

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def logs(self) -> Path:
        """What the processes say; the tasks' own logs lie in folders beside."""
        return self.airflow_home / "logs"

    def users(self) -> dict[str, str]:
        """The demonstration's people with their roles in Airflow's simple auth manager.

        Raises:
            RehearsalError: the programme has no people for a demonstration.
        """
        people = self.programme.demonstration
        if people is None or not self.programme.is_demonstration:
            raise RehearsalError(
                f"{self.programme.id}: 実演用の事業ではありません。"
                'mode = "demonstration"と[demonstration]が必要です。'
                "本番はREADMEの「本番に向けて」を見てください。"
            )
        staff = dict.fromkeys((people.steward, *people.approvers), "user")
        return {people.drafter: "op", **staff, "viewer": "viewer", "admin": "admin"}

    def passwords(self) -> dict[str, str]:
        """Everybody's password, made at the first start and kept."""
        path = self.airflow_home / "passwords.json"
        known: dict[str, str] = json.loads(path.read_bytes()) if path.is_file() else {}
        made = {user: known.get(user) or secrets.token_urlsafe(9) for user in self.users()}
        if made != known:
            _write_private(path, json.dumps(made))
        return made

    def environment(self) -> dict[str, str]:
        """What every Airflow process is given: places, secrets and users."""
        home = str(self.airflow_home)
        users = ",".join(f"{user}:{role}" for user, role in self.users().items())
        return {
            "AIRFLOW_HOME": home,
            "AIRFLOW_CONFIG": str(ROOT / "airflow.cfg"),
            "PYTHONPATH": str(ROOT),
            # Airflow's own, for every plugins/.airflowignore, in every task's log
            "PYTHONWARNINGS": "ignore:GitWildMatchPattern:DeprecationWarning",
            "KYUFU_ROOT": str(ROOT),
            "KYUFU_AIRFLOW_URL": self.url,
            "KYUFU_USERS": users,
            "KYUFU_PROGRAMME": str(self.settings.programme_path),
            "KYUFU_HOME": str(self.settings.home),
            "KYUFU_INPUTS": str(self.settings.inputs),
            "KYUFU_LEDGER_URL": self.settings.ledger_url,
            "KYUFU_KEYS": str(self.settings.keys or ""),
            **self._secrets(),
        }

    def api_server_environment(self) -> dict[str, str]:
        """The API server waits only shortly for the database; whoever asks it tries again."""
        return {_DATABASE: f"sqlite:///{self.airflow_home / 'airflow.db'}?timeout=5"}

    def _secrets(self) -> dict[str, str]:
        path = self.airflow_home / "secrets.json"
        if not path.is_file():
            made = {name: secrets.token_urlsafe(64) for name in ("jwt_secret", "secret_key")}
            made["fernet_key"] = urlsafe_b64encode(secrets.token_bytes(32)).decode()
            _write_private(path, json.dumps(made))
        known = json.loads(path.read_bytes())
        return {variable: known[name] for name, variable in _SECRETS.items()}

    def write_environment(self, environment: Mapping[str, str]) -> Path:
        """Write `environment` for a person's own `airflow` commands: ``set -a; . FILE``."""
        path = self.airflow_home / "environment"
        path_line = f'PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"'
        lines = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
        _write_private(path, "\n".join([path_line, *lines, ""]))
        return path


def take_place(airflow_home: Path) -> IO[str]:
    """Lock the Airflow home for this process and the children that inherit the open file.

    The lock ends with the last of them, however they end; so a dead process never holds it.

    Raises:
        AlreadyRunning: somebody else holds it.
    """
    airflow_home.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = (airflow_home / "running").open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip() or "?"
        file.close()
        raise AlreadyRunning(
            f"{airflow_home}: すでにAirflowが動いています"
            f"(make runまたはmake serve、プロセス番号{owner})。"
            "終わるのを待つか、その画面でCtrl-Cを押して止めてから、もう一度実行してください。"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def link_connections(endpoints: Mapping[str, Endpoint]) -> dict[str, str]:
    """The link's Airflow connections, as environment: what the tasks are given."""
    return {f"AIRFLOW_CONN_LGWAN_{p.upper()}": _connection(e) for p, e in endpoints.items()}


def _connection(endpoint: Endpoint) -> str:
    extra = {"key_file": str(endpoint.key_path), "host_key": endpoint.host_key}
    return json.dumps(
        {
            "conn_type": "sftp",
            "host": endpoint.host,
            "port": endpoint.port,
            "login": endpoint.username,
            "extra": extra,
        }
    )


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    write_whole(path, text.encode())
    path.chmod(0o600)
