.PHONY: help setup test demo lint check golden bench

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup:  ## make .venv with everything that development needs
	python3 -m venv .venv && .venv/bin/pip install -q -e ".[dev]"

test:  ## set up and run the tests, in parallel (the README's test command)
	python3 -m venv .venv && .venv/bin/pip install -q -e ".[test]" && .venv/bin/pytest -n auto

demo:  ## set up and compare eager with compiled on real data (the README's other command)
	python3 -m venv .venv && .venv/bin/pip install -q -e ".[demo]" && .venv/bin/twofold compare examples/digits.py

lint: setup  ## ruff, mypy and the import contracts
	.ci/lint

check:  ## everything that CI runs
	.ci/run

golden: setup  ## rewrite the golden files
	.venv/bin/pytest -q tests/test_golden.py --update-golden

bench: setup  ## the comparison with the peers (installs them)
	.venv/bin/pip install -q -e ".[bench]" && .venv/bin/python benchmarks/peers.py
