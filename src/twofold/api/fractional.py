"""Pools whose windows differ by one in size, so that any ratio of sizes is reached.

Graham, "Fractional Max-Pooling" (2014). Where windows begin is drawn: from the global generator, or
from the ``seed`` of the call alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from twofold.ir.dtypes import info
from twofold.ir.errors import ArgumentError, ShapeError
from twofold.ir.op import COMPOSITES, OPS
from twofold.ir.ops.largest import first_largest
from twofold.ir.ops.operand import as_tensor
from twofold.ir.shapes import show_shape

__all__ = ["fractional_avg_pool", "fractional_max_pool"]

INT64, DOUBLE = np.dtype("int64"), np.dtype("float64")


class FractionalPool(NamedTuple):
    """What the pools return."""

    output: Any
    row_pooling_sequence: Any
    col_pooling_sequence: Any


class _Windows(NamedTuple):
    """The windows along an axis: where they begin (and the last ends), the elements of each in a
    row, those that are too many left out by the mask."""

    starts: Any
    places: Any
    inside: Any


def _ratios(ratio: Any, what: str) -> list[float]:
    given = [float(r) for r in ratio] if hasattr(ratio, "__iter__") else [float(ratio)] * 2
    if len(given) == 4 and given[0] == given[3] == 1:
        given = given[1:3]
    if len(given) != 2 or not all(1 <= r < math.inf for r in given):
        raise ArgumentError(
            f"{what}: pooling_ratio is a number of at least 1, two, or four with 1 for batch and "
            f"channels, not {ratio!r}"
        )
    return given


def _starts(size: int, count: int, pseudo: bool, seed: Any) -> Any:
    """Where ``count`` windows of ``size // count`` or one more elements begin, and the end."""
    alpha, least = size / count, size // count
    if size % count == 0:
        return OPS["constant"](value=np.arange(count + 1, dtype=INT64) * least)
    if not pseudo:
        sizes = np.full(count, least, INT64) + (np.arange(count) < size % count)
        order = COMPOSITES["stateless_shuffle"].function(OPS["constant"](value=sizes), seed)
        return OPS["concat"]([np.zeros(1, INT64), OPS["cumsum"](order, axis=0)], axis=0)
    # the largest start for which every window has one of the two sizes
    most = min((least + 2) / alpha - 1, (size + 1 - least) / alpha - (count - 1))
    drawn = COMPOSITES["stateless_uniform"].function((), seed, 0.0, 1.0, DOUBLE)
    inner = OPS["ceil"]((np.arange(1, count, dtype=DOUBLE) + drawn * most) * alpha) - 1
    ends = [np.zeros(1, INT64), OPS["cast"](inner, dtype=INT64), np.full(1, size, INT64)]
    return OPS["concat"](ends, axis=0)


def _windows(starts: Any, size: int, count: int, overlapping: bool) -> _Windows:
    longest = -(-size // count) + overlapping
    first, end = starts[:-1], starts[1:]
    if overlapping:
        end = OPS["minimum"](end + 1, size)
    places = OPS["expand_dims"](first, axis=(1,)) + np.arange(longest, dtype=INT64)
    inside = OPS["less"](places, OPS["expand_dims"](end, axis=(1,)))
    return _Windows(starts, OPS["minimum"](places, size - 1), inside)


def _largest(blocks: Any, inside: Any) -> Any:
    own = info(blocks.dtype)
    lowest = -math.inf if own.floating else own.ints[0]
    masked = OPS["where"](inside, blocks, lowest)
    return first_largest(masked, OPS["max"](masked, axis=(2, 4)), axis=(2, 4))


def _mean(blocks: Any, inside: Any) -> Any:
    total = OPS["sum"](OPS["where"](inside, blocks, 0), axis=(2, 4))
    count = OPS["sum"](OPS["cast"](inside, dtype=INT64), axis=(1, 3))
    return OPS["divide"](total, OPS["cast"](count, dtype=total.dtype))


def _pooled(
    fold: Callable[[Any, Any], Any], value: Any, ratio: Any, pseudo: bool, overlapping: bool,
    seed: int, what: str,
) -> FractionalPool:  # fmt: skip
    x = as_tensor(value)
    if len(x.shape) != 4:
        raise ShapeError(f"{what}: value is [N, H, W, C], the shape is {show_shape(x.shape)}")
    sizes = [int(n) for n in x.shape[1:3]]
    counts = [int(n / r) for n, r in zip(sizes, _ratios(ratio, what), strict=True)]
    if any(n < 1 for n in counts):
        raise ShapeError(f"{what}: no window fits into the shape {show_shape(x.shape)}")
    if seed:
        seeds = [(seed, 0), (seed, 1)]
    else:
        from twofold.runtime.random import source  # noqa: PLC0415  (generators are made with it)

        drawn = source(None).make_seeds(2)
        seeds = [drawn[:, 0], drawn[:, 1]]
    rows, columns = [
        _windows(_starts(size, count, pseudo, own), size, count, bool(overlapping))
        for size, count, own in zip(sizes, counts, seeds, strict=True)
    ]
    blocks = OPS["gather"](OPS["gather"](x, rows.places, axis=1), columns.places, axis=3)
    across = OPS["expand_dims"](columns.inside, axis=(2,))  # [W', k, 1]
    down = OPS["expand_dims"](rows.inside, axis=(2, 3, 4))  # [H', k, 1, 1, 1]
    out = fold(blocks, OPS["logical_and"](down, across))
    return FractionalPool(out, rows.starts, columns.starts)


def fractional_max_pool(
    value: Any, pooling_ratio: Any, pseudo_random: bool = False, overlapping: bool = False,
    seed: int = 0, name: Any = None,
) -> FractionalPool:  # fmt: skip
    """The largest element of each window of ``[N, H, W, C]``, and where windows begin (int64).

    There are ``floor(size / ratio)`` windows along an axis, each of ``floor`` or ``ceil`` of the
    quotient of the sizes. Their order is drawn, or follows with ``pseudo_random`` from one drawn
    number; ``overlapping`` windows share an element with the next. A ``seed`` other than 0 decides
    alone what is drawn. At a tie the gradient goes to the first element. Raises ShapeError,
    ArgumentError.

    >>> import twofold as tf
    >>> output, rows, columns = tf.nn.fractional_max_pool(tf.ones((1, 5, 6, 1)), 1.5, seed=1)
    >>> output.shape, rows.shape, columns.numpy().tolist()
    ((1, 3, 4, 1), (4,), [0, 2, 3, 4, 6])
    """
    return _pooled(_largest, value, pooling_ratio, pseudo_random, overlapping, seed,
                   "fractional_max_pool")  # fmt: skip


def fractional_avg_pool(
    value: Any, pooling_ratio: Any, pseudo_random: bool = False, overlapping: bool = False,
    seed: int = 0, name: Any = None,
) -> FractionalPool:  # fmt: skip
    """The mean of each window; see ``fractional_max_pool``.

    >>> import twofold as tf
    >>> tf.nn.fractional_avg_pool(tf.ones((1, 4, 4, 1)), 2.0)[0].numpy().ravel()
    array([1., 1., 1., 1.], dtype=float32)
    """
    return _pooled(_mean, value, pooling_ratio, pseudo_random, overlapping, seed,
                   "fractional_avg_pool")  # fmt: skip
