"""Whom the gradient of a largest element goes to: the first of those that are equal."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..infer import Attrs, Resolved, Types
from ..op import OPS, Sample, op
from ..shapes import Sizes
from .create import arange
from .movement import reshape
from .operand import product
from .reduce import spread

__all__ = ["first_largest"]


def _rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    return {"axis": tuple(attrs["axis"])}, (types[1],)


@op("opaque", _rule, promote="none", widens=False, public=False,
    samples=[Sample("f[2,3,2,3,2]", "f[2,3,3]", axis=(2, 4)),
             Sample("f[2,30]", "f[2]", axis=(1,))])  # fmt: skip
def first_largest(x: Any, largest: Any, *, axis: Any) -> Any:
    """``largest``, the largest elements of ``x`` over ``axis``, in whatever way they were found.

    Their gradient goes to the first of the elements of ``x`` that are equal to them; where one is
    NaN none has it.
    """
    return largest


@first_largest.gradient
def first_largest_vjp(g: Any, out: Any, x: Any, largest: Any, *, axis: Any) -> Any:
    def taken() -> Any:
        shape = [size if i in axis else 1 for i, size in enumerate(x.shape)]
        count, where = product(shape), OPS["where"]
        places = reshape(arange(count, dtype=np.dtype("int32")), shape=tuple(shape))
        equal = OPS["equal"](x, spread(out, x, axis, False))
        first = OPS["min"](where(equal, places, count), axis=axis, keepdims=True)
        return where(OPS["equal"](places, first), spread(g, x, axis, False), 0)

    return taken, None
