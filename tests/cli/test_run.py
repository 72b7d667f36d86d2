"""``twofold run``: a graph as text on given and random inputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.scripts import twofold, write

GRAPH = """
graph f(%x: f32[n,2], %v: ref f32[2], %k: i32[]) {
  %s = sum(%x) {axis=0}
  assign(%v, %s)
  return %s, %k
}
"""


@pytest.fixture
def graph(tmp_path: Path) -> str:
    return write(tmp_path, GRAPH, "f.ir")


def result(*args: str) -> Any:
    done = twofold("run", *args, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("mode", ["--eager", "--compiled"])
def test_given_inputs_decide_values_and_sizes(graph: str, mode: str) -> None:
    report = result(graph, "--input", "x=[[1, 2], [3, 4], [5, 6]]", "--input", "k=9", mode)
    assert report["sizes"] == {"n": 3}
    assert [o["value"] for o in report["outputs"]] == [[9.0, 12.0], 9]
    assert report["variables"] == [
        {"name": "v", "dtype": "float32", "shape": [2], "value": [9.0, 12.0]}
    ]


def test_an_array_comes_from_a_file(graph: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.full((5, 2), 0.5))
    report = result(graph, "--input", f"x={tmp_path / 'x.npy'}")
    assert report["outputs"][0]["value"] == [2.5, 2.5]


def test_random_inputs_depend_on_the_seed_alone(graph: str) -> None:
    first, again, other = (result(graph, "--seed", s)["outputs"][0] for s in ("1", "1", "2"))
    assert first == again != other


def test_eager_and_compiled_get_the_same_inputs(graph: str) -> None:
    eager, compiled = (result(graph, m)["outputs"][0]["value"] for m in ("--eager", "--compiled"))
    np.testing.assert_allclose(eager, compiled, rtol=1e-6)


def test_a_size_symbol_can_be_given(graph: str) -> None:
    assert result(graph, "--size", "n=7")["sizes"] == {"n": 7}
    assert result(graph)["sizes"] == {"n": 4}


def test_plain_output_names_dtype_and_shape(graph: str) -> None:
    done = twofold("run", graph, "--input", "x=[[1, 2]]", "--input", "k=3")
    assert "%s: float32[2] =\n[1. 2.]" in done.stdout
    assert "%v now holds float32[2] =\n[1. 2.]" in done.stdout


def test_standard_input_is_read() -> None:
    text = "graph f(%x: f32[]) { %y = log(%x) return %y }"
    done = twofold("run", "-", "--input", "x=-1", "--json", stdin=text)
    assert json.loads(done.stdout)["outputs"][0]["value"] == "nan"


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (("--input", "y=1"), 2, "no input 'y'; it has: x, v, k"),
        (("--input", "x"), 2, "'x' is not NAME=VALUE"),
        (("--input", "x=[[1, 2, 3]]"), 2, "so of shape (1, 2) here; (1, 3) given"),
        (("--input", "x=[1, 2]"), 2, "x is f32[n,2]"),
        (("--input", "x=nowhere.npy"), 2, "no file 'nowhere.npy'"),
        (("--input", "x=os.system"), 2, "neither a .npy file nor a number"),
        (("--size", "m=3"), 2, "no size symbol 'm'; it has: n"),
        (("--size", "n=-3"), 2, "'n=-3' is not NAME=SIZE"),
    ],
)
def test_a_bad_input_is_explained(
    graph: str, args: tuple[str, ...], status: int, message: str
) -> None:
    done = twofold("run", graph, *args)
    assert done.exit_code == status
    assert message in done.stderr


def test_a_text_that_is_no_graph_shows_the_caret(tmp_path: Path) -> None:
    done = twofold("run", write(tmp_path, "graph f(%x: f32[n]) { %y = nope(%x) }", "bad.ir"))
    assert done.exit_code == 1
    assert "unknown op nope" in done.stderr and "^" in done.stderr


def test_a_missing_file_lists_those_that_are_there(graph: str, tmp_path: Path) -> None:
    done = twofold("run", str(tmp_path / "other.ir"))
    assert done.exit_code == 2
    assert graph in done.stderr


def test_an_error_of_the_run_has_its_location_and_no_traceback(tmp_path: Path) -> None:
    text = "graph f(%x: i32[2]) { %y = floor_divide(%x, %x) @ user.py:3:7 return %y }"
    done = twofold("run", write(tmp_path, text, "zero.ir"), "--input", "x=[0, 1]")
    assert done.exit_code == 1
    assert "IntegerDivisionError" in done.stderr and "user.py:3:7" in done.stderr


def test_a_graph_with_a_variable_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    text = """graph f(%w: ref f32[2]) {
  %0: f32[2] = read(%w)
  %1: f32[2] = add(%0, %0)
  assign(%w, %1)
  return %1
}
"""
    command = [sys.executable, "-m", "twofold.cli.main", "run", "-", "--input", "w=[1.0, 2.0]"]
    env = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=env, check=True)
    assert done.stdout.count("[2. 4.]") == 2, "the output, and what was assigned"
