"""Gamma, Poisson, binomial, beta and other distributions, from a generator's state.

Each is a function of the state and its parameters alone (see ``random.py``). Values that a method
rejects are drawn again from the next lanes, for the elements that are left, in their order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError
from ..infer import Attrs, Resolved, Types, as_dtype
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes, broadcast_shapes
from ..types import TensorType
from . import movement
from .casting import cast
from .elementwise import chain
from .operand import as_tensor, new_shape_attr, ranked, shape_attr
from .parameters import gamma_density, igamma_derivative
from .random import STATE, check_state, normals, random_state, unit, words
from .special import log_gamma

__all__ = [
    "beta_draw", "binomial_draw", "choice_draw", "gamma_draw", "poisson_draw",
    "random_binomial", "random_gamma", "random_normal_between", "random_poisson", "stateless_beta",
    "stateless_binomial",
    "stateless_choice", "stateless_gamma", "stateless_parameterized_truncated_normal",
    "stateless_poisson",
]  # fmt: skip

Array = np.ndarray[Any, Any]
DOUBLE, FLOAT = np.dtype("float64"), np.dtype("float32")
INT, INT64 = np.dtype("int32"), np.dtype("int64")
BOOST = 1 << 62  # the lane of what is drawn once for each element


def _rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    """Parameters broadcast to the shape that is drawn."""
    check_state(op, types, sizes)
    shape, dtype = new_shape_attr(attrs["shape"], op.name), as_dtype(attrs["dtype"], op.name)
    if info(dtype).letter not in op.draws:
        raise ArgumentError(f"{op.name} does not make {dtype}")
    whole = broadcast_shapes(
        [shape, *(t.shape for t in types[1:])], sizes, f"{op.name}'s parameters"
    )
    if len(whole) != len(shape) or not all(map(sizes.require_same, whole, shape)):
        raise ArgumentError(f"{op.name}: the parameters do not broadcast to the shape {shape}")
    return dict(attrs, shape=shape, dtype=dtype), (TensorType(dtype, shape),)


def _flat(x: Any, shape: tuple[int, ...]) -> Array:
    return np.broadcast_to(np.asarray(x, np.float64), shape).reshape(-1)


def _uniform(state: Any, count: int, lane: int) -> Array:
    """Numbers in (0, 1): the middles of 2**53 equal parts."""
    return unit(words(state, count, lane), DOUBLE) + 2.0**-54


def _until_accepted(count: int, attempt: Callable[[Array, int], tuple[Array, Array]]) -> Array:
    """Numbers of which ``attempt(places, lane)`` draws some, and says which are accepted.

    An attempt may use the lanes ``lane`` and ``lane + 1``.
    """
    out = np.zeros(count)
    left, lane = np.arange(count), 0
    while left.size:
        drawn, good = attempt(left, lane)
        out[left[good]] = drawn[good]
        left = left[~good]
        lane += 2
    return out


def _checked(name: str, what: str, x: Array, good: Array) -> None:
    if not good.all():
        raise ArgumentError(f"{name}: {what}, not {x[~good][0]}")


def _as_dtype(name: str, drawn: Array, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    own = info(dtype)
    if own.integer and drawn.size and drawn.max() > own.ints[1]:
        raise ArgumentError(f"{name}: {int(drawn.max())} was drawn, which {dtype} does not hold")
    return drawn.astype(dtype).reshape(shape)


@op("random", _rule, promote="none", promoted=slice(1, None), accepts="f",
    public=False, may_raise=True, draws="f",
    samples=[Sample(STATE, np.array([0.3, 1.0, 7.5]), shape=(4, 3)),
             Sample(STATE, np.float64(2.0), shape=(5,), dtype=DOUBLE)])  # fmt: skip
def random_gamma(state: Any, alpha: Any, *, shape: Any, dtype: Any = FLOAT) -> Any:
    """Gamma numbers of shape ``alpha`` and scale 1.

    Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables" (2000). Raises
    ArgumentError unless ``alpha`` is positive.
    """
    shapes = _flat(alpha, shape)
    _checked("random gamma", "alpha must be positive", shapes, (shapes > 0) & np.isfinite(shapes))
    small = shapes < 1
    d = np.where(small, shapes + 1, shapes) - 1 / 3
    c = 1 / np.sqrt(9 * d)

    def attempt(left: Array, lane: int) -> tuple[Array, Array]:
        x = normals(state, left.size, lane)
        u = _uniform(state, left.size, lane + 1)
        v = (1 + c[left] * x) ** 3
        size = d[left]
        with np.errstate(all="ignore"):
            good = (v > 0) & (np.log(u) < 0.5 * x * x + size - size * v + size * np.log(v))
        return size * v, good

    drawn = _until_accepted(shapes.size, attempt)
    if small.any():
        u = _uniform(state, shapes.size, BOOST)
        drawn[small] *= u[small] ** (1 / shapes[small])
    return drawn.astype(dtype).reshape(shape)


@random_gamma.gradient
def random_gamma_vjp(
    g: Any, out: Any, state: Any, alpha: Any, *, shape: Any, dtype: Any = FLOAT
) -> Any:
    """Of numbers that keep their place among all, ``P(alpha, z)``, as ``alpha`` changes.

    Figurnov et al., "Implicit Reparameterization Gradients" (2018).
    """

    def back() -> Any:
        z = cast(out, dtype=DOUBLE)
        drawn = OPS["where"](z > 0, z, 1.0)  # 0 is a number too small for the dtype
        slope = igamma_derivative(alpha, drawn, order=1) / gamma_density(alpha, drawn)
        return chain(cast(g, dtype=DOUBLE), OPS["where"](z > 0, -slope, 0.0))

    return None, back


@op("random", _rule, promote="none", promoted=slice(1, None), accepts="f",
    public=False, may_raise=True, draws="fiu",
    samples=[Sample(STATE, np.array([0.3, 9.0, 70.0]), shape=(4, 3)),
             Sample(STATE, np.float64(2.0), shape=(5,), dtype=FLOAT)])  # fmt: skip
def random_poisson(state: Any, lam: Any, *, shape: Any, dtype: Any = INT) -> Any:
    """Poisson numbers of mean ``lam``: below 10 by inversion, else by transformed rejection.

    Hoermann, "The transformed rejection method for generating Poisson random variables" (1993).
    Raises ArgumentError unless ``lam`` is at least 0 and finite, and for what the dtype does not
    hold.
    """
    lam = _flat(lam, shape)
    _checked("random poisson", "lam must be at least 0", lam, (lam >= 0) & (lam < 1e15))
    drawn, low = np.zeros(lam.size), lam < 10
    if low.any():
        u = _uniform(state, lam.size, BOOST)[low]
        mean = lam[low]
        drawn[low] = _inverted(u, np.exp(-mean), lambda k, at: mean[at] / k, 200)
    high = np.flatnonzero(~low)
    if high.size:
        drawn[high] = _poisson_by_rejection(state, lam[high])
    return _as_dtype("random poisson", drawn, dtype, shape)


def _inverted(u: Array, first: Array, ratio: Callable[[int, Array], Array], most: int) -> Array:
    """The number of terms of a distribution, from 0 on, whose sum is at most ``u``."""
    out, term, below = np.zeros(u.size), first.copy(), first.copy()
    at = np.flatnonzero(u > below)
    for k in range(1, most + 1):
        if not at.size:
            break
        out[at] = k
        term[at] *= ratio(k, at)
        below[at] += term[at]
        at = at[(u[at] > below[at]) & (term[at] > 1e-18)]
    return out


def _poisson_by_rejection(state: Any, lam: Array) -> Array:
    logs = np.log(lam)
    b = 0.931 + 2.53 * np.sqrt(lam)
    a = -0.059 + 0.02483 * b
    inverse_alpha, v_r = 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2)

    def attempt(left: Array, lane: int) -> tuple[Array, Array]:
        u, v = _uniform(state, left.size, lane) - 0.5, _uniform(state, left.size, lane + 1)
        us = 0.5 - np.abs(u)
        m, p, q = lam[left], a[left], b[left]
        k = np.floor((2 * p / us + q) * u + m + 0.43)
        sure = (us >= 0.07) & (v <= v_r[left])
        never = (k < 0) | ((us < 0.013) & (v > us))
        whole = np.maximum(k, 0)
        left_side = np.log(v) + np.log(inverse_alpha[left]) - np.log(p / (us * us) + q)
        right_side = -m + whole * logs[left] - log_gamma(whole + 1)
        return whole, sure | (~never & (left_side <= right_side))

    return _until_accepted(lam.size, attempt)


@op("random", _rule, promote="none", promoted=slice(1, None), accepts="f",
    public=False, may_raise=True, draws="fiu",
    samples=[Sample(STATE, np.array([3.0, 20, 400]), np.array([0.5, 0.9, 0.3]), shape=(4, 3)),
             Sample(STATE, np.float32(7), np.float32(0.0), shape=(5,), dtype=FLOAT)])  # fmt: skip
def random_binomial(state: Any, counts: Any, probs: Any, *, shape: Any, dtype: Any = INT) -> Any:
    """Numbers of successes in ``counts`` trials of probability ``probs``: by inversion where fewer
    than 10 are expected, else by transformed rejection.

    Hoermann, "The generation of binomial random variates" (1993). Raises ArgumentError for counts
    below 0, for probabilities that are none, and for what the dtype does not hold.
    """
    n, p = np.floor(_flat(counts, shape)), _flat(probs, shape)
    _checked("random binomial", "counts must be at least 0", n, (n >= 0) & (n < 1e15))
    _checked("random binomial", "probs must be from 0 to 1", p, (p >= 0) & (p <= 1))
    rare = np.minimum(p, 1 - p)
    drawn, low = np.zeros(n.size), n * rare < 10
    if low.any():
        u = _uniform(state, n.size, BOOST)[low]
        count, odds = n[low], rare[low] / (1 - rare[low])
        first = np.exp(count * np.log1p(-rare[low]))
        drawn[low] = _inverted(u, first, lambda k, at: (count[at] - k + 1) / k * odds[at], 200)
        drawn[low] = np.minimum(drawn[low], count)
    high = np.flatnonzero(~low)
    if high.size:
        drawn[high] = _binomial_by_rejection(state, n[high], rare[high])
    return _as_dtype("random binomial", np.where(p > 0.5, n - drawn, drawn), dtype, shape)


def _binomial_by_rejection(state: Any, n: Array, p: Array) -> Array:
    spread = np.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c, v_r, alpha = n * p + 0.5, 0.92 - 4.2 / b, (2.83 + 5.1 / b) * spread
    odds, mode = np.log(p / (1 - p)), np.floor((n + 1) * p)
    peak = log_gamma(mode + 1) + log_gamma(n - mode + 1)

    def attempt(left: Array, lane: int) -> tuple[Array, Array]:
        u, v = _uniform(state, left.size, lane) - 0.5, _uniform(state, left.size, lane + 1)
        us = 0.5 - np.abs(u)
        q, w, size = a[left], b[left], n[left]
        k = np.floor((2 * q / us + w) * u + c[left])
        inside = (k >= 0) & (k <= size)
        k = np.clip(k, 0, size)
        sure = inside & (us >= 0.07) & (v <= v_r[left])
        left_side = np.log(v * alpha[left] / (q / (us * us) + w))
        right_side = peak[left] - log_gamma(k + 1) - log_gamma(size - k + 1)
        right_side += (k - mode[left]) * odds[left]
        return k, sure | (inside & (left_side <= right_side))

    return _until_accepted(n.size, attempt)


@op("random", _rule, promote="none", promoted=slice(1, None), accepts="f",
    public=False, may_raise=True, draws="f",
    samples=[Sample(STATE, np.float64(0.0), np.float64(2.0), np.array([-9.0, 3.0, 0.1, -30.0]),
                    np.array([9.0, np.inf, 0.2, -25.0]), shape=(4, 4))])  # fmt: skip
def random_normal_between(
    state: Any, mean: Any, stddev: Any, low: Any, high: Any, *, shape: Any, dtype: Any = FLOAT
) -> Any:
    """Normal numbers under the condition that they are from ``low`` to ``high``.

    Robert, "Simulation of truncated normal variables" (1995). Raises ArgumentError for a deviation
    that is not positive, and unless ``low < high``.
    """
    mean, stddev = _flat(mean, shape), _flat(stddev, shape)
    low, high = _flat(low, shape), _flat(high, shape)
    _checked(
        "random normal", "stddevs must be positive", stddev, (stddev > 0) & np.isfinite(stddev)
    )
    _checked("random normal", "minvals must be below maxvals", low, low < high)
    first, last = (low - mean) / stddev, (high - mean) / stddev
    turned = last <= 0  # the tail on the other side
    a, b = np.where(turned, -last, first), np.where(turned, -first, last)
    start = np.maximum(a, 0)
    rate = (start + np.sqrt(start * start + 4)) / 2
    tail = (a > 0) & ((b - a) * rate > 2)  # an exponential distribution covers it
    plain = (a <= 0) & (b - a > math.sqrt(2 * math.pi))

    def attempt(left: Array, lane: int) -> tuple[Array, Array]:
        u, v = _uniform(state, left.size, lane + 1), _uniform(state, left.size, BOOST + lane)
        x = normals(state, left.size, lane)
        x = np.where(tail[left], a[left] - np.log(u) / rate[left], x)
        even = ~(tail | plain)[left]
        with np.errstate(invalid="ignore"):
            x = np.where(even, a[left] + u * (b[left] - a[left]), x)
        bound = np.where(tail[left], -0.5 * (x - rate[left]) ** 2, 0.0)
        bound = np.where(even, 0.5 * (start[left] ** 2 - x * x), bound)
        return x, (x >= a[left]) & (x <= b[left]) & (np.log(v) <= bound)

    drawn = _until_accepted(mean.size, attempt)
    drawn = np.where(turned, -drawn, drawn) * stddev + mean
    return np.clip(drawn, low, high).astype(dtype).reshape(shape)


# ---- What is made of them


def _double(x: Any) -> Any:
    return cast(as_tensor(x), dtype=DOUBLE)


def poisson_draw(state: Any, shape: Any, lam: Any, dtype: Any) -> Any:
    """Poisson numbers of mean ``lam``."""
    want = as_dtype(dtype, "random poisson")
    return OPS["random_poisson"](state, _double(lam), shape=shape, dtype=want)


def binomial_draw(state: Any, shape: Any, counts: Any, probs: Any, dtype: Any) -> Any:
    """Numbers of successes in ``counts`` trials."""
    want, given = as_dtype(dtype, "random binomial"), (_double(counts), _double(probs))
    return OPS["random_binomial"](state, *given, shape=shape, dtype=want)


def gamma_draw(state: Any, shape: Any, alpha: Any, beta: Any, dtype: Any) -> Any:
    """Gamma numbers of shape ``alpha`` and rate ``beta``."""
    want = as_dtype(dtype, "random gamma")
    drawn = OPS["random_gamma"](state, _double(alpha), shape=shape, dtype=want)
    return drawn if beta is None else drawn / cast(as_tensor(beta), dtype=want)


def beta_draw(state: Any, shape: Any, alpha: Any, beta: Any, dtype: Any) -> Any:
    """``x / (x + y)`` of two gamma numbers."""
    want = as_dtype(dtype, "random beta")
    states = OPS["random_split"](state, count=2)
    x, y = (
        OPS["random_gamma"](states[i], _double(p), shape=shape, dtype=DOUBLE)
        for i, p in enumerate((alpha, beta))
    )
    total = x + y
    none = OPS["equal"](total, 0)  # both so small that they are 0: one of the ends
    ratio = OPS["where"](none, 0.5, x / OPS["where"](none, 1, total))
    return cast(ratio, dtype=want)


def choice_draw(state: Any, x: Any, shape: Any, replace: bool, p: Any) -> Any:
    """Slices of ``x`` along its first axis; of a number, of those from 0 up to it."""
    rows = OPS["arange"](start=x) if isinstance(x, int) else ranked(x, 1, "choice")
    shape, count = shape_attr(shape, "choice"), rows.shape[0]
    size = math.prod(shape)
    if not replace and isinstance(size, int) and isinstance(count, int) and size > count:
        raise ArgumentError(f"choice: {size} of {count} cannot be taken without replacement")
    if p is None and replace:
        end = count if isinstance(count, int) else cast(OPS["dim"](dim=count), dtype=INT64)
        bounds = (cast(0, dtype=INT64), cast(end, dtype=INT64))
        at = OPS["random_integers"](state, *bounds, shape=(size,), dtype=INT64)
    elif replace:
        ends = OPS["cumsum"](cast(as_tensor(p), dtype=DOUBLE), axis=0)
        u = OPS["random_uniform"](state, shape=(size,), dtype=DOUBLE) * ends[-1]
        at = OPS["searchsorted"](ends, u, side="right")
    else:  # the smallest of exponential numbers of these rates (Efraimidis and Spirakis, 2006)
        u = OPS["random_uniform"](state, shape=(count,), dtype=DOUBLE) + 2.0**-54
        waits = -OPS["log"](u)
        waits = waits if p is None else waits / cast(as_tensor(p), dtype=DOUBLE)
        at = OPS["argsort"](waits, axis=0)[:size]
    taken = OPS["gather"](rows, at, axis=0)
    return movement.reshape(taken, shape=(*shape, *rows.shape[1:]))


@composite(Sample((2, 3), (1, 2), 1.5), Sample((4, 2), 7, np.array([1, 3]), 2.0))
def stateless_gamma(
    shape: Any, seed: Any, alpha: Any, beta: Any = None, dtype: Any = FLOAT, name: Any = None
) -> Any:
    """Gamma numbers of shape ``alpha`` and rate ``beta`` (None: 1), as ``seed`` decides.

    Both broadcast to ``shape``. The gradient for ``alpha`` is that of numbers that keep their
    places (Figurnov et al., 2018). Raises ArgumentError.

    >>> import twofold as tf
    >>> tf.random.stateless_gamma((2,), (1, 2), 3.0).shape
    (2,)
    """
    return gamma_draw(random_state(seed), shape, alpha, beta, dtype)


@composite(Sample((2, 3), (1, 2), 1.5), Sample((4, 2), 7, np.array([1, 30])))
def stateless_poisson(shape: Any, seed: Any, lam: Any, dtype: Any = INT, name: Any = None) -> Any:
    """Poisson numbers of mean ``lam``, which broadcasts to ``shape``, as ``seed`` decides.

    >>> import twofold as tf
    >>> tf.random.stateless_poisson((2,), (1, 2), 0.0).numpy()
    array([0, 0], dtype=int32)
    """
    return poisson_draw(random_state(seed), shape, lam, dtype)


@composite(Sample((2, 3), (1, 2), 10, 0.5), Sample((4, 2), 7, np.array([3, 100]), 0.25))
def stateless_binomial(
    shape: Any, seed: Any, counts: Any, probs: Any, output_dtype: Any = INT, name: Any = None
) -> Any:
    """Numbers of successes in ``counts`` trials of probability ``probs``, which broadcast to
    ``shape``, as ``seed`` decides. Raises ArgumentError.

    >>> import twofold as tf
    >>> tf.random.stateless_binomial((2,), (1, 2), 5, 1.0).numpy()
    array([5, 5], dtype=int32)
    """
    return binomial_draw(random_state(seed), shape, counts, probs, output_dtype)


@composite(Sample((2, 3), (1, 2), 1.5, 0.5))
def stateless_beta(
    shape: Any, seed: Any, alpha: Any, beta: Any, dtype: Any = FLOAT, name: Any = None
) -> Any:
    """Beta numbers, which broadcast to ``shape``, as ``seed`` decides; not in TensorFlow.

    >>> import twofold as tf
    >>> tf.random.stateless_beta((2,), (1, 2), 3.0, 1.0).shape
    (2,)
    """
    return beta_draw(random_state(seed), shape, alpha, beta, dtype)


@composite(Sample((2, 3), (1, 2)), Sample((2, 3), (1, 2), 1.0, 2.0, np.array([0, 5, 9]), 10.0))
def stateless_parameterized_truncated_normal(
    shape: Any, seed: Any, means: Any = 0.0, stddevs: Any = 1.0, minvals: Any = -2.0,
    maxvals: Any = 2.0, name: Any = None,
) -> Any:  # fmt: skip
    """Normal numbers under the condition that they are from ``minvals`` to ``maxvals``, as ``seed``
    decides, in the dtype of the parameters. There is no gradient. Raises ArgumentError.

    >>> import twofold as tf
    >>> draw = tf.random.stateless_parameterized_truncated_normal
    >>> bool(tf.all(draw((100,), (1, 2), minvals=5.0, maxvals=6.0) >= 5))
    True
    """
    given = [as_tensor(x) for x in (means, stddevs, minvals, maxvals)]
    kinds = {x.dtype for x in given if info(x.dtype).floating}
    want = DOUBLE if DOUBLE in kinds else FLOAT
    given = [cast(x, dtype=DOUBLE) for x in given]
    return OPS["random_normal_between"](random_state(seed), *given, shape=shape, dtype=want)


@composite(Sample("f[5,2]", (3,), (1, 2)), Sample("f[5]", (2, 2), 3, False),
           Sample("f[3]", (4,), 3, True, np.array([0.5, 0.0, 0.5])))  # fmt: skip
def stateless_choice(
    x: Any, shape: Any, seed: Any, replace: bool = True, p: Any = None, name: Any = None
) -> Any:
    """Slices of ``x`` along its first axis (of a number, of those below it), with probabilities
    ``p`` (None: equal ones), again and again or without replacement, as ``seed`` decides.

    >>> import twofold as tf
    >>> sorted(tf.random.stateless_choice(3, (3,), (1, 2), False).numpy().tolist())
    [0, 1, 2]
    """
    return choice_draw(random_state(seed), x, shape, replace, p)
