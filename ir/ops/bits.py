"""The bits of numbers read as another dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..infer import Attrs, Resolved, Types, as_dtype
from ..op import Sample, op
from ..shapes import Sizes, show_shape

__all__ = ["bitcast"]


def _rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    dtype = as_dtype(attrs["type"], op.name)
    if np.dtype(bool) in (dtype, x.dtype):
        raise ArgumentError("bitcast: booleans have no bits to read as numbers")
    have, want = x.dtype.itemsize, dtype.itemsize
    shape = tuple(x.shape)
    if want < have:
        shape = (*shape, have // want)
    elif want > have:
        if not shape or not sizes.require_same(shape[-1], want // have):
            raise ShapeError(
                f"bitcast: {want // have} numbers of {x.dtype} make one of {dtype}; the last size "
                f"of {show_shape(x.shape)} must be {want // have}"
            )
        shape = shape[:-1]
    return {"type": dtype}, (x.with_dtype(dtype).with_shape(shape),)


@op("opaque", _rule, promote="none", widens=False, samples=[
    Sample(np.array([1065353216, 7], np.int32), type=np.dtype("float32")),
    Sample(np.array([[1, 2]], np.int64), type=np.dtype("int16")),
    Sample(np.array([[1, 2], [3, 4]], np.int32), type=np.dtype("int64")),
])  # fmt: skip
def bitcast(input: Any, *, type: Any) -> Any:
    """The bits of numbers read as another dtype, in the byte order of the machine.

    Smaller numbers are along a new last axis; larger ones are made of the last axis, which must
    have their size. Raises ShapeError, ArgumentError.

    >>> import twofold as tf
    >>> tf.bitcast(tf.constant([1.0, 2.0]), "int32").numpy()
    array([1065353216, 1073741824], dtype=int32)
    """
    x = np.ascontiguousarray(input)
    have, want = x.dtype.itemsize, type.itemsize
    if want < have:
        return x.reshape(*input.shape, 1).view(type)
    if want > have:
        return x.view(type).reshape(input.shape[:-1])
    return x.view(type).reshape(input.shape)


@bitcast.gradient
def bitcast_vjp(g: Any, out: Any, input: Any, *, type: Any) -> Any:
    return (None,)
