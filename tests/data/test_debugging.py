"""Breakpoints and tools that are told of lines, in functions given to transformations."""

from __future__ import annotations

import io
import pdb
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

import twofold as tf

PIPELINES: dict[str, Callable[[Any], Any]] = {
    "map": lambda ds: ds.map(scaled),
    "parallel map": lambda ds: ds.map(scaled, num_parallel_calls=4),
    "map ahead": lambda ds: ds.map(scaled).prefetch(2),
    "all at once": lambda ds: ds.map(scaled, num_parallel_calls=2).prefetch(1).prefetch(-1),
    "nested": lambda ds: ds.flat_map(
        lambda x: tf.data.Dataset.from_tensors(x).map(scaled, num_parallel_calls=2)
    ),
}


def scaled(x: Any) -> Any:
    y = x * 2
    return y + 1


def odd(x: Any) -> Any:
    return x % 2 == 1


def stops_of(code: Any, line: int, work: Callable[[], Any]) -> tuple[Any, list[int]]:
    """What ``work`` returns under pdb, and ``x`` at each stop of a breakpoint."""
    told = io.StringIO()
    script = f"b {code.co_filename}:{line}\n" + "c\np int(x)\n" * 8 + "c\n" * 8
    debugger = pdb.Pdb(stdin=io.StringIO(script), stdout=told, nosigint=True, readrc=False)
    made = debugger.runcall(work)
    debugger.clear_all_breaks()
    answers = [line.removeprefix("(Pdb) ") for line in told.getvalue().splitlines()]
    return made, [int(answer) for answer in answers if answer.isdigit()]


@pytest.mark.parametrize("name", PIPELINES)
def test_a_breakpoint_stops_for_each_element(name: str) -> None:
    ds = PIPELINES[name](tf.data.Dataset.range(4))
    for _ in range(2):  # the second time it is compiled already
        assert [int(x) for x in ds] == [1, 3, 5, 7]
    made, stops = stops_of(
        scaled.__code__, scaled.__code__.co_firstlineno + 2, lambda: [int(x) for x in ds]
    )
    assert (made, stops) == ([1, 3, 5, 7], [0, 1, 2, 3])
    assert [int(x) for x in ds] == [1, 3, 5, 7]


def test_a_breakpoint_stops_in_a_predicate() -> None:
    ds = tf.data.Dataset.range(4).filter(odd)
    made, stops = stops_of(
        odd.__code__, odd.__code__.co_firstlineno + 1, lambda: [int(x) for x in ds]
    )
    assert (made, stops) == ([1, 3], [0, 1, 2, 3])


@pytest.mark.parametrize("name", PIPELINES)
def test_a_tool_is_told_of_the_lines_of_each_element(name: str) -> None:
    ds = PIPELINES[name](tf.data.Dataset.range(3))
    seen: list[tuple[int, bool]] = []

    def trace(frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code is scaled.__code__ and event == "line":
            here = threading.current_thread() is threading.main_thread()
            seen.append((frame.f_lineno - frame.f_code.co_firstlineno, here))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        list(ds.as_numpy_iterator())
    finally:
        sys.settrace(before)
    assert seen == [(1, True), (2, True)] * 3


def test_breakpoint_stops_in_the_users_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    stops: list[tuple[str, int]] = []

    def hook() -> None:
        frame: Any = sys._getframe(1)
        stops.append((frame.f_code.co_name, int(frame.f_locals["y"])))

    def stopped(x: Any) -> Any:
        y = x * 2
        breakpoint()
        return y

    monkeypatch.setattr(sys, "breakpointhook", hook)
    ds = tf.data.Dataset.range(3).map(stopped, num_parallel_calls=2).prefetch(1)
    assert [int(x) for x in ds] == [0, 2, 4]
    assert sorted(stops) == [("stopped", 0), ("stopped", 2), ("stopped", 4)]


def test_what_ran_ahead_of_a_debugger_stays() -> None:
    elements = iter(tf.data.Dataset.range(6).map(scaled).prefetch(2))
    first = int(next(elements))
    made, _ = stops_of(
        scaled.__code__, scaled.__code__.co_firstlineno + 2, lambda: [int(x) for x in elements]
    )
    assert [first, *made] == [1, 3, 5, 7, 9, 11]
