"""Circular and hyperbolic functions and their inverses, element by element; angles in radians."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import info
from ..op import Sample, op
from .compare import equal
from .elementwise import BINARY, UNARY, chain, chain_divide, divide, where
from .exponential import sqrt

Array = Any
SIGNED = [*BINARY, Sample(np.array([-1.5, 0.5, -0.7]), np.array([0.4, -1.2, -0.9]))]


@op("elementwise", expr="(1 - x) * (1 + x)", accepts="fc", public=False, samples=UNARY)
def one_minus_square(x: Array) -> Array:
    """``1 - x**2`` without cancellation near -1 and 1, and in its gradient near 0."""
    return (1 - x) * (1 + x)


@one_minus_square.gradient
def one_minus_square_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, -2 * x),)


@op(
    "elementwise",
    expr="sqrt(x - 1) * sqrt(x + 1)",
    promote="floating",
    accepts="fc",
    public=False,
    domain=(1.2, 4.0),
    samples=UNARY,
)
def root_of_square_minus_one(x: Array) -> Array:
    """``sqrt(x**2 - 1)`` without overflow; of a complex number, in the half-plane of ``x``."""
    return np.sqrt(x - 1) * np.sqrt(x + 1)


@root_of_square_minus_one.gradient
def root_of_square_minus_one_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, divide(x, out)),)


@op("elementwise", expr="sin(x)", promote="floating", accepts="fc", samples=UNARY)
def sin(x: Array) -> Array:
    """Sine of an angle in radians, elementwise.

    >>> import twofold as tf
    >>> tf.sin(0.0).item()
    0.0
    """
    return np.sin(x)


@sin.gradient
def sin_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, cos(x)),)


@op("elementwise", expr="cos(x)", promote="floating", accepts="fc", samples=UNARY)
def cos(x: Array) -> Array:
    """Cosine of an angle in radians, elementwise.

    >>> import twofold as tf
    >>> tf.cos(0.0).item()
    1.0
    """
    return np.cos(x)


@cos.gradient
def cos_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, -sin(x)),)


@op(
    "elementwise",
    expr="tan(x)",
    promote="floating",
    accepts="fc",
    domain=(-1.2, 1.2),
    samples=UNARY,
)
def tan(x: Array) -> Array:
    """Tangent of an angle in radians, elementwise.

    >>> import twofold as tf
    >>> tf.tan(0.0).item()
    0.0
    """
    return np.tan(x)


@tan.gradient
def tan_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, 1 + out * out),)


@op(
    "elementwise",
    expr="asin(x)",
    promote="floating",
    accepts="fc",
    domain=(-0.9, 0.9),
    samples=UNARY,
)
def asin(x: Array) -> Array:
    """Inverse sine, elementwise, in [-pi/2, pi/2]; NaN for reals outside [-1, 1].

    The gradient at -1 and 1 is infinite.

    >>> import twofold as tf
    >>> tf.asin(0.0).item()
    0.0
    """
    return np.arcsin(x)


@asin.gradient
def asin_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain_divide(g, sqrt(one_minus_square(x))),)


@op(
    "elementwise",
    expr="acos(x)",
    promote="floating",
    accepts="fc",
    domain=(-0.9, 0.9),
    samples=UNARY,
)
def acos(x: Array) -> Array:
    """Inverse cosine, elementwise, in [0, pi]; NaN for reals outside [-1, 1].

    The gradient at -1 and 1 is infinite.

    >>> import twofold as tf
    >>> tf.acos(1.0).item()
    0.0
    """
    return np.arccos(x)


@acos.gradient
def acos_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain_divide(-g, sqrt(one_minus_square(x))),)


@op(
    "elementwise",
    expr="atan(x)",
    promote="floating",
    accepts="fc",
    domain=(-0.9, 0.9),
    samples=UNARY,
)
def atan(x: Array) -> Array:
    """Inverse tangent, elementwise, in [-pi/2, pi/2].

    >>> import twofold as tf
    >>> tf.atan(0.0).item()
    0.0
    """
    return np.arctan(x)


@atan.gradient
def atan_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain_divide(g, 1 + x * x),)


@op(
    "elementwise",
    expr="atan2(y, x)",
    promote="floating",
    accepts="f",
    domain=(0.3, 2.0),
    samples=SIGNED,
)
def atan2(y: Array, x: Array) -> Array:
    """Angle of the point with ordinate ``y`` and abscissa ``x``, elementwise, in [-pi, pi].

    The gradient at the origin is 0.

    >>> import twofold as tf
    >>> tf.atan2(0.0, 1.0).item()
    0.0
    """
    return np.arctan2(y, x)


@atan2.gradient
def atan2_vjp(g: Any, out: Any, y: Any, x: Any) -> Any:
    def part(leg: Any) -> Any:
        r = _nonzero(hypot(x, y))  # dividing twice: the square of a large r overflows
        return chain(g, leg / r / r)

    return lambda: part(x), lambda: -part(y)


@op("elementwise", promote="floating", accepts="f", commutative=True, domain=(0.3, 2.0),
    expr="inf if isinf(x) or isinf(y) else maximum(abs(x), abs(y)) "
         "if minimum(abs(x), abs(y)) == 0 else maximum(abs(x), abs(y)) * sqrt(1 + "
         "(minimum(abs(x), abs(y)) / maximum(abs(x), abs(y))) * "
         "(minimum(abs(x), abs(y)) / maximum(abs(x), abs(y))))",
    samples=SIGNED)  # fmt: skip
def hypot(x: Array, y: Array) -> Array:
    """``sqrt(x**2 + y**2)``, elementwise, without overflow; infinite if an operand is.

    The gradient at the origin is 0.

    >>> import twofold as tf
    >>> tf.hypot(3.0, 4.0).item()
    5.0
    """
    return np.hypot(x, y)


@hypot.gradient
def hypot_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    r = _nonzero(out)
    return lambda: chain(g, x / r), lambda: chain(g, y / r)


def _nonzero(r: Any) -> Any:
    """A radius to divide by: 1 where it is 0, so that the quotients of zeros are 0."""
    return where(equal(r, 0), 1, r)


@op("elementwise", expr="sinh(x)", promote="floating", accepts="fc", samples=UNARY)
def sinh(x: Array) -> Array:
    """Hyperbolic sine, elementwise.

    >>> import twofold as tf
    >>> tf.sinh(0.0).item()
    0.0
    """
    return np.sinh(x)


@sinh.gradient
def sinh_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, cosh(x)),)


@op("elementwise", expr="cosh(x)", promote="floating", accepts="fc", samples=UNARY)
def cosh(x: Array) -> Array:
    """Hyperbolic cosine, elementwise.

    >>> import twofold as tf
    >>> tf.cosh(0.0).item()
    1.0
    """
    return np.cosh(x)


@cosh.gradient
def cosh_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, sinh(x)),)


@op(
    "elementwise",
    expr="tanh(x)",
    promote="floating",
    accepts="fc",
    domain=(-1.2, 1.2),
    samples=UNARY,
)
def tanh(x: Array) -> Array:
    """Hyperbolic tangent, elementwise.

    >>> import twofold as tf
    >>> tf.tanh(0.0).item()
    0.0
    """
    out = np.tanh(x)
    if not info(x.dtype).complex or np.isfinite(x.real).all():
        return out
    out = np.asarray(out)
    far = np.isinf(x.real)  # the imaginary part vanishes, with its sign
    np.copyto(out.real, np.copysign(1, x.real), where=far)
    np.copyto(out.imag, np.copysign(0, x.imag), where=far)
    return out


@tanh.gradient
def tanh_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, 1 - out * out),)


@op(
    "elementwise",
    expr="asinh(x)",
    promote="floating",
    accepts="fc",
    domain=(-0.9, 0.9),
    samples=UNARY,
)
def asinh(x: Array) -> Array:
    """Inverse hyperbolic sine, elementwise.

    >>> import twofold as tf
    >>> tf.asinh(0.0).item()
    0.0
    """
    return np.arcsinh(x)


@asinh.gradient
def asinh_vjp(g: Any, out: Any, x: Any) -> Any:
    if info(x.dtype).complex:
        return (lambda: chain_divide(g, sqrt(1 + x * x)),)
    return (lambda: chain_divide(g, hypot(x, 1)),)  # the square of a large x overflows


@op(
    "elementwise",
    expr="acosh(x)",
    promote="floating",
    accepts="fc",
    domain=(1.2, 4.0),
    samples=UNARY,
)
def acosh(x: Array) -> Array:
    """Inverse hyperbolic cosine, elementwise, not negative; NaN for reals below 1.

    The gradient at 1 is infinite.

    >>> import twofold as tf
    >>> tf.acosh(1.0).item()
    0.0
    """
    return np.arccosh(x)


@acosh.gradient
def acosh_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain_divide(g, root_of_square_minus_one(x)),)


@op(
    "elementwise",
    expr="atanh(x)",
    promote="floating",
    accepts="fc",
    domain=(-0.9, 0.9),
    samples=UNARY,
)
def atanh(x: Array) -> Array:
    """Inverse hyperbolic tangent, elementwise; infinite at -1 and 1, NaN for reals beyond.

    >>> import twofold as tf
    >>> tf.atanh(0.0).item()
    0.0
    """
    return np.arctanh(x)


@atanh.gradient
def atanh_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain_divide(g, one_minus_square(x)),)


__all__ = [
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "hypot", "sin",
    "sinh", "tan", "tanh",
]  # fmt: skip
