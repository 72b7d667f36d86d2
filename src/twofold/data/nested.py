"""Nodes whose elements are datasets for a moment: ``flat_map``, ``interleave``."""

from __future__ import annotations

import functools
from typing import Any

from twofold.ir.errors import ArgumentError, ReturnTypeError

from .block import Block
from .functions import UserFunction
from .mapping import first_spec
from .node import UNKNOWN, Node, Opening, Reader, Run, noted
from .prefetch import Prefetch

__all__ = ["FlatMap", "Interleave"]


class Flattening(Node):
    """A node whose function gives a dataset for each element."""

    quiet = False

    def __init__(self, source: Node, function: UserFunction) -> None:
        super().__init__(source)
        self.function = function

    @functools.cached_property
    def spec(self) -> Any:
        """Of the dataset that the first element gives."""
        reader = Reader(self.inputs[0].open(Opening.empty()))
        block = reader.read(1)
        if block is None:
            return first_spec(self)
        return self.made_of(block, 0).spec

    @property
    def cardinality(self) -> int:
        return 0 if self.inputs[0].cardinality == 0 else UNKNOWN

    def arguments(self) -> str:
        return str(self.function)

    def made_of(self, block: Block, number: int) -> Node:
        """The dataset for an element. Raises ReturnTypeError, and what the function raises."""
        try:
            found = self.function(block.row(0), block.form)
        except Exception as error:
            noted(error, self, number)
            raise
        node = getattr(found, "_node", None)
        if not isinstance(node, Node):
            raise noted(
                ReturnTypeError(
                    f"{self.name} takes a function that returns a dataset, "
                    f"{self.function} returned {type(found).__name__}"
                ),
                self,
                number,
            )
        return node


class FlatMap(Flattening):
    """The elements of the datasets, one dataset after the other."""

    name = "flat_map"

    def run(self, opening: Opening) -> Run:
        return _Flattening(self, opening)


class _Flattening(Run):
    def __init__(self, node: FlatMap, opening: Opening) -> None:
        self.node, self.opening = node, opening
        self.source = Reader(node.inputs[0].open(opening))
        self.current: Run | None = None
        self.number = -1

    def take(self, count: int) -> Block | None:
        while self._open():
            assert self.current is not None
            block = self.current.take(count)
            if block is not None:
                return block
            self._leave()
        return None

    def skip(self, count: int) -> int:
        left = count
        while left and self._open():
            assert self.current is not None
            gone = self.current.skip(left)
            left -= gone
            if left:
                self._leave()
        return count - left

    def _open(self) -> bool:
        """Whether there is a dataset to go on with."""
        if self.current is None:
            block = self.source.read(1)
            if block is None:
                return False
            self.number += 1
            made = self.node.made_of(block, self.number)
            self.current = made.open(Opening(self.opening.options))
        return True

    def _leave(self) -> None:
        assert self.current is not None
        self.current.close()
        self.current = None

    def close(self) -> None:
        self.source.close()
        if self.current is not None:
            self.current.close()


class Interleave(Flattening):
    """The elements of ``cycle`` datasets at a time, ``length`` of each in turn."""

    name = "interleave"

    def __init__(
        self, source: Node, function: UserFunction, cycle: int, length: int, ahead: bool
    ) -> None:
        super().__init__(source, function)
        for what, value in (("cycle_length", cycle), ("block_length", length)):
            if value < 1:
                raise ArgumentError(f"interleave: {what} is at least 1, not {value}")
        self.cycle, self.length, self.ahead = cycle, length, ahead

    def arguments(self) -> str:
        return f"{self.function}, {self.cycle}, {self.length}"

    def run(self, opening: Opening) -> Run:
        return _Interleaving(self, opening)


class _Interleaving(Run):
    def __init__(self, node: Interleave, opening: Opening) -> None:
        self.node, self.opening = node, opening
        self.source = Reader(node.inputs[0].open(opening))
        self.slots: list[Run | None] = [None] * node.cycle
        self.slot = self.given = 0
        self.number = -1
        self.open = 0
        self.done = False

    def take(self, count: int) -> Block | None:
        while self.open or not self.done:
            current = self.slots[self.slot]
            if current is None:
                if not self._begin():
                    self._advance()
                continue
            try:
                block = current.take(min(count, self.node.length - self.given))
            except Exception:
                self._counted(1)
                raise
            if block is not None:
                self._counted(block.count)
                return block
            current.close()
            self.slots[self.slot] = None
            self.open -= 1
            self._advance()
        return None

    def _begin(self) -> bool:
        """Open the next dataset in the empty slot; whether there is one."""
        block = None if self.done else self.source.read(1)
        if block is None:
            self.done = True
            return False
        self.number += 1
        made = self.node.made_of(block, self.number)
        if self.node.ahead:
            made = Prefetch(made, max(self.node.length, 2))
        self.slots[self.slot] = made.open(Opening(self.opening.options))
        self.open += 1
        return True

    def _counted(self, count: int) -> None:
        self.given += count
        if self.given >= self.node.length:
            self._advance()

    def _advance(self) -> None:
        self.given = 0
        self.slot = (self.slot + 1) % self.node.cycle

    def close(self) -> None:
        self.source.close()
        for run in self.slots:
            if run is not None:
                run.close()
