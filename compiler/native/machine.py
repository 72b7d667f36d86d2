"""Machine code: kernels written through llvmlite inside of numba intrinsics, and the driver.

One numba function is compiled for each batch of new kernels; it stores their addresses in a
table. Kernels are kept by content, so equal kernels of different functions are compiled once.
The driver runs a *program*, an int64 array made for exact sizes: a header, then steps.

    header: number of steps, words of the largest context, parallel_for,
            set_num_threads of the BLAS (0: no products), the number to restore
    step:   length, function, units, grain, n words, then (tag, value) for each context word

A matrix product is a step like any other: its function cuts the product into panels of columns or
rows, or runs the products of a batch, one BLAS call each. BLAS itself is set to one thread
meanwhile: the pool shares panels faster than BLAS's own threads, which spin long after a product.

A word's tag says what its value is: 0 a number, 1 a slot (the data of the array at that position
of the slot list), 2 an offset into the arena, which is the array in slot 0.

The driver reads the list and the arrays through their addresses: ``PyListObject.ob_item`` lies
behind the variable-size object head, and the first field of ``PyArrayObject`` after its head is
the data pointer (NumPy C API, stable). ``tests/compiler/lower/test_machine.py`` checks both.
"""

from __future__ import annotations

import os
import threading
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from ..kernel.loops import Kernel
from .code import BODY, I32, I64, POINTER, Code
from .gemm import emit_gemm, emit_total
from .nest import emit_combine, emit_kernel

__all__ = ["DATA_OFFSET", "ITEMS_OFFSET", "MachineKernel", "compile_kernels", "driver",
           "product_addresses"]  # fmt: skip

ITEMS_OFFSET = object.__basicsize__ + 8  # list: head, ob_size, then the pointer to the items
DATA_OFFSET = object.__basicsize__  # ndarray: head, then the pointer to the data
HEADER = 5

_lock = threading.RLock()  # guards _compiled and _driver; held while compiling
_compiled: dict[str, MachineKernel] = {}
_driver: list[Any] = []
_keep: list[Any] = []


# A fork waits for a compilation in another thread: numba and LLVM hold locks meanwhile, which
# nobody would release in the child.
os.register_at_fork(
    before=lambda: _lock.acquire(),
    after_in_parent=lambda: _lock.release(),
    after_in_child=lambda: _lock.release(),
)


class MachineKernel(NamedTuple):
    """Addresses of a kernel and of its second half (``total`` kernels; else 0)."""

    name: str
    body: int
    combine: int
    unit: Any  # the numba function of the batch, for inspection


def compile_kernels(kernels: list[Kernel]) -> list[MachineKernel]:
    """Machine code for kernels, compiling those whose content is new. Thread-safe."""
    keys = [k.key() for k in kernels]
    with _lock:
        new = {key: k for key, k in zip(keys, kernels, strict=True) if key not in _compiled}
        if new:
            _compile(new)
        return [_compiled[key] for key in keys]


def _compile(new: dict[str, Kernel]) -> None:
    names = {key: f"{k.name}_{len(_compiled) + i}" for i, (key, k) in enumerate(new.items())}
    table = np.zeros(2 * len(new), np.int64)

    def emit(builder: ir.IRBuilder, address: ir.Value) -> None:
        place = builder.inttoptr(address, POINTER)
        for i, (key, kernel) in enumerate(new.items()):
            functions = [emit_kernel(builder.module, kernel, names[key])]
            if kernel.mode == "total":
                functions.append(emit_combine(builder.module, kernel, names[key] + "_combine"))
            for j, fn in enumerate(functions):
                at = builder.gep(place, [I64(2 * i + j)], source_etype=I64)
                builder.store(builder.ptrtoint(fn, I64), at)

    unit = _numba_function(emit, 1)
    unit(table.ctypes.data)
    _keep.append(unit)
    for i, key in enumerate(new):
        _compiled[key] = MachineKernel(names[key], int(table[2 * i]), int(table[2 * i + 1]), unit)


def _numba_function(emit: Any, arity: int) -> Any:
    """An njit function of int64 arguments whose body is written by ``emit(builder, *args)``."""
    from numba import njit, types
    from numba.extending import intrinsic

    signature = types.void(*([types.int64] * arity))

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        emit(builder, *args)
        return context.get_dummy_value()

    def one(typing_context: Any, a: Any) -> Any:
        return signature, generate

    def two(typing_context: Any, a: Any, b: Any) -> Any:
        return signature, generate

    body: Any = intrinsic(one if arity == 1 else two)

    def entry_of_one(a: int) -> None:
        body(a)

    def entry_of_two(a: int, b: int) -> None:
        body(a, b)

    return njit(signature, nogil=True)(entry_of_one if arity == 1 else entry_of_two)


def driver() -> Any:
    """The compiled driver: ``drive(id(slots), address of the program)``."""
    return _runtime()[0]


def product_addresses(dtype: np.dtype[Any]) -> tuple[int, int]:
    """The functions of matrix products and of the sum of their parts; see ``gemm.py``."""
    first = 0 if dtype.itemsize == 4 else 2
    table = _runtime()[1]
    return int(table[first]), int(table[first + 1])


def _runtime() -> tuple[Any, np.ndarray[Any, Any]]:
    """The driver and the addresses of the product functions, compiled once."""
    with _lock:
        if not _driver:
            table = np.zeros(4, np.int64)
            drive = _numba_function(_emit_runtime, 2)
            drive(0, table.ctypes.data)
            _driver.append((drive, table))
        found: tuple[Any, np.ndarray[Any, Any]] = _driver[0]
        return found


def _emit_runtime(builder: ir.IRBuilder, slots: ir.Value, program: ir.Value) -> None:
    """``slots`` 0: store the addresses of the product functions; else run the program."""
    kind = ir.FunctionType(ir.VoidType(), [I64, I64])
    drive = ir.Function(builder.module, kind, "twofold_drive")
    drive.linkage = "internal"
    _Driver(drive).write()
    products = [emit(builder.module, real, f"twofold_{letter}{name}")
                for letter, real in (("s", ir.FloatType()), ("d", ir.DoubleType()))
                for name, emit in (("gemm", emit_gemm), ("total", emit_total))]  # fmt: skip
    with builder.if_else(builder.icmp_signed("==", slots, I64(0))) as (setup, run):
        with setup:
            for i, fn in enumerate(products):
                at = builder.gep(builder.inttoptr(program, POINTER), [I64(i)], source_etype=I64)
                builder.store(builder.ptrtoint(fn, I64), at)
        with run:
            builder.call(drive, [slots, program])


class _Driver:
    """Writes the loop over the steps of a program."""

    def __init__(self, fn: ir.Function) -> None:
        self.fn = fn
        self.code = Code(fn)
        self.b = self.code.b
        self.slots, self.program = fn.args

    def at(self, base: ir.Value, index: ir.Value | int) -> ir.Value:
        """The int64 at ``base[index]``; base is an address."""
        i = I64(index) if isinstance(index, int) else index
        place = self.b.gep(self.b.inttoptr(base, POINTER), [i], source_etype=I64)
        return self.b.load(place, typ=I64)

    def byte(self, base: ir.Value, offset: int) -> ir.Value:
        """The int64 at an address plus a number of bytes."""
        return self.at(self.b.add(base, I64(offset)), 0)

    def data(self, slot: ir.Value) -> ir.Value:
        """The data address of the array in a slot."""
        items = self.byte(self.slots, ITEMS_OFFSET)
        return self.byte(self.at(items, slot), DATA_OFFSET)

    def word(self, base: ir.Value, index: ir.Value) -> ir.Value:
        """A (tag, value) pair as a number or an address."""
        tag, value = self.at(base, index), self.at(base, self.b.add(index, I64(1)))
        result = self.code.slot(I64)
        self.b.store(value, result)
        with self.b.if_then(self.b.icmp_signed("==", tag, I64(1))):
            self.b.store(self.data(value), result)
        with self.b.if_then(self.b.icmp_signed("==", tag, I64(2))):
            self.b.store(self.b.add(self.data(I64(0)), value), result)
        return self.b.load(result, typ=I64)

    def write(self) -> None:
        """The whole function."""
        steps, words = self.at(self.program, 0), self.at(self.program, 1)
        context = self.b.alloca(I64, size=words)
        cursor = self.code.slot(I64)
        self.b.store(self.b.add(self.program, I64(8 * HEADER)), cursor)
        self.blas_threads(I32(1))
        with self.code.loop(I64(0), steps):
            step = self.b.load(cursor, typ=I64)
            self.step(step, context)
            length = self.at(step, 0)
            self.b.store(self.b.add(step, self.b.mul(length, I64(8))), cursor)
        self.blas_threads(self.b.trunc(self.at(self.program, 4), I32))
        self.code.finish()

    def blas_threads(self, count: ir.Value) -> None:
        """Set the number of threads of the BLAS, if the program has products."""
        setter = self.at(self.program, 3)
        with self.b.if_then(self.b.icmp_signed("!=", setter, I64(0))):
            kind = ir.FunctionType(ir.VoidType(), [I32])
            self.b.call(self.b.inttoptr(setter, ir.PointerType(kind)), [count])

    def step(self, step: ir.Value, context: ir.Value) -> None:
        """Fill the context and call the function, alone or through the pool."""
        body, units, grain = (self.at(step, i) for i in (1, 2, 3))
        with self.code.loop(I64(0), self.at(step, 4)) as i:
            value = self.word(step, self.b.add(I64(5), self.b.mul(i, I64(2))))
            self.b.store(value, self.b.gep(context, [i], source_etype=I64))
        serial = self.b.icmp_signed(">=", grain, units)
        with self.b.if_else(serial) as (alone, together):
            with alone:
                function = self.b.inttoptr(body, ir.PointerType(BODY))
                self.b.call(function, [context, I64(0), units])
            with together:
                kind = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, I64, I64])
                pool = self.b.inttoptr(self.at(self.program, 2), ir.PointerType(kind))
                self.b.call(pool, [self.b.inttoptr(body, POINTER), context, units, grain])
