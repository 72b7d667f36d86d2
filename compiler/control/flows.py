"""The elements of a ``tf.TensorArray`` in a trace.

They are a growable buffer, which a write behind its end makes longer (``Grown``); what was not
written is zeros. As long as the type of an element is not known, ``Unwritten`` stands for it; a
write, a branch or a trip that has a first element begins it.
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
from .loop import stage_while

__all__ = ["Unwritten", "begin", "flow_of", "outside", "start"]

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
        assert isinstance(kind, BufferType)
        return start(self.kind, kind.element)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unwritten) and self.kind == other.kind

    def __hash__(self) -> int:
        return hash(self.kind)

    def __repr__(self) -> str:
        return f"{self.kind} without elements"


def begin(kind: ArrayKind, size: Any) -> Any:
    """The elements of a new array. Raises PlainPython if they may have several shapes."""
    if not kind.one_shape:
        raise PlainPython(words="a TensorArray whose elements may have several shapes")
    kind.rows = _rows_of(size)
    if not isinstance(kind.rows, int | Dim):
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
    """A buffer for elements of this type."""
    return OPS["buffer_new"](of=element)


def flow_of(kind: ArrayKind, flow: Any) -> Any:
    """The elements with the methods of an array, also those that are the rows of an argument's.
    Raises PlainPython for those of a list that was made outside of the trace."""
    if not isinstance(flow, Unwritten | Traced):
        raise PlainPython("call", words="a TensorArray that was made outside")
    if isinstance(flow, Traced) and not isinstance(flow.value.type, BufferType):
        if not flow.shape:
            raise PlainPython(words="a TensorArray of which the size alone is given")
        kind, flow = kind.without_rows(to_dims(flow.shape[0])), OPS["buffer_of"](flow)
    return Grown(kind, flow)


def outside(kind: ArrayKind, flow: Any) -> tuple[ArrayKind, Any]:
    """An array as a compiled function returns it: what it is, and its elements as the rows of a
    tensor, or their number where their type is not known.

    Raises PlainPython for the list of an array that was made outside of the trace.
    """
    made = flow_of(kind, flow)
    elements = made.size() if isinstance(flow, Unwritten) else made.stack()
    return ArrayKind(kind.dtype, kind.dynamic, kind.one_shape, kind.shape), elements


class Grown:
    """A growable buffer of those elements that are written, or stand before one that is."""

    def __init__(self, kind: ArrayKind, flow: Any) -> None:
        self.kind, self.flow = kind, flow

    def buffer(self) -> Any:
        """The buffer. Raises ArgumentError if the type of its elements is not known."""
        if isinstance(self.flow, Unwritten):
            self.kind.refuse_unknown()
        return self.flow

    def shape(self) -> Any:
        """The shape of each element, or None."""
        return None if isinstance(self.flow, Unwritten) else tuple(self.flow.shape)

    def rows(self) -> Any:
        """How many elements there are at least."""
        if not isinstance(self.kind.rows, int | Dim):
            return own_tensor(self.kind.rows)
        sizes: Any = bind.ground().sizes
        return own_tensor(size_or_int(self.kind.rows, sizes))

    def size(self) -> Any:
        if not self.kind.dynamic or isinstance(self.flow, Unwritten):
            return self.rows()
        count = OPS["cast"](OPS["buffer_size"](self.flow), dtype=INT)
        return count if self.kind.rows == 0 else OPS["maximum"](count, self.rows())

    def place(self, index: Any, access: str) -> Any:
        """An index as a tensor, which is a position of the array when it runs."""
        return OPS["array_position"](own_tensor(index, INT), self.size(), access=access)

    def read(self, index: Any) -> Any:
        return OPS["buffer_read"](self.buffer(), self.place(index, "read"))

    def write(self, index: Any, x: Any) -> Any:
        flow = self.begun(x)
        at = self.place(index, "grow" if self.kind.dynamic else "write")
        flow.hold(OPS["buffer_write"](flow, at, x)[0].value)
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
        rows, whole = self.kind.rows, self.buffer()
        sizes: Any = bind.ground().sizes
        if not self.kind.dynamic or not isinstance(rows, int) or rows:
            whole = OPS["buffer_fill"](whole, self.rows())[0]
        if self.kind.dynamic or not isinstance(rows, int | Dim):
            return OPS["buffer_rows"](whole, length=sizes.fresh())
        return OPS["buffer_stack"](whole, length=rows)

    def gather(self, indices: Any) -> Any:
        return OPS["gather"](self.stack(), self.place(indices, "read"), axis=0)

    def concat(self) -> Any:
        rows = self.stack()
        n, m, *rest = rows.shape
        return OPS["reshape"](rows, shape=(n * m, *rest))

    def unstack(self, value: Any) -> Any:
        sizes: Any = bind.ground().sizes
        if self.kind.dynamic:
            self.kind = self.kind.without_rows(0)
        elif not isinstance(self.kind.rows, int | Dim):
            raise PlainPython(words="unstack of a TensorArray whose size values decide")
        elif value.shape[0] > size_or_int(self.kind.rows, sizes):
            self.kind.refuse_rows(value.shape[0], self.kind.rows)
        else:
            self.kind = self.kind.without_rows(to_dims(value.shape[0]))
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

    def split(self, value: Any, lengths: Any) -> Any:
        raise PlainPython(words="TensorArray.split, whose parts may have several sizes,")
