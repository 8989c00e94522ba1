"""An SFTP session with the relay: one pinned host key, one account key, a timeout on everything.

Nothing of the user's own SSH set-up counts: no known_hosts, no agent, no other keys, no password.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko  # type: ignore[import-untyped]
from paramiko import SFTPClient, SFTPFile

from pipelines.link.errors import (
    AccountRefused,
    HostKeyRefused,
    KeyNotUsable,
    LinkUnreachable,
    RemoteFailure,
)

__all__ = ["Endpoint", "SFTPClient", "SFTPFile", "open_session", "read_host_key", "remote_errors"]

CONNECT_SECONDS = 15.0
ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class Endpoint:
    """Where and as whom to connect.

    ``host_key`` is the pinned key as in a known_hosts line without the host: ``ssh-ed25519 AAAA…``.
    """

    host: str
    port: int
    username: str
    key_path: Path
    host_key: str


def read_host_key(known_hosts: Path) -> str:
    """Return the key of a known_hosts file with one line (``Endpoint.host_key``).

    Raises:
        KeyNotUsable: the file is missing or does not hold exactly one host and key.
    """
    try:
        lines = known_hosts.read_text(encoding="ascii").splitlines()
        (line,) = lines
        _host, kind, key = line.split()
    except (OSError, ValueError) as error:
        raise KeyNotUsable(
            f"{known_hosts}: expected one line 'host type key' ({type(error).__name__}); "
            "put the relay's host key there."
        ) from error
    return f"{kind} {key}"


@contextmanager
def open_session(endpoint: Endpoint) -> Iterator[SFTPClient]:
    """Connect, check the host key, log in, and give an SFTP client for the time of the block.

    Raises:
        HostKeyRefused: the server shows another host key than the pinned one.
        LinkUnreachable: no server there, no answer in time, or the connection broke in the block.
        KeyNotUsable: the account's key or the pinned host key cannot be read.
        AccountRefused: the server does not accept the account's key.
    """
    client = _pinned_client(endpoint)
    try:
        sftp = _connect(client, endpoint)
        try:
            yield sftp
        except (paramiko.SSHException, EOFError, TimeoutError) as error:
            raise _broken(endpoint, error) from error
    finally:
        client.close()


@contextmanager
def remote_errors(action: str) -> Iterator[None]:
    """Turn what the server or the connection answers during ``action`` into a link error.

    ``FileNotFoundError`` passes through: whether a file is there is a question, not a failure.

    Raises:
        LinkUnreachable: the connection broke, so whether the action was done is not known.
        RemoteFailure: the server refused the action.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (paramiko.SSHException, EOFError, TimeoutError, ConnectionError) as error:
        raise LinkUnreachable(
            f"the connection broke while trying to {action} ({type(error).__name__}); "
            "look at what is there, then retry."
        ) from error
    except OSError as error:
        if str(error) == "Socket is closed":
            raise LinkUnreachable(
                f"the connection was closed while trying to {action}; "
                "look at what is there, then retry."
            ) from error
        raise RemoteFailure(
            f"the server could not {action}: {error}. Nothing counts as delivered; "
            "ask the operator of the relay (space, quota, permissions)."
        ) from error


def _pinned_client(endpoint: Endpoint) -> paramiko.SSHClient:
    try:
        entry = paramiko.hostkeys.HostKeyEntry.from_line(f"pinned {endpoint.host_key}")
    except (paramiko.SSHException, ValueError) as error:
        raise KeyNotUsable("the pinned host key cannot be read; check it.") from error
    if entry is None or entry.key is None:
        raise KeyNotUsable("the pinned host key is not 'type key'; check it.")
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.get_host_keys().add(_host_name(endpoint), entry.key.get_name(), entry.key)
    return client


def _host_name(endpoint: Endpoint) -> str:
    return endpoint.host if endpoint.port == 22 else f"[{endpoint.host}]:{endpoint.port}"


def _connect(client: paramiko.SSHClient, endpoint: Endpoint) -> SFTPClient:
    key = _account_key(endpoint.key_path)
    where = f"{endpoint.username}@{endpoint.host}:{endpoint.port}"
    try:
        client.connect(
            endpoint.host,
            endpoint.port,
            endpoint.username,
            pkey=key,
            look_for_keys=False,
            allow_agent=False,
            compress=False,
            timeout=CONNECT_SECONDS,
            banner_timeout=CONNECT_SECONDS,
            auth_timeout=CONNECT_SECONDS,
            channel_timeout=CONNECT_SECONDS,
        )
        sftp = client.open_sftp()
    except paramiko.BadHostKeyException as error:
        raise _refused(where) from error
    except paramiko.AuthenticationException as error:
        raise AccountRefused(
            f"{where}: the server does not accept the key {endpoint.key_path}; "
            "ask its operator whether the account's key changed."
        ) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        if "not found in known_hosts" in str(error):
            raise _refused(where) from error
        raise _broken(endpoint, error) from error
    sftp.get_channel().settimeout(ANSWER_SECONDS)
    return sftp


def _account_key(path: Path) -> paramiko.PKey:
    try:
        return paramiko.Ed25519Key(filename=str(path))
    except (paramiko.SSHException, OSError, ValueError, IndexError) as error:
        raise KeyNotUsable(
            f"{path}: no readable ed25519 key in OpenSSH format ({type(error).__name__}); "
            "check the path and its permissions."
        ) from error


def _refused(where: str) -> HostKeyRefused:
    return HostKeyRefused(
        f"{where}: the server's host key is not the pinned one. Do not connect; ask the relay's "
        "operator by telephone whether the key was changed, and pin the new one only then."
    )


def _broken(endpoint: Endpoint, error: Exception) -> LinkUnreachable:
    reason = "no answer in time" if isinstance(error, socket.timeout) else type(error).__name__
    return LinkUnreachable(
        f"{endpoint.host}:{endpoint.port}: cannot be reached, or the connection broke ({reason}); "
        "check that the relay runs, then retry: what was sent before is looked at first."
    )
