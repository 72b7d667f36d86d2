"""Functions of units over vectors of one dtype, being written: what routines are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir

from twofold.ir.dtypes import info

from .code import I1, I32, I64, POINTER, Code, new_function
from .lanes import declare, element_type, suffix_of
from .routines import VECTOR

__all__ = ["ONE", "Body", "module_of"]

DType = np.dtype[Any]
ONE = object()  # in the place of a mask: a single element


class Body:
    """A function of units being written: its words, elements and vectors of one dtype."""

    def __init__(self, fn: ir.Function, dtype: DType) -> None:
        self.fn, self.code, self.dtype = fn, Code(fn), dtype
        self.b = self.code.b
        self.kind = element_type(dtype, memory=True)
        self.lanes = VECTOR // dtype.itemsize
        self.vector = ir.VectorType(self.kind, self.lanes)
        self.context, self.lo, self.hi = fn.args

    def word(self, i: ir.Value) -> ir.Value:
        """A word of the context, as a number."""
        return self.b.load(self.b.gep(self.context, [i], source_etype=I64), typ=I64)

    def words(self, count: int) -> list[ir.Value]:
        """The first words of the context."""
        return [self.word(I64(i)) for i in range(count)]

    def at(self, address: ir.Value, index: ir.Value, kind: ir.Type | None = None) -> ir.Value:
        """Where an element lies behind an address."""
        pointer = self.b.inttoptr(address, POINTER)
        return self.b.gep(pointer, [index], source_etype=kind or self.kind)

    def most(self, x: ir.Value, y: ir.Value) -> ir.Value:
        """The larger of two signed integers."""
        return self.b.select(self.b.icmp_signed(">", x, y), x, y)

    # ---- Elements and vectors

    def wide(self, dtype: DType, vector: bool) -> ir.Type:
        """The type of an element of a dtype, or of as many as a vector has."""
        kind = element_type(dtype, memory=True)
        return ir.VectorType(kind, self.lanes) if vector else kind

    def load(self, place: ir.Value, mask: Any) -> ir.Value:
        """An element or a vector in memory; lanes that the mask leaves out are zero."""
        if mask is ONE:
            return self.b.load(place, typ=self.kind, align=self.dtype.itemsize)
        zero, lanes = ir.Constant(self.vector, None), ir.VectorType(I1, self.lanes)
        kind = ir.FunctionType(self.vector, [POINTER, I32, lanes, self.vector])
        fn = self._masked("load", kind)
        return self.b.call(fn, [place, I32(self.dtype.itemsize), mask, zero])

    def store(self, value: ir.Value, place: ir.Value, mask: Any) -> None:
        """An element, or the lanes of a vector that the mask has, to memory."""
        if mask is ONE:
            self.b.store(value, place, align=self.dtype.itemsize)
            return
        lanes = ir.VectorType(I1, self.lanes)
        kind = ir.FunctionType(ir.VoidType(), [self.vector, POINTER, I32, lanes])
        self.b.call(self._masked("store", kind), [value, place, I32(self.dtype.itemsize), mask])

    def _masked(self, what: str, kind: ir.FunctionType) -> ir.Function:
        name = f"llvm.masked.{what}.v{self.lanes}{suffix_of(self.dtype)}.p0"
        return declare(self.fn.module, name, kind)

    def add(self, x: ir.Value, y: ir.Value) -> ir.Value:
        return self.b.fadd(x, y) if info(self.dtype).floating else self.b.add(x, y)

    def multiply(self, x: ir.Value, y: ir.Value) -> ir.Value:
        return self.b.fmul(x, y) if info(self.dtype).floating else self.b.mul(x, y)

    def cast(self, x: ir.Value, kind: ir.Type) -> ir.Value:
        """Floats of another width, rounded once."""
        if x.type == kind:
            return x
        narrow = getattr(kind, "element", kind) == ir.FloatType()
        return self.b.fptrunc(x, kind) if narrow else self.b.fpext(x, kind)

    @contextmanager
    def blocks(self, size: ir.Value, vectors: bool = True) -> Iterator[tuple[ir.Value, Any]]:
        """A loop over so many elements, or over vectors of them: where each begins, its mask."""
        with self.code.loop(I64(0), size, self.lanes if vectors else 1) as first:
            yield first, self.mask(self.b.sub(size, first)) if vectors else ONE

    def spread(self, x: ir.Value) -> ir.Value:
        """A vector that has one number in all lanes."""
        kind, numbers = ir.VectorType(x.type, self.lanes), ir.VectorType(I32, self.lanes)
        one = self.b.insert_element(ir.Constant(kind, ir.Undefined), x, I32(0))
        zeros = ir.Constant(numbers, [0] * self.lanes)
        return self.b.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)

    def mask(self, left: ir.Value) -> ir.Value:
        """The lanes below a number."""
        bound = self.b.trunc(self.code.least(left, I64(self.lanes)), I32)
        numbers = ir.Constant(ir.VectorType(I32, self.lanes), list(range(self.lanes)))
        return self.b.icmp_signed("<", numbers, self.spread(bound))


def module_of(
    symbol: str, dtype: DType, functions: Mapping[str, Callable[[Body], None]]
) -> ir.Module:
    """A module with functions of these names behind a symbol, each written by a function."""
    made = ir.Module(symbol)
    for name, write in functions.items():
        fn = new_function(made, f"{symbol}_{name}")
        fn.linkage = "external"
        body = Body(fn, dtype)
        write(body)
        body.code.finish()
    return made
