"""Whether calls with steps in the middle pay: against plain Python, by the clock.

A step costs some tens of microseconds: frames are taken apart and made again, a continuation is
looked up. Where what stands between two steps is a few operations on small arrays, plain Python is
faster. Either way gives the answer, so each call may go either way.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from twofold.runtime.tensor import Tensor

__all__ = ["Pace", "Paced", "size_of"]

FIRST = 16  # calls until the first comparison; each further one comes four times as late
ROUNDS = 3  # calls of each kind that are compared
SEGMENTS = 256  # after so many runs of a segment it is looked at
NODE, ELEMENT = 2e-6, 1e-9  # about what plain Python takes for an operation, and for an element
FASTER = "plain Python is faster than the graphs between the steps"


class Paced:
    """The prepared call of a function with steps: goes on with graphs or as plain Python, whichever
    has been faster. Has the face of a ``PreparedCall``."""

    def __init__(self, function: Any, prepared: Any) -> None:
        self.function, self.prepared = function, prepared
        self.captures, self.concrete = prepared.captures, prepared.concrete
        self.free = prepared.free
        self.is_plain = False
        self.count, self.next = 0, FIRST
        self.best = [0.0, 0.0]  # seconds of a call with graphs, and as plain Python

    def ready(self, leaves: Any) -> Any:
        """The leaves, if the graph is good for the state that it reads; else None."""
        return leaves if self.is_plain or self.prepared.ready(leaves) is not None else None

    def __call__(self, leaves: Any) -> Any:
        return self.call(leaves, {}, leaves)

    def call(self, args: Any, kwargs: dict[str, Any], leaves: Any) -> Any:
        """Make the call of these arguments."""
        self.count += 1
        turn = self.count - self.next
        if turn < 0:
            return self._make(self.is_plain, args, kwargs, leaves)
        plain = turn % 2 == 1
        fits = self.prepared.free or self.prepared.ready(leaves) is not None
        if not plain and self.is_plain and not fits:
            return self._make(True, args, kwargs, leaves)
        begin = time.perf_counter()
        made = self._make(plain, args, kwargs, leaves)
        taken = time.perf_counter() - begin
        self.best[plain] = taken if turn < 2 else min(self.best[plain], taken)
        if turn >= 2 * ROUNDS - 1:
            self.next = 4 * self.count
            self.is_plain = self.best[1] < self.best[0]
            self.free = self.is_plain or self.prepared.free
        return made

    def _make(self, plain: bool, args: Any, kwargs: dict[str, Any], leaves: Any) -> Any:
        return self.function.plainly(args, kwargs, FASTER) if plain else self.prepared(leaves)


class Pace:
    """Whether the segments behind the first step of calls pay, on arrays of about one size."""

    __slots__ = ("count", "is_small", "spent", "worth")

    def __init__(self) -> None:
        self.count, self.spent, self.worth = 0, 0.0, 0.0
        self.is_small = False

    def note(self, spent: float, weight: float, size: int) -> None:
        """A segment has run, in so many seconds. ``weight``: the operations in it."""
        self.count += 1
        self.spent += spent
        self.worth += weight * (NODE + ELEMENT * size)
        if self.count >= SEGMENTS:
            self.is_small = self.spent > self.worth
            self.count, self.spent, self.worth = 0, 0.0, 0.0


def size_of(leaves: Any) -> int:
    """The elements of the largest array among values."""
    sizes = [x.array.size if type(x) is Tensor else x.size for x in leaves
             if isinstance(x, Tensor | np.ndarray)]  # fmt: skip
    return max(sizes, default=0)


def weight_of(graph: Any) -> float:
    """How many operations a graph has, those of branches included; without bounds where there are
    loops."""
    found = 0.0
    for node in graph.nodes:
        name = node.op.name
        if name in ("while", "scan", "call"):
            return float("inf")
        found += name != "constant"
        found += sum(map(weight_of, node.regions))
    return found
