"""Cholesky factors by LAPACK directly: what ``numpy.linalg`` gives, for every layout and batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.errors import MatrixError
from twofold.runtime import lapack
from twofold.runtime.blas import find_blas
from twofold.runtime.lapack import LEAST, cholesky
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


def hermitian(shape: tuple[int, ...], dtype: str) -> Array:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    x = (x + 1j * rng.standard_normal(shape) if dtype in "FD" else x).astype(dtype)
    made: Array = x @ np.conj(x.swapaxes(-1, -2)) + shape[-1] * np.eye(shape[-1], dtype=dtype)
    return made


def check(found: Array, want: Array) -> None:
    assert (found.shape, found.dtype) == (want.shape, want.dtype.newbyteorder("="))
    scale = np.abs(want).max(initial=0.0)
    bound = 1e-6 if want.dtype.char in "fF" else 1e-13
    np.testing.assert_allclose(found, want, rtol=0, atol=bound * scale)


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """BLAS on one thread: its threads wait for each other while the cores are busy."""
    with one_thread():
        yield


@pytest.mark.parametrize("dtype", "fdFD")
@pytest.mark.parametrize(("shape", "layout"), CASES)
def test_factors_are_those_of_numpy(shape: tuple[int, ...], dtype: str, layout: str) -> None:
    x = LAYOUTS[layout](hermitian(shape, dtype))
    kept = x.copy()
    check(cholesky(x), np.linalg.cholesky(x))
    check(cholesky(x, upper=True), np.linalg.cholesky(x, upper=True))
    np.testing.assert_array_equal(x, kept)


def test_single_precision_is_computed_in_double() -> None:
    x = np.vander(np.linspace(0, 1, LEAST), 6)
    near = (1e-3 * np.eye(LEAST) + x @ x.T).astype("f")
    want = np.linalg.cholesky(near.astype("d"))
    np.testing.assert_allclose(cholesky(near), want, rtol=2e-7, atol=1e-12)


def test_plain_numpy_programs_use_it_in_compiled_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    def program(a: Array) -> tuple[Array, ...]:
        return np.linalg.cholesky(a), np.linalg.cholesky(a, upper=True)

    called: list[Any] = []
    factor = lapack._factor
    monkeypatch.setattr(lapack, "_factor", lambda dtype: called.append(dtype) or factor(dtype))
    compiled = tf.function(program, strict=True)
    for dtype in ("d", "f", "q"):
        a = (hermitian((LEAST, LEAST), "d") * 8).astype(dtype)
        for found, want in zip(compiled(a), program(a), strict=True):
            check(found, want)
    assert called


def test_only_the_lower_triangle_is_read() -> None:
    x = hermitian((LEAST, LEAST), "d")
    spoilt = x + np.triu(np.full_like(x, np.nan), 1)
    np.testing.assert_array_equal(cholesky(spoilt), cholesky(x))
    assert not np.triu(cholesky(x), 1).any()


@pytest.mark.parametrize("rows", [3, LEAST])
def test_a_matrix_that_is_not_positive_definite_is_refused(rows: int) -> None:
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        cholesky(-np.eye(rows))
    for f in (tf.linalg.cholesky, tf.function(tf.linalg.cholesky)):
        with pytest.raises(MatrixError, match="cholesky: matrix is not positive definite"):
            f(-tf.eye(rows))


def test_numpys_lapack_is_found_where_its_blas_is_openblas() -> None:
    blas = find_blas()
    if blas is not None and blas.name == "openblas":
        assert all(lapack._factor(np.dtype(dtype)) is not None for dtype in "dD")
        assert blas.lapack("no_such_routine", np.dtype("d")) is None
