# Kyufu (給付). `make help` says what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
RESIDENTS ?= 350000
SEED ?= 1
MUTATIONS ?= 5000
KILLS ?= 300
REPEATS ?= 25
CLOSEOUT_KILLS ?= 20

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Kyufu is many short processes: byte code is kept, whatever the image that this runs in says
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run serve test check lint types sql format bench soak synth lock clean

help: ## show this help
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(INSTALLED) ## install everything into .venv (the other targets call it when needed)

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else f"Python 3.11 to 3.13 is needed, {sys.executable} is {v[0]}.{v[1]}. Say which: make setup PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true # by all cores; as with pip, what is no Python of today stays
	@touch $(INSTALLED)

run: setup ## run the sample campaign through real Airflow, start to end, and sum it up
	$(BIN)/python -m pipelines.rehearsal run

serve: setup ## start Airflow and the link, print the address and the logins, stay up
	$(BIN)/python -m pipelines.rehearsal serve

test: setup ## run all tests
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: setup ## what CI runs: format, lint, types, SQL lint, tests
	@$(MAKE) --no-print-directory --jobs=3 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) --keep-going lint types sql
	@$(MAKE) --no-print-directory test

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

sql: setup
	$(BIN)/sqlfluff lint sql --disable-progress-bar

format: setup ## write the code in its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## time, memory and accuracy: intake, linkage, claims, a peak day of payments, the forms' day, a whole ward (RESIDENTS, SEED)
	$(BIN)/python -m tests.bench.intake --residents $(RESIDENTS) --seed $(SEED)
	$(BIN)/python -m tests.bench.linkage --residents $(RESIDENTS)
	$(BIN)/python -m tests.bench.claims --residents $(RESIDENTS) --seed $(SEED)
	$(BIN)/python -m tests.bench.delivery --residents $(RESIDENTS) --seed $(SEED)
	$(BIN)/python -m tests.bench.forms --residents $(RESIDENTS) --seed $(SEED)
	$(BIN)/python -m tests.bench.campaign --residents $(RESIDENTS) --seed $(SEED)

soak: setup ## damage 5,000 inputs, kill 300 campaigns' processes, repeat 25 Airflow runs, kill a closeout 20 times (SEED)
	$(BIN)/python -m tests.soak.intake --mutations $(MUTATIONS) --seed $(SEED)
	$(BIN)/python -m tests.soak.kills --kills $(KILLS) --seed $(SEED)
	KYUFU_EVERY_COMMIT=1 $(BIN)/python -m pytest tests/crash/test_money_killed.py tests/crash/test_money_killed_postgresql.py tests/crash/test_erasure_killed.py
	$(BIN)/python -m tests.soak.backfills --repeats $(REPEATS) --seed $(SEED)
	$(BIN)/python -m tests.soak.closeout --kills $(CLOSEOUT_KILLS) --seed $(SEED)

synth: setup ## make a synthetic ward in var/ward (RESIDENTS, SEED)
	$(BIN)/kyufu synth --residents $(RESIDENTS) --seed $(SEED) --out var/ward

lock: ## compile requirements.in into requirements.txt with hashes (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.txt

clean: ## remove everything generated, the virtual environment included
	rm -rf var $(VENV) *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
