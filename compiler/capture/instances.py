"""Objects of the user's classes as values: a loop or a branch that makes another one each time is a
matter of what is in its attributes."""

from __future__ import annotations

from typing import Any

from twofold.ir import bind
from twofold.ir.tree import fill_object, is_of_attributes, new_object, object_state

from ..library import file_of, is_library, is_ours

__all__ = ["built", "fields_of", "is_fresh_instance", "is_instance", "is_own_instance"]

_plain: dict[type, bool] = {}


def is_instance(value: Any) -> bool:
    """Whether this is an object of the user's class with attributes and nothing else in it."""
    kind = type(value)
    found = _plain.get(kind)
    if found is None:
        found = _is_plain(kind)
        if len(_plain) < 1000:
            _plain[kind] = found
    return found


def _is_plain(kind: type) -> bool:
    if not is_of_attributes(kind):
        return False
    if any("__del__" in vars(base) for base in kind.__mro__) or type(kind) is not type:
        return False
    return not is_ours(kind) and not is_library(file_of(kind))


def fields_of(value: Any) -> dict[str, Any]:
    """The attributes of such an object."""
    return object_state(value) or {}


def built(kind: Any, fields: dict[str, Any]) -> Any:
    """A new object of a class with these attributes, which the function has made."""
    made = new_object(kind)
    fill_object(made, fields)
    bind.ground().arrays.machine.heap.fresh(made)  # type: ignore[attr-defined]
    return made


def is_own_instance(value: Any) -> bool:
    """Whether this is such an object that the function has made."""
    made = bind.ground().arrays.machine.heap.made  # type: ignore[attr-defined]
    return is_instance(value) and id(value) in made


def is_fresh_instance(value: Any) -> bool:
    """Whether this is such an object that the part which has ended last has made."""
    if not is_instance(value):
        return False
    machine: Any = bind.ground().arrays.machine  # type: ignore[attr-defined]
    return bool(machine.heap.is_made_inside(value))
