"""Attribute values: what a node may carry besides its inputs. The set is closed.

    None  True  -3  0.5  inf  nan  complex(1.0, -0.0)  "text"  ...   Python values
    f32  <n+1>                                                       dtypes, sizes
    f32 0.5  f32[2] [1.0, 2.0]                                       NumPy scalars and arrays
    (1, (2, <n>))  (1,)  1:<n>:2  f32[n,3]  ref f32[3]               tuples, slices, types

The last line are those that hold others: a tuple its items, a slice its three parts, a type its
sizes. Whoever looks into attributes does it by ``leaves`` and ``map_attr``; when two are the
same is said here too, what they are in text in ``attr_text.py``. Anything else is refused by
``check_attrs``, where a node is made or verified: it could be neither printed, compared nor kept.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from .dims import Dim, DimLike, evaluate, substitute
from .dtypes import known
from .errors import ArgumentError
from .tensor_shape import TUPLES
from .types import TensorType

__all__ = [
    "attr_key",
    "attrs_at",
    "attrs_key",
    "check_attrs",
    "dims_of",
    "is_array_or_dtype",
    "leaves",
    "map_attr",
    "map_attrs",
    "plain_value",
    "refused",
    "same_attrs",
    "substituted",
]

_PYTHON = frozenset({bool, int, float, complex, str, type(None), type(Ellipsis)})
_PLAIN = _PYTHON | {Dim}
_DERIVED: dict[type, Callable[[Any], Any]] = {
    int: int.__int__, float: float.__float__, complex: complex.__complex__, str: str.__str__,
}  # fmt: skip

# ---- structure -----------------------------------------------------------------------------------


def leaves(value: Any) -> list[Any]:
    """What an attribute value is made of, from left to right.

    >>> leaves((1, slice(None, 2), ("a",)))
    [1, None, 2, None, 'a']
    """
    found: list[Any] = []
    _collect(value, found)
    return found


def _collect(value: Any, found: list[Any]) -> None:
    kind = value.__class__
    if kind in TUPLES:
        parts = value
    elif kind is slice:
        parts = (value.start, value.stop, value.step)
    elif isinstance(value, TensorType):
        parts = value.shape
    else:
        found.append(value)
        return
    for part in parts:
        if part.__class__ in _PLAIN:
            found.append(part)
        else:
            _collect(part, found)


def map_attr(value: Any, fn: Callable[[Any], Any]) -> Any:
    """An attribute value with ``fn`` of each leaf in its place.

    A list or a named tuple, which users write, becomes the plain tuple that graphs hold.

    >>> map_attr((1, [2, slice(3)]), lambda leaf: leaf and -leaf)
    (-1, (-2, slice(None, -3, None)))
    """
    if isinstance(value, tuple | list):
        return tuple([map_attr(item, fn) for item in value])
    if value.__class__ is slice:
        return slice(*[map_attr(p, fn) for p in (value.start, value.stop, value.step)])
    if isinstance(value, TensorType):
        return value.sized([fn(d) for d in value.shape])
    return fn(value)


def map_attrs(attrs: Mapping[str, Any], fn: Callable[[Any], Any]) -> dict[str, Any]:
    """Attributes with ``fn`` of each leaf in its place."""
    return {name: map_attr(value, fn) for name, value in attrs.items()}


def plain_value(leaf: Any) -> Any:
    """A number or a string of a derived class, such as an ``IntEnum``, as its plain value.

    NumPy's numbers stay what they are; so does everything else.
    """
    if leaf.__class__ in _PLAIN or (isinstance(leaf, np.generic) and not isinstance(leaf, str)):
        return leaf
    for kind, value in _DERIVED.items():
        if isinstance(leaf, kind):
            return value(leaf)
    return leaf


# ---- sizes ---------------------------------------------------------------------------------------


def dims_of(value: Any) -> list[Dim]:
    """Every symbolic size in an attribute value."""
    kind = value.__class__
    if kind in _PYTHON or (kind in TUPLES and _PYTHON.issuperset(map(type, value))):
        return []
    return [leaf for leaf in leaves(value) if leaf.__class__ is Dim]


def substituted(attrs: Mapping[str, Any], mapping: Mapping[str, DimLike]) -> dict[str, Any]:
    """Attributes with size symbols replaced."""
    return _sized(attrs, lambda d: substitute(d, mapping) if d.__class__ is Dim else d)


def attrs_at(attrs: Mapping[str, Any], env: Mapping[str, int]) -> dict[str, Any]:
    """Attributes with the sizes as numbers. Raises KeyError for a symbol that ``env`` lacks."""
    return _sized(attrs, lambda d: evaluate(d, env) if d.__class__ is Dim else d)


def _sized(attrs: Mapping[str, Any], fn: Callable[[Any], Any]) -> dict[str, Any]:
    return {name: map_attr(value, fn) if dims_of(value) else value for name, value in attrs.items()}


# ---- membership ----------------------------------------------------------------------------------


def check_attrs(op: str, attrs: Mapping[str, Any]) -> None:
    """Refuse attributes of which one is outside the set. Raises ArgumentError."""
    reason = refused(attrs)
    if reason:
        raise ArgumentError(f"{op}: {reason}")


def refused(attrs: Mapping[str, Any]) -> str:
    """Which attribute is outside the set, in words; ``""`` if none is."""
    for name, value in attrs.items():
        kind = value.__class__
        if kind in _PLAIN or (kind in TUPLES and _PLAIN.issuperset(map(type, value))):
            continue
        for leaf in leaves(value):
            if leaf.__class__ not in _PLAIN and not is_array_or_dtype(leaf):
                return (
                    f"the attribute {name} holds {leaf!r} of type {type(leaf).__qualname__}, which "
                    f"a graph cannot keep; it keeps None, bools, numbers, strings, dtypes, sizes, "
                    f"arrays of numbers, slices and tuples"
                )
    return ""


def is_array_or_dtype(leaf: Any) -> bool:
    """Whether a value is one of NumPy's with a dtype of the IR, or such a dtype."""
    if isinstance(leaf, np.dtype):
        return known(leaf)
    return isinstance(leaf, np.ndarray | np.generic) and known(leaf.dtype)


# ---- identity ------------------------------------------------------------------------------------


def attr_key(value: Any) -> Hashable:
    """A hashable key that two attribute values share only if they are the same, bit for bit.

    Values are compared by type and bits: ``1``, ``1.0`` and ``True`` differ, so do ``0.0`` and
    ``-0.0``, and a NaN equals a NaN with the same bits. What is outside the set is the same
    only if it is one object.

    >>> attr_key(0.0) == attr_key(-0.0), attr_key((1, 2)) == attr_key((1, 2))
    (False, True)
    """
    kind = value.__class__
    if kind is int or kind is str or kind is bool or value is None or kind is Dim:
        return kind, value
    if kind in TUPLES:
        return tuple, tuple([attr_key(v) for v in value])
    if kind is float:
        return kind, struct.pack("<d", value)
    if kind is complex:
        return kind, struct.pack("<dd", value.real, value.imag)
    if isinstance(value, np.dtype):
        return np.dtype, value
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        return kind, value.dtype, value.shape, value.tobytes()
    if isinstance(value, TensorType):
        return kind, value
    if kind is slice:
        return kind, attr_key(value.start), attr_key(value.stop), attr_key(value.step)
    return kind, id(value)


def attrs_key(attrs: Mapping[str, Any]) -> Hashable:
    """The key of a node's attributes, in whatever order they were given."""
    if not attrs:
        return ()
    return tuple([(name, attr_key(attrs[name])) for name in sorted(attrs)])


def same_attrs(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two nodes have the same attributes, by type and bits."""
    if a.keys() != b.keys():
        return False
    return all(value is b[n] or attr_key(value) == attr_key(b[n]) for n, value in a.items())
