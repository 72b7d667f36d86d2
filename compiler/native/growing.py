"""Growing buffers of kernels: a record of an address, a size, a capacity, whether it is malloc's.

The kernel keeps what the record holds in variables. When the memory that it was given is full it
takes the C library's, twice as much each time. The record always has its address and capacity, in
elements, the size when the kernel has ended. ``sequences.py`` makes records and takes what is left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from .code import I32, I64, POINTER, Code

__all__ = ["Growing", "grow"]

FIRST = 64  # elements


class Growing:
    """A growing buffer while a kernel is written."""

    def __init__(self, code: Code, record: ir.Value, dtype: np.dtype[Any]) -> None:
        self.code, self.b, self.record, self.dtype = code, code.b, record, dtype
        self._data, self._now, self._most = code.slot(POINTER), code.slot(I64), code.slot(I64)
        self._read()
        self.b.store(self.b.load(self.field(1), typ=I64), self._now)

    def field(self, i: int) -> ir.Value:
        """A word of the record."""
        return self.b.gep(self.record, [I64(i)], source_etype=I64)

    def _read(self) -> None:
        """What the record says of the memory."""
        self.b.store(self.b.load(self.field(0), typ=POINTER), self._data)
        self.b.store(self.b.load(self.field(2), typ=I64), self._most)

    @property
    def data(self) -> ir.Value:
        """The address of the first element."""
        return self.b.load(self._data, typ=POINTER)

    @property
    def now(self) -> ir.Value:
        """The number of elements."""
        return self.b.load(self._now, typ=I64)

    def resize(self, amount: int) -> ir.Value | None:
        """Make it longer or shorter; a flag that says whether there was no memory for it."""
        after = self.b.add(self.now, I64(amount))
        if amount < 0:
            self.b.store(after, self._now)
            return None
        failed = self.code.slot(ir.IntType(1))
        self.b.store(ir.IntType(1)(0), failed)
        full = self.b.icmp_signed(">", after, self.b.load(self._most, typ=I64))
        with self.b.if_then(full, likely=False):
            given = [self.record, after, I64(self.dtype.itemsize)]
            result = self.b.call(grow(self.b.module), given)
            self.b.store(self.b.icmp_signed("!=", result, I32(0)), failed)
            self._read()
        self.b.store(after, self._now)
        return self.b.load(failed, typ=ir.IntType(1))

    def close(self) -> None:
        """Write the size to the record."""
        self.b.store(self.now, self.field(1))


def _outside(module: ir.Module, name: str, result: ir.Type, *args: ir.Type) -> ir.Function:
    found = module.globals.get(name)
    return ir.Function(module, ir.FunctionType(result, args), name) if found is None else found


def grow(module: ir.Module) -> ir.Function:
    """A function of a record, a size and the bytes of an element: memory for at least so many. It
    returns whether there was none, and has raised MemoryError then."""
    found = module.globals.get("grow")
    if found is not None:
        return found
    fn = ir.Function(module, ir.FunctionType(I32, [POINTER, I64, I64]), "grow")
    fn.linkage = "internal"
    for attribute in ("cold", "noinline"):
        fn.attributes.add(attribute)
    record, size, itemsize = fn.args
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    place = b.gep(record, [I64(2)], source_etype=I64)
    more = b.add(b.mul(b.load(place, typ=I64), I64(2)), I64(FIRST))
    more = b.select(b.icmp_signed("<", more, size), size, more)
    realloc = _outside(module, "realloc", POINTER, POINTER, I64)
    before, owned = b.load(record, typ=POINTER), b.gep(record, [I64(3)], source_etype=I64)
    own = b.icmp_signed("!=", b.load(owned, typ=I64), I64(0))
    made = b.call(realloc, [b.select(own, before, POINTER(None)), b.mul(more, itemsize)])
    with b.if_then(b.icmp_unsigned("==", made, POINTER(None)), likely=False):
        state = b.call(_outside(module, "PyGILState_Ensure", I32), [])
        b.call(_outside(module, "PyErr_NoMemory", POINTER), [])
        b.call(_outside(module, "PyGILState_Release", ir.VoidType(), I32), [state])
        b.ret(I32(1))
    with b.if_then(b.not_(own)):  # what was given stays; all that was there is copied
        copy = _outside(module, "memcpy", POINTER, POINTER, POINTER, I64)
        b.call(copy, [made, before, b.mul(b.load(place, typ=I64), itemsize)])
    b.store(I64(1), owned)
    b.store(made, record)
    b.store(more, place)
    b.ret(I32(0))
    return fn
