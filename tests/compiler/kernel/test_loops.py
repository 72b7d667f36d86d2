"""The loop nests that fused groups become: stages, folds, accesses, merged axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.kernel_cases import CASES, compiled

import twofold as tf
from twofold.compiler.kernel.buffers import contiguous
from twofold.compiler.kernel.loops import Kernel
from twofold.compiler.kernel.parse import parse_kernel
from twofold.compiler.kernel.statements import Apply, Fold, Load, Store
from twofold.compiler.kernel.verify import verify
from twofold.ir.dims import symbol


def kernels(function: Any, *shapes: tuple[int, ...], dtype: str = "float32") -> list[Kernel]:
    args = [tf.zeros(s, dtype=dtype) for s in shapes]
    made = tf.function(function, jit_compile=True).get_concrete_function(*args).executable()
    return [info.kernel for info in made.kernels]


def test_contiguous_strides() -> None:
    n = symbol("n")
    assert contiguous((2, 3, 4)) == (12, 4, 1)
    assert contiguous((2, 1, 4)) == (4, 0, 1)
    assert contiguous((3, n)) == (n, 1)
    assert contiguous(()) == ()
    assert contiguous((0, 1, 3, 0)) == (3, 0, 1, 1)


def test_neighbouring_axes_become_one_loop() -> None:
    (kernel,) = kernels(lambda x, y: x * y + 1, (2, 3, 4), (2, 3, 4))
    assert len(kernel.dims) == 1
    (kernel,) = kernels(lambda x, b: x + b, (2, 3, 4), (4,))
    assert len(kernel.dims) == 2
    (kernel,) = kernels(lambda x: tf.sum(x, axis=(1, 2)), (2, 3, 4))
    assert (len(kernel.dims), kernel.reduced) == (2, {1})
    (kernel,) = kernels(lambda x: x + tf.transpose(x, (0, 2, 1)), (2, 5, 5))
    assert len(kernel.dims) == 3


def test_a_value_without_axes_has_a_loop_of_one() -> None:
    (kernel,) = kernels(lambda x: tf.exp(x) + 1, ())
    assert kernel.dims == (1,)
    assert kernel.mode == "map"


@pytest.mark.parametrize(("function", "sweeps"), [
    (lambda x: tf.sum(x, axis=1), 1),
    (lambda x: x - tf.sum(x, axis=1, keepdims=True), 2),
    (lambda x: tf.nn.softmax(x), 3),
])  # fmt: skip
def test_each_return_to_the_points_is_a_sweep(function: Any, sweeps: int) -> None:
    (kernel,) = kernels(function, (3, 4))
    assert len(kernel.sweeps) == sweeps


def test_costly_values_are_kept_in_an_output_and_cheap_ones_computed_again() -> None:
    (kernel,) = kernels(lambda x: tf.nn.softmax(x), (3, 4))
    exprs = [s.expr for sweep in kernel.sweeps for s in sweep.inner if isinstance(s, Apply)]
    assert sum("exp" in e for e in exprs) == 1
    stores = [[s for s in sweep.inner if isinstance(s, Store)] for sweep in kernel.sweeps]
    assert [len(found) for found in stores] == [0, 1, 1]
    assert stores[1][0].access == stores[2][0].access
    reload = [s.access for s in kernel.sweeps[2].inner if isinstance(s, Load)]
    assert stores[1][0].access in reload


@pytest.mark.parametrize("name", CASES)
def test_kernels_are_valid_and_their_text_parses_back(name: str) -> None:
    for info in compiled(name)[1].kernels:
        kernel = info.kernel
        verify(kernel)
        assert parse_kernel(str(kernel)) == kernel
        assert parse_kernel(kernel.key()).key() == kernel.key()
        stored = {s.access.buffer for s in kernel.statements() if isinstance(s, Store)}
        assert stored == {i for i, b in enumerate(kernel.buffers) if b.out}
        assert all(d in kernel.params() for d in kernel.dims)


@pytest.mark.parametrize(("dtype", "low", "high"), [
    ("int8", -128, 127), ("uint16", 0, 65535), ("bool", False, True),
    ("float32", -np.inf, np.inf), ("int64", -(2**63), 2**63 - 1),
])  # fmt: skip
def test_identities_of_the_extremes_are_those_of_the_dtype(dtype: str, low: Any, high: Any) -> None:
    def folds(function: Any) -> list[Fold]:
        return [
            f for k in kernels(function, (2, 3), dtype=dtype) for s in k.sweeps for f in s.folds
        ]

    (largest,) = folds(lambda x: tf.max(x, axis=1))
    (smallest,) = folds(lambda x: tf.min(x, axis=1))
    assert (largest.identity, smallest.identity) == (low, high)
    assert type(largest.identity) in (bool, int, float)


def test_the_key_says_everything_that_the_code_depends_on() -> None:
    def key(function: Any, *shapes: Any, dtype: str = "float32") -> str:
        (kernel,) = kernels(function, *shapes, dtype=dtype)
        return kernel.key()

    same = key(lambda x: tf.tanh(x) * 2, (3, 4))
    assert key(lambda y: tf.tanh(y) * 2, (5, 6)) == same
    others = [key(lambda x: tf.tanh(x) * 3, (3, 4)), key(lambda x: tf.tan(x) * 2, (3, 4)),
              key(lambda x: tf.tanh(x) * 2, (3, 4), dtype="float64"),
              key(lambda x: tf.sum(tf.tanh(x) * 2, axis=1), (3, 4)),
              key(lambda x: tf.sum(tf.tanh(x) * 2, axis=0), (3, 4)),
              key(lambda x: tf.tanh(x) + 2, (3, 4)), key(lambda x: 2 * tf.tanh(-x), (3, 4)),
              key(lambda x: tf.tanh(x) * -0.0, (3, 4)), key(lambda x: tf.tanh(x) * 0.0, (3, 4)),
              key(lambda x: tf.tanh(tf.transpose(x)) * 2, (3, 4))]  # fmt: skip
    assert len({same, *others}) == 1 + len(others)


def test_nothing_is_stored_for_points_that_are_not_there() -> None:
    def f(x: Any) -> Any:
        nothing = tf.expand_dims(x, 0)[:, :, 1:2]
        return nothing, tf.sum(nothing)

    x = tf.constant(np.full((1, 1), 3.0))
    for kernel in kernels(f, (1, 1), dtype="float64"):
        verify(kernel)
    empty, total = tf.function(f, jit_compile=True)(x)
    assert empty.shape == (1, 1, 0) and total.numpy() == 0
