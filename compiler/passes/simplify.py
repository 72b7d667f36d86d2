"""Algebraic simplification by a table of equations.

    %0: f32[n] = negative(%x)
    %1: f32[n] = negative(%0)        ->     return %x
    return %1

Invariant kept: every value, bit for bit (the bits of a NaN aside). An equation that holds for
real numbers but not for floating-point ones is not in the table: ``x + 0.0`` is 0.0 for x = -0.0,
``0 * x`` is NaN for an infinite x, ``log(exp(x))`` rounds. Derivatives are taken before this pass
runs: it drops ``stop_gradient``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from twofold.ir.dtypes import info
from twofold.ir.graph import Graph
from twofold.ir.op import Op
from twofold.ir.rewrite import Attr, Const, Match, Row, Table, Term, Var, rewrite

from .driver import graph_pass

__all__ = ["INEXACT", "ROWS", "rows_of_facts", "simplify"]

X, Y, Z = Var("x"), Var("y"), Var("z")
A, P, Q, TA, TB = Attr("a"), Attr("p"), Attr("q"), Attr("ta"), Attr("tb")
ZERO, NEGATIVE_ZERO = Const(0), Const(-0.0)  # -0.0 is plain 0 in an integer dtype
ONE, TWO = Const(1, "one"), Const(2, "two")
TRUE, FALSE = Const(True), Const(False)


@graph_pass()
def simplify(graph: Graph, *, exact: bool = True) -> Graph:
    """Apply algebraic equations.

    exact: only those that hold bit for bit; without it also those that hold for real numbers, but
    not where a result overflows, rounds, is NaN or has the sign of a zero.
    """
    return rewrite(graph, _EXACT if exact else _ALL)


def is_real(m: Match) -> bool:
    """Products and quotients of complex numbers by 1 are not exact: (inf + 0i) * 1 has a NaN."""
    return not info(m.type.dtype).complex


def is_integer(m: Match) -> bool:
    """Whether the result has an integer dtype."""
    return info(m.type.dtype).integer


def exponent_is_scalar(m: Match) -> bool:
    """``power`` squares for an exponent without axes; elementwise exponents go through pow()."""
    return any(m.values.get(n) is not None and not m[n].type.rank for n in ("one", "two"))


def holds(inner: np.dtype, outer: np.dtype) -> bool:
    """Whether every value of ``inner`` is a value of ``outer``."""
    a, b = info(inner), info(outer)
    if a.stored or b.stored:
        return a == b
    if a.unsigned and b.signed:
        return b.digits > a.digits
    if "biufc".index(b.letter) < "biufc".index(a.letter) or (a.signed and b.unsigned):
        return False
    if a.format is not None and b.format is not None and b.format.bias < a.format.bias:
        return False
    return b.digits >= a.digits


def cast_is_exact(m: Match) -> bool:
    """The first cast loses nothing, or both wrap integers, the second to as few bits or fewer."""
    start, between, end = (info(d) for d in (m["x"].type.dtype, m["p"], m["q"]))
    lossless = holds(start.dtype, between.dtype)
    if start.integer and between.integer and end.integer:
        return lossless or end.bits <= between.bits
    if end.integer and between.inexact:
        return lossless and holds(start.dtype, end.dtype)  # what does not fit has no fixed value
    if end.half and not (start.floating and between.floating):
        return False  # integers become halves by way of float32, and are rounded twice
    return lossless


def takes_all(m: Match) -> bool:
    """Every axis from front to back: sizes can only stay if nothing is left out."""
    return all(isinstance(i, tuple) and i[2] == 1 for i in m["a"])


def composed(m: Match) -> tuple[int, ...]:
    """One permutation for two."""
    return tuple(m["p"][i] for i in m["q"])


def swaps_last_two(m: Match) -> bool:
    """Whether a permutation is the transposition of a matrix, or of a batch of them."""
    rank = len(m["p"])
    return rank >= 2 and m["p"] == (*range(rank - 2), rank - 1, rank - 2)


def flipped(name: str) -> Any:
    """The other value of a bool attribute."""
    return lambda m: not m[name]


def result_shape(m: Match) -> Any:
    """The shape of the result."""
    return m.shape


def element(number: int) -> Term:
    """A constant without axes of the dtype of the result."""
    return Term("constant", value=lambda m: np.asarray(number, m.type.dtype))


def wide(x: Var) -> Term:
    """The cast of a value to the dtype that the result is computed in."""
    return Term("cast", x, dtype=lambda m: info(m.type.dtype).computes_in)


def once(op: Op, x: Any = X) -> Term:
    """``op(x)`` with any attributes."""
    return Term(op.name, x, **{name: Attr(name) for name in op.attr_names})


def twice(op: Op) -> Term:
    """``op(op(x))`` with the same attributes."""
    return once(op, once(op))


def rows_of_facts(op: Op) -> Iterator[Row]:
    """What the record of an op says about it."""
    if op.involution:  # -(-x) = x
        yield Row(twice(op), X)
    if op.idempotent:  # |(|x|)| = |x|
        yield Row(twice(op), once(op))
    # +x = x, reshape(x, x.shape) = x, and the others that keep all elements: only where the types
    # are the same, as for every row
    if op.shares_memory == "alias":
        yield Row(once(op), X)
    # A reduction over no axes. 0 + (-0.0) is 0.0: exact for integers only, unless the identity is
    # neutral bit for bit.
    if op.kind == "reduce":
        yield Row(Term(op.name, X, axis=()), X, None if op.neutral else is_integer)


# fmt: off
ROWS = [
    # x * 1 = x                                      exact for real dtypes
    Row(Term("multiply", X, ONE), X, is_real),
    # x + (-0.0) = x, x + 0 = x for integers         exact; x + 0.0 is not, for x = -0.0
    Row(Term("add", X, NEGATIVE_ZERO), X),
    # x - 0 = x
    Row(Term("subtract", X, ZERO), X),
    # x / 1 = x                                      exact for real dtypes
    Row(Term("divide", X, ONE), X, is_real),
    # x // 1 = x                                     for integers; floats round down
    Row(Term("floor_divide", X, ONE), X, is_integer),
    # x ** 1 = x, x ** 2 = square(x)                 how power computes a scalar exponent
    Row(Term("power", X, ONE), X, exponent_is_scalar),
    Row(Term("power", X, TWO), Term("square", X), exponent_is_scalar),
    # conj(x) = x, real(x) = x                       for real x
    Row(Term("conjugate", X), X, is_real),
    Row(Term("real", X), X, lambda m: not info(m["x"].type.dtype).complex),
    # |-x| = |x|                                     not for unsigned x, which wraps
    Row(Term("abs", Term("negative", X)), Term("abs", X),
        lambda m: not info(m.type.dtype).unsigned),
    # x - (-y) = x + y, x + (-y) = x - y             exact: IEEE 754 defines them so
    Row(Term("subtract", X, Term("negative", Y)), Term("add", X, Y)),
    Row(Term("add", X, Term("negative", Y)), Term("subtract", X, Y)),

    # cast(x: t, t) = x;  cast(cast(x, p), q) = cast(x, q) where the first loses nothing
    Row(Term("cast", X), X),
    Row(Term("cast", Term("cast", X, dtype=P), dtype=Q), Term("cast", X, dtype=Q), cast_is_exact),

    # where(true, y, z) = y, where(false, y, z) = z, where(x, y, y) = y, broadcast to the result
    Row(Term("where", TRUE, Y, Z), Term("broadcast_to", Y, shape=result_shape)),
    Row(Term("where", FALSE, Y, Z), Term("broadcast_to", Z, shape=result_shape)),
    Row(Term("where", X, Y, Y), Term("broadcast_to", Y, shape=result_shape)),
    # zeros_like(x) = 0, ones_like(x) = 1, broadcast: x need not be computed
    Row(Term("zeros_like", X), Term("broadcast_to", element(0), shape=result_shape)),
    Row(Term("ones_like", X), Term("broadcast_to", element(1), shape=result_shape)),
    # splat(x, ()) = x
    Row(Term("splat", X, shape=()), X),
    # first_largest(x, y) = y                        it says who has the gradient
    Row(Term("first_largest", X, Y, axis=A), Y),
    # the stacked rows of x = x
    Row(Term("buffer_stack", Term("buffer_of", X), length=P), X),

    # a view that changes nothing
    Row(Term("transpose", X, perm=P), X, lambda m: m["p"] == tuple(range(len(m["p"])))),
    Row(Term("broadcast_to", X), X),
    Row(Term("strided_slice", X, index=A), X, takes_all),
    Row(Term("concat", X), X),
    # a view of a view
    Row(Term("transpose", Term("transpose", X, perm=P), perm=Q),
        Term("transpose", X, perm=composed)),
    Row(Term("reshape", Term("reshape", X), shape=P), Term("reshape", X, shape=P)),
    Row(Term("reshape", Term("expand_dims", X), shape=P), Term("reshape", X, shape=P)),
    Row(Term("reshape", Term("squeeze", X), shape=P), Term("reshape", X, shape=P)),
    Row(Term("broadcast_to", Term("broadcast_to", X), shape=P), Term("broadcast_to", X, shape=P)),
    Row(Term("squeeze", Term("expand_dims", X, axis=A), axis=A), X),
    Row(Term("expand_dims", Term("squeeze", X, axis=A), axis=A), X),

    # matmul(a.T, b) = matmul(a, b, transpose_a)     the same call of BLAS
    Row(Term("matmul", Term("transpose", X, perm=P), Y, transpose_a=TA, transpose_b=TB),
        Term("matmul", X, Y, transpose_a=flipped("ta"), transpose_b=TB), swaps_last_two),
    Row(Term("matmul", X, Term("transpose", Y, perm=P), transpose_a=TA, transpose_b=TB),
        Term("matmul", X, Y, transpose_a=TA, transpose_b=flipped("tb")), swaps_last_two),
    # matmul(x, y) = cast(matmul(cast(x, f32), cast(y, f32)), half)      how half precision is
    # multiplied; the casts are parts of the kernels around it then
    Row(Term("matmul", X, Y, transpose_a=TA, transpose_b=TB),
        Term("cast", Term("matmul", wide(X), wide(Y), transpose_a=TA, transpose_b=TB),
             dtype=lambda m: m.type.dtype), lambda m: info(m.type.dtype).half),
]

# Equations of real numbers that floating-point numbers do not keep: for ``exact=False`` alone.
INEXACT = [
    # x + 0 = x                                      gives -0.0, not 0.0, for x = -0.0
    Row(Term("add", X, ZERO), X),
    # x * 0 = 0, x - x = 0, x / x = 1                not for infinities, NaN and 0 / 0
    Row(Term("multiply", X, ZERO), Term("broadcast_to", element(0), shape=result_shape)),
    Row(Term("subtract", X, X), Term("broadcast_to", element(0), shape=result_shape)),
    Row(Term("divide", X, X), Term("broadcast_to", element(1), shape=result_shape)),
    # log(exp(x)) = x, exp(log(x)) = x               they round; exp overflows; log(x) for x < 0
    Row(Term("log", Term("exp", X)), X),
    Row(Term("exp", Term("log", X)), X),
    # sqrt(x ** 2) = |x|                             not where the square overflows or vanishes
    Row(Term("sqrt", Term("square", X)), Term("abs", X), is_real),
]
# fmt: on

_EXACT, _ALL = Table(ROWS, rows_of_facts), Table([*ROWS, *INEXACT], rows_of_facts)
