"""Ufuncs on arrays of a trace: NumPy decides dtypes and errors, ops compute.

``resolve_dtypes`` of the ufunc gives the dtypes of its loop, a call on empty arrays raises what
NumPy raises for these dtypes, casts and numbers, and the op of that name computes in that loop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy._core import umath

from twofold.ir.dtypes import letter
from twofold.ir.errors import DTypeError
from twofold.ir.op import OPS
from twofold.ir.tensor_shape import LISTED
from twofold.runtime.interop import our_function
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from ..symint import SymInt
from ..symnumber import SymNumber
from .base import TracedArray, is_traced
from .indexing import checked_index
from .operands import (
    as_array,
    as_tensor,
    convert,
    dtype_of,
    fresh,
    into,
    laid_out,
    layouts,
    number,
    operand,
    result,
)
from .protocol import HOOKS, hook
from .reductions import reduce
from .selection import Selection

__all__ = ["call"]

CLIP: Any = umath.clip  # type: ignore[attr-defined]  # the ufunc behind np.clip
COMPARED = {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal}


@hook("ufunc")
def dispatch(trace: Any, ufunc: Any, kind: str, inputs: Any, options: Any) -> Any:
    """A call of a ufunc or of one of its methods, or NotImplemented where a tensor answers."""
    if any(type(x) is Selection for x in inputs):
        return HOOKS["selection"](trace, ufunc, kind, inputs, options)
    out = options.get("out")
    outs = out if isinstance(out, tuple) else (out,) if out is not None else ()
    if not any(map(is_traced, outs)) and any(isinstance(x, Tensor | Variable) for x in inputs):
        return NotImplemented
    options = {**options, "out": outs}
    if kind == "__call__":
        return call(trace, ufunc, inputs, **options)
    if kind == "reduce" and len(inputs) > 3:  # out= by position
        names = ("out", "keepdims", "initial", "where")
        options.update(zip(names, inputs[3:], strict=False))
        inputs = inputs[:3]
        options["out"] = () if options["out"] is None else (options["out"],)
    if kind == "reduce":
        return reduce(trace, ufunc, *inputs, **options)
    if kind == "outer":
        return outer(trace, ufunc, *inputs, **options)
    if kind == "accumulate":
        return accumulate(trace, ufunc, *inputs, **options)
    if kind == "at":
        return at(trace, ufunc, *inputs)
    if kind == "reduceat":
        return reduceat(trace, ufunc, *inputs, **options)
    raise trace.missing(f"np.{ufunc.__name__}.{kind} has no op here")


def call(
    trace: Any, ufunc: Any, inputs: Any, out: Any = (), where: Any = True, order: str = "K",
    subok: bool = True, **options: Any,
) -> Any:  # fmt: skip
    """``ufunc(*inputs, out=out, where=where)``."""
    inputs, out = inputs[: ufunc.nin], inputs[ufunc.nin :] or out
    as_arrays = len(out) == 1 and out[0] is Ellipsis  # arrays also where a result has no axes
    outs = () if as_arrays else tuple(out)
    outs += (None,) * (ufunc.nout - len(outs))
    outs = tuple([as_array(trace, o) if isinstance(o, np.ndarray) else o for o in outs])
    if any(o is not None and not (type(o) is TracedArray and o.writeable) for o in outs):
        raise trace.plain("call")
    results = _probe(trace, ufunc, inputs, outs, options)
    if ufunc is np.power and any(o is not None and o.cell.source is not None for o in outs):
        _settle_power(trace, inputs, results[0])
    made = _compute(trace, ufunc, inputs, outs, results, where, options)
    if as_arrays:
        made = tuple([as_array(trace, x) for x in made])
    return made[0] if len(made) == 1 else made


def _settle_power(trace: Any, inputs: Any, dtype: np.dtype[Any]) -> None:
    """Raise PlainPython where a negative exponent of integers may raise when some of an array
    from outside is written: NumPy goes as far as the first."""
    if letter(dtype) != "i" or letter(np.dtype(dtype_of(inputs[1]))) not in "ib":
        return
    exponents = inputs[1]
    if isinstance(exponents, SymNumber):
        exponents = None if exponents.of_graph else number(exponents)
    if is_traced(exponents) or isinstance(exponents, Tensor | Variable):
        exponents = trace.known(as_tensor(trace, exponents))
    if exponents is None or isinstance(exponents, SymInt) or np.any(np.asarray(exponents) < 0):
        raise trace.plain()


def _probe(trace: Any, ufunc: Any, inputs: Any, outs: Any, options: Any) -> list[Any]:
    """The dtypes of the results. Raises what the ufunc raises for these dtypes and numbers."""

    def empty(x: Any, rank: int) -> Any:
        if x is None or type(x) in (bool, int, float, complex):
            return x
        if isinstance(x, SymInt):
            return 1
        if isinstance(x, SymNumber):
            return number(x)
        return np.empty((0,) * rank, dtype_of(x))

    ranks = [1] * len(inputs)
    if ufunc.signature is not None:
        ranks = [len(as_tensor(trace, x).shape) for x in inputs]
    args = [empty(x, r) for x, r in zip(inputs, ranks, strict=False)]
    given = (
        {"out": tuple([empty(o, ranks[0]) for o in outs])}
        if any(o is not None for o in outs)
        else {}
    )
    with np.errstate(all="ignore"):
        if ufunc.signature is not None and given:  # the cast; shapes are checked where it runs
            small = [np.ones((1, 1), dtype_of(x)) for x in inputs]
            shape = np.shape(ufunc(*small, **options))
            ufunc(*small, **options, out=np.empty(shape, outs[0].dtype))
            given = {}
        found = ufunc(*args, **given, **options)
    found = found if isinstance(found, tuple) else (found,)
    return [x.dtype for x in found]


def _compute(
    trace: Any, ufunc: Any, inputs: Any, outs: Any, dtypes: list[Any], where: Any, options: Any
) -> tuple[Any, ...]:
    if ufunc.signature is not None:
        inputs = _along(trace, ufunc, inputs, options)
    values = _loop(trace, ufunc, inputs, dtypes, options)
    like = layouts(trace, inputs) if ufunc.signature is None else []
    made = []
    for value, target, dtype in zip(values, outs, dtypes, strict=True):
        if target is None:
            value = convert(value, dtype)
            if where is not True:  # what the mask leaves out is not defined
                value = OPS["where"](as_tensor(trace, where), value, OPS["zeros_like"](value))
            made.append(result(trace, value, like))
            continue
        cast, value = value.dtype != target.dtype, convert(value, target.dtype)
        old = target.tensor()
        if where is not True:
            if cast and any(getattr(x, "cell", None) is target.cell for x in inputs):
                raise trace.plain()  # NumPy casts there and back what the mask leaves out
            value = OPS["where"](as_tensor(trace, where), value, old)
        target.store(OPS["broadcast_to"](value, shape=old.shape))
        made.append(target)
    return tuple(made)


def _along(trace: Any, ufunc: Any, inputs: Any, options: Any) -> Any:
    """The operands of a product with the axis that it adds over at their end."""
    axis, rest = options.get("axis"), {k for k in ("axes", "keepdims") if options.get(k)}
    if rest or (axis is not None and ufunc is not np.vecdot):
        raise trace.missing(f"np.{ufunc.__name__} with axes of one's own has no op here")
    if axis is None:
        return inputs
    move: Any = np.moveaxis
    return tuple([move(as_array(trace, x), axis, -1) for x in inputs])


def _loop(trace: Any, ufunc: Any, inputs: Any, dtypes: list[Any], options: Any) -> tuple[Any, ...]:
    """The results in the dtypes of the loop."""
    if ufunc in COMPARED:
        always = _beyond(trace, ufunc, inputs)
        if always is not None:
            return (always,)
    signature = options.get("signature", options.get("sig"))
    if options.get("dtype") is not None:
        signature = (None,) * ufunc.nin + (np.dtype(options["dtype"]),) * ufunc.nout
    if isinstance(signature, str) or type(signature) is type:
        raise trace.missing(f"np.{ufunc.__name__} with signature={signature!r}")
    kinds = tuple([dtype_of(x) for x in inputs]) + (None,) * ufunc.nout
    rules = {"signature": signature, "casting": options.get("casting")}
    loop = ufunc.resolve_dtypes(kinds, **{k: v for k, v in rules.items() if v is not None})
    given = [operand(trace, x, d) for x, d in zip(inputs, loop, strict=False)]
    ours = SPECIAL.get(ufunc) or _op_of(ufunc)
    if ufunc is np.power and loop[-1] in (np.float32, np.float64) and _is_half(trace, inputs[1]):
        return (OPS["sqrt"](given[0]),)
    if ours is not None and ufunc.nout == 1 and len(set(loop[: ufunc.nin])) == 1:
        try:
            value = ours(*given)
        except DTypeError:  # complex numbers have an order in NumPy
            value = None
        if value is not None and value.dtype == loop[-1]:
            return (value,)
    names = ufunc_name(trace, ufunc)
    made = OPS["numpy_ufunc"](*given, name=names, dtypes=tuple(loop[ufunc.nin :]))
    return made if isinstance(made, tuple) else (made,)


def _is_half(trace: Any, exponent: Any) -> bool:
    """Whether an exponent is 0.5 for all elements: NumPy's loop then takes square roots."""
    if is_traced(exponent) and not exponent.shape:
        exponent = trace.known(exponent.tensor())
    kinds = (float, np.floating, np.ndarray)
    if is_traced(exponent) or not isinstance(exponent, kinds):
        return False
    return np.ndim(exponent) == 0 and bool(exponent == 0.5)


def _op_of(ufunc: Any) -> Any:
    if ufunc in PRODUCTS:
        return PRODUCTS[ufunc]
    return our_function(ufunc.__name__) if ufunc.signature is None or ufunc is np.matmul else None


def ufunc_name(trace: Any, ufunc: Any) -> str:
    """The name of a ufunc of NumPy. Raises StagingError for another."""
    name: str = ufunc.__name__
    if getattr(np, name, None) is not ufunc:
        raise trace.missing(f"the ufunc {name} has no op here")
    return name


def _beyond(trace: Any, ufunc: Any, inputs: Any) -> Any:
    """A comparison with a Python integer that the other's dtype cannot hold: always the same."""
    for constant, other in (inputs, inputs[::-1]):
        whole = constant
        if isinstance(constant, SymNumber):
            whole = None if constant.of_graph else number(constant)
        if type(whole) is not int:
            continue
        dtype = dtype_of(other)
        if not isinstance(dtype, np.dtype) or letter(dtype) not in "iu":
            continue
        limits = np.iinfo(dtype)
        if limits.min <= whole <= limits.max:
            continue
        if isinstance(constant, SymNumber):
            constant.plain()
        zero = np.zeros((), dtype)
        says = ufunc(whole, zero) if constant is inputs[0] else ufunc(zero, whole)
        tensor = as_tensor(trace, other)
        return OPS["splat"](bool(says), shape=tensor.shape)
    return None


def outer(trace: Any, ufunc: Any, a: Any, b: Any, **options: Any) -> Any:
    """``ufunc.outer(a, b)``."""
    a, b = as_array(trace, a), as_array(trace, b)
    return call(trace, ufunc, (a[(..., *(None,) * b.ndim)], b), **options)


def accumulate(
    trace: Any, ufunc: Any, array: Any, axis: Any = 0, dtype: Any = None, out: Any = ()
) -> Any:
    """``ufunc.accumulate(array, axis)``."""
    x = as_array(trace, array)
    want = ufunc.accumulate(np.ones((1,) * x.ndim, x.dtype), axis=axis, dtype=dtype).dtype
    along = int(axis) % max(x.ndim, 1)
    name = {np.add: "cumsum", np.multiply: "cumprod"}.get(ufunc)
    if name is not None:
        made = OPS[name](convert(x.tensor(), want), axis=along)
    else:
        made = OPS["numpy_accumulate"](
            x.tensor(), name=ufunc_name(trace, ufunc), axis=along, dtype=want
        )
    if not out:
        return laid_out(trace, made, ufunc.accumulate, (x, axis))
    return into(trace, fresh(trace, made), out[0])


def reduceat(
    trace: Any, ufunc: Any, array: Any, indices: Any, axis: Any = 0, dtype: Any = None,
    out: Any = (),
) -> Any:  # fmt: skip
    """``ufunc.reduceat(array, indices, axis)``."""
    x = as_array(trace, array)
    empty = type(indices) in LISTED and not indices
    places = as_array(trace, np.zeros(0, np.intp) if empty else indices)
    some = np.zeros(min(places.ndim, 1) or (), places.dtype)  # it raises
    want = ufunc.reduceat(np.ones((1,) * x.ndim, x.dtype), some, axis=axis, dtype=dtype).dtype
    given = convert(places.tensor(), np.dtype(np.intp))
    made = OPS["numpy_reduceat"](
        x.tensor(), given, name=ufunc_name(trace, ufunc), axis=int(axis) % x.ndim, dtype=want
    )
    if not out:
        return result(trace, made)
    return into(trace, fresh(trace, made), out[0])


def at(trace: Any, ufunc: Any, array: Any, indices: Any, *values: Any) -> None:
    """``ufunc.at(array, indices, values)``: through the numbers of the elements, which the indices
    of a vector are."""
    target = as_array(trace, array)
    if not target.writeable:
        raise trace.plain()  # NumPy lets it write to a read-only array
    kinds = [np.ones(1, as_tensor(trace, v).dtype) for v in values]
    with np.errstate(all="ignore"):
        ufunc.at(np.ones(1, target.dtype), [0], *kinds)
    old = target.tensor()
    count = target.size
    kind = letter(indices.dtype) if target.ndim == 1 and is_traced(indices) else ""
    if kind in ("i", "u"):
        places = checked_index(trace, indices.tensor(), count, 0)
    else:
        numbers = fresh(trace, OPS["arange"](start=0, stop=count, step=1, dtype=np.dtype(np.int64)))
        places = as_array(trace, numbers.reshape(target.shape)[indices]).tensor()
    given = [as_tensor(trace, v) for v in values]
    wide = [OPS["broadcast_to"](v, shape=places.shape) for v in given]
    flat = OPS["reshape"](old, shape=(-1,))
    made = OPS["numpy_at"](flat, places, *wide, name=ufunc_name(trace, ufunc))
    target.store(OPS["reshape"](made, shape=old.shape))


# ---- loops whose meaning differs from our op's ----------------------------------------------


def _by_zero(name: str, floating: str = "") -> Any:
    """Integer division: 0 where the divisor is 0, as NumPy has it; ``floating``: of the others."""

    def divide(x: Any, y: Any) -> Any:
        if letter(x.dtype) not in "iu":
            return OPS[floating or name](x, y)
        one, zero = _number(y, 1), _number(y, 0)
        none = OPS["equal"](y, zero)
        return OPS["where"](none, zero, OPS[name](x, OPS["where"](none, one, y)))

    return divide


def _number(like: Any, value: int) -> Any:
    return OPS["constant"](value=np.array(value, like.dtype))


def _power(x: Any, y: Any) -> Any:
    if letter(y.dtype) == "i":
        y = OPS["numpy_exponents"](y, x)
    return OPS["power"](x, y)


def _vecdot(x: Any, y: Any) -> Any:
    x = OPS["conjugate"](x) if letter(x.dtype) == "c" else x
    return OPS["matmul"](x[..., None, :], y[..., :, None])[..., 0, 0]


def _vecmat(x: Any, y: Any) -> Any:
    x = OPS["conjugate"](x) if letter(x.dtype) == "c" else x
    return OPS["matmul"](x[..., None, :], y)[..., 0, :]


def _matvec(x: Any, y: Any) -> Any:
    return OPS["matmul"](x, y[..., :, None])[..., 0]


PRODUCTS: dict[Any, Any] = {np.vecdot: _vecdot}
if hasattr(np, "matvec"):  # NumPy 2.2
    PRODUCTS.update({np.matvec: _matvec, np.vecmat: _vecmat})

SPECIAL: dict[Any, Any] = {
    np.floor_divide: _by_zero("floor_divide", "numpy_floor_divide"),
    np.remainder: _by_zero("remainder"),
    np.fmod: _by_zero("fmod"),
    np.power: _power,
}
