"""``sorted`` and ``list.sort`` by values of the graph are part of it, stable as Python's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.same import compare

import twofold as tf


def values(x, n):
    items = list(x)
    items.sort()
    return items, sorted(items, reverse=True), sorted([float(v) * 2 for v in x])


def ties(x, n):
    pairs = [(float(a), int(b)) for a, b in zip(x, n, strict=False)]
    by_first = sorted(pairs, key=lambda p: p[0], reverse=True)
    return sorted(pairs), by_first, sorted(pairs, key=lambda p: (-p[0], p[1]))


def median(x, n):
    items = sorted(x)
    half = len(items) // 2
    return items[half] if len(items) % 2 else (items[half - 1] + items[half]) / 2


def nearest(x, n):
    order = sorted(range(len(x)), key=lambda i: abs(x[i] - n[0]))
    return order, x[order[0]] + x[order[1]]


def grown(x, n):
    items = []
    for v in x:
        if v > n[0]:
            items.append(float(v))
    items.sort()
    return items, sorted(items, key=lambda v: abs(v - 1.5)), len(items)


def on_one_way(x, n):
    items = [x[0], x[1], x[2]]
    if n[0] > 1:
        items.sort()
    else:
        items.sort(key=lambda v: -v)
    return items


def keys_are_asked_once(x, n):
    seen = []

    def key(v):
        seen.append(v)
        return (v - n[0]) ** 2

    return sorted([x[2], x[0], x[1]], key=key), len(seen)


def arrays(x, n):
    rows = [x * n[0], x + 1, np.sin(x)]
    rows.sort(key=lambda r: r.sum())
    return rows[0] + 0, rows[2] * 2


def written_arrays(x, n):
    rows = [x * n[0], x + 1]
    first = rows[0]
    rows.sort(key=lambda r: r.sum())
    rows[0][0] = 50.0
    return rows, first


def of_a_dict(x, n):
    held = {"a": x[0], "b": x[1], "c": x[2]}
    return sorted(held.values()), sum(sorted(held.values(), reverse=True)[:2])


def of_bools(x, n):
    return sorted([bool(v > n[0]) for v in x], reverse=True)


PROGRAMS = [values, ties, median, nearest, grown, on_one_way, keys_are_asked_once, arrays,
            written_arrays, of_a_dict, of_bools]  # fmt: skip
STAGED = [p for p in PROGRAMS if p is not written_arrays]
GIVEN = [
    ([3.0, 1.0, 2.0, 1.0, 0.5], [1.0, 2.0, 3.0, 4.0, 5.0]),
    ([-1.0, 1.0, -1.0, 4.0, -0.0], [0.5, 2.0, 0.0, -4.0, 5.0]),
]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.filterwarnings("ignore")
def test_the_order_is_that_of_plain_python(program: Callable[..., Any]) -> None:
    for x, n in GIVEN:
        compare(program, np.array(x), np.array(n))


@pytest.mark.parametrize("program", STAGED)
def test_nothing_is_left_to_python(program: Callable[..., Any]) -> None:
    compiled = tf.function(program, strict=True, jit_compile=False)
    for x, n in GIVEN:
        compiled(np.array(x), np.array(n))
    assert compiled.experimental_get_tracing_count() == 1


def test_numbers_that_are_none_have_the_order_of_plain_python() -> None:
    compiled = tf.function(lambda x: [v.numpy() for v in sorted([x[0], x[1], x[2]])])
    for x in ([1.0, 3.0, 2.0], [np.nan, 1.0, 0.0], [1.0, np.nan, 0.0]):
        given = tf.constant(x)
        np.testing.assert_array_equal(compiled(given), compiled.python_function(given))


def test_what_is_sorted_has_gradients() -> None:
    def second(x: Any) -> Any:
        return sorted([x[0] * 2, x[1], x[2]])[1] ** 2

    x = tf.constant([1.0, 5.0, 0.5])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.function(second, strict=True)(x)
    np.testing.assert_allclose(tape.gradient(y, x), [8.0, 0.0, 0.0])


def test_complex_numbers_are_refused_as_in_python() -> None:
    with pytest.raises(TypeError):
        tf.function(lambda x: sorted([x[0], x[1]]))(tf.constant([1j, 2j]))


def test_the_items_of_a_dict_have_the_order_of_their_keys() -> None:
    """Where no two keys are equal nobody compares what stands behind them."""
    given = {"b": np.ones(3), "a": np.zeros(2)}
    compiled = tf.function(
        lambda d: [(k, v + 1) for k, v in sorted(d.items(), reverse=True)], strict=True
    )
    (first, b), (second, a) = compiled(given)
    assert (first, second) == ("b", "a")
    np.testing.assert_array_equal(b, [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(a, [1.0, 1.0])
