"""Nodes that gather elements in datasets or groups: ``window``, ``group_by_window``."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError

from . import spec as specs
from .block import Block, join, of_rows
from .functions import UserFunction
from .mapping import first_spec, spec_without_running
from .nest import LEAF, map_leaves
from .nested import Flattening
from .node import INFINITE, UNKNOWN, Node, Opening, Reader, Run, noted
from .sources import Arrays, Gather, Range

__all__ = ["GroupByWindow", "Window", "of_dataset"]


class Window(Node):
    """``size`` elements, ``stride`` apart, as a dataset for each leaf; a new window begins every
    ``shift`` elements."""

    name = "window"

    def __init__(self, source: Node, size: int, shift: int, stride: int, whole: bool) -> None:
        super().__init__(source)
        for what, value in (("size", size), ("shift", shift), ("stride", stride)):
            if value < 1:
                raise ArgumentError(f"window: {what} is at least 1, not {value}")
        self.size, self.shift, self.stride, self.whole = size, shift, stride, whole
        self.reach = (size - 1) * stride + 1  # elements from the first to the last

    @property
    def spec(self) -> Any:
        return map_leaves(specs.DatasetSpec, self.inputs[0].spec)

    @property
    def cardinality(self) -> int:
        have = self.inputs[0].cardinality
        if have < 0:
            return have
        if self.whole:
            return max(0, (have - self.reach) // self.shift + 1)
        return -(-have // self.shift)

    def arguments(self) -> str:
        return f"{self.size}, {self.shift}, {self.stride}, drop_remainder={self.whole}"

    def run(self, opening: Opening) -> Run:
        return _Windowing(self, self.inputs[0].open(opening))


class _Windowing(Run):
    def __init__(self, node: Window, source: Run) -> None:
        self.node, self.reader = node, Reader(source)
        self.behind = 0  # elements to leave out before the next window

    def take(self, count: int) -> Block | None:
        node = self.node
        if self.behind:
            self.reader.skip(self.behind)
            self.behind = 0
        block = self.reader.peek(node.reach)
        if block is None:
            return None
        if node.whole and block.count < node.reach:
            return None
        chosen = block.where(np.arange(0, block.count, node.stride))
        kept = min(node.shift, block.count)
        self.reader.drop(kept)
        self.behind = node.shift - kept
        return of_rows([[_memory(c, chosen.count) for c in chosen.columns]], block.form)

    def skip(self, count: int) -> int:
        gone = 0
        while gone < count and self.take(1) is not None:
            gone += 1
        return gone

    def close(self) -> None:
        self.reader.close()


def _memory(column: Any, count: int) -> Node:
    """A column as a dataset of lone tensors."""
    return in_memory(Block(count, [column], LEAF))


def in_memory(block: Block, spec: Any = None) -> Node:
    """A block as a dataset, of elements of ``spec`` where more is known than the block tells."""
    if spec is None:
        spec = specs.of_columns(block)
    return Gather(Range(0, block.count), Arrays(block.columns, block.form), spec, "window")


def of_dataset(node: Node) -> Node:
    """A dataset of one dataset."""
    return Gather(Range(0, 1), Arrays([[node]], LEAF), specs.DatasetSpec(node.spec), "from_tensors")


class GroupByWindow(Flattening):
    """Elements of one key, ``size_of(key)`` at a time, as the dataset that a function makes of
    them; its elements are ``like`` those of a node, where one is given."""

    name = "group_by_window"

    def __init__(
        self, source: Node, key_of: UserFunction, function: UserFunction, size_of: Any,
        like: Node | None = None,
    ) -> None:  # fmt: skip
        super().__init__(source, function)
        self.key_of, self.size_of, self.like = key_of, size_of, like

    @functools.cached_property
    def spec(self) -> Any:
        """Of the dataset that the first group gives."""
        if self.like is not None:
            return self.like.spec
        found = _Grouping(self, Opening.empty()).next_group()
        return first_spec(self) if found is None else found.spec

    @property
    def cardinality(self) -> int:
        have = self.inputs[0].cardinality
        return have if have in (0, INFINITE) else UNKNOWN

    def run(self, opening: Opening) -> Run:
        return _Grouping(self, opening)


class _Grouping(Run):
    def __init__(self, node: GroupByWindow, opening: Opening) -> None:
        self.node, self.opening = node, opening
        self.reader = Reader(node.inputs[0].open(opening))
        self.groups: dict[int, list[Block]] = {}
        self.sizes: dict[int, int] = {}
        self.ready: list[int] = []
        self.current: Run | None = None
        self.number = -1
        self.element_spec = spec_without_running(node.inputs[0])

    def take(self, count: int) -> Block | None:
        while True:
            if self.current is not None:
                block = self.current.take(count)
                if block is not None:
                    return block
                self.current.close()
                self.current = None
            made = self.next_group()
            if made is None:
                return None
            self.current = made.open(Opening(self.opening.options))

    def next_group(self) -> Node | None:
        """The dataset for the next full group; at the end for what is left, by key."""
        while not self.reader.ended or self.reader.held is not None:
            block = self.reader.read(1)
            if block is None:
                self.ready = sorted(self.groups)
                break
            self.number += 1
            key = self._key(block)
            group = self.groups.setdefault(key, [])
            group.append(block)
            if len(group) >= self.sizes[key]:
                return self._made_of(key)
        return self._made_of(self.ready.pop(0)) if self.ready else None

    def _key(self, block: Block) -> int:
        try:
            key = specs.integer(self.node.key_of(block.row(0), block.form), "key_func")
            if key not in self.sizes:
                size = self.node.size_of
                if isinstance(size, UserFunction):
                    size = specs.integer(size([np.asarray(key)], LEAF), "window_size_func")
                if size < 1:
                    raise ArgumentError(f"group_by_window: a window has at least 1, not {size}")
                self.sizes[key] = size
        except Exception as error:
            noted(error, self.node, self.number)
            raise
        return key

    def _made_of(self, key: int) -> Node:
        group = in_memory(join(self.groups.pop(key)), self.element_spec)
        given = of_rows([[np.asarray(key, np.int64), group]], specs.PAIR)
        return self.node.made_of(given, self.number)

    def close(self) -> None:
        self.reader.close()
