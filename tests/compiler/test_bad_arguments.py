"""Arguments that are wrong: one documented exception at the call's own line, in three modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.errors import TwofoldError

X = tf.constant(np.arange(6, dtype=np.float32).reshape(2, 3))
NAN = float("nan")

CALLS: dict[str, Callable[[Any], Any]] = {
    # axes out of range, twice, of another kind
    "sum": lambda x: tf.reduce_sum(x, axis=5), "sum twice": lambda x: tf.reduce_sum(x, axis=(0, -2)),
    "sum of text": lambda x: tf.reduce_sum(x, axis="a"), "argmax": lambda x: tf.argmax(x, 2),
    "sum of a float": lambda x: tf.reduce_sum(x, axis=1.5), "sort": lambda x: tf.sort(x, axis=3),
    "cumsum": lambda x: tf.cumsum(x, axis=2), "reverse": lambda x: tf.reverse(x, [0, 0]),
    "transpose": lambda x: tf.transpose(x, [0, 0]), "few axes": lambda x: tf.transpose(x, [0]),
    "expand_dims": lambda x: tf.expand_dims(x, 9), "squeeze": lambda x: tf.squeeze(x, axis=0),
    "concat": lambda x: tf.concat([x, x], axis=2), "stack": lambda x: tf.stack([x, x], axis=5),
    "roll": lambda x: tf.roll(x, 1, axis=7), "softmax": lambda x: tf.nn.softmax(x, axis=6),
    "norm": lambda x: tf.norm(x, axis=(0, 1, 2)), "fft": lambda x: tf.fft.fft(x, axis=8),
    "quantile": lambda x: tf.quantile(x, 0.5, axis=4),
    # sizes and counts
    "reshape": lambda x: tf.reshape(x, (-2, 3)), "reshape twice": lambda x: tf.reshape(x, (-1, -1)),
    "reshape to text": lambda x: tf.reshape(x, "a"), "zeros": lambda x: tf.zeros((-1, 2)) + x,
    "fill": lambda x: tf.fill([-1], 1.0), "eye": lambda x: tf.eye(-2), "tile": lambda x: tf.tile(x, [-1, 1]),
    "repeat": lambda x: tf.repeat(x, -1, axis=0), "repeat each": lambda x: tf.repeat(x, [1, -1], axis=0),
    "pad": lambda x: tf.pad(x, [[-1, 0], [0, 0]]), "range": lambda x: tf.range(0, 3, 0),
    "linspace": lambda x: tf.linspace(0.0, 1.0, -1), "one_hot": lambda x: tf.one_hot([0], -1),
    "normal": lambda x: tf.random.normal((-1,)), "gamma": lambda x: tf.random.gamma((-1,), 2.0),
    "top_k": lambda x: tf.math.top_k(x, k=9), "split": lambda x: tf.split(x, [1, 5], axis=1),
    "unstack": lambda x: tf.unstack(x, num=3), "fft of none": lambda x: tf.fft.fft(x, n=0),
    "segments": lambda x: tf.math.unsorted_segment_sum(x, [0, 1], -1),
    # words
    "mode": lambda x: tf.pad(x, [[1, 1], [0, 0]], mode="ROUND"),
    "direction": lambda x: tf.sort(x, direction="UP"), "side": lambda x: tf.searchsorted(x[0], x, "mid"),
    "fft norm": lambda x: tf.fft.fft(x, norm="x"), "order": lambda x: tf.norm(x, ord="x"),
    "method": lambda x: tf.quantile(x, 0.5, method="x"), "equation": lambda x: tf.einsum("ij->->", x),
    "letters": lambda x: tf.einsum("i->i", x), "dtype": lambda x: tf.cast(x, "float31"),
    "no dtype": lambda x: tf.cast(x, None),
    # ranks, shapes and kinds
    "matmul": lambda x: tf.matmul(x, x), "matmul of a number": lambda x: tf.matmul(x, 1.0),
    "matmul of None": lambda x: tf.matmul(x, None), "add text": lambda x: x + "a",
    "add": lambda x: x + x[:, :2], "bits": lambda x: tf.bitwise.bitwise_and(x, x),
    "inv": lambda x: tf.linalg.inv(x), "svd": lambda x: tf.linalg.svd(x[0]),
    "max of complex": lambda x: tf.reduce_max(tf.cast(x, "complex64")),
    "where": lambda x: tf.where(x > 0, x, x[:, :2]), "cross": lambda x: tf.linalg.cross(x[:, :2], x[:, :2]),
    "conv2d": lambda x: tf.nn.conv2d(x, x, 1, "SAME"), "dropout": lambda x: tf.nn.dropout(x, 1.5),
    # indices
    "gather": lambda x: tf.gather(x, [5]), "gather at a float": lambda x: tf.gather(x, [0.5]),
    "gather at NaN": lambda x: tf.gather(x, [NAN]), "index": lambda x: x[5],
    "index by a float": lambda x: x[0.5], "index by text": lambda x: x["a"],
    "too many indices": lambda x: x[0, 0, 0], "mask": lambda x: x[tf.constant([True, False, True])],
    "scatter": lambda x: tf.scatter_nd([[9]], [1.0], [3]),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_the_same_exception_at_the_same_place_in_every_mode(name: str) -> None:
    call, told = CALLS[name], []
    for run in (call, tf.function(call), tf.function(call, jit_compile=True)):
        with pytest.raises(TwofoldError) as caught:
            run(X)
        told.append((type(caught.value), str(caught.value)))
    assert told[0] == told[1] == told[2]
    assert f"at {__file__}:" in told[0][1] or "test_bad_arguments.py" in told[0][1]


@pytest.mark.parametrize("call", [
    lambda: tf.zeros((2**40, 2**40)), lambda: tf.broadcast_to(1.0, (2**31, 2**31)),
    lambda: tf.random.normal((2**31, 2**31)), lambda: tf.tile(tf.ones(1000), [2**62]),
])  # fmt: skip
def test_sizes_beyond_any_memory_are_a_memory_error(call: Callable[[], Any]) -> None:
    for run in (call, tf.function(call), tf.function(call, jit_compile=True)):
        with pytest.raises(MemoryError, match="more elements than memory holds"):
            run()
