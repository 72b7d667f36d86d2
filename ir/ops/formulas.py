"""Elementwise formulas that are written in other ops and need no node of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ShapeError
from ..op import OPS, Sample, composite
from .compare import (
    equal,
    isfinite,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_or,
    not_equal,
)
from .elementwise import abs as magnitude
from .elementwise import (
    floor_divide,
    masked_divide,
    masked_multiply,
    maximum,
    minimum,
    where,
)
from .operand import as_inexact, as_tensor, as_tensors
from .statistics import in_single, root, rounded, squares

__all__ = [
    "add_n", "clip", "clip_by_norm", "deg2rad", "divide_no_nan", "heaviside", "is_non_decreasing",
    "is_strictly_increasing", "isclose", "lbeta", "multiply_no_nan", "nan_to_num",
    "rad2deg", "reciprocal_no_nan", "scalar_mul", "truncatediv", "xdivy",
]  # fmt: skip


@composite(Sample("f[3,4]", -0.5, 0.5), Sample("f[3]", min=-0.5), Sample("f[3]", max=0.5))
def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """``x`` moved into ``[min, max]``, elementwise with broadcasting; None leaves a side open.

    NaN stays NaN. At a bound the whole gradient goes to ``x``.

    >>> import twofold as tf
    >>> tf.clip([-1.0, 0.5, 3.0], 0.0, 1.0).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    x = as_tensor(x)
    if min is not None:
        x = maximum(x, min)
    return x if max is None else minimum(x, max)


@composite(Sample("f[3,4]", "f[4]"), Sample("f[2]", np.array([0.0, 1.0])))
def multiply_no_nan(x: Any, y: Any) -> Any:
    """``x * y``, elementwise with broadcasting, but 0 where ``y`` is 0, whatever ``x`` is.

    >>> import twofold as tf
    >>> tf.multiply_no_nan([float("nan"), 2.0], [0.0, 3.0]).numpy()
    array([0., 6.], dtype=float32)
    """
    return masked_multiply(y, x)


@composite(Sample("f[3]", np.array([0.0, 2.0, -1.0])))
def divide_no_nan(x: Any, y: Any) -> Any:
    """``x / y``, elementwise with broadcasting, but 0, with gradients 0, where ``y`` is 0.

    >>> import twofold as tf
    >>> tf.divide_no_nan([1.0, 1.0], [0.0, 4.0]).numpy()
    array([0.  , 0.25], dtype=float32)
    """
    y = as_tensor(y)
    absent = equal(y, 0)
    return where(absent, 0, x / where(absent, 1, y))


@composite(Sample(np.array([0.0, 2.0, -1.0]), np.array([0.0, 0.5, 3.0])))
def xdivy(x: Any, y: Any) -> Any:
    """``x / y``, elementwise with broadcasting, but 0 where ``x`` is 0, whatever ``y`` is.

    >>> import twofold as tf
    >>> tf.xdivy([0.0, 1.0], [0.0, 4.0]).numpy()
    array([0.  , 0.25], dtype=float32)
    """
    return masked_divide(x, y)


@composite(Sample("f[3]", "f[3]"), Sample(np.array([np.nan, np.inf]), np.array([np.nan, np.inf])))
def isclose(x: Any, y: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    """Whether ``abs(x - y) <= atol + rtol * abs(y)``, elementwise, or both are the same infinity.

    >>> import twofold as tf
    >>> tf.isclose([1.0, 1.1], 1.000001).numpy()
    array([ True, False])
    """
    x, y = [
        OPS["cast"](v, dtype=np.dtype("float64")) if v.dtype.kind in "biu" else v
        for v in as_tensors(x, y)
    ]  # the distance of integers need not be one of their dtype
    near = logical_and(isfinite(y), less_equal(magnitude(x - y), atol + rtol * magnitude(y)))
    near = logical_or(near, equal(x, y))
    return logical_or(near, logical_and(isnan(x), isnan(y))) if equal_nan else near


@composite(Sample("f[3]"), Sample(np.array([np.nan, np.inf, -np.inf, 2.0]), 1.0, 5.0, -5.0))
def nan_to_num(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """``x`` with NaN replaced by ``nan`` and infinities by numbers, elementwise.

    None stands for the largest (lowest) finite number of the dtype. Integers are unchanged.

    >>> import twofold as tf
    >>> tf.nan_to_num([float("nan"), 2.0]).numpy()
    array([0., 2.], dtype=float32)
    """
    x = as_tensor(x)
    if not info(x.dtype).floating:
        return x
    format = info(x.dtype).format
    assert format is not None
    limit = format.max
    high, low = limit if posinf is None else posinf, -limit if neginf is None else neginf
    out = where(equal(x, math.inf), high, where(equal(x, -math.inf), low, x))
    return where(isnan(x), nan, out)


@composite(Sample("f[3]", "f[3]"), Sample(np.array([0.0, -0.0, -1.0]), 0.5))
def heaviside(x: Any, at_zero: Any) -> Any:
    """0 where ``x < 0``, 1 where ``x > 0``, ``at_zero`` where it is 0, elementwise; NaN of NaN.

    >>> import twofold as tf
    >>> tf.heaviside([-2.0, 0.0, 2.0], 0.5).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    x = as_tensor(x)
    return where(equal(x, 0), at_zero, where(x > 0, 1, where(x < 0, 0, x)))


@composite(Sample("f[3]"))
def deg2rad(x: Any) -> Any:
    """Degrees to radians, elementwise.

    >>> import twofold as tf
    >>> tf.deg2rad(180.0).item()
    3.1415927410125732
    """
    return as_tensor(x) * (math.pi / 180)


@composite(Sample("f[3]"))
def rad2deg(x: Any) -> Any:
    """Radians to degrees, elementwise.

    >>> import twofold as tf
    >>> tf.rad2deg(0.0).item()
    0.0
    """
    return as_tensor(x) * (180 / math.pi)


@composite(Sample(np.array([0.0, 2.0, -4.0])))
def reciprocal_no_nan(x: Any, name: Any = None) -> Any:
    """``1 / x``, elementwise, but 0, with gradient 0, where ``x`` is 0.

    >>> import twofold as tf
    >>> tf.math.reciprocal_no_nan([0.0, 4.0]).numpy()
    array([0.  , 0.25], dtype=float32)
    """
    x = as_tensor(x)
    absent = equal(x, 0)
    return where(absent, 0, 1 / where(absent, 1, x))


@composite(Sample(2.0, "f[3]"))
def scalar_mul(scalar: Any, x: Any, name: Any = None) -> Any:
    """``scalar * x``. Raises ShapeError for a scalar with axes.

    >>> import twofold as tf
    >>> tf.scalar_mul(2.0, [1.0, 3.0]).numpy()
    array([2., 6.], dtype=float32)
    """
    if len(getattr(scalar, "shape", ())):
        raise ShapeError(f"scalar_mul: a scalar has no axes, not {scalar.shape}")
    return scalar * as_tensor(x)


@composite(Sample(np.array([-7, 7]), np.array([2, -2])), Sample("f[3]", np.array([2.0, -1.0, 0.5])))
def truncatediv(x: Any, y: Any, name: Any = None) -> Any:
    """``trunc(x / y)``, elementwise: rounded towards 0, as in C; it has no gradient.

    Raises IntegerDivisionError if an integer divisor is 0.

    >>> import twofold as tf
    >>> tf.truncatediv([-7, 7], 2).numpy()
    array([-3,  3], dtype=int32)
    """
    x, y = as_tensors(x, y)
    whole = floor_divide(x, y)
    if info(whole.dtype).inexact:
        return OPS["trunc"](x / y)
    inexact = not_equal(whole * y, x)
    return where(logical_and(less(whole, 0), inexact), whole + 1, whole)


@composite()
def add_n(inputs: Any, name: Any = None) -> Any:
    """The sum of the tensors of a list, which have one shape. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.add_n([[1, 2], [3, 4], [5, 6]]).numpy()
    array([ 9, 12], dtype=int32)
    """
    parts = [as_tensor(x) for x in (inputs if isinstance(inputs, list | tuple) else [inputs])]
    if not parts:
        raise ShapeError("add_n: there is nothing to add")
    if any(tuple(p.shape) != tuple(parts[0].shape) for p in parts):
        raise ShapeError(f"add_n: shapes {', '.join(str(p.shape) for p in parts)} are not one")
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return OPS["identity"](total) if len(parts) == 1 else total


@composite(Sample("f[3,4]", 1.5), Sample("f[3,4]", 0.5, 1))
def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: Any = None) -> Any:
    """``t`` scaled down so that its 2-norm over ``axes`` (None: all) is at most ``clip_norm``.

    >>> import twofold as tf
    >>> tf.clip_by_norm([3.0, 4.0], 1.0).numpy().round(4)
    array([0.6, 0.8], dtype=float32)
    """
    x = as_inexact(t)
    if info(x.dtype).half:
        return in_single(clip_by_norm, x, clip_norm, axes)
    norm = root(OPS["sum"](squares(x), axis=axes, keepdims=True))
    return x * rounded(clip_norm / maximum(norm, clip_norm), x)


@composite(Sample(np.array([1, 1, 2])), Sample(np.array([[3.0, 1.0], [2.0, 4.0]])))
def is_non_decreasing(x: Any, name: Any = None) -> Any:
    """Whether no element is less than the one before it, in row-major order.

    >>> import twofold as tf
    >>> bool(tf.math.is_non_decreasing([1, 1, 2]))
    True
    """
    line = OPS["reshape"](x, shape=(-1,))
    return OPS["all"](less_equal(line[:-1], line[1:]))


@composite(Sample(np.array([1, 1, 2])))
def is_strictly_increasing(x: Any, name: Any = None) -> Any:
    """Whether each element is greater than the one before it, in row-major order.

    >>> import twofold as tf
    >>> bool(tf.math.is_strictly_increasing([1, 1, 2]))
    False
    """
    line = OPS["reshape"](x, shape=(-1,))
    return OPS["all"](less(line[:-1], line[1:]))


@composite(Sample(np.array([[1.0, 2.0], [0.5, 0.5]])))
def lbeta(x: Any, name: Any = None) -> Any:
    """``sum(lgamma(x)) - lgamma(sum(x))`` over the last axis: the logarithm of the beta function.

    >>> import twofold as tf
    >>> tf.math.lbeta([1.0, 1.0]).item()
    0.0
    """
    x = as_tensor(x)
    return OPS["sum"](OPS["lgamma"](x), axis=-1) - OPS["lgamma"](OPS["sum"](x, axis=-1))
