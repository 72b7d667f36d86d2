"""Control flow of a planned graph in its program: jumps, and what moves from trip to trip.

A region is written where it runs, with the words of its inputs; what it returns is made where the
node around it wants it, and copied there only if it lies elsewhere (an input, a constant, an array
that Python made). The state of a loop has two buffers, to which two cells point: a trip reads what
the first points to and writes what the second points to, then the cells are swapped. The rows that
a ``scan`` reads and stacks are cells that go on by one row. A sequence that is state has one
record, which each trip changes (``records.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from twofold.ir.graph import Graph, Node
from twofold.ir.types import BufferType

from . import instructions as do
from .launch import ARENA, CELL, HELD, LITERAL, Word

if TYPE_CHECKING:
    from .writer import Writer

__all__ = ["FLOW"]


def _cond(w: Writer, node: Node) -> None:
    other, end = do.Label(), do.Label()
    targets, ways = w.targets(node), _Ways(w, node)
    w.code.append(do.branch(w.word(node.inputs[0]), other))
    ways.inside(node.regions[0], targets)
    w.code += [do.jump(end), other]
    ways.inside(node.regions[1], targets)
    w.code.append(end)


def _switch(w: Writer, node: Node) -> None:
    labels, end = [do.Label() for _ in node.regions], do.Label()
    targets, ways = w.targets(node), _Ways(w, node)
    w.code.append(do.choose(w.word(node.inputs[0]), labels))
    for label, region in zip(labels, node.regions, strict=True):
        w.code.append(label)
        ways.inside(region, targets)
        w.code.append(do.jump(end))
    w.code.append(end)


class _Ways:
    """The regions of a branch, which are given the same."""

    def __init__(self, w: Writer, node: Node) -> None:
        self.w = w
        self.given = [w.word(v) for v in node.inputs[1:]]
        self.own = w.records.handed(node)

    def inside(self, region: Graph, targets: Sequence[Word]) -> None:
        """Write one of them."""
        with self.w.scratch():
            self.w.region(region, self.given, targets, self.own)


class _State:
    """The buffers of a loop's state, and the cells that point to them; the records of sequences."""

    def __init__(self, w: Writer, node: Node) -> None:
        self.w, self.node = w, node
        values = node.inputs[: node.attrs["carried"]]
        self.count = len(values)
        self.kept = [_is_kept(node, i) for i in range(len(values))]
        held = [i for i, v in enumerate(values) if isinstance(v.type, BufferType)]
        self.records = {i: w.records.take(node, i) for i in held}
        self.own = [i for i in held if not self.kept[i]]
        self.arrays = [i for i in range(len(values)) if i not in self.records]
        self.sizes = {i: w.nbytes(values[i]) for i in self.arrays}
        self.now, self.next = ({i: w.cell() for i in self.arrays} for _ in range(2))
        first = {i: (ARENA, w.reserve(n)) for i, n in self.sizes.items()}
        second = {i: (ARENA, w.reserve(n)) for i, n in self.sizes.items()}
        w.code += [do.move(first[i], w.word(values[i]), n) for i, n in self.sizes.items()]
        cells = [(self.now[i], first[i], 0) for i in self.arrays]
        w.code.append(do.set_([*cells, *((self.next[i], second[i], 0) for i in self.arrays)]))

    def inputs(self) -> list[Word]:
        """Where a trip finds the state."""
        return [(HELD, self.records[i]) if i in self.records else (CELL, self.now[i])
                for i in range(self.count)]  # fmt: skip

    def targets(self) -> list[Word | None]:
        """Where a trip leaves the next; None for what stays the same."""
        return [None if kept else (HELD, self.records[i]) if i in self.records else
                (CELL, self.next[i]) for i, kept in enumerate(self.kept)]  # fmt: skip

    def advance(self) -> None:
        """The next state is the state."""
        pairs = [(self.now[i], self.next[i]) for i in self.arrays if not self.kept[i]]
        self.w.code.append(do.swap(pairs))

    def finish(self, targets: Sequence[Word]) -> None:
        """Behind the loop: the last state is the outputs."""
        for i, n in self.sizes.items():
            self.w.code.append(do.move(targets[i], (CELL, self.now[i]), n))
        for i, cell in self.records.items():
            self.w.records.move(targets[i][1], cell)


def _is_kept(node: Node, i: int) -> bool:
    """Whether the body returns a part of the state as it is."""
    body = node.regions[-1]
    return body.outputs[i] is body.inputs[i]


def _while(w: Writer, node: Node) -> None:
    head, end = do.Label(), do.Label()
    targets = w.targets(node)
    with w.scratch():
        state, flag = _State(w, node), (ARENA, w.reserve(1))
        test, body = node.regions
        given = [w.word(v) for v in node.inputs[state.count :]]
        w.code.append(head)
        w.region(test, [*state.inputs(), *given], [flag])
        w.code.append(do.branch(flag, end))
        w.region(body, [*state.inputs(), *given], state.targets(), state.own)
        state.advance()
        w.code += [do.again(head), end]
        state.finish(targets)


def _scan(w: Writer, node: Node) -> None:
    length, back = w.size(node.attrs["length"]), node.attrs["reverse"]
    targets = w.targets(node)
    with w.scratch():
        state = _State(w, node)
        first, (body,) = state.count, node.regions
        arrays = node.inputs[first : first + node.attrs["sliced"]]
        given = [w.word(v) for v in node.inputs[first + len(arrays) :]]
        count, head = w.cell(), do.Label()
        whole = [*map(w.word, arrays), *targets[first:]]
        rows = [w.nbytes(v) // max(length, 1) for v in (*arrays, *node.outputs[first:])]
        cells = [w.cell() for _ in rows]
        if length:
            starts = [row * (length - 1) if back else 0 for row in rows]
            w.code.append(do.set_([(count, (LITERAL, length), 0),
                                   *zip(cells, whole, starts, strict=True)]))  # fmt: skip
            w.code.append(head)
            words: list[Word] = [(CELL, cell) for cell in cells]
            inputs = [*state.inputs(), *words[: len(arrays)], *given]
            w.region(body, inputs, [*state.targets(), *words[len(arrays) :]], state.own)
            state.advance()
            steps = [-row if back else row for row in rows]
            w.code.append(do.add(zip(cells, steps, strict=True)))
            w.code.append(do.repeat(count, head))
        state.finish(targets)


FLOW: Mapping[str, Callable[[Writer, Node], None]] = {
    "cond": _cond,
    "switch": _switch,
    "while": _while,
    "scan": _scan,
}
