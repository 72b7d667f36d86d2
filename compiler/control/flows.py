"""The elements of a ``tf.TensorArray`` in a trace.

``Fixed``: a tensor with a row for each element. ``Grown``: a growable buffer, where writes behind
the end make more elements, or their number is found only when the graph runs. As long as the type
of an element is not known, ``Unwritten`` stands for both; a write, a branch or a trip that has a
first element begins them, with zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.dims import Dim, DimLike
from twofold.ir.graph import Value
from twofold.ir.op import OPS
from twofold.ir.types import BufferType, TensorType
from twofold.runtime.carried import ArrayKind, State, own_tensor, truth

from ..plain import PlainPython
from ..symint import SymInt, size_or_int, to_dims
from ..trace import Traced
from .branch import stage_branches
from .loop import stage_while

__all__ = ["Unwritten", "begin", "flow_of", "start"]

INT = np.dtype(np.int32)


class Unwritten:
    """Elements of a type that is not known yet, in a trace or a region."""

    def __init__(self, kind: ArrayKind, trace: Any) -> None:
        self.kind, self.trace = kind, trace

    def inside(self, trace: Any) -> Unwritten:
        """The same as the state of a region."""
        return Unwritten(self.kind, trace)

    def follows(self, other: Any) -> bool:
        """Whether another leaf may take the place of this one in a loop or a branch."""
        return isinstance(other, Unwritten | Traced)

    def begun(self, like: Traced) -> Any:
        """The elements in the present graph, of the type that another flow of the array has."""
        kind = like.value.type
        plain = kind.with_shape(kind.shape[1:])
        return start(self.kind, kind.element if isinstance(kind, BufferType) else plain)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unwritten) and self.kind == other.kind

    def __hash__(self) -> int:
        return hash(self.kind)

    def __repr__(self) -> str:
        return f"{self.kind} without elements"


def begin(kind: ArrayKind, size: Any) -> Any:
    """The elements of a new array. Raises PlainPython if they may have several shapes."""
    if not kind.one_shape:
        raise PlainPython
    kind.rows = _rows_of(size)
    kind.grown = kind.dynamic or not isinstance(kind.rows, int | Dim)
    if kind.grown:
        kind.rows = own_tensor(size, INT)
    if kind.shape is None:
        return Unwritten(kind, bind.ground())
    return start(kind, TensorType(kind.dtype, kind.shape))


def _rows_of(size: Any) -> Any:
    """A number of elements as a size, if it is known without the values of a call."""
    if isinstance(size, int | SymInt | np.integer):
        return to_dims(size)
    value = bind.ground().value(own_tensor(size))
    found = size_of(value)
    return size if found is None else found


def size_of(value: Value) -> DimLike | None:
    """The size that an integer of a graph is: of ``tf.shape(x)[0]``, a constant."""
    node = value.node
    if node is None:
        return None
    name, attrs = node.op.name, node.attrs
    if name == "constant":
        found = attrs["value"]
        return int(found) if found.size == 1 else None
    if name == "dim":
        size: DimLike = attrs["dim"]
        return size
    if name in ("cast", "identity", "reshape"):
        return size_of(node.inputs[0])
    source = node.inputs[0].node if node.inputs else None
    while source is not None and source.op.name == "cast":
        source = source.inputs[0].node
    if name == "strided_slice" and source is not None and source.op.name == "stack":
        index = attrs["index"]
        if len(index) == 1 and isinstance(index[0], int):
            return size_of(source.inputs[index[0]])
    return None


def start(kind: ArrayKind, element: TensorType) -> Any:
    """Elements of this type: zeros, or an empty buffer."""
    if kind.grown:
        return OPS["buffer_new"](of=element)
    zero = OPS["cast"](0, dtype=kind.dtype)
    return OPS["splat"](zero, shape=(kind.rows, *element.shape))


def flow_of(kind: ArrayKind, flow: Any) -> Any:
    """The elements with the methods of an array. Raises PlainPython for those of a list that was
    made outside of the trace."""
    if not isinstance(flow, Unwritten | Traced):
        raise PlainPython("call")
    return (Grown if kind.grown else Fixed)(kind, flow)


class Fixed:
    """A tensor with a row for each element."""

    def __init__(self, kind: ArrayKind, flow: Any) -> None:
        self.kind, self.flow = kind, flow

    def rows(self) -> Any:
        """The elements as a tensor. Raises ArgumentError if their type is not known."""
        if isinstance(self.flow, Unwritten):
            self.kind.refuse_unknown()
        return self.flow

    def shape(self) -> Any:
        """The shape of each element, or None."""
        return None if isinstance(self.flow, Unwritten) else tuple(self.flow.shape[1:])

    def size(self) -> Any:
        if isinstance(self.flow, Unwritten):
            sizes: Any = bind.ground().sizes
            return own_tensor(size_or_int(self.kind.rows, sizes))
        return own_tensor(self.flow.shape[0])

    def place(self, index: Any) -> Any:
        """An index as a tensor: one that is negative is out of range."""
        at = own_tensor(index, INT)
        return OPS["where"](at < 0, at - self.size(), at)

    def read(self, index: Any) -> Any:
        return OPS["gather"](self.rows(), self.place(index), axis=0)

    def write(self, index: Any, x: Any) -> Any:
        flow = self.begun(x)
        made = own_tensor(flow)
        made[self.place(index)] = x
        flow.hold(made.value)
        return flow

    def begun(self, x: Any) -> Any:
        """The flow, for a first element of this type. Raises ShapeError."""
        shape = self.shape()
        if shape is None:
            return start(self.kind, x.value.type)
        if len(shape) != len(x.shape) or any(a != b for a, b in zip(shape, x.shape, strict=True)):
            self.kind.refuse_shape(tuple(x.shape), shape)
        return self.flow

    def stack(self) -> Any:
        return own_tensor(self.rows())

    def gather(self, indices: Any) -> Any:
        return OPS["gather"](self.rows(), self.place(indices), axis=0)

    def concat(self) -> Any:
        rows = self.stack()
        n, m, *rest = rows.shape
        return OPS["reshape"](rows, shape=(n * m, *rest))

    def unstack(self, value: Any) -> Any:
        if value.shape[0] > size_or_int(self.kind.rows, value.trace.sizes):
            self.kind.refuse_rows(value.shape[0], self.kind.rows)
        return own_tensor(value)

    def scatter(self, indices: Any, value: Any) -> Any:
        flow = self.begun(value[0])
        at = OPS["expand_dims"](self.place(indices), axis=-1)
        made = OPS["tensor_scatter_nd_update"](flow, at, value)
        flow.hold(made.value)
        return flow

    def split(self, value: Any, lengths: Any) -> Any:
        raise PlainPython  # the parts may have several sizes


class Grown(Fixed):
    """A growable buffer of those elements that are written, or stand before one that is."""

    def shape(self) -> Any:
        """The shape of each element, or None."""
        return None if isinstance(self.flow, Unwritten) else tuple(self.flow.shape)

    def count(self) -> Any:
        """How many elements the buffer has."""
        if isinstance(self.flow, Unwritten):
            return own_tensor(0)
        return _length(self.flow)

    def size(self) -> Any:
        return OPS["maximum"](self.count(), own_tensor(self.kind.rows))

    def read(self, index: Any) -> Any:
        flow, at, size = self.rows(), own_tensor(index, INT), self.size()

        def behind() -> Any:
            return _choose(at < size, lambda: _zeros(flow), lambda: OPS["buffer_get"](flow, at))

        return _choose(at < self.count(), lambda: OPS["buffer_get"](flow, at), behind)

    def write(self, index: Any, x: Any) -> Any:
        flow, at = self.begun(x), own_tensor(index, INT)
        if not self.kind.dynamic:
            at = OPS["where"](at < self.size(), at, -1)
        made = _choose(
            at < _length(flow),
            lambda: OPS["buffer_set"](flow, at, x),
            lambda: OPS["buffer_push"](_filled(flow, at), x),
        )
        flow.hold(made.value)
        return flow

    def stack(self) -> Any:
        whole = _filled(self.rows(), own_tensor(self.kind.rows))
        sizes: Any = bind.ground().sizes
        return OPS["buffer_rows"](whole, length=sizes.fresh())

    def gather(self, indices: Any) -> Any:
        return OPS["gather"](self.stack(), self.place(indices), axis=0)

    def unstack(self, value: Any) -> Any:
        if not self.kind.dynamic:
            raise PlainPython  # whether they fit is known when it runs
        self.kind = self.kind.without_rows(own_tensor(0))
        return OPS["buffer_of"](value)

    def scatter(self, indices: Any, value: Any) -> Any:
        at = own_tensor(indices, INT)

        def step(pair: Any) -> Any:
            i, flow = pair
            row = OPS["gather"](value, i, axis=0)
            return i + 1, Grown(self.kind, flow).write(OPS["gather"](at, i, axis=0), row)

        state = State.of((0, self.begun(value[0])), "TensorArray.scatter")
        last = stage_while(lambda pair: pair[0] < at.shape[0], step, state, truth)[1]
        if isinstance(self.flow, Traced):
            self.flow.hold(last.value)
            return self.flow
        return last


def _length(flow: Any) -> Any:
    return OPS["cast"](OPS["buffer_size"](flow), dtype=INT)


def _zeros(flow: Any) -> Any:
    return OPS["splat"](OPS["cast"](0, dtype=flow.dtype), shape=tuple(flow.shape))


def _filled(flow: Any, size: Any) -> Any:
    """A buffer with zeros at its end, up to so many elements."""
    if size_of(size.value) == 0:
        return flow
    state = State.of((flow,), "TensorArray")
    return stage_while(
        lambda held: _length(held[0]) < size,
        lambda held: (OPS["buffer_push"](held[0], _zeros(held[0])),),
        state,
        truth,
    )[0]


def _choose(holds: Any, first: Any, second: Any) -> Any:
    selector = bind.ground().value(holds)
    branches = [("first", first), ("second", second)]
    return stage_branches("cond", selector, branches, "TensorArray")
