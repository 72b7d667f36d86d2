"""Windows laid beside each other by a routine of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import run
from twofold.compiler.planned import step_of
from twofold.ir.op import OPS
from twofold.ir.step import Kind

WINDOWS = [
    ((2, 6, 3), (3,), (1,), (1,)),
    ((2, 9, 3), (2,), (3,), (2,)),
    ((2, 7, 8, 1), (3, 2), (1, 1), (1, 1)),
    ((3, 9, 8, 4), (3, 3), (2, 3), (1, 1)),
    ((1, 9, 11, 2), (2, 3), (1, 2), (3, 2)),
    ((1, 40, 40, 17), (5, 5), (1, 1), (1, 1)),
    ((2, 5, 4, 6, 2), (2, 3, 2), (1, 1, 2), (2, 1, 1)),
    ((0, 6, 6, 3), (3, 3), (1, 1), (1, 1)),
    ((2, 6, 6, 0), (3, 3), (1, 1), (1, 1)),
    ((2, 3, 3, 5), (3, 3), (1, 1), (1, 1)),
    ((2, 40, 1), (1,), (3,), (1,)),
    ((2, 9, 40, 1), (1, 1), (2, 2), (1, 1)),
    ((3, 4, 70, 3), (2, 9), (1, 1), (1, 2)),
]
DTYPES = ["float32", "float64", "float16", "bfloat16", "complex64", "int8", "uint64", "bool"]


def _expected(x: Any, window: Any, strides: Any, dilations: Any) -> Any:
    counts = [
        (size - (k - 1) * d - 1) // s + 1
        for size, k, s, d in zip(x.shape[1:-1], window, strides, dilations, strict=True)
    ]
    out = np.empty((x.shape[0], *counts, *window, x.shape[-1]), x.dtype)
    for at in np.ndindex(*counts, *window):
        i, a = at[: len(counts)], at[len(counts) :]
        place = zip(i, a, strides, dilations, strict=True)
        source = tuple(n * s + k * d for n, k, s, d in place)
        out[(slice(None), *at)] = x[(slice(None), *source)]
    return out


def _numbers(shape: Any, dtype: str) -> Any:
    numbers = np.random.default_rng(5).integers(0, 100, shape)
    return numbers.astype(tf.as_dtype(dtype))


@pytest.mark.parametrize("case", WINDOWS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_windows_lie_beside_each_other_in_both_modes(case: Any, dtype: str) -> None:
    shape, window, strides, dilations = case
    x = _numbers(shape, dtype)

    def laid(x: Any) -> Any:
        return OPS["patches"](x, window=window, strides=strides, dilations=dilations)

    expected = _expected(x, window, strides, dilations)
    np.testing.assert_array_equal(laid(tf.constant(x)).numpy(), expected)
    compiled = tf.function(laid, jit_compile=True)(tf.constant(x))
    np.testing.assert_array_equal(compiled.numpy(), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_windows_of_every_dtype(dtype: str) -> None:
    x = _numbers((2, 7, 6, 3), dtype)
    where = {"window": (3, 2), "strides": (2, 1), "dilations": (1, 2)}
    fn = tf.function(lambda x: OPS["patches"](x, **where), jit_compile=True)
    expected = _expected(x, (3, 2), (2, 1), (1, 2))
    np.testing.assert_array_equal(fn(tf.constant(x)).numpy(), expected)


def test_a_convolution_runs_without_array_operations() -> None:
    @tf.function
    def fn(x: Any, w: Any) -> Any:
        return tf.nn.conv2d(x, w, 1, "SAME")

    x, w = tf.ones((2, 8, 8, 3)), tf.ones((3, 3, 3, 4))
    planned = run(fn.get_concrete_function(x, w).graph, target=NATIVE)
    steps = [step_of(node).kind for node in planned.nodes]
    assert Kind.ARRAYS not in steps and steps.count(Kind.LIBRARY) == 1


def test_windows_in_a_loop_of_the_graph() -> None:
    """A loop that no kernel holds lays its windows in its program."""

    @tf.function
    def fn(x: Any, w: Any) -> Any:
        for _ in tf.range(3):
            x = tf.nn.conv2d(x, w, 1, "SAME")
        return x

    x, w = tf.random.normal((2, 8, 8, 3), seed=1), tf.random.normal((3, 3, 3, 3), seed=2) * 0.3
    expected = x
    for _ in range(3):
        expected = tf.nn.conv2d(expected, w, 1, "SAME")
    np.testing.assert_allclose(fn(x, w).numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)
