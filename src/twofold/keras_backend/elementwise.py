"""``keras.ops.numpy``: functions of each element."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np
from keras.src.backend import config
from keras.src.backend.common import standardize_dtype
from keras.src.backend.common.dtypes import INT_TYPES, result_type

import twofold as tf

from .core import convert_to_tensor
from .kinds import common, floating, of_floatx, together, unary

__all__ = [
    "abs",
    "absolute",
    "add",
    "angle",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "cbrt",
    "ceil",
    "clip",
    "conj",
    "conjugate",
    "cos",
    "cosh",
    "deg2rad",
    "divide",
    "divide_no_nan",
    "equal",
    "exp",
    "exp2",
    "expm1",
    "fabs",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "greater",
    "greater_equal",
    "heaviside",
    "hypot",
    "imag",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "ldexp",
    "left_shift",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "nan_to_num",
    "negative",
    "nextafter",
    "not_equal",
    "power",
    "rad2deg",
    "real",
    "reciprocal",
    "right_shift",
    "round",
    "select",
    "sign",
    "signbit",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
    "view",
    "where",
    "wide",
]  # fmt: skip

arccos = floating(tf.acos)
arccosh = floating(tf.acosh)
arcsin = floating(tf.asin)
arcsinh = floating(tf.asinh)
arctan = floating(tf.atan)
arctanh = floating(tf.atanh)
ceil = floating(tf.ceil)
cos = floating(tf.cos)
cosh = floating(tf.cosh)
floor = floating(tf.floor)
log = floating(tf.log)
log10 = floating(tf.log10)
log1p = floating(tf.log1p)
log2 = floating(tf.log2)
sin = floating(tf.sin)
sinh = floating(tf.sinh)
sqrt = floating(tf.sqrt)
tan = floating(tf.tan)
tanh = floating(tf.tanh)
exp = of_floatx(tf.exp)
exp2 = of_floatx(tf.exp2)
expm1 = of_floatx(tf.expm1)
fabs = of_floatx(tf.abs)
absolute = abs = unary(lambda x: x if x.dtype == bool else tf.abs(x))
bitwise_invert = bitwise_not = unary(tf.bitwise_invert)
conjugate = conj = unary(tf.conj)
imag = unary(tf.imag)
real = unary(tf.real)
isfinite = unary(lambda x: tf.is_finite(x) if x.dtype.kind in "fcV" else tf.ones(x.shape, "bool"))
isinf = unary(lambda x: tf.is_inf(x) if x.dtype.kind in "fcV" else tf.zeros(x.shape, "bool"))
isnan = unary(lambda x: tf.is_nan(x) if x.dtype.kind in "fcV" else tf.zeros(x.shape, "bool"))
isneginf = unary(lambda x: tf.logical_and(isinf(x), x < 0))
isposinf = unary(lambda x: tf.logical_and(isinf(x), x > 0))
isreal = unary(lambda x: tf.imag(x) == 0 if x.dtype.kind == "c" else tf.ones(x.shape, "bool"))
negative = unary(tf.negative)
reciprocal = unary(tf.reciprocal)
sign = unary(tf.sign)
signbit = unary(tf.signbit)
square = unary(lambda x: tf.square(tf.cast(x, "int32") if x.dtype == bool else x))
trunc = unary(lambda x: tf.trunc(x) if x.dtype.kind in "fV" else x)
logical_not = unary(lambda x: tf.logical_not(tf.cast(x, "bool")))
add = common(tf.add)
subtract = common(tf.subtract)
multiply = common(tf.multiply)
divide = true_divide = common(tf.divide, float)
divide_no_nan = common(tf.divide_no_nan, float)
floor_divide = common(tf.floor_divide)
power = common(tf.power)
mod = common(tf.floormod, bool_as="int32")
fmod = common(tf.fmod, bool_as="int32")
maximum = common(tf.maximum)
minimum = common(tf.minimum)
fmax = common(lambda a, b: tf.where(isnan(a), b, tf.where(isnan(b), a, tf.maximum(a, b))))
fmin = common(lambda a, b: tf.where(isnan(a), b, tf.where(isnan(b), a, tf.minimum(a, b))))
arctan2 = common(tf.atan2, float)
logaddexp = common(tf.logaddexp, float)
nextafter = common(tf.nextafter, float)
equal = common(tf.equal)
not_equal = common(tf.not_equal)
greater = common(tf.greater)
greater_equal = common(tf.greater_equal)
less = common(tf.less)
less_equal = common(tf.less_equal)


def _bits(op: Any) -> Any:
    run = common(op)
    return lambda x, y: run(x, y)


bitwise_and = _bits(tf.bitwise_and)
bitwise_or = _bits(tf.bitwise_or)
bitwise_xor = _bits(tf.bitwise_xor)
bitwise_left_shift = left_shift = _bits(tf.bitwise_left_shift)
bitwise_right_shift = right_shift = _bits(tf.bitwise_right_shift)


def _logical(op: Any) -> Any:
    return lambda x1, x2: op(convert_to_tensor(x1, "bool"), convert_to_tensor(x2, "bool"))


logical_and, logical_or, logical_xor = map(
    _logical, (tf.logical_and, tf.logical_or, tf.logical_xor)
)


def logaddexp2(x1: Any, x2: Any) -> Any:
    """``log2(2 ** x1 + 2 ** x2)``."""
    a, b = together(x1, x2, also=(float,))
    two = math.log(2.0)
    return tf.logaddexp(a * two, b * two) / two


def wide(*xs: Any) -> str:
    """The dtype of functions that compute integers as floating point: int64 in float64."""
    name: str = result_type(*[x.dtype for x in xs])
    if name == "int64":
        return "float64"
    return config.floatx() if name == "bool" or "int" in name else name


def cbrt(x: Any) -> Any:
    """The cube root."""
    x = convert_to_tensor(x)
    return tf.cbrt(tf.cast(x, wide(x)))


def deg2rad(x: Any) -> Any:
    """Degrees to radians."""
    x = convert_to_tensor(x)
    return tf.deg2rad(tf.cast(x, wide(x)))


def rad2deg(x: Any) -> Any:
    """Radians to degrees."""
    x = convert_to_tensor(x)
    return tf.rad2deg(tf.cast(x, wide(x)))


def hypot(x1: Any, x2: Any) -> Any:
    """The length of a vector of two parts."""
    a, b = convert_to_tensor(x1), convert_to_tensor(x2)
    want = wide(a, b)
    return tf.hypot(tf.cast(a, want), tf.cast(b, want))


def heaviside(x1: Any, x2: Any) -> Any:
    """0, ``x2`` or 1 by the sign of ``x1``."""
    a, b = convert_to_tensor(x1), convert_to_tensor(x2)
    want = wide(a, b)
    return tf.heaviside(tf.cast(a, want), tf.cast(b, want))


def ldexp(x1: Any, x2: Any) -> Any:
    """``x1 * 2 ** x2``."""
    a, b = convert_to_tensor(x1), convert_to_tensor(x2)
    if standardize_dtype(b.dtype) not in INT_TYPES:
        raise TypeError(f"ldexp exponent must be an integer type. Received: x2 dtype={b.dtype}")
    want = result_type(a.dtype, b.dtype, float)
    return tf.cast(a, want) * tf.exp2(tf.cast(b, want))


def sinc(x: Any) -> Any:
    """``sin(pi x) / (pi x)``, 1 at 0."""

    def of(x: Any) -> Any:
        y = x * math.pi
        safe = tf.where(y == 0, tf.ones_like(y), y)
        return tf.where(y == 0, tf.ones_like(y), tf.sin(safe) / safe)

    return floating(of)(x)


def angle(x: Any) -> Any:
    """The argument of a complex number; 0 or pi of a real one."""
    x = convert_to_tensor(x)
    if x.dtype.kind == "c":
        return tf.angle(x)
    return floating(lambda y: tf.atan2(tf.zeros_like(y), y))(x)


def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """``x`` between two bounds."""
    x = convert_to_tensor(x)
    if x.dtype == bool:
        x = tf.cast(x, "int32")
    name = standardize_dtype(x.dtype)
    low, high = (
        b if isinstance(b, int | float) and x.dtype.kind in "fV" else convert_to_tensor(b, name)
        for b in (x_min, x_max)
    )
    return tf.clip(x, low, high)


def isclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Whether two values differ by at most ``atol + rtol * |x2|``."""
    a, b = together(x1, x2)
    return tf.isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)


def nan_to_num(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Finite numbers for those that are not."""
    x = convert_to_tensor(x)
    if x.dtype.kind not in "fV":
        return x
    most = tf.finfo(x.dtype).max
    x = tf.where(tf.is_nan(x), tf.cast(nan, x.dtype), x)
    high, low = (m if v is None else v for v, m in ((posinf, float(most)), (neginf, -float(most))))
    x = tf.where(isposinf(x), tf.cast(high, x.dtype), x)
    return tf.where(isneginf(x), tf.cast(low, x.dtype), x)


def round(x: Any, decimals: int = 0) -> Any:
    """The nearest multiple of a power of ten; halves to even."""
    x = convert_to_tensor(x)
    if x.dtype.kind not in "fcV":
        return x if decimals >= 0 else tf.convert_to_tensor(np.round(np.asarray(x), decimals))
    if not decimals:
        return tf.round(x)
    scale = 10.0 ** builtins.abs(decimals)
    return tf.round(x * scale) / scale if decimals > 0 else tf.round(x / scale) * scale


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """Elements of one of two by a condition; the positions where it holds without them."""
    condition = convert_to_tensor(condition, "bool")
    if x1 is None or x2 is None:
        return tuple(tf.cast(i, "int32") for i in tf.nonzero(condition))
    a, b = together(x1, x2)
    return tf.where(condition, a, b)


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """The first choice whose condition holds."""
    *choices, out = together(*choicelist, default)
    for condition, choice in zip(reversed(list(condlist)), reversed(choices), strict=True):
        out = tf.where(convert_to_tensor(condition, "bool"), choice, out)
    return out


def view(x: Any, dtype: Any = None) -> Any:
    """The bytes of ``x`` as elements of another dtype."""
    return tf.convert_to_tensor(np.asarray(convert_to_tensor(x)).view(tf.as_dtype(dtype)))
