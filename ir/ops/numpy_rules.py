"""Operations with NumPy's meaning where ours differs: what ndarrays in compiled functions use.

They cast without a check, and raise NumPy's own exceptions where values are at fault.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import info
from ..errors import ArgumentError
from ..infer import Attrs, Resolved, Types, as_dtype
from ..op import OPS, Sample, op
from ..shapes import Sizes, broadcast_shapes
from ..summation import add_up
from ..types import TensorType
from .sorting import length_of


def _astype_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    dtype = as_dtype(attrs["dtype"], op.name)
    return {"dtype": dtype}, (types[0].with_dtype(dtype),)


@op("opaque", _astype_rule, promote="none", shares_memory="never", widens=False, public=False,
    samples=[Sample("f[3]", dtype=np.dtype("int32"))])  # fmt: skip
def numpy_astype(x: Any, *, dtype: Any) -> Any:
    """``x.astype(dtype)``: what does not fit becomes what NumPy makes of it, without an error."""
    real = x.real if info(x.dtype).complex else x
    return real.astype(dtype)


@op("opaque", "same", promote="none", accepts="iu", may_raise=True, shares_memory="never",
    widens=False, public=False, samples=[Sample(np.array([0, 2]), np.array([3, 4]))])  # fmt: skip
def numpy_exponents(y: Any, x: Any) -> Any:
    """Integer exponents; raises ValueError if one is negative and there is a base for it."""
    if y.size and x.size and y.min() < 0:
        raise ValueError("Integers to negative integer powers are not allowed.")
    return y.copy()


@op(
    "elementwise",
    accepts="f",
    public=False,
    domain=(1.0, 9.0),
    samples=[
        Sample("f[3,4]", "f[4]"),
        Sample(np.array([-1.0, 1.0, 0.0, np.inf]), np.array([np.inf, -np.inf, -np.inf, 0.0])),
    ],
    expr="nan if isinf(x) and y != 0 else -1.0 if isinf(y) and x * y < 0 else floordiv(x, y)",
)
def numpy_floor_divide(x: Any, y: Any) -> Any:
    """NumPy's and Python's quotient, which belongs to ``x % y``: NaN of an infinite ``x``, -1 or 0
    of an infinite ``y``."""
    return np.floor_divide(x, y)


def _bincount_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    dtype = np.dtype(np.int64 if len(types) == 1 else np.float64)
    return attrs, (TensorType(dtype, (length_of(op, attrs),)),)


@op("opaque", _bincount_rule, promote="none", data_dependent=True, may_raise=True, public=False)
def numpy_bincount(x: Any, *weights: Any, minlength: int, length: Any = None) -> Any:
    """How often each number from 0 to the largest is in a vector, at least ``minlength`` of them
    (int64), or what the weights of each add up to (float64). Raises ValueError for a negative one.

    ``length``: the symbol for the count in a graph.
    """
    return np.bincount(x, weights[0] if weights else None, minlength)


def _index_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    return dict(attrs), (types[0].with_dtype(np.dtype("int64")),)


@op("opaque", _index_rule, promote="none", accepts="iu", may_raise=True, shares_memory="never",
    widens=False, public=False, samples=[Sample(np.array([0, -2]), size=3, axis=0)])  # fmt: skip
def numpy_index(i: Any, *, size: Any, axis: int) -> Any:
    """Positions along an axis, counted from its start; raises IndexError out of bounds."""
    i = i.astype(np.int64)  # its own dtype may not hold the size
    wrong = (i < -size) | (i >= size)
    if wrong.any():
        raise IndexError(
            f"index {i[wrong].flat[0]} is out of bounds for axis {axis} with size {size}"
        )
    return np.where(i < 0, i + size, i)


def _place_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    return attrs, (types[0],)


@op("index", _place_rule, promote="none", may_raise=True, shares_memory="never", public=False,
    samples=[Sample("f[3]", np.array([True, False, True]), "f[2]")])  # fmt: skip
def numpy_place(x: Any, mask: Any, values: Any) -> Any:
    """``x`` with ``values`` one after the other where ``mask`` holds: ``x[mask] = values``."""
    out = x.copy()
    out[mask] = values
    return out


@numpy_place.gradient
def numpy_place_vjp(g: Any, out: Any, x: Any, mask: Any, values: Any) -> Any:
    rest = len(x.shape) - len(mask.shape)
    wide = OPS["reshape"](mask, shape=(*mask.shape, *(1,) * rest))
    return lambda: OPS["where"](wide, 0, g), None, lambda: numpy_placed(g, mask, values)


def _placed_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    return attrs, (types[2].with_dtype(types[0].dtype),)


@op("index", _placed_rule, promote="none", accepts="biufc", shares_memory="never", public=False,
    samples=[Sample("f[3]", np.array([True, False, True]), "f[2]")])  # fmt: skip
def numpy_placed(x: Any, mask: Any, like: Any) -> Any:
    """``x[mask]`` in the shape of ``like``: sums where ``like`` was repeated."""
    part = x[mask]
    extra = part.ndim - like.ndim
    axes = (
        *range(extra),
        *[i + extra for i, n in enumerate(like.shape) if n != part.shape[i + extra]],
    )
    return add_up(part, axes, True).reshape(like.shape) if axes else part


@numpy_placed.gradient
def numpy_placed_vjp(g: Any, out: Any, x: Any, mask: Any, like: Any) -> Any:
    return lambda: numpy_place(OPS["zeros_like"](x), mask, g), None, None


def _ufunc_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    dtypes = tuple([as_dtype(d, op.name) for d in attrs["dtypes"]])
    ufunc = _ufunc(attrs["name"])
    if len(types) != ufunc.nin or len(dtypes) != ufunc.nout:
        raise ArgumentError(f"{op.name}: {attrs['name']} takes {ufunc.nin} inputs")
    shape = broadcast_shapes([t.shape for t in types], sizes, f"{attrs['name']}'s operands")
    return {"name": attrs["name"], "dtypes": dtypes}, tuple(TensorType(d, shape) for d in dtypes)


def _ufunc(name: str) -> Any:
    found = getattr(np, name, None)
    if not isinstance(found, np.ufunc) or found.signature is not None:
        raise ArgumentError(f"NumPy has no elementwise ufunc {name!r}")
    return found


@op("opaque", _ufunc_rule, promote="none", shares_memory="never", widens=False, public=False)
def numpy_ufunc(*xs: Any, name: str, dtypes: Any) -> Any:
    """An elementwise ufunc of NumPy by its name, with results of ``dtypes``."""
    ufunc = _ufunc(name)
    made = ufunc(*xs)
    outs = made if isinstance(made, tuple) else (made,)
    outs = tuple([np.asarray(o).astype(d, copy=False) for o, d in zip(outs, dtypes, strict=True)])
    return outs if len(outs) > 1 else outs[0]


@numpy_ufunc.gradient
def numpy_ufunc_vjp(g: Any, out: Any, *xs: Any, name: str, dtypes: Any) -> Any:
    raise ArgumentError(f"np.{name} has no gradient; write it with functions that have one")


def _accumulate_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    _ufunc(attrs["name"])
    return dict(attrs), (types[0].with_dtype(as_dtype(attrs["dtype"], op.name)),)


@op("opaque", _accumulate_rule, promote="none", shares_memory="never", widens=False, public=False)
def numpy_accumulate(x: Any, *, name: str, axis: int, dtype: Any) -> Any:
    """``ufunc.accumulate`` of NumPy's ufunc of that name."""
    return _ufunc(name).accumulate(x, axis=axis, dtype=dtype)


@numpy_accumulate.gradient
def numpy_accumulate_vjp(g: Any, out: Any, x: Any, *, name: str, axis: int, dtype: Any) -> Any:
    raise ArgumentError(f"np.{name}.accumulate has no gradient")


def _fold_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    _ufunc(attrs["name"])
    shape, axes = types[0].shape, attrs["axis"]
    kept = attrs["keepdims"]
    out = [1 if i in axes else n for i, n in enumerate(shape) if kept or i not in axes]
    return dict(attrs), (TensorType(as_dtype(attrs["dtype"], op.name), out),)


@op("opaque", _fold_rule, promote="none", may_raise=True, shares_memory="never", public=False)
def numpy_reduce(
    x: Any, *options: Any, name: str, axis: Any, keepdims: bool, dtype: Any, given: Any
) -> Any:
    """``ufunc.reduce`` of NumPy's ufunc of that name, over a tuple of axes; the result is cast.

    ``given``: the names of the options that are arrays, ``initial`` and ``where``.
    """
    values = {k: v[()] if k == "initial" else v for k, v in zip(given, options, strict=True)}
    made = _ufunc(name).reduce(x, axis=axis, keepdims=keepdims, **values)
    return np.asarray(made).astype(dtype, copy=False)


@numpy_reduce.gradient
def numpy_reduce_vjp(g: Any, out: Any, x: Any, *options: Any, name: str, **attrs: Any) -> Any:
    raise ArgumentError(f"np.{name}.reduce has no gradient")


def _parts_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    _ufunc(attrs["name"])
    shape = list(types[0].shape)
    shape[attrs["axis"]] = types[1].shape[0]
    return dict(attrs), (TensorType(as_dtype(attrs["dtype"], op.name), shape),)


@op("opaque", _parts_rule, promote="none", may_raise=True, shares_memory="never", public=False)
def numpy_reduceat(x: Any, places: Any, *, name: str, axis: int, dtype: Any) -> Any:
    """``ufunc.reduceat`` of NumPy's ufunc of that name."""
    return _ufunc(name).reduceat(x, places, axis=axis, dtype=dtype)


@numpy_reduceat.gradient
def numpy_reduceat_vjp(
    g: Any, out: Any, x: Any, places: Any, *, name: str, axis: int, dtype: Any
) -> Any:
    raise ArgumentError(f"np.{name}.reduceat has no gradient")


def _at_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    _ufunc(attrs["name"])
    return dict(attrs), (types[0],)


@op("index", _at_rule, promote="none", accepts="biufc", may_raise=True, shares_memory="never",
    public=False,
    samples=[Sample("f[3]", np.array([0, 0, 2]), "f[3]", name="add")])  # fmt: skip
def numpy_at(x: Any, places: Any, *values: Any, name: str) -> Any:
    """``ufunc.at(x, places, *values)`` on a copy of ``x``, a vector."""
    out = x.copy()
    _ufunc(name).at(out, places, *values)
    return out


@numpy_at.gradient
def numpy_at_vjp(g: Any, out: Any, x: Any, places: Any, *values: Any, name: str) -> Any:
    if name not in ("add", "subtract"):
        raise ArgumentError(f"np.{name}.at has no gradient")
    taken = OPS["gather"](g, places)
    return g, None, lambda: taken if name == "add" else -taken


@op("opaque", _astype_rule, promote="none", accepts="iuf", may_raise=True, shares_memory="never",
    widens=False, public=False)  # fmt: skip
def numpy_stored(x: Any, *, dtype: Any) -> Any:
    """A scalar stored in an array of ``dtype``: raises OverflowError if an integer does not fit,
    and ValueError for NaN."""
    out = np.zeros((), dtype)
    out[...] = x[()]
    return out
