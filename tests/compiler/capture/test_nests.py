"""Loops in loops: however deep they are, the innermost body is traced a few times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.capture.loops import Loop


def into_an_array(x: Any, n: Any) -> Any:
    y = np.zeros(4)
    for a in range(n):
        for b in range(n):
            for c in range(n):
                for d in range(n):
                    for e in range(n):
                        y[a] += x[b] * x[c] + d * e
    return y


def into_a_list(x: Any, n: Any) -> Any:
    y = [0.0] * 4
    for a in range(n):
        for b in range(n):
            for c in range(n):
                for d in range(n):
                    for e in range(n):
                        y[a] += float(x[b]) * float(x[c]) + d * e
                        y[b] -= 1
    return y


def into_a_dict(x: Any, n: Any) -> Any:
    y = {"sum": 0.0, "count": 0}
    last = 0.0
    for a in range(n):
        for b in range(n):
            for c in range(n):
                for d in range(n):
                    for e in range(n):
                        last = float(x[a]) * float(x[b]) + c * d * e
                        y["sum"] += last
                        y["count"] += 1
    return y, last


@pytest.mark.parametrize("fn", [into_an_array, into_a_list, into_a_dict])
def test_a_nest_traces_its_innermost_body_a_few_times(
    fn: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trips: Counter[int] = Counter()
    trip = Loop._trip

    def counted(self: Loop, leaves: list[Any]) -> list[Any]:
        trips[self.head] += 1
        return trip(self, leaves)

    monkeypatch.setattr(Loop, "_trip", counted)
    compiled = tf.function(fn, strict=True, jit_compile=False)
    for n in (3, 2):
        made, wanted = compiled(np.arange(1.0, 5), tf.constant(n)), fn(np.arange(1.0, 5), n)
        np.testing.assert_equal(made, wanted)
        assert type(made) is type(wanted)
    assert len(trips) == 5
    assert max(trips.values()) <= 50, trips  # each loop doubles it otherwise


def test_a_loop_that_writes_to_something_else_each_time_it_is_staged() -> None:
    def add(into: Any, x: Any, first: bool) -> Any:
        last = 0.0
        for v in x:
            if first:
                last = float(v)
                into[0] += last
            else:
                last = 1
        return last

    def fn(x: Any, n: Any) -> Any:
        a, b, c = [0.0, 1.0], [0.0], np.zeros(2)
        for _ in range(n):
            one = add(a, x, True)
            two = add(b, x, False)
            add(b, x, True)
            add(c, x, True)
        return a, b, c, one + two

    x = np.array([1.0, 2.5, 4.0])
    compiled = tf.function(fn, jit_compile=False)
    np.testing.assert_equal(compiled(x, tf.constant(3)), fn(x, 3))


def test_an_argument_that_no_trip_writes_to_is_left_alone() -> None:
    def fill(into: Any, x: Any, on: bool) -> None:
        for i in range(x.shape[0]):
            if on:
                into[i] = x[i] * 2

    def fn(x: Any, kept: Any, n: Any) -> Any:
        made = np.zeros(3)
        for _ in range(n):
            fill(made, x, True)
            fill(kept, x, False)
        return made

    x, kept = np.array([1.0, 2.5, 4.0]), np.ones(3)
    kept.flags.writeable = False  # a write, even of what is there already, would raise
    compiled = tf.function(fn, strict=True, jit_compile=False)
    np.testing.assert_equal(compiled(x, kept, tf.constant(2)), x * 2)
