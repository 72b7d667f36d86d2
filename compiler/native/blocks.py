"""Sequences of a program: blocks of memory that several values share, and that grow in place.

    record (two words):   block, number of elements
    block:                address, size, capacity, of the C library  (as ``growing.py`` has them),
                          users, depth, where the address of this block stands, the next block,
                          the bytes of a number

A value of the IR is a record in a cell of the arena; its elements are the first ones of its block.
Who pushes onto a value whose block ends with it writes behind the end, whoever else has the block;
else the elements are copied, unless nobody else has it. Elements that are sequences (``depth`` 1)
are records, which count among the users of their blocks.

All blocks of a call are a list, which is freed when the call is over, an exception or not. Large
memory is kept for the next block that needs some (``recycled.py``).

The functions take addresses as integers; ``per`` is how many numbers (of ``bytes``) an element has.
Those that may take memory return whether there was none, and have raised MemoryError then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from .code import I32, I64, POINTER, Code
from .growing import grow
from .recycled import discard, take

__all__ = [
    "ADDRESS", "BLOCK", "BLOCKS", "COUNTED", "RECORD", "SIZE", "USERS", "Blocks",
]  # fmt: skip

RECORD = 16  # bytes
ADDRESS, SIZE, CAPACITY, OWNED, USERS, DEPTH, BEFORE, NEXT, ITEM = range(9)
WORDS = 9
BLOCK, COUNTED = range(2)


class _Body:
    """A function being written, over int64 in memory."""

    def __init__(self, fn: ir.Function) -> None:
        self.fn, self.code = fn, Code(fn)
        self.b = self.code.b

    def pointer(self, address: ir.Value) -> ir.Value:
        return self.b.inttoptr(address, POINTER)

    def get(self, address: ir.Value, i: int) -> ir.Value:
        """The word ``i`` behind an address."""
        place = self.b.gep(self.pointer(address), [I64(i)], source_etype=I64)
        return self.b.load(place, typ=I64)

    def put(self, address: ir.Value, i: int, value: ir.Value | int) -> None:
        place = self.b.gep(self.pointer(address), [I64(i)], source_etype=I64)
        self.b.store(I64(value) if isinstance(value, int) else value, place)

    def add(self, address: ir.Value, i: int, more: ir.Value | int) -> None:
        more = I64(more) if isinstance(more, int) else more
        self.put(address, i, self.b.add(self.get(address, i), more))

    def is_(self, op: str, a: ir.Value, b: ir.Value | int) -> ir.Value:
        return self.b.icmp_signed(op, a, I64(b) if isinstance(b, int) else b)

    def give(self, value: int) -> None:
        self.b.ret(I32(value))

    def fails(self, flag: ir.Value) -> None:
        """Return 1 if a function has."""
        with self.b.if_then(self.b.icmp_signed("!=", flag, I32(0)), likely=False):
            self.give(1)

    def missing(self, block: ir.Value) -> None:
        """Return 1 if no memory was found for a block."""
        with self.b.if_then(self.is_("==", block, 0), likely=False):
            self.give(1)

    @contextmanager
    def records(self, block: ir.Value, start: ir.Value, stop: ir.Value) -> Iterator[ir.Value]:
        """The addresses of elements of a block that are records."""
        with self.code.loop(start, stop) as i:
            yield self.b.add(self.get(block, ADDRESS), self.b.mul(i, I64(RECORD)))

    def end(self, *result: Any) -> None:
        """The last return; joins the entry block to the code."""
        if not self.b.block.is_terminated:
            self.b.ret(*result) if result else self.b.ret_void()
        self.code.entry.position_at_end(self.code.entry.block)
        self.code.entry.branch(self.code.start)


class Blocks:
    """The functions on blocks of a module."""

    def __init__(self, module: ir.Module) -> None:
        self.module = module
        self.made: dict[str, ir.Function] = {}

    def __getitem__(self, name: str) -> ir.Function:
        if name not in self.made:
            kinds, result, write = BLOCKS[name]
            kind = ir.FunctionType(result, [I64] * kinds)
            fn = self.made[name] = ir.Function(self.module, kind, "block_" + name)
            fn.linkage = "internal"
            write(self, _Body(fn), *fn.args)
        return self.made[name]

    def outside(self, name: str, result: ir.Type, *args: ir.Type) -> ir.Function:
        found = self.module.globals.get(name)
        return found or ir.Function(self.module, ir.FunctionType(result, args), name)

    def copy(self, f: _Body, target: ir.Value, source: ir.Value, nbytes: ir.Value) -> None:
        function = self.outside("memcpy", POINTER, POINTER, POINTER, I64)
        f.b.call(function, [f.pointer(target), f.pointer(source), nbytes])

    def zero(self, f: _Body, target: ir.Value, nbytes: ir.Value) -> None:
        function = self.outside("memset", POINTER, POINTER, I32, I64)
        f.b.call(function, [f.pointer(target), I32(0), nbytes])

    def free(self, f: _Body, address: ir.Value) -> None:
        f.b.call(self.outside("free", ir.VoidType(), POINTER), [f.pointer(address)])

    def grow(self, f: _Body, block: ir.Value, size: ir.Value, nbytes: ir.Value) -> None:
        """Room for at least so many numbers in a block."""
        with f.b.if_then(f.is_(">", size, f.get(block, CAPACITY))):
            f.put(block, ITEM, nbytes)
            with f.b.if_then(f.is_("==", f.get(block, ADDRESS), 0)):
                needed = f.b.mul(size, nbytes)
                found = f.b.call(take(self.module), [f.pointer(block), needed])
                f.put(block, CAPACITY, f.b.sdiv(found, nbytes))
        with f.b.if_then(f.is_(">", size, f.get(block, CAPACITY))):
            f.fails(f.b.call(grow(self.module), [f.pointer(block), size, nbytes]))

    def discard(self, f: _Body, block: ir.Value) -> None:
        """Free the elements of a block, or keep their memory for another."""
        nbytes = f.b.mul(f.get(block, CAPACITY), f.get(block, ITEM))
        f.b.call(discard(self.module), [f.pointer(f.get(block, ADDRESS)), nbytes])

    def release(self, f: _Body, block: ir.Value, start: ir.Value, stop: ir.Value) -> None:
        """Release elements that are records."""
        with f.b.if_then(f.is_("!=", f.get(block, DEPTH), 0)), f.records(block, start, stop) as x:
            f.b.call(self["release"], [x])


def _fresh(m: Blocks, f: _Body, root: ir.Value, depth: ir.Value) -> None:
    """A new block without memory, with one user; 0 if there is no memory for it."""
    b = f.b
    block = b.ptrtoint(b.call(m.outside("malloc", POINTER, I64), [I64(8 * WORDS)]), I64)
    with b.if_then(f.is_("==", block, 0), likely=False):
        state = b.call(m.outside("PyGILState_Ensure", I32), [])
        b.call(m.outside("PyErr_NoMemory", POINTER), [])
        b.call(m.outside("PyGILState_Release", ir.VoidType(), I32), [state])
        b.ret(I64(0))
    m.zero(f, block, I64(8 * WORDS))
    f.put(block, OWNED, 1)
    f.put(block, USERS, 1)
    f.put(block, DEPTH, depth)
    following = f.get(root, 0)
    f.put(block, BEFORE, root)
    f.put(block, NEXT, following)
    with b.if_then(f.is_("!=", following, 0)):
        f.put(following, BEFORE, b.add(block, I64(8 * NEXT)))
    f.put(root, 0, block)
    f.end(block)


def _release(m: Blocks, f: _Body, record: ir.Value) -> None:
    """A value is not used any more."""
    b, block = f.b, f.get(record, BLOCK)
    f.put(record, BLOCK, 0)
    with b.if_then(f.is_("==", block, 0)):
        b.ret_void()
    f.add(block, USERS, -1)
    with b.if_then(f.is_(">", f.get(block, USERS), 0)):
        b.ret_void()
    m.release(f, block, I64(0), f.get(block, SIZE))
    before, following = f.get(block, BEFORE), f.get(block, NEXT)
    f.put(before, 0, following)
    with b.if_then(f.is_("!=", following, 0)):
        f.put(following, BEFORE, before)
    m.discard(f, block)
    m.free(f, block)
    f.end()


def _free(m: Blocks, f: _Body, root: ir.Value) -> None:
    """Free all blocks of a call."""
    with f.code.forever() as after:
        block = f.get(root, 0)
        with f.b.if_then(f.is_("==", block, 0)):
            f.b.branch(after)
        f.put(root, 0, f.get(block, NEXT))
        m.discard(f, block)
        m.free(f, block)
    f.end()


def _copy(m: Blocks, f: _Body, target: ir.Value, source: ir.Value) -> None:
    """Another record of the same elements."""
    block = f.get(source, BLOCK)
    f.put(target, BLOCK, block)
    f.put(target, COUNTED, f.get(source, COUNTED))
    with f.b.if_then(f.is_("!=", block, 0)):
        f.add(block, USERS, 1)
    f.end()


def _own(
    m: Blocks, f: _Body, root: ir.Value, record: ir.Value, per: ir.Value, nbytes: ir.Value,
    depth: ir.Value,
) -> None:  # fmt: skip
    """Have a block that nobody else uses and that ends with the value."""
    b, block, size = f.b, f.get(record, BLOCK), f.b.mul(f.get(record, COUNTED), per)
    absent = f.is_("==", block, 0)
    with b.if_then(b.not_(absent)), b.if_then(f.is_("==", f.get(block, USERS), 1)):
        m.release(f, block, size, f.get(block, SIZE))
        f.put(block, SIZE, size)
        f.give(0)
    made = b.call(m["fresh"], [root, depth])
    f.missing(made)
    with b.if_then(b.not_(absent)):
        with b.if_then(f.is_(">", size, 0)):
            m.grow(f, made, size, nbytes)
            m.copy(f, f.get(made, ADDRESS), f.get(block, ADDRESS), b.mul(size, nbytes))
        f.put(made, SIZE, size)
        with b.if_then(f.is_("!=", depth, 0)), f.records(made, I64(0), size) as x:
            b.call(m["copy"], [x, x])
        f.add(block, USERS, -1)
    f.put(record, BLOCK, made)
    f.end(I32(0))


def _room(
    m: Blocks, f: _Body, root: ir.Value, record: ir.Value, per: ir.Value, nbytes: ir.Value,
    depth: ir.Value,
) -> None:  # fmt: skip
    """Make a value longer by an element, which is not set yet."""
    b, size = f.b, f.b.mul(f.get(record, COUNTED), per)
    holder = f.code.slot(I64)
    block = f.get(record, BLOCK)
    b.store(block, holder)
    free = f.code.slot(ir.IntType(1))
    b.store(f.is_("==", block, 0), free)
    with b.if_then(f.is_("!=", block, 0)):
        b.store(f.is_("!=", f.get(block, SIZE), size), free)
    with b.if_then(b.load(free, typ=ir.IntType(1)), likely=False):
        f.fails(b.call(m["own"], [root, record, per, nbytes, depth]))
        b.store(f.get(record, BLOCK), holder)
    block, after = b.load(holder, typ=I64), b.add(size, per)
    m.grow(f, block, after, nbytes)
    f.put(block, SIZE, after)
    f.add(record, COUNTED, 1)
    f.end(I32(0))


def _like(
    m: Blocks, f: _Body, root: ir.Value, target: ir.Value, source: ir.Value, per: ir.Value,
    nbytes: ir.Value, depth: ir.Value,
) -> None:  # fmt: skip
    """As many elements of the same sizes, all zeros."""
    b, count = f.b, f.get(source, COUNTED)
    nested = f.is_("!=", depth, 0)
    each, width = b.select(nested, I64(1), per), b.select(nested, I64(RECORD), nbytes)
    size, from_ = b.mul(count, each), f.get(source, BLOCK)
    f.put(target, BLOCK, 0)
    f.put(target, COUNTED, count)
    with b.if_then(f.is_("==", size, 0)):
        f.give(0)
    block = b.call(m["fresh"], [root, depth])
    f.missing(block)
    f.put(target, BLOCK, block)
    m.grow(f, block, size, width)
    m.zero(f, f.get(block, ADDRESS), b.mul(size, width))
    f.put(block, SIZE, size)
    with b.if_then(nested), f.records(block, I64(0), size) as x:
        inner = b.add(f.get(from_, ADDRESS), b.sub(x, f.get(block, ADDRESS)))
        given = [root, x, inner, per, nbytes, b.sub(depth, I64(1))]
        f.fails(b.call(m["like"], given))
    f.end(I32(0))


def _fill(
    m: Blocks, f: _Body, root: ir.Value, record: ir.Value, number: ir.Value, per: ir.Value,
    nbytes: ir.Value,
) -> None:  # fmt: skip
    """Zeros at the end, up to so many elements; the block is the value's alone then."""
    b = f.b
    f.fails(b.call(m["own"], [root, record, per, nbytes, I64(0)]))
    with b.if_then(f.is_("<=", number, f.get(record, COUNTED))):
        f.give(0)
    block = f.get(record, BLOCK)
    before, after = f.get(block, SIZE), b.mul(number, per)
    m.grow(f, block, after, nbytes)
    place = b.add(f.get(block, ADDRESS), b.mul(before, nbytes))
    with b.if_then(f.is_(">", after, before)):
        m.zero(f, place, b.mul(b.sub(after, before), nbytes))
    f.put(block, SIZE, after)
    f.put(record, COUNTED, number)
    f.end(I32(0))


def _unnest(m: Blocks, f: _Body, target: ir.Value, record: ir.Value, place: ir.Value) -> None:
    """The record at a place, which a sequence has just been cut to: moved if nobody else has it."""
    block = f.get(record, BLOCK)
    f.b.call(m["copy"], [target, place])
    alone = f.is_("==", f.get(block, USERS), 1)
    last = f.is_("==", f.get(block, SIZE), f.b.add(f.get(record, COUNTED), I64(1)))
    with f.b.if_then(f.b.and_(alone, last)):
        f.b.call(m["release"], [place])
        f.put(block, SIZE, f.get(record, COUNTED))
    f.end()


# The number of arguments, what is returned, what writes it.
BLOCKS: dict[str, tuple[int, ir.Type, Callable[..., None]]] = {
    "fresh": (2, I64, _fresh),
    "release": (1, ir.VoidType(), _release),
    "free": (1, ir.VoidType(), _free),
    "copy": (2, ir.VoidType(), _copy),
    "own": (5, I32, _own),
    "room": (5, I32, _room),
    "like": (6, I32, _like),
    "fill": (5, I32, _fill),
    "unnest": (3, ir.VoidType(), _unnest),
}
