"""``keras.ops.nn``: functions of each element, and of a row."""

from __future__ import annotations

from typing import Any

import twofold as tf

from .core import convert_to_tensor
from .kinds import unary

__all__ = [
    "celu", "elu", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh",
    "leaky_relu", "log_sigmoid", "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu",
    "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax",
    "squareplus", "tanh", "tanh_shrink", "threshold",
]  # fmt: skip

relu = unary(tf.relu)
relu6 = unary(tf.nn.relu6)
sigmoid = unary(tf.sigmoid)
tanh = unary(tf.tanh)
softplus = unary(tf.softplus)
softsign = unary(tf.nn.softsign)
silu = unary(tf.nn.silu)
log_sigmoid = unary(tf.nn.log_sigmoid)
hard_sigmoid = unary(tf.nn.hard_sigmoid)
hard_silu = unary(tf.nn.hard_silu)
hard_tanh = unary(tf.nn.hard_tanh)
selu = unary(tf.nn.selu)
tanh_shrink = unary(lambda x: x - tf.tanh(x))
sparse_sigmoid = unary(lambda x: tf.clip((x + 1) * 0.5, 0.0, 1.0))


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """``x``, or a part of it below zero."""
    x = convert_to_tensor(x)
    return tf.where(x >= 0, x, x * negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """``x``, or ``alpha * (exp(x) - 1)`` below zero."""
    x = convert_to_tensor(x)
    return tf.where(x >= 0, x, alpha * tf.expm1(tf.minimum(x, 0.0)))


def celu(x: Any, alpha: float = 1.0) -> Any:
    """``max(x, 0) + alpha * (exp(min(x, 0) / alpha) - 1)``."""
    x = convert_to_tensor(x)
    return tf.maximum(x, 0.0) + alpha * tf.expm1(tf.minimum(x, 0.0) / alpha)


def gelu(x: Any, approximate: bool = True) -> Any:
    """``x`` times the normal distribution's share below it."""
    return tf.nn.gelu(convert_to_tensor(x), approximate=approximate)


def glu(x: Any, axis: int = -1) -> Any:
    """One half times the sigmoid of the other."""
    x = convert_to_tensor(x)
    if x.shape[axis] % 2 != 0:
        raise ValueError(
            f"axis size must be divisible by 2. Received: x.shape={x.shape} with axis={axis}"
        )
    a, b = tf.split(x, 2, axis=axis)
    return a * tf.sigmoid(b)


def squareplus(x: Any, b: Any = 4) -> Any:
    """``(x + sqrt(x * x + b)) / 2``."""
    x = convert_to_tensor(x)
    return (x + tf.sqrt(x * x + b)) / 2


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """``x`` moved towards zero."""
    x = convert_to_tensor(x)
    zero = tf.zeros_like(x)
    return tf.where(x > threshold, x - threshold, tf.where(x < -threshold, x + threshold, zero))


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """``x`` where it is far from zero."""
    x = convert_to_tensor(x)
    return tf.where(tf.abs(x) > threshold, x, tf.zeros_like(x))


def threshold(x: Any, threshold: Any, default_value: Any) -> Any:
    """``x`` where it is large."""
    x = convert_to_tensor(x)
    return tf.where(x > threshold, x, tf.cast(default_value, x.dtype))


def sparse_plus(x: Any) -> Any:
    """Zero, a parabola, and ``x``."""
    x = convert_to_tensor(x)
    return tf.where(x <= -1, tf.zeros_like(x), tf.where(x < 1, tf.square(x + 1) / 4, x))


def _whole(op: Any, x: Any, axis: Any) -> Any:
    """Over one axis, over several as one, or over all."""
    x = convert_to_tensor(x)
    if not isinstance(axis, tuple | list) and axis is not None:
        return op(x, axis=axis)
    rank = len(x.shape)
    over = list(range(rank)) if axis is None else sorted(a % rank for a in axis)
    order = [a for a in range(rank) if a not in over] + over
    moved = tf.transpose(x, perm=tuple(order))
    made = op(tf.reshape(moved, (*[x.shape[a] for a in order[: rank - len(over)]], -1)), axis=-1)
    back = tf.reshape(made, moved.shape)
    return tf.transpose(back, perm=tuple(order.index(a) for a in range(rank)))


def softmax(x: Any, axis: Any = -1) -> Any:
    """Shares that add up to one."""
    return _whole(tf.nn.softmax, x, axis)


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """The logarithm of ``softmax``."""
    return _whole(tf.nn.log_softmax, x, axis)


def sparsemax(x: Any, axis: int = -1) -> Any:
    """The nearest point of the simplex. Source: Martins and Astudillo, "From Softmax to Sparsemax",
    2016."""
    x = convert_to_tensor(x)
    ordered = tf.sort(x, axis=axis, descending=True)
    sums = tf.cumsum(ordered, axis=axis)
    shape = [1] * len(x.shape)
    shape[axis] = -1
    place = tf.reshape(tf.cast(tf.range(1, x.shape[axis] + 1), x.dtype), shape)
    support = ordered - (sums - 1) / place > 0
    count = tf.sum(tf.cast(support, x.dtype), axis=axis, keepdims=True)
    kept = tf.sum(tf.where(support, ordered, tf.zeros_like(x)), axis=axis, keepdims=True)
    return tf.maximum(x - (kept - 1) / count, 0.0)
