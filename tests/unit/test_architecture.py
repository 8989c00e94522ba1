"""Imports point inward, the environment is read in one place, and a DAG has its module of steps."""

import ast
from functools import cache
from pathlib import Path

import pytest

from pipelines.programme import ROOT

STAGES = (
    "programme",
    "at_rest",
    "intake",
    "matching",
    "ledger",
    "disclosure",
    "link",
    "reports",
    "steps",
    "evidence",
)
PURE = ("outputs",)  # rows to bytes: anybody may use it, it uses no stage
BASE = ("errors", "failpoints", "files")  # below everything
FACES = (
    "campaign",
    "cli",
    "cli_audit",
    "cli_cash",
    "cli_deliveries",
    "cli_disclosures",
    "cli_erasure",
    "cli_evidence",
    "cli_holds",
    "cli_incident",
    "cli_letters",
    "cli_link",
    "cli_mail",
    "cli_money",
    "cli_paper",
    "cli_quarantine",
    "cli_rehearse",
    "cli_roster",
    "cli_stop",
    "cli_zengin",
    "rehearsal",
    "sign_in",
    "terminal",
)  # for people and schedulers, above everything
AIRFLOW, DATABASE, NETWORK = (
    ("airflow", "kyufu_airflow"),
    ("sqlalchemy", "alembic", "psycopg"),
    ("paramiko", "asyncssh"),
)
# room -> what it must not import
FORBIDDEN = {
    **dict.fromkeys(
        ("programme", "at_rest", "intake", "matching", "disclosure", "outputs"),
        (*AIRFLOW, *DATABASE, *NETWORK),
    ),
    "ledger": (*AIRFLOW, *NETWORK),
    "link": (*AIRFLOW, *DATABASE),
    "reports": (*AIRFLOW, *NETWORK),
    "steps": (*AIRFLOW, *NETWORK),
    "evidence": (*AIRFLOW, *NETWORK),
    **dict.fromkeys(BASE, (*AIRFLOW, *DATABASE, *NETWORK)),
    **dict.fromkeys(
        tuple(face for face in FACES if face != "rehearsal"),
        (*AIRFLOW, *NETWORK),
    ),
}
# the only other readers of the environment, and why
ENVIRONMENT = {
    "pipelines/programme.py": "settings",
    "pipelines/failpoints.py": "a crash test names the place to die at",
    "pipelines/link/relay.py": "hands PATH alone to the simulated parties' processes",
    "pipelines/reports/validation.py": "switches great-expectations' analytics off before it is imported",
    "pipelines/rehearsal/processes.py": "hands its environment to Airflow's processes",
}
FILES = sorted((ROOT / "pipelines").rglob("*.py"))


def _room(module: str) -> str:
    """`pipelines.link.seal` -> `link`."""
    return module.split(".")[1] if module.startswith("pipelines.") else ""


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def _imports(path: Path) -> set[str]:
    """Every module a file imports, anywhere in it; `from a import b` counts as a.b too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _rooms_used(path: Path) -> set[str]:
    return {_room(name) for name in _imports(path)} - {""}


def test_every_room_has_its_place():
    rooms = {p.stem if p.is_file() else p.name for p in (ROOT / "pipelines").iterdir()}
    assert rooms - {"__init__", "__pycache__"} == {*STAGES, *PURE, *BASE, *FACES}


@pytest.mark.parametrize("path", FILES, ids=_module)
def test_no_stage_imports_a_later_one(path):
    room = _room(_module(path))
    used = _rooms_used(path) - {room}
    if room in STAGES:
        allowed = {*STAGES[: STAGES.index(room)], *PURE, *BASE}
    elif room in PURE + BASE:
        allowed = set(BASE)
    else:
        allowed = {*STAGES, *PURE, *BASE, *FACES}
    assert used <= allowed


@pytest.mark.parametrize("path", FILES, ids=_module)
def test_pure_code_stays_pure(path):
    top = {name.split(".")[0] for name in _imports(path)}
    assert not top & set(FORBIDDEN.get(_room(_module(path)), ()))


@pytest.mark.parametrize("path", sorted((ROOT / "schemas").rglob("*.py")), ids=_module)
def test_schemas_know_no_stage(path):
    assert not {name for name in _imports(path) if name.split(".")[0] == "pipelines"}


def test_nothing_in_the_pipelines_knows_the_synthetic_ward_or_the_tests():
    for path in FILES:
        top = {name.split(".")[0] for name in _imports(path)}
        if _module(path) != "pipelines.cli":  # `kyufu synth` makes a ward
            assert not top & {"data", "tests", "plugins", "dags"}, path


def test_the_simulated_parties_import_nothing_of_kyufu():
    for path in (ROOT / "pipelines" / "link" / "parties").glob("*.py"):
        used = {name for name in _imports(path) if name.startswith("pipelines.")}
        assert all(name.startswith("pipelines.link.parties") for name in used), path


def test_the_environment_is_read_in_few_places_each_with_its_reason():
    readers = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
            if name in ("environ", "environb", "getenv", "load_dotenv"):
                readers.add(path.relative_to(ROOT).as_posix())
    assert readers == set(ENVIRONMENT)


def test_everything_that_leaves_goes_through_the_gate():
    """Only steps.outbox hands bytes to the link, and it hands over what `make_release` made."""
    senders = {_module(p) for p in FILES if "pipelines.link.delivery.publish" in _imports(p)}
    assert {name for name in senders if _room(name) != "link"} == {"pipelines.steps.outbox"}


def _dags() -> list[Path]:
    return sorted((ROOT / "dags").glob("*.py"))


def test_each_dag_has_its_module_of_steps():
    dags = {path.stem for path in _dags()}
    assert dags == {"register", "welfare", "forms", "claims", "payments", "results", "closeout"}
    assert dags <= {path.stem for path in (ROOT / "pipelines" / "steps").glob("*.py")}


@pytest.mark.parametrize("path", _dags(), ids=lambda p: p.stem)
def test_a_dag_calls_steps_that_exist_and_imports_nothing_heavy(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "step"
    ]
    assert names
    for name in names:
        room, function = name.split(".")
        steps = ast.parse((ROOT / "pipelines" / "steps" / f"{room}.py").read_text(encoding="utf-8"))
        assert function in {n.name for n in steps.body if isinstance(n, ast.FunctionDef)}, name
    assert {name.split(".")[0] for name in _imports(path)} <= {
        "airflow",
        "kyufu_airflow",
        "datetime",
    }
