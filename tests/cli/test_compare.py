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
    assert "script.py:12:1" in done.stdout
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


PLAIN = """
import time
import twofold as tf

@tf.function
def inner(x):
    return x + 1

@tf.function
def stamped(x):
    time.perf_counter()
    started = time.perf_counter()
    return inner(x) * (started > 0)

def numbers(x):
    yield x.tolist()

@tf.function
def listed(x):
    return next(numbers(x))

for _ in range(3):
    stamped(tf.ones(3))
listed(tf.ones(()))
"""


def test_steps_and_plain_calls_are_named_with_line_and_number(tmp_path: Path) -> None:
    path = write(tmp_path, PLAIN)
    done = twofold("compare", path)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    at = lines.index("stamped had steps in Python in 3 of 3 calls, not compared:")
    assert lines[at + 1].startswith("  3 times: time.perf_counter is made on every call")
    assert lines[at + 1].endswith(f"({path}:11:5)")
    at = lines.index("listed ran as plain Python in 1 of 1 calls:")
    assert f"({path}:16:11)" in lines[at + 1]
    rows = {line.split()[0]: line.split() for line in lines[: lines.index("")]}
    assert (rows["stamped"][-1], rows["listed"][-1]) == ("steps", "plain")
    assert (rows["inner"][1], rows["inner"][-1]) == ("3", "exactly")  # by itself: nobody else does


def test_plain_calls_can_be_refused_and_are_in_the_json(tmp_path: Path) -> None:
    done = twofold("compare", write(tmp_path, PLAIN), "--json", "--strict")
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    rows = {row["function"]: row for row in report["functions"]}
    assert (report["total"]["plain_calls"], report["total"]["step_calls"]) == (1, 3)
    assert rows["inner"]["plain_calls"] == 0 and rows["inner"]["plain_reasons"] == []
    assert [reason["calls"] for reason in rows["stamped"]["step_reasons"]] == [3]
    assert [reason["calls"] for reason in rows["listed"]["plain_reasons"]] == [1]


def test_a_strict_function_that_cannot_be_staged_fails(tmp_path: Path) -> None:
    text = """
import twofold as tf
@tf.function(strict=True)
def f(x):
    return x.tolist()
f(tf.ones(()))
"""
    done = twofold("compare", write(tmp_path, text))
    assert done.exit_code == 1
    assert "f: it is not compiled: StagingError" in done.stdout


def test_what_a_script_does_besides_happens_as_often_as_without_the_comparison(
    tmp_path: Path,
) -> None:
    text = """
import logging
import sys
import twofold as tf

count, seen, log = 0, [], open(sys.argv[1], "a")
logger = logging.getLogger("script")
logger.addHandler(logging.StreamHandler(log))
logger.propagate = False

class Model:
    calls = 0

    @tf.function
    def __call__(self, x):
        self.calls += 1
        return x * 2

@tf.function
def counted(x):
    global count
    count += 1
    seen.append(1)
    return x + count

@tf.function
def written(x):
    log.write("line\\n")
    logger.warning("logged")
    print("printed")
    return x * 2

@tf.function
def saved(x):
    with open(sys.argv[1], "a") as out:
        out.write("saved\\n")
    return x - 1

model, x = Model(), tf.ones(3)
with tf.GradientTape() as tape:
    tape.watch(x)
    for _ in range(4):
        x = saved(written(counted(model(x))))
print("state", model.calls, count, len(seen))
log.close()
"""
    log = tmp_path / "log"
    done = twofold("compare", write(tmp_path, text), "--", str(log))
    assert done.exit_code == 0, done.output
    assert "state 4 4 4" in done.stdout
    assert done.stdout.count("printed") == 4
    lines = sorted(log.read_text(encoding="utf-8").split())
    assert lines == ["line"] * 4 + ["logged"] * 4 + ["saved"] * 4


def test_arguments_that_one_mode_alone_writes_to_are_a_difference(tmp_path: Path) -> None:
    text = """
import numpy as np
import twofold as tf

@tf.custom_gradient
def square(x):
    def gradient(upstream):  # called while the function is traced
        a[0] += 1
        return upstream

    return x * x, gradient

@tf.function
def f(x):
    with tf.GradientTape() as tape:
        y = tf.ones(2)
        tape.watch(y)
        z = square(y)
    return x.shape[0] + tape.gradient(z, y)

a = np.zeros(2)
f(a)
"""
    done = twofold("compare", write(tmp_path, text))
    assert done.exit_code == 1, done.output
    assert "AgreementError: f: argument 'x'[0] is" in done.stdout


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
