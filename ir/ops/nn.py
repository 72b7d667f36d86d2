"""Softmax, losses and normalisations of neural networks, written in ops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import info
from ..op import Sample, composite
from .casting import cast, stop_gradient
from .classes import at_class
from .compare import greater_equal, isfinite
from .elementwise import masked_multiply, maximum, square, squared_difference, where
from .exponential import exp, log, log1p, rsqrt, softplus
from .movement import squeeze
from .operand import as_inexact, as_tensor, as_tensors, ranked
from .reduce import max as largest
from .reduce import sum as total
from .statistics import in_single, mean, rounded, squares

__all__ = [
    "batch_normalization", "l2_loss", "l2_normalize", "layer_norm", "log_softmax", "logsumexp",
    "moments", "rms_norm", "sigmoid_cross_entropy_with_logits", "softmax",
    "softmax_cross_entropy_with_logits", "sparse_softmax_cross_entropy_with_logits",
    "weighted_cross_entropy_with_logits",
]  # fmt: skip

LABELS = np.array([2, 0, 3], np.int32)


def _peak(x: Any, axis: Any) -> Any:
    """The largest element along ``axis``, kept as size 1; a constant shift, so no gradient."""
    return stop_gradient(largest(x, axis=axis, keepdims=True))


@composite(Sample("f[3,4]"), Sample("f[2,3,4]", axis=1), Sample("f[3,4]", axis=(0, 1)))
def softmax(x: Any, axis: Any = -1) -> Any:
    """``exp(x) / sum(exp(x))`` over ``axis``, without overflow.

    A line whose elements are all ``-inf`` gives NaN.

    >>> import twofold as tf
    >>> tf.nn.softmax([1.0, 1.0]).numpy()
    array([0.5, 0.5], dtype=float32)
    """
    x = as_inexact(x)
    if info(x.dtype).half:
        return in_single(softmax, x, axis)
    e = exp(x - _peak(x, axis))
    return e * (1 / total(e, axis=axis, keepdims=True))  # one division a line, not an element


@composite(Sample("f[3,4]"), Sample("f[2,3,4]", axis=1))
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """``log(softmax(x))`` over ``axis``, without overflow or cancellation.

    >>> import twofold as tf
    >>> tf.nn.log_softmax([0.0, -1000.0]).numpy()
    array([    0., -1000.], dtype=float32)
    """
    x = as_inexact(x)
    if info(x.dtype).half:
        return in_single(log_softmax, x, axis)
    shifted = x - _peak(x, axis)
    return shifted - log(total(exp(shifted), axis=axis, keepdims=True))


@composite(Sample("f[3,4]"), Sample("f[3,4]", axis=1), Sample("f[3,4]", axis=0, keepdims=True))
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """``log(sum(exp(x)))`` over ``axis`` (None: all), without overflow; ``-inf`` of all ``-inf``.

    >>> import twofold as tf
    >>> tf.logsumexp([1000.0, 1000.0]).item()
    1000.6931762695312
    """
    x = as_inexact(x)
    if info(x.dtype).half:
        return in_single(logsumexp, x, axis, keepdims)
    peak = _peak(x, axis)
    peak = where(isfinite(peak), peak, 0)  # inf - inf would be NaN
    out = log(total(exp(x - peak), axis=axis, keepdims=True)) + peak
    return out if keepdims else squeeze(out, axis=_all_axes(x) if axis is None else axis)


def _all_axes(x: Any) -> tuple[int, ...]:
    return tuple(range(len(x.shape)))


@composite(Sample(np.array([[0.2, 0.8, 0.0], [1.0, 0.0, 0.0]]), "f[2,3]"),
           Sample("f[2,3]", "f[2,3]", axis=0))  # fmt: skip
def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: int = -1) -> Any:
    """``-sum(labels * log_softmax(logits))`` over ``axis``.

    ``labels`` holds the probability of each class and broadcasts with ``logits``; a label of 0
    contributes 0 whatever its logit is, ``-inf`` included.

    >>> import twofold as tf
    >>> tf.nn.softmax_cross_entropy_with_logits([[1.0, 0.0]], [[0.0, 0.0]]).numpy()
    array([0.6931472], dtype=float32)
    """
    labels, logits = as_tensor(labels), as_inexact(logits)
    if info(logits.dtype).half:
        swapped = lambda x, y: softmax_cross_entropy_with_logits(y, x, axis)  # noqa: E731
        return in_single(swapped, logits, labels)
    return -total(masked_multiply(labels, log_softmax(logits, axis)), axis=axis)


@composite(Sample(LABELS, "f[3,4]"), Sample(np.array([[0, 1]]), "f[1,2,3]"))
def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any) -> Any:
    """``-log_softmax(logits)`` at the class that each integer label names, over the last axis.

    ``labels`` has the shape of ``logits`` without its last axis. A label that is negative or not
    below the number of classes raises IndexOutOfBoundsError.

    >>> import twofold as tf
    >>> tf.nn.sparse_softmax_cross_entropy_with_logits([0], [[0.0, 0.0]]).numpy()
    array([0.6931472], dtype=float32)
    """
    what = "sparse_softmax_cross_entropy_with_logits"
    return -at_class(log_softmax(ranked(logits, 1, what)), labels, -1)


@composite(Sample(np.array([0.0, 1.0, 0.3]), "f[3]"), Sample("f[3]", np.array([0.0, -30.0, 30.0])))
def sigmoid_cross_entropy_with_logits(labels: Any, logits: Any) -> Any:
    """Cross-entropy of probabilities ``labels`` and ``sigmoid(logits)``, elementwise.

    That is ``max(x, 0) - x * z + log(1 + exp(-abs(x)))``, without overflow or cancellation; its
    gradient for the logits is ``sigmoid(x) - z`` everywhere, 0 included.

    >>> import twofold as tf
    >>> tf.nn.sigmoid_cross_entropy_with_logits(1.0, 0.0).item()
    0.6931471824645996
    """
    x = as_tensor(logits)
    upper = greater_equal(x, 0)
    return where(upper, x, 0) - x * labels + log1p(exp(where(upper, -x, x)))


@composite(Sample(np.array([0.0, 1.0, 0.3]), "f[3]", 2.0))
def weighted_cross_entropy_with_logits(labels: Any, logits: Any, pos_weight: Any) -> Any:
    """``sigmoid_cross_entropy_with_logits`` whose positive part counts ``pos_weight`` times.

    >>> import twofold as tf
    >>> tf.nn.weighted_cross_entropy_with_logits(1.0, 0.0, 2.0).item()
    1.3862943649291992
    """
    z, x = as_tensors(labels, logits)
    return (1 - z) * x + (1 + (pos_weight - 1) * z) * softplus(-x)


@composite(Sample("f[3,4]", axes=1), Sample("f[2,3,4]", axes=(0, 1), keepdims=True))
def moments(x: Any, axes: Any, keepdims: bool = False) -> Any:
    """Mean and variance over ``axes``, as a pair; the variance divides by the number of elements.

    Half precision stays half precision, and is summed in float32.

    >>> import twofold as tf
    >>> tf.nn.moments([1.0, 3.0], axes=0)[1].item()
    1.0
    """
    x = as_inexact(x)
    half = info(x.dtype).half
    wide = cast(x, dtype=info(x.dtype).computes_in)
    center = mean(wide, axis=axes, keepdims=True)
    variance = mean(squared_difference(wide, center), axis=axes, keepdims=keepdims)
    if not keepdims:
        center = squeeze(center, axis=axes)
    return (cast(center, dtype=x.dtype), cast(variance, dtype=x.dtype)) if half else (
        center, variance)  # fmt: skip


@composite(Sample("f[3,4]"), Sample("f[3,4]", "f[4]", "f[4]"), Sample("f[2,3,4]", axis=(1, 2)))
def layer_norm(
    x: Any, scale: Any = None, offset: Any = None, axis: Any = -1, epsilon: float = 1e-5
) -> Any:
    """``(x - mean) / sqrt(variance + epsilon) * scale + offset``, the moments taken over ``axis``.

    Ba, Kiros and Hinton, "Layer Normalization" (2016).

    >>> import twofold as tf
    >>> tf.nn.layer_norm([1.0, 3.0], epsilon=0.0).numpy()
    array([-1.,  1.], dtype=float32)
    """
    x = as_inexact(x)
    if info(x.dtype).half:
        return in_single(layer_norm, x, scale, offset, axis, epsilon)
    center, variance = moments(x, axis, keepdims=True)
    return batch_normalization(x, center, variance, offset, scale, epsilon)


@composite(Sample("f[3,4]"), Sample("f[3,4]", "f[4]"))
def rms_norm(x: Any, scale: Any = None, axis: Any = -1, epsilon: float = 1e-6) -> Any:
    """``x / sqrt(mean(x**2) + epsilon) * scale``, the mean taken over ``axis``.

    Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019).

    >>> import twofold as tf
    >>> tf.nn.rms_norm([1.0, -1.0], epsilon=0.0).numpy()
    array([ 1., -1.], dtype=float32)
    """
    x = as_inexact(x)
    if info(x.dtype).half:
        return in_single(rms_norm, x, scale, axis, epsilon)
    out = x * rsqrt(mean(square(x), axis=axis, keepdims=True) + epsilon)
    return out if scale is None else out * scale


@composite(Sample("f[3,4]", "f[4]", np.array([0.5, 1.0, 2.0, 1.5]), "f[4]", "f[4]", 1e-3),
           Sample("f[3,4]", 0.5, 2.0, None, None, 1e-3))  # fmt: skip
def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: float
) -> Any:
    """``(x - mean) / sqrt(variance + variance_epsilon) * scale + offset``, with broadcasting.

    ``scale`` and ``offset`` may be None. The moments are given: nothing is averaged here.

    >>> import twofold as tf
    >>> tf.nn.batch_normalization(3.0, 1.0, 4.0, None, None, 0.0).item()
    1.0
    """
    if isinstance(variance, int | float):  # stays weak: the dtype is that of x
        inverse = 1 / math.sqrt(variance + variance_epsilon)
    else:
        inverse = rsqrt(as_tensor(variance) + variance_epsilon)
    if scale is not None:
        inverse = inverse * scale
    out = (as_tensor(x) - mean) * inverse
    return out if offset is None else out + offset


@composite(Sample("f[3,4]"), Sample("f[3,4]", axis=1))
def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12) -> Any:
    """``x / sqrt(max(sum(x**2), epsilon))``, the sum taken over ``axis`` (None: all).

    A zero vector stays zero, with the gradient ``1 / sqrt(epsilon)``.

    >>> import twofold as tf
    >>> tf.nn.l2_normalize([3.0, 4.0]).numpy()
    array([0.6, 0.8], dtype=float32)
    """
    x = as_inexact(x)
    if info(x.dtype).half:
        return in_single(l2_normalize, x, axis, epsilon)
    return x * rounded(rsqrt(maximum(total(squares(x), axis=axis, keepdims=True), epsilon)), x)


@composite(Sample("f[3,4]"))
def l2_loss(x: Any) -> Any:
    """``sum(x**2) / 2`` over all elements.

    >>> import twofold as tf
    >>> tf.nn.l2_loss([3.0, 4.0]).item()
    12.5
    """
    x = as_inexact(x)
    return in_single(l2_loss, x) if info(x.dtype).half else total(square(x)) / 2
