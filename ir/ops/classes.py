"""What integer labels name: the number of a class, and what stands at it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import IndexOutOfBoundsError, ShapeError
from ..infer import axis_of
from ..op import Sample, op
from ..shapes import show_shape
from .casting import cast
from .compare import equal
from .create import arange
from .elementwise import where
from .movement import broadcast_to, expand_dims, reshape
from .operand import as_tensor
from .reduce import sum as total

__all__ = ["at_class"]

LABELS = np.array([2, 0, 3], np.int32)


@op("elementwise", expr="class_number(x, y)", accepts="iu", may_raise="iu", public=False,
    samples=[Sample(LABELS, np.int32(4)), Sample(LABELS.astype("u1"), np.uint8(4))])  # fmt: skip
def class_number(x: Any, y: Any) -> Any:
    """``x``, elementwise. Raises IndexOutOfBoundsError unless all are numbers of ``y`` classes,
    from 0 to ``y - 1``."""
    wrong = (x < 0) | (x >= y)
    if wrong.any():
        label, count = (int(np.broadcast_to(v, wrong.shape)[wrong].flat[0]) for v in (x, y))
        raise IndexOutOfBoundsError(
            f"{label} is not the number of a class: there are {count}"
            + (f", from 0 to {count - 1}" if count else "")
        )
    return np.array(x)


def at_class(x: Any, labels: Any, axis: int) -> Any:
    """The elements of a tensor ``x`` that integer labels name along an axis, which they have not.

    A comparison with all numbers of classes fuses with what makes ``x``, where positions would be
    read from memory. Raises IndexOutOfBoundsError for a label that is negative or too large,
    ShapeError for labels of another shape.
    """
    axis = axis_of(axis, len(x.shape), "at_class")
    count, others = x.shape[axis], (*x.shape[:axis], *x.shape[axis + 1 :])
    labels = as_tensor(labels)
    if len(labels.shape) != len(others):
        raise ShapeError(
            f"labels of shape {show_shape(labels.shape)} for values of shape "
            f"{show_shape(x.shape)}: there must be one for each position of the other axes"
        )
    if info(labels.dtype).bits < 32:  # the count may be beyond its own dtype
        labels = cast(labels, dtype=np.dtype("int32"))
    named = expand_dims(broadcast_to(class_number(labels, count), shape=others), axis=axis)
    rest = (1,) * (len(x.shape) - 1 - axis)
    numbers = reshape(arange(count, dtype=labels.dtype), shape=(-1, *rest))
    return total(where(equal(named, numbers), x, 0), axis=axis)
