"""LAPACK's routines called directly: what ``numpy.linalg`` gives, for every layout and batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.errors import MatrixError
from twofold.runtime import lapack
from twofold.runtime.lapack import ALONE, LEAST, cholesky, inv, solve
from twofold.runtime.one_thread import one_thread

Array = np.ndarray[Any, Any]

LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "row by row": lambda x: x,
    "column by column": lambda x: np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2),
    "every other": lambda x: np.repeat(np.repeat(x, 2, -1), 2, -2)[..., ::2, ::2],
    "swapped bytes": lambda x: x.astype(x.dtype.newbyteorder()),
    "backwards": lambda x: np.ascontiguousarray(x[..., ::-1, ::-1])[..., ::-1, ::-1],
}
SHAPES = [(LEAST, LEAST), (2, 1, LEAST + 1, LEAST + 1), (0, LEAST, LEAST), (3, 3), (0, 0)]
CASES = [*[(shape, "row by row") for shape in SHAPES], *[(SHAPES[0], layout) for layout in LAYOUTS]]


def normal(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if dtype in "FD" else x).astype(dtype)


def hermitian(shape: tuple[int, ...], dtype: str) -> Array:
    x = normal(shape, dtype)
    made: Array = x @ np.conj(x.swapaxes(-1, -2)) + shape[-1] * np.eye(shape[-1], dtype=dtype)
    return made


def check(found: Array, want: Array) -> None:
    assert (found.shape, found.dtype) == (want.shape, want.dtype.newbyteorder("="))
    scale = np.abs(want).max(initial=0.0)
    bound = 1e-3 if want.dtype.char in "fF" else 1e-10
    np.testing.assert_allclose(found, want, rtol=0, atol=bound * scale)


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """BLAS on one thread: its threads wait for each other while the cores are busy."""
    with one_thread():
        yield


@pytest.mark.parametrize("dtype", "fdFD")
@pytest.mark.parametrize(("shape", "layout"), CASES)
def test_routines_give_what_numpy_gives(shape: tuple[int, ...], dtype: str, layout: str) -> None:
    x = LAYOUTS[layout](hermitian(shape, dtype))
    kept = x.copy()
    check(cholesky(x), np.linalg.cholesky(x))
    check(inv(x), np.linalg.inv(x))
    for lead in ((), shape[:-2], (2, *[1] * len(shape[:-2]))):
        b = LAYOUTS[layout](normal((*lead, shape[-1], 5), dtype, seed=1))
        before = b.copy()
        check(solve(x, b), np.linalg.solve(x, b))
        np.testing.assert_array_equal(b, before)
    np.testing.assert_array_equal(x, kept)


def test_plain_numpy_programs_use_them_in_compiled_functions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def program(a: Array, b: Array) -> tuple[Array, ...]:
        solved = np.linalg.solve(a, b), np.linalg.solve(a, b[:, 0]), np.linalg.inv(a)
        return (*solved, np.linalg.cholesky(a), np.linalg.cholesky(a, upper=True))

    called: list[str] = []
    routine = lapack._routine
    monkeypatch.setattr(lapack, "_routine", lambda n, d: called.append(n) or routine(n, d))
    compiled = tf.function(program, strict=True)
    a, b = hermitian((LEAST, LEAST), "d"), normal((LEAST, 2), "d")
    for dtype in ("d", "f", "q"):
        args = (a * 8).astype(dtype), b.astype(dtype)
        for found, want in zip(compiled(*args), program(*args), strict=True):
            check(found, want)
    assert {"gesv", "potrf"} <= set(called)


def test_only_the_lower_triangle_is_read() -> None:
    x = hermitian((LEAST, LEAST), "d")
    spoilt = x + np.triu(np.full_like(x, np.nan), 1)
    np.testing.assert_array_equal(cholesky(spoilt), cholesky(x))
    assert not np.triu(cholesky(x), 1).any()


@pytest.mark.parametrize("rows", [3, LEAST, ALONE + 1])
def test_a_matrix_that_cannot_be_factored_is_refused(rows: int) -> None:
    double = np.ones((rows, rows))
    for routine in (inv, lambda x: solve(x, np.ones((rows, 1)))):
        with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
            routine(double)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        cholesky(-np.eye(rows))
    for f in (tf.linalg.solve, tf.function(tf.linalg.solve)):
        with pytest.raises(MatrixError, match="solve: singular matrix"):
            f(tf.constant(double), tf.ones((rows, 2), tf.float64))


@pytest.mark.parametrize("dtype", "fdFD")
def test_the_routines_of_numpys_lapack_are_found_or_none_are(dtype: str) -> None:
    found = {lapack._routine(name, np.dtype(dtype)) is None for name in ("gesv", "potrf")}
    assert len(found) == 1
    assert lapack._routine("gesv", np.dtype(np.int64)) is None
    assert lapack._bind("no_such_routine", np.dtype(dtype)) is None
