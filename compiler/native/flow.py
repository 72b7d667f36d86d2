"""Control flow of a planned graph in its program: jumps, and what moves from trip to trip.

A region is written where it runs, with the words of its inputs; what it returns is made where the
node around it wants it, and copied there only if it lies elsewhere (an input, a constant, an array
that Python made). The state of a loop has two buffers, to which two cells point: a trip reads what
the first points to and writes what the second points to, then the cells are swapped. The rows that
a ``scan`` reads and stacks are cells that go on by one row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from twofold.ir.graph import Graph, Node, Value

from . import instructions as do
from .launch import ARENA, CELL, LITERAL, Word

if TYPE_CHECKING:
    from .writer import Writer

__all__ = ["FLOW"]


def _cond(w: Writer, node: Node) -> None:
    other, end = do.Label(), do.Label()
    targets = w.targets(node)
    w.code.append(do.branch(w.word(node.inputs[0]), other))
    _inside(w, node.regions[0], node.inputs[1:], targets)
    w.code += [do.jump(end), other]
    _inside(w, node.regions[1], node.inputs[1:], targets)
    w.code.append(end)


def _switch(w: Writer, node: Node) -> None:
    labels, end = [do.Label() for _ in node.regions], do.Label()
    targets = w.targets(node)
    w.code.append(do.choose(w.word(node.inputs[0]), labels))
    for label, region in zip(labels, node.regions, strict=True):
        w.code.append(label)
        _inside(w, region, node.inputs[1:], targets)
        w.code.append(do.jump(end))
    w.code.append(end)


def _inside(w: Writer, region: Graph, inputs: Sequence[Value], targets: Sequence[Word]) -> None:
    with w.scratch():
        w.region(region, [w.word(v) for v in inputs], targets)


class _State:
    """The buffers of a loop's state, and the cells that point to them."""

    def __init__(self, w: Writer, node: Node) -> None:
        self.w, self.node = w, node
        values = node.inputs[: node.attrs["carried"]]
        self.kept = [_is_kept(node, i) for i in range(len(values))]
        self.sizes = [w.nbytes(v) for v in values]
        self.now, self.next = ([w.cell() for _ in values] for _ in range(2))
        first = [(ARENA, w.reserve(n)) for n in self.sizes]
        second = [(ARENA, w.reserve(n)) for n in self.sizes]
        w.code += [do.move(b, w.word(v), n)
                   for v, b, n in zip(values, first, self.sizes, strict=True)]  # fmt: skip
        cells = zip([*self.now, *self.next], [*first, *second], strict=True)
        w.code.append(do.set_([(cell, buffer, 0) for cell, buffer in cells]))

    def inputs(self) -> list[Word]:
        """Where a trip finds the state."""
        return [(CELL, cell) for cell in self.now]

    def targets(self) -> list[Word | None]:
        """Where a trip leaves the next; None for what stays the same."""
        pairs = zip(self.next, self.kept, strict=True)
        return [None if kept else (CELL, cell) for cell, kept in pairs]

    def advance(self) -> None:
        """The next state is the state."""
        pairs = zip(self.now, self.next, self.kept, strict=True)
        self.w.code.append(do.swap([(a, b) for a, b, kept in pairs if not kept]))

    def finish(self, targets: Sequence[Word]) -> None:
        """Behind the loop: the last state is the outputs."""
        found = zip(targets, self.now, self.sizes, strict=False)
        self.w.code += [do.move(target, (CELL, cell), n) for target, cell, n in found]


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
        given = [w.word(v) for v in node.inputs[len(state.now) :]]
        w.code.append(head)
        w.region(test, [*state.inputs(), *given], [flag])
        w.code.append(do.branch(flag, end))
        w.region(body, [*state.inputs(), *given], state.targets())
        state.advance()
        w.code += [do.again(head), end]
        state.finish(targets)


def _scan(w: Writer, node: Node) -> None:
    length, back = w.size(node.attrs["length"]), node.attrs["reverse"]
    targets = w.targets(node)
    with w.scratch():
        state = _State(w, node)
        first, (body,) = len(state.now), node.regions
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
            w.region(body, inputs, [*state.targets(), *words[len(arrays) :]])
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
