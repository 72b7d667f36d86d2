"""Python values and container structures as JSON, and back, without naming a class to import.

None true 3 0.5 "text"                         themselves
{"is": "float", "value": "nan"}                what JSON has no text for
{"kind": "list", "children": [null, ...]}      structures; null is a leaf
"""

from __future__ import annotations

import base64
import math
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np

from twofold.ir.errors import ArgumentError
from twofold.ir.infer import as_dtype
from twofold.ir.tensor_shape import TUPLES
from twofold.ir.tree import LEAF, Again, Structure

__all__ = ["decode", "decode_structure", "encode", "encode_structure"]

_CONTAINERS: dict[str, type] = {
    "list": list,
    "tuple": tuple,
    "dict": dict,
    "OrderedDict": OrderedDict,
}


def encode(value: Any, what: str) -> Any:
    """A constant as JSON. Raises ArgumentError, with ``what`` it is, for what is none.

    >>> encode((1, float("inf")), "x")
    {'is': 'tuple', 'value': [1, {'is': 'float', 'value': 'inf'}]}
    """
    kind = type(value)
    if value is None or kind in (bool, int, str) or (kind is float and math.isfinite(value)):
        return value
    if kind is float:
        return {"is": "float", "value": repr(value)}
    if kind is complex:
        return {"is": "complex", "value": [repr(value.real), repr(value.imag)]}
    if kind is bytes:
        return {"is": "bytes", "value": base64.b64encode(value).decode()}
    if value is Ellipsis:
        return {"is": "ellipsis"}
    if kind in (slice, range):
        parts = [value.start, value.stop, value.step]
        return {"is": kind.__name__, "value": [encode(p, what) for p in parts]}
    if kind in TUPLES:
        return {"is": "tuple", "value": [encode(v, what) for v in value]}
    if isinstance(value, np.dtype):
        return {"is": "dtype", "value": value.name}
    raise ArgumentError(
        f"{what} is {value!r}, a {kind.__name__}, which cannot be saved: save tensors, Variables, "
        f"numbers, texts and containers of them"
    )


def decode(held: Any) -> Any:
    """The constant that ``encode`` gave. Raises ValueError, KeyError or TypeError for no such."""
    if not isinstance(held, dict):
        if held is None or isinstance(held, bool | int | float | str):
            return held
        raise TypeError(f"no constant: {held!r}")
    kind: Any = held["is"]
    value: Any = held.get("value")
    if kind == "float":
        return float(value)
    if kind == "complex":
        return complex(float(value[0]), float(value[1]))
    if kind == "bytes":
        return base64.b64decode(value, validate=True)
    if kind == "ellipsis":
        return Ellipsis
    if kind == "dtype":
        return as_dtype(value, "a constant")
    parts = [decode(v) for v in value]
    if kind in ("slice", "range"):
        return (slice if kind == "slice" else range)(*parts)
    if kind == "tuple":
        return tuple(parts)
    raise ValueError(f"a constant of an unknown kind {kind!r}")


def encode_structure(structure: Structure, what: str) -> Any:
    """A structure as JSON. Raises ArgumentError for objects of the user's classes."""
    if structure is LEAF or structure.kind is None:
        return None
    kind = structure.kind
    if isinstance(kind, Again):
        return {"kind": "again", "number": kind.number}
    children = [encode_structure(c, what) for c in structure.children]
    name = "tuple" if kind in TUPLES else kind.__name__
    if kind in TUPLES or _CONTAINERS.get(name) is kind:
        keys = [encode(k, what) for k in structure.keys]
        return {"kind": name, **({"keys": keys} if keys else {}), "children": children}
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        fields = list(kind._fields)
        return {"kind": "namedtuple", "name": name, "keys": fields, "children": children}
    raise ArgumentError(
        f"{what} has a {name}, whose class cannot be saved; use lists, tuples, named tuples and "
        f"dicts"
    )


def decode_structure(held: Any, classes: dict[Any, type] | None = None) -> Structure:
    """The structure that ``encode_structure`` gave. Named tuples get classes of their own."""
    if held is None:
        return LEAF
    classes = {} if classes is None else classes
    kind = held["kind"]
    if kind == "again":
        return Structure(Again(int(held["number"])), (), ())
    children = tuple([decode_structure(c, classes) for c in held["children"]])
    keys = tuple([decode(k) for k in held.get("keys", ())])
    if kind == "namedtuple":
        fields = (str(held["name"]), *map(str, keys))
        if fields not in classes:
            classes[fields] = namedtuple(fields[0], fields[1:])
        return Structure(classes[fields], keys, children)
    plain = _CONTAINERS[kind]
    if plain in (dict, OrderedDict) and len(keys) != len(children):
        raise ValueError("a dict with other keys than values")
    if any(k.__class__ is not str for k in keys):
        return Structure(plain, keys, children, tuple(map(type, keys)))
    return Structure(plain, keys, children)
