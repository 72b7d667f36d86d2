"""The README's commands are those that make and CI run."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from support.layout import PYPROJECT, ROOT

SCRIPTS = (".ci/run", ".ci/check")


def lines_of(name: str) -> list[str]:
    return [line.strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]


def find_command(last_word: str) -> str:
    """The one command line of the README that ends in this, in a fenced block."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    (found,) = (line for line in lines if line.endswith(last_word))
    return found


def test_ci_and_make_run_the_test_command_of_the_readme() -> None:
    command = find_command("pytest -n auto")
    assert command in lines_of(".ci/run")
    assert command in lines_of("Makefile")


def test_make_runs_the_demo_command_of_the_readme() -> None:
    assert find_command("twofold compare examples/digits.py") in lines_of("Makefile")


@pytest.mark.parametrize("last_word", ["pytest -n auto", "twofold compare examples/digits.py"])
def test_a_command_sets_up_everything_it_needs(last_word: str) -> None:
    command = find_command(last_word)
    assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    (extra,) = re.findall(r'-e "\.\[(\w+)\]"', command)
    assert extra in PYPROJECT["project"]["optional-dependencies"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_ci_script_is_executable_and_stops_at_the_first_failure(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert "set -euo pipefail" in lines_of(script)
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True)
