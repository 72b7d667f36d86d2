"""Roots, exponentials, logarithms and what is made of them, element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import info
from ..op import OPS, Sample, op
from .casting import cast
from .compare import equal, not_equal
from .elementwise import (
    BINARY,
    UNARY,
    chain,
    chain_divide,
    masked_divide,
    where,
)

Array = Any
LN2, LN10 = math.log(2.0), math.log(10.0)


@op(
    "elementwise",
    expr="sqrt(x)",
    promote="floating",
    accepts="fc",
    domain=(0.2, 4.0),
    samples=UNARY,
)
def sqrt(x: Array) -> Array:
    """Square root, elementwise; NaN for negative reals. The gradient at 0 is infinite.

    >>> import twofold as tf
    >>> tf.sqrt(9.0).item()
    3.0
    """
    return np.sqrt(x)


@sqrt.gradient
def sqrt_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain_divide(g, 2 * out),)


@op(
    "elementwise",
    expr="rsqrt(x)",
    promote="floating",
    accepts="fc",
    domain=(0.2, 4.0),
    samples=UNARY,
)
def rsqrt(x: Array) -> Array:
    """``1 / sqrt(x)``, elementwise; infinite at 0, NaN for negative reals.

    >>> import twofold as tf
    >>> tf.rsqrt(4.0).item()
    0.5
    """
    root = np.sqrt(x)
    return np.divide(1, root) if info(x.dtype).complex else np.reciprocal(root)


@rsqrt.gradient
def rsqrt_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, -0.5 * out / x),)


@op(
    "elementwise",
    expr="cbrt(x)",
    promote="floating",
    accepts="f",
    domain=(0.2, 4.0),
    samples=[*UNARY, Sample(np.array([-8.0, -0.5, 1.5]))],
)
def cbrt(x: Array) -> Array:
    """Real cube root, elementwise, also of negative numbers. The gradient at 0 is infinite.

    >>> import twofold as tf
    >>> tf.cbrt(-8.0).item()
    -2.0
    """
    return np.cbrt(x)


@cbrt.gradient
def cbrt_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain_divide(chain_divide(g, out), 3 * out),)  # infinite at 0 in order two


@op("elementwise", expr="exp(x)", promote="floating", accepts="fc", samples=UNARY)
def exp(x: Array) -> Array:
    """Exponential function ``e ** x``, elementwise.

    >>> import twofold as tf
    >>> tf.exp([0.0, float("-inf")]).numpy()
    array([1., 0.], dtype=float32)
    """
    return np.exp(x)


@exp.gradient
def exp_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, out),)


@op("elementwise", expr="exp2(x)", promote="floating", accepts="fc", samples=UNARY)
def exp2(x: Array) -> Array:
    """``2 ** x``, elementwise.

    >>> import twofold as tf
    >>> tf.exp2(10.0).item()
    1024.0
    """
    if x.dtype.char == "F":  # NumPy multiplies by ln 2 in single precision
        return np.exp2(x.astype(np.complex128)).astype(x.dtype)
    return np.exp2(x)


@exp2.gradient
def exp2_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, LN2 * out),)


@op("elementwise", expr="expm1(x)", promote="floating", accepts="fc", samples=UNARY)
def expm1(x: Array) -> Array:
    """``exp(x) - 1``, elementwise, exact to rounding also for small ``x``.

    >>> import twofold as tf
    >>> tf.expm1(0.0).item()
    0.0
    """
    return _complex_expm1(x) if info(x.dtype).complex else np.expm1(x)


def _complex_expm1(x: Array) -> Array:
    """NumPy's, but for large numbers, where its real part is infinite or NaN too soon."""
    out = np.asarray(np.exp(x))
    out.real -= 1
    np.copyto(out.real, np.expm1(x).real + 0.0, where=np.abs(x.real) <= 40)  # -0 gives 0
    return out


@expm1.gradient
def expm1_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, out + 1),)


@op(
    "elementwise", expr="log(x)", promote="floating", accepts="fc", domain=(0.2, 4.0), samples=UNARY
)
def log(x: Array) -> Array:
    """Natural logarithm, elementwise; ``-inf`` at 0, NaN for negative reals.

    The gradient is ``1 / x``: infinite at 0, and zero wherever a mask did not take the result.

    >>> import twofold as tf
    >>> tf.log(1.0).item()
    0.0
    """
    return np.log(x)


@log.gradient
def log_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain_divide(g, x),)


@op(
    "elementwise",
    expr="log2(x)",
    promote="floating",
    accepts="fc",
    domain=(0.2, 4.0),
    samples=UNARY,
)
def log2(x: Array) -> Array:
    """Logarithm to base 2, elementwise; ``-inf`` at 0, NaN for negative reals.

    >>> import twofold as tf
    >>> tf.log2(8.0).item()
    3.0
    """
    return np.log2(x)


@log2.gradient
def log2_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain_divide(g, LN2 * x),)


@op(
    "elementwise",
    expr="log10(x)",
    promote="floating",
    accepts="fc",
    domain=(0.2, 4.0),
    samples=UNARY,
)
def log10(x: Array) -> Array:
    """Logarithm to base 10, elementwise; ``-inf`` at 0, NaN for negative reals.

    >>> import twofold as tf
    >>> tf.log10(1.0).item()
    0.0
    """
    return np.log10(x)


@log10.gradient
def log10_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain_divide(g, LN10 * x),)


@op(
    "elementwise",
    expr="log1p(x)",
    promote="floating",
    accepts="fc",
    domain=(-0.5, 2.0),
    samples=UNARY,
)
def log1p(x: Array) -> Array:
    """``log(1 + x)``, elementwise, exact to rounding also for small ``x``; ``-inf`` at -1.

    >>> import twofold as tf
    >>> tf.log1p(0.0).item()
    0.0
    """
    return _complex_log1p(x) if info(x.dtype).complex else np.log1p(x)


def _complex_log1p(x: Array) -> Array:
    """NumPy's is ``log(1 + x)``, which loses a small ``x``, of a modulus that may overflow."""
    re, im = x.real, x.imag
    moved = x.copy()
    moved.real += 1
    out = np.asarray(np.log(moved))
    small = (np.abs(re) < 0.5) & (np.abs(im) < 0.5)
    np.copyto(out.real, np.log1p(re * (re + 2) + im * im) / 2, where=small)
    return out


@log1p.gradient
def log1p_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain_divide(g, 1 + x),)


@op("elementwise", expr="sigmoid(x)", promote="floating", accepts="f", samples=UNARY)
def sigmoid(x: Array) -> Array:
    """Logistic function ``1 / (1 + exp(-x))``, elementwise, without overflow at either end.

    >>> import twofold as tf
    >>> tf.sigmoid(0.0).item()
    0.5
    """
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, x.dtype.type(1), z) / (1 + z)


@sigmoid.gradient
def sigmoid_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, out * (1 - out)),)


@op(
    "elementwise",
    expr="maximum(x, 0) + log1p(exp(-abs(x)))",
    promote="floating",
    accepts="f",
    samples=UNARY,
)
def softplus(x: Array) -> Array:
    """``log(1 + exp(x))``, elementwise, without overflow.

    >>> import twofold as tf
    >>> tf.softplus(1000.0).item()
    1000.0
    """
    return np.maximum(x, x.dtype.type(0)) + np.log1p(np.exp(-np.abs(x)))


@softplus.gradient
def softplus_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, sigmoid(x)),)


@op(
    "elementwise",
    promote="floating",
    accepts="f",
    commutative=True,
    domain=(0.0, 2.0),
    expr="x + 0.6931471805599453 if x == y else maximum(x, y) + log1p(exp(-abs(x - y)))",
    samples=BINARY,
)
def logaddexp(x: Array, y: Array) -> Array:
    """``log(exp(x) + exp(y))``, elementwise, without overflow; ``-inf`` twice gives ``-inf``.

    >>> import twofold as tf
    >>> tf.logaddexp(1000.0, -1000.0).item()
    1000.0
    """
    return np.logaddexp(x, y)


@logaddexp.gradient
def logaddexp_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    return lambda: chain(g, _share(x, out)), lambda: chain(g, _share(y, out))


def _share(x: Any, out: Any) -> Any:
    """``exp(x - out)``; half where both operands are the same infinity."""
    half = 0.5 * cast(equal(out, x), dtype=out.dtype)
    return where(OPS["isinf"](out), half, exp(x - out))


@op(
    "elementwise",
    expr="0 if x == 0 else x * log(y)",
    promote="floating",
    accepts="f",
    domain=(1.2, 4.0),
    samples=BINARY,
)
def xlogy(x: Array, y: Array) -> Array:
    """``x * log(y)``, elementwise; 0 where ``x`` is 0, whatever ``y`` is.

    There the gradient is 0 for ``x`` and for ``y`` too.

    >>> import twofold as tf
    >>> tf.xlogy([0.0, 2.0], [0.0, 1.0]).numpy()
    array([0., 0.], dtype=float32)
    """
    return np.where(x == 0, x.dtype.type(0), x * np.log(y))


@xlogy.gradient
def xlogy_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    return (
        lambda: chain(g, xlogy(cast(not_equal(x, 0), dtype=out.dtype), y)),
        lambda: chain(g, masked_divide(x, y)),
    )


@op(
    "elementwise",
    expr="0 if x == 0 else x * log1p(y)",
    promote="floating",
    accepts="f",
    domain=(0.3, 2.0),
    samples=BINARY,
)
def xlog1py(x: Array, y: Array) -> Array:
    """``x * log(1 + y)``, elementwise; 0 where ``x`` is 0, whatever ``y`` is.

    There the gradient is 0 for ``x`` and for ``y`` too.

    >>> import twofold as tf
    >>> tf.xlog1py([0.0, 2.0], [-1.0, 0.0]).numpy()
    array([0., 0.], dtype=float32)
    """
    return np.where(x == 0, x.dtype.type(0), x * np.log1p(y))


@xlog1py.gradient
def xlog1py_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    return (
        lambda: chain(g, xlog1py(cast(not_equal(x, 0), dtype=out.dtype), y)),
        lambda: chain(g, masked_divide(x, 1 + y)),
    )


@op(
    "elementwise",
    expr="log(p / (1 - p))",
    promote="floating",
    accepts="fc",
    domain=(0.1, 0.9),
    samples=[Sample(np.array([0.1, 0.5, 0.8]))],
)
def logit(p: Array) -> Array:
    """``log(p / (1 - p))``, the inverse of ``sigmoid``, elementwise; infinite at 0 and 1.

    >>> import twofold as tf
    >>> tf.logit(0.5).item()
    0.0
    """
    return np.log(p / (1 - p))


@logit.gradient
def logit_vjp(g: Any, out: Any, p: Any) -> Any:
    return (lambda: chain_divide(g, p) + chain_divide(g, 1 - p),)


__all__ = [
    "cbrt", "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "logaddexp", "logit", "rsqrt",
    "sigmoid", "softplus", "sqrt", "xlog1py", "xlogy",
]  # fmt: skip
