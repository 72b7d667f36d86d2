"""Arrays that are too large for values in a kernel of one point: changed in place where a loop or a
branch makes another of one.

    %v: f32[n] = tensor_scatter_nd_update(%u, %i, %x)     ->     out0[v0] = x

That values of the IR never change is kept by versions: a change gives its buffer the next one, and
what was read of another version cannot be used any more (UnfitError). Elements are loaded where
they are read, ahead of later changes. What a loop starts with is copied to the buffer of what comes
out, its *home*, unless it lies there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from twofold.ir.access import AccessMap
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.op import OPS
from twofold.ir.types import TensorType

from .buffers import contiguous
from .each import Each
from .small import Memory, UnfitError, is_small
from .statements import Access, For, Index, Load, Store

if TYPE_CHECKING:
    from .control import Builder

__all__ = ["Changing", "Versions", "is_large"]


class Changing(NamedTuple):
    """An array, or a part of one, in a buffer that is changed: as it is at one version."""

    memory: Memory
    version: int


def is_large(value: Value) -> bool:
    """Whether this is an array that is no small one."""
    return type(value.type) is TensorType and not is_small(value)


class Versions:
    """The buffers of a kernel that are changed."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.now: dict[int, int] = {}
        self.count = 0
        self.homes: dict[Value, int] = {}

    # ---- Versions

    def memory(self, found: Any) -> Memory:
        """Where an array lies now. Raises UnfitError if it has been changed since."""
        if isinstance(found, Memory):
            return found
        if not isinstance(found, Changing):
            raise UnfitError("an array that is no memory")
        if self.now.get(found.memory.buffer) != found.version:
            raise UnfitError("an array that has been changed")
        return found.memory

    def changed(self, buffer: int, value: Value) -> Changing:
        """A buffer with something else in it, as an array of the type of a value."""
        self.count += 1
        self.now[buffer] = self.count
        return Changing(self.whole(buffer, value), self.count)

    def whole(self, buffer: int, value: Value) -> Memory:
        return Memory(buffer, 0, (), contiguous(self.builder.wide.limited(value.type.shape)))

    def part(self, found: Any, memory: Memory, value: Value) -> Any:
        """A part of an array in memory; the elements of a small part of one that is changed."""
        if isinstance(found, Memory):
            return memory
        self.memory(found)
        if is_small(value):
            return self.builder.load(memory, value)
        return Changing(memory, found.version)

    # ---- Homes

    def settle(self, region: Graph, homes: Sequence[int | None]) -> None:
        """Note where the outputs of a region are wanted, and so what they are made of."""
        for output, home in zip(region.outputs, homes, strict=True):
            value: Value | None = output
            while home is not None and value is not None and is_large(value):
                if value in self.homes or value.node is None:
                    break
                self.homes[value] = home
                value = _made_of(value)

    def homes_of(self, node: Node) -> list[int | None]:
        """The homes of the outputs of a node."""
        return [self.homes.get(v) for v in node.outputs]

    def own(self, value: Value, out: Value) -> Changing:
        """An array where it can be changed into another; it is copied if it lies elsewhere."""
        if value.type != out.type:
            raise UnfitError("a size that changes")
        found = self.builder.known[value]
        if isinstance(found, Changing):
            buffer = self.memory(found).buffer
            if found.memory == self.whole(buffer, value):
                return found
        return self.brought(found, self.home(value, out), out)

    def home(self, value: Value, out: Value) -> int:
        """The buffer where an array is changed into another."""
        found = self.builder.known[value]
        if isinstance(found, Changing) and self.is_home(value, found.memory.buffer):
            return self.memory(found).buffer
        if out not in self.homes:
            self.homes[out] = self.builder.wide.room(out.type.shape, out.type.dtype).buffer
        return self.homes[out]

    def state(self, value: Value, out: Value) -> Changing:
        """The array of a loop's state, with what it starts with. From the second trip on it is not
        what it was ahead of the loop, so it is another version at once."""
        return self.changed(self.own(value, out).memory.buffer, out)

    @contextmanager
    def loop(self, node: Node, state: Sequence[Any]) -> Iterator[list[int | None]]:
        """Where the regions of a loop are run: gives the homes of what the body returns."""
        homes = [x.memory.buffer if isinstance(x, Changing) else None for x in state]
        pairs = zip(node.regions[-1].outputs, node.outputs, strict=False)
        if any(is_large(v) and v.type != out.type for v, out in pairs if out.index < len(state)):
            raise UnfitError("a size that changes")
        own = {home for home in homes if home is not None}
        if len(own) != sum(home is not None for home in homes):
            raise UnfitError("an array that is two states")
        before = dict(self.now)
        yield homes
        if any(before[b] != self.now[b] for b in before if b not in own):
            raise UnfitError("an array that each trip changes, and that is no state")
        for value, home in zip(node.outputs, homes, strict=False):
            if home is not None:
                self.builder.known[value] = self.changed(home, value)

    def ways(self, node: Node) -> _Ways:
        """What the regions of a branch do to arrays."""
        return _Ways(self, node)

    def is_home(self, value: Value, buffer: int) -> bool:
        """Whether an array lies in a buffer as a whole, and can be changed there."""
        found = self.builder.known[value]
        return isinstance(found, Changing) and found.memory == self.whole(buffer, value)

    def brought(self, found: Any, home: int, value: Value) -> Changing:
        """An array at its home: copied unless it is there."""
        if isinstance(found, Each):
            self.builder.wide.bring(self.whole(home, value), found, value)
            return self.changed(home, value)
        source, target = self.memory(found), self.whole(home, value)
        if isinstance(found, Changing) and source == target:
            return found
        if source.buffer == home:
            raise UnfitError("a part of an array that becomes the array")
        self.copy(source, target, value)
        return self.changed(home, value)

    def copy(self, source: Memory, target: Memory, value: Value) -> None:
        builder, dtype = self.builder, value.type.dtype
        axes = [(builder.name("i"), size) for size in value.type.shape]
        name = builder.name("v")
        with builder.nested() as body:
            builder.add(Load(name, dtype, _at(source, axes)))
            builder.add(Store(_at(target, axes), name))
        for index, size in reversed(axes):
            loop = For(index, Index(0, (0,)), Index(size, (0,)), tuple(body))
            body = [loop]
        for statement in body:
            builder.add(statement)

    # ---- Nodes

    def slice_update(self, node: Node) -> None:
        """A part at a known place is another."""
        x, part = node.inputs
        axes = OPS["strided_slice"].axes
        assert axes is not None
        access = axes(x.type, part.type, {"index": node.attrs["index"]})
        if not isinstance(access, AccessMap):
            raise UnfitError("a part without strides")
        self.builder.wide.ahead(x, part, node.out)
        held = self.own(x, node.out)
        offset, strides = access.strides(held.memory.offset, held.memory.strides)
        memory = held.memory._replace(offset=offset, strides=strides)
        self.write(memory, part, node.out)

    def write(self, memory: Memory, part: Value, out: Value) -> None:
        """Store a part of an array that is changed into another."""
        if is_small(part):
            self.builder.write((memory, part), self.builder.elements(part))
            self.builder.known[out] = self.changed(memory.buffer, out)
        else:
            self.builder.wide.write(memory, part, out)


class _Ways:
    """The regions of a branch, of which one is run: each begins with the same versions."""

    def __init__(self, versions: Versions, node: Node) -> None:
        self.versions, self.node = versions, node
        self.before = dict(versions.now)
        self.changed: set[int] = set()
        self.found: dict[Value, Any] = {}

    def begin(self) -> None:
        self.versions.now = dict(self.before)

    def end(self, outs: Sequence[Any]) -> None:
        now = self.versions.now
        self.changed |= {b for b, version in now.items() if self.before.get(b) != version}
        for value, made in zip(self.node.outputs, outs, strict=True):
            if is_large(value):
                if any(r.outputs[value.index].type != value.type for r in self.node.regions):
                    raise UnfitError("a size that differs")
                memory = self.versions.memory(made)
                if self.found.setdefault(value, memory) != memory:
                    raise UnfitError("one of several arrays")

    def join(self) -> None:
        """Behind the branch: what some region has changed is changed."""
        made = set()
        for value, memory in self.found.items():
            if memory.buffer not in self.versions.now and memory.buffer not in self.changed:
                self.versions.builder.known[value] = memory
                continue
            if memory in made or memory != self.versions.whole(memory.buffer, value):
                raise UnfitError("an array that is two outputs of a branch")
            made.add(memory)
            self.versions.builder.known[value] = self.versions.changed(memory.buffer, value)
        for buffer in self.changed - {memory.buffer for memory in made}:
            self.versions.count += 1
            self.versions.now[buffer] = self.versions.count


def _at(memory: Memory, axes: Sequence[tuple[str, Any]]) -> Access:
    steps = [(name, stride) for (name, _), stride in zip(axes, memory.strides, strict=True)]
    return Access(memory.buffer, Index(memory.offset, (0,), (*memory.scalars, *steps)))


def _made_of(value: Value) -> Value | None:
    """The array that a node changes into a value."""
    node = value.node
    if node is None:
        return None
    if node.op.name in ("tensor_scatter_nd_update", "slice_update", "block_update"):
        return node.inputs[0]
    return node.inputs[node.outputs.index(value)] if node.op.name == "while" else None
