"""How a matrix product is run: its cut, and the context of its kernel function.

A product is cut as ``runtime/products.py`` says: into panels, or along its inner axis if that is
long; products of a batch are units of their own. All cuts depend on the sizes and the order of the
elements alone, never on the number of threads, so neither do the results.

A unit is, by mode: ``BATCH`` one product, ``COLUMNS`` a column of c, ``ROWS`` a row of c, ``INNER``
a chunk of the inner axis, whose sums go to memory of their own and are added up in a second step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from twofold.runtime.blas import CBLAS_NO_TRANS, CBLAS_TRANS
from twofold.runtime.products import (
    COLUMNS,
    ROWS,
    SHARED_FLOPS,
    along,
    inner_block,
    panels,
)

__all__ = ["BATCH", "INNER", "TURNED", "Cut", "Inner", "Matrices", "Single", "Vector", "Words",
           "cut", "is_halved", "single_call", "words_of"]  # fmt: skip

BATCH, INNER = 0, 3
TURNED = 32  # elements of a side of the blocks in which a half is copied to the other


class Cut(NamedTuple):
    """How a product is run: mode, units, units of a panel, terms of a block, terms of a chunk."""

    mode: int
    units: int
    grain: int
    block: int
    chunk: int

    @property
    def long(self) -> bool:
        """Whether sums of blocks are added in double precision."""
        return self.block < self.chunk or self.mode == INNER


def cut(m: int, n: int, k: int, batch: int, double: bool, across: bool = False) -> Cut:
    """The cut of ``batch`` products of m x k by k x n, in double precision or in single; ``across``
    as in ``runtime/products.py``.

    >>> cut(128, 512, 784, 1, False)
    Cut(mode=1, units=512, grain=128, block=784, chunk=784)
    >>> cut(1, 1, 10**7, 1, False)
    Cut(mode=3, units=32, grain=1, block=4096, chunk=315392)
    """
    block = max(inner_block(m, n, k, double), 1)
    if batch == 1:
        whole = panels(m, n, k)
        inner = along(m, n, k, block, whole, across)
        if inner is not None:
            return Cut(INNER, -(-k // inner.chunk), 1, *inner)
        return Cut(*whole, block, max(k, 1))
    grain = max(SHARED_FLOPS // max(2 * m * n * k, 1), 1)
    if grain < batch:  # worth sharing: then in parts that many threads can take
        grain = max(grain // 4, 1)
    return Cut(BATCH, batch, grain, block, max(k, 1))


def is_halved(how: Cut) -> bool:
    """Whether a matrix times itself, turned, is computed to its diagonal, and the rest copied."""
    return how.mode == ROWS and not how.long and how.grain < how.units


class Words(NamedTuple):
    """The context of a product: addresses, CBLAS's numbers, sizes, the cut.

    ``a_unit b_unit c_unit acc_unit`` are bytes from unit to unit, ``a_step b_step`` bytes from term
    to term of the inner axis. ``acc`` is the memory of sums in double precision, used if ``long``.
    ``lower``: of a matrix times itself, turned, the panels of rows end at the diagonal.
    """

    a: object
    b: object
    c: object
    acc: object
    gemm: object
    gemv: object
    dot: object
    trans_a: object
    trans_b: object
    m: object
    n: object
    k: object
    lda: object
    ldb: object
    ldc: object
    mode: object
    a_unit: object
    b_unit: object
    c_unit: object
    acc_unit: object
    a_step: object
    b_step: object
    block: object
    chunk: object
    long: object
    lower: object


class Single(NamedTuple):
    """The context of one call of ``gemm``."""

    gemm: Any
    trans_a: Any
    trans_b: Any
    m: Any
    n: Any
    k: Any
    a: Any
    lda: Any
    b: Any
    ldb: Any
    c: Any
    ldc: Any


class Vector(NamedTuple):
    """The context of one call of ``gemv``; ``step`` and ``out_step``: of the vectors."""

    gemv: Any
    trans: Any
    rows: Any
    columns: Any
    matrix: Any
    leading: Any
    vector: Any
    step: Any
    out: Any
    out_step: Any


class Inner(NamedTuple):
    """The context of one call of ``dot``; ``a_step`` and ``b_step``: of the vectors."""

    dot: Any
    k: Any
    a: Any
    a_step: Any
    b: Any
    b_step: Any
    c: Any


class Matrices(NamedTuple):
    """The operands of products of m x k by k x n: sizes, elements from row to row as they lie in
    memory, whether they lie transposed, elements from one of a batch to the next."""

    sizes: tuple[int, int, int]
    leading: tuple[int, int, int]
    turned: tuple[bool, bool]
    apart: tuple[int, int] = (0, 0)

    @property
    def across(self) -> bool:
        """Whether one operand is a vector, and the rows of the matrix lie across the inner axis."""
        m, n, _ = self.sizes
        return (m == 1) != (n == 1) and (not self.turned[1] if m == 1 else self.turned[0])


def words_of(
    given: Matrices, how: Cut, places: tuple[object, ...],
    routines: tuple[int, int, int], itemsize: int, wide: int = 0, lower: bool = False,
) -> Words:  # fmt: skip
    """The context of products; ``places``: a, b, c and the memory of long sums, whose elements have
    ``wide`` bytes."""
    (m, n, k), (lda, ldb, ldc), (ta, tb) = given.sizes, given.leading, given.turned
    a_step, b_step = lda if ta else 1, 1 if tb else ldb
    a_unit, b_unit, c_unit, acc_unit = {
        BATCH: (*given.apart, m * n, m * n),
        COLUMNS: (0, ldb if tb else 1, 1, 1),
        ROWS: (1 if ta else lda, 0, ldc, n),
        INNER: (how.chunk * a_step, how.chunk * b_step, m * n, m * n),
    }[how.mode]
    flags = (CBLAS_TRANS if ta else CBLAS_NO_TRANS, CBLAS_TRANS if tb else CBLAS_NO_TRANS)
    a, b, c, acc = places
    return Words(
        a, b, c, acc, *routines, *flags, m, n, k, lda, ldb, ldc, how.mode, a_unit * itemsize,
        b_unit * itemsize, c_unit * itemsize, wide * acc_unit, a_step * itemsize, b_step * itemsize,
        how.block, how.chunk, int(how.long), int(lower),
    )  # fmt: skip


def single_call(
    given: Matrices, places: tuple[object, ...], routines: tuple[int, int, int]
) -> Single | Vector | Inner:
    """The context of a product that is one call: of two vectors, of a matrix with a vector, of two
    matrices."""
    (m, n, k), (lda, ldb, ldc), (ta, tb) = given.sizes, given.leading, given.turned
    (a, b, c, *_), (gemm, gemv, dot) = places, routines
    if m == n == 1:
        return Inner(dot, k, a, lda if ta else 1, b, 1 if tb else ldb, c)
    flags = [CBLAS_TRANS if turned else CBLAS_NO_TRANS for turned in (ta, tb)]
    if n == 1:
        shape = (k, m) if ta else (m, k)
        return Vector(gemv, flags[0], *shape, a, lda, b, 1 if tb else ldb, c, ldc)
    if m == 1:  # the row is the transposed matrix times the other row
        shape = (n, k) if tb else (k, n)
        turned = CBLAS_NO_TRANS if tb else CBLAS_TRANS
        return Vector(gemv, turned, *shape, b, ldb, a, lda if ta else 1, c, 1)
    return Single(gemm, flags[0], flags[1], m, n, k, a, lda, b, ldb, c, ldc)
