"""Eager operations by routines: a program of one launch for each kind of call.

Programs are made in the background when a kind is met; until one is there, and for what no routine
takes, NumPy's body runs, to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twofold.ir.graph import Graph
from twofold.ir.op import Op
from twofold.ir.step import Kind
from twofold.ir.types import TensorType
from twofold.runtime.native import native

from .. import background

__all__ = ["compute", "offer"]

MOST_PROGRAMS = 1024

Run = Callable[[list[Any]], list[Any]]

_programs: dict[Any, Run | None] = {}


def offer() -> None:
    """Let eager operations run here."""
    native.compute = compute


def compute(op: Op, inputs: Any, attrs: dict[str, Any]) -> tuple[Any, ...] | None:
    """The outputs of an operation, if there is a program for it; see the module."""
    key = (op.name, tuple(attrs.items()), *((x.dtype, x.shape) for x in inputs))
    try:
        run = _programs[key]
    except KeyError:
        if len(_programs) >= MOST_PROGRAMS:
            _programs.clear()
        _programs[key] = None
        background.submit(lambda: _prepare(key, op, attrs))
        return None
    except TypeError:  # an attribute that has no hash
        return None
    return None if run is None else tuple(run(list(inputs)))


def _prepare(key: Any, op: Op, attrs: dict[str, Any]) -> None:
    """Make the program of a kind of call."""
    from ..pipeline import compile_graph  # noqa: PLC0415  (with all passes: when it is used)
    from ..planned import step_of  # noqa: PLC0415
    from .target import NATIVE  # noqa: PLC0415

    graph = Graph(op.name)
    given = [graph.input(TensorType(dtype, shape)) for dtype, shape in key[2:]]
    graph.outputs = list(graph.add(op, given, attrs).outputs)
    try:
        made = compile_graph(graph, NATIVE)
    except Exception as error:  # noqa: BLE001  (of any kind: array operations go on)
        background.tell(f"the eager operation {op.name}", error)
        return
    if all(step_of(node).kind is Kind.LIBRARY for node in made.graph.nodes):
        _programs[key] = made.prepare({})
