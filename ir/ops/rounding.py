"""Rounding to integers in the same dtype, element by element. No gradient flows through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtypes import info
from ..op import Sample, op

Array = Any
SAMPLES = [Sample("f[3,4]"), Sample("f[]"), Sample(np.array([-2.5, -1.5, -0.5, 0.0, 0.5, 1.5]))]


@op("elementwise", expr="floor(x)", accepts="iuf", idempotent=True, samples=SAMPLES)
def floor(x: Array) -> Array:
    """The largest integer not above ``x``, elementwise, in the dtype of ``x``; no gradient.

    >>> import twofold as tf
    >>> tf.floor([1.5, -1.5]).numpy()
    array([ 1., -2.], dtype=float32)
    """
    return _rounded(np.floor, x)


@op("elementwise", expr="ceil(x)", accepts="iuf", idempotent=True, samples=SAMPLES)
def ceil(x: Array) -> Array:
    """The smallest integer not below ``x``, elementwise, in the dtype of ``x``; no gradient.

    >>> import twofold as tf
    >>> tf.ceil([1.5, -1.5]).numpy()
    array([ 2., -1.], dtype=float32)
    """
    return _rounded(np.ceil, x)


@op("elementwise", expr="trunc(x)", accepts="iuf", idempotent=True, samples=SAMPLES)
def trunc(x: Array) -> Array:
    """``x`` without its fraction, elementwise, in the dtype of ``x``; no gradient.

    >>> import twofold as tf
    >>> tf.trunc([1.5, -1.5]).numpy()
    array([ 1., -1.], dtype=float32)
    """
    return _rounded(np.trunc, x)


@op("elementwise", expr="round(x)", accepts="iufc", idempotent=True, samples=SAMPLES)
def round(x: Array) -> Array:
    """The nearest integer, a half to the even one, elementwise, in the dtype of ``x``; no gradient.

    A complex number is rounded in both parts.

    >>> import twofold as tf
    >>> tf.round([0.5, 1.5, 2.5]).numpy()
    array([0., 2., 2.], dtype=float32)
    """
    return _rounded(np.rint, x)


def _rounded(function: Callable[[Array], Array], x: Array) -> Array:
    # An integer is round already; NumPy would return it as float64, in some versions.
    return x.copy() if info(x.dtype).integer else function(x)
