PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup test check golden bench demo

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch .venv/ready

setup: .venv/ready  ## make .venv with everything that development needs

test:  ## set up and run the tests, in parallel
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e ".[dev]" && .venv/bin/python -m pytest -n auto

check: .venv/ready  ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p twofold
	$(BIN)/lint-imports

golden: .venv/ready  ## rewrite the golden files
	$(BIN)/python -m pytest -q tests/test_golden.py --update-golden

bench: .venv/ready  ## the comparison with the peers (installs them)
	$(BIN)/python -m pip install --quiet --editable ".[bench]"
	$(BIN)/python benchmarks/peers.py

demo:  ## set up and run the main job on real data, eager against compiled
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q -e ".[demo]" && .venv/bin/twofold compare examples/digits.py
