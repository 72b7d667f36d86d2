"""Large arrays that a kernel of one point computes: element by element, in loops.

    %r: f64[m] = gather(%a, %i)                         for i1: 0 to m {
    %s: f64[m] = multiply(%r, %x)               ->        v3: f64 = a[v0 * (m) + i1]
    %y: f64[n,m] = block_update(%a, %s, ...)              out0[v0 * (m) + i1] = v3 * s1 }

What computes each element from those of others is an ``Each``, a rule that writes the statements
for an element at a position. It is run where the elements are wanted: where a part of an array is
changed, where they are folded, where the value is an output. A position is a ``Place``: a number
or a size, plus values of the kernel, each so many times. What is folded, and what is wanted later
than a change of something that it reads, lies in memory of its own (``room``).

Sizes that are values (of ``window``) have a value of the kernel each, and a size that is never
smaller, for room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.access import AccessMap
from twofold.ir.dims import DimLike, substitute, symbols_of
from twofold.ir.graph import Graph, Node, Value

from .arrays import Changing
from .buffers import contiguous
from .each import DEAR, Each, Place, Places, Source, aligned, same_order, shifted, stretched
from .expression import calls, expression_of, rename
from .functions import CHEAP
from .loops import Buffer
from .small import Memory, UnfitError, held_in, is_half, is_small
from .statements import Access, For, Index, Load, Statement, Store

if TYPE_CHECKING:
    from .control import Builder

__all__ = ["Wide", "is_wide", "pays"]

INT64 = np.dtype(np.int64)


def is_wide(node: Node) -> bool:
    """Whether a node computes an array that is no small one, or from one."""
    return any(not is_small(v) for v in (*node.inputs, *node.outputs))


def pays(nodes: Iterable[Node]) -> bool:
    """Whether control flow that computes large arrays is better one kernel, on one core: parts of
    arrays that it changes are not copied, and parts have sizes that are values. Where it only takes
    parts at computed places, it is if what it computes is cheap."""
    if not any(node.regions for node in nodes):
        return True
    inside = [n for node in nodes for region in node.regions for n in region.walk()]
    if any(
        n.op.name in ("block_update", "window", "scatter_add", "tensor_scatter_nd_add")
        or (n.op.name in ("tensor_scatter_nd_update", "cumsum", "cumprod") and not is_small(n.out))
        for n in inside
    ):
        return True
    cheap = all(n.op.name != "matmul" and not calls(n.op.expr or "0") - CHEAP for n in inside)
    return cheap and any(n.op.name == "gather" and not is_small(n.out) for n in inside)


class Wide:
    """The large arrays of a kernel."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.used = False  # whether anything here was
        self.late: dict[str, str] = {}  # sizes that are values, as values of the kernel
        self.most: dict[str, DimLike] = {}  # and a size that is never smaller
        self.levels: list[tuple[dict[Value, int], list[int]]] = []  # last uses; the present node
        self.uses: dict[Value, int] = {}
        self.memo: dict[Any, str] = {}  # elements that are known here
        self.alive: list[Each] = []  # those in it, by identity

    # ---- What is used when

    @contextmanager
    def region(self, region: Graph) -> Iterator[list[int]]:
        """Where the nodes of a region are written; gives the cell with the present one."""
        last: dict[Value, int] = dict.fromkeys(region.outputs, len(region.nodes))
        for i, node in enumerate(region.nodes):
            for value in node.inputs:
                last[value] = max(last.get(value, 0), i)
                self.uses[value] = self.uses.get(value, 0) + 1
        now = [0]
        self.levels.append((last, now))
        yield now
        self.levels.pop()

    def keep(self, buffer: int | None, but: Sequence[Value] = ()) -> None:
        """Give what reads a buffer (None: any that is changed) and is used later room of its own,
        before the buffer is changed."""
        last, (now,) = self.levels[-1]
        changing = self.builder.versions.now
        for value, found in list(self.builder.known.items()):
            if last.get(value, -1) <= now or value in but or not isinstance(found, Each):
                continue
            reads = [s for s in found.sources if s.buffer in changing]
            if any(s.buffer == buffer or buffer is None for s in reads):
                self.settle(value)

    def ahead(self, x: Value, part: Value, out: Value) -> None:
        """Ahead of a change of an array into another, which may have to be copied first."""
        versions, found = self.builder.versions, self.builder.known[part]
        home = versions.home(x, out)
        reads = isinstance(found, Each) and any(s.buffer == home for s in found.sources)
        if reads and not versions.is_home(x, home):
            self.settle(part)
        self.keep(home, (x,))

    def settle(self, value: Value) -> None:
        """Give an array that is a rule room of its own."""
        memory = self.room(value.type.shape, value.type.dtype)
        self.fill(memory, self.each(value))
        self.builder.known[value] = memory

    def settled(self, value: Value) -> Any:
        """A large array in memory."""
        if isinstance(self.builder.known[value], Each):
            self.settle(value)
        return self.builder.known[value]

    def enter(self, node: Node) -> None:
        """Ahead of a node with regions: a loop reads arrays that are known, and what it or a branch
        changes is read before."""
        self.keep(None)
        for value in node.inputs if node.op.flow == "loop" else ():
            if isinstance(self.builder.known.get(value), Each):
                self.settle(value)

    # ---- Sizes

    def place(self, size: DimLike) -> Place:
        """A size, those that are values among it, as a place."""
        names = sorted(symbols_of(size) & self.late.keys()) if not isinstance(size, int) else []
        terms = []
        for name in names:
            zero, one, two = (substitute(size, {name: n}) for n in (0, 1, 2))
            if two - one != one - zero or not symbols_of(one - zero).isdisjoint(self.late):
                raise UnfitError("a product of sizes that are values")
            terms.append((self.late[name], one - zero))
            size = zero
        return Place(size, tuple(terms))

    def index(self, place: Place) -> Index:
        """A place as an index of the kernel."""
        made = self.place(place.offset) + Place(0, place.terms)
        if any(not symbols_of(n).isdisjoint(self.late) for _, n in made.terms
               if not isinstance(n, int)):  # fmt: skip
            raise UnfitError("a product of sizes that are values")
        return Index(made.offset, (0,), made.terms)

    def limited(self, shape: Sequence[DimLike]) -> tuple[DimLike, ...]:
        """A shape with sizes that are values replaced by the most that they can be."""
        return tuple(self.limit(d) for d in shape)

    def limit(self, size: DimLike) -> DimLike:
        """A size that is never smaller."""
        if isinstance(size, int) or symbols_of(size).isdisjoint(self.most):
            return size
        place = self.place(size)
        if len(place.terms) != 1 or place.terms[0][1] not in (1, -1):
            raise UnfitError("a size that is made of several values")
        ((_, times),) = place.terms
        (name,) = symbols_of(size) & self.most.keys()
        return substitute(size, {name: self.most[name] if times == 1 else 0})

    def room(self, shape: Sequence[DimLike], dtype: np.dtype[Any]) -> Memory:
        """Memory for an array."""
        self.used = True
        limited = self.limited(shape)
        count: DimLike = 1
        for n in limited:
            count = count * n
        builder = self.builder
        builder.buffers.append(Buffer(f"b{len(builder.buffers)}", dtype, True, room=count))
        return Memory(len(builder.buffers) - 1, 0, (), contiguous(limited))

    # ---- Elements

    def each(self, value: Value) -> Each:
        """An array as a rule for its elements."""
        builder = self.builder
        if is_half(value):
            raise UnfitError("a large array in half precision")
        found = builder.known[value]
        if isinstance(found, Each):
            if any(s.version is not None and builder.versions.now.get(s.buffer) != s.version
                   for s in found.sources):  # fmt: skip
                raise UnfitError("an array that has been changed")
            return found
        if type(found) is tuple:
            return self._of_elements(value, found)
        memory = builder.versions.memory(found)
        version = builder.versions.now.get(memory.buffer)
        return Each(
            value.type.shape, self.loader(memory, value), (Source(memory.buffer, version, memory),)
        )

    def _of_elements(self, value: Value, names: tuple[str, ...]) -> Each:
        if len(names) == 1:
            return Each(value.type.shape, lambda index: names[0], ())
        return self.read(self.stored(value, names), value)

    def stored(self, value: Value, names: tuple[str, ...]) -> Memory:
        """A small array in memory."""
        memory = self.room(value.type.shape, value.type.dtype)
        self.builder.write((memory, value), names)
        return memory

    def loader(self, memory: Memory, value: Value) -> Callable[[Places], str]:
        def at(index: Places) -> str:
            place = Place(memory.offset, memory.scalars)
            for part, stride in zip(index, memory.strides, strict=True):
                place = place + part * stride
            key = memory.buffer, place, self.builder.versions.now.get(memory.buffer)
            if key not in self.memo:
                name = self.memo[key] = self.builder.name("v")
                access = Access(memory.buffer, self.index(place))
                self.builder.add(Load(name, value.type.dtype, access))
            return self.memo[key]

        return at

    def element(self, found: Each, index: Places) -> str:
        """An element, computed here unless it has been."""
        key = id(found), index
        if key not in self.memo:
            self.alive.append(found)
            self.memo[key] = found.at(index)
        return self.memo[key]

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is known inside is not known behind it."""
        before, self.memo = self.memo, dict(self.memo)
        yield
        self.memo = before

    @contextmanager
    def loops(self, shape: Sequence[DimLike]) -> Iterator[Places]:
        """Loops over all positions of a shape; what stands in them is written inside."""
        builder, self.used = self.builder, True
        places, loops = [], []
        for size in shape:
            one = isinstance(size, int) and size == 1
            name = "" if one else builder.name("i")
            places.append(Place() if one else Place(0, ((name, 1),)))
            if not one:
                loops.append((name, self.index(self.place(size))))
        if not loops:
            yield tuple(places)
            return
        memo, self.memo = self.memo, dict(self.memo)
        before, builder.block = builder.block, []
        yield tuple(places)
        body: list[Statement] = builder.block
        for name, stop in reversed(loops):
            body = [For(name, Index(0, (0,)), stop, tuple(body))]
        builder.block, self.memo = before, memo
        builder.add(body[0])

    def fill(self, memory: Memory, found: Each) -> None:
        """Store every element of an array in memory that has its shape."""
        builder = self.builder
        with self.loops(found.shape) as index:
            name = self.element(found, index)
            place = Place(memory.offset, memory.scalars)
            for part, stride in zip(index, memory.strides, strict=True):
                place = place + part * stride
            builder.add(Store(Access(memory.buffer, self.index(place)), name))

    def put(self, memory: Memory, value: Value) -> None:
        """Store an array in a part of a buffer that has its shape."""
        self.bring(memory, self.each(value), value)

    def bring(self, memory: Memory, found: Each, value: Value) -> None:
        """Store what a rule says in memory. What it reads of the same buffer is read before, unless
        it is read where it is written."""
        clash = [s for s in found.sources if s.buffer == memory.buffer]
        if any(s.order is None or not same_order(s.order, memory, found.shape) for s in clash):
            settled = self.room(found.shape, value.type.dtype)
            self.fill(settled, found)
            found = self.read(settled, value)
        self.fill(memory, found)

    def read(self, memory: Memory, value: Value) -> Each:
        """What lies in memory of its own, as a rule."""
        source = Source(memory.buffer, None, memory)
        return Each(value.type.shape, self.loader(memory, value), (source,))

    # ---- Nodes

    def elementwise(self, node: Node) -> None:
        op, dtype = node.op, held_in(node.out)
        if is_half(node.out):
            raise UnfitError("a large array in half precision")
        expr, shape = expression_of(node), node.out.type.shape
        given = [(self.each(v), v) for v in node.inputs]
        parts = [(each, aligned(each.shape, shape)) for each, _ in given]

        def at(index: Places) -> str:
            names = [self.element(each, pick(index)) for each, pick in parts]
            table = dict(zip(op.tensors, names, strict=False))
            return self.builder.apply(rename(expr, table), dtype)

        sources = tuple(stretched(s, each.shape, shape) for each, _ in parts for s in each.sources)
        own = 8 if calls(expr) - CHEAP else 1
        self.define(node.out, Each(shape, at, sources, own + sum(each.cost for each, _ in parts)))

    def define(self, value: Value, found: Each) -> None:
        """Make a value known; one that takes long and is used several times has room."""
        self.builder.known[value] = found
        if found.cost > DEAR and self.uses.get(value, 0) > 1:
            self.settle(value)

    def move(self, node: Node, access: AccessMap) -> None:
        each = self.each(node.inputs[0])
        rank = len(each.shape)

        def inner(index: Places) -> Places:
            found = [Place()] * rank
            for source, position in access.fixed:
                found[source] = self.place(position)
            for part, axis in zip(index, access.axes, strict=True):
                if axis.source is not None:
                    start = self.place(axis.start)
                    found[axis.source] = start + part * axis.step
            return tuple(found)

        sources = []
        for s in each.sources:
            order = s.order
            if order is not None:
                offset, strides = access.strides(order.offset, order.strides)
                order = order._replace(offset=offset, strides=strides)
            sources.append(s._replace(order=order))
        shape = node.out.type.shape
        made = Each(
            shape, lambda index: self.element(each, inner(index)), tuple(sources), each.cost
        )
        self.known(node.out, made)

    def taken(self, source: Value, places: dict[int, str], out: Value) -> None:
        """What is at computed positions along some axes of an array that is a rule."""
        each = self.each(source)

        def inner(index: Places) -> Places:
            rest = iter(index)
            return tuple(
                Place(0, ((places[a], 1),)) if a in places else next(rest)
                for a in range(len(each.shape))
            )

        sources = tuple(s._replace(order=None) for s in each.sources)
        made = Each(out.type.shape, lambda i: self.element(each, inner(i)), sources, each.cost)
        self.known(out, made)

    def known(self, value: Value, found: Each) -> None:
        """Make a value known: a small one by its elements."""
        if is_small(value):
            self.builder.known[value] = self.elements(found, value)
        else:
            self.define(value, found)

    def elements(self, found: Each, value: Value) -> tuple[str, ...]:
        """The elements of a small array."""
        shape = tuple(map(int, value.type.shape))
        with self.aside():
            return tuple(self.element(found, tuple(map(Place, p))) for p in np.ndindex(*shape))

    def cut(self, node: Node) -> None:
        """window: a part of an array, whose size may be a value."""
        x, start, count = node.inputs
        builder, attrs = self.builder, node.attrs
        self.used = True
        (first,), (number,) = builder.elements(start), builder.elements(count)
        axis, step, length = attrs["axis"], attrs["step"], attrs["length"]
        if not isinstance(length, int):
            for name in symbols_of(length) - builder.outside:
                self.late[name], self.most[name] = number, self.limit(x.type.shape[axis])
        found = builder.known[x]
        if type(found) is tuple or (isinstance(found, Memory | Changing) and is_small(x)):
            found = self.stored(x, builder.elements(x))
        if isinstance(found, Each):
            at = Place(0, ((first, 1),))

            def inner(index: Places) -> Places:
                return (*index[:axis], at + index[axis] * step, *index[axis + 1 :])

            sources = tuple(shifted(s, axis, first, step) for s in found.sources)
            rule = self.each(x)
            made = Each(node.out.type.shape, lambda i: self.element(rule, inner(i)), sources)
            self.known(node.out, made)
            return
        memory = builder.versions.memory(found)
        stride = memory.strides[axis]
        memory = memory._replace(
            scalars=(*memory.scalars, (first, stride)),
            strides=(*memory.strides[:axis], stride * step, *memory.strides[axis + 1 :]),
        )
        builder.known[node.out] = builder.versions.part(found, memory, node.out)

    def update(self, node: Node) -> None:
        """block_update: a part at a computed place is another."""
        x, part, starts = node.inputs
        builder, versions = self.builder, self.builder.versions
        firsts = builder.elements(starts)
        if is_small(x):
            memory = self.stored(x, builder.elements(x))
        else:
            self.ahead(x, part, node.out)
            memory = versions.own(x, node.out).memory
        scalars = [(at, stride) for at, stride in zip(firsts, memory.strides, strict=True)]
        strides = tuple(s * t for s, t in zip(memory.strides, node.attrs["steps"], strict=True))
        target = memory._replace(scalars=(*memory.scalars, *scalars), strides=strides)
        if is_small(x):
            self.put(target, part)
            builder.known[node.out] = builder.load(memory, x)
        else:
            self.write(target, part, node.out)

    def write(self, target: Memory, part: Value, out: Value) -> None:
        """Store a part of an array that is changed into another."""
        self.put(target, part)
        self.builder.known[out] = self.builder.versions.changed(target.buffer, out)
