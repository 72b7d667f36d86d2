"""Nested containers as a flat list of leaves and a structure (a pytree).

Lists, tuples, named tuples, dicts, ordered dicts, dataclasses and classes of attrs are containers;
everything else is a leaf.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from typing import Any, NamedTuple

__all__ = ["LEAF", "Structure", "flatten", "unflatten"]


class Structure(NamedTuple):
    """A hashable description of a container: its type, its keys, its children's structures."""

    kind: Any
    keys: tuple[Any, ...]
    children: tuple[Any, ...]


LEAF = Structure(None, (), ())


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves in order, and the structure.

    >>> flatten({"a": 1, "b": [2, 3]})[0]
    [1, 2, 3]
    """
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree: Any, leaves: list[Any]) -> Structure:
    kind = tree.__class__
    if kind is tuple or kind is list:
        return Structure(kind, (), tuple([_flatten(t, leaves) for t in tree]))
    if kind is dict or kind is OrderedDict:
        keys = tuple(tree)
        return Structure(kind, keys, tuple([_flatten(tree[k], leaves) for k in keys]))
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        return Structure(kind, kind._fields, tuple([_flatten(t, leaves) for t in tree]))
    fields = _fields(kind)
    if fields is not None:
        return Structure(kind, fields, tuple([_flatten(getattr(tree, k), leaves) for k in fields]))
    leaves.append(tree)
    return LEAF


def _fields(kind: type) -> tuple[str, ...] | None:
    """The fields of a dataclass or a class made by attrs, or None."""
    if dataclasses.is_dataclass(kind):
        return tuple(f.name for f in dataclasses.fields(kind))
    attributes = getattr(kind, "__attrs_attrs__", None)
    return None if attributes is None else tuple(a.name for a in attributes)


def unflatten(structure: Structure, leaves: list[Any]) -> Any:
    """The container with these leaves."""
    return _build(structure, iter(leaves))


def _build(structure: Structure, leaves: Any) -> Any:
    kind = structure.kind
    if kind is None:
        return next(leaves)
    children = [_build(c, leaves) for c in structure.children]
    if kind is list:
        return children
    if kind is tuple:
        return tuple(children)
    if kind is dict or kind is OrderedDict:
        return kind(zip(structure.keys, children, strict=True))
    if hasattr(kind, "_fields"):
        return kind(*children)
    out = object.__new__(kind)
    for key, child in zip(structure.keys, children, strict=True):
        object.__setattr__(out, key, child)
    return out
