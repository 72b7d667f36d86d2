"""The driver: one native function that runs a *program*, an int64 array made for exact sizes.

    header: number of steps, words of the largest context, parallel_for, state of BLAS's threads
    step:   length, function, units, grain, n words, then (tag, value) for each context word

A matrix product is a step like any other: its function cuts the product into panels of columns or
rows, or runs the products of a batch, one BLAS call each. A program with products runs with BLAS on
one thread: the pool shares panels faster than BLAS's own threads, which spin long after a product.
Its header has the address of the state in ``runtime/one_thread.py`` (else 0), in which the program
counts itself in and out, each in one step under the GIL. Eager products use these steps, too.

A word's tag says what its value is: 0 a number, 1 a slot (the data of the array at that position
of the slot list), 2 an offset into the arena, which begins at the first aligned address of the
array in slot 0, 3 the address of the status, an int64 that is 0 as long as all goes well. A
function that stores something else there ends the program: -1 says that it left a Python exception.

The driver reads the list and the arrays through their addresses: ``PyListObject.ob_item`` lies
behind the variable-size object head, and the first field of ``PyArrayObject`` after its head is
the data pointer (NumPy C API, stable). ``tests/compiler/native/test_machine.py`` checks both.

``twofold_entry`` is what Python calls: a C function of one argument (``METH_O``), the list, whose
``self`` is the program's array. It gives up the GIL while the program runs. The two steps, without
an argument, have the state's array as ``self``.
"""

from __future__ import annotations

from llvmlite import ir

from twofold.runtime.buffers import ALIGNMENT

from .code import BODY, I32, I64, POINTER, Code
from .machine import ENTER, LEAVE

__all__ = ["DATA_OFFSET", "ITEMS_OFFSET", "driver_llvm"]

ITEMS_OFFSET = object.__basicsize__ + 8  # list: head, ob_size, then the pointer to the items
DATA_OFFSET = object.__basicsize__  # ndarray: head, then the pointer to the data
HEADER = 4


def driver_llvm(entry: str) -> str:
    """The module of the driver, whose function for Python has this name."""
    module = ir.Module("driver")
    kind = ir.FunctionType(ir.VoidType(), [I64, I64, POINTER])
    drive = ir.Function(module, kind, "drive")
    drive.linkage = "internal"
    _Driver(drive).write()
    enter, leave = (_write_step(module, end) for end in (ENTER, LEAVE))
    _write_entry(module, (enter, drive, leave), entry)
    return str(module)


def _outside(module: ir.Module, name: str, result: ir.Type, *args: ir.Type) -> ir.Function:
    return ir.Function(module, ir.FunctionType(result, args), name)


def _data_of(b: ir.IRBuilder, array: ir.Value) -> ir.Value:
    place = b.gep(array, [I64(DATA_OFFSET)], source_etype=ir.IntType(8))
    return b.load(place, typ=POINTER)


def _write_entry(module: ir.Module, parts: tuple[ir.Function, ...], name: str) -> None:
    enter, drive, leave = parts
    save = _outside(module, "PyEval_SaveThread", POINTER)
    restore = _outside(module, "PyEval_RestoreThread", ir.VoidType(), POINTER)
    increase = _outside(module, "Py_IncRef", ir.VoidType(), POINTER)
    none = ir.GlobalVariable(module, ir.IntType(8), "_Py_NoneStruct")
    kind = ir.FunctionType(POINTER, [POINTER, POINTER])
    fn = ir.Function(module, kind, name)
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    program, slots = fn.args
    data = _data_of(b, program)
    state = b.load(b.gep(data, [I64(HEADER - 1)], source_etype=I64), typ=I64)
    guarded = b.icmp_signed("!=", state, I64(0))
    with b.if_then(guarded):
        b.call(enter, [b.inttoptr(state, POINTER)])
    status = b.alloca(I64)
    b.store(I64(0), status)
    thread = b.call(save, [])
    b.call(drive, [b.ptrtoint(slots, I64), b.ptrtoint(data, I64), status])
    b.call(restore, [thread])
    with b.if_then(guarded):
        b.call(leave, [b.inttoptr(state, POINTER)])
    with b.if_then(b.icmp_signed("!=", b.load(status, typ=I64), I64(0)), likely=False):
        b.ret(POINTER(None))
    b.call(increase, [none])
    b.ret(none)
    for end, step in ((ENTER, enter), (LEAVE, leave)):
        fn = ir.Function(module, kind, name + end)
        b = ir.IRBuilder(fn.append_basic_block("entry"))
        b.call(step, [_data_of(b, fn.args[0])])
        b.call(increase, [none])
        b.ret(none)


def _write_step(module: ir.Module, end: str) -> ir.Function:
    """Count a product in or out: a function of the address of the state."""
    fn = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "step" + end)
    fn.linkage = "internal"
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    inside, before, get, put = (b.gep(fn.args[0], [I64(i)], source_etype=I64) for i in range(4))
    getter, setter = ir.FunctionType(I32, []), ir.FunctionType(ir.VoidType(), [I32])

    def current() -> ir.Value:
        return b.call(b.inttoptr(b.load(get, typ=I64), ir.PointerType(getter)), [])

    def change(number: ir.Value) -> None:
        b.call(b.inttoptr(b.load(put, typ=I64), ir.PointerType(setter)), [number])

    def is_(value: ir.Value, number: int) -> ir.Value:
        return b.icmp_signed("==", value, value.type(number))

    if end == ENTER:
        b.store(b.add(b.load(inside, typ=I64), I64(1)), inside)
        number = current()
        with b.if_then(is_(b.load(before, typ=I64), 0)):
            b.store(b.sext(number, I64), before)
        with b.if_then(b.not_(is_(number, 1))):
            change(I32(1))
    else:
        count = b.sub(b.load(inside, typ=I64), I64(1))
        b.store(count, inside)
        with b.if_then(is_(count, 0)):
            number = b.trunc(b.load(before, typ=I64), I32)
            b.store(I64(0), before)
            with b.if_then(b.not_(is_(number, 1))), b.if_then(is_(current(), 1)):
                change(number)
    b.ret_void()
    return fn


class _Driver:
    """Writes the loop over the steps of a program."""

    def __init__(self, fn: ir.Function) -> None:
        self.fn = fn
        self.code = Code(fn)
        self.b = self.code.b
        self.slots, self.program, self.status = fn.args

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

    def arena(self) -> ir.Value:
        """The first aligned address of the array in slot 0."""
        return self.b.and_(self.b.add(self.data(I64(0)), I64(ALIGNMENT - 1)), I64(-ALIGNMENT))

    def word(self, base: ir.Value, index: ir.Value) -> ir.Value:
        """A (tag, value) pair as a number or an address."""
        tag, value = self.at(base, index), self.at(base, self.b.add(index, I64(1)))
        result = self.code.slot(I64)
        self.b.store(value, result)
        with self.b.if_then(self.b.icmp_signed("==", tag, I64(1))):
            self.b.store(self.data(value), result)
        with self.b.if_then(self.b.icmp_signed("==", tag, I64(2))):
            self.b.store(self.b.add(self.arena(), value), result)
        with self.b.if_then(self.b.icmp_signed("==", tag, I64(3))):
            self.b.store(self.b.ptrtoint(self.status, I64), result)
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
                ended = self.b.icmp_signed("!=", self.b.load(self.status, typ=I64), I64(0))
                with self.b.if_then(ended, likely=False):
                    self.b.ret_void()
            with together:
                kind = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, I64, I64])
                pool = self.b.inttoptr(self.at(self.program, 2), ir.PointerType(kind))
                self.b.call(pool, [self.b.inttoptr(body, POINTER), context, units, grain])
