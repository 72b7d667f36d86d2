"""Branches that were not taken, as tapes remember them: what only they use has the gradient zero.

In a graph all branches are there, and one that is not taken contributes zero. Eager code has not
looked into it; a tape keeps what it would take, and looks when a gradient would be None: what such
a branch uses gets zeros, which go on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from twofold.ir import bind
from twofold.ir.vjp import Entry, backward, differentiable, zeros

__all__ = ["Untaken", "note", "with_zeros"]


class Untaken:
    """What was not taken where ``outputs`` were made, behind so many entries of a tape.

    ``look()`` gives the tensors and Variables that gradients would have gone to.
    """

    def __init__(self, at: int, outputs: Sequence[Any], look: Callable[[], list[Any]]) -> None:
        self.at, self.outputs, self.look = at, tuple(outputs), look

    @cached_property
    def sources(self) -> list[Any]:
        """What ``look`` has found, once."""
        return self.look()


def note(tensors: Iterable[Any], look: Callable[[], list[Any]]) -> None:
    """Tell the tapes that record that other branches would have made these results."""
    outputs = [x.value for x in tensors if differentiable(x)]
    frame = bind.current.get()
    while frame is not None and outputs:
        skipped = getattr(frame.interpreter, "skipped", None)
        if skipped is not None:
            skipped(outputs, look)
        frame = frame.below


def with_zeros(
    table: Mapping[int, Any], entries: Sequence[Entry], known: Mapping[int, Any],
    untaken: Sequence[Untaken], values: Callable[[Any], Sequence[Any]],
) -> set[int]:  # fmt: skip
    """The values, and the Variables, that get zeros by way of branches that were not taken (by
    ``id``), where ``table`` has the cotangents of what was run. ``values``: those that a tape knows
    of a tensor or a Variable."""
    found: set[int] = set()
    tensor = bind.ground().tensor
    for branch in reversed(untaken):
        if not any(id(out) in table or id(out) in found for out in branch.outputs):
            continue
        taken = [v for x in branch.sources for v in values(x) if id(v) in known]
        seeds = {id(v): zeros(tensor(v)) for v in taken}
        found.update(map(id, branch.sources), seeds)
        found.update(backward(entries[: branch.at], seeds, known))
    return found
