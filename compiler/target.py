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

__all__ = ["PLAN", "Executable", "Target", "rewrites", "routine_of"]


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
    """The library routine that computes a node: ``gemm`` for products of matrices that BLAS knows,
    or one of the compiler's own (``native/routines.py``).

    Batches need equal leading sizes, or none on one side.
    """
    if node.op.name in _OWN:
        return _OWN[node.op.name](node)
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


def _laid(node: Node) -> str:
    """Windows beside each other, of any dtype."""
    return "laid"


def _convolved(node: Node) -> str | None:
    """Windows times filters."""
    return "convolved" if info(node.out.type.dtype).short in _FLOATS else None


def _overlapped(node: Node) -> str | None:
    """Sums of windows; not of windows that are apart and have holes as well."""
    steps = zip(node.attrs["strides"], node.attrs["dilations"], strict=True)
    plain = all(step == 1 or hole == 1 for step, hole in steps)
    return "overlapped" if plain and info(node.out.type.dtype).short in _FLOATS else None


def _scattered(node: Node) -> str | None:
    """Rows added at positions that are signed; of batches, array operations know them."""
    x, indices = node.inputs[:2]
    fits = not node.attrs.get("batch_dims") and info(indices.type.dtype).short in ("i32", "i64")
    if node.op.name == "tensor_scatter_nd_add":
        fits = fits and isinstance(indices.type.shape[-1], int)
    return "scattered" if fits and info(x.type.dtype).short in _NUMBERS else None


def _placed(node: Node) -> str | None:
    """Rows put at positions that are signed; of what dtype they are is all the same."""
    indices = node.inputs[1].type
    fits = info(indices.dtype).short in ("i32", "i64") and isinstance(indices.shape[-1], int)
    return "placed" if fits else None


def _taken(node: Node) -> str | None:
    """Rows from positions that are signed; of batches, and of one row, array operations know."""
    indices, by_points = node.inputs[1].type, node.op.name == "gather_nd"
    fits = info(indices.dtype).short in ("i32", "i64") and indices.rank > 0
    fits = fits and (isinstance(indices.shape[-1], int) if by_points else
                     not node.attrs["batch_dims"])  # fmt: skip
    return "taken" if fits else None


def _running(node: Node) -> str | None:
    x, kind = node.inputs[0].type, info(node.out.type.dtype).short
    return "running" if x.dtype == node.out.type.dtype and kind in _NUMBERS else None


def _selected(node: Node) -> str | None:
    """The largest, where they are few: each one that is found is put in its place."""
    x, count = node.inputs[0].type, node.attrs["k"]
    few = isinstance(count, int) and count <= _FEW
    return "selected" if few and info(x.dtype).short in _NUMBERS else None


_FEW = 32
_FLOATS = ("f32", "f64")
_NUMBERS = (*_FLOATS, "i32", "i64")
_OWN: dict[str, Callable[[Node], str | None]] = {
    "cumprod": _running, "cumsum": _running, "gather": _taken, "gather_nd": _taken,
    "patches": _laid, "patches_grad": _overlapped,
    "scatter_add": _scattered, "tensor_scatter_nd_add": _scattered,
    "tensor_scatter_nd_update": _placed, "top_k": _selected, "unsorted_segment_sum": _scattered,
    "window_products": _convolved,
}  # fmt: skip


_OVER_FIRST = ("scatter_add", "tensor_scatter_nd_add", "tensor_scatter_nd_update")


def rewrites(node: Node) -> bool:
    """Whether the routine of a node may leave its output where its first input lies: it checks all
    before it writes, and reads no element of that input behind its place."""
    return node.op.name in _OVER_FIRST


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
