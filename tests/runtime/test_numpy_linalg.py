"""NumPy's linear algebra and transforms on tensors mean what NumPy says, arguments by position too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

A = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
STACK = np.stack([A, 2 * A + np.eye(3)])
CALLS: dict[str, Callable[[Any], Any]] = {
    "inv": np.linalg.inv,
    "solve": lambda x: np.linalg.solve(x, x),
    "det": np.linalg.det,
    "slogdet": np.linalg.slogdet,
    "cholesky": np.linalg.cholesky,
    "qr": np.linalg.qr,
    "qr r": lambda x: np.linalg.qr(x, "r"),
    "svd values": lambda x: np.linalg.svd(x, True, False),
    "eigvalsh": np.linalg.eigvalsh,
    "eigvalsh upper": lambda x: np.linalg.eigvalsh(np.triu(x), "U"),
    "eigvals": lambda x: np.sort(np.linalg.eigvals(x)),
    "eig": lambda x: np.linalg.eig(x)[0],
    "pinv": lambda x: np.linalg.pinv(x, 1e-10),
    "matrix_rank": np.linalg.matrix_rank,
    "matrix_rank tol": lambda x: np.linalg.matrix_rank(x, 2.5),
    "matrix_power": lambda x: np.linalg.matrix_power(x, 3),
    "cond": np.linalg.cond,
    "cond 1": lambda x: np.linalg.cond(x, 1),
    "diagonal": lambda x: np.linalg.diagonal(x, offset=1),
    "trace": lambda x: np.trace(x, 1, -2, -1),
    "kron": lambda x: np.kron(x, x),
    "isin": lambda x: np.isin(x, [1.0, 2.0], False, True),
    "diff": lambda x: np.diff(x, 2, -1, 0.0),
    "fft": lambda x: np.fft.fft(x, 4, 0, "ortho"),
    "rfft": lambda x: np.fft.rfft(x, 5),
    "irfft": lambda x: np.fft.irfft(x),
    "fftn": lambda x: np.fft.fftn(x, (2, 3), (0, 1)),
    "fftshift": lambda x: np.fft.fftshift(x, 0),
}


def leaves(value: Any) -> list[Any]:
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in leaves(part)]
    return [np.asarray(value)]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("x", [A, STACK], ids=["matrix", "stack"])
def test_call_on_a_tensor_is_numpys(name: str, x: Any) -> None:
    found, expected = (leaves(CALLS[name](v)) for v in (tf.constant(x), x))
    for f, e in zip(found, expected, strict=True):
        assert (f.dtype, f.shape) == (e.dtype, e.shape)
        np.testing.assert_allclose(f, e, rtol=1e-9, atol=1e-9)


def test_least_squares_keeps_numpys_four_results() -> None:
    found = np.linalg.lstsq(tf.constant(A), tf.constant(A[0]), rcond=None)
    assert len(found) == 4
    np.testing.assert_allclose(found[0], np.linalg.solve(A, A[0]), atol=1e-12)


def test_a_gradient_flows_through_numpys_functions() -> None:
    x = tf.constant(A)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = np.linalg.slogdet(x)[1]
    np.testing.assert_allclose(tape.gradient(y, x), np.linalg.inv(A).T, rtol=1e-12)
