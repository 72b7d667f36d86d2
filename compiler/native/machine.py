"""Kernels to addresses: what is loaded, else what the cache on disk has, else what is compiled.

Code is known by its content, so equal kernels of different functions are one; it is freed when no
executable holds it any more. Kernels, the driver, the products and the pool of threads all come
this way.

Lock discipline: ``_compiling`` is held while LLVM works, so that eight threads that ask for one
kernel compile it once; ``_lock`` guards the table of what is loaded and is held for moments. Who
holds the first may take the second, not the other way round. A fork waits for a compilation in
another thread: numba and LLVM hold locks meanwhile, which nobody would release in the child.
"""

from __future__ import annotations

import ctypes
import functools
import threading
import weakref
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from twofold.ir.dtypes import RECORDS, info
from twofold.runtime import loader, pool, threads
from twofold.runtime.blas import find_blas
from twofold.runtime.one_thread import one_thread

from .. import background
from ..kernel.loops import Kernel
from . import cache

__all__ = ["MachineKernel", "Source", "blas_state", "compile_kernels", "driver", "driver_source",
           "inspect", "kernel_source", "pool_address", "pool_source", "product_addresses",
           "products_source"]  # fmt: skip

# Both are re-entrant: a collection of garbage may run a user's __del__ under them, which may call.
_lock = threading.RLock()  # guards _loaded
_compiling = threading.RLock()
_loaded: weakref.WeakValueDictionary[str, loader.Code] = weakref.WeakValueDictionary()
background.hold_at_fork(_compiling, _lock)


class Source(NamedTuple):
    """What is compiled into one object: a name for people, the content, and its LLVM.

    Equal contents mean equal code. ``llvm`` writes the module, whose names start with its argument.
    """

    name: str
    content: str
    llvm: Callable[[str], str]

    @property
    def symbol(self) -> str:
        """The start of the names in the object: they depend on nothing but the content."""
        return f"twofold_{cache.digest(self.content)}"


class MachineKernel(NamedTuple):
    """Addresses of a kernel and of its second half (``total`` kernels; else 0), and their code."""

    name: str
    body: int
    combine: int
    code: loader.Code  # holds the memory
    source: Source


def compile_kernels(kernels: list[Kernel], narrow: bool = False) -> list[MachineKernel]:
    """Machine code for kernels, compiling what neither this process nor the cache has; ``narrow``:
    for last loops that are short."""
    sources = [kernel_source(k, narrow) for k in kernels]
    found = []
    for source, code in zip(sources, provide(sources), strict=True):
        body = code.addresses[source.symbol]
        combine = code.addresses.get(source.symbol + "_combine", 0)
        found.append(MachineKernel(source.symbol, body, combine, code, source))
    return found


def kernel_source(kernel: Kernel, narrow: bool = False) -> Source:
    """What a kernel is compiled from."""
    content = kernel.key() + ("\n# for a short last loop\n" if narrow else "")
    return Source(
        kernel.name, content, lambda symbol: _kernel_llvm(kernel.content(), symbol, narrow)
    )


def _kernel_llvm(kernel: Kernel, symbol: str, narrow: bool) -> str:
    from llvmlite import ir  # noqa: PLC0415  (not needed for what the cache has)

    from .code import text_of  # noqa: PLC0415
    from .nest import emit_combine, emit_kernel  # noqa: PLC0415

    module = ir.Module(symbol)
    functions = [emit_kernel(module, kernel, symbol, narrow)]
    if kernel.mode == "total":
        functions.append(emit_combine(module, kernel, symbol + "_combine"))
    for fn in functions:
        fn.linkage = "external"
    return text_of(module)


def provide(sources: Sequence[Source]) -> list[loader.Code]:
    """The code of each source, loaded. Thread-safe."""
    codes = [_known(s) or _from_disk(s) for s in sources]
    if all(codes):
        return [c for c in codes if c is not None]
    with _compiling:
        return [code or _known(s) or _compile(s) for s, code in zip(sources, codes, strict=True)]


def _known(source: Source) -> loader.Code | None:
    with _lock:
        return _loaded.get(source.content)


def _publish(source: Source, code: loader.Code) -> loader.Code:
    """Enter code into the table; another thread's, if that was first."""
    with _lock:
        return _loaded.setdefault(source.content, code)


def _from_disk(source: Source) -> loader.Code | None:
    found = cache.get(source.content)
    if found is None:
        return None
    try:
        return _publish(source, loader.load(found))
    except loader.ObjectError as error:  # a whole entry that this process cannot link
        cache.note(f"{source.name} is compiled again", error)
        return None


def _compile(source: Source) -> loader.Code:
    from .codegen import generator, object_code  # noqa: PLC0415  (numba, on a miss)

    generator()  # imports numba, which is not this kernel's time
    start = perf_counter()
    made = object_code(source.llvm(source.symbol), source.name)
    code = _publish(source, loader.load(made))
    cache.put(source.content, source.name, made, (perf_counter() - start) * 1e3)
    return code


def inspect(source: Source) -> tuple[str, str]:
    """Optimised LLVM and assembly of a source, written anew: the object keeps neither."""
    from .codegen import inspect as generate  # noqa: PLC0415  (numba)

    with _compiling:
        return generate(source.llvm(source.symbol), source.name)


class _Method(ctypes.Structure):
    """``PyMethodDef``"""

    _fields_ = (
        ("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )  # fmt: skip


METH_NOARGS, METH_O = 4, 8
BEGIN, FINISH = "_begin", "_finish"  # ends of the names of the steps around products


def driver_source() -> Source:
    """What the driver is compiled from."""

    def llvm(symbol: str) -> str:
        from .driver import driver_llvm  # noqa: PLC0415  (not needed for what the cache has)

        return driver_llvm(symbol)

    return Source("driver", "the driver", llvm)


@functools.cache
def _c_function(end: str, flags: int) -> Callable[[np.ndarray[Any, Any]], Any]:
    """From an array to the driver's function whose name ends so, with the array as its ``self``."""
    source = driver_source()
    (code,) = provide([source])
    method = _Method(b"run", code.addresses[source.symbol + end], flags, None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.py_object]
    make.restype = ctypes.py_object
    place, keep = ctypes.addressof(method), (code, method)

    def bound(array: np.ndarray[Any, Any]) -> Any:
        return make(place, array, keep)  # which holds its last argument, too

    return bound


@functools.cache
def driver() -> Callable[[np.ndarray[Any, Any]], Callable[[list[Any]], None]]:
    """``driver()(program)`` is a function that runs the program on a list of slots."""
    return _c_function("", METH_O)


@functools.cache
def blas_state() -> int:
    """The address that programs with products have in their header; 0 if BLAS has no setting."""
    guard = one_thread()
    if not guard.find():
        return 0
    enter, leave = (_c_function(end, METH_NOARGS)(guard.state) for end in (BEGIN, FINISH))
    guard.replace(enter, leave)
    return int(guard.state.ctypes.data)


def products_source() -> Source:
    """What the kernel functions of matrix products are compiled from."""
    blas = find_blas()
    bits = 64 if blas is None else blas.int_bits
    return Source("products", f"products with {bits}-bit integers", _products_llvm)


@functools.cache
def _products() -> loader.Code:
    (code,) = provide([products_source()])
    return code


def _products_llvm(symbol: str) -> str:
    from llvmlite import ir  # noqa: PLC0415  (not needed for what the cache has)

    from .gemm import (  # noqa: PLC0415
        emit_gemm,
        emit_inner,
        emit_mirror,
        emit_single,
        emit_total,
        emit_vector,
    )

    module = ir.Module(symbol)
    for own in RECORDS.values():
        if own.blas:
            written = emit_gemm, emit_total, emit_mirror, emit_single, emit_vector, emit_inner
            for name, emit in zip(_PRODUCTS, written, strict=True):
                emit(module, own, f"{symbol}_{own.blas}{name}").linkage = "external"
    return str(module)


class Products(NamedTuple):
    """The functions of matrix products of a dtype: of any, of the sum of their parts, of what
    copies one half of the result to the other, of one call with matrices, with a vector and with
    two; see ``cut.py``."""

    gemm: int
    total: int
    mirror: int
    single: int
    vector: int
    inner: int


_PRODUCTS = Products._fields


def product_addresses(dtype: np.dtype[Any]) -> Products:
    """The functions of matrix products."""
    names = _products().addresses
    letter = info(dtype).blas
    return Products(*[
        next(address for name, address in names.items() if name.endswith(f"_{letter}{end}"))
        for end in _PRODUCTS
    ])  # fmt: skip


def pool_source() -> Source:
    """What the pool of threads is compiled from."""
    text = pool.pool_llvm()
    return Source("threads", text, lambda symbol: text)


def pool_address() -> int:
    """The address of ``parallel_for``; see ``runtime/threads.py``."""
    return threads.parallel_for_address(lambda: provide([pool_source()])[0])
