"""The BLAS of NumPy, found and called by address."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

from twofold.runtime import blas as blas_module
from twofold.runtime.blas import CBLAS_NO_TRANS, CBLAS_ROW_MAJOR, Blas, find_blas, gemm

DTYPES = ("float32", "float64", "complex64", "complex128")


def _unaligned(matrix: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    raw = np.empty(matrix.nbytes + 1, np.uint8)
    view = np.ndarray(matrix.shape, matrix.dtype, raw, offset=1)
    view[...] = matrix
    return view


LAYOUTS = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "row slice": lambda m: np.concatenate([m, m, m], axis=1)[:, m.shape[1] : 2 * m.shape[1]],
    "reversed": lambda m: m[::-1, ::-1].copy()[::-1, ::-1],
    "strided": lambda m: np.repeat(np.repeat(m, 2, axis=0), 3, axis=1)[::2, ::3],
    "unaligned": _unaligned,
}


@pytest.fixture
def blas() -> Blas:
    found = find_blas()
    if found is None:
        pytest.skip("this NumPy was built without a BLAS")
    return found


@pytest.fixture(params=["blas", "numpy"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Once through BLAS, once as on a NumPy that has none."""
    if request.param == "numpy":
        monkeypatch.setattr(blas_module, "find_blas", lambda: None)
    yield


def matrix(rows: int, columns: int, dtype: str, seed: int) -> np.ndarray[Any, Any]:
    """Small integers: every product and sum below is exact."""
    random = np.random.default_rng(seed)
    values = random.integers(-4, 5, (rows, columns)).astype(dtype)
    if values.dtype.kind == "c":
        values += 1j * random.integers(-4, 5, (rows, columns))
    return values


def test_finds_the_blas_numpy_is_linked_with_and_loads_no_other() -> None:
    code = (
        "import numpy as np\n"
        "maps = lambda: {l.split()[-1] for l in open('/proc/self/maps') if '.so' in l}\n"
        "np.ones((2, 2)) @ np.ones((2, 2))\n"
        "import ctypes, importlib.metadata\n"
        "from twofold.runtime.blas import find_blas\n"
        "before = maps()\n"
        "find_blas()\n"
        "print(sorted(maps() - before))\n"
    )
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    assert _run(code).stdout == "[]\n"


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize(("trans_a", "trans_b"), list(product([False, True], repeat=2)))
@pytest.mark.parametrize("dtype", DTYPES)
def test_product_with_transposes_agrees_with_numpy(
    dtype: str, trans_a: bool, trans_b: bool
) -> None:
    left, right = matrix(5, 7, dtype, 1), matrix(7, 3, dtype, 2)
    out = np.full((5, 3), np.nan, dtype)  # beta=0 must not read it
    a = np.ascontiguousarray(left.T) if trans_a else left
    b = np.ascontiguousarray(right.T) if trans_b else right
    gemm(a, b, out, trans_a=trans_a, trans_b=trans_b)
    np.testing.assert_array_equal(out, left @ right)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("dtype", DTYPES)
def test_alpha_and_beta_scale_product_and_old_contents(dtype: str) -> None:
    left, right, old = matrix(6, 4, dtype, 1), matrix(4, 5, dtype, 2), matrix(6, 5, dtype, 3)
    out = old.copy()
    gemm(left, right, out, beta=1)
    np.testing.assert_array_equal(out, left @ right + old)
    out = old.copy()
    gemm(left, right, out, alpha=-2, beta=0.5)
    np.testing.assert_array_equal(out, -2 * (left @ right) + old / 2)


@pytest.mark.usefixtures("either_way")
def test_complex_scalars() -> None:
    left, right = matrix(3, 4, "complex64", 1), matrix(4, 2, "complex64", 2)
    out = np.ones((3, 2), np.complex64)
    gemm(left, right, out, alpha=2j, beta=1 - 1j)
    np.testing.assert_array_equal(out, 2j * (left @ right) + (1 - 1j))
    real = np.zeros((1, 1), np.float32)
    with pytest.raises(TypeError):
        gemm(real, real, real.copy(), alpha=1j)


@pytest.mark.parametrize("out_layout", LAYOUTS)
@pytest.mark.parametrize(
    ("a_layout", "b_layout"), list(zip(LAYOUTS, reversed(LAYOUTS), strict=True))
)
def test_any_memory_layout(a_layout: str, b_layout: str, out_layout: str) -> None:
    left, right, old = (matrix(*s, "float64", 4) for s in ((5, 6), (6, 8), (5, 8)))
    out = LAYOUTS[out_layout](old.copy())
    gemm(LAYOUTS[a_layout](left), LAYOUTS[b_layout](right), out, beta=1)
    np.testing.assert_array_equal(out, left @ right + old)


@pytest.mark.parametrize(
    ("m", "k", "n"), [(1, 5, 1), (1, 1, 4), (4, 1, 1), (1, 6, 3), (7, 2, 1), (70, 90, 80)]
)
@pytest.mark.parametrize("columns_first", [False, True])
def test_thin_and_larger_shapes(m: int, k: int, n: int, columns_first: bool) -> None:
    left, right = matrix(m, k, "float32", 5), matrix(k, n, "float32", 6)
    out = np.empty((m, n), np.float32, order="F" if columns_first else "C")
    gemm(left[:, :], np.asfortranarray(right), out)
    np.testing.assert_array_equal(out, left @ right)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize(("m", "k", "n"), list(product([0, 3], repeat=3)))
def test_zero_sizes(m: int, k: int, n: int) -> None:
    left, right = np.ones((m, k)), np.ones((k, n))
    out = np.full((m, n), 8.0)
    gemm(left, right, out, beta=0.5)
    np.testing.assert_array_equal(out, np.full((m, n), 4.0 + k))
    gemm(left, right, out)
    np.testing.assert_array_equal(out, np.full((m, n), float(k)))


@pytest.mark.usefixtures("either_way")
def test_bad_operands_are_refused_before_anything_is_written() -> None:
    f32 = np.zeros((2, 2), np.float32)
    refusals: list[tuple[Any, type[Exception], str]] = [
        ((f32, f32, np.zeros((2, 2))), TypeError, "one native dtype"),
        ((f32.astype(">f4"), f32.astype(">f4"), f32.astype(">f4")), TypeError, ">f4"),
        ((f32.astype(int), f32.astype(int), f32.astype(int)), TypeError, "int64"),
        ((f32, np.zeros((3, 2), np.float32), f32.copy()), ValueError, r"\(2, 2\) @ \(3, 2\)"),
        ((f32, f32, np.zeros((2, 3), np.float32)), ValueError, r"into \(2, 3\)"),
        ((f32, f32[0], f32.copy()), ValueError, "ranks 2, 1, 2"),
        ((f32, f32, np.broadcast_to(f32, (2, 2))), ValueError, "read-only"),
    ]
    for operands, error, message in refusals:
        with pytest.raises(error, match=message):
            gemm(*operands)


def test_gemv_address_takes_the_stated_integers(blas: Blas) -> None:
    size = ctypes.c_int64 if blas.int_bits == 64 else ctypes.c_int32
    pointer, enum, real = ctypes.c_void_p, ctypes.c_int, ctypes.c_double
    dgemv = ctypes.CFUNCTYPE(
        None, enum, enum, size, size, real, pointer, size, pointer, size, real, pointer, size
    )(blas.addresses["dgemv"])
    m, x, y = np.arange(6.0).reshape(2, 3), np.arange(3.0), np.ones(2)
    dgemv(
        CBLAS_ROW_MAJOR, CBLAS_NO_TRANS, 2, 3, 1.0, m.ctypes.data, 3,
        x.ctypes.data, 1, 1.0, y.ctypes.data, 1,
    )  # fmt: skip
    assert y.tolist() == [6.0, 15.0]


def test_number_of_threads_is_read_and_set(blas: Blas) -> None:
    before = blas.get_num_threads()
    if before is None:
        pytest.skip(f"{blas.name} has no thread setting")
    try:
        blas.set_num_threads(1)
        assert blas.get_num_threads() == 1
    finally:
        blas.set_num_threads(before)
    assert blas.get_num_threads() == before
    wrong: Any
    for wrong in (0, -1, 1.0, True):
        with pytest.raises(ValueError, match=f"integer >= 1, not {wrong}"):
            blas.set_num_threads(wrong)


def test_choice_by_environment_is_checked() -> None:
    code = "from twofold.runtime.blas import find_blas; find_blas()"
    assert "TWOFOLD_BLAS is 'numpy' (the default) or 'mkl', not 'x'" in _run(code, "x").stderr


def test_missing_mkl_names_the_wheel_to_install() -> None:
    code = (
        "import importlib.metadata as metadata\n"
        "def files(name): raise metadata.PackageNotFoundError(name)\n"
        "metadata.files = files\n"
        "from twofold.runtime.blas import find_blas; find_blas()"
    )
    assert "pip install mkl" in _run(code, "mkl").stderr


def _run(code: str, choice: str = "numpy") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path), "TWOFOLD_BLAS": choice},
        timeout=60,
        check=False,
    )
