"""Control flow to a kernel: regions over scalars and small arrays as statements at one point.

    %s: f32[] = while(%zero, %x) {carried=1} ...      ->      var s1: f32 = c1
                                                              do { v2 = s1 < v1 } while v2 { ... }

The kernel has one point. There each small array is its elements, which are values of the kernel,
and so registers. What is larger stays in memory: rows and elements of it are loaded where they are
used, the rows that a ``scan`` stacks are stored as they are made. The state of a loop is variables;
a branch sets variables, too. The order of what is computed is that of the graph. Values in half
precision are held in float32: each op rounds its result, as in ``build.py``. A buffer that is state
is changed in place (``sequences.py``), and so is a large array of which a loop makes another
(``arrays.py``).

``fits(node)`` says whether a node can be such a kernel: whether it can be built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from twofold.ir.access import AccessMap, access_of
from twofold.ir.attrs import dims_of
from twofold.ir.dims import Dim, DimLike
from twofold.ir.dtypes import info
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.ops.slicing import as_key
from twofold.ir.types import BufferType, TensorType

from .arrays import Changing, Versions, is_large
from .buffers import contiguous, identifier, unique
from .checks import wanted
from .counted import counted
from .data import replace
from .draws import DRAWS
from .each import Place
from .expression import expression_of, identity, keeps, kernelable, normal, rename
from .loops import Buffer, Kernel, Loop, Sweep
from .matrices import MATRICES
from .orders import ORDERS
from .places import Places
from .points import by_point
from .sequences import SEQUENCES
from .several import SEVERAL
from .small import (
    ELEMENTS,
    Elements,
    Memory,
    UnfitError,
    check_linear,
    held_in,
    is_half,
    is_small,
    numbers,
    positions,
    size,
    spread,
    zero,
)
from .statements import (
    Access,
    Apply,
    Check,
    Const,
    For,
    If,
    Index,
    Load,
    Position,
    Set,
    Statement,
    Store,
    Var,
    While,
)
from .storage import Storage
from .totals import reduced
from .wide import Wide, is_wide, pays

__all__ = ["begins", "build_control", "fit", "fits", "together"]

STATEMENTS = 4096  # of a kernel
INT64 = np.dtype(np.int64)
CONTROL = ("cond", "switch", "while", "scan")


def fits(node: Node) -> bool:
    """Whether a node that stands in no other kernel can be one by itself."""
    return (node.op.name in CONTROL or by_point(node)) and fit([node], node.outputs)


def fit(nodes: Sequence[Node], outputs: Iterable[Value]) -> bool:
    """Whether some nodes, those with regions among them, can be a kernel."""
    if not all(node.effects <= {"raise", "write"} for node in nodes):
        return False
    try:
        builder = Builder(together(nodes, outputs, "kernel"))
        builder.build()
    except UnfitError:
        return False
    return not builder.wide.used or pays(nodes)


def together(nodes: Sequence[Node], outputs: Iterable[Value], name: str) -> Graph:
    """Some nodes, and the small constants and new sequences that they take, as a view of the graph
    that they are in."""
    made = {v for node in nodes for v in node.outputs}
    given = dict.fromkeys(v for node in nodes for v in node.inputs if v not in made)
    within = [v.node for v in given if v.node is not None and begins(v.node)]
    outside = [v for v in given if v.node not in within]
    return Graph(name, outside, [*within, *nodes], list(outputs))


def begins(node: Node) -> bool:
    """Whether kernels have a node within themselves: a small constant, a new sequence."""
    if node.op.name == "buffer_new":
        return True
    return node.op.name == "constant" and node.attrs["value"].size <= ELEMENTS


def build_control(region: Graph) -> Kernel:
    """The kernel of a region with control flow. Raises UnfitError if there is none."""
    builder = Builder(region)
    kernel = builder.build()
    (sweep,) = kernel.sweeps
    block = counted(sweep.inner, kernel.consts, builder.name)
    return replace(kernel, sweeps=(replace(sweep, inner=block),))


class Builder:
    """A kernel of one point while it is made."""

    def __init__(self, region: Graph) -> None:
        self.region = region
        self.names = {"i": 1}  # the next number of each letter; i0 is the kernel's loop
        self.count = 0
        self.consts: list[Const] = []
        self.top: list[Statement] = []  # what is loaded once, ahead of everything
        self.block: list[Statement] = []
        # Elements, Memory or Changing; None for a sequence
        self.known: dict[Value, Any] = {}
        self.versions = Versions(self)
        self.places = Places(self)
        self.wide = Wide(self)
        self.outside = frozenset(region.symbols())
        self.loaded: dict[Memory, Elements] = {}
        self.stored: set[Value] = set()  # what has been written to its buffer already
        self.inputs = [v for v in region.inputs if type(v.type) is TensorType]
        outputs = [v for v in region.outputs if type(v.type) is TensorType]
        self.buffers = [
            Buffer(v.name or f"in{i}", v.type.dtype, False) for i, v in enumerate(self.inputs)
        ]
        self.out = {v: len(self.buffers) + i for i, v in enumerate(outputs)}
        self.buffers += [Buffer(f"out{i}", v.type.dtype, True) for i, v in enumerate(outputs)]
        self.storage, self.first_grown = Storage(region), len(self.buffers)
        self.buffers += [
            Buffer(f"b{i}", kind.dtype, True, True)
            for i, kind in enumerate(self.storage.kinds, self.first_grown)
        ]

    def build(self) -> Kernel:
        region = self.region
        check_linear(region, region.inputs)
        for i, value in enumerate(self.inputs):
            self.known[value] = Memory(i, 0, (), contiguous(value.type.shape))
        self.versions.settle(region, [self.out.get(v) for v in region.outputs])
        self.nodes(region, self.finish)
        if any(b.grows for b in self.buffers) and any(b.room is not None for b in self.buffers):
            raise UnfitError("sequences beside large arrays that are computed")
        sweep = Sweep((*self.top, *self.block))
        kernel = Kernel(
            identifier(region.name), (), (Loop("i0", 1),), tuple(self.consts), (), (sweep,)
        )
        names = unique([b.name for b in self.buffers], set(kernel.symbols()))
        given = [replace(b, name=name) for b, name in zip(self.buffers, names, strict=True)]
        return replace(kernel, buffers=tuple(given))

    def finish(self) -> None:
        """Store the outputs that are not where they belong."""
        for value in self.out:
            if is_large(value) and value not in self.stored:
                self.wide.keep(self.out[value], (value,))
                self.versions.brought(self.known[value], self.out[value], value)
            elif value not in self.stored:
                self.write(self.whole(self.out[value], value), self.elements(value))

    # ---- Statements

    def name(self, letter: str) -> str:
        number = self.names.get(letter, 0)
        self.names[letter] = number + 1
        return f"{letter}{number}"

    def add(self, statement: Statement) -> None:
        self.count += 1
        if self.count > STATEMENTS:
            raise UnfitError("too long")
        self.block.append(statement)

    @contextmanager
    def nested(self) -> Iterator[list[Statement]]:
        """A block of its own: what is loaded in it is not known behind it."""
        outer, self.block, loaded = self.block, [], dict(self.loaded)
        memo, self.wide.memo = self.wide.memo, dict(self.wide.memo)
        yield self.block
        self.block, self.wide.memo = outer, memo
        self.loaded = loaded | {m: e for m, e in self.loaded.items() if self.stays(m)}

    def apply(self, expr: str, dtype: np.dtype[Any]) -> str:
        name, check = self.name("v"), wanted(expr, dtype)
        if check is not None and not any(check.holds(c.value) for c in self.consts
                                         if c.name == check.operand):  # fmt: skip
            self.add(Check(str(check)))
        self.add(Apply(name, dtype, expr))
        return name

    def variables(self, value: Value, first: Sequence[str]) -> Elements:
        """Variables for the elements of a value."""
        made = []
        for expr in first:
            made.append(self.name("s"))
            self.add(Var(made[-1], held_in(value), expr))
        return tuple(made)

    def assign(self, groups: Iterable[tuple[Value, Elements, Elements]]) -> None:
        """Set variables of values, all at once."""
        pairs = []
        for value, old, new in groups:
            if is_large(value):
                continue
            if isinstance(value.type, BufferType):
                continue
            if len(old) != len(new):
                raise UnfitError("a size that changes")
            pairs += [(value, x, y) for x, y in zip(old, new, strict=True) if x != y]
        targets = {target for _, target, _ in pairs}
        given = [self.apply(y, held_in(v)) if y in targets else y for v, _, y in pairs]
        for (_, target, _), source in zip(pairs, given, strict=True):
            self.add(Set(target, source))

    # ---- Values

    def elements(self, value: Value) -> Elements:
        """The elements of a small array, loaded if they are in memory; none for a sequence."""
        if isinstance(value.type, BufferType):
            return ()
        found = self.known[value]
        if isinstance(found, Changing):
            return self.load(self.versions.memory(found), value)
        if not isinstance(found, Memory):
            held: Elements = found
            return held
        if found not in self.loaded:
            self.loaded[found] = self.load(found, value)
        return self.loaded[found]

    def load(self, memory: Memory, value: Value) -> Elements:
        size(value)
        block = self.block
        self.block = self.top if self.stays(memory) else block
        names = []
        for place in positions(value.type.shape, memory.strides):
            name = self.name("v")
            self.add(Load(name, value.type.dtype, self.access(memory, place)))
            names.append(self.widened(name) if is_half(value) else name)
        self.block = block
        return tuple(names)

    def stays(self, memory: Memory) -> bool:
        """Whether what lies there is the same all the time, at one place."""
        own = memory.buffer in self.versions.now or self.buffers[memory.buffer].room is not None
        return not (memory.scalars or own)

    def widened(self, name: str) -> str:
        return self.apply(f"cast({name})", np.dtype(np.float32))

    def narrowed(self, name: str, value: Value) -> str:
        return self.apply(f"cast({name})", value.type.dtype)

    def whole(self, buffer: int, value: Value) -> tuple[Memory, Value]:
        return Memory(buffer, 0, (), contiguous(value.type.shape)), value

    def write(self, target: tuple[Memory, Value], elements: Elements) -> None:
        """Store the elements of a value in memory that has its shape."""
        memory, value = target
        for place, name in zip(positions(value.type.shape, memory.strides), elements, strict=True):
            narrow = self.narrowed(name, value) if is_half(value) else name
            self.add(Store(self.access(memory, place), narrow))

    def access(self, memory: Memory, place: DimLike) -> Access:
        """Where an element of an array in memory lies."""
        at = Place(memory.offset + place, memory.scalars)
        return Access(memory.buffer, self.wide.index(at))

    # ---- Nodes

    def inside(
        self, region: Graph, given: Iterable[Any], homes: Sequence[int | None] = ()
    ) -> list[Any]:
        """Run a region here; the elements of what it returns. A large array comes to its home, or
        stays where it is."""
        check_linear(region)
        self.known.update(zip(region.inputs, given, strict=True))
        wanted = homes or [None] * len(region.outputs)
        self.versions.settle(region, wanted)
        made: list[Any] = []

        def finish() -> None:
            for value, home in zip(region.outputs, wanted, strict=True):
                if not is_large(value):
                    made.append(self.elements(value))
                elif home is None:
                    made.append(self.wide.settled(value))
                else:
                    self.wide.keep(home, (value,))
                    made.append(self.versions.brought(self.known[value], home, value))

        self.nodes(region, finish)
        for value, found in zip(region.outputs, made, strict=True):
            if is_large(value):
                self.versions.memory(found)  # no other output has changed it
        return made

    def nodes(self, region: Graph, finish: Callable[[], None]) -> None:
        """Write the nodes of a region, and then what becomes of its outputs."""
        with self.wide.region(region) as now:
            for now[0], node in enumerate(region.nodes):
                self.node(node)
            now[0] = len(region.nodes) - 1
            finish()

    def node(self, node: Node) -> None:
        visit = _OWN.get(node.op.name)
        if node.regions:
            self.wide.enter(node)
        if visit is not None:
            visit(self, node)
            return
        if node.op.pieces is not None or by_point(node) or not kernelable(node, checks=True):
            raise UnfitError(node.op.name)
        if (access := access_of(node)) is not None:
            self.move(node, access)
        elif node.op.kind == "reduce":
            if is_wide(node):
                reduced(self, node)
            else:
                self.reduce(node)
        else:
            (self.wide if is_wide(node) else self).elementwise(node)

    def constant(self, node: Node) -> None:
        value = node.attrs["value"]
        size(node.out)
        names = []
        for item in np.asarray(value).ravel():
            names.append(self.name("c"))
            self.consts.append(Const(names[-1], held_in(node.out), item.item()))
        self.known[node.out] = tuple(names)

    def number(self, value: Any, dtype: np.dtype[Any]) -> str:
        """A value that is a number."""
        if not info(dtype).complex:
            return self.apply(repr(value), dtype)
        self.consts.append(Const(self.name("c"), dtype, value))
        return self.consts[-1].name

    def dim(self, node: Node) -> None:
        name = self.name("v")
        self.add(Position(name, self.wide.index(Place(node.attrs["dim"]))))
        self.known[node.out] = (name,)

    def elementwise(self, node: Node) -> None:
        op, dtype = node.op, held_in(node.out)
        size(node.out)
        expr = expression_of(node)
        args = [spread(self.elements(v), v, node.out) for v in node.inputs]
        rounds = is_half(node.out) and not keeps(expr)
        same = expr in op.tensors and held_in(node.inputs[op.tensors.index(expr)]) == dtype
        made = []
        for point in zip(*args, strict=True):
            given = dict(zip(op.tensors, point, strict=False))
            if op.name in _MASKED and not rounds and self.harmless(given["d"]):
                made.append(self.apply(rename(_MASKED[op.name], given), dtype))
                continue
            if is_half(node.out) and op.name == "cast":  # once, whatever it is cast from
                made.append(self.widened(self.apply(rename(expr, given), node.out.type.dtype)))
                continue
            name = given[expr] if same else self.apply(rename(expr, given), dtype)
            made.append(self.widened(self.narrowed(name, node.out)) if rounds else name)
        self.known[node.out] = tuple(made)

    def harmless(self, name: str) -> bool:
        """Whether a factor is known, finite and not 0, so that no product with 0 is NaN."""
        values = [const.value for const in self.consts if const.name == name]
        return bool(values) and bool(np.isfinite(values[0])) and values[0] != 0

    def move(self, node: Node, access: AccessMap) -> None:
        source = node.inputs[0]
        found = self.elements(source) if is_small(source) else self.known[source]
        if isinstance(found, Memory | Changing):
            memory = self.versions.memory(found)
            offset, strides = access.strides(memory.offset, memory.strides)
            memory = memory._replace(offset=offset, strides=strides)
            self.known[node.out] = self.versions.part(found, memory, node.out)
            return
        if is_wide(node):
            self.wide.move(node, access)
            return
        offset, strides = access.strides(0, contiguous(source.type.shape))
        if not isinstance(offset, int):
            raise UnfitError("a computed element of a small array")
        places = positions(node.out.type.shape, strides)
        self.known[node.out] = tuple(found[offset + place] for place in places)

    def reduce(self, node: Node) -> None:
        (source,), dtype = node.inputs, held_in(node.out)
        rounds = is_half(node.out) and not node.op.neutral
        elements, shape = np.array(self.elements(source), object), source.type.shape
        axes = node.attrs["axis"]
        kept = [a for a in range(len(shape)) if a not in axes]
        rows = elements.reshape(shape).transpose(*kept, *axes).reshape(size(node.out), -1)
        first = identity(node, dtype)
        made = []
        for row in rows:
            total = self.number(first, dtype)
            for x in row:
                term = x if held_in(source) == dtype else self.apply(f"cast({x})", dtype)
                expr = rename(normal(node.op.expr or ""), {"acc": total, "x": term})
                total = self.apply(expr, dtype)
            made.append(self.widened(self.narrowed(total, node.out)) if rounds else total)
        self.known[node.out] = tuple(made)

    def fail(self, node: Node) -> None:
        """The kernel ends here; array operations then raise what the op raises."""
        self.add(Check("False"))

    def join(self, node: Node) -> None:
        """stack and concat of small arrays."""
        size(node.out)
        axis = node.attrs["axis"]
        parts = [np.array(self.elements(v), object).reshape(v.type.shape) for v in node.inputs]
        made = (np.stack if node.op.name == "stack" else np.concatenate)(parts, axis)
        self.known[node.out] = tuple(made.ravel())

    # ---- Control flow

    def branches(self, node: Node, tests: Sequence[str]) -> None:
        """One region for each test, the first that holds; the last region if none does."""
        given = [self.known.get(v) for v in node.inputs[1:]]
        made: list[Any] = []
        for value in node.outputs:
            if isinstance(value.type, BufferType):
                made.append(())
                continue
            if is_large(value):
                made.append(None)  # known when the regions have been run
                continue
            size(value)
            first = "False" if info(value.type.dtype).boolean else "0"
            made.append(self.variables(value, [first] * size(value)))
        self.known.update(zip(node.outputs, made, strict=True))

        homes, ways = self.versions.homes_of(node), self.versions.ways(node)

        def run(region: Graph) -> None:
            ways.begin()
            outs = self.inside(region, given, homes)
            self.assign(zip(node.outputs, made, outs, strict=True))
            ways.end(outs)

        def choose(regions: Sequence[Graph], tests: Sequence[str]) -> None:
            if not tests:
                run(regions[0])
                return
            with self.nested() as then:
                run(regions[0])
            with self.nested() as orelse:
                choose(regions[1:], tests[1:])
            self.add(If(tests[0], tuple(then), tuple(orelse)))

        choose(node.regions, tests)
        ways.join()

    def cond(self, node: Node) -> None:
        self.branches(node, [*self.elements(node.inputs[0])])

    def switch(self, node: Node) -> None:
        (index,) = self.elements(node.inputs[0])
        self.branches(node, [f"{index} == {i}" for i in range(len(node.regions) - 1)])

    def state(self, node: Node) -> list[Elements]:
        """The variables of a loop's state, with what it starts with; the outputs are what they hold
        behind the loop."""
        made: list[Any] = [
            self.versions.state(v, out) if is_large(v) else self.variables(v, self.elements(v))
            for v, out in zip(node.inputs[: node.attrs["carried"]], node.outputs, strict=False)
        ]
        self.known.update(zip(node.outputs, made, strict=False))
        return made

    def fill(self, node: Node) -> None:
        """slice_grad and slice_update: a part of a small array is another."""
        if node.op.name == "slice_update" and is_large(node.out):
            self.versions.slice_update(node)
            return
        size(node.out)
        shape, index = numbers(node.out), node.attrs["index"]
        if any(isinstance(d, Dim) for d in dims_of(index)):
            raise UnfitError("a computed part of a small array")
        grid = np.empty(shape, object)
        if node.op.name == "slice_grad":
            fill = zero(node.out, node.attrs["neutral"])
            self.consts.append(Const(self.name("c"), held_in(node.out), fill))
            grid.fill(self.consts[-1].name)
        else:
            grid[...] = np.array(self.elements(node.inputs[0]), object).reshape(shape)
        part = node.inputs[-1]
        grid[as_key(index)] = np.array(self.elements(part), object).reshape(numbers(part))[()]
        self.known[node.out] = tuple(grid.ravel())

    def while_(self, node: Node) -> None:
        state, (test, body) = self.state(node), node.regions
        given = [*state, *map(self.known.get, node.inputs[len(state) :])]
        with self.versions.loop(node, state) as homes:
            with self.nested() as before:
                ((on,),) = self.inside(test, given)
            with self.nested() as trip:
                outs = self.inside(body, given, homes)
                self.assign(zip(node.outputs, state, outs, strict=True))
            self.add(While(tuple(before), on, tuple(trip)))

    def scan(self, node: Node) -> None:
        state, (body,) = self.state(node), node.regions
        length, first = node.attrs["length"], len(state)
        arrays = [self.known[v] for v in node.inputs[first : first + node.attrs["sliced"]]]
        index = row = self.name("i")
        if any(isinstance(x, Changing) for x in (*state, *arrays)):
            raise UnfitError("a scan of arrays that are changed")
        with self.versions.loop(node, state), self.nested() as trip:
            if node.attrs["reverse"]:
                row = self.name("v")
                self.add(Position(row, Index(length - 1, (0,), ((index, -1),))))
            rows = [
                self.row(array, row) if isinstance(array, Memory) else
                self.places.chosen(array, v, 0, row)
                for array, v in zip(arrays, node.inputs[first:], strict=False)
            ]  # fmt: skip
            rest = [*map(self.known.get, node.inputs[first + len(arrays) :])]
            outs = self.inside(body, [*state, *rows, *rest])
            for stack, value, made in zip(
                node.outputs[first:], body.outputs[first:], outs[first:], strict=True
            ):
                size(value)
                if stack not in self.out:
                    raise UnfitError("rows that are stacked and used")
                self.stored.add(stack)
                place = Memory(self.out[stack], 0, (), contiguous(stack.type.shape))
                self.write((self.row(place, row), value), made)
            self.assign(zip(node.outputs, state, outs, strict=False))
        self.add(For(index, Index(0, (0,)), Index(length, (0,)), tuple(trip)))

    def row(self, array: Memory, index: str) -> Memory:
        """A row of an array at a computed position."""
        scalars = (*array.scalars, (index, array.strides[0]))
        return array._replace(scalars=scalars, strides=array.strides[1:])


_MASKED = {"masked_multiply": "g * d", "masked_divide": "g / d"}
_OWN: dict[str, Callable[[Builder, Node], None]] = {
    "constant": Builder.constant,
    "buffer_new": lambda builder, node: None,
    "draft": lambda builder, node: None,  # array operations do what the kernel does if it fails
    "gather": lambda builder, node: builder.places.gather(node),
    "gather_nd": lambda builder, node: builder.places.gather_nd(node),
    "tensor_scatter_nd_update": lambda builder, node: builder.places.update(node),
    "numpy_index": lambda builder, node: builder.places.index(node),
    "array_position": lambda builder, node: builder.places.position(node),
    "slice_grad": Builder.fill,
    "slice_update": Builder.fill,
    "block_update": lambda builder, node: builder.wide.update(node),
    "window": lambda builder, node: builder.wide.cut(node),
    "dim": Builder.dim,
    "fail": Builder.fail,
    "stack": Builder.join,
    "concat": Builder.join,
    "cond": Builder.cond,
    "switch": Builder.switch,
    "while": Builder.while_,
    "scan": Builder.scan,
    **SEQUENCES,
    **DRAWS,
    **SEVERAL,
    **ORDERS,
    **MATRICES,
}
