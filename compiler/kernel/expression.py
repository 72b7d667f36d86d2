"""Scalar expressions: parsed once, checked against dtypes, renamed.

An expression is Python's: names, numbers, arithmetic, comparisons, ``and or not``, ``a if t else
b`` (``ir/grammar.py``) and calls of the functions of ``functions.py``. A literal takes the dtype of
what it meets, or else that of the result.

``kernelable(node)`` says whether a node can be part of a kernel: its op has an expression (or only
moves elements), and every function in it exists for the node's dtypes. Half precision is only
loaded, cast and stored: the values of an expression are float32 then (``build.py``).
"""

from __future__ import annotations

import ast
import keyword
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from twofold.ir.access import access_of, pieces_of
from twofold.ir.dtypes import NAMES, info, known
from twofold.ir.grammar import ExpressionError, tree_of
from twofold.ir.graph import Node
from twofold.ir.promote import complex_of
from twofold.ir.words import counted

from ..loading import late
from .functions import COMPLEX, FLOAT_ONLY, FUNCTIONS, PARTS
from .points import by_point

__all__ = [
    "CHECKED", "CONSTANTS", "RESERVED", "ExpressionError", "calls",
    "computable", "expression_of", "identity", "in_kernels", "keeps", "kernelable", "names",
    "normal", "parse", "rename", "result_dtype",
]  # fmt: skip

CHECKED = ("cast", "class_number", "floor_divide", "remainder", "power")  # for some numbers
MOST_PIECES = 16  # boxes of an output that kernels write; NumPy joins more
CONSTANTS = frozenset({"inf", "nan"})
# What no value, buffer or loop is called: words of the texts, functions, casts in Python.
RESERVED = frozenset(
    {*keyword.kwlist, *FUNCTIONS, *CONSTANTS, *NAMES, "after", "at",
     "check", "const", "do", "fold", "grow", "kernel", "out", "range", "resize", "size", "sweep",
     "to", "var"}
)  # fmt: skip
BOOL = np.dtype(bool)
_IDENTIFIER = re.compile(r"(?<![\w.])[^\W\d]\w*")
_KEYWORDS = frozenset({"and", "or", "not", "if", "else", "True", "False"})
_DIVISIONS = (ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_BITS = (ast.BitOr, ast.BitAnd, ast.BitXor)
_SHIFTS = (ast.LShift, ast.RShift)


@lru_cache(maxsize=4096)
def parse(expr: str) -> ast.expr:
    """The syntax tree of an expression. Raises ExpressionError."""
    tree = tree_of(expr.strip())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            _check_call(node)
    return tree


def _check_call(node: ast.Call) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
    if name not in FUNCTIONS:
        raise ExpressionError(f"there is no function {name} in kernels")
    if len(node.args) != FUNCTIONS[name].arity:
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
def keeps(expr: str) -> bool:
    """Whether a value that was rounded to fewer bits needs no rounding after an expression: its
    result is one of its values, but for the sign, or a small integer.

    >>> keeps("maximum(x, 0)"), keeps("x + 1")
    (True, False)
    """
    return _keeps(parse(expr))


def _keeps(node: ast.expr) -> bool:
    match node:
        case ast.Name():
            return True
        case ast.Constant(value):
            return value in (0, 1)
        case ast.UnaryOp(_, operand):
            return _keeps(operand)
        case ast.IfExp(_, body, orelse):
            return _keeps(body) and _keeps(orelse)
        case ast.Call(ast.Name(name), args):
            return FUNCTIONS[name].keeps and all(map(_keeps, args))
    return False


def in_kernels(dtype: np.dtype[Any]) -> bool:
    """Whether kernels load and store a dtype."""
    return known(dtype) and not info(dtype).stored


@lru_cache(maxsize=4096)
def _operators(expr: str) -> frozenset[type]:
    return frozenset(type(n.op) for n in ast.walk(parse(expr)) if isinstance(n, ast.BinOp))


@lru_cache(maxsize=4096)
def _supported(expr: str, dtypes: tuple[np.dtype[Any], ...]) -> bool:
    if not all(map(in_kernels, dtypes)):
        return False
    letters = {info(d).letter for d in dtypes}
    if "c" in letters:
        plain = _operators(expr) <= {ast.Add, ast.Sub, ast.Mult, ast.Div}
        return letters <= {"c", "b"} and plain and calls(expr) <= COMPLEX
    if "f" in letters:
        return letters <= {"f", "b"}
    return not (calls(expr) & FLOAT_ONLY or _operators(expr) & set(_DIVISIONS))


def kernelable(node: Node, checks: bool = False) -> bool:
    """Whether a node can be computed in a kernel: control flow in one of its own.

    ``checks``: also if it fails for some values, which the kernel has checks for then.
    """
    op = node.op
    if by_point(node):
        return bool(late("kernel.control").fits(node))  # which asks this for other nodes
    if len(node.outputs) != 1 or (node.pinned and not (checks and node.op.name in CHECKED)):
        return False
    dtypes = tuple(v.type.dtype for v in node.inputs)
    if op.pieces is not None:
        pieces = pieces_of(node)
        few = pieces is not None and len(pieces) <= MOST_PIECES
        return few and in_kernels(node.out.type.dtype)
    if op.kind == "movement":
        return access_of(node) is not None and in_kernels(dtypes[0])
    if op.kind not in ("elementwise", "reduce") or op.expr is None or not dtypes:
        return False
    if op.kind == "reduce" and op.identity is None:
        return False
    out = node.out.type.dtype
    if not in_kernels(out):
        return False
    return _supported(op.expr, dtypes if op.promoted == slice(None) else dtypes[op.promoted])


def computable(node: Node) -> bool:
    """Whether kernels compute a node, together with others or alone."""
    return kernelable(node, checks=True)


def expression_of(node: Node) -> str:
    """The expression of a node, over the tensor parameters of its op."""
    expr = normal(node.op.expr or "")
    if node.op.name == "cast":
        source, target = info(node.inputs[0].type.dtype), info(node.out.type.dtype)
        if source.inexact and target.integer:
            return "integer(real(x))" if source.complex else "integer(x)"
        if source.complex and not (target.complex or target.boolean):
            return "cast(real(x))"  # NumPy warns where a cast drops a part
    return expr


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
        if not info(dtype).integer:
            return
        low, high = info(dtype).ints
        for part in parts:
            sign = -1 if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub) else 1
            literal = part.operand if isinstance(part, ast.UnaryOp) and sign < 0 else part
            if isinstance(literal, ast.Constant):
                value: Any = literal.value * sign  # type: ignore[operator]
                if not low <= value <= high or value != int(value):
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
        kind = _letter(dtype)
        if isinstance(node.op, _DIVISIONS):
            fits = kind == "f" or (kind == "c" and isinstance(node.op, ast.Div))
        elif isinstance(node.op, _SHIFTS):
            fits = kind in "iu"
        elif isinstance(node.op, _BITS):
            fits = kind in "iub"
        else:
            fits = kind in "iufc" or (kind == "b" and not isinstance(node.op, ast.Sub))
        if not fits:
            raise ExpressionError(f"{ast.unparse(node)} is not defined for {dtype or 'literals'}")
        return dtype

    def unaryop(self, node: ast.UnaryOp) -> np.dtype[Any] | None:
        dtype = self.visit(node.operand)
        if isinstance(node.op, ast.Not):
            return BOOL
        fits = "iub" if isinstance(node.op, ast.Invert) else "iufc"
        if _letter(dtype) not in fits:
            raise ExpressionError(f"{ast.unparse(node)} is not defined for {dtype or 'literals'}")
        return dtype

    def boolop(self, node: ast.BoolOp) -> np.dtype[Any]:
        for part in node.values:
            self.visit(part)
        return BOOL

    def compare(self, node: ast.Compare) -> np.dtype[Any]:
        dtype = self.same(node.left, *node.comparators)
        if dtype is None:
            raise ExpressionError(f"{ast.unparse(node)} compares literals")
        ordered = not all(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
        if _letter(dtype) == "half" or (ordered and _letter(dtype) == "c"):
            raise ExpressionError(f"{ast.unparse(node)} is not defined for {dtype}")
        return BOOL

    def ifexp(self, node: ast.IfExp) -> np.dtype[Any] | None:
        self.visit(node.test)
        return self.same(node.body, node.orelse)

    def call(self, node: ast.Call) -> np.dtype[Any] | None:
        assert isinstance(node.func, ast.Name)  # ``parse`` has seen to it
        name = node.func.id
        dtype = self.same(*node.args)
        if name == "cast":
            if dtype is not None and info(dtype).inexact and info(self.out).integer:
                raise ExpressionError(f"a cast of {dtype} to integer may fail: integer(x) is one")
            return self.out
        if name == "integer" and not info(self.out).integer:
            raise ExpressionError(f"integer(x) is no {self.out}")
        letter = _letter(dtype or self.out)
        if letter == "c" and name not in COMPLEX:
            raise ExpressionError(f"{name} takes no complex values")
        if name == "pair":
            return complex_of(dtype) if dtype is not None and letter == "f" else self.out
        if FUNCTIONS[name].float_only and letter not in "fc":
            raise ExpressionError(f"{name} takes floating values, not {dtype or self.out}")
        if _letter(dtype) == "half":
            raise ExpressionError(f"{name} is not computed in {dtype}: cast it to float32")
        if FUNCTIONS[name].test:
            return BOOL
        if name == "integer":
            return self.out
        return info(dtype).part_dtype if dtype is not None and name in PARTS else dtype


def _letter(dtype: np.dtype[Any] | None) -> str:
    """The class of what is computed with; a literal may be any number."""
    if dtype is None:
        return "f"
    return "half" if info(dtype).half else info(dtype).letter


def identity(node: Node, dtype: np.dtype[Any]) -> Any:
    """The number of a dtype that a reduction starts with."""
    value, own = node.op.identity, info(dtype)
    if own.complex:
        return complex(value)
    if own.floating:
        return float(value)
    if own.boolean:
        return bool(value > 0) if isinstance(value, float) else bool(value)
    if isinstance(value, float) and math.isinf(value):
        return own.ints[value > 0]
    return int(value)
