"""Special functions, element by element: error functions, gamma functions.

NumPy has none of these. They are computed in float64 whatever the floating dtype. The error is
within 4 units in the last place (polygamma: 8) for positive arguments, and everywhere for the
error functions. On the negative axis ``lgamma`` and ``digamma`` are within 6 units, polygamma
within 64, in the last place of the result or of 1, whichever is larger: they have zeros there.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError
from ..infer import RULES, Attrs, Resolved, Types
from ..op import Sample, op
from ..shapes import Sizes
from . import approximation as table
from .approximation import blockwise, by_region, polynomial
from .elementwise import UNARY, chain
from .exponential import exp

Array = Any
SIGNED = [*UNARY, Sample(np.array([-3.7, -0.4, 0.2, 6.5]))]
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330,
)  # fmt: skip
_STIRLING = tuple(b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI, 1))
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


@op("elementwise", expr="erf(x)", promote="floating", accepts="f", samples=UNARY)
def erf(x: Array) -> Array:
    """Error function ``2 / sqrt(pi) * integral of exp(-t**2) from 0 to x``, elementwise.

    >>> import twofold as tf
    >>> tf.erf(0.0).item()
    0.0
    """
    return blockwise(lambda part: _erf(part, _rows(x)), x)


@erf.gradient
def erf_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, _TWO_OVER_SQRT_PI * exp(-x * x)),)


@op("elementwise", expr="erfc(x)", promote="floating", accepts="f", samples=UNARY)
def erfc(x: Array) -> Array:
    """``1 - erf(x)``, elementwise, exact to rounding also for large ``x``.

    >>> import twofold as tf
    >>> tf.erfc(0.0).item()
    1.0
    """
    return blockwise(lambda part: _erfc(part, _rows(x)), x)


@erfc.gradient
def erfc_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, -_TWO_OVER_SQRT_PI * exp(-x * x)),)


class Rows(NamedTuple):
    """Polynomials for the error functions: below 1, and for ``exp(x**2) erfc(x)``."""

    near: tuple[float, ...]
    tail: tuple[float, ...]


DOUBLE = Rows(table.ERF, table.ERFC)
SINGLE = Rows(table.ERF_SINGLE, table.ERFC_SINGLE)


def _rows(x: Array) -> Rows:
    return DOUBLE if x.dtype == np.float64 else SINGLE


def _erf(x: Array, rows: Rows = DOUBLE) -> Array:
    near = _erf_near(x, rows)
    size = np.abs(x)
    if size.max() < 1:
        return near
    return np.where(size < 1, near, np.copysign(1 - _erfc_tail(size, rows), x))


def _erfc(x: Array, rows: Rows = DOUBLE) -> Array:
    tail = _erfc_tail(np.abs(x), rows)
    middle = 1 - _erf_near(x, rows)
    return np.where(x > 0.5, tail, np.where(x < -1, 2 - tail, middle))


def _erf_near(x: Array, rows: Rows) -> Array:
    inside = np.clip(x, -1, 1)
    return inside * polynomial(rows.near, 2 * inside * inside - 1)


def _erfc_tail(x: Array, rows: Rows) -> Array:
    """erfc for positive ``x``; x**2 in two parts, the large one exact: squaring loses digits."""
    x = np.minimum(x, 30.0)
    high = x.astype(np.float32).astype(np.float64) if rows is DOUBLE else x
    u = (x - 3.75) / (x + 3.75)
    first, rest = rows.tail[0], polynomial(rows.tail[1:], u) * u
    if rows is DOUBLE:  # times exp(-(x**2 - high**2)), added to the small term: one rounding
        low = (high - x) * (high + x)  # below 1e-4, so three terms are exp(low) - 1
        rest += low * (1 + low * (0.5 + low / 6)) * (first + rest)
    return np.exp(-high * high) * ((first + rest) / (1 + 2 * x))


@op("elementwise", promote="floating", accepts="f", domain=(-0.9, 0.9), samples=UNARY)
def erfinv(x: Array) -> Array:
    """Inverse of ``erf``, elementwise; infinite at -1 and 1, NaN beyond.

    >>> import twofold as tf
    >>> tf.erfinv(0.0).item()
    0.0
    """
    return blockwise(_erfinv, x)


@erfinv.gradient
def erfinv_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, exp(out * out) / _TWO_OVER_SQRT_PI),)


def _erfinv(y: Array) -> Array:
    size = np.abs(y)
    return by_region(y, [(size < 1, _erfinv_inside), (size == 1, lambda y: y * np.inf)])


def _erfinv_inside(y: Array) -> Array:
    """Winitzki's closed form, then Halley's iteration on erf, or on erfc where erf is flat."""
    log = np.log1p(-y * y)
    half = 2 / (math.pi * 0.147) + log / 2
    x = np.sqrt(-log / 0.147 / (half + np.sqrt(half * half - log / 0.147)))
    small = np.abs(y)
    for _ in range(3):
        residual = np.where(small < 0.5, _erf(x) - small, (1 - small) - _erfc(x))
        step = residual / (_TWO_OVER_SQRT_PI * np.exp(-x * x))
        x = x - step / (1 + x * step)
    return np.copysign(x, y)


@op(
    "elementwise",
    expr="lgamma(x)",
    promote="floating",
    accepts="f",
    domain=(0.2, 4.0),
    samples=SIGNED,
)
def lgamma(x: Array) -> Array:
    """Logarithm of the absolute value of the gamma function, elementwise; ``inf`` at its poles.

    >>> import twofold as tf
    >>> tf.lgamma(1.0).item()
    0.0
    """
    return blockwise(log_gamma, x)


@lgamma.gradient
def lgamma_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, digamma(x)),)


def log_gamma(x: Array) -> Array:
    """``lgamma`` of an array of float64."""
    return by_region(x, [
        (x < 0, _lgamma_reflected),
        ((x >= 0) & (x < 0.5), _lgamma_low),
        ((x >= 0.5) & (x < 1), lambda x: (x - 1) * polynomial(table.LGAMMA_BELOW_1, 4 * x - 3)),
        ((x >= 1) & (x < 2), lambda x: (1 - x) * (2 - x) * polynomial(table.LGAMMA_1_2, 2 * x - 3)),
        ((x >= 2) & (x < 12), _lgamma_middle),
        (x >= 12, _lgamma_stirling),
    ])  # fmt: skip


def _lgamma_low(x: Array) -> Array:
    return x * polynomial(table.LGAMMA_LOW, 4 * x - 1) - np.log(x)


def _lgamma_middle(x: Array) -> Array:
    """``lgamma(x) = log((x-1) (x-2) ... y) + lgamma(y)`` with y in [2, 3)."""
    y, product = x.copy(), np.ones_like(x)
    while (large := y >= 3).any():
        y[large] -= 1
        product[large] *= y[large]
    return np.log(product) + (y - 2) * polynomial(table.LGAMMA_2_3, 2 * y - 5)


def _lgamma_stirling(x: Array) -> Array:
    inverse = 1 / x
    series = inverse * polynomial(_STIRLING, inverse * inverse)
    whole = (x - 0.5) * (np.log(x) - 1)  # infinite, not NaN, for an infinite x
    return whole + (series + (_HALF_LOG_2PI - 0.5))


def _lgamma_reflected(x: Array) -> Array:
    """``gamma(x) gamma(1 - x) = pi / sin(pi x)``; an integer is a pole."""
    sine = np.abs(np.sin(math.pi * (x - np.rint(x))))
    found = np.log(math.pi / (-x * sine)) - log_gamma(-x)
    tiny = x > -1e-17
    return np.where(np.isinf(x) | (sine == 0), np.inf, np.where(tiny, -np.log(-x), found))


@op("elementwise", promote="floating", accepts="f", domain=(0.2, 4.0), samples=SIGNED)
def digamma(x: Array) -> Array:
    """Derivative of ``lgamma``, elementwise; infinite at 0, NaN at the negative integers.

    >>> import twofold as tf
    >>> tf.digamma(1.0).item()
    -0.5772156715393066
    """
    return blockwise(_digamma, x)


@digamma.gradient
def digamma_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, polygamma(x, order=1)),)


_ROOT, _ROOT_LOW = 1.4616321449683622, 9.549995429965697e-17  # the positive zero, in two parts
_DIGAMMA_SERIES = tuple(-b / (2 * k) for k, b in enumerate(_BERNOULLI, 1))


def _digamma(x: Array) -> Array:
    return by_region(x, [
        (x < 0, _digamma_reflected),
        ((x >= 0) & (x < 1), lambda x: _digamma_1_2(x + 1) - 1 / x),
        ((x >= 1) & (x < 10), _digamma_middle),
        (x >= 10, _digamma_series),
    ])  # fmt: skip


def _digamma_1_2(x: Array) -> Array:
    return ((x - _ROOT) - _ROOT_LOW) * polynomial(table.DIGAMMA_1_2, 2 * x - 3)


def _digamma_middle(x: Array) -> Array:
    """``digamma(x) = 1 / (x-1) + 1 / (x-2) + ... + digamma(y)`` with y in [1, 2)."""
    y, total = x.copy(), np.zeros_like(x)
    while (large := y >= 2).any():
        y[large] -= 1
        total[large] += 1 / y[large]
    return total + _digamma_1_2(y)


def _digamma_series(x: Array) -> Array:
    inverse = 1 / x
    squared = inverse * inverse
    return np.log(x) - 0.5 * inverse + squared * polynomial(_DIGAMMA_SERIES, squared)


def _digamma_reflected(x: Array) -> Array:
    """``digamma(1 - x) - digamma(x) = pi / tan(pi x)``."""
    fraction = x - np.rint(x)
    return _digamma(1 - x) - math.pi / np.tan(math.pi * np.where(fraction == 0, np.nan, fraction))


def _polygamma_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    order = attrs["order"]
    if isinstance(order, float) and order.is_integer():
        order = int(order)
    if not isinstance(order, int | np.integer) or order < 1:
        raise ArgumentError(
            f"polygamma: order must be a positive integer, not {order!r}; "
            f"digamma is the polygamma function of order 0"
        )
    return RULES["elementwise"](op, types, {"order": int(order)}, sizes)


@op(
    "elementwise",
    _polygamma_rule,
    promote="floating",
    accepts="f",
    domain=(0.3, 4.0),
    samples=[Sample("f[3,4]", order=1), Sample(np.array([-1.3, 0.4, 12.0]), order=2)],
)
def polygamma(x: Array, *, order: int) -> Array:
    """Derivative number ``order`` (from 1) of ``digamma``, elementwise.

    At negative integers infinite if ``order`` is odd; NaN if it is even, for the limits differ.

    >>> import twofold as tf
    >>> tf.polygamma(1.0, order=1).item()
    1.644934058189392
    """
    return blockwise(lambda part: _polygamma_anywhere(part, order), x)


@polygamma.gradient
def polygamma_vjp(g: Any, out: Any, x: Any, *, order: int) -> Any:
    return (lambda: chain(g, polygamma(x, order=order + 1)),)


def _polygamma_anywhere(x: Array, n: int) -> Array:
    return by_region(x, [
        (x < 0, lambda x: _polygamma_reflected(x, n)),
        (x >= 0, lambda x: _polygamma(x, n)),
    ])  # fmt: skip


def _polygamma(x: Array, n: int) -> Array:
    """The recurrence up to ``x >= n + 10``, then the asymptotic series."""
    y, total = x.copy(), np.zeros_like(x)
    while (small := y < n + 10).any():
        total[small] += math.factorial(n) * y[small] ** -(n + 1.0)
        y[small] += 1
    inverse = 1 / y
    series = tuple(
        b * math.factorial(2 * k + n - 1) / math.factorial(2 * k)
        for k, b in enumerate(_BERNOULLI, 1)
    )
    squared = inverse * inverse
    tail = squared * polynomial(series, squared)
    tail += math.factorial(n - 1) + math.factorial(n) / 2 * inverse
    return (-1.0) ** (n + 1) * (total + tail * y ** -float(n))


def _polygamma_reflected(x: Array, n: int) -> Array:
    """``(-1)**n polygamma(1 - x) - polygamma(x) = pi * d^n/dx^n cot(pi x)``."""
    fraction = x - np.rint(x)
    cot = 1 / np.tan(math.pi * np.where(fraction == 0, np.nan, fraction))
    row = np.polynomial.Polynomial([0.0, 1.0])
    for _ in range(n):  # d cot(u) / du = -(1 + cot(u)**2)
        row = row.deriv() * np.polynomial.Polynomial([-1.0, 0.0, -1.0])
    out = (-1.0) ** n * _polygamma(1 - x, n) - math.pi ** (n + 1) * row(cot)
    return np.where(fraction == 0, np.inf, out) if n % 2 else out


__all__ = ["digamma", "erf", "erfc", "erfinv", "lgamma", "polygamma"]
