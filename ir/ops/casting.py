"""The same elements: in another dtype, as they are, or as a constant to gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ConversionError
from ..infer import Attrs, Resolved, Types, as_dtype
from ..op import Sample, op
from ..record import ALL
from ..shapes import Sizes


def _cast_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    dtype = as_dtype(attrs["dtype"], "cast")
    return {"dtype": dtype}, (types[0].with_dtype(dtype),)


def _cast_raises(types: Types, attrs: Attrs) -> bool:
    return info(types[0].dtype).inexact and info(attrs["dtype"]).integer


@op(
    "elementwise",
    _cast_rule,
    promote="none",
    accepts=ALL,
    widens=False,
    expr="cast(x)",
    may_raise=_cast_raises,
    samples=[Sample("f[3]", dtype=np.dtype("int32")), Sample("i[3]", dtype=np.dtype("float32"))],
)
def cast(x: Any, *, dtype: Any) -> Any:
    """Convert to another dtype: floating to integer truncates towards zero, complex to real drops
    the imaginary part, and to bool is whether the value is nonzero. What is too large for
    ``float8_e4m3fn``, which has no infinity, becomes NaN.

    Raises ConversionError for NaN or infinity cast to an integer dtype.
    """
    source, target = info(x.dtype), info(dtype)
    if source.inexact and target.integer and not np.isfinite(x).all():
        raise ConversionError(
            f"cannot cast NaN or infinity to {dtype}: {int(np.sum(~np.isfinite(x)))} of {x.size} "
            f"elements are not finite; replace them first, for instance with tf.where"
        )
    real = x.real if source.complex and (target.integer or target.floating) else x
    return real.astype(dtype)


@cast.gradient
def cast_vjp(g: Any, out: Any, x: Any, *, dtype: Any) -> Any:
    return (g,)  # the walk casts a cotangent to its input's dtype


@op("elementwise", "same", promote="none", accepts=ALL, widens=False, expr="x",
    shares_memory="alias", samples=[Sample("f[3,4]")])  # fmt: skip
def identity(x: Any) -> Any:
    """The same value."""
    return x


@identity.gradient
def identity_vjp(g: Any, out: Any, x: Any) -> Any:
    return (g,)


@op("elementwise", "same", promote="none", accepts=ALL, widens=False, expr="x",
    shares_memory="alias", samples=[Sample("f[3,4]")])  # fmt: skip
def stop_gradient(x: Any) -> Any:
    """The same value, through which no gradient flows."""
    return x
