"""Nodes that make one dataset of several: ``zip``, ``concatenate``, ``enumerate``."""

from __future__ import annotations

import functools
from typing import Any

from twofold.ir.errors import ArgumentError, DTypeError

from .block import Block
from .nest import Form, flatten, pack
from .node import INFINITE, UNKNOWN, Node, Opening, Reader, Run, Source
from .sources import Arrays, Gather, Range
from .spec import merged

__all__ = ["Concatenate", "Zip"]


class Zip(Node):
    """Elements of several datasets side by side, until the shortest ends."""

    name = "zip"

    def __init__(self, tree: Any) -> None:
        nodes, self.form = flatten(tree)
        super().__init__(*nodes)
        if not nodes:
            raise ArgumentError("zip takes at least one dataset")

    @functools.cached_property
    def spec(self) -> Any:
        return pack(self.form, [node.spec for node in self.inputs])

    @property
    def cardinality(self) -> int:
        sizes = [node.cardinality for node in self.inputs]
        if 0 in sizes:
            return 0
        if UNKNOWN in sizes:
            return UNKNOWN
        finite = [s for s in sizes if s != INFINITE]
        return min(finite) if finite else INFINITE

    def lifted(self) -> tuple[Node, Source] | None:
        """Arrays side by side, where all of them are taken from their first row on."""
        found = [_in_order(node) for node in self.inputs]
        if any(f is None for f in found):
            return None
        rows = min((f[0] for f in found if f), key=lambda r: len(r.numbers))
        sources = [f[1] for f in found if f]
        form = _grafted(self.form, iter([s.form for s in sources]))
        return rows, Arrays([c for s in sources for c in s.columns], form)

    def run(self, opening: Opening) -> Run:
        return _Zipping(self, [node.open(opening) for node in self.inputs])


def _in_order(node: Node) -> tuple[Range, Arrays] | None:
    if isinstance(node, Gather | Zip):
        found = node.lifted()
        if found is not None and isinstance(found[0], Range) and isinstance(found[1], Arrays):
            return found[0], found[1]
    return None


def _grafted(form: Form, inner: Any) -> Form:
    """A form whose leaves are themselves of forms."""
    if form.kind is None:
        return next(inner)  # type: ignore[no-any-return]
    return Form(form.kind, form.keys, tuple([_grafted(c, inner) for c in form.children]))


class _Zipping(Run):
    def __init__(self, node: Zip, runs: list[Run]) -> None:
        self.form = node.form
        self.readers = [Reader(run) for run in runs]

    def take(self, count: int) -> Block | None:
        blocks = []
        error: Exception | None = None
        for reader in self.readers:
            try:
                block = reader.peek(count)
            except Exception as raised:  # noqa: BLE001  (raised when all inputs have moved on)
                error, count = error or raised, 1
                continue
            if block is None:
                return None
            blocks.append(block)
            count = min(count, block.count)
        if error is not None:
            for reader in self.readers:
                reader.drop(1)
            raise error
        for reader in self.readers:
            reader.drop(count)
        form = _grafted(self.form, iter([b.form for b in blocks]))
        return Block(count, [c for b in blocks for c in b.cut(0, count).columns], form)

    def skip(self, count: int) -> int:
        return min(reader.skip(count) for reader in self.readers)

    def close(self) -> None:
        for reader in self.readers:
            reader.close()


class Concatenate(Node):
    """The elements of one dataset, then those of others."""

    name = "concatenate"

    def __init__(self, *inputs: Node) -> None:
        super().__init__(*inputs)
        if all(part.quiet for node in inputs for part in node.walk()):
            assert self.spec is not None  # raises for what does not fit; others raise when they run

    @functools.cached_property
    def spec(self) -> Any:
        first, form = flatten(self.inputs[0].spec)
        for node in self.inputs[1:]:
            other, other_form = flatten(node.spec)
            if form != other_form or [s.dtype for s in first] != [s.dtype for s in other]:
                raise DTypeError(
                    f"concatenate: the elements are {self.inputs[0].spec} and {node.spec}, which "
                    f"differ in structure or dtype"
                )
            first = [merged(a, b) for a, b in zip(first, other, strict=True)]
        return pack(form, first)

    @property
    def cardinality(self) -> int:
        sizes = [node.cardinality for node in self.inputs]
        if INFINITE in sizes:
            return INFINITE
        return UNKNOWN if UNKNOWN in sizes else sum(sizes)

    def run(self, opening: Opening) -> Run:
        return _Concatenating(self.inputs, opening)


class _Concatenating(Run):
    def __init__(self, nodes: tuple[Node, ...], opening: Opening) -> None:
        self.nodes, self.opening, self.at = nodes, opening, 0
        self.current: Run | None = nodes[0].open(opening)

    def _next(self) -> None:
        assert self.current is not None
        self.current.close()
        self.at += 1
        more = self.at < len(self.nodes)
        self.current = self.nodes[self.at].open(self.opening) if more else None

    def take(self, count: int) -> Block | None:
        while self.current is not None:
            block = self.current.take(count)
            if block is not None:
                return block
            self._next()
        return None

    def skip(self, count: int) -> int:
        left = count
        while left and self.current is not None:
            left -= self.current.skip(left)
            if left:
                self._next()
        return count - left

    def close(self) -> None:
        if self.current is not None:
            self.current.close()
