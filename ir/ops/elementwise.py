"""Arithmetic of one, two or three operands, element by element, with broadcasting.

The masking rule of the gradients. A cotangent that is exactly zero says that the result was not
used: ``where(x > 0, log(x), 0)`` sends zeros back into ``log`` at the positions it did not take.
There the gradient is zero, whatever the local derivative is, infinite or NaN. So gradient rules
multiply a cotangent with ``chain`` and divide one with ``chain_divide``, which know that rule;
everywhere else IEEE 754 decides (the gradient of ``sqrt`` at 0 is ``inf``).

Complex values follow the convention of TensorFlow: the gradient with respect to ``z`` of a real
``L`` is ``dL/d(re z) + i dL/d(im z)``, so a holomorphic ``f`` sends ``g`` to ``g * conj(f'(z))``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError, IntegerDivisionError
from ..op import OPS, Sample, op
from ..record import ALL
from ..selection import select
from .casting import cast
from .compare import equal, greater, greater_equal, not_equal
from .create import zeros_like

Array = Any
UNARY = [Sample("f[3,4]"), Sample("f[]"), Sample("f[0,2]")]
BINARY = [Sample("f[3,4]", "f[3,4]"), Sample("f[3,1]", "f[4]"), Sample("f[]", "f[2]")]


@op("elementwise", expr="0 if isnan(g * d) and g == 0 else g * d", public=False, samples=BINARY)
def masked_multiply(g: Array, d: Array) -> Array:
    """``g * d``, but 0 where ``g`` is 0 and ``d`` is infinite or NaN."""
    return _masked(np.multiply(g, d), g)


@masked_multiply.gradient
def masked_multiply_vjp(w: Any, out: Any, g: Any, d: Any) -> Any:
    return (
        lambda: chain(w, d),
        lambda: OPS["masked_product"](conj(g), w),
    )


@op(
    "elementwise",
    expr="0 if isnan(g / d) and g == 0 else g / d",
    promote="floating",
    accepts="fc",
    public=False,
    domain=(0.5, 2.0),
    samples=BINARY,
)
def masked_divide(g: Array, d: Array) -> Array:
    """``g / d``, but 0 where ``g`` is 0 and ``d`` is 0 or NaN."""
    return _masked(np.true_divide(g, d), g)


@masked_divide.gradient
def masked_divide_vjp(w: Any, out: Any, g: Any, d: Any) -> Any:
    return (
        lambda: chain_divide(w, d),
        lambda: OPS["masked_product"](conj(-masked_divide(out, d)), w),
    )


def _masked(result: Array, g: Array) -> Array:
    # One pass of BLAS finds a NaN at a tenth of the cost of a mask, and there seldom is one.
    if not np.isnan(np.vdot(result, result)):
        return result
    return np.where(np.isnan(result) & np.equal(g, 0), result.dtype.type(0), result)


def chain(g: Any, derivative: Any) -> Any:
    """A cotangent times the conjugate of a local derivative, by the masking rule above."""
    return masked_multiply(g, conj(derivative))


def chain_divide(g: Any, divisor: Any) -> Any:
    """A cotangent divided by the conjugate of ``divisor``, by the masking rule above."""
    return masked_divide(g, conj(divisor))


def conj(x: Any) -> Any:
    """Complex conjugate of a tensor; a real one passes through and makes no node."""
    return conjugate(x) if info(x.dtype).complex else x


@op("elementwise", expr="conj(x)", involution=True, samples=UNARY)
def conjugate(x: Array) -> Array:
    """Complex conjugate, elementwise; real values are unchanged.

    >>> import twofold as tf
    >>> tf.conjugate(1 + 2j).item()
    (1-2j)
    """
    return np.conjugate(x) if info(x.dtype).complex else x.copy()


@conjugate.gradient
def conjugate_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: conj(g),)


@op("elementwise", expr="x + y", commutative=True, samples=BINARY)
def add(x: Array, y: Array) -> Array:
    """Sum, elementwise with broadcasting; integers wrap, bool adds as ``or``.

    >>> import twofold as tf
    >>> tf.add([1, 2], 10).numpy()
    array([11, 12], dtype=int32)
    """
    return np.add(x, y)


@add.gradient
def add_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g, g


@op("elementwise", expr="x - y", accepts="iufc", samples=BINARY)
def subtract(x: Array, y: Array) -> Array:
    """Difference, elementwise with broadcasting; integers wrap.

    >>> import twofold as tf
    >>> tf.subtract([1, 2], 10).numpy()
    array([-9, -8], dtype=int32)
    """
    return np.subtract(x, y)


@subtract.gradient
def subtract_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g, lambda: -g


@op("elementwise", expr="x * y", commutative=True, samples=BINARY)
def multiply(x: Array, y: Array) -> Array:
    """Product, elementwise with broadcasting; integers wrap, bool multiplies as ``and``.

    >>> import twofold as tf
    >>> tf.multiply([1, 2], 10).numpy()
    array([10, 20], dtype=int32)
    """
    return np.multiply(x, y)


@multiply.gradient
def multiply_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    return lambda: chain(g, y), lambda: chain(g, x)


@op(
    "elementwise", expr="x / y", promote="floating", accepts="fc", domain=(0.5, 2.0), samples=BINARY
)
def divide(x: Array, y: Array) -> Array:
    """Quotient in floating point, elementwise; ``x / 0`` follows IEEE 754 and does not raise.

    Integers divide as float32, 64-bit integers as float64.

    >>> import twofold as tf
    >>> tf.divide(1, 4).item()
    0.25
    """
    return np.true_divide(x, y)


@divide.gradient
def divide_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    return lambda: chain_divide(g, y), lambda: chain(g, -(out / y))


def _divides(known: Sequence[Any]) -> bool:
    """Whether the divisor is known and nowhere 0."""
    return known[1] is not None and bool(np.all(known[1]))


@op(
    "elementwise",
    expr="floordiv(x, y)",
    accepts="iuf",
    may_raise="iu",
    never_raises=_divides,
    domain=(1.0, 9.0),
    samples=BINARY,
)
def floor_divide(x: Array, y: Array) -> Array:
    """``floor(x / y)``, elementwise; it rounds to minus infinity, and has no gradient.

    Raises IntegerDivisionError if an integer divisor is 0; a floating one follows IEEE 754. It is
    the floor of the quotient at infinities, too, as the array API prefers: infinity by a number is
    infinite and a number by infinity is 0, where Python and NumPy have NaN and -1 or 0.

    >>> import twofold as tf
    >>> tf.floor_divide([7, -7], 2).numpy()
    array([ 3, -4], dtype=int32)
    """
    _refuse_zero(x, y, "floor_divide")
    out = np.floor_divide(x, y)
    if info(out.dtype).floating and not (np.isfinite(x).all() and np.isfinite(y).all()):
        return np.where(np.isinf(x) | np.isinf(y), np.true_divide(x, y), out)
    return out


@op(
    "elementwise",
    expr="mod(x, y)",
    accepts="iuf",
    may_raise="iu",
    never_raises=_divides,
    domain=(1.1, 9.0),
    samples=BINARY,
)
def remainder(x: Array, y: Array) -> Array:
    """``x - floor_divide(x, y) * y``, elementwise: it has the sign of the divisor.

    Raises IntegerDivisionError if an integer divisor is 0; a floating one gives NaN. The
    gradient holds the quotient fixed: 1 for ``x``, ``-floor_divide(x, y)`` for ``y``.

    >>> import twofold as tf
    >>> tf.remainder([7, -7], 3).numpy()
    array([1, 2], dtype=int32)
    """
    _refuse_zero(x, y, "remainder")
    return np.remainder(x, y)


@remainder.gradient
def remainder_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g, lambda: chain(g, -floor_divide(x, y))


@op(
    "elementwise",
    accepts="iuf",
    may_raise="iu",
    never_raises=_divides,
    domain=(1.1, 9.0),
    samples=[*BINARY, Sample(np.array([-7.5, 7.5, -7.5]), np.array([2.0, -2.0, -2.0]))],
)
def fmod(x: Array, y: Array) -> Array:
    """``x - trunc(x / y) * y``, elementwise, exactly: it has the sign of ``x``, as in C.

    Raises IntegerDivisionError if an integer divisor is 0; a floating one gives NaN. The
    gradient holds the quotient fixed: 1 for ``x``, ``-trunc(x / y)`` for ``y``.

    >>> import twofold as tf
    >>> tf.fmod([7, -7], 3).numpy()
    array([ 1, -1], dtype=int32)
    """
    _refuse_zero(x, y, "fmod")
    return np.fmod(x, y)


@fmod.gradient
def fmod_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g, lambda: chain(g, -OPS["trunc"](divide(x, y)))


def _refuse_zero(x: Array, y: Array, what: str) -> None:
    divisor = np.asarray(y)
    if info(divisor.dtype).integer and np.size(x) and not divisor.all():
        place = [int(i) for i in np.argwhere(divisor == 0)[0]]
        raise IntegerDivisionError(
            f"{what}: integer division by zero, at index {place} of the divisor. Test the divisor "
            f"first, or divide in floating point with tf.divide"
        )


@op(
    "elementwise",
    expr="pow(x, y)",
    accepts="iufc",
    may_raise="i",
    never_raises=lambda known: known[1] is not None and bool(np.all(known[1] >= 0)),
    domain=(0.5, 2.0),
    samples=[*BINARY, Sample("f[3]", np.array([2, 0, 1], "int32"))],
)
def power(x: Array, y: Array) -> Array:
    """``x ** y``, elementwise; integers wrap, ``0 ** 0`` is 1.

    Raises ArgumentError if an integer is raised to a negative integer. Gradients: for ``x`` it is
    ``y * x**(y-1)``, which at ``0**0`` is 0 for one exponent (``x**0``) and NaN for an array of
    them, as IEEE 754 has it; for ``y`` it is ``x**y * log(x)``, and 0 where ``x <= 0``.

    >>> import twofold as tf
    >>> tf.power([2, 3], 3).numpy()
    array([ 8, 27], dtype=int32)
    """
    exponent = np.asarray(y)
    if info(exponent.dtype).signed and np.size(x) and exponent.size and exponent.min() < 0:
        raise ArgumentError(
            f"power: an integer cannot be raised to the negative integer {exponent.min()}; cast "
            f"the base to floating point first"
        )
    if exponent.ndim == 0:
        # pow() costs ten multiplications, and 2 is the exponent most programs write.
        if exponent == 2:
            return np.square(x)
        if exponent == 1:
            return np.positive(x)
    if exponent.dtype.char == "F" and np.asarray(x).dtype.char == "F":
        # NumPy multiplies the logarithm by a large exponent in single precision.
        return np.power(x.astype(np.complex128), y).astype(x.dtype)
    return np.power(x, y)


@power.gradient
def power_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    # 0 * 0**-1: the derivatives of a literal power are polynomials, so there the product is 0.
    times = multiply if y.shape else masked_multiply
    return (
        lambda: chain(g, times(y, power(x, subtract(y, 1)))),
        lambda: chain(g, _times_log(out, x)),
    )


def _times_log(out: Any, x: Any) -> Any:
    """``out * log(x)``, 0 where the logarithm does not exist."""
    x = x if x.dtype == out.dtype else cast(x, dtype=out.dtype)
    exists = not_equal(x, 0) if info(out.dtype).complex else greater(x, 0)
    return where(exists, out * OPS["log"](where(exists, x, 1)), 0)


@op("elementwise", expr="-x", accepts="iufc", involution=True, samples=UNARY)
def negative(x: Array) -> Array:
    """``-x``, elementwise; unsigned integers wrap.

    >>> import twofold as tf
    >>> tf.negative([1.0, -2.0]).numpy()
    array([-1.,  2.], dtype=float32)
    """
    return np.negative(x)


@negative.gradient
def negative_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: -g,)


@op("elementwise", expr="x", accepts="iufc", shares_memory="alias", widens=False,
    samples=UNARY)  # fmt: skip
def positive(x: Array) -> Array:
    """``+x``: the same value as a tensor of its own.

    >>> import twofold as tf
    >>> tf.positive(-2).item()
    -2
    """
    return np.positive(x)


@positive.gradient
def positive_vjp(g: Any, out: Any, x: Any) -> Any:
    return (g,)


@op(
    "elementwise",
    expr="abs(x)",
    accepts="iufc",
    result="real",
    domain=(0.3, 2.0),
    idempotent=True,
    samples=UNARY,
)
def abs(x: Array) -> Array:
    """Absolute value or complex modulus, elementwise; the lowest signed integer wraps to itself.

    The gradient is ``sign(x)``: 0 at 0.

    >>> import twofold as tf
    >>> tf.abs([-1.5, 2.0]).numpy()
    array([1.5, 2. ], dtype=float32)
    """
    return np.abs(x)


@abs.gradient
def abs_vjp(g: Any, out: Any, x: Any) -> Any:
    # A real cotangent times a complex sign: no conjugate, the modulus is not holomorphic.
    return (lambda: masked_multiply(g, sign(x)),)


@op("elementwise", expr="sign(x)", accepts="iufc", domain=(0.3, 2.0), samples=UNARY)
def sign(x: Array) -> Array:
    """-1, 0 or 1 (for complex ``x / abs(x)``, 0 at 0), elementwise; NaN gives NaN.

    The gradient of a real argument is 0 everywhere.

    >>> import twofold as tf
    >>> tf.sign([-3, 0, 5]).numpy()
    array([-1,  0,  1], dtype=int32)
    """
    if not np.iscomplexobj(x):
        return np.sign(x)
    # NumPy's own overflows where the magnitude does
    huge = np.maximum(np.abs(x.real), np.abs(x.imag)) > np.finfo(x.dtype).max / 4
    scale = np.where(huge, x.real.dtype.type(0.25), x.real.dtype.type(1))
    near = np.empty_like(x)
    near.real, near.imag = x.real * scale, x.imag * scale
    return np.sign(near)


@sign.gradient
def sign_vjp(g: Any, out: Any, x: Any) -> Any:
    if not info(x.dtype).complex:
        return (lambda: zeros_like(g),)
    return (lambda: _unit_gradient(g, out, x),)


def _unit_gradient(g: Any, u: Any, z: Any) -> Any:
    """A cotangent of ``z / |z|`` without its radial part; 0 at 0."""
    radius = abs(z)
    radial = u * OPS["real"](g * conj(u))
    return masked_divide(g - radial, where(equal(radius, 0), math.inf, radius))


@op("elementwise", expr="x * x", accepts="iufc", samples=UNARY)
def square(x: Array) -> Array:
    """``x * x``, elementwise; integers wrap.

    >>> import twofold as tf
    >>> tf.square([1.0, -3.0]).numpy()
    array([1., 9.], dtype=float32)
    """
    return np.square(x)


@square.gradient
def square_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, 2 * x),)


@op("elementwise", expr="1 / x", promote="floating", accepts="fc", domain=(0.5, 2.0), samples=UNARY)
def reciprocal(x: Array) -> Array:
    """``1 / x`` in floating point, elementwise; ``1 / 0`` is infinite.

    >>> import twofold as tf
    >>> tf.reciprocal(4.0).item()
    0.25
    """
    return np.divide(1, x) if info(x.dtype).complex else np.reciprocal(x)


@reciprocal.gradient
def reciprocal_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: chain(g, -(out * out)),)


@op("elementwise", expr="(x - y) * (x - y)", accepts="iuf", commutative=True, samples=BINARY)
def squared_difference(x: Array, y: Array) -> Array:
    """``(x - y)**2``, elementwise with broadcasting.

    >>> import twofold as tf
    >>> tf.squared_difference(5.0, 2.0).item()
    9.0
    """
    return np.square(np.subtract(x, y))


@squared_difference.gradient
def squared_difference_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    return lambda: chain(g, 2 * subtract(x, y)), lambda: chain(g, 2 * subtract(y, x))


@op("elementwise", expr="minimum(x, y)", accepts="biuf", samples=BINARY)
def minimum(x: Array, y: Array) -> Array:
    """The smaller operand, elementwise with broadcasting; NaN if an operand is NaN.

    At a tie the whole gradient goes to the first operand.

    >>> import twofold as tf
    >>> tf.minimum([1, 5], 3).numpy()
    array([1, 3], dtype=int32)
    """
    return np.minimum(x, y)


@minimum.gradient
def minimum_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    first = greater_equal(y, x)
    return lambda: where(first, g, 0), lambda: where(first, 0, g)


@op("elementwise", expr="maximum(x, y)", accepts="biuf", samples=BINARY)
def maximum(x: Array, y: Array) -> Array:
    """The larger operand, elementwise with broadcasting; NaN if an operand is NaN.

    At a tie the whole gradient goes to the first operand.

    >>> import twofold as tf
    >>> tf.maximum([1, 5], 3).numpy()
    array([3, 5], dtype=int32)
    """
    return np.maximum(x, y)


@maximum.gradient
def maximum_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    first = greater_equal(x, y)
    return lambda: where(first, g, 0), lambda: where(first, 0, g)


@op("elementwise", expr="maximum(x, 0)", accepts="iuf", idempotent=True, samples=UNARY)
def relu(x: Array) -> Array:
    """``max(x, 0)``, elementwise; NaN gives NaN. The gradient is 1 where ``x > 0``, else 0.

    >>> import twofold as tf
    >>> tf.nn.relu([-1.0, 2.0]).numpy()
    array([0., 2.], dtype=float32)
    """
    return np.maximum(x, x.dtype.type(0))


@relu.gradient
def relu_vjp(g: Any, out: Any, x: Any) -> Any:
    return (lambda: where(greater(x, 0), g, 0),)


@op(
    "elementwise",
    expr="copysign(x, y)",
    promote="floating",
    accepts="f",
    domain=(0.5, 2.0),
    samples=BINARY,
)
def copysign(x: Array, y: Array) -> Array:
    """The magnitude of ``x`` with the sign of ``y`` (-0.0 is negative), elementwise.

    The gradient is 1 for ``x`` where the signs agree, -1 where they differ, and 0 for ``y``.

    >>> import twofold as tf
    >>> tf.copysign(3.0, -0.0).item()
    -3.0
    """
    return np.copysign(x, y)


@copysign.gradient
def copysign_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    agree = equal(OPS["signbit"](x), OPS["signbit"](y))
    return lambda: where(agree, g, -g), lambda: zeros_like(g)


@op("elementwise", promote="floating", accepts="f", widens=False, samples=BINARY)
def nextafter(x: Array, y: Array) -> Array:
    """The floating-point number next to ``x`` in the direction of ``y``, elementwise.

    The gradient is 1 for ``x`` and 0 for ``y``.

    >>> import twofold as tf
    >>> tf.nextafter(1.0, 2.0).item()
    1.0000001192092896
    """
    return np.nextafter(x, y)


@nextafter.gradient
def nextafter_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g, lambda: zeros_like(g)


@op(
    "elementwise",
    expr="y if condition else z",
    promoted=slice(1, None),
    accepts=ALL,
    samples=[Sample("b[3,4]", "f[3,4]", "f[4]"), Sample("b[3,1]", "f[]", "f[2]")],
)
def where(condition: Array, y: Array, z: Array) -> Array:
    """``y`` where ``condition`` holds (is nonzero), else ``z``; all three broadcast.

    The gradient of the operand that was not taken is exactly 0, and it stays 0 on its way back
    through whatever computed that operand, infinite and NaN derivatives included.

    >>> import twofold as tf
    >>> tf.where([True, False], [1, 2], 0).numpy()
    array([1, 0], dtype=int32)
    """
    return select(condition, y, z)


@where.gradient
def where_vjp(g: Any, out: Any, condition: Any, y: Any, z: Any) -> Any:
    return None, lambda: where(condition, g, 0), lambda: where(condition, 0, g)


__all__ = [
    "BINARY", "UNARY", "abs", "add", "chain", "chain_divide", "conj", "conjugate",
    "copysign", "divide", "floor_divide", "masked_divide", "masked_multiply", "maximum",
    "minimum", "multiply", "negative", "nextafter", "positive", "power",
    "reciprocal", "relu", "remainder", "sign", "square", "squared_difference", "subtract", "where",
]  # fmt: skip
