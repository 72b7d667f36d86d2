"""Slices with bounds that are values of a loop: ``a[i, :j]``, ``x[i : i + 3]``.

A bound is brought into its axis as NumPy does it, where what is known of it does not say that it
lies there. The size of the slice is a number where the bounds differ by one, whatever they are;
else it is a symbol, the same for slices of which the bounds are computed alike: then they are
known to have one size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from twofold.ir import bind
from twofold.ir.dims import Dim, DimLike, evaluate, provably_le, symbols_of
from twofold.ir.dtypes import info
from twofold.ir.graph import Value
from twofold.ir.op import OPS
from twofold.ir.ops.slicing import resolve_index
from twofold.ir.ops.windows import block_update
from twofold.ir.ops.windows import window as take_window
from twofold.runtime.tensor import Tensor

from ..symint import SymInt, to_dims
from ..symnumber import SymNumber
from .links import Basic, Link

__all__ = ["EXAMPLE", "Position", "Window", "Windows", "is_bound", "same", "same_link",
           "same_value", "written"]  # fmt: skip

EXAMPLE = 2  # elements that a slice of unknown size has where NumPy is asked
_INT64 = np.dtype(np.int64)


class Linear(NamedTuple):
    """A number as a size plus values of the graph, each some times."""

    size: DimLike
    terms: tuple[tuple[Value, int], ...] = ()


class Position(Link):
    """One position along an axis, at an index that is a value of the trace, and checked."""

    def __init__(self, trace: Any, axis: int, index: Any) -> None:
        self.trace, self.axis, self.index = trace, axis, index

    def read(self, x: Any) -> Any:
        with self.trace.checked():
            return OPS["gather"](x, self.index, axis=self.axis)

    def write(self, x: Any, part: Any) -> Any:
        part = OPS["expand_dims"](part, axis=(self.axis,))
        return _put(x, part, {self.axis: OPS["cast"](self.index, dtype=_INT64)}, {})

    def apply(self, array: Any, env: Any) -> Any:
        return array[(*(slice(None),) * self.axis, 0)]  # the layout is that of any position


class Window(Link):
    """A slice along one axis, with a start and a count that are values of the trace."""

    def __init__(self, axis: int, start: Any, count: Any, length: DimLike) -> None:
        self.axis, self.start, self.count, self.length = axis, start, count, length

    def read(self, x: Any) -> Any:
        return take_window(x, self.start, self.count, axis=self.axis, length=self.length)

    def write(self, x: Any, part: Any) -> Any:
        return _put(x, part, {self.axis: self.start}, {})

    def apply(self, array: Any, env: Any) -> Any:
        known = not isinstance(self.length, Dim) or symbols_of(self.length) <= env.keys()
        count = evaluate(self.length, env) if known else EXAMPLE
        return array[(*(slice(None),) * self.axis, slice(0, count))]


def same_link(a: Link, b: Link) -> bool:
    """Whether two links show one part of an array, for certain."""
    if a is b:
        return True
    if isinstance(a, Basic) and isinstance(b, Basic):
        plain = all(type(k) in (int, slice, type(None), type(...)) for k in a.key)
        return plain and a.key == b.key
    if isinstance(a, Position) and isinstance(b, Position):
        return a.axis == b.axis and same(a.index, b.index)
    if isinstance(a, Window) and isinstance(b, Window):
        starts = linear(a.start.value), linear(b.start.value)
        return (a.axis, starts[0], a.length) == (b.axis, starts[1], b.length)
    return False


def _put(x: Any, part: Any, starts: dict[int, Any], steps: dict[int, int]) -> Any:
    rank = len(x.shape)
    given = [as_index(starts.get(axis, 0)) for axis in range(rank)]
    return block_update(
        x, part, OPS["stack"](given), steps=tuple(steps.get(axis, 1) for axis in range(rank))
    )


def as_index(number: Any) -> Any:
    """A number, a size or a value as an int64 scalar of the graph."""
    if isinstance(number, Tensor):
        return number if number.dtype == _INT64 else OPS["cast"](number, dtype=_INT64)
    if isinstance(number, SymInt | Dim):
        return OPS["cast"](OPS["dim"](dim=to_dims(number)), dtype=_INT64)
    return OPS["constant"](value=np.array(number, _INT64))


# ---- What a chain of links writes


def written(chain: Any, arrays: Any, value: Any) -> Any:
    """The value that a chain of links begins at, with another part at its end; None if no place in
    the chain is a value, or if its links are no positions and slices. ``arrays``: what each link
    is of."""
    if not any(isinstance(link, Position | Window) for link in chain):
        return None
    rank = len(arrays[0].shape)
    starts: list[Any] = [0] * rank
    steps, axes = [1] * rank, list(range(rank))
    for link, array in zip(chain, arrays, strict=True):
        found = _places(link, array)
        if found is None:
            return None
        for axis, (first, step, _) in zip(axes, found, strict=True):
            starts[axis] = _moved(starts[axis], first, steps[axis])
            steps[axis] *= step
        axes = [axis for axis, place in zip(axes, found, strict=True) if place.stays]
    missing = tuple(axis for axis in range(rank) if axis not in axes)
    part = OPS["expand_dims"](value, axis=missing) if missing else value
    places = OPS["stack"]([as_index(s) for s in starts])
    return block_update(arrays[0].tensor(), part, places, steps=tuple(steps))


class _Place(NamedTuple):
    """Where a link begins along an axis, its step, and whether the axis stays."""

    first: Any
    step: int = 1
    stays: bool = True


def _places(link: Link, array: Any) -> list[_Place] | None:
    """Where a link begins along each axis of what it is of."""
    found = [_Place(0)] * len(array.shape)
    if isinstance(link, Position):
        found[link.axis] = _Place(link.index, stays=False)
    elif isinstance(link, Window):
        found[link.axis] = _Place(link.start)
    elif isinstance(link, Basic) and not link.plan.new_axes:
        shape, sizes = array.tensor().value.type.shape, bind.ground().sizes
        entries, _ = resolve_index(to_dims(link.plan.entries), shape, sizes, "an index")
        found = [_Place(e[0], e[2]) if isinstance(e, tuple) else _Place(e, stays=False)
                 for e in entries]  # fmt: skip
    else:
        return None
    return found


def _moved(start: Any, first: Any, step: int) -> Any:
    """A start within a part that begins somewhere, with a step."""
    if type(start) is int and start == 0 and step == 1:
        return first
    if isinstance(start, Tensor) or isinstance(first, Tensor):
        return as_index(start) + as_index(first) * step
    return start + first * step


# ---- Bounds


def is_bound(x: Any) -> bool:
    """Whether a bound of a slice is a number that exists only when the graph runs."""
    return isinstance(x, SymNumber) and x.of_graph and isinstance(x, int)


class Windows:
    """The slices of one trace."""

    def __init__(self, home: Any) -> None:
        self.home = home
        self.lengths: dict[Any, DimLike] = {}  # symbols of sizes, by what they are computed as
        self.cuts: list[tuple[Any, DimLike, DimLike]] = []  # of bounds that may be anywhere

    def window(self, array: Any, axis: int, start: Any, stop: Any) -> Window:
        """``array[start:stop]`` along an axis. Raises PlainPython."""
        size = to_dims(array.shape[axis])
        if bind.ground() is self.home.tracer:
            raise self.home.plain()
        low, first = self._within(start, size, 0)
        high, last = self._within(stop, size, size)
        count, length = high - low, _difference(last, first)
        if not self._ordered(start, stop):
            count = OPS["maximum"](count, OPS["constant"](value=np.zeros((), _INT64)))
            length = None
        if length is None:
            return Window(axis, low, count, self._cut(start, stop, size))
        if length.terms:
            if length not in self.lengths:
                made = self.lengths[length] = self.home.sizes.fresh()
                self.home.sizes.parts[str(made)] = length.terms, length.size
            if self._holds_any(start, stop, size):
                self.home.sizes.positive.add(str(self.lengths[length]))
            return Window(axis, low, count, self.lengths[length])
        return Window(axis, low, count, length.size)

    def _holds_any(self, start: Any, stop: Any, size: DimLike) -> bool:
        """Whether a slice with bounds within its axis has elements, for certain."""
        most = 0 if start is None else _ends(start)[1]
        least = size if stop is None else _ends(stop)[0]
        return most is not None and least is not None and provably_le(1, least - most)

    def _cut(self, start: Any, stop: Any, size: DimLike) -> DimLike:
        """The size of a slice with bounds that may be anywhere: the same for the same bounds."""
        bounds = tuple([None if b is None else _value_of(b) for b in (start, stop)])
        for known, axis, length in self.cuts:
            pairs = list(zip(known, bounds, strict=True))
            if all(a is b or a is not None and b is not None and same(a, b) for a, b in pairs) and (
                self.home.sizes.require_same(axis, size)
            ):
                return length
        made: DimLike = self.home.sizes.fresh()
        self.cuts.append((bounds, size, made))
        return made

    def is_late(self, size: Any) -> bool:
        """Whether a size depends on values."""
        dim = to_dims(size)
        return isinstance(dim, Dim) and not symbols_of(dim).isdisjoint(self.home.sizes.late)

    def _within(self, bound: Any, size: DimLike, default: DimLike) -> tuple[Any, Any]:
        """A bound within its axis: its value, and what it is."""
        if bound is None:
            return as_index(default), Linear(default)
        least, most = _ends(bound)
        sizes = self.home.sizes
        if least is not None and sizes.require_at_most(0, least) and (
            sizes.require_at_most(most, size)
        ):  # fmt: skip
            made = _value_of(bound)
            return made, linear(made.value)
        made, whole = _value_of(bound), as_index(size)
        zero = OPS["constant"](value=np.zeros((), _INT64))
        counted = OPS["where"](OPS["less"](made, zero), made + whole, made)
        inside = OPS["minimum"](OPS["maximum"](counted, zero), whole)
        return inside, ("within", linear(made.value), size)

    def _ordered(self, start: Any, stop: Any) -> bool:
        """Whether a start is at most a stop, for certain, where both are brought into the axis: a
        negative one counts from the end."""
        if start is None or stop is None:
            return all(b is None or _ends(b)[0] is not None for b in (start, stop))
        low, high = (_ends(b) for b in (start, stop))
        if low[0] is None or high[0] is None:
            return False
        if not self.home.sizes.require_at_most(0, low[0]):
            return False
        a, b = linear(_value_of(start).value), linear(_value_of(stop).value)
        between = _difference(b, a)
        if between is not None and not between.terms:
            return bool(self.home.sizes.require_at_most(0, between.size))
        return bool(self.home.sizes.require_at_most(low[1], high[0]))


def _ends(bound: Any) -> tuple[Any, Any]:
    """The least and the most that a bound can be, or None twice."""
    if is_bound(bound):
        return to_dims(bound.bounds) if bound.bounds is not None else (None, None)
    size = to_dims(bound)
    return size, size


def _value_of(bound: Any) -> Any:
    return bound.tensor(_INT64) if is_bound(bound) else as_index(bound)


def _difference(a: Any, b: Any) -> Linear | None:
    """One number less another, if they are known well enough."""
    if type(a) is not Linear or type(b) is not Linear:
        return None
    return _sum(a, b, -1)


def _sum(a: Linear, b: Linear, sign: int) -> Linear:
    terms = dict(a.terms)
    for value, times in b.terms:
        terms[value] = terms.get(value, 0) + sign * times
    kept = sorted(((v, n) for v, n in terms.items() if n), key=lambda t: id(t[0]))
    return Linear(a.size + sign * b.size, tuple(kept))


def linear(value: Value, depth: int = 16) -> Linear:
    """What an integer of the graph is made of by sums, differences and multiples."""
    node = value.node
    name = node.op.name if node is not None and depth else ""
    if node is None or not name:
        return Linear(0, ((value, 1),))
    if name == "constant" and not node.out.type.shape:
        return Linear(int(node.attrs["value"]))
    if name == "dim":
        return Linear(node.attrs["dim"])
    if name in ("cast", "identity") and info(node.inputs[0].type.dtype).integer:
        return linear(node.inputs[0], depth - 1)
    if name in ("add", "subtract") and not any(v.type.shape for v in node.inputs):
        a, b = (linear(v, depth - 1) for v in node.inputs)
        return _sum(a, b, 1 if name == "add" else -1)
    if name == "multiply" and not any(v.type.shape for v in node.inputs):
        a, b = (linear(v, depth - 1) for v in node.inputs)
        for times, of in ((a, b), (b, a)):
            if type(times.size) is int and not times.terms:
                return Linear(of.size * times.size, _multiples(of.terms, times.size))
    return Linear(0, ((value, 1),))


def _multiples(terms: tuple[tuple[Value, int], ...], times: int) -> tuple[tuple[Value, int], ...]:
    return tuple([(value, n * times) for value, n in terms if times])


def same(a: Any, b: Any) -> bool:
    """Whether two tensors of the trace are the same value by how they were computed."""
    return same_value(a.value, b.value)


def same_value(a: Any, b: Any, depth: int = 20) -> bool:
    """The same of two values of a graph."""
    if a is b:
        return True
    x, y = a.node, b.node
    if x is None or y is None or not depth or x.op is not y.op or a.index != b.index:
        return False
    if x.regions or x.op.effects or x.op.kind == "random" or len(x.inputs) != len(y.inputs):
        return False
    if x.op.name == "constant":
        return a.type == b.type and np.array_equal(x.attrs["value"], y.attrs["value"])
    plain = all(type(v) in (int, float, bool, str, tuple, type(None)) for v in x.attrs.values())
    equal = plain and x.attrs == y.attrs or (not x.attrs and not y.attrs)
    if x.op.name in ("cast", "numpy_index", "dim"):
        equal = x.attrs == y.attrs
    return equal and all(
        same_value(i, j, depth - 1) for i, j in zip(x.inputs, y.inputs, strict=True)
    )
