"""A loop moves from array operations to machine code while it runs.

Its next trip starts in machine code, with the state that it has by then. Two do so: default mode,
where a loop takes long (``relay.py``), and what raises an error of a kernel (``native/again.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

from twofold.ir.evaluate import Region
from twofold.ir.graph import Graph, Node, Value
from twofold.ir.late import makes_sizes
from twofold.ir.op import OPS
from twofold.ir.rebuild import copied
from twofold.ir.types import BufferType
from twofold.runtime.arrays import ArrayOps

from .target import Executable

__all__ = ["Loop", "MovingOps", "can_move"]

PATIENCE = 0.02  # seconds of a loop on array operations before it is compiled
PREPARED = 64  # exact sizes that a compiled loop keeps prepared


class Loop:
    """A loop as a graph of its own, and what runs it once it is compiled."""

    def __init__(self, node: Node) -> None:
        given = Graph("loop")  # each input is one of its own: a state has become another value
        loop = node.like([given.input(v.type, v.name) for v in node.inputs])
        given.nodes, given.outputs = [loop], list(loop.outputs)
        for ref, value in _last_drafts(loop):
            given.add(OPS["assign"], (ref, value))
        self.graph = copied(given)
        self.executable: Executable | None = None
        self._prepared: dict[tuple[int, ...], Any] = {}

    def compile(self, lower: Callable[[Graph], Executable]) -> None:
        """Compile to machine code."""
        self.executable = lower(self.graph)

    def run(self, values: Sequence[Any], env: Mapping[str, int]) -> Sequence[Any]:
        """The outputs of the loop, started with these values."""
        assert self.executable is not None
        sizes = {name: env[name] for name in self.graph.symbols()}
        key = tuple(sizes.values())
        prepared = self._prepared.get(key)
        if prepared is None:
            if len(self._prepared) >= PREPARED:
                self._prepared.clear()
            prepared = self._prepared[key] = self.executable.prepare(sizes)
        outs: Sequence[Any] = prepared(list(values))
        return outs


def _last_drafts(loop: Node) -> list[tuple[Value, Value]]:
    """The Variables of which a loop carries what it drafts, and their values behind it."""
    body = loop.regions[-1]
    outer = dict(zip(reversed(body.inputs), reversed(loop.inputs), strict=False))
    last = {n.inputs[0]: n.inputs[1] for n in body.nodes if n.op.name == "draft"}
    out = dict(zip(body.outputs, loop.outputs, strict=False))
    return [(outer[ref], out[value]) for ref, value in last.items() if value in out]


def can_move(node: Node) -> bool:
    """Whether machine code can start with the state: tensors of sizes that stay the same."""
    if any(isinstance(v.type, BufferType) for v in node.inputs):
        return False
    return not makes_sizes(Graph("loop", node.inputs, [node], node.outputs))


class MovingOps(ArrayOps):
    """Array operations that hand a long ``while`` over; see the module."""

    def ready(self, node: Node) -> Loop | None:
        """The compiled loop, if there is one by now."""
        raise NotImplementedError

    def __call__(self, node: Node, inputs: list[Any], regions: Sequence[Region]) -> Sequence[Any]:
        if node.op.flow != "loop" or len(regions) != 2:
            return super().__call__(node, inputs, regions)
        outs = self._loop(node, inputs, *regions)
        self._bind(node, outs)
        return outs

    def _loop(self, node: Node, inputs: list[Any], test: Region, body: Region) -> Sequence[Any]:
        carried = node.attrs["carried"]
        state, given = tuple(inputs[:carried]), inputs[carried:]
        start = perf_counter()
        while test(*state, *given)[0]:
            state = tuple(body(*state, *given))
            if perf_counter() - start > PATIENCE:
                compiled = self.ready(node)
                if compiled is not None:
                    return compiled.run([*state, *given], self.env)
        return state
