"""Python's numbers in lists are read in the dtype in which they meet a tensor, not by way of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

X = np.array([1.0, 3.0])
CALLS: list[Callable[[Any, Any], Any]] = [
    lambda t, np_or_tf: t * [0.1, 0.2],
    lambda t, np_or_tf: [0.1, 0.2] - t,
    lambda t, np_or_tf: np_or_tf.add(t, (0.1, 0.2)),
    lambda t, np_or_tf: np_or_tf.multiply([[0.1], [0.2]], t),
    lambda t, np_or_tf: np_or_tf.stack([t, [0.1, 0.2]]),
    lambda t, np_or_tf: np_or_tf.where(t > 1, t, [0.1, 0.2]),
    lambda t, np_or_tf: np_or_tf.maximum([0.1, 5.1], t),
    lambda t, np_or_tf: np_or_tf.tensordot(t, [0.1, 0.2], 1),
    lambda t, np_or_tf: np.dot(t, [0.1, 0.2]),
    lambda t, np_or_tf: np.inner([0.1, 0.2], t),
    lambda t, np_or_tf: np.outer(t, [0.1, 0.2]),
    lambda t, np_or_tf: np.kron([0.1, 0.2], t),
    lambda t, np_or_tf: np.convolve(t, [0.1, 0.2]),
    lambda t, np_or_tf: np.interp(t, [0.1, 4.2], [0.3, 0.7]),
    lambda t, np_or_tf: np.fmax(t, 1.1),
    lambda t, np_or_tf: np.add.outer(t, [0.1, 0.2]),
    lambda t, np_or_tf: np.average(t, weights=[0.1, 0.2]),
    lambda t, np_or_tf: np_or_tf.isclose(t, 1.0000000000001, rtol=0, atol=1e-12),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("compiled", [False, True])
def test_a_double_meets_the_numbers_that_are_written(
    call: Callable[[Any, Any], Any], compiled: bool
) -> None:
    ours = lambda t: call(t, tf)  # noqa: E731
    made = tf.function(ours, jit_compile=False) if compiled else ours
    found = made(tf.constant(X))
    np.testing.assert_allclose(np.asarray(found), call(X, np), rtol=1e-15)


def test_numbers_that_are_arguments_too() -> None:
    def weigh(x: Any, a: float) -> Any:
        return x * [a, 0.2] + [[a, 0.3], (0.4, x.shape[0] / 3)]

    compiled = tf.function(weigh)
    for a in (0.1, 0.7):
        np.testing.assert_array_equal(compiled(tf.constant(X), a), weigh(X, a))
    assert compiled.experimental_get_tracing_count() <= 2


def test_dtypes_stay_what_they_were() -> None:
    assert (tf.constant([1.0, 2.0]) * [0.1, 0.2]).dtype == np.float32
    assert tf.add(tf.constant([1, 2], tf.int8), [1, 300]).numpy().tolist() == [2, 302]
    assert tf.linalg.matvec([[1, 2]], tf.constant([1, 2], tf.int64)).dtype == np.int64


@pytest.mark.parametrize("name", ["update", "add", "sub", "max", "min"])
def test_updates_take_the_dtype_of_the_tensor(name: str) -> None:
    call = getattr(tf, f"tensor_scatter_nd_{name}")
    for dtype in (tf.int8, tf.float16, tf.float64):
        assert call(tf.ones((2,), dtype), [[1]], [2]).dtype == dtype
    exact = call(tf.zeros((1,), tf.float64), [[0]], [0.1]).item()
    assert abs(exact) in (0.0, 0.1)
    for wrong in ([300], [1.5]):
        with pytest.raises(tf.errors.ArgumentError, match="does not fit int8"):
            call(tf.ones((2,), tf.int8), [[0]], wrong)
