"""Further functions of NumPy on tensors: NumPy's values in both modes, and gradients under a tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

A = np.random.default_rng(1).uniform(-2.0, 2.0, (3, 3))
B = np.random.default_rng(2).uniform(-2.0, 2.0, (3, 3))
C = np.stack([A, B, A + B])
HOLE = np.array([1.0, np.nan, -0.5])
Call = Callable[[Any], Any]

CALLS: list[Call] = [
    lambda t: np.fmax(t, B), lambda t: np.fmin(B, t), lambda t: np.fmax(HOLE, t[0]),
    lambda t: np.logaddexp2(t, B), np.real_if_close, lambda t: np.ediff1d(t),
    lambda t: np.ediff1d(t, to_begin=t[0, 0]), lambda t: np.cross(t, B),
    lambda t: np.cross(t, B, axisa=0, axisb=1, axisc=0), lambda t: np.cross(t, B, axis=0),
    lambda t: np.linalg.multi_dot([t, B, t]), np.diagflat, lambda t: np.vander(t[0]),
    lambda t: np.vander(t[0], 4, True), lambda t: np.rollaxis(t, 1), lambda t: np.rollaxis(t, 0, 2),
    lambda t: np.dsplit(t[:, :, None] * np.ones(4), 2)[1], lambda t: np.delete(t, 1, 0),
    lambda t: np.delete(t, [0, -1]), lambda t: np.einsum(t, [0, 1], B, [1, 2], [0, 2]),
    lambda t: np.einsum(t, [0, 0]), lambda t: np.linalg.norm(t, "nuc"),
    lambda t: np.linalg.norm(t, 1), lambda t: np.linalg.norm(t[None] * C, -np.inf, (2, 0), True),
    lambda t: np.abs(np.linalg.eigvals(t)),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_numpys_values_in_both_modes_and_the_difference_quotient_under_a_tape(call: Call) -> None:
    expected = call(A)
    np.testing.assert_allclose(call(tf.constant(A)), expected, rtol=1e-7, atol=1e-12)
    with tf.GradientTape() as tape:
        x = tf.constant(A)
        tape.watch(x)
        total = tf.reduce_sum(call(x) ** 2)
    step = np.random.default_rng(3).normal(size=A.shape) * 1e-6
    ahead, behind = ((np.asarray(call(A + s)) ** 2).sum() for s in (step, -step))
    found = (tape.gradient(total, x).numpy() * step).sum() * 2
    if not np.isnan(ahead):
        assert abs(found - (ahead - behind)) <= 1e-5 * (abs(found) + 1e-6)


@pytest.mark.parametrize("call", [CALLS[0], CALLS[3], CALLS[8], CALLS[15], CALLS[19], CALLS[22]])
def test_they_are_part_of_a_graph(call: Call) -> None:
    found = tf.function(call, strict=True)(tf.constant(A))
    np.testing.assert_allclose(found.numpy(), call(A), rtol=1e-7)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda t: np.flip(t, 5), np.exceptions.AxisError),
        (lambda t: np.linalg.inv(t * 0), np.linalg.LinAlgError),
        (lambda t: np.linalg.cond(t[:0, :0]), np.linalg.LinAlgError),
        (lambda t: np.linalg.eigh(t, "lower"), ValueError),
        (lambda t: np.linalg.pinv(t, 0.1, rtol=0.1), ValueError),
        (lambda t: np.linalg.matrix_power(t, 1.5), TypeError),
        (lambda t: np.linalg.norm(t, "fro", 0), ValueError),
        (lambda t: np.rot90(t, axes=(1, 1)), ValueError),
        (lambda t: np.isin(t, t, kind="quick"), ValueError),
        (lambda t: np.ediff1d(np.rint(t).astype("int32"), np.nan), TypeError),
        (lambda t: np.gradient(t[0], np.ones((2, 3))), ValueError),
        (lambda t: np.gradient(t, np.ones(2), axis=0), ValueError),
        (lambda t: np.histogram(t, range=(0.0, np.nan)), ValueError),
        (lambda t: np.histogram(t, range=(1.0, 0.0)), ValueError),
        (lambda t: np.histogram(t, weights=np.ones(2)), ValueError),
        (lambda t: np.histogram(t, [1.0, 0.0]), ValueError),
        (lambda t: np.histogram(t, 0), ValueError),
    ],
)
def test_they_raise_what_numpys_callers_catch(call: Call, error: type[Exception]) -> None:
    for given in (A, tf.constant(A)):
        with pytest.raises(error):
            call(given)


def test_condition_numbers_of_singular_matrices_are_infinite() -> None:
    given = tf.constant(
        [[[0.0, 0.0], [0.0, 0.0]], [[1.0, 2.0], [2.0, 4.0]], [[1.0, 0.0], [0.0, 2.0]]]
    )
    for p in (1, -1, "fro", np.inf, -np.inf):
        assert np.isinf(tf.linalg.cond(given, p).numpy()).tolist() == [True, True, False]
    assert np.isinf(tf.linalg.cond(given[0]).item())


def test_arrays_of_the_other_byte_order_are_what_they_say() -> None:
    for kind in ("f4", "f8", "i2", "i8", "c8"):
        given = np.array([1, 300, -2]).astype(">" + kind)
        for found in (tf.constant(given), tf.function(lambda x: tf.identity(x))(given)):
            assert np.asarray(found).dtype == np.dtype(kind)
            assert np.asarray(found).tolist() == given.tolist()


def test_norms_of_nothing_are_zero() -> None:
    assert tf.linalg.vector_norm(tf.zeros(0), ord=np.inf).item() == 0
    for order in ("fro", "nuc", 1, 2, np.inf):
        assert tf.linalg.matrix_norm(tf.zeros((0, 2)), ord=order).item() == 0
        assert tf.linalg.matrix_norm(tf.zeros((2, 0)), ord=order).item() == 0


def test_eig_gives_the_dtype_that_numpy_gives() -> None:
    symmetric = A + A.T
    assert np.linalg.eigvals(tf.constant(symmetric)).dtype == np.linalg.eigvals(symmetric).dtype
    turned = np.array([[0.0, -1.0], [1.0, 0.0]])
    found = np.linalg.eig(tf.constant(turned))
    np.testing.assert_allclose(found.eigenvalues.numpy(), np.linalg.eig(turned).eigenvalues)


WRITES: list[Call] = [
    lambda t: np.fill_diagonal(t, 7.0), lambda t: np.put(t, [0, 4], [9.0, 8.0]),
    lambda t: np.place(t, A > 0, [0.5]), lambda t: np.putmask(t, A > 0, B),
    lambda t: np.copyto(t, B), lambda t: np.put_along_axis(t, np.array([[0, 2, 1]]), 3.0, 0),
]  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
def test_writing_changes_the_tensor_and_nothing_that_was_made_of_it(write: Call) -> None:
    x = tf.constant(A)
    row, same = x[0], x + 0
    expected = A.copy()
    write(x)
    write(expected)
    np.testing.assert_array_equal(x.numpy(), expected)
    np.testing.assert_array_equal(row.numpy(), A[0])
    np.testing.assert_array_equal(same.numpy(), A)
    with tf.GradientTape(), pytest.raises(tf.errors.StagingError, match="writes into an array"):
        write(tf.constant(A))


def test_positions_and_what_no_tape_follows_are_numpys_under_a_tape() -> None:
    with tf.GradientTape() as tape:
        x = tf.constant(A)
        tape.watch(x)
        assert [p.tolist() for p in np.nonzero(x > 0)] == [p.tolist() for p in np.nonzero(A > 0)]
        np.testing.assert_array_equal(np.flatnonzero(x), np.flatnonzero(A))
        np.testing.assert_array_equal(np.unwrap(tf.constant(B)), np.unwrap(B))
        with pytest.raises(tf.errors.StagingError, match=r"np\.unwrap with these arguments"):
            np.unwrap(x)


class Half(float):
    """A number of the user's."""


@pytest.mark.parametrize(
    "x", [np.float64(0.3), np.float32(0.25), Half(0.5), np.int64(1), True, 0.3]
)
def test_numbers_of_every_class_meet_tensors(x: Any) -> None:
    numbers = np.linspace(0.0, 1.0, 5)
    points = tf.constant(numbers)
    found = np.interp(x, points, points)
    assert found.dtype == np.float64 and float(found) == pytest.approx(float(x))
    assert bool(np.isclose(points, x).numpy().any()) == bool(np.isclose(numbers, x).any())
    assert tf.function(lambda p: np.interp(x, p, p))(points).dtype == np.float64
