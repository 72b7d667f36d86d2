"""ndarrays that objects and containers hold: whoever reads one gets the array of the trace for it.

An attribute of an object, an item of a list, a dict or a tuple, what a loop goes over: where such
a value comes to the top of a frame's stack, it becomes what a global array is (``names.py``), a
cell with its views and writes. Code that is not interpreted would see the array itself: it is given
containers with arrays of the trace where it only looks at them, and what it can reach in any other
way is compared by contents on every call, as far as it is not written to.
"""

from __future__ import annotations

import types
from collections import deque
from typing import Any

import numpy as np

from twofold.ir.tensor_shape import LISTED, sequence
from twofold.ir.tree import dict_of, slot_value, slots_of

from ..library import is_ours
from ..ndarrays.operands import wrapped

__all__ = ["made_here", "opened", "show", "with_arrays"]

_DEEP = 4  # containers in containers that are looked into
_HOLDERS = (set, frozenset, deque, dict, list, tuple)
_COMPARING = frozenset(("index", "count", "remove", "sort", "__eq__", "__ne__", "__contains__"))
_NO_HOLDERS = (type, types.ModuleType, types.FunctionType, str, bytes, int, float)


def show(machine: Any, value: Any) -> Any:
    """The array of the trace for an ndarray that a trace takes; anything else as it is."""
    arrays = machine.tracer.arrays
    if type(value) is not np.ndarray or not arrays.takes(value):
        return value
    return arrays.array_of(value)


def made_here(machine: Any, function: Any, made: Any) -> Any:
    """What a function that is not interpreted gave: an ndarray that it made is one of the call."""
    if type(made) is not np.ndarray or isinstance(getattr(function, "__self__", None), _HOLDERS):
        return made
    arrays = machine.tracer.arrays
    is_outer = machine.watch is not None and any(made is x for x in machine.watch.arrays)
    return made if is_outer or arrays.held(made) is not None else wrapped(arrays, made)


def opened(machine: Any, value: Any, depth: int = _DEEP) -> Any:
    """A list, tuple or dict with arrays of the trace for the ndarrays in it, also further inside;
    itself, if there are none."""
    if type(value) is np.ndarray:
        return show(machine, value)
    if not depth or type(value) not in LISTED | {dict}:
        return value
    items = list(value.values()) if type(value) is dict else value
    made = [opened(machine, x, depth - 1) for x in items]
    if all(map(_is, made, items)):
        return value
    return dict(zip(value, made, strict=True)) if type(value) is dict else sequence(
        type(value), made
    )  # fmt: skip


def with_arrays(
    machine: Any, function: Any, args: Any, kwargs: Any, moves: bool
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of what is not interpreted, with arrays of the trace for the ndarrays in them;
    a method of a container gets what it is given. ``moves``: it only hands items on."""
    owner = getattr(function, "__self__", None)
    holds = isinstance(owner, _HOLDERS)
    if not holds:
        args = tuple([opened(machine, a) for a in args])
        kwargs = {k: opened(machine, v) for k, v in kwargs.items()}
    if not moves and not (holds and function.__name__ not in _COMPARING):
        for value in (*args, *kwargs.values(), owner):
            _rely_inside(machine, value)
    return args, kwargs


def _rely_inside(machine: Any, value: Any, depth: int = _DEEP) -> None:
    """Code that is not interpreted may read the ndarrays that an object leads to: their elements
    are compared on every call from now on."""
    if type(value) is np.ndarray:
        if machine.watch is not None and not any(value is x for x in machine.watch.read):
            machine.watch.read.append(value)
        return
    if not depth or isinstance(value, _NO_HOLDERS) or is_ours(type(value)):
        return
    parts: list[Any] = []
    if isinstance(value, _HOLDERS):
        parts = [*value, *value.values()] if isinstance(value, dict) else list(value)
    parts += dict_of(value).values()
    parts += [slot_value(value, member) for _, member in slots_of(type(value))]
    for part in parts:
        _rely_inside(machine, part, depth - 1)


def _is(a: Any, b: Any) -> bool:
    return a is b
