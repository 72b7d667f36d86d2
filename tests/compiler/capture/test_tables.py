"""Dicts of numbers and arrays that are asked for what the graph decides: one graph, no steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

COSTS = {0: 1.5, 1: 2.5, 5: -1.0}


def by_table(a: Any) -> Any:
    total = 0.0
    for v in a:
        total += COSTS[int(v)]
    return total


def by_array_keys(a: Any) -> Any:
    own = {1: 10, 2: 20}
    n = 0
    for v in a:
        if v in own:
            n += own[v]
        n += own.get(v, 1)
        if v not in COSTS:
            n += 100
    return n


def caught(a: Any) -> Any:
    try:
        return {1: 10, 2: 20}[int(a[0])]
    except KeyError:
        return -1


def in_rows(a: Any) -> Any:
    grid = np.stack([a, a[::-1]])
    n = 0
    for row in grid:
        if 2 in row:
            n += 1
        if row[0] not in row[1:]:
            n += 10
    return n, a[0] in grid, 7 in grid


ARRAYS = [np.array([0, 1, 5]), np.array([1, 1, 2]), np.array([5, 9, 5]), np.array([-1, 0, 2])]


def outcome(call: Callable[..., Any], a: Any) -> Any:
    try:
        return call(a)
    except KeyError as error:
        return str(error)


@pytest.mark.parametrize(("fn", "jit"), [
    (by_table, False), (by_table, True), (by_array_keys, False), (caught, False), (in_rows, False),
])  # fmt: skip
def test_it_is_one_graph_and_gives_what_python_gives(fn: Callable[..., Any], jit: bool) -> None:
    compiled = tf.function(fn, strict=True, jit_compile=jit)
    for a in ARRAYS:
        made, wanted = outcome(compiled, a), outcome(fn, a)
        assert repr(made) == repr(wanted)
    assert compiled.experimental_get_tracing_count() == 1


def test_a_table_that_changes_is_looked_up_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = tf.function(by_table, strict=True, jit_compile=False)
    assert compiled(np.array([0, 1])) == 4.0
    monkeypatch.setitem(COSTS, 1, 10.0)
    monkeypatch.setitem(COSTS, 9, 100.0)
    assert compiled(np.array([0, 1, 9])) == 111.5


class Body:
    def __init__(self, at: Any) -> None:
        self.at = at
        self.met = 0


def test_objects_that_have_been_written_to_are_gone_over_with_others() -> None:
    def moved(bodies: list[Body], x: Any) -> Any:
        for _ in range(3):
            for body, step in zip(bodies, [x, x * 2], strict=True):
                body.at = body.at + step
                body.met += 1
            for body in reversed(bodies):
                body.at = body.at * 2
        return [body.at for body in [*bodies]]

    compiled = tf.function(moved, strict=True, jit_compile=False)
    ours, plain = [Body(1.0), Body(2.0)], [Body(1.0), Body(2.0)]
    for k in range(3):
        x = tf.constant(float(k))
        made, wanted = compiled(ours, x), moved(plain, x)
        assert [float(v) for v in made] == [float(v) for v in wanted]
        assert [body.met for body in ours] == [body.met for body in plain]
