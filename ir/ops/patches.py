"""Windows of a tensor beside each other (im2col): what makes a convolution one matrix product."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..infer import Attrs, Resolved, Types
from ..op import Sample, op
from ..shapes import Sizes
from ..types import TensorType

__all__ = ["patches", "patches_grad"]


def patches_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    window = tuple(attrs["window"])
    steps, holes = tuple(attrs["strides"]), tuple(attrs["dilations"])
    counts = tuple(
        (size - (k - 1) * hole - 1) // step + 1
        for size, k, step, hole in zip(x.shape[1:-1], window, steps, holes, strict=True)
    )
    shape = (x.shape[0], *counts, *window, x.shape[-1])
    return {"window": window, "strides": steps, "dilations": holes}, (TensorType(x.dtype, shape),)


@op("movement", patches_rule, promote="none", public=False, routine=True,
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
    where = {"window": window, "strides": strides, "dilations": dilations}
    return (lambda: patches_grad(g, shape=x.shape, **where),)


def _overlapped_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    return attrs, (types[0].with_shape(tuple(attrs["shape"])),)


@op("opaque", _overlapped_rule, promote="none", public=False, shares_memory="never",
    routine=True,
    samples=[Sample("f[2,4,3,3]", shape=(2, 6, 3), window=(3,), strides=(1,), dilations=(1,)),
             Sample("f[2,2,2,2,3,2]", shape=(2, 5, 4, 2), window=(2, 3), strides=(2, 1),
                    dilations=(1, 1)),
             Sample("f[1,3,2,3,2,1]", shape=(1, 7, 6, 1), window=(3, 2), strides=(1, 2),
                    dilations=(2, 3))])  # fmt: skip
def patches_grad(g: Any, *, shape: Any, window: Any, strides: Any, dilations: Any) -> Any:
    """Zeros of ``shape`` to which the elements of windows are added where ``patches`` reads them,
    place by place of the windows."""
    out, counts = np.zeros(shape, g.dtype), g.shape[1 : 1 + len(window)]
    for place in np.ndindex(*window):
        read = tuple(
            slice(i * hole, i * hole + (count - 1) * step + 1, step)
            for i, hole, count, step in zip(place, dilations, counts, strides, strict=True)
        )
        out[(slice(None), *read)] += g[(slice(None),) * (1 + len(window)) + place]
    return out


@patches_grad.gradient
def patches_grad_vjp(
    g: Any, out: Any, windows: Any, *, shape: Any, window: Any, strides: Any, dilations: Any
) -> Any:  # fmt: skip
    return (lambda: patches(g, window=window, strides=strides, dilations=dilations),)
