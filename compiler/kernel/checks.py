"""What fails for some values: integers that are divided by 0, or raised to a negative power, and
casts to integers of what is not finite, numbers of classes that are not there.

A kernel checks an operand ahead of the operation, unless it is a number that will do. It
ends where a check fails, and whoever runs it raises what eager code raises.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from twofold.ir.dtypes import info
from twofold.ir.graph import Node

from .data import replace
from .expression import CHECKED, parse
from .loops import Kernel, Sweep
from .statements import Apply, Block, Check, Statement

__all__ = ["Wanted", "may_fail", "wanted", "with_checks"]

_SYMBOLS = {"floordiv": "!=", "mod": "!=", "pow": ">="}  # to 0


class Wanted(NamedTuple):
    """What an operand must be: ``operand symbol 0``, finite without a symbol, or below a count."""

    operand: str
    symbol: str
    below: str = ""

    def __str__(self) -> str:
        if self.below:
            return f"{self.operand} >= 0 and {self.operand} < {self.below}"
        return f"{self.operand} {self.symbol} 0" if self.symbol else f"isfinite({self.operand})"

    def holds(self, number: Any) -> bool:
        """Whether a known number is that."""
        if number is None or self.below:
            return False
        if not self.symbol:
            return bool(np.isfinite(number))
        return bool(number != 0 if self.symbol == "!=" else number >= 0)


def wanted(expr: str, dtype: np.dtype[Any]) -> Wanted | None:
    """What an expression of an integer dtype is checked for, if it is.

    >>> str(wanted("floordiv(x, y)", np.dtype("int8")))
    'y != 0'
    """
    tree = parse(expr)
    if not info(dtype).integer or not isinstance(tree, ast.Call):
        return None
    function = ast.unparse(tree.func)
    if function == "integer":
        (given,) = tree.args  # of a complex number both parts
        return Wanted(ast.unparse(given.args[0] if isinstance(given, ast.Call) else given), "")
    if function == "class_number":
        operand, count = map(ast.unparse, tree.args)
        return Wanted(operand, ">=", count)
    symbol = _SYMBOLS.get(function)
    if symbol is None or (symbol == ">=" and info(dtype).unsigned):
        return None
    found = Wanted(ast.unparse(tree.args[1]), symbol)
    try:
        number = ast.literal_eval(tree.args[1])
    except ValueError:  # a name
        return found
    assert found.holds(number), f"{expr} always fails"
    return None


def may_fail(node: Node) -> bool:
    """Whether a node that kernels compute fails for some values of its operands."""
    return node.op.name in CHECKED and node.pinned


def with_checks(kernel: Kernel) -> Kernel:
    """The kernel with its checks."""
    known = {const.name: const.value for const in kernel.consts}
    sweeps = tuple(
        Sweep(tuple(_checked(sweep.inner, known)), tuple(_checked(sweep.after, known)))
        for sweep in kernel.sweeps
    )
    return replace(kernel, before=tuple(_checked(kernel.before, known)), sweeps=sweeps)


def _checked(block: Block, known: Mapping[str, Any]) -> Iterator[Statement]:
    for s in block:
        found = wanted(s.expr, s.dtype) if isinstance(s, Apply) else None
        if found is not None and not found.holds(known.get(found.operand)):
            yield Check(str(found))
        yield s
