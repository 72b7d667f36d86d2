"""Matrix products of arrays: the same bits for any number of threads, and sums of bounded error.

NumPy's product has three habits that a promise cannot rest on. BLAS splits a product between its
own threads, so the bits depend on their number, and OpenBLAS may even be wrong when two threads of
a program do that at once (``one_thread.py``). Operands that BLAS cannot read, such as a broadcast
view, are summed one after the other in their own precision: half of all digits are gone after ten
million terms. And a long inner product is one long sum in BLAS, too.

So here BLAS works on one thread (``one_thread.py``), on operands that it can read, and

- a large product is cut into panels of columns or rows, which threads share; one of a vector with
  a matrix whose rows lie across the inner axis (``x @ a``, ``a.T @ x``) into chunks of that axis,
  so that the matrix is read from its first row to its last;
- a long inner product is cut into blocks of ``BLOCK`` terms, whose sums are added in double
  precision (``THIN_BLOCK`` for small results, where BLAS adds one term after the other;
  ``DOT_BLOCK`` for a single one, where it adds in many lanes, and for vectors in double
  precision).

All cuts depend on the sizes and the order of the elements alone. Two matrices whose inner products
are not long go to machine code (``native.py``) when there is some: the panels that compiled
products have, without NumPy's calls and on threads that need no GIL.

A sum of ``n`` terms in order is within ``n * 2**-24 * sum(abs(a * b))`` of the exact one in
float32, so one of ``k`` products is within ``4 * DOT_BLOCK * 2**-24 * sum(abs(a * b))``, for every
``k`` and any BLAS. Sums of one constant, whose roundings go one way, are the worst: with OpenBLAS
they were off by a sixth of ``n * 2**-24``, which is 1e-5 for blocks of ``BLOCK`` and 4e-5 for the
longest that is not cut, ``4 * BLOCK`` terms of a row times a matrix. Half precision is multiplied
in single, large integer matrices in double precision where that is exact.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from twofold._loading import Loading
from twofold.ir.dtypes import info
from twofold.ir.pieces import pieces

from .blas import find_blas
from .native import native
from .one_thread import one_thread

__all__ = ["BLOCK", "COLUMNS", "PANEL_FLOPS", "ROWS", "SHARED_FLOPS", "Along", "Panels", "along",
           "inner_block", "is_double", "matmul", "panels"]  # fmt: skip

COLUMNS, ROWS = 1, 2
SHARED_FLOPS = 2_000_000  # smaller products are faster on one thread
PANEL_FLOPS = 8_000_000  # work of a panel, where that makes neither too few panels nor too many
FEWEST_PANELS, MOST_PANELS = 4, 16  # the threads start one after the other; packing is repeated
NARROWEST = 32  # columns or rows of a panel; narrower ones repeat too much of BLAS's packing
NARROW = 128  # narrower ones are not worth being more than the fewest: BLAS packs for each of them

BLOCK, DOT_BLOCK, THIN_BLOCK = 1024, 4096, 256  # terms of an inner product that BLAS adds
THIN = 1024  # elements of a result up to which it is thin
MOST_CHUNKS = 32  # parts of a long inner product that threads share
MOST_PARTIAL = 1 << 18  # elements of partial results that are made at a time
EAGER_FLOPS = 6_000_000  # smaller eager products are not worth waking a thread
# Multiplications up to which OpenBLAS never uses a second thread (GEMM_MULTITHREAD_THRESHOLD = 4).
TINY, TINY_MATRIX = 9216, 262_144
MANY = 4_000_000  # multiplications of a batch that is worth sharing
EXACT = 2**53

Array = np.ndarray[Any, Any]
Task = Callable[[], Any]


class Panels(NamedTuple):
    """How one product is cut: the mode, its units, units in a panel."""

    mode: int
    units: int
    grain: int


def panels(m: int, n: int, k: int) -> Panels:
    """Cut an m x k by k x n product into panels: of rows, unless it is much wider than high.

    BLAS packs the other matrix for every panel, which costs it less for panels of rows: in a
    product of 1000 x 1000 by 1000 x 1000 of float64 two threads take 19.8 ms for 4 or 8 panels of
    rows, 22.1 and 22.7 for as many of columns, 21.7 and 25.2 for 16 (OpenBLAS's threads: 20.0).

    >>> panels(64, 64, 64)
    Panels(mode=2, units=64, grain=64)
    >>> panels(128, 512, 784)
    Panels(mode=1, units=512, grain=128)

    Their number is a power of two, so that two, four and eight threads have equal parts. The other
    matrix is packed for each panel: on one thread of a CPU with AVX-512, 1000 x 1200 by 1200 x 1100
    takes 1.09 of the time of one call in 8 panels of rows, 1.03 in 4; 2000 x 2000 by 2000 x 2000
    takes 1.04 in 8. On sixteen threads 16 panels of 4096 x 576 by 576 x 64 take a third of the time
    of 4.
    """
    mode, units = (COLUMNS, n) if n > 2 * m else (ROWS, m)
    flops = 2 * m * n * k
    if flops < SHARED_FLOPS:
        return Panels(mode, units, max(units, 1))
    count = min(max(2 ** round(math.log2(flops / PANEL_FLOPS)), FEWEST_PANELS), MOST_PANELS)
    while count > FEWEST_PANELS and units < NARROW * count:
        count //= 2
    width = max(-(-units // count), NARROWEST)
    step = 16 if mode == COLUMNS else 8  # what BLAS computes at once
    return Panels(mode, units, -(-width // step) * step)


def inner_block(m: int, n: int, k: int, double: bool) -> int:
    """Terms of an inner product that BLAS adds at a time: ``k`` itself if that is not long.

    A product with a vector reads each element of the matrix once, so memory bounds it, and to read
    a part of each row at a time costs a quarter of the time or more. In double precision a sum in
    order of as many terms still has 12 digits: its blocks are those of a single inner product.

    >>> inner_block(128, 512, 784, False), inner_block(1, 1, 10**7, False)
    (784, 4096)
    >>> inner_block(4, 4, 10**7, False), inner_block(4000, 1, 5000, True)
    (256, 5000)
    """
    vector = m == 1 or n == 1
    longest = m * n <= 1 or (double and vector)
    block = DOT_BLOCK if longest else THIN_BLOCK if m * n <= THIN else BLOCK
    return k if k <= (4 if vector else 2) * block else block


class Along(NamedTuple):
    """A cut along the inner axis: terms of a block, terms of a chunk."""

    block: int
    chunk: int


def along(m: int, n: int, k: int, block: int, cut: Panels, across: bool) -> Along | None:
    """The cut of a product along its inner axis; None if the panels of ``cut`` serve it better.

    ``across``: one operand is a vector, and the rows of the matrix lie across the inner axis.
    Panels of columns would read a part of each row: 5000 elements times 5000 x 4000 of float64 take
    1.25 of the time of chunks on two threads.

    >>> [along(1, 4000, 5000, 5000, panels(1, 4000, 5000), across) for across in (True, False)]
    [Along(block=1256, chunk=1256), None]
    >>> along(1, 1, 10**7, 4096, panels(1, 1, 10**7), False)
    Along(block=4096, chunk=315392)
    """
    shared, thin = 2 * m * n * k >= SHARED_FLOPS, m * n <= THIN
    if block < k and (thin or (cut.grain >= cut.units and not across)):
        return Along(block, -(-k // (MOST_CHUNKS * block)) * block if shared else k)
    if across and shared:
        rows = panels(k, 1, m * n).grain
        return Along(block, -(-rows // block) * block) if block < rows else Along(rows, rows)
    return None


def is_double(dtype: np.dtype[Any]) -> bool:
    """Whether the terms of a product of this dtype have double precision."""
    return dtype.char in "dD"


def matmul(a: Array, b: Array) -> Array:
    """``np.matmul`` of two arrays of one dtype, as the text above says."""
    if a.dtype.char not in "fdFD":
        return _by_another_dtype(a, b)
    if a.ndim > 2 and b.ndim <= 2 and a.flags.c_contiguous:  # the batch: further rows
        rows = matmul(a.reshape(math.prod(a.shape[:-1]), a.shape[-1]), b)
        return rows.reshape(a.shape[:-1] + b.shape[1:])
    if a.flags.forc and b.flags.forc and _is_small(a, b):
        result: Array = np.matmul(a, b)
        return result
    return _general(a, b)


def _is_small(a: Array, b: Array) -> bool:
    """Whether no product of the call has a long inner axis or a second thread of OpenBLAS."""
    k = a.shape[-1]
    m = a.shape[-2] if a.ndim > 1 else 1
    n = b.shape[-1] if b.ndim > 1 else 1
    vector = m == 1 or n == 1
    small = m * n * k <= TINY if vector else m * n * k <= TINY_MATRIX
    short = k <= (4 if vector else 2) * THIN_BLOCK
    few: bool = a.size * n <= MANY and b.size * m <= MANY
    return few and small and short and _is_openblas()


@functools.cache
def _is_openblas() -> bool:
    blas = find_blas()
    return blas is not None and blas.name == "openblas"


def _by_another_dtype(a: Array, b: Array) -> Array:
    """Integers in double where no sum can be rounded; bools in single."""
    wide = b.shape[-1] if b.ndim > 1 else 1
    if a.size * wide > 32 * TINY and b.size:
        if a.dtype == bool:
            return matmul(a.astype(np.float32), b.astype(np.float32)).astype(bool)
        if info(a.dtype).integer and _largest(a) * _largest(b) * a.shape[-1] < EXACT:
            product = matmul(a.astype(np.float64), b.astype(np.float64))
            return product.astype(np.int64).astype(a.dtype)
    result: Array = np.matmul(a, b)
    return result


def _largest(x: Array) -> int:
    return max(int(x.max()), -int(x.min()))


def _general(a: Array, b: Array) -> Array:
    row, column = a.ndim == 1, b.ndim == 1
    left = _readable(a[None] if row else a)
    right = _readable(b[:, None] if column else b)
    if left.ndim == right.ndim == 2:
        out = np.empty((left.shape[0], right.shape[1]), a.dtype)
        if not native.multiply(left, right, out):
            start = time.perf_counter()
            with one_thread():
                _product(left, right, out)
            native.spend(time.perf_counter() - start)
        if row or column:
            return out.reshape(a.shape[:-1] + (b.shape[1:] if row else ()))
        return out
    lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    if right.ndim == 2 and left.flags.c_contiguous and len(lead):
        left = left.reshape(math.prod(left.shape[:-1]), left.shape[-1])
    m, n = left.shape[-2], right.shape[-1]
    batch = max(left.ndim, right.ndim) > 2
    out = np.empty((*(lead if batch else ()), m, n), a.dtype)
    with one_thread():
        if not batch:
            _product(left, right, out)
        else:
            _products(left, right, out)
    shape = (*lead, *(() if row else (a.shape[-2],)), *(() if column else (n,)))
    return out.reshape(shape)


def _readable(x: Array) -> Array:
    """The array, or a copy whose matrices BLAS can read: rows or columns without gaps inside."""
    (rows, columns), (down, right), size = x.shape[-2:], x.strides[-2:], x.itemsize
    if x.flags.c_contiguous and x.flags.aligned:
        return x
    if x.flags.aligned:
        if (columns <= 1 or right == size) and (
            rows <= 1 or (down >= columns * size and not down % size)
        ):
            return x
        if (rows <= 1 or down == size) and (
            columns <= 1 or (right >= rows * size and not right % size)
        ):
            return x
    return np.ascontiguousarray(x)


@functools.cache
def _threads() -> Callable[[Sequence[Task]], None]:
    """What has threads share tasks: imported with the first product that is large enough."""
    with Loading():
        from .sharing import share  # noqa: PLC0415
    return share


pieces.share = lambda tasks: _threads()(tasks)


def _products(a: Array, b: Array, out: Array) -> None:
    """A batch: small products are shared between threads, large ones are cut one by one."""
    a = np.broadcast_to(a, (*out.shape[:-2], *a.shape[-2:]))
    b = np.broadcast_to(b, (*out.shape[:-2], *b.shape[-2:]))
    m, k, n = *a.shape[-2:], b.shape[-1]
    flops, block = 2 * m * k * n, inner_block(m, n, k, is_double(out.dtype))
    if block < k:
        places = list(np.ndindex(*out.shape[:-2]))
        _share([_into(a[p], b[p], out[p], block) for p in places], flops * len(places))
        return
    if flops >= SHARED_FLOPS:
        for place in np.ndindex(*out.shape[:-2]):
            _product(a[place], b[place], out[place])
        return
    axis = int(np.argmax(out.shape[:-2]))
    a, b, c = (np.moveaxis(x, axis, 0) for x in (a, b, out))
    total = flops * math.prod(out.shape[:-2])
    count = len(c) if total >= EAGER_FLOPS else 1
    parts = _cut(len(c), max(-(-len(c) // min(count, MOST_PANELS)), 1))
    _threads()([_into(a[part], b[part], c[part], k) for part in parts])


def _product(a: Array, b: Array, out: Array) -> None:
    """One product of matrices."""
    if not out.size:
        return
    (m, k), n = a.shape, b.shape[1]
    flops = 2 * m * n * k
    block, cut = max(inner_block(m, n, k, is_double(out.dtype)), 1), panels(m, n, k)
    across = (m == 1) != (n == 1) and (_by_rows(b) if m == 1 else not _by_rows(a))
    inner = along(m, n, k, block, cut, across)
    if inner is not None:
        out[...] = _inner(a, b, *inner)
        return
    parts = _cut(cut.units, cut.grain)
    if cut.mode == COLUMNS:
        tasks = [_into(a, b[:, part], out[:, part], block) for part in parts]
    else:
        tasks = [_into(a[part], b, out[part], block) for part in parts]
    _share(tasks, flops)


def _by_rows(x: Array) -> bool:
    """Whether the elements of a row of a matrix lie side by side."""
    return x.strides[1] == x.itemsize


def _share(tasks: Sequence[Task], flops: int) -> None:
    """Run them: on threads, if there is enough to do."""
    if flops >= EAGER_FLOPS:
        _threads()(tasks)
        return
    for task in tasks:
        task()


def _cut(units: int, grain: int) -> list[slice]:
    return [slice(lo, min(lo + grain, units)) for lo in range(0, units, grain)]


def _into(a: Array, b: Array, out: Array, block: int) -> Task:
    """A task that writes a product; its inner products are blocked if they are long."""
    if block >= a.shape[-1]:
        return lambda: np.matmul(a, b, out=out)

    def blocked() -> None:
        out[...] = _part(a, b, block)

    return blocked


def _inner(a: Array, b: Array, block: int, chunk: int) -> Array:
    """A product in double precision of which threads share the terms."""
    (m, k), n = a.shape, b.shape[1]
    parts = _cut(k, chunk)
    sums: list[Any] = [None] * len(parts)

    def task(i: int, part: slice) -> Task:
        def run() -> None:
            sums[i] = _part(a[:, part], b[part], block)

        return run

    _share([task(i, part) for i, part in enumerate(parts)], 2 * m * n * k)
    total: Array = sums[0]
    for further in sums[1:]:
        total += further
    return total


def _part(a: Array, b: Array, block: int) -> Array:
    """A product in double precision, of the products of blocks of the inner axis."""
    (m, k), n = a.shape, b.shape[1]
    total = np.zeros((m, n), np.complex128 if info(a.dtype).complex else np.float64)
    many = max(MOST_PARTIAL // (m * n), 1)
    for lo in range(0, k - k % block, many * block):
        hi = min(lo + many * block, k - k % block)
        left = a[:, lo:hi].reshape(m, -1, block).transpose(1, 0, 2)
        right = b[lo:hi].reshape(-1, block, n)
        parts = np.matmul(left, right).astype(total.dtype, copy=False)
        parts[0] += total
        total = np.add.accumulate(parts, axis=0)[-1]  # in order, as machine code adds them
    if k % block:
        total += np.matmul(a[:, k - k % block :], b[k - k % block :])
    return total
