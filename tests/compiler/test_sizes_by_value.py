"""Sizes that values decide are symbols in compiled functions: one trace, and eager code's results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.same import compare

import twofold as tf


def _k(x):
    return tf.cast(tf.reduce_sum(tf.cast(x > 0, tf.int32)), tf.int32)


TENSORS: dict[str, Callable[[Any], Any]] = {
    "argwhere": lambda x: tf.argwhere(x > 0),
    "where": lambda x: tf.where(x > 0),
    "nonzero": lambda x: tf.nonzero(x > 0)[0],
    "mask": lambda x: x[x > 0],
    "mask and sum": lambda x: tf.reduce_sum(x[x > 0] * 2),
    "boolean_mask": lambda x: tf.boolean_mask(x, x > 0) + 1,
    "two masks": lambda x: x[x > 0] - x[x > 0] * 2,
    "other masks": lambda x: tf.concat([x[x > 0], x[x <= 0]], 0),
    "unique": lambda x: tf.unique(x)[0],
    "unique_counts": lambda x: tf.unique_counts(x)[1],
    "inverse": lambda x: tf.unique_inverse(x)[1],
    "mean of a mask": lambda x: tf.reduce_sum(x[x > 0]) / tf.cast(tf.size(x[x > 0]), tf.float32),
    "range": lambda x: tf.range(_k(x)) * 2,
    "zeros": lambda x: tf.zeros((_k(x), 2)) + 1,
    "fill": lambda x: tf.fill([_k(x)], 3.0),
    "ones of a mask": lambda x: tf.ones_like(x[x > 0]),
    "slice": lambda x: x[: _k(x)],
    "from": lambda x: x[_k(x) :],
    "a block": lambda x: tf.slice(x, [_k(x)], [1]),
    "a block of a size": lambda x: tf.slice(x, tf.stack([_k(x) // 2]), tf.stack([_k(x) // 2])),
    "the rest": lambda x: tf.slice(x, tf.stack([_k(x)]), [-1]),
    "numbers below a value": lambda x: tf.range(0.0, x[0] + 2, 0.5) * 2,
    "numbers above a value": lambda x: tf.range(2.0, x[-1], -0.1, dtype="float64"),
    "numbers by a step": lambda x: tf.range(0, 3, x[0] * x[0]),
    "top_k": lambda x: tf.math.top_k(x, _k(x))[0],
    "repeat": lambda x: tf.repeat(x, tf.cast(tf.abs(x), tf.int32)),
    "sort": lambda x: tf.sort(x[x > 0]),
    "matrix": lambda x: tf.linalg.matmul(x[x > 0][:, None], x[x > 0][None, :]),
    "in a branch": lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: x[x > 0], lambda: x),
    "length": lambda x: tf.cast(tf.shape(x[x > 0])[0], tf.float32) * x,
    "max": lambda x: tf.reduce_max(x[x > 0]),
    "one-hot": lambda x: tf.one_hot(tf.range(_k(x)), _k(x)),
}
GIVEN = [[1.0, -2.0, 3.0, 2.0], [-1.0, -3.0], [1.0, 2.0, 2.0], [0.0]]


LOOPS: dict[str, Callable[[Any, Any], Any]] = {
    "blocks": lambda x, i: x[i * 4 : (i + 1) * 4],
    "blocks by a number": lambda x, i: x[4 * i : 4 * i + 4],
    "shifted": lambda x, i: x[i + 5 : i + 9] * x[i + 6 : i + 10],
    "neighbours": lambda x, i: x[i + 1 : i + 5] - x[i : i + 4],
}


@pytest.mark.parametrize("first", [0, -2, -7])
@pytest.mark.parametrize("name", list(LOOPS))
def test_slices_between_sums_with_one_value_have_known_sizes(name: str, first: int) -> None:
    x, part = tf.range(40.0), LOOPS[name]

    def summed(n):
        total = tf.zeros(4)
        for i in tf.range(first, n):
            total = total + part(x, i)
        return total

    compiled = tf.function(summed, strict=True)
    for n in (3, 1, 9, 12):  # the last ones reach over the end

        def made(call: Any, n: int = n) -> Any:
            try:
                return call(tf.constant(n)).tolist()
            except tf.errors.ShapeError:
                return "ShapeError"

        assert made(compiled) == made(summed)


def _outcome(function: Callable[[Any], Any], x: Any) -> Any:
    try:
        return function(x)
    except (ValueError, tf.errors.TwofoldError) as error:
        return type(error).__name__


@pytest.mark.parametrize(
    ("name", "jit"),
    [*[(name, False) for name in TENSORS],
     *[(name, True) for name in ("mask and sum", "two masks", "zeros", "repeat", "in a branch")]],
)  # fmt: skip
def test_a_compiled_function_gives_what_eager_code_gives(name: str, jit: bool) -> None:
    function = TENSORS[name]
    compiled = tf.function(function, jit_compile=jit, strict=name != "max")
    for given in GIVEN[: 1 if jit else 3]:
        x = tf.constant(given)
        want, made = _outcome(function, x), _outcome(compiled, x)
        if isinstance(want, str):
            assert made == want
        else:
            assert made.dtype == want.dtype
            np.testing.assert_allclose(made.numpy(), want.numpy(), rtol=1e-6)


def test_one_trace_serves_all_counts() -> None:
    @tf.function(strict=True)
    def picked(x):
        return x[x > 0] * 2

    for count in range(5):
        assert picked(tf.constant([1.0] * count + [-1.0] * (5 - count))).shape == (count,)
    assert picked.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("k", [-3, 0, 2, 9])
def test_a_bound_beyond_the_axis_means_what_it_means_eagerly(k: int) -> None:
    x, n = tf.constant([1.0, 2.0, 3.0, 4.0]), tf.constant(k)
    cut = tf.function(lambda x, n: x[:n])
    np.testing.assert_array_equal(cut(x, n).numpy(), x.numpy()[:k])
    counted = tf.function(lambda n: tf.range(n))
    np.testing.assert_array_equal(counted(n).numpy(), np.arange(k))


@pytest.mark.parametrize("jit", [False, True])
def test_gradients_go_through_masks_and_repeats(jit: bool) -> None:
    def loss(x):
        kept = x[x > 0]
        return tf.reduce_sum(kept * kept) + tf.reduce_sum(tf.repeat(x, tf.constant([2, 0, 1, 3])))

    def slope(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(x)
        return tape.gradient(value, x)

    x = tf.constant([1.0, -2.0, 3.0, 2.0])
    want = slope(x).numpy()
    np.testing.assert_allclose(tf.function(slope, jit_compile=jit)(x).numpy(), want)
    np.testing.assert_allclose(want, [4.0, 0.0, 7.0, 7.0])


# NumPy programs


def mean_of_some(x):
    i = np.nonzero(x > 0)[0]
    n = len(i)
    return i.sum() / n if n else 0.0


def sizes(x):
    y = x[x > 0]
    return y.mean(), y.shape[0], y.size, y.shape, x[x > 0].ndim


def loop_over_some(x):
    total = 0.0
    for v in x[x > 0]:
        total += v
    for k in np.flatnonzero(x < 0):
        total -= x[k]
    return total


def first(x):
    y = x[x > 0]
    if y.size == 0:
        return -1.0
    return y[0] + y[-1]


def parts(x):
    y = x[x > 0]
    return np.sort(y), y[::-1], y[1:] - y[:-1], y.max()


def filled(x):
    y = x[x > 0]
    out = np.zeros(len(y))
    for k in range(len(y)):
        out[k] = y[k] * k
    return out, np.arange(len(y))


def written(x):
    y = x[x > 0]
    y[0] = 5.0
    y += 1
    return y, np.concatenate([y, x])


def stored(x):
    y = x[x > 0]
    y[-1] = 9.0
    x[x > 0] = y
    return x


def other_mask(x):
    x[x > 0] = x[x < 0][: len(x[x > 0])]
    return x


def rows(x):
    m = np.outer(x, x)
    return m[x > 0].sum(axis=0), m[x > 0].shape, np.argwhere(m > 1), np.where(m > 1)


def in_branches(x):
    y = x[x > 0] if x.sum() > 0 else x
    return y * 2


PROGRAMS = [mean_of_some, sizes, loop_over_some, first, parts, filled, written, stored,
            other_mask, rows, in_branches]  # fmt: skip


@pytest.mark.parametrize(
    ("program", "jit"),
    [*[(program, False) for program in PROGRAMS], (filled, True), (stored, True)],
)
@pytest.mark.filterwarnings("ignore")
def test_numpy_programs_with_such_sizes_are_what_plain_python_makes_of_them(
    program: Callable[[Any], Any], jit: bool
) -> None:
    for given in GIVEN[: 1 if jit else 4]:
        compare(program, np.array(given), jit=jit)


@pytest.mark.parametrize("program", [mean_of_some, sizes, loop_over_some, first, filled, written])
def test_they_are_staged(program: Callable[[Any], Any]) -> None:
    given = np.array([1.0, -2.0, 3.0, 2.0])
    want, made = program(given.copy()), tf.function(program, strict=True)(given.copy())
    assert repr(made) == repr(want)
