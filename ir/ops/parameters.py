"""Derivatives of incomplete gamma and beta functions for their parameters.

Both are integrals of densities. In ``y = log t``, and in ``y = logit t``, these are log-concave,
and the derivatives are moments of a statistic of mean 0: ``log t`` less its mean. Of the two parts
into which the bound divides the line that one is integrated where the statistic keeps its sign, so
that nothing cancels: where the density is all but 1e-20 of what it is in that part, by
Gauss-Legendre rules in equal panels; where it is an exponential alone, exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..op import Sample, op
from .elementwise import chain, masked_multiply, square
from .exponential import exp, log, log1p
from .scipy_calls import scipy
from .special import digamma, lgamma, polygamma

__all__ = ["beta_density", "betainc_derivative", "gamma_density", "igamma_derivative"]

Array = Any
FAR = 40.0  # beyond, exp(-FAR) beside 1 is lost
DEPTH = 46.0  # how far the logarithm of a density falls
PANELS, POINTS = 8, 20
BLOCK = 2048  # elements at once
HALVINGS = 40
_RULE = np.polynomial.legendre.leggauss(POINTS)


class Density(NamedTuple):
    """A density over y: its logarithm, and the statistic whose moment is asked for."""

    log: Callable[[Array], Array]
    statistic: Callable[[Array], Array]
    left: Callable[[Array], Array]  # the integral up to y, for y <= -FAR
    right: Callable[[Array], Array]  # from y on, for y >= FAR
    mode: Array


def _edge(density: Density, inside: Array, outside: Array) -> Array:
    """Between a point inside and one outside, about where the density has fallen by DEPTH."""
    least = density.log(inside) - DEPTH
    good, bad = inside, outside
    good = np.where(density.log(outside) >= least, outside, good)
    for _ in range(HALVINGS):
        middle = (good + bad) / 2
        holds = density.log(middle) >= least
        good, bad = np.where(holds, middle, good), np.where(holds, bad, middle)
    return bad


def _between(density: Density, low: Array, high: Array) -> Array:
    total = np.zeros(np.shape(low))
    width = (high - low) / (2 * PANELS)
    for panel in range(PANELS):
        middle = low + width * (2 * panel + 1)
        for point, weight in zip(*_RULE, strict=True):
            y = middle + width * point
            total += weight * np.exp(density.log(y)) * density.statistic(y)
    return total * width


def _below(density: Density, y: Array) -> Array:
    """The integral up to ``y``."""
    near = np.clip(y, -FAR, FAR)
    low = _edge(density, np.minimum(near, density.mode), np.full(np.shape(y), -FAR))
    found = density.left(np.minimum(y, -FAR)) + _between(density, np.minimum(low, near), near)
    return found + np.where(y > FAR, density.right(near) - density.right(np.maximum(y, FAR)), 0.0)


def _above(density: Density, y: Array) -> Array:
    """The integral from ``y`` on."""
    near = np.clip(y, -FAR, FAR)
    high = _edge(density, np.maximum(near, density.mode), np.full(np.shape(y), FAR))
    found = density.right(np.maximum(y, FAR)) + _between(density, near, np.maximum(high, near))
    first = np.minimum(y, -FAR)
    return found + np.where(y < -FAR, density.left(near) - density.left(first), 0.0)


def _moment(density: Density, y: Array, lower: Array) -> Array:
    return np.where(lower, _below(density, y), -_above(density, y))


def _gamma(a: Array, order: int) -> Density:
    """Of ``log t`` for a gamma variable t; with ``u = y - log(a)`` its logarithm is
    ``-a (exp(u) - 1 - u)`` and what does not depend on y, by Stirling's series for large a."""
    lgamma, psi = scipy("special", "gammaln"), scipy("special", "psi")
    trigamma, log_a = scipy("special", "polygamma"), np.log(a)
    series = 1 / 12 - (1 / 360 - 1 / 1260 / (a * a)) / (a * a)
    peak = np.where(a < 20, a * log_a - a - lgamma(a), (log_a - np.log(2 * np.pi)) / 2 - series / a)

    def moment(distance: Array, spread: Array) -> Array:
        return distance if order == 1 else distance * distance - spread

    def left(y: Array) -> Array:
        size = np.exp(a * y - lgamma(a + 1))
        return size * moment(y - psi(a + 1), trigamma(1, a + 1))

    def height(y: Array) -> Array:
        return peak - a * (np.expm1(y - log_a) - (y - log_a))

    mean, spread = psi(a), trigamma(1, a)
    return Density(height, lambda y: moment(y - mean, spread), left, np.zeros_like, log_a)


def _beta(a: Array, b: Array, by: str) -> Density:
    """Of ``log(t / (1 - t))`` for a beta variable t."""
    lgamma, psi = scipy("special", "gammaln"), scipy("special", "psi")
    polygamma = scipy("special", "polygamma")
    whole, mean, shared = lgamma(a + b), psi(a + b), polygamma(1, a + b)
    of_a, of_b = polygamma(1, a), polygamma(1, b)

    def moment(in_a: Array, in_b: Array, of_a: Array, of_b: Array) -> Array:
        scores, spreads = {"a": in_a, "b": in_b}, {"aa": of_a, "ab": 0.0, "bb": of_b}
        if len(by) == 1:
            return scores[by]
        return scores[by[0]] * scores[by[1]] - spreads[by] + shared

    def left(y: Array) -> Array:
        size = np.exp(a * y - lgamma(a + 1) - lgamma(b) + whole)
        return size * moment(y - psi(a + 1) + mean, mean - psi(b), polygamma(1, a + 1), of_b)

    def right(y: Array) -> Array:
        size = np.exp(-b * y - lgamma(b + 1) - lgamma(a) + whole)
        return size * moment(mean - psi(a), mean - psi(b + 1) - y, of_a, polygamma(1, b + 1))

    constant, in_a, in_b = whole - lgamma(a) - lgamma(b), mean - psi(a), mean - psi(b)

    def height(y: Array) -> Array:
        return constant - a * np.logaddexp(0, -y) - b * np.logaddexp(0, y)

    def statistic(y: Array) -> Array:
        return moment(in_a - np.logaddexp(0, -y), in_b - np.logaddexp(0, y), of_a, of_b)

    return Density(height, statistic, left, right, np.log(a) - np.log(b))


def _in_blocks(function: Callable[..., Array], *arrays: Array) -> Array:
    """An elementwise function in float64, rounded once; many numbers belong to each element."""
    whole = np.broadcast_arrays(*arrays)
    out = np.empty(whole[0].shape, whole[0].dtype)
    flat = out.reshape(-1)
    parts = [x.astype(np.float64).reshape(-1) for x in whole]
    for start in range(0, flat.size, BLOCK):
        block = slice(start, start + BLOCK)
        with np.errstate(all="ignore"):
            flat[block] = function(*(x[block] for x in parts))
    return out


def _igamma_derivative(a: Array, x: Array, order: int) -> Array:
    fits = (a > 0) & (a < np.inf) & (x > 0) & (x < np.inf)
    shape, bound = np.where(fits, a, 1.0), np.log(np.where(fits, x, 1.0))
    found = _moment(_gamma(shape, order), bound, bound <= scipy("special", "psi")(shape))
    edge = (a > 0) & (a < np.inf) & ((x == 0) | (x == np.inf))
    return np.where(fits, found, np.where(edge, 0.0, np.nan))


def _betainc_derivative(a: Array, b: Array, x: Array, by: str) -> Array:
    known = (a > 0) & (a < np.inf) & (b > 0) & (b < np.inf)
    fits = known & (x > 0) & (x < 1)
    a, b, t = np.where(fits, a, 1.0), np.where(fits, b, 1.0), np.where(fits, x, 0.5)
    psi = scipy("special", "psi")
    below_mean = np.log(t) <= psi(a) - psi(a + b)
    lower = np.log1p(-t) >= psi(b) - psi(a + b) if by[0] == "b" else below_mean
    found = _moment(_beta(a, b, by), np.log(t) - np.log1p(-t), lower)
    return np.where(fits, found, np.where(known & ((x == 0) | (x == 1)), 0.0, np.nan))


def gamma_density(a: Any, x: Any) -> Any:
    """The density of gamma numbers of shape ``a``: the derivative of ``igamma`` for x."""
    return exp(masked_multiply(a - 1, log(x)) - x - lgamma(a))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """The density of beta numbers: the derivative of ``betainc`` for x."""
    whole = lgamma(a) + lgamma(b) - lgamma(a + b)
    return exp(masked_multiply(b - 1, log1p(-x)) + masked_multiply(a - 1, log(x)) - whole)


# Integers have no gradient: the second derivatives have none, and are those of igamma and betainc.
@op("elementwise", promote="floating", accepts="f", domain=(0.3, 4.0), public=False,
    samples=[Sample(np.array([[1], [3]]), "f[4]", order=order) for order in (1, 2)])  # fmt: skip
def igamma_derivative(a: Array, x: Array, *, order: int) -> Array:
    """The first or second derivative of ``igamma(a, x)`` for ``a``."""
    return _in_blocks(lambda a, x: _igamma_derivative(a, x, order), a, x)


@igamma_derivative.gradient
def igamma_derivative_vjp(g: Any, out: Any, a: Any, x: Any, *, order: int) -> Any:
    def by_bound() -> Any:
        score = log(x) - digamma(a)
        moment = score if order == 1 else square(score) - polygamma(a, order=1)
        return chain(g, masked_multiply(gamma_density(a, x), moment))

    if order > 1:
        return None, by_bound
    return lambda: chain(g, igamma_derivative(a, x, order=2)), by_bound


@op("elementwise", promote="floating", accepts="f", domain=(0.2, 0.9), public=False,
    samples=[Sample(np.array([[1], [3]]), np.array([2, 4]), "f[2]", by=by)
             for by in ("a", "b", "aa", "ab", "bb")])  # fmt: skip
def betainc_derivative(a: Array, b: Array, x: Array, *, by: str) -> Array:
    """The derivative of ``betainc(a, b, x)`` for ``a`` or ``b``, or for two of them (``ab``)."""
    return _in_blocks(lambda a, b, x: _betainc_derivative(a, b, x, by), a, b, x)


@betainc_derivative.gradient
def betainc_derivative_vjp(g: Any, out: Any, a: Any, b: Any, x: Any, *, by: str) -> Any:
    def by_bound() -> Any:
        mean, scores = digamma(a + b), {}
        if "a" in by:
            scores["a"] = log(x) - digamma(a) + mean
        if "b" in by:
            scores["b"] = log1p(-x) - digamma(b) + mean
        moment = scores[by[0]]
        if len(by) > 1:
            moment = moment * scores[by[1]] + polygamma(a + b, order=1)
            if by != "ab":
                moment = moment - polygamma(a if by == "aa" else b, order=1)
        return chain(g, masked_multiply(beta_density(a, b, x), moment))

    if len(by) > 1:
        return None, None, by_bound
    return (
        lambda: chain(g, betainc_derivative(a, b, x, by="a" + by)),
        lambda: chain(g, betainc_derivative(a, b, x, by=by + "b")),
        by_bound,
    )
