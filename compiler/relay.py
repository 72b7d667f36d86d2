"""A long loop on array operations is handed over to machine code while it runs.

Default mode answers at once, on array operations, and compiles behind them. There a loop may run
for minutes; so one that has taken a while is compiled by itself in the background, and as soon as
that is done the next trip starts in machine code, with the state that the loop has by then.

No lock: of threads that meet a loop first at the same time, one enters it into the table and has
it compiled.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial

from twofold.ir.graph import Graph, Node

from . import background
from .moving import Loop, MovingOps, can_move
from .pipeline import compile_graph
from .target import Executable
from .targets import target_for

__all__ = ["Relay", "RelayOps"]


class _Loop(Loop):
    """A loop, and the process whose queue it is in."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.process = os.getpid()


class Relay:
    """The loops of a graph that have been, or are being, compiled."""

    def __init__(self) -> None:
        self._loops: dict[Node, _Loop | None] = {}

    def ready(self, node: Node) -> Loop | None:
        """The compiled loop; compiling begins when this is first asked."""
        try:
            loop = self._loops[node]
        except KeyError:
            made = _Loop(node) if can_move(node) else None
            loop = self._loops.setdefault(node, made)
            if made is not None and loop is made:
                background.submit(partial(_compile_quietly, made))
        if loop is None or loop.executable is not None:
            return loop
        if loop.process != os.getpid():  # the queue of a forked process starts empty
            self._loops.pop(node, None)
        return None


def _compile_quietly(loop: Loop) -> None:
    """Compile to machine code. What cannot be compiled stays on array operations."""
    try:
        loop.compile(_natively)
    except Exception as error:  # noqa: BLE001  (array operations go on; it is told)
        background.tell("a loop", error)


def _natively(graph: Graph) -> Executable:
    return compile_graph(graph, target_for(True))


class RelayOps(MovingOps):
    """Array operations that hand a long ``while`` over; see the module."""

    def __init__(self, env: Mapping[str, int], relay: Relay) -> None:
        super().__init__(env)
        self.relay = relay

    def at(self, env: Mapping[str, int]) -> RelayOps:
        return RelayOps(env, self.relay)

    def ready(self, node: Node) -> Loop | None:
        return self.relay.ready(node)
