"""Which objects hang below an object: the one walk of modules, checkpoints and saved models.

A node is a module, a list, tuple or dict, or an object that says by ``__tf_children__()`` what
hangs below it (layers of Keras do). A leaf is a Variable, or an object that stands for one
(``__tf_variable__``). Anything else is not tracked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twofold.runtime.variable import Variable

__all__ = ["children_of", "descendants", "is_node", "is_variable"]


def is_variable(value: Any) -> bool:
    """Whether this is a Variable, or stands for one."""
    return isinstance(value, Variable) or hasattr(type(value), "__tf_variable__")


def is_node(value: Any) -> bool:
    """Whether something may hang below this."""
    return isinstance(value, dict | list | tuple) or hasattr(type(value), "__tf_children__")


def children_of(value: Any) -> dict[str, Any] | None:
    """What hangs below an object, by name; None for what holds nothing that is tracked.

    >>> children_of({"a": 1, "b": [2]})
    {'a': 1, 'b': [2]}
    >>> children_of(1.5) is None
    True
    """
    method = getattr(type(value), "__tf_children__", None)
    if method is not None:
        found: dict[str, Any] = method(value)
        return found
    if isinstance(value, dict):
        return {str(key): held for key, held in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    if isinstance(value, list | tuple):
        return {str(i): held for i, held in enumerate(value)}
    return None


def descendants(value: Any) -> Iterator[Any]:
    """The Variables and nodes below an object, each once: its own Variables, those in its
    containers, then those of the objects below it."""
    seen, todo = {id(value): value}, [value]
    while todo:
        later: list[Any] = []
        for held in _held(todo.pop(0)):
            if id(held) in seen:
                continue
            seen[id(held)] = held
            yield held
            if not is_variable(held):
                later.append(held)
        todo += later


def _held(value: Any, above: tuple[int, ...] = ()) -> Iterator[Any]:
    """The Variables and nodes right below, those in containers among them."""
    for child in (children_of(value) or {}).values():
        if is_variable(child):
            yield child
        elif isinstance(child, list | tuple | dict):
            if id(child) not in above:  # a list may hold itself
                yield from _held(child, (*above, id(child)))
        elif is_node(child):
            yield child
