"""``import twofold`` is quick and quiet: the slow packages wait for the first compile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.layout import FLOORS, ROOT

LATE = ("numba", "networkx", "rich", "click")


def run_python(code: str, folder: Path) -> str:
    """What the code prints, in a process of its own that sees the checkout, started elsewhere."""
    command = [sys.executable, "-W", "error", "-c", code]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


def test_import_loads_neither_compiler_nor_command_line_packages(tmp_path: Path) -> None:
    code = f"import sys, twofold; print([name for name in {LATE} if name in sys.modules])"
    assert run_python(code, tmp_path) == "[]"


def test_a_first_call_loads_neither_kernels_nor_what_stages_loops(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(
        "import sys\n"
        "import twofold as tf\n"
        "f = tf.function(lambda x: tf.nn.relu(x @ x) + 1)\n"
        "print(f(tf.ones((2, 2))).numpy().sum())\n"
        "unused = ('kernel.expression', 'native.target', 'capture.loops', 'capture.repeated',\n"
        "          'passes.groups', 'derivatives')\n"
        "print([m for m in unused if f'twofold.compiler.{m}' in sys.modules])\n"
        "print([m for m in ('parser', 'printer', 'verify') if f'twofold.ir.{m}' in sys.modules])\n"
    )
    code = "import runpy; runpy.run_path('first.py')"
    assert run_python(code, tmp_path).split("\n") == ["12.0", "[]", "[]"]


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_is_below_twofold_and_not_at_the_top(floor: str, tmp_path: Path) -> None:
    code = f"""
import importlib, importlib.util
importlib.import_module("twofold.{floor}")
print(importlib.util.find_spec("{floor}"))
"""
    assert run_python(code, tmp_path) == "None"


@pytest.mark.parametrize(
    "code",
    [
        "from twofold.runtime.variable import Variable; print((Variable(1.0) + 1).item())",
        "from twofold.runtime.tensor import Tensor, wrap; print((1.0 + wrap(1.0)).item())",
        "from twofold.runtime.random import Generator as G; print(1.0 + G.from_seed(1).normal((1,)).shape[0])",
    ],
)
def test_a_part_of_the_runtime_that_is_imported_first_has_an_executor(
    code: str, tmp_path: Path
) -> None:
    assert run_python(code, tmp_path) == "2.0"


@pytest.mark.parametrize(
    "expression",
    [
        "tf.random.normal((2,))",
        "tf.random.shuffle(tf.ones(2))",
        "tf.nn.softmax([1.0, 1.0])",
        "tf.linalg.norm(tf.eye(2), axis=0)",
    ],
)
def test_a_name_may_be_used_first_inside_a_compiled_function(
    expression: str, tmp_path: Path
) -> None:
    (tmp_path / "first.py").write_text(f"""
import twofold as tf

@tf.function
def first():
    return {expression}

print(first().shape)
""")
    assert run_python("import first", tmp_path) == "(2,)"
