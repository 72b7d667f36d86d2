"""A compiled function called while another one is traced: a ``call`` node with a region.

The Python function runs once more, under a tracer whose graph is the region. It works on the
caller's own objects: what it takes from outside becomes an input of the region when it is used, and
every tensor of the region that is still alive when it returns (returned, put into a list, an
attribute) becomes an output, and a tensor of the caller's trace.
"""

from __future__ import annotations

from typing import Any

from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.graph import Value
from twofold.ir.op import OPS

from .trace import Tracer, place

__all__ = ["call_nested"]


def call_nested(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call the Python function of a compiled function under the tracer that stands above.

    What was staged when it raises stays: the caller may catch the error, and assignments count.
    """
    outer = bind.ground()
    assert isinstance(outer, Tracer)
    inner, where = Tracer(function.name, outer), place()
    inner.inlined = True
    token = bind.push(inner)
    try:
        return outer.arrays.hooked(function.python_function)(*args, **kwargs)
    finally:
        bind.pop(token)
        _stage(inner, outer, where)


def _stage(inner: Tracer, outer: Tracer, where: Any) -> None:
    """Append the call; values of the region become those of the outer graph."""
    outer.refused = outer.refused or inner.refused
    alive = [cell for r in inner.cells if (cell := r()) is not None and cell.trace is inner]
    cells = list({id(cell): cell for cell in alive}.values())  # one may have entered twice
    needed = [cell.value for cell in cells] + [value for _, value in inner.given.values()]
    table: dict[Value, Value] = {
        inside: outside
        for inside, outside in zip(inner.graph.inputs, inner.imports, strict=True)
        if isinstance(outside, Value)
    }
    outputs = list(dict.fromkeys(v for v in needed if v not in table))
    if inner.graph.nodes:
        inner.graph.outputs = outputs
        call = Call(OPS["call"], tuple(inner.imports), {}, (inner.graph,), inner.graph.types, where)
        table.update(zip(outputs, bind.run(call), strict=True))
    for cell in cells:
        cell.value = table[cell.value]
        cell.enter(outer)
    for variable, value in inner.given.values():
        outer.was_given(variable, table[value])
    for written in inner.written.values():
        outer.writes_to(*written)
    for array, held in inner.begun:
        outer.begins(array, held, array.flow)
    inner.ended = True
