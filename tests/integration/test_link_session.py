"""Sessions: pinned host key, own account, clear errors; and what the relay allows (FAULTS 36)."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pipelines.link import session
from pipelines.link.delivery import publish
from pipelines.link.errors import AccountRefused, HostKeyRefused, KeyNotUsable, LinkUnreachable
from pipelines.link.session import Endpoint, open_session
from tests.link_server import serve, serve_as
from tests.link_world import files, hash_of, parcel, world


@pytest.fixture(params=["mock", pytest.param("sshd", marks=pytest.mark.component("sshd"))])
def ward(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Endpoint]:
    """The ward's endpoint, on our relay and on OpenSSH."""
    with serve_as(request.param, tmp_path, world()) as found:
        yield found


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Endpoint]:
    with serve(tmp_path, world()) as found:
        yield found


def ed25519_line() -> str:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def rsa_line() -> str:
    key = rsa.generate_private_key(65537, 2048).public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@pytest.mark.parametrize("make", [ed25519_line, rsa_line])
def test_f36_another_host_key_is_refused(ward: Endpoint, make: Callable[[], str]) -> None:
    other = replace(ward, host_key=make())
    for _ in range(2):
        with pytest.raises(HostKeyRefused, match="pinned"), open_session(other):
            pass


def test_f36_the_users_own_known_hosts_does_not_count(
    relay: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    line = f"[127.0.0.1]:{relay.port} {relay.host_key}\n"
    (tmp_path / ".ssh" / "known_hosts").write_text(line)
    monkeypatch.setenv("HOME", str(tmp_path))
    with (
        pytest.raises(HostKeyRefused),
        open_session(replace(relay, host_key=ed25519_line())),
    ):
        pass


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "none AAAA", "\n\n"])
def test_f36_an_unreadable_pin_is_refused(relay: Endpoint, line: str) -> None:
    with pytest.raises(KeyNotUsable), open_session(replace(relay, host_key=line)):
        pass


def test_a_key_of_another_account_is_refused(relay: Endpoint) -> None:
    other = relay.key_path.with_name("ward-jlis")
    with pytest.raises(AccountRefused), open_session(replace(relay, key_path=other)):
        pass
    with pytest.raises(AccountRefused), open_session(replace(relay, username="root")):
        pass


@pytest.mark.parametrize("content", [None, b"", b"no key"])
def test_an_unreadable_key_is_refused(
    relay: Endpoint, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(KeyNotUsable), open_session(replace(relay, key_path=tmp_path / "key")):
        pass


def test_no_server_is_said_clearly(relay: Endpoint) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        nobody = replace(relay, port=held.getsockname()[1])
        with (
            pytest.raises(LinkUnreachable, match="check that the relay runs"),
            open_session(nobody),
        ):
            pass


def test_a_silent_server_is_given_up(relay: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nobody = replace(relay, port=silent.getsockname()[1])
        with pytest.raises(LinkUnreachable), open_session(nobody):
            pass


def test_a_lost_connection_is_said_clearly(relay: Endpoint) -> None:
    with open_session(relay) as sftp:
        sftp.get_channel().get_transport().close()
        with pytest.raises(LinkUnreachable):
            publish(sftp, "inbox", parcel())


def test_the_relay_gives_sftp_in_one_home_and_nothing_else(relay: Endpoint) -> None:
    with open_session(relay) as sftp:
        assert sorted(sftp.listdir("/")) == ["inbox", "outbox"]
        assert sorted(sftp.listdir("../..")) == ["inbox", "outbox"]
        for refused in (
            lambda: sftp.symlink("/etc/passwd", "inbox/x"),
            lambda: sftp.posix_rename("inbox", "y"),
        ):
            with pytest.raises(PermissionError):
                refused()
        transport = sftp.get_channel().get_transport()
        for ask in ("exec_command", "invoke_shell"):
            channel = transport.open_session()
            with pytest.raises(paramiko.SSHException):
                getattr(channel, ask)(*(["id"] if ask == "exec_command" else []))
            channel.close()
        with pytest.raises(paramiko.ChannelException):
            transport.open_channel("direct-tcpip", ("127.0.0.1", 22), ("127.0.0.1", 1))


def test_a_rename_never_replaces(relay: Endpoint, tmp_path: Path) -> None:
    inbox = tmp_path / "bank" / "inbox"
    (inbox / "a").write_bytes(b"a")
    (inbox / "b").write_bytes(b"b")
    with open_session(relay) as sftp, pytest.raises(OSError, match="exists"):
        sftp.rename("inbox/a", "inbox/b")
    assert files(inbox) == {"a": hash_of(b"a"), "b": hash_of(b"b")}


def test_a_list_survives_files_that_come_and_go(relay: Endpoint, tmp_path: Path) -> None:
    inbox = tmp_path / "bank" / "inbox"
    (inbox / "stays").touch()
    ended = threading.Event()

    def come_and_go() -> None:
        while not ended.is_set():
            (inbox / "goes").touch()
            (inbox / "goes").unlink()

    busy = threading.Thread(target=come_and_go)
    busy.start()
    try:
        with open_session(relay) as sftp:
            for _ in range(100):
                assert "stays" in sftp.listdir("inbox")
    finally:
        ended.set()
        busy.join()
