"""Airflow's own simple auth manager and Kyufu's plugin, served alone: ``python -m tests.airflow_people FOLDER``.

No database of DAGs, no scheduler: what signs people in and says who they are. Prints its port when it listens. In
tests: `serve_people`.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipelines.programme import ROOT

USERS = {
    "operator": "op", "steward": "user", "approver1": "user", "approver2": "user", "viewer": "viewer", "admin": "admin",
}  # fmt: skip


def password(user: str) -> str:
    """The user's password in the tests."""
    return f"only-for-tests-{user}"


@contextmanager
def serve_people(folder: Path, **variables: str) -> Iterator[str]:
    """The address at which Airflow's people sign in, for the time of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.airflow_people", str(folder)], cwd=ROOT,
            env={**_plain_environment(), "PYTHONPATH": str(ROOT), **variables},
            stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        # Airflow's own warnings come before it
        port = next((line.strip() for line in process.stdout if line.strip().isdigit()), None)
        assert port, (folder / "log").read_text(encoding="utf-8")[-2000:]
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stdout.close()
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _plain_environment() -> Mapping[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("KYUFU_", "AIRFLOW"))}


def main(folder: Path) -> None:
    """Serve until told to stop."""
    os.environ.update(
        AIRFLOW_HOME=str(folder), AIRFLOW_CONFIG=str(ROOT / "airflow.cfg"), KYUFU_ROOT=str(ROOT),
        KYUFU_AIRFLOW_URL="http://127.0.0.1:1",
        KYUFU_USERS=",".join(f"{user}:{role}" for user, role in USERS.items()),
        AIRFLOW__API_AUTH__JWT_SECRET="only for tests " * 5,
        AIRFLOW__API__SECRET_KEY="only for tests " * 5,
    )  # fmt: skip
    passwords = {user: password(user) for user in USERS}
    (folder / "passwords.json").write_text(json.dumps(passwords), encoding="utf-8")
    sys.path.insert(0, str(ROOT / "plugins"))

    import inquiry
    import uvicorn
    import who
    from airflow import settings
    from airflow.api_fastapi.app import init_auth_manager
    from airflow.models.revoked_token import RevokedToken
    from fastapi import FastAPI

    settings.configure_orm()
    RevokedToken.__table__.create(settings.engine)
    app = FastAPI()
    for plugged in (*who.KyufuWho.fastapi_apps, *inquiry.KyufuInquiry.fastapi_apps):
        app.mount(plugged["url_prefix"], plugged["app"])
    init_auth_manager(app)
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)  # noqa: T201 - for the test that started this
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run([listening])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
