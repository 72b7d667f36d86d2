"""The products of windows of a tensor with filters, which is what a convolution is."""

from __future__ import annotations

import math
from operator import index
from typing import Any

from ..infer import Attrs, Resolved, Types
from ..op import Sample, op
from ..shapes import Sizes
from . import movement
from .contract import matmul, multiplied
from .elementwise import conj
from .operand import product
from .patches import patches, patches_grad, patches_rule

__all__ = ["window_products"]


def _products_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    x, filters = types
    whole = {"window": filters.shape[:-2], **attrs}
    found, (laid,) = patches_rule(op, (x,), whole, sizes)
    del found["window"]
    return found, (laid.with_shape((*laid.shape[: x.rank - 1], filters.shape[-1])),)


@op("contract", _products_rule, public=False,
    samples=[Sample("f[2,6,3]", "f[3,3,4]", strides=(1,), dilations=(1,)),
             Sample("f[2,5,4,2]", "f[2,3,2,3]", strides=(2, 1), dilations=(1, 1)),
             Sample("f[1,7,6,1]", "f[3,2,1,2]", strides=(1, 2), dilations=(2, 3))])  # fmt: skip
def window_products(x: Any, filters: Any, *, strides: Any, dilations: Any) -> Any:
    """The products of the windows of ``[N, ..., C]`` with filters ``[..., C, F]``:
    ``[N, *counts, F]``.

    Windows have the sizes of the filters; see ``patches``.
    """
    *window, _, channels = filters.shape
    laid = patches.body(x, window=tuple(window), strides=strides, dilations=dilations)
    width = math.prod(window) * x.shape[-1]
    rows = laid.reshape(math.prod(laid.shape[: x.ndim - 1]), width)
    made = multiplied(rows, filters.reshape(width, channels))
    return made.reshape(*laid.shape[: x.ndim - 1], channels)


@window_products.gradient
def window_products_vjp(
    g: Any, out: Any, x: Any, filters: Any, *, strides: Any, dilations: Any
) -> Any:  # fmt: skip
    *window, _, channels = filters.shape
    where = {"window": tuple(map(index, window)), "strides": strides, "dilations": dilations}
    width, count = product(filters.shape[:-1]), product(g.shape[:-1])
    rows = movement.reshape(g, shape=(count, channels))

    def for_x() -> Any:
        flat = movement.reshape(filters, shape=(width, channels))
        laid = matmul(rows, conj(flat), transpose_b=True)
        shape = (*g.shape[:-1], *filters.shape[:-1])
        return patches_grad(movement.reshape(laid, shape=shape), shape=x.shape, **where)

    def for_filters() -> Any:
        laid = movement.reshape(patches(x, **where), shape=(count, width))
        return movement.reshape(matmul(conj(laid), rows, transpose_a=True), shape=filters.shape)

    return for_x, for_filters
