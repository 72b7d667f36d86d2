"""Run a Python function once on traced inputs: from a call to a trace."""

from __future__ import annotations

import dis
import inspect
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import StagingError
from twofold.ir.location import Location
from twofold.ir.tree import Structure, flatten, unflatten
from twofold.runtime.convert import as_array
from twofold.runtime.tensor import Tensor

from .concrete import ConcreteFunction
from .guards import watch
from .packing import Outputs
from .trace import TracedArray, Tracer

__all__ = ["trace_function"]


def trace_function(
    function: Any, leaves: list[Any], structure: Structure, key: tuple[Any, ...]
) -> ConcreteFunction:
    """Run the Python function on traced inputs. Raises what the function raises.

    ``key``: the structure and a part for each leaf; a number whose part is its type is an input.
    """
    tracer = Tracer(function.name)
    tracer.returns = _return_location(function.python_function)
    names = _leaf_names(function, structure)
    positions: list[int] = []
    traced: list[Any] = []
    objects = [x for x in leaves if not isinstance(x, Tensor | np.ndarray | np.generic)]
    seen = watch(function.python_function, objects)
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Tensor | np.ndarray | np.generic):
            positions.append(i)
            made = tracer.input(as_plain(leaf), names[i])
            in_place = isinstance(leaf, np.ndarray)  # it can be written to by ``a += 1``
            traced.append(TracedArray(made.value, tracer) if in_place else made)
        elif (key[i + 1] is float or key[i + 1] is int) and not seen.reads_type:
            traced.append(tracer.numbers.argument(i, leaf, names[i]))
        else:
            traced.append(leaf)
    args, kwargs = unflatten(structure, traced)
    token = bind.push(tracer)
    before = [traced[i].value for i in positions]
    try:
        result = function.python_function(*args, **kwargs)
        _refuse_changed((args, kwargs), structure, traced)
        written = {
            i: traced[i] for i, value in zip(positions, before, strict=True)
            if traced[i].value is not value
        }  # fmt: skip
        outputs = Outputs(result, tracer, written, seen)
        for captured in tracer.captures:
            if isinstance(captured, np.ndarray):  # its owner can resize or reshape it in place
                seen.add("the shape of a captured array", lambda a=captured: a.shape)  # type: ignore[misc]
    finally:
        tracer.ended = tracer.numbers.ended = True
        bind.pop(token)
    return ConcreteFunction(function, tracer, positions, outputs, seen, key, names)


def _return_location(python_function: Any) -> Location | None:
    """The line of the only ``return`` with a value, or where the function begins."""
    code = getattr(inspect.unwrap(python_function), "__code__", None)
    if code is None:
        return None
    lines, before = set(), None
    for step in dis.get_instructions(code):
        nothing = step if step.opname == "RETURN_CONST" else before
        if step.opname in ("RETURN_VALUE", "RETURN_CONST"):
            implicit = nothing is not None and "CONST" in nothing.opname and nothing.argval is None
            place = step.positions
            if not implicit and place is not None and place.lineno is not None:
                lines.add((place.lineno, (place.col_offset or 0) + 1))
        before = step
    line, column = next(iter(lines)) if len(lines) == 1 else (code.co_firstlineno, 1)
    return Location(code.co_filename, line, column)


def _refuse_changed(arguments: Any, structure: Structure, leaves: list[Any]) -> None:
    """Raise StagingError if the function changed a container that it was given: the trace works
    on a copy, so the caller would not see it."""
    now, shape = flatten(arguments)
    if shape != structure or any(a is not b for a, b in zip(now, leaves, strict=True)):
        raise StagingError(
            "the function changes a list, dict or dataclass that it was given as an argument; a "
            "compiled function works on a copy of it, so return the new items instead"
        )


def _leaf_names(function: Any, structure: Structure) -> list[str]:
    """A name for each leaf: its parameter's, with the path inside of containers."""
    code = getattr(function.python_function, "__code__", None)
    params = code.co_varnames[: code.co_argcount] if code is not None else ()
    names: list[str] = []
    for i, child in enumerate(structure.children[0].children):
        _name_leaves(child, params[i] if i < len(params) else f"arg{i}", names)
    kw = structure.children[1]
    for key, child in zip(kw.keys, kw.children, strict=True):
        _name_leaves(child, str(key), names)
    return names


def _name_leaves(structure: Structure, name: str, names: list[str]) -> None:
    if structure.kind is None:
        names.append(name)
        return
    keys = structure.keys or range(len(structure.children))
    for key, child in zip(keys, structure.children, strict=True):
        text = "".join(c if c.isalnum() else "_" for c in str(key))
        _name_leaves(child, f"{name}_{text}", names)


def as_plain(x: Any) -> np.ndarray[Any, Any]:
    """The array of a tensor input."""
    return x.array if x.__class__ is Tensor else as_array(x)
