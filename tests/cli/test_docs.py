"""``docs/cli.md`` tells all: options, exit codes, JSON keys; and its example runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.scripts import twofold, write

from twofold.cli.agreement import BOUNDS
from twofold.cli.main import COMMANDS

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_on_the_page(command: str) -> None:
    options = re.findall(r"--[a-z][a-z-]+", twofold(command, "--help").stdout)
    section = PAGE.partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    assert {o for o in options if o not in section} <= {"--help"}


def test_the_bounds_on_the_page_are_those_in_force() -> None:
    rows = re.findall(r"^\| ((?:b?float|complex)[\w, ]+) \| (\S+) \|$", PAGE, re.MULTILINE)
    stated = {name: float(bound) for names, bound in rows for name in names.split(", ")}
    assert stated == {name: bound.rtol for name, bound in BOUNDS.items()}
    assert all(bound.rtol == bound.atol for bound in BOUNDS.values())


def test_the_example_agrees_and_its_json_has_the_keys_on_the_page(tmp_path: Path) -> None:
    script = PAGE.partition("```python\n")[2].partition("```")[0]
    done = twofold("compare", write(tmp_path, script, "train.py"), "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    (row,) = report["functions"]
    assert row["calls"] == 20
    keys = set(re.findall(r"`(\w+)`", PAGE))
    assert row.keys() | report["total"].keys() <= keys
