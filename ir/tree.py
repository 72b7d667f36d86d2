"""Nested containers as a flat list of leaves and a structure (a pytree).

Lists, tuples, named tuples, dicts, ordered dicts, dataclasses and classes of attrs are containers;
everything else is a leaf. The children of a dataclass are all attributes that the object has,
fields or not, and its items if it is also a list or dict. A mutable container that is met again,
also inside itself, is a reference to the first.
"""

from __future__ import annotations

import threading
import types
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

from .errors import ArgumentError
from .tensor_shape import TUPLES

__all__ = [
    "DEEPEST", "LEAF", "UNSET", "Again", "Leaves", "NestedError", "Structure", "atom", "dict_of",
    "fill_object", "flatten", "given", "is_of_attributes", "kinds_of", "new_object", "object_state",
    "rebuild", "settled", "slot_value", "slots_of", "unflatten",
]  # fmt: skip


class Structure(NamedTuple):
    """A hashable description of a container: its type, its keys, its children's structures."""

    kind: Any
    keys: tuple[Any, ...]
    children: tuple[Any, ...]
    key_types: tuple[type, ...] = ()  # of a dict with keys that are no texts: 1 is not True


class Leaves(list[Any]):
    """The leaves of a tree, and its mutable containers, both in the order in which they are met."""

    containers: list[Any]
    with_keys = False  # whether keys of dicts are parts of the tree, too
    shared: frozenset[int] = frozenset()  # the ``id`` of tuples that are met more than once
    tuples: dict[int, int]  # how often tuples are met, where it is asked


class Again(NamedTuple):
    """The kind of a structure that is a reference to a container, by its number."""

    number: int


class Keyed(NamedTuple):
    """The kind of a dict whose keys are parts of the tree: its children are values, then keys."""

    kind: Any


class Shared(NamedTuple):
    """The kind of a tuple that is met again, of a class: all references are to one object."""

    kind: Any


class NestedError(ArgumentError):
    """Containers are nested more than ``DEEPEST`` levels deep, as linked lists are."""


LEAF = Structure(None, (), ())
_ATOMS = {bool, int, float, complex, str, bytes, type(None)}
_SETTLED: set[type] = set()
_MUTABLE: set[type] = set()  # those of which one object is made
_PLAIN = frozenset((list, dict, OrderedDict))
UNSET = object()
DEEPEST = 200  # levels of containers: what goes through them calls itself
_ITEMS = "[items]"  # the last key of a dataclass that is a list or dict
# A class that a class statement made is on the heap and can be changed. Those of extensions have a
# state that nobody sees: they are static, cannot be changed, or bring a ``__new__`` of their own.
_HEAP_TYPE, _FIXED_TYPE = 1 << 9, 1 << 8


def atom(kind: type) -> type:
    """Class decorator: objects of exactly this class are leaves, which nobody need find out."""
    _ATOMS.add(kind)
    return kind


def settled(mutable: bool = False) -> Callable[[Any], Any]:
    """Class decorator: named tuples of the class stand for what their method ``settled`` gives,
    where they are made of leaves; ``mutable``: of one that stands twice one object is made."""

    def decorate(kind: Any) -> Any:
        _SETTLED.add(kind)
        if mutable:
            _MUTABLE.add(kind)
        return kind

    return decorate


def flatten(tree: Any, stop: Any = (), with_keys: bool = False) -> tuple[Leaves, Structure]:
    """The leaves in order, and the structure. Containers whose ``id`` is in ``stop`` are leaves.

    ``with_keys``: keys of dicts that are no texts and numbers are made of leaves, too, and a tuple
    that is met again is a reference to the first, as a list is.
    Raises NestedError for containers that are nested more than ``DEEPEST`` levels deep.

    >>> flatten({"a": 1, "b": [2, 3]})[0]
    [1, 2, 3]
    """
    leaves = Leaves()
    leaves.containers, leaves.with_keys, leaves.tuples = [], with_keys, {}
    structure = _flatten(tree, leaves, {}, stop)
    shared = frozenset([key for key, count in leaves.tuples.items() if count > 1])
    if shared:
        leaves = Leaves()
        leaves.containers, leaves.with_keys, leaves.shared = [], with_keys, shared
        structure = _flatten(tree, leaves, {}, stop)
    return leaves, structure


def _flatten(
    tree: Any, leaves: Leaves, seen: dict[int, int], stop: Any, level: int = 0
) -> Structure:
    kind = type(tree)
    if kind in _ATOMS:
        leaves.append(tree)
        return LEAF
    level += 1
    if level > DEEPEST:
        raise NestedError(f"containers are nested more than {DEEPEST} levels deep: {kind.__name__}")
    if kind in TUPLES:
        if leaves.with_keys and tree:
            return _tuple(tree, (), leaves, seen, stop, level)
        return Structure(kind, (), tuple([_flatten(t, leaves, seen, stop, level) for t in tree]))
    if kind not in _PLAIN:
        if isinstance(tree, tuple) and hasattr(kind, "_fields"):
            if leaves.with_keys and kind not in _SETTLED:
                return _tuple(tree, kind._fields, leaves, seen, stop, level)
            if kind in _MUTABLE:
                if id(tree) in seen:
                    return Structure(Again(seen[id(tree)]), (), ())
                seen[id(tree)] = len(leaves.containers)
                leaves.containers.append(tree)
            inner = tuple([_flatten(t, leaves, seen, stop, level) for t in tree])
            return Structure(kind, kind._fields, inner)
        if not (hasattr(kind, "__dataclass_fields__") or hasattr(kind, "__attrs_attrs__")):
            leaves.append(tree)
            return LEAF
        if not _can_be_made(kind):
            leaves.append(tree)
            return LEAF
    if id(tree) in stop:
        leaves.append(tree)
        return LEAF
    if id(tree) in seen:
        return Structure(Again(seen[id(tree)]), (), ())
    seen[id(tree)] = len(leaves.containers)
    leaves.containers.append(tree)
    if kind is list:
        return Structure(kind, (), tuple([_flatten(t, leaves, seen, stop, level) for t in tree]))
    items = tree if kind in _PLAIN else _state(tree, kind)
    keys = tuple(items)
    inner = tuple([_flatten(t, leaves, seen, stop, level) for t in items.values()])
    for key in keys:
        if key.__class__ is not str:
            if leaves.with_keys and kind in _PLAIN and not _ATOMS.issuperset(map(type, keys)):
                own = tuple([_flatten(t, leaves, seen, stop, level) for t in keys])
                return Structure(Keyed(kind), (), inner + own)
            return Structure(kind, keys, inner, tuple(map(type, keys)))
    return Structure(kind, keys, inner)


def _tuple(
    tree: Any, keys: Any, leaves: Leaves, seen: dict[int, int], stop: Any, level: int
) -> Structure:
    """``_flatten`` of a tuple of which it is counted how often it is met."""
    kind: Any = type(tree)
    if id(tree) in leaves.shared:
        if id(tree) in seen:
            return Structure(Again(seen[id(tree)]), (), ())
        seen[id(tree)] = len(leaves.containers)
        leaves.containers.append(tree)
        kind = Shared(kind)
    elif not leaves.shared:
        leaves.tuples[id(tree)] = count = leaves.tuples.get(id(tree), 0) + 1
        if count > 1:
            return LEAF  # these leaves are not the ones that are given
    return Structure(kind, keys, tuple([_flatten(t, leaves, seen, stop, level) for t in tree]))


def object_state(x: Any) -> dict[Any, Any] | None:
    """The attributes and items of an object by name, of which ``fill_object`` makes another one
    equal to it; None where its class has to do that itself."""
    return _state(x, type(x)) if _can_be_made(type(x)) else None


def new_object(kind: Any) -> Any:
    """An object of a class without its ``__init__``, to be filled."""
    base: Any = _base(kind)
    return base.__new__(kind)


def fill_object(made: Any, state: dict[Any, Any]) -> None:
    """Give a new object what ``object_state`` gave of another."""
    _fill(made, _base(type(made)), state)


def _state(tree: Any, kind: Any) -> dict[Any, Any]:
    """The attributes of an object, and its items under one more key."""
    state = dict(dict_of(tree))
    for name, member in slots_of(kind):
        if (value := slot_value(tree, member)) is not UNSET:
            state[name] = value
    base = _base(kind)
    if base is list:
        state[_ITEMS] = list(tree)
    elif base is not object:
        state[_ITEMS] = dict(dict.items(tree))
    return state


def is_of_attributes(kind: type) -> bool:
    """Whether the objects of a class are their attributes: it and its bases are Python's, and
    ``object``."""
    return _base(kind) is object


def _can_be_made(kind: type) -> bool:
    """Whether an object of a class can be made from its state, without ``__init__``."""
    return _base(kind) is not None and not issubclass(kind, Enum)


def _is_of_python(kind: type) -> bool:
    is_changeable = kind.__flags__ & (_HEAP_TYPE | _FIXED_TYPE) == _HEAP_TYPE
    return is_changeable and type(vars(kind).get("__new__")) is not types.BuiltinMethodType


def _base(kind: type) -> type | None:
    """The class of the interpreter that a user's class extends: object, list, dict or
    OrderedDict; None for any other."""
    for base in kind.__mro__:
        if not _is_of_python(base):
            return base if base in (object, list, dict, OrderedDict) else None
    raise AssertionError("every class extends object")


def dict_of(x: Any) -> dict[str, Any]:
    """The attributes of an object that are in no slot. No code of its class runs, as
    ``getattr`` would have ``__getattr__`` run. Those of a ``threading.local`` are the thread's."""
    if isinstance(x, threading.local):
        return x.__dict__
    try:
        found: dict[str, Any] = object.__getattribute__(x, "__dict__")
    except AttributeError:
        return {}
    return found


def slots_of(kind: type) -> list[tuple[str, Any]]:
    """The names and descriptors of the attributes that a class and its bases keep in slots."""
    return [
        (name, member)
        for base in kind.__mro__
        for name, member in vars(base).items()
        if isinstance(member, types.MemberDescriptorType)
    ]


def slot_value(x: Any, member: Any) -> Any:
    """What a slot holds, or UNSET."""
    try:
        return member.__get__(x)
    except AttributeError:
        return UNSET


def unflatten(structure: Structure, leaves: Any) -> Any:
    """The container with these leaves."""
    return leaves[0] if structure is LEAF else rebuild(structure, leaves)[0]


def given(structure: Structure, leaves: Leaves) -> Any:
    """The container that ``flatten`` gave these leaves of: its mutable containers are the same.

    >>> tree = [1, {"a": 2}]
    >>> leaves, structure = flatten((tree, 3))
    >>> given(structure, leaves)[0] is tree
    True
    """
    return _given(structure, iter(leaves), leaves.containers, [])


def _given(structure: Structure, leaves: Any, containers: list[Any], met: list[Any]) -> Any:
    kind = structure.kind
    if kind is None:
        return next(leaves)
    if isinstance(kind, Again):
        return met[kind.number]
    if issubclass(kind, tuple):
        items = [_given(c, leaves, containers, met) for c in structure.children]
        return tuple.__new__(kind, items)
    met.append(containers[len(met)])
    found = met[-1]
    for child in structure.children:
        _given(child, leaves, containers, met)
    return found


def rebuild(structure: Structure, leaves: Any) -> tuple[Any, list[Any]]:
    """The container with these leaves, and the mutable containers in it, in order."""
    made: list[Any] = []
    return _build(structure, iter(leaves), made), made


def _build(structure: Structure, leaves: Any, made: list[Any]) -> Any:
    kind = structure.kind
    if kind is None:
        return next(leaves)
    if isinstance(kind, Again):
        return made[kind.number]
    if isinstance(kind, Keyed):
        return _keyed(structure, leaves, made)
    if isinstance(kind, Shared):
        at = len(made)
        made.append(None)
        made[at] = tuple.__new__(kind.kind, [_build(c, leaves, made) for c in structure.children])
        return made[at]
    if kind in TUPLES:
        return tuple.__new__(kind, [_build(c, leaves, made) for c in structure.children])
    if hasattr(kind, "_fields") and issubclass(kind, tuple):
        at = len(made)
        made += [None] if kind in _MUTABLE else []
        whole = tuple.__new__(kind, [_build(c, leaves, made) for c in structure.children])
        whole = kind.settled(whole) if kind in _SETTLED else whole
        if kind in _MUTABLE:
            made[at] = whole
        return whole
    base: Any = kind if kind in (list, dict, OrderedDict) else _base(kind)
    out: Any = base.__new__(kind)
    made.append(out)
    children = [_build(c, leaves, made) for c in structure.children]
    if kind is list:
        out.extend(children)
    elif kind is dict or kind is OrderedDict:
        out.update(zip(structure.keys, children, strict=True))
    else:
        _fill(out, base, dict(zip(structure.keys, children, strict=True)))
    return out


def _keyed(structure: Structure, leaves: Any, made: list[Any]) -> Any:
    found = structure.kind.kind()
    made.append(found)
    parts = [_build(c, leaves, made) for c in structure.children]
    half = len(parts) // 2
    found.update(zip(parts[half:], parts[:half], strict=True))
    return found


def _fill(out: Any, base: Any, state: dict[str, Any]) -> None:
    """Give an object that was made without its ``__init__`` its attributes and items."""
    items = state.pop(_ITEMS, None)
    own = dict_of(out)
    slots = dict(slots_of(type(out)))
    for name, value in state.items():
        if name in slots:
            slots[name].__set__(out, value)
        else:
            own[name] = value
    if items is not None and base is list:
        list.extend(out, items)
    elif items is not None:
        base.update(out, items)


def kinds_of(structure: Structure) -> set[type]:
    """The classes of users that a structure has containers of."""
    found = {k for c in structure.children for k in kinds_of(c)}
    kind = structure.kind
    if isinstance(kind, type) and kind not in (tuple, list, dict, OrderedDict):
        found.add(kind)
    return found
