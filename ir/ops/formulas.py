"""Elementwise formulas that are written in other ops and need no node of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import info
from ..op import Sample, composite
from .compare import equal, isfinite, isnan, less_equal, logical_and, logical_or
from .elementwise import abs as magnitude
from .elementwise import masked_divide, masked_multiply, maximum, minimum, where
from .exponential import log
from .operand import as_tensor

__all__ = [
    "clip", "deg2rad", "divide_no_nan", "heaviside", "isclose", "logit", "multiply_no_nan",
    "nan_to_num", "rad2deg", "xdivy",
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
    x, y = as_tensor(x), as_tensor(y)
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
    x = where(isnan(x), nan, x)
    return where(equal(x, math.inf), high, where(equal(x, -math.inf), low, x))


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


@composite(Sample(np.array([0.1, 0.5, 0.8])))
def logit(p: Any) -> Any:
    """``log(p / (1 - p))``, the inverse of ``sigmoid``, elementwise; infinite at 0 and 1.

    >>> import twofold as tf
    >>> tf.logit(0.5).item()
    0.0
    """
    p = as_tensor(p)
    return log(p / (1 - p))
