"""From a fused node to a kernel: which element of which buffer each value is, in which sweep.

A value in half precision is computed in float32: every op rounds its result, as it does by itself,
whatever it is fused with (``ir/halves.py``), and what is rounded goes on as float32. So it has up
to two names: ``ids`` or ``widened`` have the one that is computed with, ``narrow`` the one that is
stored.

A value is asked for at a position (``Where``), the one where its reader stands. So what was moved
is read, or computed, where it was before; what is joined from pieces is what stands in the box.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twofold.ir.access import AccessMap, Axis, access_of
from twofold.ir.dims import DimLike
from twofold.ir.dtypes import info
from twofold.ir.graph import Graph, Node, Value

from ..loading import late
from .axes import merge_axes
from .buffers import contiguous, identifier, unique
from .checks import with_checks
from .data import replace
from .expression import expression_of, identity, keeps, normal, rename
from .loops import Buffer, Kernel, Loop
from .pieces import NOTHING, Part, Stands, parts_of
from .points import by_point
from .rewrite import reindexed
from .schedule import Values, is_zero, schedule
from .space import AxisMap, Space, is_one, note_move
from .statements import Access, Apply, Const, Fold, Index, Load, Store

__all__ = ["build_kernels"]


Where = tuple[Axis, ...]  # for each axis of a value the loop, start and step of its position


class _Builder:
    """Writes one kernel of a fused node: what its values are at a point of the loops.

    ``stands``: which piece of a joined value is written; see ``pieces.py``.
    """

    def __init__(
        self, node: Node, name: str, loops: Sequence[Loop], stands: Stands = NOTHING
    ) -> None:
        self.region: Graph = node.regions[0]
        self.name, self.loops, self.stands = name, tuple(loops), stands
        self.reduced = frozenset(a for a, loop in enumerate(loops) if loop.fold)
        self.buffers = [(v.name or f"in{i}", v.type.dtype, False)
                        for i, v in enumerate(self.region.inputs)]  # fmt: skip
        self.number = {v: i for i, v in enumerate(self.region.inputs)}
        self.folded: dict[Value, Where] = {}  # where the inputs of reductions are read
        self.ids: dict[tuple[Value, Where], str] = {}
        self.narrow: dict[tuple[Value, Where], str] = {}
        self.consts: dict[tuple[Value, np.dtype[Any]], str] = {}
        self.values = Values(self.reduced)
        self.loads: dict[Access, str] = {}
        self.widened: dict[str, str] = {}  # values in half precision -> in float32

    def finish(self, outputs: Sequence[Store]) -> Kernel:
        """The kernel that writes these outputs."""
        plan = schedule(self.values, list(outputs))
        kernel = with_checks(
            Kernel(self.name, (), self.loops, plan.consts, plan.before, plan.sweeps)
        )
        names = unique([name for name, _, _ in self.buffers], set(kernel.symbols()))
        buffers = [Buffer(n, d, out) for n, (_, d, out) in zip(names, self.buffers, strict=True)]
        kernel = replace(kernel, buffers=tuple(buffers))
        return merge_axes(kernel if self.loops else _with_a_loop(kernel))

    def at(self, value: Value, where: Where) -> str:
        """The value at a position of it, as it is computed with."""
        base, place = self.behind(value, where)
        if isinstance(base, Const):
            return self.constant(value, base.value, info(base.dtype).computes_in)
        key = base, place
        name = self.ids.get(key) or self.narrow.get(key) or self.made(base, place)
        own = info(base.type.dtype)
        if key in self.ids or not own.half:
            return name
        if name not in self.widened:
            full = self.values.full[name]
            self.widened[name] = self.applied(f"cast({name})", own.computes_in, [name], full)
        return self.widened[name]

    def stored(self, value: Value, where: Where) -> str:
        """The value at a position of it, in its own dtype."""
        base, place = self.behind(value, where)
        if isinstance(base, Const):
            return self.constant(value, base.value, base.dtype)
        key, dtype = (base, place), base.type.dtype
        if key not in self.narrow:
            name = self.ids.get(key) or self.made(base, place)
            if key not in self.ids or not info(dtype).half:
                return name
            self.narrow[key] = self.applied(f"cast({name})", dtype, [name], self.values.full[name])
        return self.narrow[key]

    def behind(self, value: Value, where: Where) -> tuple[Value | Const, Where]:
        """What is computed or loaded, and where, for a value that is moved or joined."""
        while value not in self.number:
            node = value.node
            assert node is not None
            if node.op.name == "constant":
                return Const("", value.type.dtype, node.attrs["value"].item()), ()
            access = access_of(node)
            if access is None and value in self.stands:
                piece, inside = self.stands[value]
                if piece.source is None:
                    number = np.asarray(piece.value).astype(value.type.dtype)
                    return Const("", number.dtype, number.item()), ()
                where = tuple(
                    Axis(axis.source, span.start, span.step)
                    for axis, span in zip(where, inside, strict=True)
                )
                access, value = piece.access, node.inputs[piece.source]
            elif access is None:
                break
            else:
                value = node.inputs[0]
            where = read(access, where, value.type.rank)
        return value, where

    def constant(self, value: Value, number: Any, dtype: np.dtype[Any]) -> str:
        """A number in a dtype."""
        key = value, dtype
        if key not in self.consts:
            const = Const(self.values.new_name("c"), dtype, number)
            self.consts[key] = self.values.add(const, False, -1)
        return self.consts[key]

    def made(self, value: Value, where: Where) -> str:
        """Load or compute a value; its name in the dtype in which it was made."""
        if value in self.number:
            return self.load(value, where)
        node = value.node
        assert node is not None
        if node.op.kind == "reduce":
            self.reduce(node, where)
        else:
            self.apply(node, where)
        return self.ids.get((value, where)) or self.narrow[value, where]

    def apply(self, node: Node, where: Where) -> None:
        """An elementwise op; an axis of size 1 of an operand stands still."""
        args = []
        for v in node.inputs:
            axes = where[len(where) - v.type.rank :]
            args.append(self.at(v, tuple(
                Axis(None) if is_one(d) else axis
                for d, axis in zip(v.type.shape, axes, strict=True)
            )))  # fmt: skip
        expr = rename(expression_of(node), dict(zip(node.op.tensors, args, strict=False)))
        own, full = info(node.out.type.dtype), self.is_full(where)
        key = node.out, where
        if not own.half:
            self.ids[key] = self.applied(expr, own.dtype, args, full)
        elif node.op.name == "cast":  # rounded once, whatever it is cast from
            self.narrow[key] = self.applied(expr, own.dtype, args, full)
        else:
            wide = self.applied(expr, own.computes_in, args, full)
            if keeps(expr):
                self.ids[key] = wide
            else:
                self.rounded(key, wide, full)

    def is_full(self, where: Where) -> bool:
        """Whether what has this position differs along the folded loops, if there are any."""
        return not self.reduced or any(axis.source in self.reduced for axis in where)

    def applied(self, expr: str, dtype: np.dtype[Any], args: list[str], full: bool) -> str:
        """A statement that computes an expression."""
        value = Apply(self.values.new_name("v"), dtype, expr)
        return self.values.add(value, full, self.values.ready(args, full))

    def rounded(self, key: tuple[Value, Where], wide: str, full: bool) -> None:
        """A value in half precision, rounded from what was computed."""
        self.narrow[key] = self.applied(f"cast({wide})", key[0].type.dtype, [wide], full)

    def reduce(self, node: Node, where: Where) -> None:
        """A reduction over loops; ``folded`` says where its input is read."""
        key, have = (node.out, where), self.folded[node.out]
        arg = self.at(node.inputs[0], have)
        dtype = info(node.out.type.dtype).computes_in
        if all(have[i].source is None for i in node.attrs["axis"]):  # axes of size 1
            self.ids[key] = self.applied(f"cast({arg})", dtype, [arg], self.is_full(have))
            return
        name = self.values.new_name("acc")
        expr = rename(normal(node.op.expr or ""), {"acc": name, "x": arg})
        fold = Fold(name, dtype, expr, identity(node, dtype))
        found = self.values.add(fold, False, self.values.ready([arg], True))
        if dtype == node.out.type.dtype or node.op.neutral:
            self.ids[key] = found
        else:
            self.rounded(key, found, False)

    def load(self, value: Value, where: Where) -> str:
        """An element of an input."""
        access = Access(self.number[value], self.index(value, where))
        if access not in self.loads:
            strides = access.index.strides
            full = not self.reduced or any(not is_zero(strides[a]) for a in self.reduced)
            load = Load(self.values.new_name("v"), value.type.dtype, access)
            self.loads[access] = self.values.add(load, full, 0 if full else -1)
        return self.loads[access]

    def output(self, i: int, value: Value, where: Where) -> Store:
        """The store of an output."""
        name = self.stored(value, where)
        self.buffers.append((f"out{i}", value.type.dtype, True))
        return Store(Access(len(self.buffers) - 1, self.index(value, where)), name)

    def index(self, value: Value, where: Where) -> Index:
        """Where an element of a value lies in its memory, which is row-major."""
        offset: DimLike = 0
        strides: list[DimLike] = [0] * len(self.loops)
        for axis, stride in zip(where, contiguous(value.type.shape), strict=True):
            offset = offset + stride * axis.start
            if axis.source is not None:
                strides[axis.source] = strides[axis.source] + stride * axis.step
        return Index(offset, tuple(strides))


def read(access: AccessMap, where: Where, rank: int) -> Where:
    """The position in its input, which has so many axes, of a moved value's element."""
    found = [Axis(None)] * rank
    for source, index in access.fixed:
        found[source] = Axis(None, index)
    for axis, place in zip(access.axes, where, strict=True):
        if axis.source is not None:
            start = axis.start + place.start * axis.step
            found[axis.source] = Axis(place.source, start, place.step * axis.step)
    return tuple(found)


def _with_a_loop(kernel: Kernel) -> Kernel:
    """A kernel of values without axes runs along a loop of one."""
    loads = reindexed(kernel, lambda index: replace(index, strides=(0,)))
    sweep = loads.sweeps[0]
    inner = tuple(
        Store(replace(s.access, index=replace(s.access.index, strides=(1,))), s.value)
        if isinstance(s, Store) else s
        for s in sweep.inner
    )  # fmt: skip
    return replace(loads, loops=(Loop("i0", 1),), sweeps=(replace(sweep, inner=inner),))


def build_kernels(node: Node) -> tuple[Kernel, ...]:
    """The kernels of a ``fused`` node, which run in order: one, or one for each box of a value
    that is joined from pieces."""
    (region,) = node.regions
    if any(map(by_point, region.nodes)):
        return (late("kernel.control").build_control(region),)
    name = identifier(region.name)
    parts = parts_of(region)
    if parts is None:
        return (_placed(node, name),)
    return tuple(
        _boxed(node, f"{name}_{i}" if len(parts) > 1 else name, part)
        for i, part in enumerate(parts)
    )


def _placed(node: Node, name: str) -> Kernel:
    """The kernel of a group whose values share one iteration space."""
    region, reduced = node.regions[0], frozenset(node.attrs.get("reduced", ()))
    dims = node.attrs["dims"]
    loops = [Loop(f"i{a}", d, a in reduced) for a, d in enumerate(dims)]
    space, builder = Space(dims, reduced or None), _Builder(node, name, loops)

    def where(axes: AxisMap) -> Where:
        return tuple(
            Axis(None) if a is None else Axis(a) if a >= 0 else Axis(~a, dims[~a] - 1, -1)
            for a in axes
        )

    for member in region.nodes:
        out = member.out
        if member.op.name == "constant":
            continue
        if note_move(member, space.moves) is None or out in region.outputs:
            assert space.add(member), f"{member.op.name} does not fit the space of its group"
            if member.op.kind == "reduce":
                have = space.filled(member.inputs[0])
                assert have is not None
                builder.folded[out] = where(have)
            builder.at(out, where(space.axes[out]))
    return builder.finish([
        builder.output(i, v, where(space.axes[v])) for i, v in enumerate(region.outputs)
    ])  # fmt: skip


def _boxed(node: Node, name: str, part: Part) -> Kernel:
    """The kernel of one box of the outputs, which have one shape."""
    where: list[Axis] = []
    loops: list[Loop] = []
    for span in part.box:
        if is_one(span.size):
            where.append(Axis(None, span.start))
            continue
        where.append(Axis(len(loops), span.start, span.step))
        loops.append(Loop(f"i{len(loops)}", span.size))
    builder = _Builder(node, name, loops, part.stands)
    outputs = node.regions[0].outputs
    return builder.finish([builder.output(i, v, tuple(where)) for i, v in enumerate(outputs)])
