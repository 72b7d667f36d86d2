"""Small matrices in loops that are kernels: eager results within LAPACK's bounds, its errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import run

OPS: dict[str, Callable[[Any], Any]] = {
    "solve": lambda m: tf.linalg.solve(m, m[0]),
    "solve of a matrix": lambda m: tf.linalg.solve(m, m[:, :2]),
    "inv": tf.linalg.inv,
    "det": tf.linalg.det,
    "cholesky": lambda m: tf.linalg.cholesky(m + tf.transpose(m) + definite(m)),
    "cholesky, turned": lambda m: tf.linalg.cholesky(m + tf.transpose(m) + definite(m), upper=True),
    "product": lambda m: tf.matmul(m, m, transpose_a=True) - tf.matmul(m, m, transpose_b=True),
}


def definite(m: Any) -> Any:
    """What makes a symmetric matrix positive definite here."""
    return tf.eye(m.shape[0], dtype=m.dtype) * 20.0


def over_matrices(operation: Callable[[Any], Any], size: int, dtype: Any) -> Callable[[Any], Any]:
    """A compiled loop over matrices, which it puts together from the elements of rows."""

    def built(row: Any) -> Any:
        lines = [[row[size * i + j] for j in range(size)] for i in range(size)]
        return operation(tf.stack([tf.stack(line) for line in lines]))

    def run(m: Any) -> Any:
        return tf.map_fn(built, tf.reshape(m, (-1, size * size)), dtype)

    return tf.function(run, jit_compile=True)


def matrices(size: int, dtype: Any, count: int = 40) -> np.ndarray[Any, Any]:
    """Matrices of which pivots stand anywhere, some with equal or no numbers in a column."""
    rng = np.random.default_rng(size)
    made = rng.standard_normal((count, size, size))
    made[::4] = np.round(made[::4]) + 4 * np.eye(size)[::-1]
    return made.astype(dtype)


@pytest.mark.parametrize(("size", "dtype"), [(1, tf.float64), (3, tf.float32), (5, tf.float64)])
@pytest.mark.parametrize("name", OPS)
def test_results_are_those_of_eager_code(name: str, size: int, dtype: Any) -> None:
    m = matrices(size, dtype)
    m = m[np.linalg.cond(m.astype(np.float64)) < 100]
    compiled = over_matrices(OPS[name], size, dtype)
    found = compiled(tf.constant(m)).numpy()
    scale = 100 * 100 * 20 * np.finfo(dtype).eps  # condition, squared for products
    for one, result in zip(m, found, strict=True):
        want = OPS[name](tf.constant(one)).numpy()
        np.testing.assert_allclose(result, want, rtol=scale, atol=scale * np.abs(want).max())
    graph = run(compiled.get_concrete_function(tf.constant(m)).graph, target=NATIVE)
    assert not any(n.op.name in ("scan", "while") for n in graph.nodes)


def test_a_determinant_of_zero_is_zero() -> None:
    rows = np.array(
        [[[1.0, 2, 3], [2, 4, 6], [0.5, -1, 2]], np.zeros((3, 3)), np.eye(3)[[1, 0, 2]]]
    )
    found = over_matrices(tf.linalg.det, 3, tf.float64)(tf.constant(rows))
    np.testing.assert_array_equal(found.numpy(), [0.0, 0.0, -1.0])


@pytest.mark.parametrize("name", ["solve", "inv", "cholesky"])
def test_what_lapack_refuses_raises_in_a_loop_as_well(name: str) -> None:
    rows = matrices(3, np.float64, 5)
    rows[3] = 0.0 if name != "cholesky" else -30 * np.eye(3)
    with pytest.raises(tf.errors.MatrixError) as wanted:
        OPS[name](tf.constant(rows[3]))
    with pytest.raises(tf.errors.MatrixError) as raised:
        over_matrices(OPS[name], 3, tf.float64)(tf.constant(rows))
    assert str(raised.value).splitlines()[0] == str(wanted.value).splitlines()[0]


def test_a_position_outside_of_a_sequence_raises_beside_an_inverse() -> None:
    """The check of the one ends the kernel, whatever becomes of the other."""

    @tf.function(jit_compile=True)
    def last(x: Any, n: Any) -> Any:
        kept = tf.TensorArray(tf.float64, size=2, dynamic_size=False)
        for i in tf.range(n):
            kept = kept.write(i, tf.linalg.det(tf.stack([tf.stack([x, 1.0]), tf.stack([2.0, x])])))
        return kept.stack()

    x = tf.constant(3.0, dtype=tf.float64)
    np.testing.assert_allclose(last(x, tf.constant(2)).numpy(), [7.0, 7.0], rtol=1e-14)
    with pytest.raises(IndexError):
        last(x, tf.constant(3))
