"""Products, equations, inverses, determinants and Cholesky's factors of small matrices, by element.

    %x: f64[2] = solve(%a, %b)        ->     t = abs(a2) > abs(a0); rows change places if t
                                             check a0 != 0
                                             f = a2 / a0; a3 = a3 - f * a1; b1 = b1 - f * b0 ...

Elimination with partial pivoting, and Cholesky's method, row by row (Golub and Van Loan, Matrix
Computations, 3.4 and 4.2): what LAPACK's routines compute, in the dtype that they compute in, so
that both keep the same bounds. A determinant is the exponential of a sum of logarithms, as NumPy's.
Where LAPACK refuses a matrix a check fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.dtypes import info
from twofold.ir.graph import Node, Value

from .small import UnfitError, is_half, numbers, size
from .statements import Check
from .totals import product

if TYPE_CHECKING:
    from .control import Builder

__all__ = ["MATRICES"]

LARGEST = 6  # rows of a matrix
BOOL = np.dtype(bool)

Grid = np.ndarray[Any, Any]  # names of elements


def _grid(builder: Builder, value: Value, node: Node) -> Grid:
    """The elements of an operand, in rows."""
    dtype = value.type.dtype
    if is_half(value) or info(dtype).complex or dtype != node.out.type.dtype:
        raise UnfitError(f"{node.op.name} in {dtype}")
    size(value)
    shape = numbers(value)
    if len(shape) > 2 or not 0 < min(shape) <= max(shape) <= LARGEST:
        raise UnfitError(f"{node.op.name} of large matrices, or of several")
    grid = np.empty(shape, object)
    grid.ravel()[:] = builder.elements(value)
    return grid


class _Elimination:
    """Rows, with right sides behind the matrix, brought to triangular form. ``pivots``: the
    diagonal; ``sign``: 1, or -1 where the rows have changed places an odd number of times."""

    def __init__(self, builder: Builder, rows: Grid, dtype: np.dtype[Any], strict: bool) -> None:
        self.builder, self.rows, self.dtype, self.strict = builder, rows, dtype, strict
        self.size = len(rows)
        self.sign = builder.number(1.0, dtype)
        for k in range(self.size):
            self.column(k)
        self.pivots = [rows[k, k] for k in range(self.size)]

    def apply(self, expr: str) -> str:
        return self.builder.apply(expr, self.dtype)

    def column(self, k: int) -> None:
        """The largest number of a column comes to the diagonal, and those below it become 0."""
        rows, builder = self.rows, self.builder
        for i in range(k + 1, self.size):
            test = builder.apply(f"abs({rows[i, k]}) > abs({rows[k, k]})", BOOL)
            for j in range(k, rows.shape[1]):
                upper, lower = rows[k, j], rows[i, j]
                rows[k, j] = self.apply(f"{lower} if {test} else {upper}")
                rows[i, j] = self.apply(f"{upper} if {test} else {lower}")
            self.sign = self.apply(f"-{self.sign} if {test} else {self.sign}")
        pivot = rows[k, k]
        if self.strict:
            builder.add(Check(f"{pivot} != 0"))
        elif k + 1 < self.size:  # a column of zeros stays
            pivot = self.apply(f"1.0 if {pivot} == 0 else {pivot}")
        for i in range(k + 1, self.size):
            factor = self.apply(f"{rows[i, k]} / {pivot}")
            for j in range(k + 1, rows.shape[1]):
                rows[i, j] = self.apply(f"{rows[i, j]} - {factor} * {rows[k, j]}")

    def solved(self) -> Grid:
        """The solutions for the right sides."""
        n = self.size
        found = self.rows[:, n:]
        for k in reversed(range(n)):
            for c in range(found.shape[1]):
                total = found[k, c]
                for j in range(k + 1, n):
                    total = self.apply(f"{total} - {self.rows[k, j]} * {found[j, c]}")
                found[k, c] = self.apply(f"{total} / {self.pivots[k]}")
        return found


def _solve(builder: Builder, node: Node) -> None:
    """solve: of one matrix, with a vector or a matrix."""
    a, b = (_grid(builder, value, node) for value in node.inputs)
    rows = np.concatenate([a, b.reshape(len(a), -1)], 1)
    found = _Elimination(builder, rows, node.out.type.dtype, strict=True).solved()
    builder.known[node.out] = tuple(found.ravel())


def _inv(builder: Builder, node: Node) -> None:
    """inv: the solutions for the columns of the identity."""
    dtype, a = node.out.type.dtype, _grid(builder, node.inputs[0], node)
    numbers_ = [builder.number(x, dtype) for x in (0.0, 1.0)]
    identity = np.array(numbers_, object)[np.eye(len(a), dtype=int)]
    rows = np.concatenate([a, identity], 1)
    found = _Elimination(builder, rows, dtype, strict=True).solved()
    builder.known[node.out] = tuple(found.ravel())


def _det(builder: Builder, node: Node) -> None:
    """det: 0 where a column of zeros is left."""
    dtype, a = node.out.type.dtype, _grid(builder, node.inputs[0], node)
    found = _Elimination(builder, a, dtype, strict=False)
    total, sign = builder.number(0.0, dtype), found.sign
    for pivot in found.pivots:
        total = found.apply(f"{total} + log(abs({pivot}))")
        sign = found.apply(f"-{sign} if {pivot} < 0 else {sign}")
    total = found.apply(f"{sign} * exp({total})")
    for pivot in found.pivots:
        total = found.apply(f"0.0 if {pivot} == 0 else {total}")
    builder.known[node.out] = (total,)


def _cholesky(builder: Builder, node: Node) -> None:
    """cholesky: of the lower triangle."""
    dtype, a = node.out.type.dtype, _grid(builder, node.inputs[0], node)
    zero = builder.number(0.0, dtype)
    found = np.full(a.shape, zero, object)
    for j in range(len(a)):
        for i in range(j, len(a)):
            total = a[i, j]
            for k in range(j):
                total = builder.apply(f"{total} - {found[i, k]} * {found[j, k]}", dtype)
            if i == j:
                builder.add(Check(f"{total} > 0"))
                found[j, j] = builder.apply(f"sqrt({total})", dtype)
            else:
                found[i, j] = builder.apply(f"{total} / {found[j, j]}", dtype)
    if node.attrs["upper"]:
        found = found.T
    builder.known[node.out] = tuple(found.ravel())


def _matmul(builder: Builder, node: Node) -> None:
    """matmul of two matrices; with a vector it is a fold, of any size."""
    if any(len(value.type.shape) != 2 for value in node.inputs):
        product(builder, node)
        return
    a, b = (_grid(builder, value, node) for value in node.inputs)
    a = a.T if node.attrs["transpose_a"] else a
    b = b.T if node.attrs["transpose_b"] else b
    made = []
    for row in a:
        for column in b.T:
            terms = [f"{x} * {y}" for x, y in zip(row, column, strict=True)]
            total = builder.apply(terms[0], node.out.type.dtype)
            for term in terms[1:]:
                total = builder.apply(f"{total} + {term}", node.out.type.dtype)
            made.append(total)
    builder.known[node.out] = tuple(made)


MATRICES: dict[str, Callable[[Builder, Node], None]] = {
    "solve": _solve,
    "inv": _inv,
    "det": _det,
    "cholesky": _cholesky,
    "matmul": _matmul,
}
