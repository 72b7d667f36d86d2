"""NumPy's functions of tensors give NumPy's numbers where another formula, dtype or axis would not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import twofold as tf

NARROW = np.array([100, 100, -7], np.int8)
STACK = np.arange(8.0).reshape(2, 2, 2)
CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "integers are added in 64 bits": (np.sum, (NARROW,)),
    "integers are multiplied in 64 bits": (lambda x: np.prod(x, axis=0), (NARROW,)),
    "unsigned ones, too": (np.cumsum, (np.array([200, 100], np.uint8),)),
    "running products": (np.cumprod, (NARROW,)),
    "add.reduce": (np.add.reduce, (NARROW,)),
    "add.reduce in a dtype": (lambda x: np.add.reduce(x, dtype=np.int8), (NARROW,)),
    "add.accumulate": (lambda x: np.add.accumulate(x, dtype=bool), (NARROW,)),
    "a sum of truths": (lambda x: np.sum(x, dtype=bool), (NARROW,)),
    "a mean in integers": (lambda x: np.mean(x, dtype=np.int16), (NARROW,)),
    "a trace": (np.trace, (np.diag(NARROW),)),
    "fabs of the least integer": (np.fabs, (np.array([-128, 3], np.int8),)),
    "float_power of integers": (np.float_power, (np.array([2, 3]), np.array([-2, 41]))),
    "logaddexp2 of half and double": (
        np.logaddexp2, (np.array([1.5, 2], np.float16), np.array([0.1, 3.0])),
    ),
    "logaddexp2 of truths": (np.logaddexp2, (np.array([True, False]), np.array([0.1, 3.0]))),
    "vectors along their own axes": (
        lambda x, y: np.linalg.vecdot(x, y, axis=0), (STACK[0], STACK),
    ),
    "cross products along their own axes": (
        lambda x, y: np.linalg.cross(x, y, axis=0), (np.eye(3), np.ones((3, 2, 3))),
    ),
    "integers that are far apart": (
        lambda x, y: np.isclose(x, y, rtol=0.01), (np.uint8([0, 1]), np.uint8([255, 1])),
    ),
    "truths beside numbers": (np.isclose, (np.ones(2), np.array([True, False]))),
    "a slope beside infinity": (np.gradient, (np.array([1.0, 3.0, np.inf, 2.0, 4.0]),)),
    "steps of integers": (lambda x: np.linspace(x, 1, 4, dtype=int), (np.array([-1, 0]),)),
    "edges of bins": (lambda x: np.histogram(x)[0], (np.arange(1, 7, dtype=np.uint64),)),
    "rounding by more than there is": (lambda x: np.round(x, 400), (np.array([1.5]),)),
    "a median far from both": (np.median, (np.array([-1.0, 1 + 3 * 2.0**-52]),)),
    "one without what is not a number": (
        np.nanmedian, (np.array([np.nan, -1.0, 1 + 3 * 2.0**-52]),),
    ),
    "shifts as an array": (np.roll, (np.arange(6).reshape(2, 3), np.array([1, 2]))),
    "Bessel's function": (np.i0, (np.array([0.0, 0.5, 30.0]),)),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_the_number_is_that_of_numpy(name: str, compiled: bool) -> None:
    function, given = CALLS[name]
    with np.errstate(all="ignore"):
        want = np.asarray(function(*given))
    called = tf.function(function, autograph=False) if compiled else function
    got = np.asarray(called(*map(tf.asarray, given)).numpy())
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-6 if got.dtype == np.float32 else 1e-13)


def test_masks_are_of_truths_and_a_first_value_is_a_number() -> None:
    x = tf.ones((2, 3))
    for function in (np.sum, np.prod, np.max, np.nansum):
        with pytest.raises(TypeError, match="'bool'"):
            function(x, where=np.array([1, 0, 1]), initial=1)
        with pytest.raises(ValueError, match="sequence"):
            function(x, axis=1, initial=np.ones(2))


def test_too_little_to_have_a_variance() -> None:
    x = tf.asarray(np.arange(4.0))
    spread = tf.function(lambda x: np.std(x, ddof=5))
    for found in (tf.var(x, correction=4), np.var(x, ddof=5), np.std(x, ddof=5), spread(x)):
        assert np.isnan(found.numpy())


def test_what_is_not_a_number_comes_last_in_every_dtype() -> None:
    x = tf.asarray(np.array([3, np.nan, -1, 2, np.nan, -7], ml_dtypes.bfloat16))
    values, counts = np.unique(x, return_counts=True)
    assert (values.dtype, values.numpy().astype(float).tolist()[:4]) == (x.dtype, [-7, -1, 2, 3])
    assert counts.numpy().tolist() == [1, 1, 1, 1, 2]
    assert np.union1d(x, x[:3]).shape == (5,)


def test_linspace_has_a_gradient_beside_a_number_of_the_caller() -> None:
    def slope(x: Any, stop: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(np.linspace(x, stop, 5) ** 2)
        return tape.gradient(total, x)

    staged = tf.function(slope, strict=True)
    for stop in (2.0, 3.0):
        x = tf.constant(1.0)
        assert staged(x, stop).item() == pytest.approx(slope(x, stop).item(), rel=1e-6)
