"""Windows times filters by a routine of their own: the product that a convolution is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.native.convolved import LONG
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import run
from twofold.compiler.planned import step_of
from twofold.ir.op import OPS

CASES = [  # the shapes of the tensor and of the filters, strides, dilations
    ((2, 6, 3), (3, 3, 4), (1,), (1,)),
    ((3, 9, 2), (2, 2, 17), (3,), (2,)),
    ((2, 7, 8, 1), (3, 2, 1, 8), (1, 1), (1, 1)),
    ((2, 9, 8, 4), (3, 3, 4, 33), (2, 3), (1, 1)),
    ((1, 9, 11, 2), (2, 3, 2, 16), (1, 2), (3, 2)),
    ((1, 20, 20, 5), (5, 5, 5, 16), (1, 1), (1, 1)),
    ((2, 5, 4, 6, 2), (2, 3, 2, 2, 9), (1, 1, 2), (2, 1, 1)),
    ((0, 6, 6, 3), (3, 3, 3, 2), (1, 1), (1, 1)),
    ((2, 6, 6, 0), (3, 3, 0, 2), (1, 1), (1, 1)),
    ((2, 6, 6, 2), (3, 3, 2, 0), (1, 1), (1, 1)),
    ((1, 3, 3, 5), (3, 3, 5, 1), (1, 1), (1, 1)),
    ((4, 40, 40, 16), (3, 3, 16, 32), (1, 1), (1, 1)),
]


def _products(strides: Any, dilations: Any) -> Any:
    return lambda x, w: OPS["window_products"](x, w, strides=strides, dilations=dilations)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_of_windows_are_the_same_in_both_modes(case: Any, dtype: str) -> None:
    shape, filters, strides, dilations = case
    rng = np.random.default_rng(3)
    x, w = (rng.integers(-9, 9, s).astype(dtype) for s in (shape, filters))
    fn = _products(strides, dilations)
    expected = fn(tf.constant(x), tf.constant(w))
    made = tf.function(fn, jit_compile=True)(tf.constant(x), tf.constant(w))
    np.testing.assert_array_equal(made.numpy(), expected.numpy())


@pytest.mark.parametrize("window", [(LONG + 5, 1), (3, LONG // 2 + 1), (2 * LONG + 1, 3)])
def test_long_windows_keep_the_bound_of_products(window: tuple[int, int]) -> None:
    wide, depth = window
    rng = np.random.default_rng(4)
    x = rng.random((1, wide + 7, depth), np.float32) + 1
    w = rng.random((wide, depth, 3), np.float32) + 1
    fn = _products((1,), (1,))
    exact = fn(tf.constant(x.astype(np.float64)), tf.constant(w.astype(np.float64))).numpy()
    made = tf.function(fn, jit_compile=True)(tf.constant(x), tf.constant(w)).numpy()
    assert np.max(np.abs(made - exact) / exact) <= 1e-5


def test_an_infinity_stays_in_its_windows() -> None:
    x = np.ones((1, 12, 12, 3), np.float32)
    x[0, 5, 5, 0] = np.inf
    made = tf.function(_products((1, 1), (1, 1)), jit_compile=True)(
        tf.constant(x), tf.ones((3, 3, 3, 16))
    )
    found = np.zeros((10, 10), bool)
    found[3:6, 3:6] = True
    np.testing.assert_array_equal(np.isinf(made.numpy()[0, ..., 0]), found)
    np.testing.assert_array_equal(made.numpy()[0, ..., 0][~found], 27)


def test_a_compiled_convolution_lays_no_windows_out() -> None:
    f = tf.function(lambda x, w: tf.nn.conv2d(x, w, 1, "SAME"))
    traced = f.get_concrete_function(tf.ones((2, 8, 8, 3)), tf.ones((3, 3, 3, 4)))
    steps = [step_of(node) for node in run(traced.graph, target=NATIVE).nodes]
    assert [step.routine for step in steps if step.routine] == ["convolved"]
