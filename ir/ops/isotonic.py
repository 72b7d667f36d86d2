"""Isotonic regression: the monotone sequence that is nearest to another one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError
from ..infer import Attrs, Resolved, Types
from ..op import Sample, composite, op
from ..shapes import Sizes
from ..types import TensorType
from . import movement
from .operand import as_tensor, ranked

__all__ = ["isotonic_regression"]

Array = np.ndarray[Any, Any]
INT32 = np.dtype("int32")
LINE = np.array([[3.0, 1.0, 2.25, 2.5], [1.0, 2.0, 3.5, 0.0]])


class Isotonic(NamedTuple):
    """What ``isotonic_regression`` returns."""

    output: Any
    segments: Any


def _rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    return {"decreasing": bool(attrs["decreasing"])}, (x, TensorType(INT32, x.shape))


@op("opaque", _rule, promote="floating", accepts="f", public=False,
    samples=[Sample(LINE), Sample(LINE, decreasing=False)])  # fmt: skip
def isotonic_pair(x: Any, *, decreasing: bool = True) -> Any:
    """The regression along the last axis, and which segment of equal values each element is in.

    Pool adjacent violators: Ayer, Brunk, Ewing, Reid and Silverman (1955), in one pass.
    """
    out, segments = np.empty_like(x), np.empty(x.shape, INT32)
    for at in np.ndindex(*x.shape[:-1]):
        means, counts = _pooled(x[at].astype(np.float64), decreasing)
        out[at] = np.repeat(means, counts)
        segments[at] = np.repeat(np.arange(len(counts)), counts)
    return out, segments


def _pooled(line: Array, decreasing: bool) -> tuple[list[float], list[int]]:
    """The means of the segments and their lengths."""
    sums: list[float] = []
    counts: list[int] = []
    sign = 1.0 if decreasing else -1.0
    for value in line.tolist():
        total, count = value, 1
        while sums and sign * sums[-1] * count < sign * total * counts[-1]:
            total += sums.pop()
            count += counts.pop()
        sums.append(total)
        counts.append(count)
    return [total / count for total, count in zip(sums, counts, strict=True)], counts


@isotonic_pair.gradient
def isotonic_pair_vjp(g: Any, out: Any, x: Any, *, decreasing: bool) -> Any:
    return (lambda: segment_means(g[0], out[1]),)


def _means_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    return attrs, (types[0],)


@op("opaque", _means_rule, promote="none", promoted=slice(0, 1), accepts="f", public=False,
    samples=[Sample("f[2,4]", np.array([[0, 1, 1, 2], [0, 0, 0, 1]], np.int32))])  # fmt: skip
def segment_means(x: Any, segments: Any) -> Any:
    """The mean of each segment of the last axis, at all of its elements."""
    out = np.empty_like(x)
    for at in np.ndindex(*x.shape[:-1]):
        counts = np.bincount(segments[at])
        sums = np.bincount(segments[at], x[at].astype(np.float64))
        out[at] = np.repeat(sums / counts, counts)
    return out


@segment_means.gradient
def segment_means_vjp(g: Any, out: Any, x: Any, segments: Any) -> Any:
    return lambda: segment_means(g, segments), None


@composite(Sample(LINE), Sample(LINE, False, 0))
def isotonic_regression(inputs: Any, decreasing: bool = True, axis: int = -1) -> Any:
    """The sequence along ``axis`` that does not rise and is nearest to ``inputs`` in squares.

    Without ``decreasing`` it does not fall. Returns it and its segments (int32): where elements
    are equal because they would be in the wrong order, their value is their mean, and so is its
    gradient. Integers give floating numbers. Raises ShapeError, AxisError.

    >>> import twofold as tf
    >>> output, segments = tf.nn.isotonic_regression([3.0, 1.0, 2.0, 0.5])
    >>> output.numpy(), segments.numpy()
    (array([3. , 1.5, 1.5, 0.5], dtype=float32), array([0, 1, 1, 2], dtype=int32))
    """
    x = ranked(as_tensor(inputs), 1, "isotonic_regression")
    if isinstance(axis, bool):
        raise ArgumentError(f"isotonic_regression: axis is an integer, not {axis!r}")
    output, segments = isotonic_pair(movement.moveaxis(x, axis, -1), decreasing=decreasing)
    return Isotonic(movement.moveaxis(output, -1, axis), movement.moveaxis(segments, -1, axis))
