"""Scalar expressions of ops: parsed once, checked against dtypes, printed as Python.

``kernelable(node)`` says whether a node can be part of a compiled kernel: its op has an
expression (or only moves elements), and every function in it exists for the node's dtypes.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

import numpy as np

from twofold.ir.graph import Node

from ..native.vecmath import FUNCTIONS

__all__ = ["KERNEL_DTYPES", "MOVES", "kernelable", "parse", "rename"]

KERNEL_DTYPES = frozenset(
    np.dtype(d)
    for d in ("bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "float32", "float64")
)
MOVES = frozenset({"broadcast_to", "expand_dims", "squeeze", "reshape", "transpose"})
ANY_DTYPE = frozenset({"minimum", "maximum", "abs", "sign", "cast", "isnan", "isinf", "isfinite"})
FLOAT_ONLY = frozenset(FUNCTIONS) | {"isnan", "isinf", "isfinite", "fma", "floordiv", "mod"}
_ALIAS = {"power": "pow"}


@cache
def parse(expr: str) -> ast.expr:
    """The syntax tree of an expression."""
    return ast.parse(expr, mode="eval").body


@cache
def calls(expr: str) -> frozenset[str]:
    """The names of the functions that an expression calls."""
    return frozenset(
        n.func.id
        for n in ast.walk(parse(expr))
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
    )


@cache
def _operators(expr: str) -> frozenset[type]:
    return frozenset(type(n.op) for n in ast.walk(parse(expr)) if isinstance(n, ast.BinOp))


@cache
def _supported(expr: str, dtypes: tuple[np.dtype[Any], ...]) -> bool:
    if not all(d in KERNEL_DTYPES for d in dtypes):
        return False
    floating = all(d.kind in "fb" for d in dtypes) and any(d.kind == "f" for d in dtypes)
    names = calls(expr)
    if not names <= FLOAT_ONLY | ANY_DTYPE | set(_ALIAS):
        return False
    if floating:
        return True
    if not names <= ANY_DTYPE:
        return False
    inexact = {ast.Div, ast.FloorDiv, ast.Mod, ast.Pow}
    return not (_operators(expr) & inexact)


def kernelable(node: Node) -> bool:
    """Whether a node can be computed inside of a kernel."""
    op = node.op
    if node.pinned or len(node.outputs) != 1:
        return False
    dtypes = tuple(v.type.dtype for v in node.inputs)
    if op.name in MOVES:
        return all(d in KERNEL_DTYPES for d in dtypes)
    if op.kind not in ("elementwise", "reduce") or op.expr is None or not dtypes:
        return False
    if op.kind == "reduce" and op.identity is None:
        return False
    out = node.out.type.dtype
    if out not in KERNEL_DTYPES:
        return False
    return _supported(op.expr, dtypes if op.promoted == slice(None) else dtypes[op.promoted])


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def rename(expr: str, names: dict[str, str]) -> str:
    """The expression as Python text with its parameters renamed.

    >>> rename("x + y", {"x": "a", "y": "b"})
    'a + b'
    """
    tree = ast.fix_missing_locations(_Rename(names).visit(ast.parse(expr, mode="eval")))
    return ast.unparse(tree)
