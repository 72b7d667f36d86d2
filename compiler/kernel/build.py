"""From a fused node to a kernel: which element of which buffer each value is, in which sweep.

A value in half precision is computed in float32: every op rounds its result, as it does by itself,
whatever it is fused with (``ir/halves.py``), and what is rounded goes on as float32. So it has up
to two names: ``ids`` or ``widened`` have the one that is computed with, ``narrow`` the one that is
stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from twofold.ir.access import AccessMap
from twofold.ir.dims import DimLike
from twofold.ir.dtypes import info
from twofold.ir.graph import Graph, Node, Value

from .axes import merge_axes
from .buffers import contiguous, identifier, unique
from .control import build_control
from .expression import identity, keeps, normal, rename
from .loops import Buffer, Kernel, Loop
from .rewrite import reindexed
from .schedule import Values, is_zero, schedule
from .space import AxisMap, Space, is_one, loop_of, note_move
from .statements import Access, Apply, Const, Fold, Index, Load, Store

__all__ = ["build_kernel"]


class _View(NamedTuple):
    buffer: int
    offset: DimLike
    strides: tuple[DimLike, ...]
    shape: tuple[DimLike, ...]


class _Builder:
    """Turns the region of a fused node into a kernel."""

    def __init__(self, node: Node) -> None:
        self.region: Graph = node.regions[0]
        dims, self.reduced = node.attrs["dims"], frozenset(node.attrs["reduced"])
        self.space = Space(dims, self.reduced or None)
        self.loops = tuple(Loop(f"i{a}", d, a in self.reduced) for a, d in enumerate(dims))
        self.buffers: list[tuple[str, np.dtype[Any], bool]] = []
        self.views: dict[Value, _View] = {}
        self.ids: dict[Value, str] = {}
        self.narrow: dict[Value, str] = {}
        self.values = Values(self.reduced)
        self.loads: dict[Access, str] = {}
        self.widened: dict[str, str] = {}  # values in half precision -> in float32

    def build(self) -> Kernel:
        for i, value in enumerate(self.region.inputs):
            self.buffers.append((value.name or f"in{i}", value.type.dtype, False))
            shape = value.type.shape
            self.views[value] = _View(i, 0, contiguous(shape), shape)
        for node in self.region.nodes:
            self.visit(node)
        outputs = [self.output(i, v) for i, v in enumerate(self.region.outputs)]
        plan = schedule(self.values, outputs)
        name = identifier(self.region.name)
        kernel = Kernel(name, (), self.loops, plan.consts, plan.before, plan.sweeps)
        names = unique([name for name, _, _ in self.buffers], set(kernel.symbols()))
        buffers = [Buffer(n, d, out) for n, (_, d, out) in zip(names, self.buffers, strict=True)]
        kernel = replace(kernel, buffers=tuple(buffers))
        return merge_axes(kernel if self.loops else _with_a_loop(kernel))

    def visit(self, node: Node) -> None:
        out = node.out
        if node.op.name == "constant":
            dtype = info(out.type.dtype).computes_in
            const = Const(self.values.new_name("c"), dtype, node.attrs["value"].item())
            self.ids[out] = self.values.add(const, False, -1)
            return
        moved = note_move(node, self.space.moves)
        if moved is None or out in self.region.outputs:
            placed = self.space.add(node)
            assert placed, f"{node.op.name} does not fit the space of its group"
        if moved is not None:
            self.move(out, node.inputs[0], moved)
        elif node.op.kind == "reduce":
            self.reduce(node)
        else:
            self.apply(node)

    def move(self, out: Value, source: Value, access: AccessMap) -> None:
        """What is read from a buffer is read elsewhere; what is computed is the same element."""
        if source in self.ids or source in self.narrow:
            for names in (self.ids, self.narrow):
                if source in names:
                    names[out] = names[source]
            return
        view = self.views[source]
        offset, strides = access.strides(view.offset, view.strides)
        self.views[out] = _View(view.buffer, offset, strides, out.type.shape)

    def apply(self, node: Node) -> None:
        axis_map = self.space.axes[node.out]
        args = [self.operand(v, axis_map) for v in node.inputs]
        expr = rename(normal(node.op.expr or ""), dict(zip(node.op.tensors, args, strict=False)))
        self.computed(node, expr, args, self.space.level(axis_map) == "full")

    def computed(self, node: Node, expr: str, args: list[str], full: bool) -> None:
        """A value computed from others."""
        out = node.out
        own = info(out.type.dtype)
        if not own.half:
            self.ids[out] = self.applied(expr, own.dtype, args, full)
        elif node.op.name == "cast":  # rounded once, whatever it is cast from
            self.rounded(out, args[0], full)
        else:
            wide = self.applied(expr, own.computes_in, args, full)
            if keeps(expr):
                self.ids[out] = wide
            else:
                self.rounded(out, wide, full)

    def applied(self, expr: str, dtype: np.dtype[Any], args: list[str], full: bool) -> str:
        """A statement that computes an expression."""
        value = Apply(self.values.new_name("v"), dtype, expr)
        return self.values.add(value, full, self.values.ready(args, full))

    def rounded(self, out: Value, wide: str, full: bool) -> None:
        """A value in half precision, rounded from what was computed."""
        self.narrow[out] = self.applied(f"cast({wide})", out.type.dtype, [wide], full)

    def reduce(self, node: Node) -> None:
        source = node.inputs[0]
        have = self.space.filled(source)
        assert have is not None
        arg = self.operand(source, have)
        dtype = info(node.out.type.dtype).computes_in
        if all(have[i] is None for i in node.attrs["axis"]):  # axes of size 1: nothing to fold
            self.ids[node.out] = self.applied(
                f"cast({arg})", dtype, [arg], self.space.level(have) == "full"
            )
            return
        name = self.values.new_name("acc")
        expr = rename(normal(node.op.expr or ""), {"acc": name, "x": arg})
        fold = Fold(name, dtype, expr, identity(node, dtype))
        folded = self.values.add(fold, False, self.values.ready([arg], True))
        if dtype == node.out.type.dtype or node.op.neutral:
            self.ids[node.out] = folded
        else:
            self.rounded(node.out, folded, False)

    def operand(self, value: Value, axis_map: AxisMap) -> str:
        """The value at the current point, for a consumer whose axes run along ``axis_map``."""
        if value in self.ids:
            return self.ids[value]
        name = self.narrow[value] if value in self.narrow else self.loaded(value, axis_map)
        if not info(value.type.dtype).half:
            return name
        if name not in self.widened:
            wider = info(value.type.dtype).computes_in
            full = self.values.full[name]
            self.widened[name] = self.applied(f"cast({name})", wider, [name], full)
        return self.widened[name]

    def stored(self, value: Value, axis_map: AxisMap) -> str:
        """The value at the current point in its own dtype."""
        if value in self.narrow:
            return self.narrow[value]
        if value not in self.ids:
            return self.loaded(value, axis_map)
        name = self.ids[value]
        if not info(value.type.dtype).half:
            return name
        dtype, held = value.type.dtype, self.values.table[name]
        if isinstance(held, Const):
            const = Const(self.values.new_name("c"), dtype, held.value)
            self.narrow[value] = self.values.add(const, False, -1)
        else:
            full = self.values.full[name]
            self.narrow[value] = self.applied(f"cast({name})", dtype, [name], full)
        return self.narrow[value]

    def loaded(self, value: Value, axis_map: AxisMap) -> str:
        """The element of a buffer that the value is at the current point."""
        view = self.views[value]
        axes = axis_map[len(axis_map) - len(view.shape) :]
        index = self.index(
            view, [None if is_one(d) else a for a, d in zip(axes, view.shape, strict=True)]
        )
        access = Access(view.buffer, index)
        if access not in self.loads:
            full = not self.reduced or any(not is_zero(index.strides[a]) for a in self.reduced)
            load = Load(self.values.new_name("v"), self.buffers[view.buffer][1], access)
            self.loads[access] = self.values.add(load, full, 0 if full else -1)
        return self.loads[access]

    def output(self, i: int, value: Value) -> Store:
        """The store of a group output."""
        axis_map = self.space.axes[value]
        name = self.stored(value, axis_map)
        shape = value.type.shape
        own = _View(len(self.buffers), 0, contiguous(shape), shape)
        self.buffers.append((f"out{i}", value.type.dtype, True))
        return Store(Access(own.buffer, self.index(own, axis_map)), name)

    def index(self, view: _View, axes: Sequence[int | None]) -> Index:
        """Where an element of a view lies whose axes run along these loops, or backwards."""
        offset = view.offset
        strides: list[DimLike] = [0] * len(self.space.dims)
        for axis, stride, size in zip(axes, view.strides, view.shape, strict=True):
            if axis is None:
                continue
            if axis < 0:
                offset, stride = offset + stride * (size - 1), -1 * stride
            strides[loop_of(axis)] = stride
        return Index(offset, tuple(strides))


def _with_a_loop(kernel: Kernel) -> Kernel:
    """A kernel of values without axes runs along a loop of one."""
    loads = reindexed(kernel, lambda index: replace(index, strides=(0,)))
    sweep = loads.sweeps[0]
    inner = tuple(
        Store(replace(s.access, index=Index(0, (1,))), s.value) if isinstance(s, Store) else s
        for s in sweep.inner
    )
    return replace(loads, loops=(Loop("i0", 1),), sweeps=(replace(sweep, inner=inner),))


def build_kernel(node: Node) -> Kernel:
    """The kernel of a ``fused`` node."""
    (region,) = node.regions
    if any(inner.regions for inner in region.nodes):
        return build_control(region)
    return _Builder(node).build()
