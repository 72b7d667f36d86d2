"""What a dataset is, and what runs when it is iterated.

A ``Node`` is a record: its inputs, its arguments and what is known of its elements. It holds no
thread and no open file. ``Node.open`` starts a pass over it, a ``Run``, which hands out blocks.

Rows are numbers as long as possible: a node that only chooses and orders elements (``take``,
``shuffle``, ``repeat`` ...) over data that can be indexed is *lifted*: it runs on the row numbers,
and the data is touched once, at the end.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from twofold.ir.location import user_location

from .block import Block, join
from .nest import Form
from .options import Options

__all__ = [
    "INFINITE", "UNKNOWN", "Node", "Opening", "Reader", "Run", "Seeds", "Source", "noted",
]  # fmt: skip

INFINITE = -1
UNKNOWN = -2
CHUNK = 1024  # elements that are skipped at a time


class Run:
    """A pass over a node."""

    def take(self, count: int) -> Block | None:
        """From one to ``count`` of the next elements, or None at the end.

        An error of an element is raised when the elements before it have been handed out; the next
        call goes on behind it.
        """
        raise NotImplementedError

    def skip(self, count: int) -> int:
        """Leave out the next elements; how many there were, fewer than ``count`` at the end."""
        left = count
        while left:
            block = self.take(min(left, CHUNK))
            if block is None:
                break
            left -= block.count
        return count - left

    def close(self) -> None:
        """Give back threads and files. A run may be dropped without it."""


class Source(Protocol):
    """Data that can be indexed."""

    form: Form

    def gather(self, rows: np.ndarray[Any, Any]) -> Block:
        """The elements at these row numbers."""


class Seeds:
    """The two seeds of a node that draws, and how many passes over it were begun.

    Each pass has a number of its own, so that it has an order of its own.
    """

    def __init__(self, pair: tuple[int, int]) -> None:
        self.pair = pair
        self.passes = 0


class Opening:
    """One iteration over a dataset: which pass of each drawing node comes next.

    The numbers belong to the iteration, so that what other iterations do in between changes
    nothing; an iteration begins where the ones before it ended.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.counts = True
        self.passes: dict[Seeds, int] = {}

    @classmethod
    def empty(cls) -> Opening:
        """An iteration for a look at the first element, which uses up no number."""
        made = cls(Options())
        made.counts = False
        return made

    def next_pass(self, seeds: Seeds, count: int = 1) -> int:
        """The number of the next pass; ``count`` of them are used up."""
        number = self.passes.get(seeds, seeds.passes)
        self.passes[seeds] = number + count
        if self.counts:
            seeds.passes = max(seeds.passes, number + count)
        return number


class Node:
    """A dataset as a record; see the module.

    ``name``: the method that makes it. ``where``: the user's line that does. ``quiet``: nobody can
    tell when its elements are made. ``told``: its spec is that of its first element.
    """

    name = "dataset"
    quiet = True
    told = False
    face: Any = None  # what makes a user's dataset of a node

    def __init__(self, *inputs: Node) -> None:
        self.inputs = inputs
        self.where = user_location()

    @functools.cached_property
    def spec(self) -> Any:
        """The spec of an element, in its structure."""
        return self.inputs[0].spec

    @property
    def cardinality(self) -> int:
        """The number of elements, ``INFINITE`` or ``UNKNOWN``."""
        return self.inputs[0].cardinality

    def arguments(self) -> str:
        """The arguments as a text that is the same in each process."""
        return ""

    def lifted(self) -> tuple[Node, Source] | None:
        """A node of row numbers and the data that they are taken from, if that is the same."""
        return None

    def open(self, opening: Opening) -> Run:
        """Begin a pass."""
        found = self.lifted()
        if found is None:
            return self.run(opening)
        rows, source = found
        return _Gathering(rows.run(opening), source)

    def run(self, opening: Opening) -> Run:
        """Begin a pass over this node as it stands."""
        raise NotImplementedError

    def reopened(self, opening: Opening, count: int) -> None:
        """Note that ``count`` passes were begun and left out."""
        for node in self.inputs:
            node.reopened(opening, count)

    def draws(self, opening: Opening) -> dict[Seeds, int]:
        """The nodes below that draw, and the numbers of their next passes."""
        found: dict[Seeds, int] = {}
        for node in self.inputs:
            found.update(node.draws(opening))
        seeds = getattr(self, "seeds", None)
        if seeds is not None:
            found[seeds] = opening.passes.get(seeds, seeds.passes)
        return found

    def walk(self) -> list[Node]:
        """The nodes from the sources to this one."""
        return [*[n for i in self.inputs for n in i.walk()], self]

    def __str__(self) -> str:
        return f"{self.name}({self.arguments()})"


class _Gathering(Run):
    """The data at row numbers."""

    def __init__(self, rows: Run, source: Source) -> None:
        self.rows, self.source = rows, source

    def take(self, count: int) -> Block | None:
        rows = self.rows.take(count)
        return None if rows is None else self.source.gather(rows.columns[0])

    def skip(self, count: int) -> int:
        return self.rows.skip(count)

    def close(self) -> None:
        self.rows.close()


class Reader:
    """Reads a run in pieces of any size, and keeps an error for its place."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.held: Block | None = None
        self.error: Exception | None = None
        self.ended = False

    def peek(self, count: int) -> Block | None:
        """The next ``count`` elements, fewer before an error or the end; None if there are none.

        Raises the error, once, when it stands first.
        """
        pieces = [] if self.held is None else [self.held]
        have = sum(p.count for p in pieces)
        while have < count and not self.ended and self.error is None:
            try:
                block = self.run.take(count - have)
            except Exception as raised:  # noqa: BLE001  (raised at its place)
                self.error = raised
                break
            if block is None:
                self.ended = True
                break
            pieces.append(block)
            have += block.count
        self.held = join(pieces) if pieces else None
        if self.held is None:
            self.raise_error()
        return self.held if self.held is None else self.held.cut(0, count)

    def raise_error(self) -> None:
        """Raise the error that comes next, if there is one."""
        if self.error is not None:
            kept, self.error = self.error, None
            raise kept

    def drop(self, count: int) -> None:
        """Go on behind the next ``count`` elements, which were looked at."""
        held = self.held
        if held is not None:
            self.held = held.cut(count, held.count) if count < held.count else None

    def read(self, count: int) -> Block | None:
        """The same as ``peek``, and go on behind what it gives."""
        block = self.peek(count)
        if block is not None:
            self.drop(block.count)
        return block

    def put_back(self, block: Block) -> None:
        """Read these elements again, before what follows."""
        if block.count:
            self.held = block if self.held is None else join([block, self.held])

    def skip(self, count: int) -> int:
        """Leave out elements; how many there were."""
        left = count
        if self.held is not None:
            gone = min(left, self.held.count)
            self.drop(gone)
            left -= gone
        if left and self.error is None and not self.ended:
            left -= self.run.skip(left)
        return count - left

    def close(self) -> None:
        """Close the run."""
        self.run.close()


def noted(error: Exception, node: Node, number: int) -> Exception:
    """The error of a user's function with a note: which transformation, where, which element."""
    at = f" at {node.where}" if node.where is not None else ""
    note = f"in Dataset.{node.name}{at}, element {number}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
    return error


def known(sizes: Sequence[int]) -> bool:
    """Whether all cardinalities are numbers."""
    return all(s >= 0 for s in sizes)
