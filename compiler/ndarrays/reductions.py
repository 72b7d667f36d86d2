"""``ufunc.reduce`` on arrays of a trace."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from twofold.ir.dtypes import letter
from twofold.ir.op import OPS

from ..symint import to_dims
from .base import TracedArray, is_traced
from .operands import as_array, as_tensor, convert, fresh, into, laid_out

_np: Any = np  # called with what the user gives, of any type

__all__ = ["reduce"]

FOLDS = {
    np.add: "sum", np.multiply: "prod", np.maximum: "max", np.minimum: "min",
    np.logical_and: "all", np.logical_or: "any",
}  # fmt: skip
_NONE = np._NoValue


def reduce(
    trace: Any, ufunc: Any, array: Any, axis: Any = 0, dtype: Any = None, out: Any = (),
    keepdims: Any = False, initial: Any = _NONE, where: Any = True,
) -> Any:  # fmt: skip
    """``ufunc.reduce(array, ...)``."""
    if len(out) == 1 and out[0] is Ellipsis:
        made = reduce(trace, ufunc, array, axis, dtype, (), keepdims, initial, where)
        return as_array(trace, made)
    array = as_array(trace, array)
    name = FOLDS.get(ufunc)
    if name is None or (letter(array.dtype) == "c" and name in ("max", "min")):
        if getattr(np, ufunc.__name__, None) is not ufunc:
            raise trace.missing(f"the ufunc {ufunc.__name__} has no op here")
        name = None
    if array.ndim == 0 and type(axis) is int and axis in (0, -1):
        axis = None  # as NumPy has it
    keepdims = False if keepdims is _NONE else bool(keepdims)
    target = as_array(trace, out[0]) if out and isinstance(out[0], np.ndarray) else None
    if target is None and out and out[0] is not None:
        raise trace.plain("call")  # which NumPy refuses
    given: dict[str, Any] = {"axis": axis, "keepdims": keepdims}
    if dtype is not None:
        given["dtype"] = dtype
    if initial is not _NONE:
        given["initial"] = initial
    if where is not True:
        given["where"] = where
    if target is not None:
        given["out"] = target
    found: np.dtype[Any] = _probe(trace, ufunc, array, given)
    if name is not None and ufunc.identity is None and initial is _NONE:
        _refuse_none(trace, array, axis)
    value = _folded(trace, ufunc, name, array.tensor(), found, given)
    if target is None:
        plain = {"axis": axis, "keepdims": keepdims, "dtype": dtype}
        return laid_out(trace, value, lambda x: ufunc.reduce(x, **plain), (array,))
    return into(trace, fresh(trace, convert(value, target.dtype)), target)


def _refuse_none(trace: Any, array: TracedArray, axis: Any) -> None:
    """Raise PlainPython if an axis that is folded has no elements: NumPy raises."""
    rank = array.ndim
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    dims = to_dims(array.tensor().shape)
    if not all(trace.sizes.require_positive(dims[a]) for a in axes):
        raise trace.plain("call")


def _probe(trace: Any, ufunc: Any, array: TracedArray, given: dict[str, Any]) -> Any:
    """The dtype of the result. Raises what NumPy raises for this dtype, axis and number."""
    options = {k: v for k, v in given.items() if k not in ("out", "where")}
    initial = options.get("initial")
    if initial is not None and is_traced(initial):
        options["initial"] = np.zeros((), initial.dtype)[()]
    if "where" in given and initial is None and ufunc.identity is None:
        raise trace.plain("call")  # which NumPy refuses
    if "out" in given and "dtype" not in given:
        options["dtype"] = None
        target = given["out"]
        ones = np.ones((1,) * array.ndim, array.dtype)
        found: Any = ufunc.reduce(ones, **{**options, "keepdims": True})
        ufunc.reduce(ones, **{**options, "keepdims": True}, out=np.empty(found.shape, target.dtype))
        if ufunc in (np.add, np.multiply):  # in the dtype of both, and then cast
            pair = target.dtype, array.dtype
            dtypes: Any = ufunc.resolve_dtypes((*pair, None), reduction=True, casting="unsafe")
            if dtypes[0].kind == "c" != target.dtype.kind:
                raise trace.plain()
            return dtypes[0]
        if found.dtype != target.dtype:
            raise trace.plain()  # it is computed in that dtype
        return found.dtype
    found = ufunc.reduce(np.ones((1,) * array.ndim, array.dtype), **options)
    return _np.dtype(found.dtype)


def _folded(
    trace: Any, ufunc: Any, name: str | None, x: Any, dtype: np.dtype[Any], given: dict[str, Any]
) -> Any:
    axis, where = given["axis"], given.get("where", True)
    initial = given.get("initial")
    if name is None:
        axes = normalize_axis_tuple(range(len(x.shape)) if axis is None else axis, len(x.shape))
        options = {"axis": axes, "keepdims": given["keepdims"], "dtype": dtype}
        asked = np.dtype(given["dtype"]) if given.get("dtype") is not None else x.dtype
        extra = {k: as_tensor(trace, given[k]) for k in ("initial", "where") if k in given}
        options |= {"name": ufunc.__name__, "given": tuple(extra)}
        return OPS["numpy_reduce"](convert(x, asked), *extra.values(), **options)
    x = convert(x, np.dtype(bool) if name in ("all", "any") else dtype)
    if where is not True:
        neutral = ufunc.identity if ufunc.identity is not None else initial
        other = convert(as_tensor(trace, neutral), x.dtype)
        x = OPS["where"](as_tensor(trace, where), x, other)
    if initial is not None and ufunc.identity is None:
        x = _with_initial(trace, ufunc, x, axis, initial)
    value = OPS[name](x, axis=axis, keepdims=given["keepdims"])
    if initial is not None and ufunc.identity is not None:
        start = convert(as_tensor(trace, initial), value.dtype)
        value = OPS[{"sum": "add", "prod": "multiply", "all": "logical_and",
                     "any": "logical_or"}[name]](start, value)  # fmt: skip
    return convert(value, dtype)


def _with_initial(trace: Any, ufunc: Any, x: Any, axis: Any, initial: Any) -> Any:
    """``initial`` as one more element along the first axis that is folded."""
    rank = len(x.shape)
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    along = next(iter(axes), 0) % max(rank, 1)
    first = convert(as_tensor(trace, initial), x.dtype)
    if not rank:
        return OPS[{"max": "maximum", "min": "minimum"}[FOLDS[ufunc]]](x, first)
    shape = [1 if i == along else n for i, n in enumerate(x.shape)]
    return OPS["concat"](OPS["broadcast_to"](first, shape=tuple(shape)), x, axis=along)
