"""The BLAS of NumPy, found and called by address."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from twofold.runtime import blas as blas_module
from twofold.runtime.blas import CBLAS_NO_TRANS, CBLAS_ROW_MAJOR, Blas, find_blas


@pytest.fixture
def blas() -> Blas:
    found = find_blas()
    if found is None:
        pytest.skip("this NumPy was built without a BLAS")
    return found


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


@pytest.mark.parametrize("kind", "fdFD")
def test_a_blas_that_multiplies_wrongly_is_not_taken(
    blas: Blas, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = blas_module._product

    def wrong(of: Blas, left: Any, right: Any) -> Any:
        return product(of, left, right) + (left.dtype.char == kind)

    assert blas_module._multiplies(blas)
    monkeypatch.setattr(blas_module, "_product", wrong)
    assert not blas_module._multiplies(blas)


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
