"""Labels that name classes: what is taken, what is refused, and that the loss is one kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf

LOGITS = np.random.default_rng(0).standard_normal((5, 4)).astype("f4")
LABELS = np.array([0, 3, 1, 1, 2])
entropy = tf.nn.sparse_softmax_cross_entropy_with_logits


def slope(labels: Any, logits: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = entropy(labels, logits)
    return loss, tape.gradient(loss, logits)


compiled = tf.function(slope, jit_compile=True)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "uint16", "int8"])
def test_the_loss_and_its_gradient_are_those_of_the_shares(dtype: str) -> None:
    shares = np.exp(LOGITS.astype("f8"))
    shares /= shares.sum(axis=1, keepdims=True)
    rows = np.arange(5)
    for run in (slope, compiled):
        loss, gradient = run(tf.constant(LABELS.astype(dtype)), tf.constant(LOGITS))
        np.testing.assert_allclose(loss, -np.log(shares[rows, LABELS]), rtol=1e-5)
        np.testing.assert_allclose(gradient, shares - np.eye(4)[LABELS], atol=1e-6)


@pytest.mark.parametrize("run", [slope, compiled])
@pytest.mark.parametrize("label", [4, -1])
def test_a_label_that_names_no_class_is_told(run: Any, label: int) -> None:
    labels = LABELS.copy()
    labels[2] = label
    match = f"^{label} is not the number of a class: there are 4, from 0 to 3"
    with pytest.raises(tf.errors.IndexOutOfBoundsError, match=match):
        run(tf.constant(labels), tf.constant(LOGITS))


def test_more_classes_than_the_dtype_of_the_labels_can_count() -> None:
    labels, logits = tf.constant([127, 3], tf.int8), tf.zeros((2, 1000))
    np.testing.assert_allclose(entropy(labels, logits), np.log([1000.0, 1000.0]), rtol=1e-6)
    with pytest.raises(tf.errors.IndexOutOfBoundsError, match="class: there are 0"):
        entropy(tf.constant([0]), tf.zeros((1, 0)))


def test_labels_of_another_shape_are_refused() -> None:
    with pytest.raises(tf.errors.ShapeError, match="labels of shape"):
        entropy(tf.constant([[1]]), tf.constant(LOGITS))
    with pytest.raises(tf.errors.ShapeError):
        entropy(tf.constant([1, 2]), tf.constant(LOGITS))


def test_a_logit_of_minus_infinity_beside_the_label_counts_nothing() -> None:
    logits = LOGITS.copy()
    logits[:, 2] = -np.inf
    labels = tf.constant([0, 3, 1, 1, 0])
    for run in (slope, compiled):
        loss, gradient = run(labels, tf.constant(logits))
        assert np.isfinite(loss).all() and np.isfinite(gradient).all()


def test_the_loss_with_its_gradient_is_one_kernel_behind_the_check_of_the_labels() -> None:
    @tf.function(jit_compile=True)
    def of_four(labels: Any, logits: Any) -> Any:
        return slope(labels, tf.reshape(logits, (-1, 4)))

    of_four(tf.constant(LABELS, tf.int32), tf.constant(LOGITS))
    nodes = of_four.traces()[0].executable().graph.nodes
    names = [n.op.name for n in nodes if n.op.name not in ("constant", "dim", "reshape")]
    assert names == ["fused", "fused"]
