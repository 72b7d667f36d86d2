"""The second, smaller IR: one kernel is a loop nest over scalars.

A kernel loops over ``dims``; the axes in ``reduced`` are folded. Work is split into stages: each
runs the reduced loops once (``inner``: once for every point), folds accumulators and stores, then
computes its ``post`` instructions once for each point of the kept axes. A value of an earlier
stage is loaded again, recomputed if that is cheap, or kept in an output buffer meanwhile.

Invariants: an instruction's arguments come before it; an access gives a stride for every loop;
the strides of stores are those of a contiguous array.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from twofold.ir.dims import DimLike, product, provably_eq
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.record import literal_number

from .expression import MOVES, calls
from .space import AxisMap, Space, is_one

__all__ = ["Access", "Fold", "Instr", "Kernel", "Stage", "Store", "build_kernel"]

CHEAP = frozenset({"abs", "minimum", "maximum", "sign", "cast", "isnan", "isinf", "isfinite",
                   "floor", "ceil", "round", "trunc", "copysign", "sqrt", "fma"})  # fmt: skip


class Access(NamedTuple):
    """Where a buffer is read or written: offset + sum of index * stride, in elements."""

    buffer: int
    offset: DimLike
    strides: tuple[DimLike, ...]


class Instr(NamedTuple):
    """``load`` (access), ``const`` (value) or ``apply`` (expr over args named by params)."""

    id: int
    kind: str
    dtype: np.dtype[Any]
    args: tuple[int, ...] = ()
    access: Access | None = None
    value: Any = None
    expr: str = ""
    params: tuple[str, ...] = ()
    compute: np.dtype[Any] | None = None  # the dtype that the expression's literals take


class Fold(NamedTuple):
    """One accumulator: ``acc = expr(acc, x)`` over the reduced axes, starting at ``identity``."""

    id: int
    arg: int
    expr: str
    identity: Any
    dtype: np.dtype[Any]


class Store(NamedTuple):
    """Write a value to a buffer."""

    access: Access
    arg: int
    dtype: np.dtype[Any]


class Stage:
    """One run of the inner loops and what follows it."""

    def __init__(self) -> None:
        self.inner: list[Instr] = []
        self.folds: list[Fold] = []
        self.stores: list[Store] = []
        self.post: list[Instr] = []
        self.post_stores: list[Store] = []


class Kernel:
    """A loop nest; see the module."""

    def __init__(self, name: str, dims: tuple[DimLike, ...], reduced: frozenset[int]) -> None:
        self.name, self.dims, self.reduced = name, dims, reduced
        self.buffers: list[np.dtype[Any]] = []
        self.n_inputs = 0
        self.names: list[str] = []
        self.stages: list[Stage] = []

    @property
    def mode(self) -> str:
        """``map`` (no reduction), ``row``, ``column`` or ``total`` (everything is reduced)."""
        if not self.reduced:
            return "map"
        if len(self.reduced) == len(self.dims):
            return "total"
        return "row" if len(self.dims) - 1 in self.reduced else "column"

    def instructions(self) -> Iterable[Instr]:
        """All instructions of all stages."""
        for stage in self.stages:
            yield from stage.inner
            yield from stage.post

    def accesses(self) -> Iterable[Access]:
        """All accesses."""
        for instr in self.instructions():
            if instr.access is not None:
                yield instr.access
        for stage in self.stages:
            yield from (s.access for s in stage.stores + stage.post_stores)

    def params(self) -> list[DimLike]:
        """Sizes, strides and offsets that are not small constants: the kernel's integers."""
        found: dict[DimLike, None] = dict.fromkeys(self.dims)
        for access in self.accesses():
            for item in (access.offset, *access.strides):
                if not (isinstance(item, int) and item in (0, 1)):
                    found[item] = None
        return list(found)

    def key(self) -> str:
        """The kernel's content: equal keys mean equal machine code."""
        index = {d: i for i, d in enumerate(self.params())}
        parts: list[Any] = [
            [index[d] for d in self.dims],
            sorted(self.reduced),
            self.n_inputs,
            [str(b) for b in self.buffers],
        ]

        def show(access: Access | None) -> Any:
            if access is None:
                return None
            exact = [
                x if isinstance(x, int) and x in (0, 1) else f"p{index[x]}"
                for x in (access.offset, *access.strides)
            ]
            return access.buffer, exact

        for stage in self.stages:
            for group in (stage.inner, stage.post):
                parts.append(
                    [
                        (
                            i.id,
                            i.kind,
                            str(i.dtype),
                            i.args,
                            show(i.access),
                            repr(i.value),
                            i.expr,
                            i.params,
                            str(i.compute),
                        )
                        for i in group
                    ]
                )
            parts.append(
                [(f.id, f.arg, f.expr, repr(f.identity), str(f.dtype)) for f in stage.folds]
            )
            for stores in (stage.stores, stage.post_stores):
                parts.append([(show(s.access), s.arg, str(s.dtype)) for s in stores])
        return repr(parts)


class _View(NamedTuple):
    buffer: int
    strides: tuple[DimLike, ...]
    shape: tuple[DimLike, ...]


def contiguous(shape: Sequence[DimLike]) -> tuple[DimLike, ...]:
    """Row-major strides in elements; 0 for axes of size 1."""
    strides: list[DimLike] = []
    step: DimLike = 1
    for dim in reversed(shape):
        strides.append(0 if is_one(dim) else step)
        step = step * dim
    return tuple(reversed(strides))


class _Builder:
    """Turns the region of a fused node into a kernel."""

    def __init__(self, node: Node) -> None:
        self.region: Graph = node.regions[0]
        dims, reduced = node.attrs["dims"], frozenset(node.attrs["reduced"])
        self.space = Space(dims, reduced or None)
        self.kernel = Kernel(self.region.name, dims, reduced)
        self.views: dict[Value, _View] = {}
        self.ids: dict[Value, int] = {}
        self.table: dict[int, Instr | Fold] = {}
        self.full: dict[int, bool] = {}
        self.stage_of: dict[int, int] = {}
        self.loads: dict[Any, int] = {}

    def new(self, kind: str, dtype: np.dtype[Any], full: bool, stage: int, **facts: Any) -> int:
        number = len(self.table)
        self.table[number] = Instr(number, kind, dtype, **facts)
        self.full[number], self.stage_of[number] = full, stage
        return number

    def build(self) -> Kernel:
        kernel = self.kernel
        for i, value in enumerate(self.region.inputs):
            kernel.buffers.append(value.type.dtype)
            kernel.names.append(value.name or f"in{i}")
            shape = value.type.shape
            self.views[value] = _View(i, contiguous(shape), shape)
        kernel.n_inputs = len(kernel.buffers)
        for node in self.region.nodes:
            self.visit(node)
        outputs = [self.output(i, v) for i, v in enumerate(self.region.outputs)]
        _schedule(self, outputs)
        _merge_axes(kernel)
        return kernel

    def visit(self, node: Node) -> None:
        out = node.out
        if node.op.name == "constant":
            self.ids[out] = self.new(
                "const", out.type.dtype, False, -1, value=node.attrs["value"].item()
            )
            return
        placed = self.space.add(node)
        assert placed, f"{node.op.name} does not fit the space of its group"
        source = node.inputs[0]
        if node.op.name in MOVES:
            if source in self.views:
                self.views[out] = _move(node, self.views[source])
            else:
                self.ids[out] = self.ids[source]
        elif node.op.kind == "reduce":
            self.reduce(node)
        else:
            self.apply(node)

    def apply(self, node: Node) -> None:
        axis_map = self.space.axes[node.out]
        args = tuple(self.operand(v, axis_map) for v in node.inputs)
        full = self.space.level(axis_map) == "full"
        compute = node.inputs[-1].type.dtype
        if literal_number(node.op.expr) is not None:
            compute = node.out.type.dtype
        self.ids[node.out] = self.new(
            "apply", node.out.type.dtype, full, self._ready(args, full), args=args,
            expr=node.op.expr, params=node.op.tensors, compute=compute,
        )  # fmt: skip

    def reduce(self, node: Node) -> None:
        source = node.inputs[0]
        have = self.space.axes.get(source) or self.space.fill((None,) * source.type.rank, source)
        assert have is not None
        arg = self.operand(source, have)
        number = len(self.table)
        dtype = node.out.type.dtype
        if all(have[i] is None for i in node.attrs["axis"]):  # axes of size 1: nothing to fold
            full = self.space.level(have) == "full"
            self.ids[node.out] = self.new(
                "apply", dtype, full, self._ready((arg,), full), args=(arg,), expr="cast(x)",
                params=("x",), compute=dtype,
            )  # fmt: skip
            return
        self.table[number] = Fold(number, arg, node.op.expr or "", _identity(node, dtype), dtype)
        self.full[number] = False
        self.stage_of[number] = self._ready((arg,), True)
        self.ids[node.out] = number

    def _ready(self, args: Iterable[int], full: bool) -> int:
        """The first stage in which a value with these arguments can be computed."""
        stage = 0 if full else -1
        for arg in args:
            after = self.stage_of[arg]
            stage = max(stage, after + 1 if full and not self.full[arg] else after)
        return stage

    def operand(self, value: Value, axis_map: AxisMap) -> int:
        """The value at the current point, for a consumer whose axes run along ``axis_map``."""
        if value in self.ids:
            return self.ids[value]
        view = self.views[value]
        strides: list[DimLike] = [0] * len(self.space.dims)
        lead = len(axis_map) - len(view.shape)
        for i, dim in enumerate(view.shape):
            axis = axis_map[lead + i]
            if axis is not None and not is_one(dim):
                strides[axis] = view.strides[i]
        access = Access(view.buffer, 0, tuple(strides))
        if access not in self.loads:
            full = any(not is_zero(strides[a]) for a in self.kernel.reduced) or not (
                self.kernel.reduced
            )
            dtype = self.kernel.buffers[view.buffer]
            self.loads[access] = self.new("load", dtype, full, 0 if full else -1, access=access)
        return self.loads[access]

    def output(self, i: int, value: Value) -> Store:
        """The store of a group output."""
        kernel = self.kernel
        axis_map = self.space.axes[value]
        arg = self.operand(value, axis_map)
        strides: list[DimLike] = [0] * len(self.space.dims)
        own = contiguous(value.type.shape)
        for axis, stride in zip(axis_map, own, strict=True):
            if axis is not None:
                strides[axis] = stride
        kernel.buffers.append(value.type.dtype)
        kernel.names.append(f"out{i}")
        return Store(Access(len(kernel.buffers) - 1, 0, tuple(strides)), arg, value.type.dtype)


def is_zero(stride: DimLike) -> bool:
    """Whether a stride is known to be 0."""
    return isinstance(stride, int) and stride == 0


def _move(node: Node, view: _View) -> _View:
    shape = node.out.type.shape
    if node.op.name == "transpose":
        order = node.attrs["perm"]
        return _View(view.buffer, tuple(view.strides[a] for a in order), shape)
    if node.op.name == "broadcast_to":
        lead = len(shape) - len(view.shape)
        kept = [0 if is_one(d) else s for d, s in zip(view.shape, view.strides, strict=True)]
        return _View(view.buffer, (0,) * lead + tuple(kept), shape)
    steps = iter([s for d, s in zip(view.shape, view.strides, strict=True) if not is_one(d)])
    return _View(view.buffer, tuple(0 if is_one(d) else next(steps) for d in shape), shape)


def _identity(node: Node, dtype: np.dtype[Any]) -> Any:
    value = node.op.identity
    if isinstance(value, float) and math.isinf(value) and dtype.kind in "biu":
        if dtype.kind == "b":
            return value > 0
        limits = np.iinfo(dtype)
        return limits.min if value < 0 else limits.max
    if dtype.kind == "f":
        return float(value)
    return bool(value) if dtype.kind == "b" else int(value)


def _schedule(b: _Builder, outputs: list[Store]) -> None:
    """Distribute folds and stores over stages, each with the instructions that it needs."""
    kernel = b.kernel
    folds = [f for f in b.table.values() if isinstance(f, Fold)]
    last = max([b.stage_of[f.id] for f in folds] + [_store_stage(b, s) for s in outputs])
    kernel.stages = [Stage() for _ in range(last + 1)]
    for fold in folds:
        kernel.stages[b.stage_of[fold.id]].folds.append(fold)
    kept: dict[int, Access] = {}  # values of earlier stages that lie in an output buffer
    ready: dict[int, int] = {}
    for store in outputs:
        stage = kernel.stages[_store_stage(b, store)]
        if b.full[store.arg] or not kernel.reduced or _stored_at_every_point(kernel, store):
            stage.stores.append(store)
            if b.table[store.arg].__class__ is Instr and b.table[store.arg].kind == "apply":  # type: ignore[union-attr]
                kept[store.arg] = store.access
                ready[store.arg] = max(b.stage_of[store.arg], 0)
        else:
            stage.post_stores.append(store)
    _spill(b, outputs, kept, ready)
    done: set[int] = set()
    for number, stage in enumerate(kernel.stages):
        roots = [f.arg for f in stage.folds] + [s.arg for s in stage.stores]
        stage.inner = _cone(b, roots, number, kept, ready)
        wanted = [i for i, s in b.stage_of.items() if not b.full[i] and s <= number]
        stage.post = [
            i for w in wanted if w not in done and isinstance(i := b.table[w], Instr)
            and i.kind != "const" and (number == b.stage_of[w] or number == 0)
        ]  # fmt: skip
        done.update(i.id for i in stage.post)
    _constants(b, kernel)


def _store_stage(b: _Builder, store: Store) -> int:
    """The stage whose loops (or post part) write an output."""
    stage = b.stage_of[store.arg]
    if not b.full[store.arg] and _stored_at_every_point(b.kernel, store):
        stage += 1  # a result of the reduction, spread over the points again
    return max(stage, 0)


def _stored_at_every_point(kernel: Kernel, store: Store) -> bool:
    return all(not is_zero(store.access.strides[a]) for a in kernel.reduced)


def _cone(
    b: _Builder, roots: list[int], stage: int, kept: dict[int, Access], ready: dict[int, int]
) -> list[Instr]:
    """The instructions that compute ``roots`` at full level in this stage, in order."""
    order: list[Instr] = []
    seen: set[int] = set()
    stack = [(r, False) for r in reversed(roots)]
    while stack:
        number, expanded = stack.pop()
        instr = b.table[number]
        if expanded:
            assert isinstance(instr, Instr)
            order.append(instr)
            continue
        if number in seen or isinstance(instr, Fold) or instr.kind == "const":
            continue
        if not b.full[number] and instr.kind == "apply":
            continue
        seen.add(number)
        if number in kept and ready[number] < stage:
            order.append(Instr(number, "load", instr.dtype, access=kept[number]))
            continue
        stack.append((number, True))
        stack.extend((a, False) for a in reversed(instr.args))
    return order


def _spill(
    b: _Builder, outputs: list[Store], kept: dict[int, Access], ready: dict[int, int]
) -> None:
    """Keep costly values that later stages need in an output buffer that is written later."""
    kernel = b.kernel
    free = [s for s in outputs if b.full[s.arg] and b.stage_of[s.arg] > 0]
    for number, instr in list(b.table.items()):
        if isinstance(instr, Fold) or not b.full[number] or number in kept or not free:
            continue
        if instr.kind != "apply" or not calls(instr.expr) - CHEAP:
            continue
        first = b.stage_of[number]
        last = _last_use(b, number)
        home = next(
            (s for s in free if s.dtype == instr.dtype and first < b.stage_of[s.arg]
             and last <= b.stage_of[s.arg]), None,
        )  # fmt: skip
        if last > first and home is not None:
            free.remove(home)
            kernel.stages[first].stores.append(Store(home.access, number, instr.dtype))
            kept[number], ready[number] = home.access, first


def _last_use(b: _Builder, number: int) -> int:
    return max(
        [b.stage_of[i] for i, instr in b.table.items()
         if (instr.args if isinstance(instr, Instr) else (instr.arg,)).__contains__(number)],
        default=0,
    )  # fmt: skip


def _constants(b: _Builder, kernel: Kernel) -> None:
    """Constants come first, in the first stage's inner and post lists as needed."""
    consts = [i for i in b.table.values() if isinstance(i, Instr) and i.kind == "const"]
    kernel.stages[0].inner[:0] = consts
    if not kernel.dims:
        kernel.dims = (1,)
        _add_unit_axis(kernel)


def _add_unit_axis(kernel: Kernel) -> None:
    def extend(access: Access, stride: int) -> Access:
        return access._replace(strides=(stride,))

    for stage in kernel.stages:
        stage.inner = [
            i._replace(access=extend(i.access, 0)) if i.access is not None else i
            for i in stage.inner
        ]
        stage.stores = [s._replace(access=extend(s.access, 1)) for s in stage.stores]


def _merge_axes(kernel: Kernel) -> None:
    """Join neighbouring loops that every access walks as one."""
    axis = 0
    while axis + 1 < len(kernel.dims):
        same_kind = (axis in kernel.reduced) == (axis + 1 in kernel.reduced)
        inner = kernel.dims[axis + 1]
        if same_kind and all(
            provably_eq(a.strides[axis], a.strides[axis + 1] * inner) for a in kernel.accesses()
        ):
            _join(kernel, axis)
        else:
            axis += 1


def _join(kernel: Kernel, axis: int) -> None:
    dims = kernel.dims
    kernel.dims = (*dims[:axis], product(dims[axis : axis + 2]), *dims[axis + 2 :])
    kernel.reduced = frozenset(a - (a > axis) for a in kernel.reduced)

    def drop(access: Access) -> Access:
        return access._replace(strides=access.strides[:axis] + access.strides[axis + 1 :])

    for stage in kernel.stages:
        for name in ("inner", "post"):
            setattr(stage, name, [
                i if i.access is None else i._replace(access=drop(i.access))
                for i in getattr(stage, name)
            ])  # fmt: skip
        for name in ("stores", "post_stores"):
            stores = getattr(stage, name)
            setattr(stage, name, [s._replace(access=drop(s.access)) for s in stores])


def build_kernel(node: Node) -> Kernel:
    """The kernel of a ``fused`` node."""
    return _Builder(node).build()
