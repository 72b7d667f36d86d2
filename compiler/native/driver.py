"""The driver: one native function that runs a *program*, an int64 array made for exact sizes.

    header:    where it starts, words of the largest context, parallel_for, state of BLAS's threads
    launch:    length, function, units, grain, n words, then (tag, value) for each context word
    operation: length, 0, code, operands; see ``instructions.py``

A matrix product is a launch like any other: its function cuts the product into panels of columns or
rows, or runs the products of a batch, one BLAS call each. A program with products runs with BLAS on
one thread: the pool shares panels faster than BLAS's own threads, which spin long after a product.
Its header has the address of the state in ``runtime/one_thread.py`` (else 0), in which the program
counts itself in and out, each in one step under the GIL. Eager products use these steps, too.

A word's tag says what its value is: 0 a number, 1 a slot (the data of the array at that position
of the slot list), 2 an offset into the arena, which begins at the first aligned address of the
array in slot 0, 3 the address of the status, 4 an offset into the arena where the address lies.

The status is an int64 that is 0 as long as all goes well. A function that stores something else
there ends the program: -1 says that it left a Python exception, n > 0 that Python has to do
something, whose number n - 1 is what Python gets; other negative numbers it gets as they are.

The driver reads the list and the arrays through their addresses: ``PyListObject.ob_item`` lies
behind the variable-size object head, and the first field of ``PyArrayObject`` after its head is
the data pointer (NumPy C API, stable). ``tests/compiler/native/test_machine.py`` checks both.

``twofold_entry`` is what Python calls: a C function of one argument (``METH_O``), the list, whose
``self`` is the program's array. It gives up the GIL while the program runs. The two steps, without
an argument, have the state's array as ``self``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from llvmlite import ir

from twofold.runtime.buffers import ALIGNMENT

from .blocks import Blocks
from .code import BODY, I32, I64, POINTER, Code, signals
from .held import SEQUENCES
from .instructions import (
    ADD,
    AGAIN,
    BRANCH,
    CHOOSE,
    HEADER,
    JUMP,
    LEAVE,
    MOVE,
    REPEAT,
    SET,
    SWAP,
)
from .machine import BEGIN, FINISH

__all__ = ["DATA_OFFSET", "ITEMS_OFFSET", "Driver", "driver_llvm"]

ITEMS_OFFSET = object.__basicsize__ + 8  # list: head, ob_size, then the pointer to the items
I8 = ir.IntType(8)
DATA_OFFSET = object.__basicsize__  # ndarray: head, then the pointer to the data


def driver_llvm(entry: str) -> str:
    """The module of the driver, whose function for Python has this name."""
    module = ir.Module("driver")
    kind = ir.FunctionType(ir.VoidType(), [I64, I64, POINTER])
    drive = ir.Function(module, kind, "drive")
    drive.linkage = "internal"
    Driver(drive).write()
    enter, leave = (_write_step(module, end) for end in (BEGIN, FINISH))
    _write_entry(module, (enter, drive, leave), entry)
    return str(module)


def _outside(module: ir.Module, name: str, result: ir.Type, *args: ir.Type) -> ir.Function:
    found = module.globals.get(name)
    return found or ir.Function(module, ir.FunctionType(result, args), name)


def _data_of(b: ir.IRBuilder, array: ir.Value) -> ir.Value:
    place = b.gep(array, [I64(DATA_OFFSET)], source_etype=ir.IntType(8))
    return b.load(place, typ=POINTER)


def _write_entry(module: ir.Module, parts: tuple[ir.Function, ...], name: str) -> None:
    enter, drive, leave = parts
    save = _outside(module, "PyEval_SaveThread", POINTER)
    restore = _outside(module, "PyEval_RestoreThread", ir.VoidType(), POINTER)
    number = _outside(module, "PyLong_FromLongLong", POINTER, I64)
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
    found = b.load(status, typ=I64)
    with b.if_then(b.icmp_signed("!=", found, I64(0)), likely=False):
        with b.if_then(b.icmp_signed("==", found, I64(-1))):
            b.ret(POINTER(None))
        positive = b.icmp_signed(">", found, I64(0))
        b.ret(b.call(number, [b.select(positive, b.sub(found, I64(1)), found)]))
    b.call(increase, [none])
    b.ret(none)
    for end, step in ((BEGIN, enter), (FINISH, leave)):
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

    if end == BEGIN:
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


class Driver:
    """Writes the loop over the steps of a program."""

    def __init__(self, fn: ir.Function) -> None:
        self.fn = fn
        self.code = Code(fn)
        self.b = self.code.b
        self.slots, self.program, self.status = fn.args
        self.time = _outside(fn.module, "time", I64, POINTER)
        self.copy = _outside(fn.module, "memcpy", POINTER, POINTER, POINTER, I64)
        self.signals = signals(fn.module)
        self.blocks = Blocks(fn.module)

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

    def cell(self, offset: ir.Value) -> ir.Value:
        """A place in the arena."""
        return self.b.inttoptr(self.b.add(self.arena(), offset), POINTER)

    def record(self, step: ir.Value, i: int) -> ir.Value:
        """The address of a cell that an operand names."""
        return self.b.ptrtoint(self.cell(self.at(step, i)), I64)

    def word(self, base: ir.Value, index: ir.Value | int) -> ir.Value:
        """A (tag, value) pair as a number or an address."""
        first = I64(index) if isinstance(index, int) else index
        tag, value = self.at(base, first), self.at(base, self.b.add(first, I64(1)))
        result, done = self.code.slot(I64), self.fn.append_basic_block("found")
        self.b.store(value, result)
        addresses: tuple[Callable[[], ir.Value], ...] = (
            lambda: self.data(value),
            lambda: self.b.ptrtoint(self.cell(value), I64),
            lambda: self.b.ptrtoint(self.status, I64),
            lambda: self.b.load(self.cell(value), typ=I64),
        )
        choice = self.b.switch(tag, done)
        for number, address in enumerate(addresses, 1):
            block = self.fn.append_basic_block("word")
            choice.add_case(I64(number), block)
            self.b.position_at_end(block)
            self.b.store(address(), result)
            self.b.branch(done)
        self.b.position_at_end(done)
        return self.b.load(result, typ=I64)

    def write(self) -> None:
        """The whole function."""
        words = self.at(self.program, 1)
        context = self.b.alloca(I64, size=words)
        self.cursor, self.clock = self.code.slot(I64), self.code.slot(I64)
        self.b.store(I64(0), self.clock)
        self.go(self.at(self.program, 0))
        with self.code.forever() as after:
            step = self.b.load(self.cursor, typ=I64)
            self.b.store(self.b.add(step, self.b.mul(self.at(step, 0), I64(8))), self.cursor)
            own = self.b.icmp_signed("==", self.at(step, 1), I64(0))
            with self.b.if_else(own) as (operation, launch):
                with operation:
                    self.operation(step, after)
                with launch:
                    self.launch(step, context)
        self.code.finish()

    def go(self, position: ir.Value) -> None:
        """Go on at a position of the program."""
        self.b.store(self.b.add(self.program, self.b.mul(position, I64(8))), self.cursor)

    def launch(self, step: ir.Value, context: ir.Value) -> None:
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
        ended = self.b.icmp_signed("!=", self.b.load(self.status, typ=I64), I64(0))
        with self.b.if_then(ended, likely=False):
            self.b.ret_void()

    def operation(self, step: ir.Value, after: ir.Block) -> None:
        """One of ``instructions.py``; its operands stand from the third word on."""
        done = self.fn.append_basic_block("done")
        choice = self.b.switch(self.at(step, 2), after)  # END
        operations: tuple[tuple[int, Callable[[ir.Value], None]], ...] = (
            (LEAVE, self.leave), (JUMP, self.jump), (AGAIN, self.again), (BRANCH, self.branch),
            (CHOOSE, self.choose), (MOVE, self.move), (SET, self.set), (ADD, self.add),
            (SWAP, self.swap), (REPEAT, self.repeat),
            *((code, partial(write, self)) for code, write in SEQUENCES.items()),
        )  # fmt: skip
        for code, write in operations:
            block = self.fn.append_basic_block("operation")
            choice.add_case(I64(code), block)
            self.b.position_at_end(block)
            write(step)
            if not self.b.block.is_terminated:
                self.b.branch(done)
        self.b.position_at_end(done)

    def ended(self, flag: ir.Value) -> None:
        """End the program if a function says that it has raised an exception."""
        with self.b.if_then(self.b.icmp_signed("!=", flag, I32(0)), likely=False):
            self.b.store(I64(-1), self.status)
            self.b.ret_void()

    def leave(self, step: ir.Value) -> None:
        self.b.store(self.b.add(self.at(step, 3), I64(1)), self.status)
        self.b.ret_void()

    def jump(self, step: ir.Value) -> None:
        self.go(self.at(step, 3))

    def again(self, step: ir.Value) -> None:
        self.poll()
        self.go(self.at(step, 3))

    def poll(self) -> None:
        """Once a second: let Python handle signals, and end the program if a handler raises."""
        now = self.b.call(self.time, [POINTER(None)])
        before = self.b.load(self.clock, typ=I64)
        with self.b.if_then(self.b.icmp_signed("!=", now, before), likely=False):
            self.b.store(now, self.clock)
            late = self.b.icmp_signed("!=", before, I64(0))
            with self.b.if_then(late):
                raised = self.b.icmp_signed("!=", self.b.call(self.signals, []), I32(0))
                with self.b.if_then(raised, likely=False):
                    self.b.store(I64(-1), self.status)
                    self.b.ret_void()

    def branch(self, step: ir.Value) -> None:
        flag = self.b.inttoptr(self.word(step, 3), POINTER)
        unset = self.b.icmp_unsigned("==", self.b.load(flag, typ=I8), I8(0))
        with self.b.if_then(unset):
            self.go(self.at(step, 5))

    def choose(self, step: ir.Value) -> None:
        count = self.at(step, 5)
        index = self.b.load(self.b.inttoptr(self.word(step, 3), POINTER), typ=I32)
        index, last = self.b.sext(index, I64), self.b.sub(count, I64(1))
        inside = self.b.icmp_unsigned("<", index, count)
        self.go(self.at(step, self.b.add(I64(6), self.b.select(inside, index, last))))

    def move(self, step: ir.Value) -> None:
        target, source = (self.b.inttoptr(self.word(step, i), POINTER) for i in (3, 5))
        self.b.call(self.copy, [target, source, self.at(step, 7)])

    def each(self, step: ir.Value, size: int) -> Any:
        """The operands behind a count, in groups: a loop over the positions of their first."""
        count = self.b.mul(self.at(step, 3), I64(size))
        return self.code.loop(I64(4), self.b.add(count, I64(4)), size)

    def set(self, step: ir.Value) -> None:
        with self.each(step, 4) as i:
            word = self.word(step, self.b.add(i, I64(1)))
            more = self.at(step, self.b.add(i, I64(3)))
            self.b.store(self.b.add(word, more), self.cell(self.at(step, i)))

    def add(self, step: ir.Value) -> None:
        with self.each(step, 2) as i:
            place, more = self.cell(self.at(step, i)), self.at(step, self.b.add(i, I64(1)))
            self.b.store(self.b.add(self.b.load(place, typ=I64), more), place)

    def swap(self, step: ir.Value) -> None:
        with self.each(step, 2) as i:
            places = [self.cell(self.at(step, self.b.add(i, I64(k)))) for k in (0, 1)]
            values = [self.b.load(place, typ=I64) for place in places]
            for place, value in zip(places, reversed(values), strict=True):
                self.b.store(value, place)

    def repeat(self, step: ir.Value) -> None:
        place = self.cell(self.at(step, 3))
        left = self.b.sub(self.b.load(place, typ=I64), I64(1))
        self.b.store(left, place)
        with self.b.if_then(self.b.icmp_signed(">", left, I64(0))):
            self.poll()
            self.go(self.at(step, 4))
