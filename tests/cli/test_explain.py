"""``twofold explain``: traces, and what ran as plain Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.scripts import twofold, write

pytestmark = pytest.mark.filterwarnings("ignore:listed runs as plain Python")

SCRIPT = """
import sys
import twofold as tf

@tf.function
def listed(x):
    return (x * 2).tolist()

@tf.function
def kinds(x):
    return x + 1

if __name__ == "__main__":
    with open(sys.argv[1], "a") as out:
        out.write("ran")
    for _ in range(3):
        listed(tf.ones(2))
    for x in (tf.ones(2), tf.ones((2, 2))):
        kinds(x)
    print("printed")
"""


def test_traces_and_steps_are_named_and_the_script_runs_once(tmp_path: Path) -> None:
    path, log = write(tmp_path, SCRIPT), tmp_path / "log"
    done = twofold("explain", path, "--", str(log))
    assert done.exit_code == 0, done.output
    assert (done.stderr.count("printed"), log.read_text(encoding="utf-8")) == (1, "ran")
    listed, kinds = done.stdout.split("\n\n")
    assert "listed left its graph for 3 steps in Python:\n  3 times: " in listed
    assert f"({path}:7:12)" in listed
    assert kinds.splitlines()[0] == "kinds has 2 traces"
    assert "traced again: x: float32 of 1 axis -> float32 of 2 axes" in kinds


def test_strict_fails_and_json_has_the_same(tmp_path: Path) -> None:
    path, log = write(tmp_path, SCRIPT), str(tmp_path / "log")
    assert twofold("explain", path, "--strict", "--", log).exit_code == 1
    assert twofold("explain", f"{path}:kinds", "--strict", "--", log).exit_code == 0
    done = twofold("explain", path, "--json", "--", log)
    listed, kinds = json.loads(done.stdout)["functions"]
    assert (listed["function"], listed["plain_calls"], listed["steps"]) == ("listed", 0, 3)
    assert [reason["times"] for reason in listed["step_reasons"]] == [3]
    assert (kinds["tracing_count"], kinds["plain_calls"], len(kinds["retraced"])) == (2, 0, 1)


def test_a_function_that_is_not_there_or_a_script_that_fails(tmp_path: Path) -> None:
    path, log = write(tmp_path, SCRIPT), str(tmp_path / "log")
    assert twofold("explain", f"{path}:nothing", "--", log).exit_code == 2
    assert twofold("explain", str(tmp_path / "other.py")).exit_code == 2
    assert twofold("explain", path).exit_code == 1  # it has no argument
