"""What the user calls the arrays of an expression, for errors about their shapes.

The source of the expression that a frame is at is read, and its variables, their attributes and
items of their containers are looked up where they are stored: no code of the user's runs.
"""

from __future__ import annotations

import ast
import linecache
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from .location import KEPT, Location
from .shapes import show_shape

__all__ = ["operands"]

_CONTAINERS = (list, tuple, dict)
_MISSING: Any = object()
_OWNERS = (__name__.partition(".")[0], "numpy")  # of the classes of arrays


def operands(frame: Any, where: Location) -> str:
    """``x is float32[2,3], layer.w is float32[4,5]``: what has a shape in an expression, in order.

    ``frame``: the user's, which is at ``where``. Empty where the source cannot be read, or has
    nothing with a shape.
    """
    spaces = [dict(frame.f_locals), frame.f_globals]  # a proxy from 3.13 on
    told: dict[str, str] = {}
    for node in _names(where.file, where.line, where.column, where.end_line, where.end_column):
        value = _found(node, spaces)
        if type(value).__module__.partition(".")[0] not in _OWNERS or not hasattr(value, "shape"):
            continue
        dtype = getattr(value, "dtype", None)
        if isinstance(dtype, np.dtype):
            told.setdefault(ast.unparse(node), f"{dtype}{show_shape(tuple(value.shape))}")
    return ", ".join(f"{name} is {text}" for name, text in told.items())


@lru_cache(KEPT)
def _names(file: str, line: int, column: int, last: int, end: int) -> tuple[ast.expr, ...]:
    """The longest chains of attributes and items of a variable that an expression reads."""
    lines = [text.encode() for text in linecache.getlines(file)[line - 1 : last]]
    if not lines or not last:
        return ()
    lines[-1] = lines[-1][: end - 1]  # columns count bytes
    lines[0] = lines[0][column - 1 :]
    try:
        tree = ast.parse(b"(" + b"".join(lines) + b")", mode="eval")
    except (SyntaxError, ValueError):
        return ()
    return tuple(_chains(tree.body))


def _chains(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Name | ast.Attribute) or _is_item(node):
        yield node  # type: ignore[misc]
    for child in ast.iter_child_nodes(node):
        yield from _chains(child)


def _is_item(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant | ast.Name)


def _found(node: ast.AST, spaces: list[dict[str, Any]]) -> Any:
    """What an expression of names, attributes and items is, or a mark for nothing."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return next((s[node.id] for s in spaces if dict.__contains__(s, node.id)), _MISSING)
    if isinstance(node, ast.Attribute):
        owner = _found(node.value, spaces)
        held = getattr(owner, "__dict__", None)
        kinds = () if isinstance(owner, types.ModuleType) else type(owner).__mro__
        for space in (held, *map(vars, kinds)):
            if isinstance(space, dict | types.MappingProxyType) and node.attr in space:
                return space[node.attr]
        return _MISSING
    if isinstance(node, ast.Subscript):
        held, key = _found(node.value, spaces), _found(node.slice, spaces)
        if type(held) not in _CONTAINERS or type(key) not in (int, str):
            return _MISSING
        try:
            return held[key]
        except (LookupError, TypeError):
            return _MISSING
    return _MISSING
