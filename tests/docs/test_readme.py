"""The blocks of the README run and print what it shows."""

from __future__ import annotations

from pathlib import Path

from support.pages import ROOT, check, update

PAGE = ROOT / "README.md"


def test_the_readme_runs(tmp_path: Path, update_golden: bool) -> None:
    if update_golden:
        update(PAGE, tmp_path)
    check(PAGE, tmp_path)


def test_the_first_screen_has_the_example_the_commands_and_the_table() -> None:
    first = PAGE.read_text(encoding="utf-8").splitlines()[:48]
    for start in ("def step(", "python3 -m venv", "Classifier.train_step", "all calls"):
        assert any(line.startswith(start) for line in first), start
