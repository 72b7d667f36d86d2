"""Names of TensorFlow: they are here with its parameters, or a page says why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.tensorflow_names import listed, names

import twofold as tf

NAMES = names()
# Those whose names come from the table.
SPACES = {"tf", *(f"tf.{s}" for s in ("bitwise", "image", "linalg", "math", "nn", "signal"))}
X = np.arange(6.0).reshape(2, 3)


def test_what_has_other_parameters_is_listed() -> None:
    differ = {n.dotted for n in NAMES if n.state == "differs" and n.space in SPACES}
    assert differ == {n for n in listed("Other parameters") if n.rpartition(".")[0] in SPACES}


def test_what_is_left_out_is_not_there() -> None:
    known = {n.dotted: n.state for n in NAMES}
    assert not {n for n in listed("Left out") if known.get(n, "missing") != "missing"}


CALLS: list[tuple[Callable[[], Any], Any]] = [
    (lambda: tf.norm(X, 1), 15.0),
    (lambda: tf.strided_slice(X, [0, 0], [1, 3], [1, 2]), X[0:1, 0:3:2]),
    (lambda: tf.strided_slice(X, [1, 0, 0], [0, 2, 0], None, 0, 2, 0, 4, 1), X[1, 0:, None]),
    (lambda: tf.strided_slice(X, [0, 1], [0, 2], ellipsis_mask=1), X[..., 1:2]),
    (lambda: tf.nn.collapse_repeated([[1, 1, 2], [3, 3, 3]], [3, 2])[0], [[1, 2], [3, 0]]),
    (lambda: tf.nn.compute_average_loss(X[0], [1.0, 0.0, 1.0], 4), 0.5),
    (lambda: tf.nn.compute_average_loss(X, [1.0, 0.0]), 1.5),
    (lambda: tf.nn.compute_average_loss(X[:0]), 0.0),
    (lambda: tf.nn.scale_regularization_loss(X), 15.0),
    (lambda: tf.norm(X, "fro", (0, 1)), np.sqrt(55.0)),
    (lambda: tf.linalg.norm(X, np.inf, axis=1), [2.0, 5.0]),
    (lambda: tf.norm(X, 1, [-2, -1], True), [[7.0]]),
    (lambda: tf.math.reduce_std(X, 1, True), np.std(X, 1, keepdims=True)),
    (lambda: tf.math.reduce_variance(X, 0), np.var(X, 0)),
    (lambda: tf.sort(X, -1, "DESCENDING"), X[:, ::-1]),
    (lambda: tf.sort(X, descending=True), X[:, ::-1]),
    (lambda: tf.argsort(X, 0, "DESCENDING"), [[1, 1, 1], [0, 0, 0]]),
    (lambda: tf.where(X > 3), [[1, 1], [1, 2]]),
    (lambda: tf.where(X > 3, x=X, y=0.0), np.where(X > 3, X, 0)),
    (lambda: tf.eye(2, num_columns=3), np.eye(2, 3)),
    (lambda: tf.eye(2, batch_shape=[2]), np.stack([np.eye(2)] * 2)),
    (lambda: tf.gather([[1, 2], [3, 4]], [[1], [0]], batch_dims=1), [[2], [3]]),
    (lambda: tf.gather(params=X, indices=[1], axis=1), X[:, [1]]),
    (lambda: tf.gather_nd(X, [[1], [0]], 1), [1.0, 3.0]),
    (lambda: tf.concat(values=[X, X], axis=1), np.concatenate([X, X], 1)),
    (lambda: tf.stack([X, X], 1), np.stack([X, X], 1)),
    (lambda: tf.tile(input=X, multiples=[1, 2]), np.tile(X, (1, 2))),
    (lambda: tf.math.top_k(X, k=1, sorted=True)[1], [[2], [2]]),
    (lambda: tf.nn.softmax(logits=np.zeros((2, 2))), np.full((2, 2), 0.5)),
    (lambda: tf.nn.softmax(np.zeros((2, 2)), None), np.full((2, 2), 0.5)),
    (lambda: tf.reshape(tensor=X, shape=[3, 2]), X.reshape(3, 2)),
    (lambda: tf.transpose(a=1j * X, conjugate=True), -1j * X.T),
    (lambda: tf.matmul(X, X, transpose_b=True), X @ X.T),
    (lambda: tf.matmul(1j * X, X, adjoint_a=True), -1j * X.T @ X),
    (lambda: tf.linalg.inv([[2.0, 1.0], [0.0, 4.0]], adjoint=True), [[0.5, 0], [-0.125, 0.25]]),
    (lambda: tf.linalg.matrix_rank(np.diag([3.0, 1.0]), 2.0), 1),
    (lambda: tf.unstack(X, 2)[1], X[1]),
    (lambda: tf.linspace(0.0, 1.0, 3, "name"), [0.0, 0.5, 1.0]),
    (lambda: tf.math.count_nonzero(X, dtype="int32"), 5),
    (lambda: tf.add(X, X, name="sum"), X + X),
    (lambda: tf.nn.bias_add(X, [1.0, 2.0, 3.0]), X + np.array([1.0, 2.0, 3.0])),
    (lambda: tf.reduce_sum(x=X, axis=0), X.sum(0)),
    (lambda: tf.linalg.diag_part(X, k=(-1, 1)), [[1, 5], [0, 4], [3, 0]]),
    (lambda: tf.linalg.diag_part(X, "n", (0, 1), -1, "LEFT_LEFT"), [[1, 5], [0, 4]]),
    (lambda: tf.linalg.diag_part(X, k=(1, 2), padding_value=9), [[9, 2], [1, 5]]),
    (lambda: tf.linalg.set_diag(X, [[7.0, 8.0], [9.0, 6.0]], k=(0, 1)), [[9, 7, 2], [3, 6, 8]]),
    (lambda: tf.linalg.diag([1.0, 2.0], "n", -1, 3, 2, 5.0), [[5, 5], [1, 5], [5, 2]]),
    (lambda: tf.linalg.diag([[0.0, 3.0], [1.0, 2.0]], k=(0, 1)), [[1, 3], [0, 2]]),
    (lambda: tf.linalg.diag([1.0, 2.0], k=2, num_rows=2), [[0, 0, 1, 0], [0, 0, 0, 2]]),
    (lambda: tf.linalg.lstsq([[1.0], [2.0]], [[3.0], [4.0]], 0.5), [[2.0]]),
    (lambda: tf.linalg.lstsq([[1.0, 2.0]], [[3.0]], 0.5), [[3 / 5.5], [6 / 5.5]]),
    (lambda: tf.linalg.lstsq([[1.0], [2.0]], [[3.0], [4.0]], 0.5, False), [[2.2]]),
]


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")  # sizes that depend on values
@pytest.mark.parametrize(("call", "expected"), CALLS)
def test_tensorflows_spelling_means_what_it_means_there(call: Any, expected: Any) -> None:
    np.testing.assert_allclose(call().numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(tf.function(call)().numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tf.sort(X, -1, True), "sort: direction must be"),
        (lambda: tf.sort(X, -1, "DESCENDING", descending=False), "contradict"),
        (lambda: tf.eye(2, 3, 1), "the diagonal is the keyword k="),
        (lambda: tf.linspace(0, 1, 3, False), "write endpoint=False"),
        (lambda: tf.argmax(X, 1, True), "argmax: True is not a dtype"),
        (lambda: tf.linalg.qr(X, "complete"), "write mode='complete'"),
        (lambda: tf.where(X > 3, X), "x and y belong together"),
        (lambda: tf.matmul(X, X, True, adjoint_a=True), "transposed or its adjoint"),
        (lambda: tf.reduce_sum(input_tensor=X, x=X), "twice"),
        (lambda: tf.split(X, 3, 1, 2), "num is 2"),
        (lambda: tf.gather_nd(X, [[1]], bad_indices_policy="IGNORE"), "no policy"),
        (lambda: tf.norm(X, "nuc"), "is no norm"),
        (lambda: tf.add(X, X, nam="sum"), "no argument named 'nam'"),
        (lambda: tf.linalg.diag_part(X, k=3), "2 rows and 3 columns have no diagonal 3"),
        (lambda: tf.linalg.diag_part(X, k=(1, 0)), "from the lower to the higher"),
        (lambda: tf.linalg.diag_part(X, align="LEFT"), "align is one of"),
        (lambda: tf.linalg.set_diag(X, X, k=(0, 2)), "3 diagonals are needed"),
        (lambda: tf.linalg.diag([1.0, 2.0], num_rows=3, num_cols=4), "do not fill 3 rows"),
    ],
)
def test_a_call_that_would_mean_two_things_is_refused(call: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        call()
