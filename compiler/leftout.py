"""Calls of a trace without the arguments that hold no tensor, which it was made for anyway.

As in TensorFlow, ``f.get_concrete_function(obj, x)`` takes ``(obj, x)``, or ``x`` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twofold.ir.tree import flatten, unflatten

from .numbers import is_argument
from .signature import Token

__all__ = ["constant_of", "number_arguments", "with_constants"]


def number_arguments(trace: Any) -> dict[int, Any]:
    """The numbers among the arguments of the call that a trace was made for, by leaf."""
    numbers = trace.trace.numbers
    steps = zip(numbers.steps, numbers.values, strict=True)
    return {left: value for (function, left, _), value in steps if function is is_argument}


def constant_of(trace: Any, leaf: int, part: Any) -> Any:
    """The value of a leaf of the arguments that is no tensor, by its part of the key; an object,
    None once it is gone."""
    if isinstance(part, Token):
        return part.keep if part.ref is None else part.ref()
    if part in (float, int):
        return number_arguments(trace).get(leaf, part())
    kind = part[0]
    if kind is float:
        return float.fromhex(part[1])
    if kind is complex:
        return complex(float.fromhex(part[1]), float.fromhex(part[2]))
    if kind in (slice, range):
        return kind(*part[1:])
    return part[1]


class _Open:
    """Stands for a tensor."""


def with_constants(
    concrete: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]] | None:
    """The arguments of a call with those filled in that hold no tensor and were left out; None if
    they do not fit."""
    parts = concrete.key[1:]
    held = [
        _Open() if i in concrete.positions else constant_of(concrete, i, part)
        for i, part in enumerate(parts)
    ]
    wanted, named = unflatten(concrete.key[0], held)
    signature = concrete._function.parameters
    names = [None] * len(wanted) if signature is None else list(signature.parameters)
    is_method = bool(args and wanted) and args[0] is wanted[0]
    left, given = dict(kwargs), iter(args[1:] if is_method else args)
    try:
        found = [
            value if not _is_open(value) else left.pop(name) if name in left else next(given)
            for name, value in zip(names, wanted, strict=False)
        ]
        more = {k: left.pop(k) if _is_open(v) else v for k, v in named.items()}
    except (StopIteration, KeyError):
        return None
    if left or next(given, None) is not None or len(found) != len(wanted):
        return None
    return found, more


def _is_open(value: Any) -> bool:
    return any(isinstance(leaf, _Open) for leaf in flatten(value)[0])
