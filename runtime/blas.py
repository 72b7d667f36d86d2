"""The routines that twofold calls: addresses inside the BLAS and LAPACK that NumPy uses.

NumPy has already loaded a tuned BLAS, so nothing is shipped and no second one is loaded: a symbol
looked up through the handle of NumPy's core extension is found in the libraries that the
extension was linked with, whatever they are called (OpenBLAS of the wheels, Accelerate, MKL,
BLIS or a distribution's BLAS). Builds differ in how they spell symbols and in the width of their
integers; ``_SPELLINGS`` lists the combinations in use.

``TWOFOLD_BLAS=mkl`` takes Intel's MKL from the wheel of that name instead.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["CBLAS_NO_TRANS", "CBLAS_ROW_MAJOR", "CBLAS_TRANS", "Blas", "find_blas"]

CBLAS_ROW_MAJOR: Final = 101
CBLAS_NO_TRANS: Final = 111
CBLAS_TRANS: Final = 112

_LETTERS = {"f": "s", "d": "d", "F": "c", "D": "z"}  # NumPy's type character -> BLAS's
_DOTS = {"s": "sdot", "d": "ddot", "c": "cdotu_sub", "z": "zdotu_sub"}
_ROUTINES = (*[letter + kind for kind in ("gemm", "gemv") for letter in "sdcz"], *_DOTS.values())


class _Spelling(NamedTuple):
    prefix: str
    suffix: str
    int_bits: int

    def symbol(self, name: str) -> str:
        return self.prefix + name + self.suffix


_SPELLINGS = (
    _Spelling("scipy_", "64_", 64),  # wheels of NumPy 2
    _Spelling("", "64_", 64),  # OpenBLAS with INTERFACE64 and symbol suffix, FlexiBLAS
    _Spelling("", "$NEWLAPACK$ILP64", 64),  # Accelerate
    _Spelling("", "_64", 64),  # MKL
    _Spelling("scipy_", "", 32),
    _Spelling("", "$NEWLAPACK", 32),
    _Spelling("", "", 32),  # distributions and conda; 64 if openblas_get_config says so
)

# (getter, setter) of the process-wide number of threads
_THREAD_SYMBOLS = (
    ("openblas_get_num_threads", "openblas_set_num_threads"),
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
    ("bli_thread_get_num_threads", "bli_thread_set_num_threads"),
)


class Blas:
    """A BLAS in this process.

    ``addresses`` maps ``sgemm dgemm cgemm zgemm sgemv dgemv cgemv zgemv sdot ddot cdotu_sub
    zdotu_sub`` to the address of the CBLAS function; enumerations are C ``int``, sizes and leading
    dimensions are integers of ``int_bits``, complex scalars are passed by pointer. Where the BLAS
    has them,
    ``get_num_threads`` is there too (``int (void)``), and ``set_num_threads`` (``void (int)``).

    >>> blas = find_blas()
    >>> blas is None or blas.int_bits in (32, 64)
    True
    """

    def __init__(
        self,
        name: str,
        version: str,
        int_bits: int,
        addresses: Mapping[str, int],
        library: ctypes.CDLL,
        spelling: _Spelling,
    ) -> None:
        self.name, self.version, self.int_bits = name, version, int_bits
        self.addresses = addresses
        self._library, self._spelling = library, spelling  # keeps the addresses valid

    def routines(self, dtype: np.dtype[Any]) -> tuple[int, int, int]:
        """The addresses of ``gemm``, ``gemv`` and ``dot`` for a dtype."""
        letter = _LETTERS[dtype.char]
        names = letter + "gemm", letter + "gemv", _DOTS[letter]
        gemm, gemv, dot = (self.addresses[name] for name in names)
        return gemm, gemv, dot

    def lapack(self, name: str, dtype: np.dtype[Any]) -> int | None:
        """The address of a routine of LAPACK such as ``potrf`` for a dtype, by Fortran's rules;
        ``None`` if the library has none."""
        prefix, suffix, _ = self._spelling
        for end in ("_", ""):
            function = _lookup(self._library, f"{prefix}{_LETTERS[dtype.char]}{name}{end}{suffix}")
            if function is not None:
                return ctypes.cast(function, ctypes.c_void_p).value
        return None

    def get_num_threads(self) -> int | None:
        """Threads one product may use, for the whole process; ``None`` if BLAS does not tell."""
        address = self.addresses.get("get_num_threads")
        return None if address is None else int(ctypes.CFUNCTYPE(ctypes.c_int)(address)())

    def set_num_threads(self, count: int) -> None:
        """Let one product use up to ``count`` threads. Holds for the whole process, NumPy included.

        Does nothing where the BLAS has no such function (Accelerate). Raises ``ValueError``
        when ``count`` is not a positive integer.
        """
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"the number of BLAS threads is an integer >= 1, not {count!r}")
        address = self.addresses.get("set_num_threads")
        if address is not None:
            ctypes.CFUNCTYPE(None, ctypes.c_int)(address)(count)


@functools.cache
def find_blas() -> Blas | None:
    """The BLAS that compiled code should call, or ``None`` when there is none to be found.

    Looks into NumPy's own libraries, or into MKL with ``TWOFOLD_BLAS=mkl``; the answer is kept.
    What is found has multiplied two small matrices correctly. Raises ``ValueError`` when
    ``TWOFOLD_BLAS`` has another value than ``numpy`` or ``mkl``, ``ImportError`` when it asks
    for an MKL that is not installed.
    """
    choice = os.environ.get("TWOFOLD_BLAS", "numpy")
    if choice not in ("numpy", "mkl"):
        raise ValueError(f"TWOFOLD_BLAS is 'numpy' (the default) or 'mkl', not {choice!r}")
    libraries = _numpy_libraries() if choice == "numpy" else [_mkl_library()]
    for library in libraries:
        blas = _inspect(library)
        if blas is not None and _multiplies(blas):
            return blas
    return None


def _product(blas: Blas, left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The product of two row-major matrices of one dtype, by this BLAS."""
    letter = _LETTERS[left.dtype.char]
    (m, k), n = left.shape, right.shape[1]
    out = np.full((m, n), np.nan, left.dtype)
    _bind(blas, letter)(
        CBLAS_ROW_MAJOR, CBLAS_NO_TRANS, CBLAS_NO_TRANS, m, n, k,
        _scalar(letter, 1), left.ctypes.data, k, right.ctypes.data, n,
        _scalar(letter, 0), out.ctypes.data, n,
    )  # fmt: skip
    return out


@functools.cache
def _bind(blas: Blas, letter: str) -> Any:
    size = ctypes.c_int64 if blas.int_bits == 64 else ctypes.c_int32
    enum, pointer = ctypes.c_int, ctypes.c_void_p
    scalar = {"s": ctypes.c_float, "d": ctypes.c_double}.get(letter, pointer)
    prototype = ctypes.CFUNCTYPE(
        None, enum, enum, enum, size, size, size,
        scalar, pointer, size, pointer, size, scalar, pointer, size,
    )  # fmt: skip
    return prototype(blas.addresses[letter + "gemm"])


def _scalar(letter: str, value: float) -> Any:
    if letter in "sd":
        return value
    real = ctypes.c_float if letter == "c" else ctypes.c_double
    return ctypes.byref((real * 2)(value, 0.0))


def _numpy_libraries() -> list[ctypes.CDLL]:
    core = sys.modules["numpy._core._multiarray_umath"].__file__
    if core is None:  # linked into the interpreter
        return [ctypes.CDLL(None)]
    if sys.platform != "win32":  # RTLD_NOLOAD: the handle of what is loaded, never a new library
        return [ctypes.CDLL(core, mode=os.RTLD_NOLOAD | os.RTLD_NOW)]
    package = Path(np.__file__).parent  # Windows looks up symbols in one library at a time
    bundled = sorted(package.parent.glob("numpy.libs/*.dll"))
    return [ctypes.CDLL(str(path)) for path in bundled if "blas" in path.name]


def _mkl_library() -> ctypes.CDLL:
    from importlib import metadata  # noqa: PLC0415  (slow, and only MKL needs it)

    try:
        files = metadata.files("mkl") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name.startswith(("libmkl_rt", "mkl_rt")) and file.suffix != ".lib":
            return ctypes.CDLL(str(Path(str(file.locate())).resolve()))
    raise ImportError("TWOFOLD_BLAS=mkl needs MKL; install it with: pip install mkl")


def _inspect(library: ctypes.CDLL) -> Blas | None:
    for spelling in _SPELLINGS:
        functions = {name: _lookup(library, spelling.symbol("cblas_" + name)) for name in _ROUTINES}
        if None in functions.values():
            continue
        functions |= _thread_functions(library, spelling)
        addresses = {
            name: ctypes.cast(function, ctypes.c_void_p).value or 0
            for name, function in functions.items()
        }
        name, version, wide = _identify(library, spelling)
        return Blas(name, version, 64 if wide else spelling.int_bits, addresses, library, spelling)
    return None


def _thread_functions(library: ctypes.CDLL, spelling: _Spelling) -> dict[str, Any]:
    for names in _THREAD_SYMBOLS:
        getter, setter = (
            _lookup(library, spelling.symbol(name)) or _lookup(library, name) for name in names
        )
        if getter is not None and setter is not None:
            return {"get_num_threads": getter, "set_num_threads": setter}
    return {}


def _identify(library: ctypes.CDLL, spelling: _Spelling) -> tuple[str, str, bool]:
    """Name, version and whether the configuration claims 64-bit integers."""
    for symbol in (spelling.symbol("openblas_get_config"), "openblas_get_config"):
        describe = _lookup(library, symbol)
        if describe is not None:
            describe.restype = ctypes.c_char_p
            text = describe().decode()
            return "openblas", text.removeprefix("OpenBLAS "), "USE64BITINT" in text
    if "$NEWLAPACK" in spelling.suffix:
        return "accelerate", "", False
    if _lookup(library, "MKL_Get_Max_Threads") is not None:
        return "mkl", "", False
    return "blas", "", False


def _lookup(library: ctypes.CDLL, symbol: str) -> Any:
    return getattr(library, symbol, None)


def _multiplies(blas: Blas) -> bool:
    """Whether products come out right: with a wrong integer width they would not."""
    for dtype in _LETTERS:
        left = np.arange(6).reshape(2, 3).astype(dtype)
        right = np.arange(12).reshape(3, 4).astype(dtype)
        if _product(blas, left, right).tolist() != [[20, 23, 26, 29], [56, 68, 80, 92]]:
            return False
    return True
