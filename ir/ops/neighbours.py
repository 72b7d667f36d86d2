"""Elements compared with each other: differences of neighbours, membership."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..infer import Attrs, Resolved, Types, axis_of
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes
from .joining import concat
from .movement import broadcast_to
from .operand import as_tensor
from .slicing import slice_axis


@composite(Sample("f[4]"), Sample("f[3,4]", 2), Sample("f[3,2]", axis=0),
           Sample("f[3,2]", 1, 0, "f[1,2]", "f[2,2]"), Sample("f[1]", 3))  # fmt: skip
def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours along an axis, ``x[i + 1] - x[i]``, taken ``n`` times.

    ``prepend`` and ``append`` are joined to ``x`` first; without axes they stand for one element.
    Of bool it is whether neighbours differ. Raises ArgumentError for a negative ``n``.

    >>> import twofold as tf
    >>> tf.diff([1, 4, 9, 16]).numpy()
    array([3, 5, 7], dtype=int32)
    """
    x = as_tensor(x)
    axis = axis_of(axis, len(x.shape), "diff")
    if n < 0:
        raise ArgumentError(f"diff: n must not be negative, it is {n}")
    ends = [None if end is None else _joined(end, x, axis) for end in (prepend, append)]
    parts = [part for part in (ends[0], x, ends[1]) if part is not None]
    x = concat(parts, axis=axis) if len(parts) > 1 else x
    for _ in range(n):
        low, high = slice_axis(x, axis, None, -1), slice_axis(x, axis, 1, None)
        x = OPS["not_equal"](high, low) if x.dtype == bool else high - low
    return x if n else OPS["identity"](x)


def _joined(end: Any, x: Any, axis: int) -> Any:
    end = as_tensor(end)
    if end.shape:
        return end
    shape = tuple([1 if i == axis else d for i, d in enumerate(x.shape)])
    return broadcast_to(end, shape=shape)


def _isin_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    return {"invert": bool(attrs["invert"])}, (types[0].with_dtype(np.dtype(bool)),)


@op("opaque", _isin_rule, widens=False,
    samples=[Sample(np.array([[1, 2], [3, 4]]), np.array([2, 4, 6])),
             Sample(np.array([1.0, 2.0]), np.array([3.0, 1.0]), invert=True),
             Sample("f[3]", "f[0]")])  # fmt: skip
def isin(x: Any, elements: Any, *, invert: bool = False) -> Any:
    """Whether each element of ``x`` equals one of ``elements`` (or none, if ``invert``).

    NaN equals nothing.

    >>> import twofold as tf
    >>> tf.isin([1, 2, 3], [3, 1]).numpy()
    array([ True, False,  True])
    """
    return np.isin(x, elements, invert=invert)
