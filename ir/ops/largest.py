"""The largest element, whose gradient goes to the first of those that are equal."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..op import OPS, Sample, op
from .create import arange
from .movement import reshape
from .operand import product
from .reduce import spread

FEW = 16  # elements of a window that are compared one after the other


@op("reduce", expr="maximum(acc, x)", neutral=True, folds="maximum", identity=-math.inf,
    accepts="biuf", public=False,
    samples=[Sample("f[3,4]"), Sample("f[2,3,2,3,2]", axis=(2, 4)), Sample("f[2,0]", axis=1),
             Sample("f[2,30]", axis=(1,), keepdims=True)])  # fmt: skip
def first_largest(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest element over ``axis`` (None: all), as ``max``; of equal ones the first has the
    gradient, and where one is NaN none."""
    sizes = [x.shape[i] for i in axis]
    if not 1 <= math.prod(sizes) <= FEW:
        return OPS["max"].body(x, axis=axis, keepdims=keepdims)
    front = np.moveaxis(x, axis, range(len(axis)))  # NumPy is slow along short axes
    out = functools.reduce(np.maximum, [front[place] for place in np.ndindex(*sizes)])
    return np.expand_dims(out, axis) if keepdims else out


@first_largest.gradient
def first_largest_vjp(g: Any, out: Any, x: Any, *, axis: Any, keepdims: bool) -> Any:
    def taken() -> Any:
        shape = [size if i in axis else 1 for i, size in enumerate(x.shape)]
        count, where = product(shape), OPS["where"]
        places = reshape(arange(count, dtype=np.dtype("int32")), shape=tuple(shape))
        equal = OPS["equal"](x, spread(out, x, axis, keepdims))
        first = OPS["min"](where(equal, places, count), axis=axis, keepdims=True)
        return where(OPS["equal"](places, first), spread(g, x, axis, keepdims), 0)

    return (taken,)
