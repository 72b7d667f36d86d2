"""Cells: the memory that arrays of a trace share, with its present value and its layout.

A cell stands for the memory of one ndarray: an argument, an array that the function captured, or
one that it made. Its value is a tensor of the trace, replaced by each write. What is written to an
argument or a captured array reaches it by an ``assign`` node, before an operation that may raise
and at the end, so the caller's array has exactly the writes that Python would have done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from twofold.ir import bind
from twofold.ir.dims import evaluate
from twofold.ir.graph import Value
from twofold.ir.op import OPS
from twofold.ir.types import RefType

from ..symint import to_dims
from .windows import EXAMPLE

_np: Any = np

__all__ = ["Cell", "Cells", "Target", "kept_order", "laid_out"]


def laid_out(shape: Sequence[int], dtype: Any, strides: Any = None) -> np.ndarray[Any, Any]:
    """An array of this layout without its memory: only its metadata may be used."""
    if strides is None:
        step, found = dtype.itemsize, []
        for n in reversed(shape):
            found.append(step)
            step *= max(n, 1)
        strides = tuple(reversed(found))
    return as_strided(np.empty(1, dtype), tuple(shape), strides)


class _Hints(dict[str, int]):
    """The sizes of the example call, and some for those that are found when the graph runs."""

    def __init__(self, sizes: Any) -> None:
        super().__init__(sizes.hints)
        self.late = sizes.late

    def __missing__(self, name: str) -> int:
        if name not in self.late:
            raise KeyError(name)
        return EXAMPLE


class Target:
    """Where writes go after a call: an argument, by its position, or a captured array."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def array(self, leaves: Any) -> np.ndarray[Any, Any]:
        """The array of this call."""
        found: np.ndarray[Any, Any] = (
            leaves[self.source] if self.source.__class__ is int else self.source
        )
        return found

    def at(self, leaves: Any) -> Reference:
        """What an ``assign`` node of this call writes to."""
        return Reference(self.array(leaves))


class Reference:
    """An ndarray as the state that a compiled function assigns to: it is written in place."""

    __slots__ = ("target",)

    def __init__(self, target: np.ndarray[Any, Any]) -> None:
        self.target = target

    @property
    def array(self) -> np.ndarray[Any, Any]:
        """The present elements."""
        return self.target

    @array.setter
    def array(self, value: np.ndarray[Any, Any]) -> None:
        if value is not self.target:  # else it was computed there
            np.copyto(self.target, value)


class Cell:
    """The memory of one base array."""

    __slots__ = (
        "axes", "born", "contiguous", "dirty", "layout", "source", "tensor", "version",
        "writeable",
    )  # fmt: skip

    def __init__(
        self, tensor: Any, source: Any, layout: np.ndarray[Any, Any], contiguous: bool,
        writeable: bool, axes: Sequence[int] | None = None,
    ) -> None:  # fmt: skip
        self.tensor = tensor
        self.version = 0
        self.source = source  # an argument's position, a captured array, or None: made here
        self.layout = layout  # a stand-in with the strides of the example call
        self.contiguous = contiguous  # row-major for all sizes, not only the example's
        self.axes = axes  # of an array made here: from the outermost in memory; None: in order
        self.writeable = writeable
        self.dirty = False
        self.born: Any = bind.ground() if source is None else None  # the trace that made it

    def put(self, tensor: Any) -> None:
        """Replace the value."""
        ground: Any = bind.ground()  # a tracer
        ground.arrays.writes_to(self)
        ground.writes_to(self, self.tensor, getattr(self.tensor, "trace", None))
        self.tensor = tensor
        self.version += 1
        self.dirty = self.source is not None


class Cells:
    """The cells of one trace."""

    def __init__(self, tracer: Any) -> None:
        self.tracer = tracer
        self.all: list[Cell] = []  # those of arguments and captured arrays
        self._references: dict[int, Value] = {}
        self.targets: list[Any] = []  # sources that are written to

    def outer(self, tensor: Any, source: Any, array: np.ndarray[Any, Any]) -> Cell:
        """The cell of an argument or of a captured array."""
        layout = laid_out(array.shape, array.dtype, array.strides)
        flags = array.flags
        cell = Cell(tensor, source, layout, flags.c_contiguous, flags.writeable)
        self.all.append(cell)
        return cell

    def fresh(self, tensor: Any, like: Sequence[Any] = ()) -> Cell:
        """The cell of a new array. ``like``: the operands of a ufunc, whose order it keeps."""
        shape = self.hints(tensor.shape)
        arrays = [a for a in like if a.layout.ndim]
        if all(a.contiguous for a in arrays):
            return Cell(tensor, None, laid_out(shape, tensor.dtype), True, True)
        for a in arrays:
            if a.chain:
                _settle(a)
        axes = kept_order([_roomy(a) for a in arrays])
        memory = laid_out([shape[i] for i in axes], tensor.dtype)
        return Cell(tensor, None, memory.transpose(np.argsort(axes)), False, True, axes)

    def ordered(self, tensor: Any, example: np.ndarray[Any, Any]) -> Cell:
        """The cell of a new array whose axes lie in memory as those of an example."""
        layout = laid_out(example.shape, tensor.dtype, example.strides)
        axes = sorted(range(layout.ndim), key=lambda i: -abs(layout.strides[i]))
        return Cell(tensor, None, layout, False, True, axes)

    def hints(self, shape: Any) -> tuple[int, ...]:
        """The sizes of the example call."""
        sizes = self.tracer.sizes
        dims = to_dims(tuple(shape))
        return tuple([d if isinstance(d, int) else evaluate(d, _Hints(sizes)) for d in dims])

    def flush(self) -> None:
        """Append a write for each outer array that was written to since the last time."""
        for cell in self.all:
            if cell.dirty:
                cell.dirty = False
                value = self.tracer.tracer.value(cell.tensor)
                graph = self.tracer.graph
                graph.add(
                    OPS["assign"], (self._reference(cell, value), value), sizes=self.tracer.sizes
                )

    def _reference(self, cell: Cell, value: Value) -> Value:
        found = self._references.get(id(cell))
        if found is None:
            type_ = RefType(value.type.dtype, value.type.shape)
            found = self.tracer.graph.input(type_, "written")
            self._references[id(cell)] = found
            self.tracer.captures.append(Target(cell.source))
            self.targets.append(cell.source)
            self.tracer.may_write(cell)
        return found


def _settle(view: Any) -> None:
    """Rely on axes of a view that have at most one element: where they lie, no step says."""
    for n, hint in zip(view.shape, view.layout.shape, strict=True):
        if hint < 2 and n.__class__ is not int:
            n.__index__()


def _roomy(array: Any) -> np.ndarray[Any, Any]:
    """The layout of an array with more than one element along each axis that can have them."""
    layout, axes = array.layout, array.cell.axes
    pairs = zip(array.shape, layout.shape, strict=True)
    shape = [hint if n.__class__ is int else max(hint, 2) for n, hint in pairs]
    if axes is None or array.chain:
        return as_strided(layout, shape, layout.strides)
    memory = laid_out([shape[i] for i in axes], layout.dtype)
    return memory.transpose(np.argsort(axes))


def kept_order(layouts: list[np.ndarray[Any, Any]]) -> list[int]:
    """The axes of what NumPy computes from arrays (order "K"), from the outermost in memory."""
    flags = [["readonly"]] * len(layouts) + [["writeonly", "allocate"]]
    iterator = _np.nditer(
        [*layouts, None], flags=["external_loop", "zerosize_ok"], op_flags=flags, order="K"
    )
    out = iterator.operands[-1]
    return sorted(range(out.ndim), key=lambda i: -out.strides[i])
