"""Growable sequences in a kernel of one point: buffers that a loop is given, changed in place.

    %c: buffer f32[] = buffer_push(%b, %x)     ->     v0: i64 = size b0
                                                      resize b0 by 1
                                                      b0[v0] = x

A sequence lies in a buffer of the kernel, its elements one after the other. That its values of the
IR never change is kept where nothing uses one after it has been changed, which ``check_linear``
(``small.py``) sees to. Numbers of elements here are those of the buffer of the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.graph import Node, Value
from twofold.ir.types import BufferType

from .buffers import contiguous
from .small import Elements, Memory, UnfitError, held_in, size, zero
from .statements import Check, Const, If, Resize, Set, Size, Var, While

if TYPE_CHECKING:
    from .control import Builder

__all__ = ["SEQUENCES"]

BOOL, INT64 = np.dtype(bool), np.dtype(np.int64)


class _Sequence:
    """The sequence that a node takes first. ``each``: an element of it, and how many numbers that
    has."""

    def __init__(self, builder: Builder, node: Node) -> None:
        kind = node.inputs[0].type
        assert isinstance(kind, BufferType)
        self.builder, self.buffer = builder, builder.first_grown + builder.storage.at[node, 0]
        self.element = Value(kind.element)
        self.each = size(self.element)

    def end(self) -> str:
        """The number of elements that there are."""
        name = self.builder.name("v")
        self.builder.add(Size(name, self.buffer))
        return name

    def at(self, name: str, stride: int = 1, offset: int = 0) -> Memory:
        """The element that begins at a computed place."""
        return Memory(self.buffer, offset, ((name, stride),), contiguous(self.element.type.shape))

    def zeros(self) -> Elements:
        """An element of zeros."""
        builder = self.builder
        builder.consts.append(Const(builder.name("c"), held_in(self.element), zero(self.element)))
        return (builder.consts[-1].name,) * self.each

    def position(self, value: Value, checked: bool) -> str:
        """A position; where it is ``checked`` one before the first element is an error."""
        if not self.each:
            raise UnfitError("elements without numbers")
        at = self.builder.places.whole_number(value)
        if checked:
            self.builder.add(Check(f"{at} >= 0"))
        return at

    def inside(self, at: str) -> str:
        """Whether there is an element at a position."""
        return self.builder.apply(f"0 <= {at} and {self.times(at)} < {self.end()}", BOOL)

    def times(self, at: str) -> str:
        """Where the element at a position begins."""
        return at if self.each == 1 else self.builder.apply(f"{at} * {self.each}", INT64)

    def fill(self, stop: str) -> str:
        """Add elements of zeros up to a number of them; a variable with how many those were."""
        builder, zeros = self.builder, self.zeros()
        added = builder.name("s")
        builder.add(Var(added, INT64, "0"))
        limit = self.times(stop)
        with builder.nested() as before:
            end = self.end()
            more = builder.apply(f"{end} < {limit}", BOOL)
        with builder.nested() as body:
            builder.add(Resize(self.buffer, self.each))
            builder.write((self.at(end), self.element), zeros)
            builder.add(Set(added, builder.apply(f"{added} + 1", INT64)))
        builder.add(While(tuple(before), more, tuple(body)))
        return added

    def drop(self, count: str) -> None:
        """Take elements from the end, as far as there are any."""
        builder, left = self.builder, self.builder.name("s")
        builder.add(Var(left, INT64, count))
        with builder.nested() as before:
            end = self.end()
            more = builder.apply(f"{left} > 0 and {end} > 0", BOOL)
        with builder.nested() as body:
            builder.add(Resize(self.buffer, -self.each))
            builder.add(Set(left, builder.apply(f"{left} - 1", INT64)))
        builder.add(While(tuple(before), more, tuple(body)))

    def where(self, at: str, act: Callable[[Memory], None]) -> None:
        """What is done with an element if there is one at the position."""
        builder, test = self.builder, self.inside(at)
        with builder.nested() as then:
            act(self.at(at, self.each))
        builder.add(If(test, tuple(then)))


def _push(builder: Builder, node: Node) -> None:
    x = node.inputs[1]
    elements, sequence = builder.elements(x), _Sequence(builder, node)
    end = sequence.end()
    if elements:
        builder.add(Resize(sequence.buffer, sequence.each))
    builder.write((sequence.at(end), x), elements)


def _pop(builder: Builder, node: Node) -> None:
    _, last = node.outputs
    sequence = _Sequence(builder, node)
    count = sequence.each
    builder.known[last] = builder.load(sequence.at(sequence.end(), offset=-count), last)
    if count:
        builder.add(Resize(sequence.buffer, -count))


def _size(builder: Builder, node: Node) -> None:
    sequence = _Sequence(builder, node)
    if not sequence.each:
        raise UnfitError("elements without numbers")
    end = sequence.end()
    if sequence.each > 1:
        end = builder.apply(f"floordiv({end}, {sequence.each})", INT64)
    builder.known[node.out] = (end,)


def _read(builder: Builder, node: Node) -> None:
    sequence, out = _Sequence(builder, node), node.outputs[-1]
    at = sequence.position(node.inputs[1], True)
    builder.known[out] = _taken(sequence, at, out, lambda memory: None)


def _taken(sequence: _Sequence, at: str, out: Value, then: Callable[[Memory], None]) -> Elements:
    """Variables with the element at a position, or zeros; and what is done if there is one."""
    builder = sequence.builder
    made = builder.variables(out, sequence.zeros())

    def take(memory: Memory) -> None:
        for name, x in zip(made, builder.load(memory, out), strict=True):
            builder.add(Set(name, x))
        then(memory)

    sequence.where(at, take)
    return made


def _write(builder: Builder, node: Node) -> None:
    x, (_, added) = node.inputs[2], node.outputs
    elements, sequence = builder.elements(x), _Sequence(builder, node)
    at = sequence.position(node.inputs[1], True)
    builder.known[added] = (sequence.fill(builder.apply(f"{at} + 1", INT64)),)
    builder.write((sequence.at(at, sequence.each), x), elements)


def _unwrite(builder: Builder, node: Node) -> None:
    (_, out), sequence = node.outputs, _Sequence(builder, node)
    at, zeros = sequence.position(node.inputs[1], False), sequence.zeros()
    builder.known[out] = _taken(
        sequence, at, out, lambda memory: builder.write((memory, out), zeros)
    )
    sequence.drop(builder.places.whole_number(node.inputs[2]))


def _add_at(builder: Builder, node: Node) -> None:
    x = node.inputs[2]
    elements, sequence = builder.elements(x), _Sequence(builder, node)
    at = sequence.position(node.inputs[1], False)

    def add(memory: Memory) -> None:
        pairs = zip(builder.load(memory, x), elements, strict=True)
        sums = tuple([builder.apply(f"{a} + {b}", held_in(x)) for a, b in pairs])
        builder.write((memory, x), sums)

    sequence.where(at, add)


def _fill(builder: Builder, node: Node) -> None:
    sequence, (_, added) = _Sequence(builder, node), node.outputs
    if not sequence.each:
        raise UnfitError("elements without numbers")
    builder.known[added] = (sequence.fill(builder.places.whole_number(node.inputs[1])),)


def _drop(builder: Builder, node: Node) -> None:
    sequence = _Sequence(builder, node)
    sequence.drop(builder.places.whole_number(node.inputs[1]))


SEQUENCES: Mapping[str, Callable[[Any, Node], None]] = {
    "buffer_push": _push,
    "buffer_pop": _pop,
    "buffer_size": _size,
    "buffer_read": _read,
    "buffer_write": _write,
    "buffer_unwrite": _unwrite,
    "buffer_add_at": _add_at,
    "buffer_fill": _fill,
    "buffer_drop": _drop,
}
