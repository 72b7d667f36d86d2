"""Debuggers, checks of numerics, calls that are made again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import twofold as tf

E = tf.errors
w = tf.Variable(2.0)


@tf.function
def step(x: Any) -> Any:
    y = x - 1.0
    if tf.sum(y) > 100:
        y = y * 2
    z = tf.log(y)
    w.assign_add(1.0)
    return z * w


@pytest.fixture(autouse=True)
def switches() -> Iterator[None]:
    w.assign(2.0)
    yield
    tf.debugging.disable_check_numerics()
    tf.debugging.disable_replay()


def lines_of(function: Any, *args: Any) -> list[int]:
    first, seen = function.python_function.__code__.co_firstlineno, []

    def trace(frame: Any, event: str, arg: Any) -> Any:
        if event == "line" and frame.f_code is function.python_function.__code__:
            seen.append(frame.f_lineno - first)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*args)
    finally:
        sys.settrace(before)
    return seen


def test_a_tool_that_traces_is_told_of_the_lines_that_run_on_every_call() -> None:
    for start in (5.0, 200.0, 5.0):
        step(tf.constant([start]))  # a trace and its prepared calls are there already
        want = [2, 3, 4, 5, 6, 7] if start == 200.0 else [2, 3, 5, 6, 7]
        assert lines_of(step, tf.constant([start])) == want


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with Python 3.12")
def test_a_tool_that_monitors_is_told_of_the_lines_that_run() -> None:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    code, seen = step.python_function.__code__, []
    step(tf.constant([5.0]))
    monitoring.use_tool_id(monitoring.COVERAGE_ID, "test")
    try:
        monitoring.register_callback(
            monitoring.COVERAGE_ID, monitoring.events.LINE,
            lambda where, line: seen.append(line - code.co_firstlineno),
        )  # fmt: skip
        monitoring.set_local_events(monitoring.COVERAGE_ID, code, monitoring.events.LINE)
        step(tf.constant([5.0]))
        monitoring.set_local_events(monitoring.COVERAGE_ID, code, 0)
    finally:
        monitoring.free_tool_id(monitoring.COVERAGE_ID)
    assert [line for line in seen if line] == [2, 3, 5, 6, 7]


def test_breakpoint_stops_in_the_users_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    stops: list[Any] = []

    def hook() -> None:
        frame: Any = sys._getframe(1)
        stops.append((frame.f_code.co_name, frame.f_locals["y"].numpy().tolist()))

    monkeypatch.setattr(sys, "breakpointhook", hook)

    @tf.function
    def f(x: Any) -> Any:
        y = x * 2
        breakpoint()
        return y

    with pytest.warns(UserWarning, match="f runs as plain Python: .*breakpoint"):
        f(tf.constant([1.0]))
    f(tf.constant([2.0]))
    assert stops == [("f", [2.0]), ("f", [4.0])]


def test_values_that_are_not_finite_are_refused_with_variable_index_and_line() -> None:
    x = tf.constant([[3.0, 2.0], [1.0, 4.0]])
    assert np.isinf(step(x).numpy()[1, 0])
    tf.debugging.enable_check_numerics()
    with pytest.raises(
        E.NumericsError, match=r"z\[1, 0\] is -inf, in log\(float32\[2, 2\]\)"
    ) as no:
        step(x)
    assert no.value.location is not None and no.value.location.file == __file__
    assert no.value.location.line == step.python_function.__code__.co_firstlineno + 5
    assert "its input is 0.0" in no.value.message
    with pytest.raises(FloatingPointError):
        tf.constant(1.0) / tf.constant(0.0)  # eager code, too
    tf.debugging.disable_check_numerics()
    assert np.isinf((tf.constant(1.0) / 0.0).numpy())
    assert np.isinf(step(x).numpy()[1, 0])


def test_the_last_call_is_made_again_on_what_it_began_with() -> None:
    x = np.array([3.0, 1.0], np.float32)
    tf.debugging.enable_replay()
    first = step(x)
    x[:] = 7.0
    stops: list[Any] = []

    def stop(words: str, frame: Any, traceback: Any) -> None:
        stops.append(
            (words, frame.f_code.co_name, np.asarray(frame.f_locals["y"]).tolist(), w.numpy())
        )

    again = tf.debugging.replay(stop=stop)
    assert stops == [
        ("z[1] is -inf, in log(float32[2]); there its input is 0.0", "step", [2.0, 0.0], 2.0)
    ]
    np.testing.assert_allclose(np.asarray(again), np.asarray(first), rtol=1e-6)
    assert (w.numpy(), x.tolist()) == (3.0, [7.0, 7.0])  # as they were before


def test_a_replay_stops_where_an_operation_or_a_statement_raises() -> None:
    @tf.function
    def pick(x: Any, k: Any, what: str) -> Any:
        if what == "statement":
            return {}["missing"]
        return x[k]

    tf.debugging.enable_replay()
    stops: list[Any] = []

    def stop(words: str, frame: Any, traceback: Any) -> None:
        stops.append((words.split(":")[0], frame.f_lineno))

    first = pick.python_function.__code__.co_firstlineno
    for what, error in (("operation", IndexError), ("statement", KeyError)):
        with pytest.raises(error):
            pick(tf.ones(3), tf.constant(7), what)
        with pytest.raises(error):
            tf.debugging.replay(stop=stop)
    assert stops == [
        ("gather raises IndexOutOfBoundsError", first + 4), ("KeyError", first + 3),
    ]  # fmt: skip


def test_a_replay_without_a_call_says_what_to_do() -> None:
    with pytest.raises(E.ArgumentError, match="enable_replay"):
        tf.debugging.replay()
