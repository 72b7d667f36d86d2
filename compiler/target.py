"""A target: what a graph is compiled for. ``compile_graph(graph, target)`` asks it four things.

``PLAN`` is the target of a plan that nobody runs: it fuses all that kernels can compute and calls
every library routine there is, so ``dump`` shows the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twofold.ir.dims import provably_eq
from twofold.ir.dtypes import info
from twofold.ir.graph import Graph, Node

__all__ = ["PLAN", "Executable", "Target", "routine_of"]


class Executable(Protocol):
    """A compiled graph: what a target makes of it."""

    graph: Graph  # as it was planned
    native: bool  # whether it is the last word: no faster form will replace it
    kernels: list[Any]  # what ``dump`` shows of it

    def prepare(self, env: dict[str, int]) -> Callable[[list[Any]], list[Any]]:
        """A function from input arrays (Variables for refs) to output arrays.

        ``env`` has the number that each size symbol stands for.
        """


class Target(Protocol):
    """What the passes that plan ask (``scalarise``, ``fuse``, ``schedule``), and what lowers it."""

    @property
    def name(self) -> str:
        """What it is called, in messages."""

    def can_fuse(self, node: Node) -> bool:
        """Whether a node may be computed in a kernel of this target: a loop or a branch in one of
        its own, which has control flow then.

        Only nodes that the loop IR can spell (``computable``) may be promised.
        """

    def jumps(self, node: Node) -> bool:
        """Whether programs of this target run a loop or a branch by jumps between the steps of its
        regions, which are planned then like the graph. Else its NumPy body runs it.
        """

    def library_call(self, node: Node) -> str | None:
        """The routine that this target calls for a node, or None; see ``routine_of``.

        Its output is then planned like that of a kernel: it may lie in the arena.
        """

    def lower(self, graph: Graph) -> Executable:
        """What runs a planned graph: every node of it has its ``step``."""


def routine_of(node: Node) -> str | None:
    """The library routine that computes a node: ``gemm`` for products of matrices that BLAS knows.

    Batches need equal leading sizes, or none on one side.
    """
    if node.op.name != "matmul":
        return None
    a, b = (v.type for v in node.inputs)
    if not info(a.dtype).blas or a.dtype != b.dtype or min(a.rank, b.rank) < 1:
        return None
    lead_a, lead_b = a.shape[:-2], b.shape[:-2]
    if not lead_a or not lead_b:
        return "gemm"
    same = len(lead_a) == len(lead_b) and all(map(provably_eq, lead_a, lead_b))
    return "gemm" if same else None


class _Plan:
    """Plans as far as any target can, and lowers nothing."""

    name = "plan"

    def can_fuse(self, node: Node) -> bool:
        from .kernel.expression import computable  # noqa: PLC0415  (kernels: when one is planned)

        return computable(node)

    def jumps(self, node: Node) -> bool:
        return True

    def library_call(self, node: Node) -> str | None:
        return routine_of(node)

    def lower(self, graph: Graph) -> Executable:
        raise NotImplementedError("a plan does not run: give compile_graph another target")


PLAN: Target = _Plan()
