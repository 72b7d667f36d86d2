"""Bessel functions, Fresnel's and Dawson's integrals and their like, elementwise, by SciPy.

The extra ``scipy`` installs it. The gradients are written in the functions themselves, so they have
every order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import OPS, Sample, op
from .elementwise import chain, sign, square, where
from .exponential import exp, log
from .scipy_calls import scipy
from .trigonometric import cos, sin

__all__ = [
    "bessel_i0", "bessel_i0e", "bessel_i1", "bessel_i1e", "bessel_j0", "bessel_j1", "bessel_k0",
    "bessel_k0e", "bessel_k1", "bessel_k1e", "bessel_y0", "bessel_y1", "dawsn", "expint",
    "fresnel_cos", "fresnel_sin", "spence",
]  # fmt: skip

Array = Any
_ANY = [Sample("f[3,4]"), Sample(np.array([-3.5, -0.2, 0.3, 12.0]))]
_POSITIVE = [Sample("f[3,4]"), Sample(np.array([0.1, 0.6, 3.5, 12.0]))]


def _over(value: Any, x: Any) -> Any:
    """``value / x``, and 0 at 0."""
    zero = OPS["equal"](x, 0)
    return where(zero, 0, value / where(zero, 1, x))


def _order_two(given: Array, zero: str, one: str, side: int, scaled: bool = False) -> Array:
    """The function of order 2 of SciPy's of orders 0 and 1, in float64; below 1 its series.

    ``side`` is 1 for I and -1 for J (Abramowitz and Stegun, 9.1.10, 9.1.27, 9.6.10, 9.6.26).
    """
    x = given.astype(np.float64)
    near = np.abs(x) < 1
    quarter = np.square(np.where(near, x, 0)) / 4
    scale: Any = np.exp(-np.abs(x)) if scaled else 1.0
    series: Any = 1.0
    for k in range(9, 0, -1):
        series = 1 + side * quarter / (k * (k + 2)) * series
    first, second = scipy("special", zero)(x), scipy("special", one)(x)
    with np.errstate(invalid="ignore"):  # the difference of infinities that is not taken
        far = side * (first - 2 * second / np.where(near, 1, x))
    far = np.where(np.isinf(first), first, far)
    return np.where(near, scale * quarter / 2 * series, far).astype(given.dtype)


@op("elementwise", promote="floating", accepts="f", samples=_ANY)
def bessel_i0(x: Array) -> Array:
    """Modified Bessel function of the first kind of order 0, elementwise.

    >>> import twofold as tf
    >>> tf.math.bessel_i0(0.0).item()
    1.0
    """
    return scipy("special", "i0")(x)


@bessel_i0.gradient
def bessel_i0_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, bessel_i1(x)),)


@op("elementwise", promote="floating", accepts="f", samples=_ANY)
def bessel_i1(x: Array) -> Array:
    """Modified Bessel function of the first kind of order 1, elementwise.

    >>> import twofold as tf
    >>> tf.math.bessel_i1(0.0).item()
    0.0
    """
    return scipy("special", "i1")(x)


@bessel_i1.gradient
def bessel_i1_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, (bessel_i0(x) + bessel_i2(x)) / 2),)


@op("elementwise", promote="floating", accepts="f", public=False, samples=_ANY)
def bessel_i2(x: Array) -> Array:
    """Modified Bessel function of the first kind of order 2: derivatives near 0 cancel without."""
    return _order_two(x, "i0", "i1", 1)


@bessel_i2.gradient
def bessel_i2_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, bessel_i1(x) - 2 * _over(out, x)),)


@op("elementwise", promote="floating", accepts="f", samples=_ANY)
def bessel_i0e(x: Array) -> Array:
    """``exp(-abs(x)) * bessel_i0(x)``, elementwise, without overflow.

    >>> import twofold as tf
    >>> tf.math.bessel_i0e(0.0).item()
    1.0
    """
    return scipy("special", "i0e")(x)


@bessel_i0e.gradient
def bessel_i0e_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, bessel_i1e(x) - sign(x) * out),)


@op("elementwise", promote="floating", accepts="f", samples=_ANY)
def bessel_i1e(x: Array) -> Array:
    """``exp(-abs(x)) * bessel_i1(x)``, elementwise, without overflow.

    >>> import twofold as tf
    >>> tf.math.bessel_i1e(0.0).item()
    0.0
    """
    return scipy("special", "i1e")(x)


@bessel_i1e.gradient
def bessel_i1e_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, (bessel_i0e(x) + bessel_i2e(x)) / 2 - sign(x) * out),)


@op("elementwise", promote="floating", accepts="f", public=False, samples=_ANY)
def bessel_i2e(x: Array) -> Array:
    """``exp(-abs(x)) * bessel_i2(x)``, elementwise, without overflow."""
    return _order_two(x, "i0e", "i1e", 1, scaled=True)


@bessel_i2e.gradient
def bessel_i2e_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, bessel_i1e(x) - 2 * _over(out, x) - sign(x) * out),)


@op("elementwise", promote="floating", accepts="f", samples=_ANY)
def bessel_j0(x: Array) -> Array:
    """Bessel function of the first kind of order 0, elementwise.

    >>> import twofold as tf
    >>> tf.math.bessel_j0(0.0).item()
    1.0
    """
    return scipy("special", "j0")(x)


@bessel_j0.gradient
def bessel_j0_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, -bessel_j1(x)),)


@op("elementwise", promote="floating", accepts="f", samples=_ANY)
def bessel_j1(x: Array) -> Array:
    """Bessel function of the first kind of order 1, elementwise.

    >>> import twofold as tf
    >>> tf.math.bessel_j1(0.0).item()
    0.0
    """
    return scipy("special", "j1")(x)


@bessel_j1.gradient
def bessel_j1_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, (bessel_j0(x) - bessel_j2(x)) / 2),)


@op("elementwise", promote="floating", accepts="f", public=False, samples=_ANY)
def bessel_j2(x: Array) -> Array:
    """Bessel function of the first kind of order 2: derivatives near 0 cancel without."""
    return _order_two(x, "j0", "j1", -1)


@bessel_j2.gradient
def bessel_j2_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, bessel_j1(x) - 2 * _over(out, x)),)


@op("elementwise", promote="floating", accepts="f", domain=(0.2, 4.0), samples=_POSITIVE)
def bessel_y0(x: Array) -> Array:
    """Bessel function of the second kind of order 0, elementwise; NaN below 0, ``-inf`` at 0.

    >>> import twofold as tf
    >>> tf.math.bessel_y0(0.0).item()
    -inf
    """
    return scipy("special", "y0")(x)


@bessel_y0.gradient
def bessel_y0_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, -bessel_y1(x)),)


@op("elementwise", promote="floating", accepts="f", domain=(0.2, 4.0), samples=_POSITIVE)
def bessel_y1(x: Array) -> Array:
    """Bessel function of the second kind of order 1, elementwise; NaN below 0, ``-inf`` at 0.

    >>> import twofold as tf
    >>> tf.math.bessel_y1(0.0).item()
    -inf
    """
    return scipy("special", "y1")(x)


@bessel_y1.gradient
def bessel_y1_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, bessel_y0(x) - out / x),)


@op("elementwise", promote="floating", accepts="f", domain=(0.2, 4.0), samples=_POSITIVE)
def bessel_k0(x: Array) -> Array:
    """Modified Bessel function of the second kind of order 0, elementwise; NaN below 0.

    >>> import twofold as tf
    >>> tf.math.bessel_k0(0.0).item()
    inf
    """
    return scipy("special", "k0")(x)


@bessel_k0.gradient
def bessel_k0_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, -bessel_k1(x)),)


@op("elementwise", promote="floating", accepts="f", domain=(0.2, 4.0), samples=_POSITIVE)
def bessel_k1(x: Array) -> Array:
    """Modified Bessel function of the second kind of order 1, elementwise; NaN below 0.

    >>> import twofold as tf
    >>> tf.math.bessel_k1(0.0).item()
    inf
    """
    return scipy("special", "k1")(x)


@bessel_k1.gradient
def bessel_k1_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, -bessel_k0(x) - out / x),)


@op("elementwise", promote="floating", accepts="f", domain=(0.2, 4.0), samples=_POSITIVE)
def bessel_k0e(x: Array) -> Array:
    """``exp(x) * bessel_k0(x)``, elementwise, without underflow.

    >>> import twofold as tf
    >>> tf.math.bessel_k0e(0.0).item()
    inf
    """
    return scipy("special", "k0e")(x)


@bessel_k0e.gradient
def bessel_k0e_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, out - bessel_k1e(x)),)


@op("elementwise", promote="floating", accepts="f", domain=(0.2, 4.0), samples=_POSITIVE)
def bessel_k1e(x: Array) -> Array:
    """``exp(x) * bessel_k1(x)``, elementwise, without underflow.

    >>> import twofold as tf
    >>> tf.math.bessel_k1e(0.0).item()
    inf
    """
    return scipy("special", "k1e")(x)


@bessel_k1e.gradient
def bessel_k1e_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, out - bessel_k0e(x) - out / x),)


@op("elementwise", promote="floating", accepts="f", samples=_ANY)
def dawsn(x: Array) -> Array:
    """Dawson's integral ``exp(-x**2) * integral of exp(t**2) from 0 to x``, elementwise.

    >>> import twofold as tf
    >>> tf.math.dawsn(0.0).item()
    0.0
    """
    return scipy("special", "dawsn")(x)


@dawsn.gradient
def dawsn_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, _dawsn_slope(x)),)


def _dawsn_slope(x: Any) -> Any:
    """``1 - 2 * x * dawsn(x)``; far from 0, where that cancels, its asymptotic series."""
    far = OPS["greater"](OPS["abs"](x), 20)
    near, beyond = where(far, 0, x), where(far, x, 1)
    z = 0.5 / beyond / beyond  # the square of a large one overflows
    series: Any = 1
    for odd in range(15, 1, -2):
        series = 1 + odd * z * series
    return where(far, -z * series, 1 - 2 * near * dawsn(near))


@op("elementwise", promote="floating", accepts="f", domain=(0.2, 4.0), samples=_ANY)
def expint(x: Array) -> Array:
    """The exponential integral Ei, the principal value of ``integral of exp(t) / t`` up to ``x``,
    elementwise; ``-inf`` at 0.

    >>> import twofold as tf
    >>> tf.math.expint(0.0).item()
    -inf
    """
    return scipy("special", "expi")(x)


@expint.gradient
def expint_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, exp(x) / x),)


def _fresnel(x: Array) -> Any:
    return scipy("special", "fresnel")(np.clip(x, -1e20, 1e20))  # beyond, its squares overflow


@op("elementwise", promote="floating", accepts="f", samples=_ANY)
def fresnel_cos(x: Array) -> Array:
    """Fresnel's integral of ``cos(pi * t**2 / 2)`` from 0 to ``x``, elementwise.

    >>> import twofold as tf
    >>> tf.math.fresnel_cos(0.0).item()
    0.0
    """
    return _fresnel(x)[1]


@fresnel_cos.gradient
def fresnel_cos_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, cos(square(x) * (math.pi / 2))),)


@op("elementwise", promote="floating", accepts="f", samples=_ANY)
def fresnel_sin(x: Array) -> Array:
    """Fresnel's integral of ``sin(pi * t**2 / 2)`` from 0 to ``x``, elementwise.

    >>> import twofold as tf
    >>> tf.math.fresnel_sin(0.0).item()
    0.0
    """
    return _fresnel(x)[0]


@fresnel_sin.gradient
def fresnel_sin_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, sin(square(x) * (math.pi / 2))),)


@op("elementwise", promote="floating", accepts="f", domain=(0.2, 0.9), samples=_POSITIVE)
def spence(x: Array) -> Array:
    """Spence's integral of ``-log(t) / (t - 1)`` from 1 to ``x``, elementwise; NaN below 0.

    >>> import twofold as tf
    >>> tf.math.spence(1.0).item()
    0.0
    """
    return scipy("special", "spence")(x)


@spence.gradient
def spence_vjp(g: Any, out: Any, x: Any) -> Any:
    def back() -> Any:
        one = OPS["equal"](x, 1)
        return chain(g, where(one, -1.0, log(x) / where(one, 1, 1 - x)))

    return (back,)
