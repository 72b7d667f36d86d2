"""Machine code: kernels written through llvmlite inside of numba intrinsics, and the driver.

One numba function is compiled for each batch of new kernels; it stores their addresses in a
table. Kernels are kept by content, so equal kernels of different functions are compiled once.
The driver runs a *program*, an int64 array made for exact sizes: a header, then steps.

    header: number of steps, words of the largest context, parallel_for, sgemm, dgemm
    kernel: 0, length, function, units, grain, n words, then (tag, value) for each context word
    gemm:   1, length, is_double, trans_a, trans_b, m, n, k, lda, ldb, ldc, batch,
            (tag, value) of a, b, c, then their strides in bytes from batch to batch

A word's tag says what its value is: 0 a number, 1 a slot (the data of the array at that position
of the slot list), 2 an offset into the arena, which is the array in slot 0.

The driver reads the list and the arrays through their addresses: ``PyListObject.ob_item`` lies
behind the variable-size object head, and the first field of ``PyArrayObject`` after its head is
the data pointer (NumPy C API, stable). ``tests/compiler/lower/test_machine.py`` checks both.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from twofold.runtime.blas import find_blas

from .emit import BODY, I32, I64, POINTER, Code, emit_combine, emit_kernel
from .loops import Kernel

__all__ = ["DATA_OFFSET", "ITEMS_OFFSET", "MachineKernel", "compile_kernels", "driver"]

ITEMS_OFFSET = object.__basicsize__ + 8  # list: head, ob_size, then the pointer to the items
DATA_OFFSET = object.__basicsize__  # ndarray: head, then the pointer to the data
HEADER = 5

_lock = threading.RLock()
_compiled: dict[str, MachineKernel] = {}
_driver: list[Any] = []
_keep: list[Any] = []


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
        _compiled[key] = MachineKernel(
            names[key], int(table[2 * i]), int(table[2 * i + 1]), unit
        )


def _numba_function(emit: Any, arity: int) -> Any:
    """An njit function of int64 arguments whose body is written by ``emit(builder, *args)``."""
    from numba import njit, types
    from numba.extending import intrinsic

    signature = types.void(*([types.int64] * arity))

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        emit(builder, *args)
        return context.get_dummy_value()

    if arity == 1:

        @intrinsic
        def body(typing_context: Any, a: Any) -> Any:
            return signature, generate

        def entry(a: int) -> None:
            body(a)

    else:

        @intrinsic
        def body(typing_context: Any, a: Any, b: Any) -> Any:
            return signature, generate

        def entry(a: int, b: int) -> None:
            body(a, b)

    return njit(signature, nogil=True)(entry)


def driver() -> Any:
    """The compiled driver: ``drive(id(slots), address of the program)``."""
    with _lock:
        if not _driver:
            _driver.append(_numba_function(_emit_driver, 2))
        return _driver[0]


def _emit_driver(builder: ir.IRBuilder, slots: ir.Value, program: ir.Value) -> None:
    kind = ir.FunctionType(ir.VoidType(), [I64, I64])
    fn = ir.Function(builder.module, kind, "twofold_drive")
    fn.linkage = "internal"
    _Driver(fn).write()
    builder.call(fn, [slots, program])


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
        with self.code.loop(I64(0), steps):
            step = self.b.load(cursor, typ=I64)
            is_kernel = self.b.icmp_signed("==", self.at(step, 0), I64(0))
            with self.b.if_else(is_kernel) as (kernel, gemm):
                with kernel:
                    self.kernel(step, context)
                with gemm:
                    self.gemm(step)
            length = self.at(step, 1)
            self.b.store(self.b.add(step, self.b.mul(length, I64(8))), cursor)
        self.code.finish()

    def kernel(self, step: ir.Value, context: ir.Value) -> None:
        body, units, grain = (self.at(step, i) for i in (2, 3, 4))
        with self.code.loop(I64(0), self.at(step, 5)) as i:
            value = self.word(step, self.b.add(I64(6), self.b.mul(i, I64(2))))
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

    def gemm(self, step: ir.Value) -> None:
        double = self.b.icmp_signed("!=", self.at(step, 2), I64(0))
        batch = self.at(step, 11)
        a, b, c = (self.word(step, I64(i)) for i in (12, 14, 16))
        strides = [self.at(step, i) for i in (18, 19, 20)]
        with self.code.loop(I64(0), batch) as i:
            moved = [
                self.b.add(base, self.b.mul(i, stride))
                for base, stride in zip((a, b, c), strides, strict=True)
            ]
            with self.b.if_else(double) as (f64, f32):
                with f64:
                    self.cblas(step, moved, ir.DoubleType(), 4)
                with f32:
                    self.cblas(step, moved, ir.FloatType(), 3)

    def cblas(self, step: ir.Value, data: list[ir.Value], real: ir.Type, entry: int) -> None:
        blas = find_blas()
        width = I64 if blas is None or blas.int_bits == 64 else I32
        sizes = [self.at(step, i) for i in (5, 6, 7, 8, 9, 10)]
        if width is I32:
            sizes = [self.b.trunc(s, I32) for s in sizes]
        m, n, k, lda, ldb, ldc = sizes
        flags = [self.b.trunc(self.at(step, i), I32) for i in (3, 4)]
        a, b, c = (self.b.inttoptr(d, POINTER) for d in data)
        kind = ir.FunctionType(
            ir.VoidType(),
            [I32, I32, I32, width, width, width, real, POINTER, width, POINTER, width, real,
             POINTER, width],
        )  # fmt: skip
        function = self.b.inttoptr(self.at(self.program, entry), ir.PointerType(kind))
        self.b.call(function, [I32(101), *flags, m, n, k, real(1.0), a, lda, b, ldb,
                               real(0.0), c, ldc])  # fmt: skip
