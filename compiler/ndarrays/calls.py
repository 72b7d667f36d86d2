"""NumPy functions without an op of their own, as one node that calls them when the graph runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.dtypes import info, known
from twofold.ir.op import OPS
from twofold.ir.ops.numpy_calls import FUNCTIONS, leaves_of, resolve_function
from twofold.ir.tensor_shape import LISTED, TUPLES, sequence
from twofold.ir.types import TensorType
from twofold.runtime.tensor import Tensor

from ..symint import SymInt
from ..symnumber import plain
from . import late
from .base import TracedArray, TracedScalar, is_traced
from .operands import as_array, as_tensor, example, fresh, pin_sizes
from .selection import Selection

__all__ = ["call", "is_open", "name_of"]


def name_of(called: Any) -> str | None:
    """The name of a function in the list, or None."""
    module = (getattr(called, "__module__", "") or "").removeprefix("numpy").strip(".")
    name = f"{module}.{called.__name__}" if module in ("linalg", "fft") else called.__name__
    if name not in FUNCTIONS:
        return None
    return name if resolve_function(name) is called else None


def call(trace: Any, name: str, args: Any, kwargs: Any) -> Any:
    """The call as a node. For sizes that are not found by asking, the trace holds for those of
    the example call. Raises what the function raises for arrays of these dtypes and shapes."""
    by_value = late.by_value(name, args, kwargs) or late.is_late(trace, args, kwargs)
    arrays: list[Any] = []
    template = tuple([_template(trace, a, arrays) for a in args])
    options = tuple([(k, _template(trace, v, arrays)) for k, v in kwargs.items()])
    try:
        if not (by_value or is_open(trace, (args, kwargs))):
            raise late.Unknown
        outs, shown = late.call(trace, name, args, kwargs, arrays, template, options)
        outs = iter(outs if isinstance(outs, tuple) else (outs,))
        return _rebuilt(trace, shown, outs, row_major=True)
    except late.Unknown:
        if by_value:
            raise trace.plain("call") from None
    pin_sizes(trace, (args, kwargs))
    called = resolve_function(name)
    with np.errstate(all="ignore"):
        shown = called(*_shown(trace, args), **_shown(trace, kwargs))
    results = []
    for leaf in leaves_of(shown):
        if not known(leaf.dtype):
            raise trace.missing(f"np.{name} with a result of dtype {leaf.dtype}")
        results.append(TensorType(leaf.dtype, leaf.shape))
    made = OPS["numpy_function"](
        *arrays, name=name, args=template, options=options, results=tuple(results)
    )
    outs = iter(made if isinstance(made, tuple) else (made,))
    return _rebuilt(trace, shown, outs)


def is_open(trace: Any, x: Any) -> bool:
    """Whether a node may be for any sizes: of row-major arrays, with some that are symbols, where
    plain Python can make a call whose results have other sizes than the node says."""
    if bind.ground() is not trace.tracer or any(cell.dirty for cell in trace.cells.all):
        return False
    arrays = list(late.traced(x))
    return (
        not trace.cells.targets
        and all(type(a) is not TracedArray or a.contiguous for a in arrays)
        and any(isinstance(n, SymInt) for a in arrays for n in a.shape)
    )


def _template(trace: Any, x: Any, arrays: list[Any]) -> Any:
    if type(x) is Selection:
        x = x.array()
    if is_traced(x) or isinstance(x, Tensor | np.ndarray | np.generic):
        arrays.append(as_tensor(trace, x))
        return "@", len(arrays) - 1
    if isinstance(x, SymInt):
        return int(x)
    x = plain(x)
    if type(x) is list:
        return ("[", *[_template(trace, part, arrays) for part in x])
    if type(x) in TUPLES:
        return tuple([_template(trace, part, arrays) for part in x])
    if x is None or type(x) in (bool, int, float, complex, str) or isinstance(x, np.dtype):
        return x
    if isinstance(x, type):
        return np.dtype(x)
    raise trace.missing(f"an argument of type {type(x).__name__} of a NumPy function")


def _shown(trace: Any, x: Any) -> Any:
    """Arguments with arrays of the example call's shapes whose values every function takes."""
    if is_traced(x) or isinstance(x, Tensor):
        made = example(trace, x) if type(x) is TracedArray else example(trace, as_array(trace, x))
        if info(made.dtype).inexact and made.ndim > 1 and made.shape[-1] == made.shape[-2]:
            if not made.flags.writeable:
                made = np.empty_like(made)
            made[...] = np.eye(made.shape[-1], dtype=made.dtype)  # positive definite
        return made[()] if type(x) is TracedScalar else made
    if type(x) in LISTED:
        return sequence(type(x), [_shown(trace, part) for part in x])
    if type(x) is dict:
        return {k: _shown(trace, v) for k, v in x.items()}
    return int(x) if isinstance(x, SymInt) else plain(x)


def _rebuilt(trace: Any, shown: Any, outs: Any, row_major: bool = False) -> Any:
    if isinstance(shown, tuple) and hasattr(shown, "_fields"):
        return type(shown)(*[_rebuilt(trace, part, outs, row_major) for part in shown])
    if isinstance(shown, tuple | list):
        return type(shown)([_rebuilt(trace, part, outs, row_major) for part in shown])
    tensor = next(outs)
    if not isinstance(shown, np.ndarray):
        return TracedScalar(trace, tensor)
    if row_major:
        return fresh(trace, tensor)
    return TracedArray(trace, trace.cells.ordered(tensor, shown))
