"""Behind a step a tensor is still the object that it was before, whichever that is by values: a write
reaches all its names."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

import twofold as tf


def asked(x: Any) -> int:
    return len(json.dumps(float(tf.sum(x))))


def one_of_two(x: Any) -> Any:
    w, v = x * 1, x * 2
    y = w if tf.sum(x) > 0 else v
    n = asked(x)
    y[0] = 9.0
    return w, v, y, n, y is w


def argument_or_own(x: Any) -> Any:
    w = x * 1
    y = x if tf.sum(x) > 0 else w
    n = asked(x)
    y[0] = 9.0
    return w, x, n


def older_or_new(x: Any) -> Any:
    w = x * 1
    y = w if tf.sum(x) > 0 else x * 3
    n = asked(w)
    w[0] = 7.0
    return y, n


def two_names_on_one_way(x: Any) -> Any:
    if tf.sum(x) > 0:
        y = z = x * 2
    else:
        y, z = x * 2, x * 3
    n = asked(x)
    y[0] = 50.0
    return y, z, n


def of_a_list(x: Any) -> Any:
    held = [x * 1, x * 2, x * 3]
    t = held[tf.cast(tf.abs(x[0]), tf.int32) % 3]
    n = asked(x)
    t[0] = 50.0
    return held, n


def of_a_growing_list(x: Any) -> Any:
    held = []
    for i in range(tf.cast(tf.abs(x[0]), tf.int32)):
        held.append(x * i)
    t = held[-1] if len(held) > 0 else x * 1
    n = asked(x)
    t[0] = 50.0
    return held, t, n


def of_a_loop(x: Any) -> Any:
    w = y = x * 1
    while tf.sum(y) > 3:
        y = y - 1
    n = asked(x)
    y[0] = 50.0
    return w, y, n


def put_outside(x: Any, kept: list[Any]) -> Any:
    w = x * 1
    y = w if tf.sum(x) > 0 else x * 2
    kept.append(w)
    n = asked(x)
    y[0] = 50.0
    return y, n


def never_shared(x: Any) -> Any:
    for _ in range(3):
        x = x * 2 if tf.sum(x) < 4 else x - 1
        x[0] = x[0] + asked(x)
    return x


PROGRAMS = [one_of_two, argument_or_own, older_or_new, two_names_on_one_way, of_a_list,
            of_a_growing_list, of_a_loop, never_shared]  # fmt: skip
ARGUMENTS = ([1.0, 2.0], [-3.0, 1.0], [4.0, 4.0], [0.0, 0.0])


def shown(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return list(map(shown, value))
    return value.numpy().tolist() if isinstance(value, tf.Tensor) else value


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_write_behind_a_step_reaches_every_name(program):
    compiled = tf.function(program, jit_compile=False)
    for numbers in ARGUMENTS:
        plain = tf.constant(np.array(numbers, "float32"))
        other = copy.copy(plain)
        assert shown(compiled(other)) == shown(program(plain))
        assert shown(other) == shown(plain)
    assert compiled.experimental_get_segment_count() > 0


def test_a_write_behind_a_step_reaches_what_was_put_outside():
    compiled = tf.function(put_outside, jit_compile=False)
    for numbers in ARGUMENTS:
        x, kept, held = tf.constant(numbers), [], []
        assert shown(compiled(x, kept)) == shown(put_outside(x, held))
        assert shown(kept) == shown(held)


def test_where_nobody_has_the_other_one_there_is_no_further_step():
    def f(x):
        y = x * 2
        for _ in range(3):
            y = y * 2 if tf.sum(y) < 40 else y - 1
            y = y + asked(y)
        return y

    def without(x):
        y = x * 2
        for _ in range(3):
            y = y * 2
            y = y + asked(y)
        return y

    counts = []
    for program in (f, without):
        compiled = tf.function(program, jit_compile=False)
        compiled(tf.constant([1.0, 2.0]))
        counts.append(compiled.experimental_get_segment_count())
    assert counts[0] == counts[1]


def test_a_view_of_a_dict_is_carried_over_a_step():
    """It is the view of the caller's dict there, not of what stood for it in the graph."""

    def step(given, x):
        values, items = given.values(), given.items()
        text = json.dumps(float(tf.sum(x)))
        given["n"] = np.ones(1)
        return [v * 2 for v in values], [k for k, _ in items], text

    compiled = tf.function(step)
    for size in (2, 3):
        given = {"b": np.ones(size), "a": np.zeros(2)}
        doubled, keys, text = compiled(given, tf.constant(1.0))
        assert [v.tolist() for v in doubled] == [[2.0] * size, [0.0, 0.0], [2.0]]
        assert (keys, text) == (["b", "a", "n"], "1.0")
