"""Complex numbers and their parts, element by element (``conjugate`` is in ``elementwise``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import info
from ..infer import Attrs, Resolved, Types
from ..op import Sample, op
from ..promote import complex_of
from ..shapes import Sizes, broadcast_shapes
from ..types import TensorType
from .compare import equal
from .create import zeros_like
from .elementwise import BINARY, chain, where

Array = Any
UNARY = [Sample("c[3,4]"), Sample("c[]"), Sample("f[4]")]


def _complex_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    shape = broadcast_shapes([t.shape for t in types], sizes, "complex's operands")
    return attrs, (TensorType(complex_of(types[0].dtype), shape),)


@op("elementwise", _complex_rule, expr="pair(re, im)", promote="floating", accepts="f",
    samples=BINARY)  # fmt: skip
def complex_(re: Array, im: Array) -> Array:
    """The complex numbers with these real and imaginary parts, elementwise with broadcasting.

    float64 parts give complex128, other parts complex64.

    >>> import twofold as tf
    >>> tf.complex(1.0, -2.0).item()
    (1-2j)
    """
    out = np.empty(np.broadcast_shapes(re.shape, im.shape), complex_of(re.dtype))
    out.real, out.imag = re, im
    return out


@complex_.gradient
def complex_vjp(g: Any, out: Any, re: Any, im: Any) -> Any:
    return lambda: real(g), lambda: imag(g)


@op("elementwise", expr="real(x)", accepts="iufc", result="real", samples=UNARY)
def real(x: Array) -> Array:
    """Real part, elementwise; a real tensor is returned as it is.

    >>> import twofold as tf
    >>> tf.real(1 + 2j).item()
    1.0
    """
    return x.real.copy()


@real.gradient
def real_vjp(g: Any, out: Any, x: Any) -> Any:
    return (g,)  # the walk casts a cotangent to its input's dtype


@op("elementwise", expr="imag(x)", accepts="iufc", result="real", samples=UNARY)
def imag(x: Array) -> Array:
    """Imaginary part, elementwise; zeros for a real tensor.

    >>> import twofold as tf
    >>> tf.imag(1 + 2j).item()
    2.0
    """
    return np.imag(x).copy()


@imag.gradient
def imag_vjp(g: Any, out: Any, x: Any) -> Any:
    if not info(x.dtype).complex:
        return (lambda: zeros_like(g),)
    return (lambda: complex_(zeros_like(g), g),)


@op(
    "elementwise",
    expr="angle(x)",
    promote="floating",
    accepts="fc",
    result="real",
    domain=(0.3, 2.0),
    samples=UNARY,
)
def angle(x: Array) -> Array:
    """Argument of a complex number, elementwise, in [-pi, pi]; 0 or pi for reals.

    The gradient at 0 is 0.

    >>> import twofold as tf
    >>> tf.angle(1j).item()
    1.5707963705062866
    """
    if info(x.dtype).complex:
        return np.arctan2(x.imag, x.real)
    return np.arctan2(np.zeros_like(x), x)


@angle.gradient
def angle_vjp(g: Any, out: Any, x: Any) -> Any:
    if not info(x.dtype).complex:
        return (lambda: zeros_like(g),)
    # d angle = Im(conj(z) dz) / |z|^2, so the gradient is g * i z / |z|^2 = g * i / conj(z)
    nonzero = where(equal(x, 0), 1, x)
    turned = where(equal(x, 0), 0, complex_(zeros_like(g), 1.0) / nonzero)
    return (lambda: -chain(g, turned),)
