"""``twofold compare`` accepts each example: its functions agree on its own calls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.examples import EXAMPLES

from twofold.cli.main import main

KERAS = {f"NumpyTrainer.{name}_step" for name in ("train", "test", "predict")}
FUNCTIONS = {
    "characters": {*KERAS, "next_letter"},
    "diabetes": {"Regressor.train_step", "Regressor.predict"},
    "digits_cnn": {*KERAS, "digits_cnn"},
    "digits": {"Classifier.train_step", "Classifier.predict"},
    "digits_dataset": {
        "NumpyTrainer.train_step", "NumpyTrainer.test_step", "losses_of_a_loop.step",
    },
    "newton_logistic": {"newton_equations"},
    "photo_filters": {"develop"},
}  # fmt: skip
ARGUMENTS = {
    "characters": ["--steps", "2", "--letters", "2", "--quiet"],
    "diabetes": ["--epochs", "1", "--quiet"],
    "digits": ["--epochs", "1"],
    "digits_dataset": ["--epochs", "1"],
    "digits_cnn": ["--epochs", "1", "--quiet"],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_example_agrees_with_itself(name: str, tmp_path: Path) -> None:
    arguments = [*ARGUMENTS.get(name, []), "--out", str(tmp_path)]
    done = CliRunner().invoke(
        main,
        ["compare", str(EXAMPLES / f"{name}.py"), "--calls", "3", "--json", "--", *arguments],
    )
    assert done.exit_code == 0, done.output
    functions = json.loads(done.stdout)["functions"]
    assert {f["function"] for f in functions} == FUNCTIONS[name]
    assert all(f["agrees"] for f in functions)


def test_every_example_is_compared_and_listed() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == FUNCTIONS.keys()
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert {name for name in names if f"({name}.py)" in readme} == names
