"""The LGWAN link as an Airflow hook: an SFTP session with its host key pinned, or none at all."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from paramiko import SFTPClient

    from pipelines.link.session import Endpoint

_FORBIDDEN = ("no_host_key_check", "ignore_hostkey_verification", "allow_host_key_change")


class ConnectionNotUsable(ValueError):
    """The Airflow connection lacks something that the link needs."""


class HostKeyNotPinned(ConnectionNotUsable):
    """The connection does not pin the relay's host key, or asks not to check it."""


class LgwanHook(BaseHook):
    """A party's home on the relay.

    The Airflow connection is one of type ``sftp`` with the SFTP provider's own fields: host, port,
    login, and in the extras ``key_file`` (the account's ed25519 key) and ``host_key``
    (``ssh-ed25519 AAAA…``). Both are required.

    It does not inherit from the provider's ``SFTPHook``, because that cannot be made to pin on
    every path (sftp 7.0.0, ssh 7.0.1): its ``get_conn`` loads the user's known_hosts, which
    paramiko looks at *before* the pinned key; it takes a proxy command and a key from ~/.ssh/config, asks
    the SSH agent and the user's other keys, turns the check off on an extra, and its ``store_file``
    writes straight to the final name. So this hook reads the connection and opens the session with
    `pipelines.link.session`, where one host key and one account key count and nothing else.
    """

    conn_name_attr = "lgwan_conn_id"
    default_conn_name = "lgwan_contractor"
    conn_type = "sftp"
    hook_name = "LGWAN"

    def __init__(self, lgwan_conn_id: str) -> None:
        """Know the connection's id; nothing is opened yet."""
        super().__init__()
        self.lgwan_conn_id = lgwan_conn_id

    def get_conn(self) -> "AbstractContextManager[SFTPClient]":
        """Open a session for the time of a ``with`` block.

        Raises:
            HostKeyNotPinned: the connection pins no host key.
            LinkError: see `pipelines.link.session.open_session`.
        """
        from pipelines.link.session import open_session

        return open_session(self.endpoint())

    def endpoint(self) -> "Endpoint":
        """Where and as whom to connect.

        Raises:
            HostKeyNotPinned: no ``host_key``, or an extra that turns its check off.
            ConnectionNotUsable: host, port, login or ``key_file`` is missing.
        """
        from pipelines.link.session import Endpoint

        connection = self.get_connection(self.lgwan_conn_id)
        extras = connection.extra_dejson
        self._assert_pinned(extras)
        parts = _required(connection, extras)
        if missing := [name for name, value in parts.items() if not value]:
            raise ConnectionNotUsable(
                f"接続{self.lgwan_conn_id}: {', '.join(missing)}がありません。"
                "Airflowの接続の設定を確認してください。"
            )
        return Endpoint(
            host=str(parts["host"]),
            port=int(parts["port"]),
            username=str(parts["login"]),
            key_path=Path(parts["key_file"]),
            host_key=str(extras["host_key"]).strip(),
        )

    def _assert_pinned(self, extras: dict[str, Any]) -> None:
        asked = [name for name in _FORBIDDEN if str(extras.get(name, "false")).lower() != "false"]
        if asked:
            raise HostKeyNotPinned(
                f"接続{self.lgwan_conn_id}: {', '.join(asked)}は使えません。"
                "ホスト鍵の確認は省けません。"
            )
        if len(str(extras.get("host_key", "")).split()) != 2:
            raise HostKeyNotPinned(
                f"接続{self.lgwan_conn_id}: host_key(「種類 鍵」)がありません。"
                "中継者に電話で確かめた鍵を登録してください。"
            )


def _required(connection: "Connection", extras: dict[str, Any]) -> dict[str, Any]:
    return {
        "host": connection.host,
        "port": connection.port,
        "login": connection.login,
        "key_file": extras.get("key_file"),
    }
