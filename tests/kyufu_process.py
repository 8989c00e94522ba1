"""`kyufu …` as a process of its own, forked off a server that has imported what every command needs.

The imports take longer than most commands and are the same for all. In everything else it is as `python -m
pipelines.cli` is: it has its own arguments, environment, streams and exit status, and dies of its own SIGKILL. Where
the start itself is looked at, or a terminal is needed, a test starts Python (tests/integration/test_cli.py,
test_holds_cli.py, tests/soak/kills.py).
"""

import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pipelines.programme import ROOT

PROCESSES = multiprocessing.get_context("forkserver")
# modules, nothing that looks at a stream or a variable: the console is made by the process itself
PROCESSES.set_forkserver_preload(
    [
        "tests.crash.scenes", "pipelines.campaign", "pipelines.evidence.summary", "pipelines.evidence.truth",
        "pipelines.steps.quarantine", "pipelines.steps.holds", "pipelines.outputs.postal_towns", "psycopg", "httpx",
        "typer", "rich.console", "rich.table", "alembic.runtime.migration", "pandera.backends.pandas.builtin_checks",
        "pandera.backends.pandas.builtin_hypotheses", "pandera.accessors.pandas_accessor", "pyarrow.acero",
        "pyarrow.dataset", "pyarrow.pandas_compat",
    ]
)  # fmt: skip


def environment(**more: str) -> dict[str, str]:
    """The environment of a child: ours without what steers Kyufu."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("KYUFU_", "PANDERA_"))}
    return {**inherited, "PYTHONPATH": str(ROOT), **more}


def run_kyufu(
    *arguments: str, seconds: float = 300.0, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; seconds: a limit for what never ends.

    Raises:
        subprocess.TimeoutExpired: it did not end, and was killed.
    """
    with tempfile.TemporaryDirectory(prefix="kyufu-said-") as folder:
        said, complained = Path(folder, "stdout"), Path(folder, "stderr")
        process = PROCESSES.Process(
            target=_be_kyufu, args=(arguments, environment(**variables), said, complained)
        )
        process.start()
        process.join(seconds)
        status = process.exitcode
        if status is None:
            process.kill()
            process.join()
        process.close()
        out, err = (path.read_text("utf-8") if path.exists() else "" for path in (said, complained))
    if status is None:
        raise subprocess.TimeoutExpired(arguments, seconds, out, err)
    return subprocess.CompletedProcess(["kyufu", *arguments], status, out, err)


def _be_kyufu(
    arguments: tuple[str, ...], variables: dict[str, str], said: Path, complained: Path
) -> None:
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(ROOT)
    for stream, path in ((1, said), (2, complained)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), stream)
    sys.argv = ["kyufu", *arguments]
    if columns := variables.get("COLUMNS"):  # a console that is imported already has its width
        importlib.import_module("pipelines.terminal").console.width = int(columns)
    importlib.import_module("pipelines.cli").main()
