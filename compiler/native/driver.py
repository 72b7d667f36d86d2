"""The driver: one native function that runs a *program*, an int64 array made for exact sizes.

    header: number of steps, words of the largest context, parallel_for
    step:   length, function, units, grain, n words, then (tag, value) for each context word

A matrix product is a step like any other: its function cuts the product into panels of columns or
rows, or runs the products of a batch, one BLAS call each. Who runs a program with products sets
BLAS to one thread meanwhile: the pool shares panels faster than BLAS's own threads, which spin long
after a product.

A word's tag says what its value is: 0 a number, 1 a slot (the data of the array at that position
of the slot list), 2 an offset into the arena, which is the array in slot 0.

The driver reads the list and the arrays through their addresses: ``PyListObject.ob_item`` lies
behind the variable-size object head, and the first field of ``PyArrayObject`` after its head is
the data pointer (NumPy C API, stable). ``tests/compiler/native/test_machine.py`` checks both.

``twofold_entry`` is what Python calls: a C function of one argument (``METH_O``), the list, whose
``self`` is the program's array. It gives up the GIL while the program runs.
"""

from __future__ import annotations

from llvmlite import ir

from .code import BODY, I64, POINTER, Code

__all__ = ["DATA_OFFSET", "ITEMS_OFFSET", "driver_llvm"]

ITEMS_OFFSET = object.__basicsize__ + 8  # list: head, ob_size, then the pointer to the items
DATA_OFFSET = object.__basicsize__  # ndarray: head, then the pointer to the data
HEADER = 3


def driver_llvm(entry: str) -> str:
    """The module of the driver, whose function for Python has this name."""
    module = ir.Module("driver")
    kind = ir.FunctionType(ir.VoidType(), [I64, I64])
    drive = ir.Function(module, kind, "drive")
    drive.linkage = "internal"
    _Driver(drive).write()
    _write_entry(module, drive, entry)
    return str(module)


def _write_entry(module: ir.Module, drive: ir.Function, name: str) -> None:
    def outside(name: str, result: ir.Type, *args: ir.Type) -> ir.Function:
        return ir.Function(module, ir.FunctionType(result, args), name)

    save = outside("PyEval_SaveThread", POINTER)
    restore = outside("PyEval_RestoreThread", ir.VoidType(), POINTER)
    increase = outside("Py_IncRef", ir.VoidType(), POINTER)
    none = ir.GlobalVariable(module, ir.IntType(8), "_Py_NoneStruct")
    fn = ir.Function(module, ir.FunctionType(POINTER, [POINTER, POINTER]), name)
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    program, slots = fn.args
    place = b.gep(program, [I64(DATA_OFFSET)], source_etype=ir.IntType(8))
    data = b.load(place, typ=I64)
    thread = b.call(save, [])
    b.call(drive, [b.ptrtoint(slots, I64), data])
    b.call(restore, [thread])
    b.call(increase, [none])
    b.ret(none)


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
            self.step(step, context)
            length = self.at(step, 0)
            self.b.store(self.b.add(step, self.b.mul(length, I64(8))), cursor)
        self.code.finish()

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
