.PHONY: help setup test demo check golden bench site

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup:  ## make .venv with everything that development needs
	python3 -m venv .venv && .venv/bin/pip install -q -e ".[dev]"

test:  ## set up and run the tests, in parallel (the README's test command)
	python3 -m venv .venv && .venv/bin/pip install -q -e ".[dev]" && .venv/bin/python -m pytest -n auto

demo:  ## set up and compare eager with compiled on real data (the README's other command)
	python3 -m venv .venv && .venv/bin/pip install -q -e ".[demo]" && .venv/bin/twofold compare examples/digits.py

check: setup  ## ruff, mypy and the import contracts
	.ci/check

golden: setup  ## rewrite the golden files and the output in docs/
	.venv/bin/pytest -q tests/test_golden.py tests/test_face.py tests/docs --update-golden

bench: setup  ## the comparison with the peers (installs them)
	.venv/bin/pip install -q -e ".[bench]" && .venv/bin/python benchmarks/peers.py

site:  ## the documentation as a static site with a search, in site/
	python3 -m venv .venv && .venv/bin/pip install -q -e ".[docs]" && .venv/bin/twofold docs site
