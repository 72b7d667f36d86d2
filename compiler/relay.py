"""A long loop on array operations is handed over to machine code while it runs.

Default mode answers at once, on array operations, and compiles behind them. There a loop may run
for minutes; so one that has taken a while is compiled by itself in the background, and as soon as
that is done the next trip starts in machine code, with the state that the loop has by then.

No lock: of threads that meet a loop first at the same time, one enters it into the table and has
it compiled.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any

from twofold.ir.evaluate import Region
from twofold.ir.graph import Graph, Node
from twofold.ir.late import makes_sizes
from twofold.ir.rebuild import copied
from twofold.ir.types import BufferType
from twofold.runtime.arrays import ArrayOps

from . import background
from .pipeline import compile_graph
from .target import Executable
from .targets import target_for

__all__ = ["Relay", "RelayOps"]

PATIENCE = 0.02  # seconds of a loop on array operations before it is compiled
PREPARED = 64  # exact sizes that a compiled loop keeps prepared


class _Loop:
    """A loop as a graph of its own, and what runs it once it is compiled."""

    def __init__(self, node: Node) -> None:
        given = Graph("loop")  # each input is one of its own: a state has become another value
        loop = node.like([given.input(v.type, v.name) for v in node.inputs])
        given.nodes, given.outputs = [loop], list(loop.outputs)
        self.graph = copied(given)
        self.process = os.getpid()
        self.executable: Executable | None = None
        self._prepared: dict[tuple[int, ...], Any] = {}

    def compile(self) -> None:
        """Compile to machine code. What cannot be compiled stays on array operations."""
        self.executable = compile_graph(self.graph, target_for(True))

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


class Relay:
    """The loops of a graph that have been, or are being, compiled."""

    def __init__(self) -> None:
        self._loops: dict[Node, _Loop | None] = {}

    def ready(self, node: Node) -> _Loop | None:
        """The compiled loop; compiling begins when this is first asked."""
        try:
            loop = self._loops[node]
        except KeyError:
            made = _Loop(node) if _can_move(node) else None
            loop = self._loops.setdefault(node, made)
            if made is not None and loop is made:
                background.submit(partial(_compile_quietly, made))
        if loop is None or loop.executable is not None:
            return loop
        if loop.process != os.getpid():  # the queue of a forked process starts empty
            self._loops.pop(node, None)
        return None


def _compile_quietly(loop: _Loop) -> None:
    try:
        loop.compile()
    except Exception as error:  # noqa: BLE001  (array operations go on; it is told)
        background.tell("a loop", error)


def _can_move(node: Node) -> bool:
    """Whether machine code can start with the state: tensors of sizes that stay the same."""
    if any(isinstance(v.type, BufferType) for v in node.inputs):
        return False
    return not makes_sizes(Graph("loop", node.inputs, [node], node.outputs))


class RelayOps(ArrayOps):
    """Array operations that hand a long ``while`` over; see the module."""

    def __init__(self, env: Mapping[str, int], relay: Relay) -> None:
        super().__init__(env)
        self.relay = relay

    def at(self, env: Mapping[str, int]) -> RelayOps:
        return RelayOps(env, self.relay)

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
                compiled = self.relay.ready(node)
                if compiled is not None:
                    return compiled.run([*state, *given], self.env)
        return state
