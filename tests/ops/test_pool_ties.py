"""Max pools whose windows do not overlap: values, and who has the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf

RNG = np.random.default_rng(0)
CASES = [((2, 7, 3), (2,)), ((2, 6, 7, 3), (2, 2)), ((1, 9, 8, 2), (3, 2)), ((1, 4, 5, 6, 1), 2),
         ((1, 20, 20, 2), (5, 4))]  # fmt: skip


def slope(x: Any, g: Any, size: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.nn.max_pool(x, size)
    return y, tape.gradient(y, x, output_gradients=g)


def by_hand(x: Any, g: Any, window: tuple[int, ...]) -> Any:
    """The gradient, element by element of the result."""
    out = np.zeros_like(x)
    for at in np.ndindex(*g.shape):
        start = [i * k for i, k in zip(at[1:-1], window, strict=True)]
        box = tuple(slice(s, s + k) for s, k in zip(start, window, strict=True))
        part = x[(at[0], *box, at[-1])]
        place = np.unravel_index(np.argmax(part), part.shape)
        out[(at[0], *(s + int(p) for s, p in zip(start, place, strict=True)), at[-1])] += g[at]
    return out


@pytest.mark.parametrize("case", CASES, ids=str)
def test_of_equal_elements_the_first_has_the_gradient(case: Any) -> None:
    shape, size = case
    window = (size,) * (len(shape) - 2) if isinstance(size, int) else size
    x = RNG.integers(0, 3, shape).astype("f4")
    g = RNG.standard_normal(tf.nn.max_pool(x, size).shape).astype("f4")
    compiled = tf.function(slope, jit_compile=True)
    for run in (slope, compiled):
        y, found = run(tf.constant(x), tf.constant(g), size)
        np.testing.assert_array_equal(found, by_hand(x, g, window))
        rows = x[:, : y.shape[1] * window[0]].reshape(shape[0], y.shape[1], -1)
        assert y.numpy().max() == rows.max()


def test_one_trace_serves_all_sizes_that_windows_do_not_fill() -> None:
    compiled = tf.function(lambda x, g: slope(x, g, 2), jit_compile=True)
    for shape in ((2, 7, 9, 3), (3, 8, 8, 3), (1, 3, 2, 3)):
        x = tf.constant(RNG.standard_normal(shape).astype("f4"))
        g = tf.ones((shape[0], shape[1] // 2, shape[2] // 2, 3))
        for found, expected in zip(compiled(x, g), slope(x, g, 2), strict=True):
            np.testing.assert_array_equal(found, expected)
    assert compiled.experimental_get_tracing_count() == 1
