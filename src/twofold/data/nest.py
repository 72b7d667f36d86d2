"""The structure of an element: tuples, named tuples and dicts of leaves, as in TensorFlow.

A list is no structure but something that becomes one tensor, except where a function returns it.
A *form* is a hashable description; forms of equal elements are equal.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["LEAF", "Form", "flatten", "map_leaves", "pack", "packer", "paths"]


class Form(NamedTuple):
    """A container's type (None: a leaf), its keys and its children."""

    kind: Any
    keys: tuple[Any, ...] = ()
    children: tuple[Any, ...] = ()


LEAF = Form(None)


def flatten(tree: Any) -> tuple[list[Any], Form]:
    """The leaves in order, and the form.

    >>> flatten({"x": 1, "y": (2, [3, 4])})[0]
    [1, 2, [3, 4]]
    """
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree: Any, leaves: list[Any]) -> Form:
    kind = type(tree)
    if isinstance(tree, tuple):
        keys = getattr(kind, "_fields", ())
        return Form(kind, keys, tuple([_flatten(t, leaves) for t in tree]))
    if isinstance(tree, Mapping):
        return Form(kind, tuple(tree), tuple([_flatten(t, leaves) for t in tree.values()]))
    leaves.append(tree)
    return LEAF


def pack(form: Form, leaves: Sequence[Any]) -> Any:
    """The element with these leaves.

    >>> pack(flatten((1, {"a": 2}))[1], [3, 4])
    (3, {'a': 4})
    """
    return packer(form)(leaves)


@functools.lru_cache(1024)
def packer(form: Form) -> Callable[[Sequence[Any]], Any]:
    """What makes an element of this form of its leaves."""
    if form is LEAF or form.kind is None:
        return _only
    if form.kind is tuple and all(child.kind is None for child in form.children):
        return tuple
    return lambda leaves: _build(form, iter(leaves))


def _only(leaves: Sequence[Any]) -> Any:
    return leaves[0]


def _build(form: Form, leaves: Any) -> Any:
    if form.kind is None:
        return next(leaves)
    made = [_build(child, leaves) for child in form.children]
    if issubclass(form.kind, tuple):
        return form.kind._make(made) if form.keys else tuple(made)
    return _mapping(form.kind, zip(form.keys, made, strict=True))


def _mapping(kind: Any, items: Any) -> Any:
    """A mapping of the kind, or a plain dict where the kind is not made of items."""
    try:
        return kind(items)
    except TypeError:  # a defaultdict takes its factory first
        return dict(items)


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """The element with ``function`` of each leaf in its place."""
    leaves, form = flatten(tree)
    return pack(form, [function(leaf) for leaf in leaves])


def paths(form: Form, prefix: str = "") -> list[str]:
    """Where each leaf stands, for messages: ``[0]['a']``; empty for a lone leaf."""
    if form.kind is None:
        return [prefix]
    if issubclass(form.kind, tuple):
        keys = [f".{k}" for k in form.keys] or [f"[{i}]" for i in range(len(form.children))]
    else:
        keys = [f"[{k!r}]" for k in form.keys]
    return [p for k, c in zip(keys, form.children, strict=True) for p in paths(c, prefix + k)]
