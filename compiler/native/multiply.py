"""Products of eager matrices by machine code: a program of one launch for each kind of operands.

The launch is that of a compiled product (``cut.py``), so panels, and BLAS's calls, are those of
``runtime/products.py`` too: results do not tell which of the two ran. What it saves are the steps
of NumPy and of Python threads: a product of 8 MFlop is too short to wake a thread that needs the
GIL, and long enough for the pool.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.runtime.blas import find_blas
from twofold.runtime.loader import ObjectError
from twofold.runtime.native import native
from twofold.runtime.products import inner_block, is_double

from .. import background
from .cut import Matrices, cut, words_of
from .instructions import encode
from .launch import LITERAL, SLOT, Launch, as_word
from .machine import blas_state, driver, pool_address, product_addresses

__all__ = ["multiply", "offer"]

MOST_PROGRAMS = 1024

Array = np.ndarray[Any, Any]
Run = Callable[[list[Any]], Any]

_programs: dict[tuple[Any, ...], tuple[Run | None, bool]] = {}


def offer() -> None:
    """Let eager products run here, soon: a thread loads the code, or compiles it."""
    background.submit(_load)


def _load() -> None:
    if os.environ.get("TWOFOLD_BLAS", "numpy") != "numpy" or find_blas() is None:
        return  # NumPy's product would have other last bits
    with contextlib.suppress(OSError, ObjectError):  # no executable memory: NumPy goes on
        product_addresses(np.dtype(np.float32)), blas_state(), driver(), pool_address()
        native.multiply = multiply


def multiply(a: Array, b: Array, out: Array) -> bool:
    """Write the product of two matrices into a row-major one, if it is of a kind that runs here."""
    key = (a.dtype.char, a.shape, a.strides, b.shape, b.strides)
    try:
        run, gram = _programs[key]
    except KeyError:
        if len(_programs) >= MOST_PROGRAMS:
            _programs.clear()
        gram = a.strides == b.strides[::-1]  # NumPy has another routine for a matrix by itself
        run, gram = _programs[key] = _program(a, b), gram
    if run is None or (gram and np.may_share_memory(a, b)):
        return False
    run([None, a, b, out])
    return True


def _program(a: Array, b: Array) -> Run | None:
    (m, k), n = a.shape, b.shape[1]
    blas = find_blas()
    double = is_double(a.dtype)
    if a.dtype.char not in "fdFD" or min(m, n, k) < 2 or blas is None:
        return None
    if inner_block(m, n, k, double) < k:
        return None
    left, right = _leading(a), _leading(b)
    operands = Matrices((m, n, k), (left[0], right[0], n), (left[1], right[1]))
    how = cut(m, n, k, 1, double)
    places = ((SLOT, 1), (SLOT, 2), (SLOT, 3), (LITERAL, 0))
    words = words_of(operands, how, places, blas.routines(a.dtype), a.itemsize)
    launch = Launch(
        product_addresses(a.dtype).gemm, how.units, how.grain, [as_word(w) for w in words]
    )
    return driver()(encode([launch], blas_state()).start)


def _leading(x: Array) -> tuple[int, bool]:
    """Elements from row to row (or column to column) in memory; whether it lies transposed."""
    down, right = (step // x.itemsize for step in x.strides)
    return (down, False) if right == 1 else (right, True)
