"""Exact values, sample points and the error measure for the tests of vector mathematics."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from mpmath import mpf

PRECISION = 160


@dataclass(frozen=True)
class Reference:
    """How one function is judged.

    `exact` is its mpmath form, `double` a float64 form good enough to judge float32, `low` and
    `high` the float32 and float64 intervals worth dense sampling, `zeros` points near which to
    look closely.
    """

    exact: Callable[..., Any]
    double: Callable[..., Any]
    single_range: tuple[float, float]
    double_range: tuple[float, float]
    zeros: tuple[float, ...] = (0.0,)


def elementwise(f: Callable[[float], float]) -> Callable[[np.ndarray], np.ndarray]:
    """`f` over an array; NaN where it raises ValueError, inf where it overflows."""

    def one(x: float) -> float:
        try:
            return f(x)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.inf

    return lambda x: np.array([one(v) for v in x.tolist()], np.float64)


def sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1.0) / (1.0 + e)


def softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def pole_aware_lgamma(x: float) -> float:
    return math.inf if x <= 0 and math.isfinite(x) and x == math.trunc(x) else math.lgamma(x)


def exact_lgamma(x: mpf) -> mpf:
    if mpmath.isinf(x) or (x <= 0 and x == mpmath.floor(x)):
        return mpmath.inf
    return mpmath.re(mpmath.loggamma(x))


def exact_exp1p_log(x: mpf) -> mpf:
    return mpmath.log1p(mpmath.exp(x)) if x < 700 else x + mpmath.exp(-x)


def exact_erfc(x: mpf) -> mpf:
    # mpmath cannot take arguments whose square has no machine exponent.
    return mpmath.erfc(x) if abs(x) < 100 else mpf(0 if x > 0 else 2)


PI = math.pi
TRIG = (PI / 2, PI, 3 * PI / 2, 5 * PI / 2, 355.0, 1e6 * PI, 1e15)
UNARY: dict[str, Reference] = {
    "exp": Reference(mpmath.exp, np.exp, (-105, 90), (-750, 712)),
    "exp2": Reference(lambda x: mpf(2) ** x, np.exp2, (-151, 129), (-1080, 1026)),
    "expm1": Reference(mpmath.expm1, np.expm1, (-19, 90), (-40, 712)),
    "log": Reference(mpmath.log, np.log, (0.5, 2), (0.5, 2), (1.0,)),
    "log2": Reference(lambda x: mpmath.log(x, 2), np.log2, (0.5, 2), (0.5, 2), (1.0,)),
    "log10": Reference(mpmath.log10, np.log10, (0.5, 2), (0.5, 2), (1.0,)),
    "log1p": Reference(mpmath.log1p, np.log1p, (-1, 3), (-1, 3), (0.0, -1.0)),
    "softplus": Reference(exact_exp1p_log, softplus, (-105, 90), (-750, 712)),
    "sigmoid": Reference(
        lambda x: mpmath.exp(x) / (1 + mpmath.exp(x)), sigmoid, (-105, 20), (-750, 40)
    ),
    "tanh": Reference(mpmath.tanh, np.tanh, (-10, 10), (-20, 20)),
    "sinh": Reference(mpmath.sinh, np.sinh, (-90, 90), (-712, 712)),
    "cosh": Reference(mpmath.cosh, np.cosh, (-90, 90), (-712, 712)),
    "asinh": Reference(mpmath.asinh, np.arcsinh, (-4, 4), (-4, 4)),
    "acosh": Reference(mpmath.acosh, np.arccosh, (1, 4), (1, 4), (1.0,)),
    "atanh": Reference(mpmath.atanh, np.arctanh, (-1, 1), (-1, 1), (0.0, 1.0)),
    "sin": Reference(mpmath.sin, np.sin, (-1e4, 1e4), (-1e4, 1e4), (0.0, *TRIG)),
    "cos": Reference(mpmath.cos, np.cos, (-1e4, 1e4), (-1e4, 1e4), (0.0, *TRIG)),
    "tan": Reference(mpmath.tan, np.tan, (-1e4, 1e4), (-1e4, 1e4), (0.0, *TRIG)),
    "asin": Reference(mpmath.asin, np.arcsin, (-1, 1), (-1, 1), (0.0, 0.5, 1.0)),
    "acos": Reference(mpmath.acos, np.arccos, (-1, 1), (-1, 1), (0.0, 0.5, 1.0)),
    "atan": Reference(mpmath.atan, np.arctan, (-4, 4), (-4, 4)),
    "sqrt": Reference(mpmath.sqrt, np.sqrt, (0, 10), (0, 10)),
    "rsqrt": Reference(lambda x: 1 / mpmath.sqrt(x), lambda x: 1 / np.sqrt(x), (0, 10), (0, 10)),
    "cbrt": Reference(lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), np.cbrt, (-9, 9), (-9, 9)),
    "erf": Reference(mpmath.erf, elementwise(math.erf), (-4.5, 4.5), (-6.5, 6.5)),
    "erfc": Reference(exact_erfc, elementwise(math.erfc), (-4, 10.2), (-6, 27.5)),
    "lgamma": Reference(
        exact_lgamma, elementwise(pole_aware_lgamma), (0, 50), (0, 200), (1.0, 2.0)
    ),
}


def random_bits(dtype: Any, count: int, rng: np.random.Generator) -> np.ndarray:
    """Finite numbers with uniformly random bit patterns."""
    size = np.dtype(dtype).itemsize
    x = rng.integers(0, 2 ** (8 * size), count, dtype=np.uint64).astype(f"u{size}").view(dtype)
    return x[np.isfinite(x)]


def samples(name: str, dtype: Any, count: int, seed: int = 0) -> np.ndarray:
    """Random bit patterns, the interval of interest, its edges, and the surroundings of zeros."""
    rng = np.random.default_rng(seed)
    ref = UNARY[name]
    low, high = ref.single_range if dtype == np.float32 else ref.double_range
    spread = [rng.uniform(low, high, count), np.array([low, high])]
    for zero in ref.zeros:
        near = 2.0 ** rng.uniform(-60, 0, count // len(ref.zeros))
        spread.append(zero + rng.choice([-1.0, 1.0], near.size) * near)
    with np.errstate(over="ignore", under="ignore"):
        parts = [s.astype(dtype) for s in spread]
    return np.concatenate([random_bits(dtype, count, rng), *parts])


def unit_in_last_place(value: np.ndarray, dtype: Any) -> np.ndarray:
    """The ulp of float64 `value` in `dtype`, also below the normal range."""
    info = np.finfo(dtype)
    _, exponent = np.frexp(np.abs(value))
    return np.ldexp(1.0, np.maximum(exponent, info.minexp + 1) - info.nmant - 1)


def error_f32(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """|got - exact| in float32 units; inf where one side is NaN or an infinity and not both."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float32)
        error = np.abs(got.astype(np.float64) - exact) / unit_in_last_place(exact, np.float32)
        agree = (rounded == got) & np.isinf(got) | np.isnan(exact) & np.isnan(got)
        odd = ~np.isfinite(got) | ~np.isfinite(rounded)
    return np.where(agree, 0.0, np.where(odd, np.inf, error))


def error_exact(got: float, exact: Any, dtype: Any) -> float:
    """The same for one value against mpmath."""
    info = np.finfo(dtype)
    if isinstance(exact, mpmath.mpc) or mpmath.isnan(exact):
        return 0.0 if math.isnan(got) else math.inf
    limit = mpf(float(info.max)) * (1 + mpf(2) ** (-info.nmant - 2))
    if abs(exact) >= limit or math.isinf(got):
        agree = math.isinf(got) and abs(exact) >= limit * (1 - mpf(2) ** -info.nmant)
        return 0.0 if agree and (got > 0) == (exact > 0) else math.inf
    if math.isnan(got):
        return math.inf
    exponent = max(int(mpmath.frexp(exact)[1]), int(info.minexp) + 1)
    return float(abs(mpf(got) - exact) / mpf(2) ** (exponent - int(info.nmant) - 1))


def worst_exact(
    f: Callable[..., Any], dtype: Any, got: np.ndarray, *args: np.ndarray
) -> tuple[float, tuple[float, ...]]:
    """The largest error over the points, and where."""
    worst, where = -1.0, ()
    with mpmath.workprec(PRECISION):
        for value, *point in zip(got.tolist(), *(a.tolist() for a in args), strict=True):
            try:
                exact = f(*map(mpf, point))
            except (ZeroDivisionError, ValueError):
                continue
            error = error_exact(value, exact, dtype)
            if error > worst:
                worst, where = error, tuple(point)
    return worst, where
