"""What Python's functions make of all items at once: generators with conditions, `max` and `min` with
a key or of several types, `filter`, slices of lists whose length the graph decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf

LOG: list[int] = []


class Point:
    def __init__(self, v: Any) -> None:
        self.v = v


def seen(t: Any) -> Any:
    LOG.append(1)
    return t > 1


def positive(x: Any) -> Any:
    for t in x:
        if t > 0:
            yield t
        elif t < -3:
            return


def chained(x: Any) -> Any:
    yield from positive(x)
    yield from positive(x * -1)


def sums(x: Any, n: Any) -> Any:
    return sum(t for t in x if t > 0), sum(1 for t in x if t > 0), sum(float(t) for t in x)


def of_functions(x: Any, n: Any) -> Any:
    return list(positive(x)), len(list(chained(x)))


def asked(x: Any, n: Any) -> Any:
    return any(t > 2 for t in x), all(t > -3 for t in x), any(seen(t) for t in x)


def prime(x: Any, n: Any) -> Any:
    return [all(k % d != 0 for d in range(2, k)) for k in (n + 2, n + 7)]


def in_branch_and_loop(x: Any, n: Any) -> Any:
    k = 0
    for i in range(n):
        if any(t > i for t in x):
            k += 1
    return k if x[0] > 0 else sum(t for t in x if t < 0)


def consumed_on_one_way(x: Any, n: Any) -> Any:
    g = (t * 2 for t in x)
    s = sum(g) if x[0] > 0 else x[1]
    return s, list(g)


def half_used(x: Any, n: Any) -> Any:
    g = (t * 2 for t in x)
    return next(g), sum(g)


def keys(x: Any, n: Any) -> Any:
    pairs = [(float(x[0]), 1), (float(x[1]), 2)]
    return max(range(4), key=lambda i: x[i]), max(pairs, key=lambda p: p[0])[1]


def of_objects(x: Any, n: Any) -> Any:
    a, b = Point(x[0]), Point(x[1])
    return max(a, b, key=lambda p: p.v).v


def several_types(x: Any, n: Any) -> Any:
    m = 0
    for v in x:
        m = max(m, v)
    return m


def empty(x: Any, n: Any) -> Any:
    return min(x[4:])


def filters(x: Any, n: Any) -> Any:
    return list(filter(lambda t: t > 0, x)), sum(filter(None, [x[0], x[3]]))


def slices(x: Any, n: Any) -> Any:
    a = [x[0] * 0]
    for i in range(n):
        a.append(x[0] * i)
    return a[1:], a[:-1], a[-2:], a[1:3], a[5:2], sum(a[1:])


PROGRAMS = [sums, of_functions, asked, prime, in_branch_and_loop, consumed_on_one_way, half_used,
            keys, of_objects, several_types, empty, filters, slices]  # fmt: skip
CALLS = [([1.0, 2.0, 3.0, -4.0], 3), ([-1.0, -2.0, 5.0, 0.0], 0), ([3.0, 1.0, 1.0, 2.0], 5)]


def ended(function: Any, x: Any, n: Any) -> Any:
    LOG.clear()
    try:
        return repr(function(x, n)), len(LOG)
    except ValueError as error:
        return repr(error)


@pytest.mark.parametrize("program", PROGRAMS)
def test_items_are_used_up_in_the_graph(program):
    compiled = tf.function(program, jit_compile=False, strict=True)
    for numbers, n in CALLS:
        x, count = tf.constant(np.array(numbers, "float32")), tf.constant(n)
        assert ended(compiled, x, count) == ended(program, x, count)


def test_the_index_of_the_largest():
    @tf.function(jit_compile=False, strict=True)
    def f(x):
        return max(range(len(x)), key=lambda i: x[i]), min(x, key=lambda t: t * t)

    for numbers in ([1.0, 2.0, 3.0, -4.0], [-1.0, 7.0], [0.5]):
        at, least = f(tf.constant(numbers))
        assert at == int(np.argmax(numbers)) and float(least) == min(numbers, key=abs)
