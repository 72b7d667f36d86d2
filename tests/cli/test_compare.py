"""``twofold compare``: both modes on a script's own calls, agreement, figures, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.scripts import DIFFERENT, FAILING, TRAIN, twofold, write


@pytest.fixture
def train(tmp_path: Path) -> str:
    return write(tmp_path, TRAIN)


def test_every_called_function_has_a_row_and_the_script_runs_as_alone(train: str) -> None:
    done = twofold("compare", train, "--", "--epochs", "3")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "arguments ['--epochs', '3']"
    assert lines[1:4] == ["inside"] * 3  # once a call, though each runs more often
    assert "state [-2.0, -1.0] 4" in lines  # three steps, not twelve
    rows = {line.split()[0]: line for line in lines if "exactly" in line or "within" in line}
    assert {"step", "Model.call", "all"} <= rows.keys()
    assert rows["step"].split()[1] == "3"
    assert "double" not in rows and "never" not in rows  # inlined; not called


def test_json_is_alone_on_standard_output(train: str) -> None:
    done = twofold("compare", train, "--json")
    assert done.exit_code == 0
    assert "inside" in done.stderr
    report = json.loads(done.stdout)
    step, call = report["functions"]
    assert (step["function"], step["calls"], step["traces"]) == ("step", 3, 1)
    assert step["agrees"] and step["eager_seconds"] > 0 and step["compiled_seconds"] > 0
    assert step["compile_seconds"] > 0 and step["kernels"] >= 1
    # x + 1 on three float32: read and written once, and the result is its only memory
    assert (call["compiled_bytes_moved"], call["compiled_peak_bytes"]) == (24, 12)
    assert report["total"]["calls"] == 4


def test_one_function_can_be_selected_also_inside_of_another(train: str) -> None:
    done = twofold("compare", f"{train}:double", "--json", "--calls", "2")
    (row,) = json.loads(done.stdout)["functions"]
    assert (row["function"], row["calls"]) == ("double", 2)


def test_a_difference_is_named_and_fails(tmp_path: Path) -> None:
    done = twofold("compare", write(tmp_path, DIFFERENT))
    assert done.exit_code == 1
    assert "AgreementError: lucky: output['other'][1][0, 0] is" in done.stdout
    assert "eagerly" in done.stdout and "6 of 6 elements differ" in done.stdout
    assert "script.py:9:1" in done.stdout
    (fine,) = (line for line in done.stdout.splitlines() if line.startswith("fine"))
    assert fine.endswith("exactly")


def test_the_bound_can_be_widened(tmp_path: Path) -> None:
    done = twofold("compare", write(tmp_path, DIFFERENT), "--rtol", "1")
    assert done.exit_code == 0
    assert "bound: rtol 1" in done.stdout


def test_errors_agree_and_the_scripts_own_is_shown_without_our_frames(tmp_path: Path) -> None:
    path = write(tmp_path, FAILING)
    done = twofold("compare", path)
    assert done.exit_code == 1
    assert "caught" in done.stdout
    shown = [line for line in done.stderr.splitlines() if line.startswith("  File")]
    assert [line.split('"')[1] for line in shown] == [path] * 3
    assert done.stderr.splitlines()[0] == "Traceback (most recent call last):"
    assert "IndexOutOfBoundsError" in done.stderr
    assert "NO" not in done.stdout


def test_a_function_that_cannot_be_traced_fails_the_comparison(tmp_path: Path) -> None:
    text = "import twofold as tf\n@tf.function\ndef f(x):\n    return x.tolist()\nf(tf.ones(()))\n"
    done = twofold("compare", write(tmp_path, text))
    assert done.exit_code == 1
    assert "f: it is not compiled: StagingError" in done.stdout


def test_an_argument_that_is_written_to_is_compared_and_written_once(tmp_path: Path) -> None:
    text = """
import twofold as tf
@tf.function
def bump(x):
    x[0] = x[0] + 1.0
    return tf.sum(x)
a = tf.zeros(2)
bump(a)
bump(a)
print(a.numpy().tolist())
"""
    done = twofold("compare", write(tmp_path, text))
    assert done.exit_code == 0, done.output
    assert "[2.0, 0.0]" in done.stdout


def test_a_call_below_a_tape_still_has_its_gradient(tmp_path: Path) -> None:
    text = """
import twofold as tf
@tf.function
def square(x):
    return x * x
x = tf.constant(3.0)
with tf.GradientTape() as tape:
    tape.watch(x)
    y = square(x)
print("gradient", tape.gradient(y, x).numpy())
"""
    done = twofold("compare", write(tmp_path, text))
    assert done.exit_code == 0, done.output
    assert "gradient 6.0" in done.stdout
    assert any(line.startswith("square") for line in done.stdout.splitlines())


def test_a_script_without_calls_says_so(tmp_path: Path) -> None:
    done = twofold("compare", write(tmp_path, "x = 1\n"))
    assert done.exit_code == 0
    assert "called no decorated function" in done.stderr


def test_a_script_that_exits_with_a_status_fails(tmp_path: Path) -> None:
    done = twofold("compare", write(tmp_path, "raise SystemExit(3)\n"))
    assert done.exit_code == 1
    assert "exited with 3" in done.stderr


def test_a_syntax_error_is_shown_as_python_would(tmp_path: Path) -> None:
    done = twofold("compare", write(tmp_path, "def f(:\n"))
    assert done.exit_code == 1
    assert "SyntaxError" in done.stderr and "script.py" in done.stderr


def test_an_interrupt_ends_with_130(tmp_path: Path) -> None:
    done = twofold("compare", write(tmp_path, "raise KeyboardInterrupt\n"))
    assert done.exit_code == 130
    assert done.stderr == "interrupted\n"


def test_a_module_path_runs_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "some_package_of_mine"
    package.mkdir()
    write(package, "", "__init__.py")
    write(package, "import twofold as tf\n@tf.function\ndef f(x):\n    return x\n", "ops.py")
    write(package, "import twofold as tf\nfrom .ops import f\nf(tf.ones(2))\n", "train.py")
    monkeypatch.chdir(tmp_path)
    done = twofold("compare", "some_package_of_mine.train")
    assert done.exit_code == 0, done.output
    assert any(line.startswith("f ") for line in done.stdout.splitlines())


def test_a_missing_file_or_function_lists_what_is_there(train: str, tmp_path: Path) -> None:
    done = twofold("compare", str(tmp_path / "other.py"))
    assert done.exit_code == 2
    assert train in done.stderr
    done = twofold("compare", f"{train}:nothing")
    assert done.exit_code == 2
    assert "no decorated function nothing; it has: Model.call, double, never, signed, step" in (
        done.stderr
    )
    done = twofold("compare", f"{train}:never")
    assert done.exit_code == 2
    assert "never called never" in done.stderr
