"""Quantiles, incomplete gamma and beta functions and the zeta function, elementwise, by SciPy.

The extra ``scipy`` installs it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import Sample, op
from .elementwise import chain, square
from .exponential import exp
from .parameters import beta_density, betainc_derivative, gamma_density, igamma_derivative
from .scipy_calls import scipy

__all__ = ["betainc", "erfcinv", "igamma", "igammac", "ndtri", "zeta"]

Array = Any
_INSIDE = [Sample("f[3,4]"), Sample(np.array([0.01, 0.3, 0.97]))]
_PAIR = [Sample("f[2,1]", "f[4]")]


@op("elementwise", promote="floating", accepts="f", domain=(0.1, 0.9), samples=_INSIDE)
def ndtri(x: Array) -> Array:
    """The quantile function of the standard normal distribution, elementwise: infinite at 0 and 1,
    NaN beyond.

    >>> import twofold as tf
    >>> tf.math.ndtri(0.5).item()
    0.0
    """
    return scipy("special", "ndtri")(x)


@ndtri.gradient
def ndtri_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, math.sqrt(2 * math.pi) * exp(square(out) / 2)),)


@op("elementwise", promote="floating", accepts="f", domain=(0.1, 1.9),
    samples=[Sample("f[3,4]"), Sample(np.array([0.01, 0.3, 1.7]))])  # fmt: skip
def erfcinv(x: Array) -> Array:
    """Inverse of ``erfc``, elementwise: infinite at 0 and 2, NaN beyond.

    >>> import twofold as tf
    >>> round(tf.math.erfcinv(0.5).item(), 4)
    0.4769
    """
    return scipy("special", "erfcinv")(x)


@erfcinv.gradient
def erfcinv_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, -math.sqrt(math.pi) / 2 * exp(square(out))),)


@op("elementwise", promote="floating", accepts="f", domain=(0.3, 4.0), samples=_PAIR)
def igamma(a: Array, x: Array) -> Array:
    """The lower incomplete gamma function ``P(a, x)``, from 0 to 1, elementwise.

    The derivatives by ``a`` are integrals (``parameters.py``); there is no third one.

    >>> import twofold as tf
    >>> tf.math.igamma(1.0, 0.0).item()
    0.0
    """
    return scipy("special", "gammainc")(a, x)


@igamma.gradient
def igamma_vjp(g: Any, out: Any, a: Any, x: Any) -> Any:
    return (
        lambda: chain(g, igamma_derivative(a, x, order=1)),
        lambda: chain(g, gamma_density(a, x)),
    )


@op("elementwise", promote="floating", accepts="f", domain=(0.3, 4.0), samples=_PAIR)
def igammac(a: Array, x: Array) -> Array:
    """The upper incomplete gamma function ``Q(a, x) = 1 - P(a, x)``, elementwise.

    The derivatives by ``a`` are integrals (``parameters.py``); there is no third one.

    >>> import twofold as tf
    >>> tf.math.igammac(1.0, 0.0).item()
    1.0
    """
    return scipy("special", "gammaincc")(a, x)


@igammac.gradient
def igammac_vjp(g: Any, out: Any, a: Any, x: Any) -> Any:
    return (
        lambda: chain(g, -igamma_derivative(a, x, order=1)),
        lambda: chain(g, -gamma_density(a, x)),
    )


@op(
    "elementwise",
    promote="floating",
    accepts="f",
    domain=(0.2, 0.9),
    samples=[Sample("f[2,1]", "f[2]", "f[2]")],
)
def betainc(a: Array, b: Array, x: Array) -> Array:
    """The regularised incomplete beta function ``I_x(a, b)``, from 0 to 1, elementwise.

    The derivatives by ``a`` and ``b`` are integrals (``parameters.py``); there is no third one.

    >>> import twofold as tf
    >>> tf.math.betainc(1.0, 1.0, 0.25).item()
    0.25
    """
    return scipy("special", "betainc")(a, b, x)


@betainc.gradient
def betainc_vjp(g: Any, out: Any, a: Any, b: Any, x: Any) -> Any:
    return (
        lambda: chain(g, betainc_derivative(a, b, x, by="a")),
        lambda: chain(g, betainc_derivative(a, b, x, by="b")),
        lambda: chain(g, beta_density(a, b, x)),
    )


@op("elementwise", promote="floating", accepts="f", domain=(0.3, 4.0),
    samples=[Sample(np.array([[2], [3]]), "f[4]")])  # fmt: skip
def zeta(x: Array, q: Array) -> Array:
    """The Hurwitz zeta function ``sum of (q + k) ** -x`` for ``k`` from 0, elementwise.

    It has a gradient for ``q``, and none for ``x``.

    >>> import twofold as tf
    >>> round(tf.math.zeta(2.0, 1.0).item(), 5)
    1.64493
    """
    return scipy("special", "zeta")(x, q)


@zeta.gradient
def zeta_vjp(g: Any, out: Any, x: Any, q: Any) -> Any:
    return None, lambda: chain(g, -x * zeta(x + 1, q))
