# Every target sets itself up: a fresh machine needs Python 3.11 to 3.13 and make, nothing else.
PY := .venv/bin/python
ARGS ?=
.PHONY: setup devnet test nightly mutants simulate simulate-ledger simulate-bridge bench lint format

setup:
	@./bootstrap

devnet: setup
	@$(PY) -m devnet $(ARGS)

test: setup
	@$(PY) -m pytest -n 2 -m "not nightly" $(ARGS)

nightly: setup
	@$(PY) -m pytest -n 2 -m nightly $(ARGS)

mutants: setup
	@$(PY) -m tests.mutants $(ARGS)

simulate: setup
	@$(PY) -m tests.simulation $(ARGS)

simulate-ledger: setup
	@$(PY) -m tests.simulation_ledger $(ARGS)

simulate-bridge: setup
	@$(PY) -m tests.simulation_bridge $(ARGS)

bench: setup
	@$(PY) -m devnet.bench $(ARGS)
	@$(PY) -m tests.benchmarks.types --into bench.json

lint: setup
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports

format: setup
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .
