"""A graph that can be called: its executables, prepared calls and derivatives.

A call under interpreters (tapes, counters) is a call of the op ``call`` whose region is a
``Sized``, the callee for exact sizes. It runs compiled; its gradient is in ``gradient.py``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from twofold.ir.graph import Graph
from twofold.ir.once import once
from twofold.ir.rebuild import resized
from twofold.ir.types import TensorType

from .arrays.target import ArrayTarget
from .passes.inline import inline
from .pipeline import compile_graph
from .relay import Relay, RelayOps
from .sizes import TraceSizes
from .target import Executable, Target
from .targets import target_for

__all__ = ["Callee", "Derivable", "Sized"]

PREPARED = 64  # exact sizes that a callee keeps prepared
Run = Callable[[list[Any]], list[Any]]


class Derivable(Protocol):
    """What a callee keeps for its gradient."""

    def compile(self) -> None:
        """Compile to machine code what runs on array operations so far."""


class Callee:
    """A graph and what runs it.

    ``sizes``: its symbols, and what was relied on about them. ``relay``: whether a long loop on
    array operations may go on in machine code.
    """

    def __init__(self, graph: Graph, sizes: TraceSizes, native: bool, relay: bool = False) -> None:
        self.graph, self.sizes, self.native, self.relay = graph, sizes, native, relay
        self.lock = threading.RLock()
        self.derivatives: list[Derivable] = []
        self._executable: Executable | None = None
        self._prepared: dict[tuple[int, ...], Run] = {}

    @once
    def inlined(self) -> Graph:
        """The graph without calls, as gradients take it."""
        return inline(self.graph)

    @once
    def refs(self) -> tuple[set[int], set[int]]:
        """See ``Graph.refs``."""
        return self.inlined.refs()

    def target(self, native: bool) -> Target:
        """What the graph is compiled for: array operations if sizes of what it is given are found
        as other graphs run."""
        if native and self.sizes.hints.keys() >= set(self.graph.symbols()):
            return target_for(True)
        if self.relay:
            return ArrayTarget(partial(RelayOps, relay=Relay()))
        return target_for(False)

    def executable(self) -> Executable:
        """What runs the graph now."""
        with self.lock:
            if self._executable is None:
                self._executable = compile_graph(self.graph, self.target(self.native))
            return self._executable

    def compile(self) -> Executable:
        """Compile to machine code now, with the derivatives, if that has not been done."""
        ready = self._executable
        if ready is not None and ready.native:
            return ready
        # without the lock: calls go on meanwhile
        made = compile_graph(self.graph, self.target(True))
        if made.native:
            made.prepare(self.sizes.hints)  # the kernels whose code depends on the sizes
        with self.lock:
            self.native = True  # what is derived from now on is compiled at once
            derivatives = list(self.derivatives)
        for derivative in derivatives:
            derivative.compile()
        with self.lock:
            self._executable = made
            self._prepared.clear()
        return made

    def prepared(self, key: tuple[int, ...], env: dict[str, int]) -> Run:
        """The executable for exact sizes; ``key``: their values."""
        found = self._prepared.get(key)
        if found is None:
            with self.lock:
                found = self.executable().prepare(env)
                if len(self._prepared) >= PREPARED:
                    self._prepared.clear()
                self._prepared[key] = found
        return found


class Sized:
    """A callee for exact sizes: the region of an eager call."""

    __slots__ = ("_key", "callee", "env", "linear")

    def __init__(self, callee: Callee, env: dict[str, int]) -> None:
        self.callee, self.env = callee, env
        self.linear: dict[Any, Any] = {}  # how its gradient runs, by what is watched
        self._key = tuple(env.values())

    @classmethod
    def of(cls, graph: Graph) -> Sized:
        """A graph without size symbols, called by hand."""
        return cls(Callee(graph, TraceSizes(), native=False), {})

    def as_function(self, run_node: Any) -> Sized:
        """What a region op calls: itself, since it is compiled."""
        return self

    def __call__(self, *values: Any) -> Sequence[Any]:
        """The outputs for input arrays (Variables for refs)."""
        return self.callee.prepared(self._key, self.env)(list(values))

    @property
    def inputs(self) -> Sequence[Any]:
        """The inputs of the graph."""
        return self.callee.graph.inputs

    @property
    def types(self) -> list[TensorType]:
        """The types of the outputs, with their sizes."""
        return [v.type.substitute(dict(self.env)) for v in self.callee.graph.outputs]

    def refs(self) -> tuple[set[int], set[int]]:
        """See ``Graph.refs``."""
        return self.callee.refs

    def graph(self) -> Graph:
        """The graph with its sizes, as a region of a graph."""
        return resized(self.callee.graph, self.env)
