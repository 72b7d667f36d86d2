"""Comparisons and logic, element by element. Results are bool; no gradient flows through them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Sample, op
from ..record import ALL

BINARY = [Sample("f[3,4]", "f[3,4]"), Sample("f[3,1]", "f[4]"), Sample("f[]", "f[2]")]
UNARY = [Sample("f[3,4]"), Sample("f[]"), Sample("f[0,2]")]
LOGICAL = [Sample("b[3,4]", "b[3,4]"), Sample("b[3,1]", "b[4]"), Sample("i[4]", "i[4]")]


@op("elementwise", expr="x == y", result="bool", accepts=ALL, commutative=True, samples=BINARY)
def equal(x: Any, y: Any) -> Any:
    """``x == y``, elementwise with broadcasting; NaN equals nothing, -0.0 equals 0.0.

    >>> import twofold as tf
    >>> tf.equal([1, 2], [1, 3]).numpy()
    array([ True, False])
    """
    return np.equal(x, y)


@op("elementwise", expr="x != y", result="bool", accepts=ALL, commutative=True, samples=BINARY)
def not_equal(x: Any, y: Any) -> Any:
    """``x != y``, elementwise with broadcasting; true where an operand is NaN.

    >>> import twofold as tf
    >>> tf.not_equal([1, 2], [1, 3]).numpy()
    array([False,  True])
    """
    return np.not_equal(x, y)


@op("elementwise", expr="x < y", result="bool", accepts="biufe", samples=BINARY)
def less(x: Any, y: Any) -> Any:
    """``x < y``, elementwise with broadcasting; false where an operand is NaN.

    >>> import twofold as tf
    >>> tf.less([1, 2], 2).numpy()
    array([ True, False])
    """
    return np.less(x, y)


@op("elementwise", expr="x <= y", result="bool", accepts="biufe", samples=BINARY)
def less_equal(x: Any, y: Any) -> Any:
    """``x <= y``, elementwise with broadcasting; false where an operand is NaN.

    >>> import twofold as tf
    >>> tf.less_equal([1, 3], 2).numpy()
    array([ True, False])
    """
    return np.less_equal(x, y)


@op("elementwise", expr="x > y", result="bool", accepts="biufe", samples=BINARY)
def greater(x: Any, y: Any) -> Any:
    """``x > y``, elementwise with broadcasting; false where an operand is NaN.

    >>> import twofold as tf
    >>> tf.greater([1, 3], 2).numpy()
    array([False,  True])
    """
    return np.greater(x, y)


@op("elementwise", expr="x >= y", result="bool", accepts="biufe", samples=BINARY)
def greater_equal(x: Any, y: Any) -> Any:
    """``x >= y``, elementwise with broadcasting; false where an operand is NaN.

    >>> import twofold as tf
    >>> tf.greater_equal([1, 2], 2).numpy()
    array([False,  True])
    """
    return np.greater_equal(x, y)


@op("elementwise", expr="x and y", promote="bool", commutative=True, samples=LOGICAL)
def logical_and(x: Any, y: Any) -> Any:
    """Both true, elementwise; any dtype, nonzero (NaN too) counts as true.

    >>> import twofold as tf
    >>> tf.logical_and([True, True], [True, False]).numpy()
    array([ True, False])
    """
    return np.logical_and(x, y)


@op("elementwise", expr="x or y", promote="bool", commutative=True, samples=LOGICAL)
def logical_or(x: Any, y: Any) -> Any:
    """At least one true, elementwise; any dtype, nonzero (NaN too) counts as true.

    >>> import twofold as tf
    >>> tf.logical_or([False, True], [False, False]).numpy()
    array([False,  True])
    """
    return np.logical_or(x, y)


@op("elementwise", expr="x != y", promote="bool", commutative=True, samples=LOGICAL)
def logical_xor(x: Any, y: Any) -> Any:
    """Exactly one true, elementwise; any dtype, nonzero (NaN too) counts as true.

    >>> import twofold as tf
    >>> tf.logical_xor([True, True], [True, False]).numpy()
    array([False,  True])
    """
    return np.logical_xor(x, y)


@op(
    "elementwise",
    expr="not x",
    promote="bool",
    involution=True,
    samples=[Sample("b[3,4]"), Sample("i[4]")],
)
def logical_not(x: Any) -> Any:
    """The opposite truth value, elementwise; any dtype, nonzero (NaN too) counts as true.

    >>> import twofold as tf
    >>> tf.logical_not([True, False]).numpy()
    array([False,  True])
    """
    return np.logical_not(x)


@op("elementwise", expr="isnan(x)", result="bool", samples=UNARY)
def isnan(x: Any) -> Any:
    """Whether an element is NaN (for complex: one of its parts); never for integers.

    >>> import twofold as tf
    >>> tf.isnan([1.0, float("nan")]).numpy()
    array([False,  True])
    """
    return np.isnan(x)


@op("elementwise", expr="isinf(x)", result="bool", samples=UNARY)
def isinf(x: Any) -> Any:
    """Whether an element is infinite (for complex: one of its parts); never for integers.

    >>> import twofold as tf
    >>> tf.isinf([1.0, float("-inf")]).numpy()
    array([False,  True])
    """
    return np.isinf(x)


@op("elementwise", expr="isfinite(x)", result="bool", samples=UNARY)
def isfinite(x: Any) -> Any:
    """Whether an element is neither NaN nor infinite; always for integers.

    >>> import twofold as tf
    >>> tf.isfinite([1.0, float("inf")]).numpy()
    array([ True, False])
    """
    return np.isfinite(x)


@op(
    "elementwise",
    expr="copysign(1, x) < 0",
    result="bool",
    promote="floating",
    accepts="f",
    samples=UNARY,
)
def signbit(x: Any) -> Any:
    """Whether the sign bit is set: true for negative numbers and for -0.0.

    >>> import twofold as tf
    >>> tf.signbit([1.0, -0.0]).numpy()
    array([False,  True])
    """
    return np.signbit(x)
