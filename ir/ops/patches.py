"""Windows of a tensor beside each other (im2col): what makes a convolution one matrix product."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..infer import Attrs, Resolved, Types
from ..op import Sample, op
from ..shapes import Sizes
from ..types import TensorType
from .slicing import FULL, slice_grad, strided_slice

__all__ = ["patches"]


def _patches_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    window = tuple(attrs["window"])
    steps, holes = tuple(attrs["strides"]), tuple(attrs["dilations"])
    counts = tuple(
        (size - (k - 1) * hole - 1) // step + 1
        for size, k, step, hole in zip(x.shape[1:-1], window, steps, holes, strict=True)
    )
    shape = (x.shape[0], *counts, *window, x.shape[-1])
    return {"window": window, "strides": steps, "dilations": holes}, (TensorType(x.dtype, shape),)


@op("movement", _patches_rule, promote="none", public=False,
    samples=[Sample("f[2,6,3]", window=(3,), strides=(1,), dilations=(1,)),
             Sample("f[2,5,4,2]", window=(2, 3), strides=(2, 1), dilations=(1, 1)),
             Sample("f[1,7,6,1]", window=(3, 2), strides=(1, 2), dilations=(2, 3))])  # fmt: skip
def patches(x: Any, *, window: Any, strides: Any, dilations: Any) -> Any:
    """The windows of ``[N, ..., C]``, which fit into it: ``[N, *counts, *window, C]``.

    Windows begin ``strides`` apart, their elements are ``dilations`` apart, along every axis but
    the first and the last.
    """
    n, *_, c = x.strides
    inner = x.strides[1:-1]
    counts = [
        (size - (k - 1) * hole - 1) // step + 1
        for size, k, step, hole in zip(x.shape[1:-1], window, strides, dilations, strict=True)
    ]
    apart = [s * step for s, step in zip(inner, strides, strict=True)]
    within = [s * hole for s, hole in zip(inner, dilations, strict=True)]
    shape = (x.shape[0], *counts, *window, x.shape[-1])
    return np.lib.stride_tricks.as_strided(x, shape, (n, *apart, *within, c), writeable=False)


@patches.gradient
def patches_vjp(g: Any, out: Any, x: Any, *, window: Any, strides: Any, dilations: Any) -> Any:
    rank = len(window)

    def overlapped(part: Any, axis: int) -> Any:
        """Places of the windows from this axis on, back where they were read from, added up."""
        if axis == rank:
            return part
        count, step, hole = part.shape[1 + axis], strides[axis], dilations[axis]
        total: Any = None
        for i in range(window[axis]):
            one = strided_slice(part, index=(FULL,) * (1 + rank) + (i,))
            inner = overlapped(one, axis + 1)
            where = (i * hole, i * hole + (count - 1) * step + 1, step)
            read = slice_grad(
                inner, shape=_with(inner.shape, 1 + axis, x.shape[1 + axis]),
                index=(FULL,) * (1 + axis) + (where,), neutral=total is not None,
            )  # fmt: skip
            total = read if total is None else total + read
        return total

    return (lambda: overlapped(g, 0),)


def _with(shape: Any, axis: int, size: Any) -> tuple[Any, ...]:
    """A shape with another size along an axis."""
    return (*shape[:axis], size, *shape[axis + 1 :])
