"""Values that TensorFlow's documentation or its definition fixes, for names that are its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 4, 6, 4))
LINE = RNG.normal(size=40)


def convolved_transpose(x: Any, w: Any, shape: tuple[int, ...], step: int, pad: int) -> Any:
    """Each element adds a copy of the filter, moved by the stride; then the border is cut."""
    wide = np.zeros((shape[0], shape[1] + 8, shape[2] + 8, shape[3]))
    for n, i, j in np.ndindex(*x.shape[:3]):
        rows, columns = i * step, j * step
        wide[n, rows : rows + w.shape[0], columns : columns + w.shape[1]] += w @ x[n, i, j]
    return wide[:, pad : pad + shape[1], pad : pad + shape[2]]


ROWS, COLUMNS = np.mgrid[:45, :51]
WAVES = [
    (0.5 + 0.4 * np.sin(0.3 * ROWS + shift) * np.cos(step * COLUMNS))[..., None].astype(np.float32)
    for shift, step in ((0.0, 0.2), (0.1, 0.23))
]
Z, W = RNG.normal(size=(2, 3, 3, 4)), RNG.normal(size=(3, 3, 2, 4))
CASES: list[tuple[Callable[[], Any], Any]] = [
    (lambda: tf.nn.depth_to_space(tf.nn.space_to_depth(X, 2), 2), X),
    (lambda: tf.nn.space_to_depth(X, 2)[0, 1, 2], X[0, 2:4, 4:6].reshape(-1)),
    (lambda: tf.space_to_batch(X, [2, 3], [[0, 0], [0, 0]])[2:4], X[:, 0::2, 1::3]),
    (lambda: tf.batch_to_space(tf.space_to_batch(X, 2, [[1, 1], [0, 2]]), [2, 2],
                               [[1, 1], [0, 2]]), X),
    (lambda: tf.nn.conv2d_transpose(Z, W, (2, 7, 7, 2), 2, "VALID"),
     convolved_transpose(Z, W, (2, 7, 7, 2), 2, 0)),
    (lambda: tf.nn.conv2d_transpose(Z, W, (2, 3, 3, 2), 1, "SAME"),
     convolved_transpose(Z, W, (2, 3, 3, 2), 1, 1)),
    (lambda: tf.nn.convolution(np.ones((1, 4, 1)), np.ones((3, 1, 1)), padding="CAUSAL")[0, :, 0],
     [1, 2, 3, 3]),
    (lambda: tf.nn.max_pool(np.arange(16).reshape(1, 4, 4, 1), 3, 2, "SAME")[0, :, :, 0],
     [[10, 11], [14, 15]]),
    (lambda: tf.nn.adaptive_avg_pool(np.arange(5.0).reshape(1, 5, 1), 2)[0, :, 0], [1, 3]),
    (lambda: tf.nn.crelu([[-1.0, 2.0]]), [[0, 2, 1, 0]]),
    (lambda: tf.nn.embedding_lookup([Z[0, 0], Z[0, 1]], [4, 0]), Z[0, [1, 0], [1, 0]]),
    (lambda: tf.nn.embedding_lookup([[3.0, 4.0]], [0], max_norm=1.0), [[0.6, 0.8]]),
    (lambda: tf.nn.sufficient_statistics([[1.0, 2.0], [3.0, 4.0]], [0], 1.0)[2], [4, 10]),
    (lambda: tf.scatter_nd([[0], [2], [0]], [1, 2, 3], [4]), [4, 0, 2, 0]),
    (lambda: tf.sequence_mask([1, 0, 3], 3, tf.int32), [[1, 0, 0], [0, 0, 0], [1, 1, 1]]),
    (lambda: tf.dynamic_stitch([[0, 2], [1, 0]], [[1, 2], [3, 4]]), [4, 3, 2]),
    (lambda: tf.math.unsorted_segment_prod([2, 3, 4], [1, -1, 1], 3), [1, 8, 1]),
    (lambda: tf.math.confusion_matrix([0, 2], [1, 2], weights=[0.5, 2.0], dtype="float64"),
     [[0, 0.5, 0], [0, 0, 0], [0, 0, 2]]),
    (lambda: tf.truncatediv([-7, 7, -7, 6], [2, -2, -2, 3]), [-3, -3, 3, 2]),
    (lambda: tf.add_n([[1, 2], [3, 4], [5, 6]]), [9, 12]),
    (lambda: tf.clip_by_norm([[3.0, 4.0], [0.3, 0.4]], 1.0, [1]), [[0.6, 0.8], [0.3, 0.4]]),
    (lambda: tf.math.in_top_k([0, 1, 2], [[3.0, 2, 1], [3, 2, 1], [3, 2, 1]], 2),
     [True, True, False]),
    (lambda: tf.signal.frame(np.arange(5), 3, 2, pad_end=True, pad_value=9),
     [[0, 1, 2], [2, 3, 4], [4, 9, 9]]),
    (lambda: tf.signal.overlap_and_add(np.ones((3, 4)), 2), [1, 1, 2, 2, 2, 2, 1, 1]),
    (lambda: tf.signal.inverse_stft(
        tf.signal.stft(LINE, 8, 4), 8, 4,
        window_fn=tf.signal.inverse_stft_window_fn(4))[4:-4], LINE[4:36]),
    *[(lambda k=k: tf.signal.idct(tf.signal.dct(LINE, k), k) / (2 * (40 - (k == 1))), LINE)
      for k in (1, 2, 3, 4)],
    *[(lambda k=k: tf.signal.idct(tf.signal.dct(LINE, k, norm="ortho"), k, norm="ortho"), LINE)
      for k in (2, 3, 4)],
    (lambda: tf.signal.fft(LINE), np.fft.fft(LINE)),
    (lambda: tf.signal.rfft(LINE, [16]), np.fft.rfft(LINE[:16])),
    (lambda: tf.image.rot90(X, 1), np.rot90(X, 1, (1, 2))),
    (lambda: tf.image.rot90(X, 3), np.rot90(X, 3, (1, 2))),
    (lambda: tf.image.resize(X[..., :1], (2, 3), "area"),
     X[..., :1].reshape(2, 2, 2, 3, 2, 1).mean((2, 4))),
    (lambda: tf.image.resize(X, (8, 12), "nearest"), X.repeat(2, 1).repeat(2, 2)),
    (lambda: tf.image.hsv_to_rgb(tf.image.rgb_to_hsv(np.abs(X[..., :3]) % 1)),
     np.abs(X[..., :3]) % 1),
    (lambda: tf.image.ssim(np.abs(X).repeat(4, 1).repeat(3, 2), np.abs(X).repeat(4, 1).repeat(3, 2),
                           1.0), [1, 1]),
    (lambda: tf.image.resize_with_crop_or_pad(X, 6, 4),
     np.pad(X[:, :, 1:5], ((0, 0), (1, 1), (0, 0), (0, 0)))),
    (lambda: tf.image.crop_and_resize(X, [[0.0, 0, 1, 1]], [1], (4, 6)), X[1:]),
    (lambda: tf.image.resize_with_pad(np.ones((8, 9, 1)), 12, 7)[:, :, 0],  # 9 / (9 / 7) < 7
     np.pad(np.ones((6, 7)), ((2, 4), (0, 0)))),
    (lambda: tf.image.ssim_multiscale(*WAVES, 1.0, (0.3, 0.7)), 0.663908),  # TensorFlow 2.21's
    (lambda: tf.image.ssim_multiscale(*WAVES, 1.0, (0.2, 0.3, 0.5), 7), 0.678360),
    (lambda: tf.nn.pool(WAVES[0][None, :6, :5], 2, "AVG", dilations=[2, 3])[0, :2, :2, 0],
     (WAVES[0][:2, :2] + WAVES[0][2:4, :2] + WAVES[0][:2, 3:5] + WAVES[0][2:4, 3:5])[..., 0] / 4),
    (lambda: tf.math.segment_max([[-1.0], [-2.0], [-3.0]], [0, 0, 2]), [[-1], [0], [-3]]),
    (lambda: tf.math.segment_min([1, 2, 3], [1, 1, 3]), [0, 1, 0, 3]),
    (lambda: tf.math.polygamma(2.0, 1.0), -2.4041138),
]  # fmt: skip


@pytest.mark.parametrize(("call", "expected"), CASES)
def test_the_value_is_the_one_of_the_definition(call: Any, expected: Any) -> None:
    for found in (call(), tf.function(call)()):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_attention_masks_causes_and_serves_groups_of_heads() -> None:
    q, k, v = (RNG.normal(size=(2, n, 5, 3)) for n in (4, 2, 2))
    mask = RNG.uniform(size=(5, 5)) > 0.3
    mask[2] = False
    found = tf.nn.scaled_dot_product_attention(q, k, v, mask, is_causal=True).numpy()
    seen = mask & (np.tri(5) > 0)
    keys, values = k.repeat(2, 1), v.repeat(2, 1)
    scores = np.exp(q @ keys.swapaxes(-1, -2) / np.sqrt(3)) * seen
    weights = scores / np.maximum(scores.sum(-1, keepdims=True), 1e-300)
    np.testing.assert_allclose(found, weights @ values, rtol=1e-9, atol=1e-12)
    assert not found[:, :, ~seen.any(1)].any()
