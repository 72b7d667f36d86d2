"""Values whose sizes only the run knows, as every trip or branch can keep them.

A trip may keep a value of another size than the last, a branch one whose sizes the other has not.
Such a value is kept *packed*, its elements as a buffer, and each size as a *mark*, a buffer with
so many elements of no bytes. Stacked again, the marks bind the sizes, and the elements get their
shape.

    %b: buffer f32[] = buffer_of(%elements)          %m: bool[k,0] = buffer_rows(%mark) {length=<k>}
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from twofold.ir.dims import Dim, DimLike, symbol, symbols_of
from twofold.ir.errors import StagingError
from twofold.ir.graph import Graph, Value
from twofold.ir.op import OPS
from twofold.ir.types import BufferType, TensorType

from ..plain import PlainPython
from ..sizes import TraceSizes

__all__ = [
    "MARK", "bound", "loosened", "made_inside", "marked", "pack", "packed", "retyped", "unpack",
]  # fmt: skip

NOTHING = TensorType(np.dtype(bool), (0,))
MARK = BufferType.of(NOTHING)


def made_inside(graph: Graph, outside: Iterable[TensorType], sizes: TraceSizes) -> frozenset[str]:
    """The sizes that a region binds or makes: they are not known around it."""
    known = set(sizes.hints).union(*[t.symbols() for t in outside])
    found = frozenset[str]().union(*[v.type.symbols() for v in graph.inputs])
    for node in graph.nodes:
        if node.makes_sizes:
            inputs = frozenset[str]().union(*[v.type.symbols() for v in node.inputs])
            found |= frozenset[str]().union(*[v.type.symbols() for v in node.outputs]) - inputs
    return found - known


def packed(kind: TensorType, inside: frozenset[str], sizes: TraceSizes) -> TensorType:
    """The type that values of a type are kept as. Raises StagingError for a buffer of them (in a
    trace, which then goes over to plain Python, PlainPython)."""
    if kind.symbols().isdisjoint(inside):
        return kind
    if isinstance(kind, BufferType):
        if sizes.tracing:
            raise PlainPython(words="the gradient of a loop in a loop whose sizes change")
        raise StagingError(
            f"the gradient of a loop in a loop whose sizes change from trip to trip would keep "
            f"{kind}; give what the inner loop carries a fixed size"
        )
    return BufferType(kind.dtype)


def pack(graph: Graph, value: Value) -> Value:
    """Append the elements of a tensor as a buffer."""
    kind = value.type
    if kind.rank != 1:
        flat = TensorType(kind.dtype, (kind.size,))
        value = graph.add(OPS["reshape"], (value,), {"shape": flat.shape}, types=[flat]).out
    return graph.add(OPS["buffer_of"], (value,), types=[BufferType(kind.dtype)]).out


def unpack(graph: Graph, buffer: Value, kind: TensorType) -> Value:
    """Append the tensor of a type whose elements a buffer has."""
    flat = TensorType(kind.dtype, (kind.size,))
    value = graph.add(OPS["buffer_stack"], (buffer,), {"length": kind.size}, types=[flat]).out
    if kind.rank == 1:
        return value
    return graph.add(OPS["reshape"], (value,), {"shape": kind.shape}, types=[kind]).out


def retyped(graph: Graph, value: Value, kind: TensorType) -> Value:
    """A tensor as one of another type, whose sizes are the same when the graph runs."""
    if value.type == kind or isinstance(kind, BufferType):
        return value
    return unpack(graph, pack(graph, value), kind)


def marked(graph: Graph, name: str) -> Value:
    """Append the mark of a size."""
    kind = TensorType(NOTHING.dtype, (symbol(name), 0))
    none = graph.add(OPS["constant"], (), {"value": np.zeros((), bool)}).out
    rows = graph.add(OPS["splat"], (none,), {"shape": kind.shape}, types=[kind]).out
    return graph.add(OPS["buffer_of"], (rows,), types=[MARK]).out


def bound(graph: Graph, mark: Value, name: str) -> None:
    """Append what binds a size by its mark."""
    kind = TensorType(NOTHING.dtype, (symbol(name), 0))
    graph.add(OPS["buffer_rows"], (mark,), {"length": symbol(name)}, types=[kind])


def loosened(kind: TensorType, inside: frozenset[str], sizes: TraceSizes) -> TensorType:
    """A type with a new symbol for each size that is known inside only."""

    def free(dim: DimLike) -> DimLike:
        return sizes.fresh() if isinstance(dim, Dim) and symbols_of(dim) & inside else dim

    return kind.sized([free(dim) for dim in kind.shape])
