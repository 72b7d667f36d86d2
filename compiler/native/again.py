"""What a kernel refuses is done again, so that the error is the one of the user's line.

A kernel says no more than that a check has failed. So its node is run once more, on array
operations, which raise what the op raises and leave Variables as they were then. The error may lie
millions of trips away: a loop that takes a while goes on as a program whose trips are steps
(``scalarise{loops=False}``). There the kernel that fails is that of one step in one trip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twofold.ir.evaluate import Region
from twofold.ir.graph import Graph, Node
from twofold.runtime.arrays import ArrayOps

from ..moving import Loop, MovingOps, can_move
from ..passes.fuse import fuse
from ..passes.scalarise import scalarise
from ..passes.schedule import schedule
from ..pipeline import run
from ..target import Executable

__all__ = ["Again"]

LONG = 1000  # trips of a scan that are not made by array operations
_BY_STEPS = (scalarise.having(loops=False), fuse, schedule)


class Again(MovingOps):
    """Array operations for the nodes of kernels that have failed; see the module."""

    def __init__(self, env: Mapping[str, int], loops: dict[Node, Loop | None] | None = None):
        super().__init__(env)
        self._loops = {} if loops is None else loops

    def at(self, env: Mapping[str, int]) -> ArrayOps:
        return Again(env, self._loops)

    def __call__(self, node: Node, inputs: list[Any], regions: Sequence[Region]) -> Sequence[Any]:
        if node.op.name == "scan" and self._attributes(node)["length"] >= LONG:
            loop = self.ready(node)
            if loop is not None:
                return loop.run(inputs, self.env)
        return super().__call__(node, inputs, regions)

    def ready(self, node: Node) -> Loop | None:
        """The loop as a program; it is compiled when it is first asked for."""
        if node not in self._loops:
            self._loops[node] = loop = Loop(node) if can_move(node) else None
            if loop is not None:
                loop.compile(_by_steps)
        return self._loops[node]


def _by_steps(graph: Graph) -> Executable:
    from .target import NATIVE  # noqa: PLC0415  (it makes what uses this)

    return NATIVE.lower(run(graph, _BY_STEPS, target=NATIVE))
