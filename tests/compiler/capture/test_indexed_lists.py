"""Lists of the function's that are written to where the graph decides the index, queues, and lists
that are returned twice, are part of the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.same import _same

import twofold as tf


def counts(a, n):
    found = [0] * 4
    for v in a:
        found[int(v)] += 1
    return found, len(found), sum(found), found[-1]


def breadth_first(a, n):
    size = len(a)
    distance = [-1] * size
    distance[0] = 0
    queue = [0]
    while queue:
        at = queue.pop(0)
        for to in range(size):
            if (a[at] + a[to]) % (n[0] + 2) == 0 and distance[to] < 0:
                distance[to] = distance[at] + 1
                queue.append(to)
    return distance


def joined(a, n):
    parent = [0, 1, 2, 3]
    for i in range(1, len(a)):
        x, y = int(a[i - 1]), int(a[i])
        while parent[x] != x:
            x = parent[x]
        while parent[y] != y:
            y = parent[y]
        parent[x] = y
    return parent


def coins(a, n):
    best = [0] + [99] * 12
    for total in range(1, 13):
        for coin in a:
            if 0 < coin <= total:
                best[total] = min(best[total], best[total - int(coin)] + 1)
    return best


def inverse(a, n):
    found = [0.5, 1.5, 2.5, 3.5]
    other = found
    for i, v in enumerate(a):
        found[v] = float(v) * i
    return other, other is found


def on_one_way(a, n):
    found = [1, 2, 3, 4]
    if n[0] > 1:
        found[a[0]] = 7
    return found


def queued(a, n):
    queue, total, k = [], 0, 1
    for v in a:
        if v > n[0]:
            queue.append(int(v))
    while queue:
        total += queue.pop(0) * k
        k += 1
        if len(queue) > 2:
            queue.pop()
    return total, queue


def empty(a, n):
    queue = [v for v in a if v > 100]
    return queue.pop(0)


def twice(a, n):
    found = [v for v in a if v > n[0]]
    held = [found, 1]
    return found, {"a": held, "b": held}, found


PROGRAMS = [counts, breadth_first, joined, coins, inverse, on_one_way, queued, empty, twice]
GIVEN = [([1, 2, 3, 2], [1]), ([0, 3, 2, 1], [2]), ([3, 3, -1, 1], [0]), ([0, 9, 0, 0], [5])]


def outcome(function: Callable[..., Any], a: Any, n: Any) -> Any:
    try:
        return function(np.array(a), np.array(n))
    except IndexError as error:
        return error


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_result_is_that_of_plain_python(program: Callable[..., Any]) -> None:
    compiled = tf.function(program, strict=True, jit_compile=False)
    for a, n in GIVEN:
        want, got = outcome(program, a, n), outcome(compiled, a, n)
        _same(got, want, program.__name__)
        assert str(got) == str(want) or not isinstance(want, Exception)
    assert compiled.experimental_get_tracing_count() == 1


def test_a_list_that_is_returned_twice_is_one() -> None:
    for function in (twice, tf.function(twice, strict=True, jit_compile=False)):
        first, named, last = function(np.array([1, 5, 7]), np.array([2]))
        assert first is last is named["a"][0] and named["a"] is named["b"]
        assert [int(v) for v in first] == [5, 7]


@pytest.mark.filterwarnings("ignore:.*runs? as plain Python")
def test_what_comes_behind_a_loop_does_not_make_its_trips_again() -> None:
    def f(a: Any, b: Any, n: Any) -> Any:
        kept, made = a * 1, b + 1
        for _ in range(30):
            for _ in range(30):
                made[2] += a[0]
                if kept[1] < 5:
                    return made
            kept = made if kept.sum() > 2 else b
        if n[0] > 2:
            kept[1] += 1
        return kept

    given = [np.array(x) for x in ([2.0, 0.0, 1.0], [0.0, 2.0, 2.0], [3.0])]
    np.testing.assert_array_equal(tf.function(f)(*given), f(*given))
