"""Scalar expressions: parsed once, checked against dtypes, renamed.

An expression is Python's: names, numbers, arithmetic, comparisons, ``and or not``, ``a if t else
b`` and calls of the functions of ``functions.py``. A literal takes the dtype of what it meets, or
else that of the result.

``kernelable(node)`` says whether a node can be part of a kernel: its op has an expression (or only
moves elements), and every function in it exists for the node's dtypes.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from twofold.ir.access import access_of
from twofold.ir.graph import Node
from twofold.ir.words import counted

from .functions import FLOAT_ONLY, FUNCTIONS

__all__ = [
    "CONSTANTS", "KERNEL_DTYPES", "RESERVED", "ExpressionError", "calls", "kernelable",
    "names", "normal", "parse", "rename", "result_dtype",
]  # fmt: skip

KERNEL_DTYPES = frozenset(
    np.dtype(d)
    for d in ("bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "float32", "float64")
)
CONSTANTS = frozenset({"inf", "nan"})
# What no value, buffer or loop is called: words of the texts, functions, casts in Python.
RESERVED = frozenset(
    {*keyword.kwlist, *FUNCTIONS, *CONSTANTS, *(d.name for d in KERNEL_DTYPES), "after", "at",
     "const", "do", "fold", "kernel", "out", "range", "sweep", "to", "var"}
)  # fmt: skip
BOOL = np.dtype(bool)
_IDENTIFIER = re.compile(r"(?<![\w.])[^\W\d]\w*")
_KEYWORDS = frozenset({"and", "or", "not", "if", "else", "True", "False"})
_ALLOWED = (
    ast.Name, ast.Load, ast.Constant, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp,
    ast.Call, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip
_REFUSED = (ast.MatMult, ast.Is, ast.IsNot, ast.In, ast.NotIn)
_DIVISIONS = (ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_BITS = (ast.BitOr, ast.BitAnd, ast.BitXor)
_SHIFTS = (ast.LShift, ast.RShift)


class ExpressionError(ValueError):
    """An expression is none, or does not fit the dtypes of what it names."""


@lru_cache(maxsize=4096)
def parse(expr: str) -> ast.expr:
    """The syntax tree of an expression. Raises ExpressionError."""
    try:
        tree = ast.parse(expr.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = getattr(error, "msg", None) or type(error).__name__
        raise ExpressionError(f"{expr!r} is no expression: {reason}") from None
    for node in ast.walk(tree):
        _check_node(node)
    return tree


def _check_node(node: ast.AST) -> None:
    if not isinstance(node, _ALLOWED) or isinstance(node, _REFUSED):
        raise ExpressionError(f"{type(node).__name__} cannot stand in a kernel expression")
    if isinstance(node, ast.Constant) and not isinstance(node.value, bool | int | float):
        raise ExpressionError(f"{node.value!r} is no number")
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if name not in FUNCTIONS:
            raise ExpressionError(f"there is no function {name} in kernels")
        if len(node.args) != FUNCTIONS[name].arity or node.keywords:
            raise ExpressionError(f"{name} takes {counted(FUNCTIONS[name].arity, 'argument')}")


@lru_cache(maxsize=4096)
def normal(expr: str) -> str:
    """The expression as it is printed. Raises ExpressionError.

    >>> normal("(x)+y*2")
    'x + y * 2'
    """
    return ast.unparse(parse(expr))


@lru_cache(maxsize=4096)
def calls(expr: str) -> frozenset[str]:
    """The names of the functions that an expression calls."""
    return frozenset(
        n.func.id
        for n in ast.walk(parse(expr))
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
    )


def names(expr: str) -> tuple[str, ...]:
    """The values that an expression names, in the order in which they first appear.

    >>> names("x * exp(y) + x * inf")
    ('x', 'y')
    """
    found = dict.fromkeys(_IDENTIFIER.findall(expr))
    return tuple(n for n in found if not (n in _KEYWORDS or n in CONSTANTS or n in FUNCTIONS))


def rename(expr: str, table: Mapping[str, str]) -> str:
    """The expression with its values renamed.

    >>> rename("x + y", {"x": "a", "y": "b"})
    'a + b'
    """
    return _IDENTIFIER.sub(lambda m: table.get(m[0], m[0]), expr)


@lru_cache(maxsize=4096)
def _operators(expr: str) -> frozenset[type]:
    return frozenset(type(n.op) for n in ast.walk(parse(expr)) if isinstance(n, ast.BinOp))


@lru_cache(maxsize=4096)
def _supported(expr: str, dtypes: tuple[np.dtype[Any], ...]) -> bool:
    if not all(d in KERNEL_DTYPES for d in dtypes):
        return False
    floating = all(d.kind in "fb" for d in dtypes) and any(d.kind == "f" for d in dtypes)
    return floating or not (calls(expr) & FLOAT_ONLY or _operators(expr) & set(_DIVISIONS))


def kernelable(node: Node) -> bool:
    """Whether a node can be computed in a kernel."""
    op = node.op
    if node.pinned or len(node.outputs) != 1:
        return False
    dtypes = tuple(v.type.dtype for v in node.inputs)
    if op.kind == "movement":
        return access_of(node) is not None and dtypes[0] in KERNEL_DTYPES
    if op.kind not in ("elementwise", "reduce") or op.expr is None or not dtypes:
        return False
    if op.kind == "reduce" and op.identity is None:
        return False
    out = node.out.type.dtype
    if out not in KERNEL_DTYPES:
        return False
    return _supported(op.expr, dtypes if op.promoted == slice(None) else dtypes[op.promoted])


def result_dtype(
    expr: str, dtypes: Mapping[str, np.dtype[Any]], out: np.dtype[Any]
) -> np.dtype[Any]:
    """The dtype of an expression whose result is declared as ``out``. Raises ExpressionError."""
    tree, typing = parse(expr), _Typing(dtypes, out)
    found = typing.visit(tree)
    if found is None:
        typing.take(out, tree)
    return out if found is None else found


class _Typing:
    """Dtypes of the parts of an expression; None is a literal, which takes any."""

    def __init__(self, dtypes: Mapping[str, np.dtype[Any]], out: np.dtype[Any]) -> None:
        self.dtypes, self.out = dtypes, out

    def visit(self, node: ast.expr) -> np.dtype[Any] | None:
        found: np.dtype[Any] | None = getattr(self, type(node).__name__.lower())(node)
        return found

    def same(self, *parts: ast.expr) -> np.dtype[Any] | None:
        """The one dtype of some parts."""
        found = {d for p in parts if (d := self.visit(p)) is not None}
        if len(found) > 1:
            shown = " and ".join(sorted(d.name for d in found))
            raise ExpressionError(f"{shown} do not mix: cast one of them")
        dtype = found.pop() if found else None
        if dtype is not None:
            self.take(dtype, *parts)
        return dtype

    def take(self, dtype: np.dtype[Any], *parts: ast.expr) -> None:
        """Check that the literals among some parts are numbers of the dtype that they take."""
        if dtype.kind not in "iu":
            return
        for part in parts:
            sign = -1 if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub) else 1
            literal = part.operand if isinstance(part, ast.UnaryOp) and sign < 0 else part
            if isinstance(literal, ast.Constant):
                value: Any = literal.value * sign  # type: ignore[operator]
                if not np.iinfo(dtype).min <= value <= np.iinfo(dtype).max or value != int(value):
                    raise ExpressionError(f"{ast.unparse(part)} is not a number of dtype {dtype}")

    def name(self, node: ast.Name) -> np.dtype[Any] | None:
        if node.id in CONSTANTS:
            return None
        if node.id not in self.dtypes:
            raise ExpressionError(f"{node.id} is not defined here")
        return self.dtypes[node.id]

    def constant(self, node: ast.Constant) -> None:
        return None

    def binop(self, node: ast.BinOp) -> np.dtype[Any] | None:
        dtype = self.same(node.left, node.right)
        kind = "f" if dtype is None else dtype.kind
        if isinstance(node.op, _DIVISIONS):
            fits = kind == "f"
        elif isinstance(node.op, _SHIFTS):
            fits = kind in "iu"
        elif isinstance(node.op, _BITS):
            fits = kind in "iub"
        else:
            fits = kind != "b" or not isinstance(node.op, ast.Sub)
        if not fits:
            raise ExpressionError(f"{ast.unparse(node)} is not defined for {dtype or 'literals'}")
        return dtype

    def unaryop(self, node: ast.UnaryOp) -> np.dtype[Any] | None:
        dtype = self.visit(node.operand)
        if isinstance(node.op, ast.Not):
            return BOOL
        kind = "f" if dtype is None else dtype.kind
        if (isinstance(node.op, ast.Invert) and kind == "f") or (
            isinstance(node.op, ast.USub) and kind == "b"
        ):
            raise ExpressionError(f"{ast.unparse(node)} is not defined for {dtype or 'literals'}")
        return dtype

    def boolop(self, node: ast.BoolOp) -> np.dtype[Any]:
        for part in node.values:
            self.visit(part)
        return BOOL

    def compare(self, node: ast.Compare) -> np.dtype[Any]:
        if self.same(node.left, *node.comparators) is None:
            raise ExpressionError(f"{ast.unparse(node)} compares literals")
        return BOOL

    def ifexp(self, node: ast.IfExp) -> np.dtype[Any] | None:
        self.visit(node.test)
        return self.same(node.body, node.orelse)

    def call(self, node: ast.Call) -> np.dtype[Any] | None:
        assert isinstance(node.func, ast.Name)  # ``parse`` has seen to it
        name = node.func.id
        dtype = self.same(*node.args)
        if name == "cast":
            if dtype is not None and dtype.kind == "f" and self.out.kind in "iu":
                raise ExpressionError("a cast of floating to integer may fail: not in a kernel")
            return self.out
        if FUNCTIONS[name].test:
            return BOOL
        if FUNCTIONS[name].float_only and (dtype or self.out).kind != "f":
            raise ExpressionError(f"{name} takes floating values, not {dtype or self.out}")
        return dtype
