"""The one loader of native code: object code in, addresses out, memory back when nobody needs it.

>>> from twofold.compiler.native.codegen import object_code
>>> code = load(object_code("define i32 @three() { ret i32 3 }", "example"))
>>> ctypes.CFUNCTYPE(ctypes.c_int)(code.addresses["three"])()
3

Kernels, the driver and the pool of threads are loaded here, whether they were just compiled or come
from the cache on disk. LLVM is not needed for it: an object is laid out and linked by ``elf.py`` in
private memory, which is writable first and executable afterwards, never both. A kernel takes one or
two pages, and they are unmapped when the last reference to its ``Code`` goes.

LLVM's own loaders were measured: importing them takes 26 ms and 50 MB before the first kernel, and
ORC keeps some 40 kB of each library that it has unloaded.

Lock discipline: none. A ``Code`` is made by one thread and never changes.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import platform
import sys
import weakref
from collections.abc import Mapping
from typing import Any

from .elf import Layout, ObjectError

__all__ = ["Code", "ObjectError", "load"]

PAGE = mmap.PAGESIZE


class Code:
    """Machine code in this process. ``addresses``: its names; ``size``: bytes of memory.

    The code stays while this object does: who runs it holds it. A child process after a fork has
    it too.
    """

    __slots__ = ("__weakref__", "addresses", "size")

    def __init__(self, addresses: Mapping[str, int], size: int) -> None:
        self.addresses, self.size = addresses, size


def load(code: bytes) -> Code:
    """Link object code into memory of its own.

    Raises ``ObjectError`` if it is damaged, made for another machine or asks for a function that
    this process does not have; ``OSError`` if the system gives no executable memory.
    """
    layout = Layout(code)
    if layout.machine != _machine():
        raise ObjectError(f"object code for {layout.machine}; this is {_machine()}")
    size = -(-layout.size // PAGE) * PAGE
    executable = layout.writable or size
    memory = _windows if sys.platform == "win32" else _posix
    base = memory().reserve(size)
    try:
        image = (ctypes.c_char * size).from_address(base)
        addresses = layout.write(memoryview(image).cast("B"), base, outside)
        memory().protect(base, executable)
        _synchronize(base, executable)
    except BaseException:
        memory().free(base, size)
        raise
    made = Code(addresses, size)
    # At exit the memory stays: threads that the interpreter no longer waits for may run in it.
    weakref.finalize(made, memory().free, base, size).atexit = False
    return made


@functools.cache
def outside(name: str) -> int:
    """The address of a function of this process: of Python, the C library or its mathematics."""
    for library in _libraries():
        found = getattr(library, name, None)
        if found is not None:
            return ctypes.cast(found, ctypes.c_void_p).value or 0
    raise ObjectError(f"the object code calls {name}, which this process does not have")


@functools.cache
def _libraries() -> list[Any]:
    if sys.platform == "win32":
        return [ctypes.pythonapi, ctypes.CDLL("msvcrt"), ctypes.CDLL("ucrtbase")]
    return [ctypes.pythonapi, ctypes.CDLL(None)]


@functools.cache
def _machine() -> str:
    name = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)


def _synchronize(base: int, size: int) -> None:
    """Make instructions that were written as data visible as instructions."""
    if _machine() == "x86_64":
        return  # which sees them by itself
    if sys.platform == "darwin":
        flush = ctypes.CDLL(None).sys_icache_invalidate
        flush(ctypes.c_void_p(base), ctypes.c_size_t(size))
    else:
        flush = ctypes.CDLL("libgcc_s.so.1")["__clear_cache"]
        flush(ctypes.c_void_p(base), ctypes.c_void_p(base + size))


class _Posix:
    """Memory by mmap and mprotect."""

    def __init__(self) -> None:
        process = ctypes.CDLL(None, use_errno=True)
        word, number = ctypes.c_size_t, ctypes.c_int
        self._map, self._unmap, self._protect = process.mmap, process.munmap, process.mprotect
        self._map.argtypes = [word, word, number, number, number, ctypes.c_int64]
        self._map.restype = ctypes.c_ssize_t
        self._unmap.argtypes = [word, word]
        self._protect.argtypes = [word, word, number]

    def reserve(self, size: int) -> int:
        kind = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        base = self._map(0, size, mmap.PROT_READ | mmap.PROT_WRITE, kind, -1, 0)
        if base == -1:
            raise OSError(ctypes.get_errno(), "no memory for machine code")
        return int(base)

    def protect(self, base: int, size: int) -> None:
        if self._protect(base, size, mmap.PROT_READ | mmap.PROT_EXEC):
            raise OSError(ctypes.get_errno(), "the system does not let memory become executable")

    def free(self, base: int, size: int) -> None:
        self._unmap(base, size)


class _Windows:
    """Memory by VirtualAlloc and VirtualProtect."""

    def __init__(self) -> None:
        kernel: Any = ctypes.CDLL("kernel32", use_last_error=True)
        self._kernel = kernel
        kernel.VirtualAlloc.restype = ctypes.c_size_t

    def reserve(self, size: int) -> int:
        reserved_and_committed, readable_and_writable = 0x3000, 0x04
        base = self._kernel.VirtualAlloc(
            None, ctypes.c_size_t(size), reserved_and_committed, readable_and_writable
        )
        if not base:
            raise OSError("no memory for machine code")
        return int(base)

    def protect(self, base: int, size: int) -> None:
        before, readable_and_executable = ctypes.c_uint32(), 0x20
        if not self._kernel.VirtualProtect(
            ctypes.c_size_t(base), ctypes.c_size_t(size), readable_and_executable,
            ctypes.byref(before),
        ):  # fmt: skip
            raise OSError("the system does not let memory become executable")

    def free(self, base: int, size: int) -> None:
        self._kernel.VirtualFree(ctypes.c_size_t(base), ctypes.c_size_t(0), 0x8000)


_posix = functools.cache(_Posix)
_windows = functools.cache(_Windows)
