"""The methods of NumPy's ufuncs on tensors: ``reduce``, ``accumulate``, ``outer`` and ``at``.

Where ops cover what a call asks for they run, so that a tape and a trace see it; else the call
raises ``NotCovered``, and plain arrays do it where nobody records.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import StagingError
from twofold.ir.op import OPS
from twofold.ir.ops.operand import as_tensors, written

from .interop import our_function
from .numpy_calls import CALLS, NotCovered, ours, tensor

__all__ = ["METHODS"]

# What folds an axis away, as NumPy's function does it with the same arguments.
REDUCED: dict[Any, Any] = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min,
}  # fmt: skip
TESTED: dict[Any, str] = {np.logical_and: "all", np.logical_or: "any"}
SUMMED: dict[Any, Any] = {np.add: np.cumsum, np.multiply: np.cumprod}
RUNNING: dict[Any, str] = {
    np.maximum: "cummax", np.minimum: "cummin", np.logaddexp: "cumulative_logsumexp",
}  # fmt: skip


def _called(ufunc: Any, *inputs: Any, dtype: Any = None, **others: Any) -> Any:
    """A call with options; a ``dtype`` is that of the operands."""
    if ufunc in CALLS and not others and dtype is None:
        return CALLS[ufunc](*inputs)
    function = our_function(ufunc.__name__)
    if function is None or others or dtype is None:
        raise NotCovered
    out = function(*[OPS["cast"](x, dtype=dtype) for x in inputs])
    if out.dtype != np.dtype(dtype):
        raise NotCovered
    return out


def _reduced(
    ufunc: Any, x: Any, axis: Any = 0, dtype: Any = None, out: None = None,
    keepdims: bool = False, initial: Any = np._NoValue, where: Any = True,
) -> Any:  # fmt: skip
    if out is not None:
        raise NotCovered
    options: dict[str, Any] = {} if initial is np._NoValue or initial is None else {
        "initial": initial
    }  # fmt: skip
    if where is not True:
        options["where"] = where
    if ufunc in REDUCED:
        if dtype is not None and ufunc in (np.add, np.multiply):
            options["dtype"] = dtype
        elif dtype is not None:
            x = OPS["cast"](x, dtype=dtype)
        return CALLS[REDUCED[ufunc]](x, axis=axis, keepdims=keepdims, **options)
    if ufunc in TESTED and not options and dtype is None:
        return OPS[TESTED[ufunc]](x, axis=axis, keepdims=keepdims)
    if ufunc is np.logaddexp and not options and dtype is None:
        return ours.logsumexp(x, axis=axis, keepdims=keepdims)
    raise NotCovered


def _accumulated(ufunc: Any, x: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
    if ufunc not in (*SUMMED, *RUNNING) or out is not None:
        raise NotCovered
    if ufunc in SUMMED:
        return CALLS[SUMMED[ufunc]](x, axis, dtype)
    x = tensor(x) if dtype is None else OPS["cast"](x, dtype=dtype)
    return getattr(ours, RUNNING[ufunc])(x, axis=axis)


def _outer(ufunc: Any, a: Any, b: Any, **options: Any) -> Any:
    function = our_function(ufunc.__name__)
    if function is None or options:
        raise NotCovered
    a, b = as_tensors(a, b)
    return function(OPS["reshape"](a, shape=(*a.shape, *[1] * len(b.shape))), b)


def _at(ufunc: Any, x: Any, places: Any, *values: Any) -> None:
    """``ufunc.at``: the tensor that is written to is changed, as by ``x[places] = ...``."""
    if not getattr(x, "is_tensor", False):
        raise StagingError(
            f"np.{ufunc.__name__}.at cannot write tensors into {type(x).__name__}; "
            f"use x.numpy() of what is written"
        )
    if ufunc in (np.add, np.subtract) and _is_vector(places):
        value = written(values[0], x.dtype, f"np.{ufunc.__name__}.at")
        places = tensor(places)
        rows = OPS["broadcast_to"](
            value if ufunc is np.add else -value, shape=(*places.shape, *x.shape[1:])
        )
        x[...] = OPS["scatter_add"](x, places, rows, axis=0)
        return
    if bind.current.get() is not None:
        raise StagingError(
            f"np.{ufunc.__name__}.at has no op here, so a tape or a compiled function cannot see "
            f"it; use tf.tensor_scatter_nd_add and its like"
        )
    made = x.numpy().copy()
    ufunc.at(made, *[v.numpy() if hasattr(v, "numpy") else v for v in (places, *values)])
    x[...] = made


def _is_vector(places: Any) -> bool:
    """Whether positions along the first axis are meant: integers, not a mask and not a tuple."""
    if isinstance(places, tuple):
        return False
    dtype = getattr(places, "dtype", None)
    return (np.asarray(places).dtype if dtype is None else dtype).kind in "iu"


METHODS: dict[str, Callable[..., Any]] = {
    "__call__": _called, "reduce": _reduced, "accumulate": _accumulated, "outer": _outer,
    "at": _at,
}  # fmt: skip
