"""Calls with steps in the middle go on as plain Python where that is faster; the answers are the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

import twofold as tf
from twofold.compiler import pace


class Clock:
    """A clock that each call of the function moves on: by more with graphs, or as plain Python."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(pace, "time", self)

    def perf_counter(self) -> float:
        return self.now


@pytest.mark.parametrize("plain_is_faster", [True, False])
def test_calls_go_the_way_that_has_been_faster(
    monkeypatch: pytest.MonkeyPatch, plain_is_faster: bool
) -> None:
    clock, seen = Clock(monkeypatch), []

    @tf.function(jit_compile=False)
    def f(x: Any) -> Any:
        y = x * 2
        seen.append(float(y))
        clock.now += 1.0
        return y + len(json.dumps(float(y)))

    plainly = f.plainly

    def slower(*args: Any) -> Any:
        clock.now += -0.5 if plain_is_faster else 0.5
        return plainly(*args)

    monkeypatch.setattr(f, "plainly", slower)
    x = tf.constant(1.5)
    for _ in range(pace.FIRST + 2 * pace.ROUNDS + 3):
        assert float(f(x)) == 6.0
    before = f.experimental_get_plain_count()
    assert float(f(x)) == 6.0
    assert (f.experimental_get_plain_count() > before) == plain_is_faster
    assert seen == [3.0] * (pace.FIRST + 2 * pace.ROUNDS + 4)


def test_small_segments_of_one_call_are_left_to_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "NODE", 0.0)
    monkeypatch.setattr(pace, "ELEMENT", 0.0)
    monkeypatch.setattr(pace, "SEGMENTS", 32)

    def f(x: Any) -> Any:
        found = []
        for i in range(4 * pace.SEGMENTS):
            x = tf.tanh(x) + i
            found.append(json.dumps(round(float(x), 3)))
        return x, found

    compiled = tf.function(f, jit_compile=False)
    for value in (0.5, 2.0):
        got, want = compiled(tf.constant(value)), f(tf.constant(value))
        assert got[1] == want[1]
        assert float(got[0]) == pytest.approx(float(want[0]))
    assert pace.FASTER in compiled.explain()
    assert 0 < compiled.experimental_get_segment_count() < 8 * pace.SEGMENTS


def test_a_loop_of_the_graph_always_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "NODE", 0.0)
    monkeypatch.setattr(pace, "SEGMENTS", 32)

    def f(x: Any, n: Any) -> Any:
        total = 0.0
        for _ in range(pace.SEGMENTS + 8):
            total = total + len(json.dumps(float(x)))
            for _ in range(n):
                x = tf.sin(x) + 1
        return x, total

    compiled = tf.function(f, jit_compile=False)
    got, want = compiled(tf.constant(0.5), tf.constant(3)), f(tf.constant(0.5), tf.constant(3))
    assert float(got[0]) == pytest.approx(float(want[0]))
    assert float(got[1]) == float(want[1])
    assert compiled.experimental_get_plain_count() == 0
