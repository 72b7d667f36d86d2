"""Nodes that take elements from several datasets as they are told, and random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError, IndexOutOfBoundsError

from . import spec as specs
from .block import Block
from .combining import Concatenate
from .node import INFINITE, UNKNOWN, Node, Opening, Run, Seeds
from .seeding import Numbers, pair_of_pass

__all__ = ["Choose", "Random"]


class Choose(Node):
    """An element of the dataset whose number comes next, which the last input says."""

    name = "choose_from_datasets"

    def __init__(self, choices: list[Node], numbers: Node, stops: bool) -> None:
        super().__init__(*choices, numbers)
        self.stops = stops
        if not choices:
            raise ArgumentError("choose_from_datasets takes at least one dataset")
        self.together = Concatenate(*choices)  # raises for elements that do not fit

    @property
    def spec(self) -> Any:
        return self.together.spec

    @property
    def cardinality(self) -> int:
        """As TensorFlow's: without end where a dataset is, also if another one would end it."""
        return INFINITE if any(n.cardinality == INFINITE for n in self.inputs[:-1]) else UNKNOWN

    def run(self, opening: Opening) -> Run:
        return _Choosing(self, opening)


class _Choosing(Run):
    def __init__(self, node: Choose, opening: Opening) -> None:
        self.choices: list[Run | None] = [n.open(opening) for n in node.inputs[:-1]]
        self.node, self.numbers = node, node.inputs[-1].open(opening)
        self.done = False

    def take(self, count: int) -> Block | None:
        while not self.done:
            told = self.numbers.take(1)
            if told is None:
                break
            number = specs.integer(told.row(0)[0], "choose_from_datasets: a choice")
            if not 0 <= number < len(self.choices):
                raise IndexOutOfBoundsError(
                    f"choose_from_datasets: {number} was chosen of {len(self.choices)} datasets"
                )
            chosen = self.choices[number]
            if chosen is None:
                continue
            block = chosen.take(1)
            if block is not None:
                return block
            self.choices[number] = None
            if self.node.stops or not any(self.choices):
                break
        self.done = True
        return None

    def close(self) -> None:
        self.numbers.close()
        for run in self.choices:
            if run is not None:
                run.close()


class Random(Node):
    """Random numbers without end: 32-bit integers (int64), as TensorFlow's."""

    name = "random"

    def __init__(self, seeds: Seeds, each: bool) -> None:
        super().__init__()
        self.seeds, self.each = seeds, each

    @property
    def spec(self) -> Any:
        return specs.make("int64", ())

    @property
    def cardinality(self) -> int:
        return INFINITE

    def arguments(self) -> str:
        return f"rerandomize={self.each}"

    def run(self, opening: Opening) -> Run:
        number = opening.next_pass(self.seeds)
        pair = pair_of_pass(self.seeds, number) if self.each else self.seeds.pair
        return _Numbering(Numbers(pair))

    def reopened(self, opening: Opening, count: int) -> None:
        opening.next_pass(self.seeds, count)


class _Numbering(Run):
    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers

    def take(self, count: int) -> Block | None:
        return Block(count, [self.numbers.take(count).astype(np.int64)], specs.LONE)

    def skip(self, count: int) -> int:
        self.numbers.position += count
        return count
