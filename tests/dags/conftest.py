"""Airflow reads its environment when it is first imported: this repository's cfg, no database."""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

os.environ.update(
    AIRFLOW_HOME=tempfile.mkdtemp(prefix="kyufu-dags-"),
    AIRFLOW_CONFIG=str(ROOT / "airflow.cfg"),
    KYUFU_ROOT=str(ROOT),
    KYUFU_AIRFLOW_URL="http://127.0.0.1:1",
    KYUFU_USERS="operator:op,approver1:user,approver2:user",
    AIRFLOW__API_AUTH__JWT_SECRET="only for tests " * 5,
    AIRFLOW__API__SECRET_KEY="only for tests " * 5,
)
sys.path.insert(0, str(ROOT / "plugins"))
