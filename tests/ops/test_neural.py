"""Names of ``tf.nn`` that are TensorFlow's own, against the values that TensorFlow 2.21 gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.errors import ArgumentError, DTypeError, IndexOutOfBoundsError, ShapeError
from twofold.ir.ops import attention

X = (np.arange(24) * 7 % 11).reshape(1, 4, 6, 1).astype(np.float32)
F = (np.arange(6) % 4).reshape(2, 3, 1).astype(np.float32)
PAIR = np.concatenate([X, X[:, ::-1]])
PAIR = np.concatenate([PAIR, PAIR[:, :, ::-1]], -1)
LOGITS = np.array([
    [[1, -1.75, -1.5, -1.25], [-1.5, 1, 1.25, 0.25], [-2, -1.75, -0.75, -0.5]],
    [[0.25, -0.25, -1, -1.5], [0.75, 0.75, -2, -1.75], [-0.25, -0.5, 1.5, 0]],
    [[-0.5, -0.5, 0.5, 0.25], [-1.5, 0.75, 1, 1.75], [1, -1, -0.75, 0.5]],
    [[0.5, 0.75, 1.25, -1], [1.75, -2, -1.75, 1.75], [1.75, -1, -1.5, -0.75]],
    [[-2, 1.5, 0.5, 0.25], [-1.25, -0.25, -1.25, 1], [-0.25, -2, -1, 0.75]],
    [[0, -0.75, -1, -1.75], [0.25, 0.5, 0, 1.5], [1.5, -1.25, 0.25, 0.5]],
])  # fmt: skip
LABELS, SIZES, TIMES = np.array([[1, 2, 2], [3, 0, 0], [1, 1, 1]]), [3, 1, 0], [6, 4, 5]
SLOPES = [[-0.0178477, -0.1319703, 0.0655939, 0.0842242], [0.3807322, -0.5539349, 0.0891242, 0.0840784],
          [0.1055895, 0.1126282, -0.5279343, 0.3097166], [-0.6770862, 0.2776778, 0.3511552, 0.0482532],
          [-0.0910486, 0.5936192, -0.6726452, 0.1700748],
          [-0.1558915, 0.2345392, -0.1649299, 0.0862821]]  # fmt: skip
ONE = [1, 1, 1, 1]


def modes(call: Any, *args: Any) -> list[Any]:
    """The results of a call: eager, compiled, and in kernels."""
    made = [call, tf.function(call), tf.function(call, jit_compile=True)]
    return [f(*map(tf.constant, args)) for f in made]


def test_dilation_and_erosion() -> None:
    for out in modes(lambda x, f: tf.nn.dilation2d(x, f, [1, 2, 1, 1], "SAME", "NHWC", [1, 1, 2, 1]),
                     X, F):  # fmt: skip
        assert out[0, ..., 0].numpy().tolist() == [[9, 12, 12, 11, 7, 11], [12, 8, 11, 11, 11, 10]]
    for out in modes(lambda x, f: tf.nn.erosion2d(x, f, [1, 1, 2, 1], "SAME", "NHWC", [1, 2, 1, 1]),
                     X, F):  # fmt: skip
        rows = [[1, -1, -1], [-1, 2, 0], [-2, 0, -2], [3, -1, 1]]
        assert out[0, ..., 0].numpy().tolist() == rows
    for out in modes(lambda x, f: tf.nn.dilation2d(x, f, ONE, "SAME", "NHWC", ONE),
                     X.astype(np.int32) - 5, F.astype(np.int32) - 3):  # fmt: skip
        assert out[0, :, -1, 0].numpy().tolist() == [-1, 1, 2, 0]


def test_places_of_the_largest() -> None:
    for flag, rows in ((False, [[13, 19, 23], [41, 41, 35]]), (True, [[61, 67, 71], [89, 89, 83]])):
        for _, at in modes(lambda x, f=flag: tf.nn.max_pool_with_argmax(
                x, [2, 3], [2, 2], "SAME", include_batch_in_index=f), PAIR):  # fmt: skip
            assert at[1, ..., 1].numpy().tolist() == rows
    low = np.full((1, 2, 2, 1), -np.inf)
    assert tf.nn.max_pool_with_argmax(low, 3, 1, "SAME")[1].numpy().ravel().tolist() == [0] * 4


def ctc(logits: Any, **options: Any) -> Any:
    return tf.nn.ctc_loss(LABELS, logits, SIZES, TIMES, blank_index=0, **options)


def slope(logits: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = ctc(logits)
    return loss, tape.gradient(loss, logits)


def test_ctc_loss_and_its_gradient() -> None:
    for loss, back in modes(slope, LOGITS):
        np.testing.assert_allclose(loss.numpy(), [5.4862933, 4.4357700, 6.7976995], rtol=1e-6)
        np.testing.assert_allclose(back[:, 0].numpy(), SLOPES, atol=2e-7)
        assert not back[4:, 1].numpy().any()  # frames that do not count
    turned = tf.nn.ctc_loss(LABELS, LOGITS.transpose(1, 0, 2), SIZES, TIMES, False, blank_index=0)
    np.testing.assert_allclose(turned.numpy(), [5.4862933, 4.4357700, 6.7976995], rtol=1e-6)
    last = tf.nn.ctc_loss(LABELS - 1, LOGITS, SIZES, TIMES, blank_index=-1)
    np.testing.assert_allclose(last.numpy(), [4.6344271, 4.3870454, 7.0476995], rtol=1e-6)


def test_ctc_loss_to_order_two() -> None:
    x, rng = tf.constant(LOGITS), np.random.default_rng(0)
    u, v = rng.normal(size=(2, *LOGITS.shape))
    with tf.GradientTape() as tape:
        tape.watch(x)
        along = tf.sum(slope(x)[1] * u)
    found = tf.sum(tape.gradient(along, x) * v).item()
    ends = [np.sum(slope(tf.constant(LOGITS + t * v))[1].numpy() * u) for t in (1e-4, -1e-4)]
    assert found == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=1e-6)


def test_ctc_loss_where_no_alignment_fits() -> None:
    x = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.nn.ctc_loss(LABELS, x, [3, 1, 3], [3, 4, 2], blank_index=0)
    assert loss.numpy()[[0, 2]].tolist() == [np.inf, np.inf]
    back = tape.gradient(loss, x).numpy()
    assert np.isfinite(back).all() and not back[:, 0].any() and back[:4, 1].all()
    with pytest.raises(IndexOutOfBoundsError):
        tf.nn.ctc_loss([[4]], LOGITS[:, :1], [1], [6])
    with pytest.raises(IndexOutOfBoundsError):
        tf.nn.ctc_loss([[-1]], LOGITS[:, :1], [1], [6])
    with pytest.raises(ShapeError):
        tf.nn.ctc_loss([1], LOGITS, [1], [6])


def test_dropout_keeps_the_mean_and_draws_the_same_in_every_mode() -> None:
    ones = np.ones((100, 100), np.float32)
    found = []
    for call in (tf.nn.dropout, tf.function(tf.nn.dropout)):
        tf.random.set_seed(3)
        found.append(call(tf.constant(ones), 0.25).numpy())
    np.testing.assert_array_equal(*found)
    assert set(np.unique(found[0])) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((found[0] == 0).mean() - 0.25) < 0.02
    rows = tf.nn.stateless_dropout(ones, 0.5, (1, 2), noise_shape=(None, 1)).numpy()
    assert (rows == rows[:, :1]).all() and 0 < rows.mean() < 2
    with pytest.raises(ArgumentError):
        tf.nn.dropout(ones, 1.0)
    with pytest.raises(DTypeError):
        tf.nn.dropout([1, 2], 0.5)


def test_the_first_elements_that_dropout_keeps() -> None:
    kept = tf.nn.experimental.stateless_dropout(tf.ones(12), 0.5, seed=(1, 2)).numpy() > 0
    assert np.flatnonzero(kept).tolist() == [0, 6, 7, 10]


def test_approximate_top_k_finds_all() -> None:
    values, places = tf.math.approx_max_k([[3.0, 1, 2], [0, 5, 4]], 2)
    assert places.numpy().tolist() == [[0, 2], [1, 2]] and places.dtype == tf.int32
    smallest, _ = tf.nn.approx_min_k([[3.0, 1, 2], [0, 5, 4]], 1, 0)
    assert smallest.numpy().tolist() == [[0, 1, 2]] and values.shape == (2, 2)


MASKS = [
    None,
    np.random.default_rng(1).normal(size=(7, 11)),
    np.random.default_rng(2).normal(size=(2, 1, 1, 11)),
    np.random.default_rng(3).uniform(size=(3, 7, 11)) > 0.4,
    np.arange(11)[None] % 12 > 20,
]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", MASKS, ids=["none", "numbers", "columns", "flags", "nothing"])
def test_attention_in_blocks_is_attention(mask: Any, causal: bool, monkeypatch: Any) -> None:
    rng = np.random.default_rng(0)
    inputs = [tf.constant(rng.normal(size=s)) for s in ((2, 3, 7, 4), (2, 1, 11, 4), (1, 11, 5))]
    inputs += [tf.constant(mask)] if mask is not None and mask.dtype == float else []
    seed = tf.constant(rng.normal(size=(2, 3, 7, 5)))

    def run() -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            given = inputs[3] if len(inputs) > 3 else mask
            out = tf.nn.scaled_dot_product_attention(*inputs[:3], given, causal)
        return [out, *tape.gradient(out, inputs, seed)]

    whole = run()
    monkeypatch.setattr(attention, "LONG", 1)
    monkeypatch.setattr(attention, "KEYS", 3)
    monkeypatch.setattr(attention, "QUERIES", 2)
    for a, b in zip(run(), whole, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-12)


def test_attention_to_scores_that_are_not_finite(monkeypatch: Any) -> None:
    monkeypatch.setattr(attention, "KEYS", 3)
    q = np.ones((2, 1))
    for last, expected in ((np.inf, np.nan), (np.nan, np.nan), (-np.inf, 1.0)):
        k, v = np.ones((7, 1)), np.ones((7, 1))
        k[-1] = last
        for limit in (1 << 60, 1):
            monkeypatch.setattr(attention, "LONG", limit)
            out = tf.nn.scaled_dot_product_attention(q, k, v).numpy()
            np.testing.assert_array_equal(out, np.full((2, 1), expected))
