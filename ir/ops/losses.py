"""Embeddings, losses and statistics of neural networks, written in ops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError, ShapeError
from ..op import OPS, Sample, composite
from ..shapes import show_shape
from . import movement
from .casting import cast
from .elementwise import square, squared_difference, where
from .exponential import exp, log
from .gather import gather
from .joining import concat
from .operand import as_inexact, as_tensor, product
from .padding import pad_constant
from .reduce import sum
from .slicing import slice_axis
from .statistics import in_single, vector_norm

__all__ = [
    "embedding_lookup", "local_response_normalization", "log_poisson_loss", "normalize_moments",
    "sufficient_statistics", "weighted_moments",
]  # fmt: skip


@composite(Sample("f[4,3]", np.array([[0, 2], [3, 3]])), Sample("f[4,3]", np.array([1]), 0.5))
def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, name: Any = None) -> Any:
    """The rows of ``params`` that ``ids`` name, scaled down to the norm ``max_norm``, if given.

    A list of tables is one table in parts. Raises IndexOutOfBoundsError.

    >>> import twofold as tf
    >>> tf.nn.embedding_lookup([[1.0, 2.0], [3.0, 4.0]], [1]).numpy()
    array([[3., 4.]], dtype=float32)
    """
    if isinstance(params, list | tuple) and params and hasattr(params[0], "shape"):
        params = concat(list(params), axis=0)
    rows = gather(params, ids, axis=0)
    if max_norm is None:
        return rows
    size = vector_norm(rows, axis=tuple(range(len(as_tensor(ids).shape), len(rows.shape))),
                       keepdims=True)  # fmt: skip
    return rows * where(size > max_norm, max_norm / where(size > max_norm, size, 1), 1)


@composite(Sample("f[3]", "f[3]"), Sample("f[3]", np.array([0.5, 1.0, 4.0]), True))
def log_poisson_loss(
    targets: Any, log_input: Any, compute_full_loss: bool = False, name: Any = None
) -> Any:
    """``exp(log_input) - log_input * targets``: the loss of counts under a Poisson distribution.

    ``compute_full_loss`` adds Stirling's approximation of ``log(targets!)`` for targets above 1.

    >>> import twofold as tf
    >>> tf.nn.log_poisson_loss(2.0, 0.0).item()
    1.0
    """
    x, z = as_inexact(log_input), as_tensor(targets)
    z = z if z.dtype == x.dtype else cast(z, dtype=x.dtype)
    out = exp(x) - x * z
    if not compute_full_loss:
        return out
    large = z > 1
    safe = where(large, z, 1)
    stirling = safe * log(safe) - safe + 0.5 * log(2 * math.pi * safe)
    return out + where(large, stirling, 0)


@composite()
def sufficient_statistics(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: Any = None
) -> tuple[Any, Any, Any, Any]:
    """The number of elements over ``axes``, their sum, the sum of their squares, and ``shift``,
    which is subtracted first, if given."""
    x = as_inexact(x)
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    count = product(x.shape[a] for a in axes)
    count = cast(count if isinstance(count, int) else OPS["dim"](dim=count), dtype=x.dtype)
    moved = x if shift is None else x - shift
    folded = {"axis": axes, "keepdims": keepdims}
    return count, sum(moved, **folded), sum(square(moved), **folded), shift


@composite(Sample(4.0, "f[3]", np.array([9.0, 8.0, 7.0]), None))
def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: Any = None
) -> tuple[Any, Any]:
    """Mean and variance from what ``sufficient_statistics`` returns.

    >>> import twofold as tf
    >>> tf.nn.normalize_moments(2.0, 4.0, 10.0, None)[1].item()
    1.0
    """
    divisor = 1 / counts if isinstance(counts, int | float) else 1 / as_tensor(counts)
    moved = as_tensor(mean_ss) * divisor
    variance = as_tensor(variance_ss) * divisor - square(moved)
    return (moved if shift is None else moved + shift), variance


@composite(Sample("f[3,4]", 1, np.array([1.0, 2.0, 0.5, 1.0])), Sample("f[3,4]", (0, 1), 1.0))
def weighted_moments(
    x: Any, axes: Any, frequency_weights: Any, keepdims: bool = False, name: Any = None
) -> tuple[Any, Any]:
    """Mean and variance over ``axes``, each element counting as often as its weight says.

    >>> import twofold as tf
    >>> tf.nn.weighted_moments([0.0, 1.0], 0, [1.0, 3.0])[0].item()
    0.75
    """
    x = as_inexact(x)
    weights = cast(frequency_weights, dtype=x.dtype) + OPS["zeros_like"](x)
    total = sum(weights, axis=axes, keepdims=True)
    center = sum(weights * x, axis=axes, keepdims=True) / total
    spread = sum(weights * squared_difference(x, center), axis=axes, keepdims=True) / total
    if keepdims:
        return center, spread
    return movement.squeeze(center, axis=axes), movement.squeeze(spread, axis=axes)


@composite(Sample("f[1,2,2,6]", 2), Sample("f[1,1,2,3]", 5, 2.0, 0.5, 0.75))
def local_response_normalization(
    input: Any, depth_radius: int = 5, bias: float = 1, alpha: float = 1, beta: float = 0.5,
    name: Any = None,
) -> Any:  # fmt: skip
    """``x / (bias + alpha * s) ** beta``; ``s`` sums squares over ``depth_radius`` channels on both
    sides.

    Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural
    Networks" (2012).
    """
    x = as_inexact(input)
    if info(x.dtype).half:
        return in_single(
            lambda y: local_response_normalization(y, depth_radius, bias, alpha, beta), x
        )
    if len(x.shape) != 4:
        raise ShapeError(f"lrn: four axes are needed, the shape is {show_shape(x.shape)}")
    if depth_radius < 0:
        raise ArgumentError(f"lrn: depth_radius must not be negative: {depth_radius}")
    size = x.shape[-1]
    pads = (*[(0, 0)] * 3, (depth_radius, depth_radius))
    wide = pad_constant(square(x), pads=pads, value=0)
    total = slice_axis(wide, 3, 0, size)
    for i in range(1, 2 * depth_radius + 1):
        total = total + slice_axis(wide, 3, i, i + size)
    return x / OPS["power"](bias + alpha * total, beta)
