"""Order: sort, argsort, top_k, searchsorted; and what depends on values: nonzero, unique."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, cast

import numpy as np

from ..dims import DimLike
from ..dtypes import info
from ..errors import ArgumentError, ShapeError, StagingError
from ..infer import Attrs, Resolved, Types, as_dtype, axis_of, require_fits
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes, show_shape
from ..types import TensorType
from . import movement
from .control import Replay
from .gather import gather, scatter_add
from .operand import as_tensor, size_attr

INT64 = np.dtype("int64")
_MANY = 1024  # elements from which on it pays to select the largest before they are sorted


def _sort_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    axis = axis_of(attrs["axis"], x.rank, op.name)
    flags = {k: bool(attrs[k]) for k in ("descending", "stable")}
    dtype = INT64 if op.name == "argsort" else x.dtype
    return {"axis": axis, **flags}, (TensorType(dtype, x.shape),)


TIES = np.array([[3, 1, 3, 2], [0, 0, 0, 0]], np.float32)
SORTS = [Sample("f[3,4]"), Sample("f[3,4]", axis=0), Sample("f[3,4]", descending=True)]


@op("opaque", _sort_rule, samples=SORTS)
def sort(x: Any, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Elements in rising (or falling) order along an axis; NaN counts as the largest."""
    out = np.sort(x, axis=axis, kind=None if _has_one_order(x) else "stable")
    return np.flip(out, axis) if descending else out


def _has_one_order(x: Any) -> bool:
    """Whether equal elements are the same bits, so that NumPy's quicker sort gives the stable one's
    result. Zeros of both signs are not, nor need complex numbers be."""
    if x.dtype.char not in "fd":
        return info(x.dtype).integer or info(x.dtype).boolean
    signs = np.signbit(x[x == 0])
    return not signs.any() or bool(signs.all())


@sort.gradient
def sort_vjp(g: Any, out: Any, x: Any, *, axis: int, descending: bool, stable: bool) -> Any:
    def back() -> Any:
        order = argsort(x, axis=axis, descending=descending, stable=True)
        return take_along_axis(g, argsort(order, axis=axis), axis=axis)

    return (back,)


@op("opaque", _sort_rule, samples=[*SORTS, Sample(TIES), Sample(TIES, descending=True)])
def argsort(x: Any, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Positions (int64) of the elements in sorted order; equal elements keep their order."""
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    back = np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)
    return x.shape[axis] - 1 - back


@composite(Sample("f[3,4]", np.array([[0, -1], [2, 2], [1, 0]]), axis=1),
           Sample("f[3,4]", np.array([[1, 0, 2, 2]]), axis=0))  # fmt: skip
def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
    """For each line along ``axis`` (None: of the flattened tensor) the elements that the line of
    ``indices`` names.

    The other axes of both have equal sizes, or 1. Raises IndexOutOfBoundsError, ShapeError.
    """
    x, indices = as_tensor(x), as_tensor(indices)
    x, axis = (movement.reshape(x, shape=(-1,)), 0) if axis is None else (x, axis)
    rank = len(x.shape)
    if len(indices.shape) != rank:
        raise ShapeError(
            f"take_along_axis: indices of shape {show_shape(indices.shape)} for "
            f"{show_shape(x.shape)}; both need the same number of axes"
        )
    spot = axis_of(axis, rank, "take_along_axis")
    wide = [n if m == 1 else m
            for n, m in zip(indices.shape, x.shape, strict=True)]  # fmt: skip
    x, indices = (
        movement.broadcast_to(y, shape=(*wide[:spot], y.shape[spot], *wide[spot + 1 :]))
        for y in (x, indices)
    )
    if spot == rank - 1:
        return gather(x, indices, axis=spot, batch_dims=spot)
    x, indices = movement.moveaxis(x, spot, -1), movement.moveaxis(indices, spot, -1)
    return movement.moveaxis(gather(x, indices, axis=rank - 1, batch_dims=rank - 1), -1, spot)


@composite(Sample("f[3,4]", np.array([2, 0]), axis=1))
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Slices along an axis (None: of the flattened tensor) at 1-d ``indices``."""
    if axis is None:
        x, axis = movement.reshape(x, shape=(-1,)), 0
    return gather(x, indices, axis=axis)


def _top_k_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,) = types
    k = size_attr(attrs["k"], "top_k")
    if not x.rank or (isinstance(k, int) and k < 0) or not sizes.require_at_most(k, x.shape[-1]):
        raise ArgumentError(f"top_k: k is {k}, but the shape is {show_shape(x.shape)}")
    shape = (*x.shape[:-1], k)
    return {"k": k}, (x.with_shape(shape), TensorType(INT64, shape))


@op("opaque", _top_k_rule, routine=True, samples=[Sample("f[3,4]", k=2), Sample("f[4]", k=4)])
def top_k(x: Any, *, k: Any = 1) -> Any:
    """The ``k`` largest elements along the last axis, falling, and their positions (int64).

    Ties take the lowest position first; NaN counts as the largest.
    """
    order = _selected(x, k)
    if order is None:
        order = argsort.body(x, axis=-1, descending=True)[..., :k]
    return np.take_along_axis(x, order, -1), order


def _selected(x: Any, k: int) -> Any:
    """The positions of the ``k`` largest, falling, without sorting the others; None where they are
    not so few, or not just those that reach the smallest of them (ties, NaNs)."""
    size = x.shape[-1]
    if not 0 < 4 * k <= size or x.size < _MANY:
        return None
    least = np.partition(x, size - k, axis=-1)[..., size - k, None]
    reached = x >= least
    if not np.all(np.count_nonzero(reached, axis=-1) == k):
        return None
    at = np.nonzero(reached)[-1].reshape(*x.shape[:-1], k)
    order = argsort.body(np.take_along_axis(x, at, -1), axis=-1, descending=True)
    return np.take_along_axis(at, order, -1)


@top_k.gradient
def top_k_vjp(g: Any, out: Any, x: Any, *, k: Any) -> Any:
    last = len(x.shape) - 1
    return (lambda: scatter_add(OPS["zeros_like"](x), out[1], g[0], axis=last, batch_dims=last),)


def _search_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    line, values = types
    if attrs["side"] not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side must be 'left' or 'right', not {attrs['side']!r}")
    batch: tuple[DimLike, ...] = line.shape[:-1]
    matches = line.rank >= 1 and (not batch or values.rank == line.rank)
    if not matches or not all(map(sizes.require_same, batch, values.shape)):
        raise ShapeError(
            f"searchsorted: sequences {show_shape(line.shape)} and values "
            f"{show_shape(values.shape)} must agree in all axes but the last"
        )
    return attrs, (TensorType(INT64, values.shape),)


@op("opaque", _search_rule, accepts="biuf",
    samples=[Sample(np.array([1, 2, 2, 5], np.float32), np.array([[2, 0], [7, 1]], np.float32)),
             Sample(np.array([[1, 2], [3, 4]], np.float32), np.array([[2], [2]], np.float32),
                    side="right")])  # fmt: skip
def searchsorted(
    sorted_sequence: Any, values: Any, *, side: Literal["left", "right"] = "left"
) -> Any:
    """Where (int64) each value would go in a rising sequence: before equal ones, or after.

    A sequence with several axes is searched line by line, with the matching line of ``values``.
    """
    if sorted_sequence.ndim == 1:
        return np.asarray(np.searchsorted(sorted_sequence, values, side), np.int64)
    out = np.empty(values.shape, np.int64)
    for at in np.ndindex(*values.shape[:-1]):
        out[at] = np.searchsorted(sorted_sequence[at], values[at], side)
    return out


def length_of(op: Any, attrs: Attrs) -> DimLike:
    """The size that values decide: a trace gives it a symbol."""
    found = attrs["length"]
    if found is None:
        raise StagingError(
            f"the size of the result of {op.name} depends on the values of its input, which exist "
            f"only when the graph runs: length= names it"
        )
    return cast(DimLike, found)


def _indices_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    shape = (length_of(op, attrs), types[0].rank)
    return attrs, (TensorType(np.dtype(np.int64), shape),)


def _unique_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    (x,), shape = types, (length_of(op, attrs),)
    where = TensorType(np.dtype(np.int64), shape)
    inverse = TensorType(np.dtype(np.int64), x.shape)
    return attrs, (x.with_shape(shape), where, inverse, where)


@op("opaque", _indices_rule, promote="none", data_dependent=True, public=False)
def where_indices(condition: Any, *, length: Any = None) -> Any:
    """Positions (int64) of the nonzero elements in row-major order: shape ``[count, rank]``.

    ``length``: the symbol for the count in a graph.
    """
    return np.argwhere(condition).astype(np.int64)


@composite()
def argwhere(condition: Any) -> Any:
    """Positions (int64) of the nonzero elements: ``[count, rank]``, in row-major order.

    The size depends on the values: in a compiled function it is a symbol.
    """
    return where_indices(condition)


@composite()
def nonzero(x: Any) -> Any:
    """Positions of the nonzero elements: one int64 tensor for each axis."""
    x = as_tensor(x)
    if not x.shape:
        raise ShapeError("nonzero: the tensor has no axes; use tf.reshape(x, (1,)) first")
    points = where_indices(x)
    return tuple(
        [OPS["strided_slice"](points, index=((None, None, None), i)) for i in range(len(x.shape))]
    )


def _upto_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    if types[0].rank or types[0].dtype.kind not in "iu":
        raise ArgumentError(f"{op.name}: the number is an integer without axes, not {types[0]}")
    return attrs, (TensorType(np.dtype(np.int64), (length_of(op, attrs),)),)


@op("opaque", _upto_rule, promote="none", data_dependent=True, may_raise=True, public=False)
def upto(number: Any, *, length: Any = None) -> Any:
    """``0, 1, ...`` below a number: what a size that the graph computes is the size of.

    A negative number is no size: plain Python makes the call, which knows what it means there.
    """
    if number < 0:
        raise Replay(f"a size of {number}")
    return np.arange(number, dtype=np.int64)


def _repeat_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    if types[0].rank != 1 or types[0].dtype != INT64:
        raise ArgumentError(f"{op.name}: the counts are int64 numbers along one axis")
    return attrs, (TensorType(INT64, (length_of(op, attrs),)),)


@op("opaque", _repeat_rule, promote="none", data_dependent=True, may_raise=True, public=False)
def repeat_positions(counts: Any, *, length: Any = None) -> Any:
    """Each position as often as its count says. Negative counts are an error of plain Python's."""
    if counts.size and counts.min() < 0:
        raise Replay("a negative count")
    return np.repeat(np.arange(counts.size, dtype=np.int64), counts)


def _holds_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    named = {n: size_attr(attrs[n], op.name) for n in ("left", "right")}
    return {**attrs, **named}, (TensorType(np.dtype(bool), ()),)


@op("create", _holds_rule, promote="none", may_raise=True, public=False)
def sizes_hold(*, left: Any, relation: Literal["==", "<="], right: Any) -> Any:
    """True where a relation that a graph relies on holds between sizes that it has made; plain
    Python makes the call where it does not."""
    if not (left == right if relation == "==" else left <= right):
        raise Replay(f"{left} {relation} {right} does not hold for sizes")
    return np.asarray(True)


@op("opaque", _unique_rule, promote="none", data_dependent=True, public=False)
def unique(x: Any, *, length: Any = None) -> Any:
    """Different values in rising order, first positions, inverse and counts; NaNs all differ.

    ``length``: the symbol for how many there are in a graph.
    """
    values, first, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    return values, first, inverse.reshape(x.shape), counts


class UniqueAll(NamedTuple):
    """What ``unique_all`` returns."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """What ``unique_counts`` returns."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """What ``unique_inverse`` returns."""

    values: Any
    inverse_indices: Any


@composite()
def unique_all(x: Any) -> UniqueAll:
    """Different values, rising; their first positions; which value each element is; counts."""
    return UniqueAll(*unique(x))


@composite()
def unique_counts(x: Any) -> UniqueCounts:
    """Different values, rising, and how often each occurs."""
    values, _, _, counts = unique(x)
    return UniqueCounts(values, counts)


@composite()
def unique_inverse(x: Any) -> UniqueInverse:
    """Different values, rising, and for each element which of them it is."""
    values, _, inverse, _ = unique(x)
    return UniqueInverse(values, inverse)


@composite()
def unique_values(x: Any) -> Any:
    """Different values in rising order; NaNs all differ."""
    return unique(x)[0]


@composite(Sample(np.array([0, 2, -1, 3]), 3), Sample(np.array([[1], [0]]), 2, axis=0))
def one_hot(
    indices: Any, depth: Any, on_value: Any = 1.0, off_value: Any = 0.0, axis: int = -1,
    dtype: Any = None,
) -> Any:  # fmt: skip
    """``on_value`` at the position that each index names along a new axis, ``off_value`` elsewhere.

    An index outside ``0..depth-1`` gives a line of ``off_value``.
    """
    indices = as_tensor(indices)
    if dtype is not None:
        dtype = as_dtype(dtype, "one_hot")
        for value in (on_value, off_value):
            require_fits(value, dtype, "one_hot", whole=True)
    if isinstance(depth, int) and depth < 0:
        raise ArgumentError(f"one_hot: depth must not be negative: {depth}")
    rank = len(indices.shape) + 1
    spot = axis_of(axis, rank, "one_hot")
    line = OPS["reshape"](
        OPS["arange"](depth, dtype=INT64), shape=tuple(-1 if i == spot else 1 for i in range(rank))
    )
    hit = OPS["equal"](movement.expand_dims(indices, axis=(spot,)), line)
    out = OPS["where"](hit, on_value, off_value)
    return out if dtype is None else OPS["cast"](out, dtype=dtype)
