"""Memory of sequences that is kept between calls: what was freed is given to the next that begins.

A loop that keeps a megabyte for its gradient would else get new pages from the system in every
call, which takes longer than to fill them, and would copy its elements each time they have outgrown
their memory. ``PLACES`` pieces of at least ``LEAST`` bytes are kept, of ``MOST`` bytes together; a
sequence begins in the largest of them.

Lock discipline: one word, taken by an atomic exchange and never waited for. Who finds it taken (by
another thread, or by one that a fork has left behind) asks the C library instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from llvmlite import ir

from .code import I64, POINTER, Code
from .lanes import declare

__all__ = ["LEAST", "MOST", "discard", "take"]

PLACES = 8
LEAST, MOST = 1 << 16, 1 << 26  # bytes
KEPT = ir.ArrayType(I64, 2 * PLACES + 2)  # addresses, bytes, their sum, the lock
SUM, LOCK = 2 * PLACES, 2 * PLACES + 1


class _Kept:
    """What is kept, in a function being written."""

    def __init__(self, module: ir.Module, code: Code) -> None:
        found = module.globals.get("kept")
        if found is None:
            found = ir.GlobalVariable(module, KEPT, "kept")
            found.initializer, found.linkage = ir.Constant(KEPT, None), "internal"
        self.code, self.b = code, code.b
        self.start = self.b.ptrtoint(found, I64)

    def word(self, i: ir.Value) -> ir.Value:
        return self.b.inttoptr(self.b.add(self.start, self.b.mul(i, I64(8))), POINTER)

    def get(self, i: ir.Value) -> ir.Value:
        return self.b.load(self.word(i), typ=I64)

    def put(self, i: ir.Value, value: ir.Value) -> None:
        self.b.store(value, self.word(i))

    def bytes_of(self, i: ir.Value) -> ir.Value:
        """Where it stands how many bytes the i-th piece has."""
        made: ir.Value = self.b.add(i, I64(PLACES))
        return made

    def count(self, more: ir.Value) -> None:
        """So many bytes more."""
        self.put(I64(SUM), self.b.add(self.get(I64(SUM)), more))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Code that runs if nobody else has the lock."""
        before = self.b.atomic_rmw("xchg", self.word(I64(LOCK)), I64(1), "acquire")
        with self.b.if_then(self.b.icmp_signed("==", before, I64(0))):
            yield
            self.b.atomic_rmw("xchg", self.word(I64(LOCK)), I64(0), "release")


def _function(module: ir.Module, name: str, result: ir.Type) -> ir.Function:
    fn = ir.Function(module, ir.FunctionType(result, [POINTER, I64]), name)
    fn.linkage = "internal"
    for attribute in ("cold", "noinline"):
        fn.attributes.add(attribute)
    return fn


def _end(code: Code, *result: ir.Value) -> None:
    code.b.ret(*result) if result else code.b.ret_void()
    code.entry.position_at_end(code.entry.block)
    code.entry.branch(code.start)


def take(module: ir.Module) -> ir.Function:
    """A function of where an address stands and the bytes that are needed: the address of the
    largest piece, if that is large enough. It returns its bytes, or 0."""
    found = module.globals.get("take")
    if found is not None:
        return found
    fn = _function(module, "take", I64)
    code = Code(fn)
    b, kept = code.b, _Kept(module, code)
    place, most = code.slot(I64), code.slot(I64)
    b.store(I64(0), place)
    b.store(I64(0), most)
    with kept.locked():
        with code.loop(I64(0), I64(PLACES)) as i:
            size = kept.get(kept.bytes_of(i))
            larger = b.icmp_signed(">", size, b.load(most, typ=I64))
            with b.if_then(larger):
                b.store(i, place)
                b.store(size, most)
        at, size = b.load(place, typ=I64), b.load(most, typ=I64)
        enough = b.and_(b.icmp_signed(">", size, I64(0)), b.icmp_signed(">=", size, fn.args[1]))
        with b.if_else(enough) as (yes, no):
            with yes:
                b.store(kept.get(at), fn.args[0])
                kept.put(at, I64(0))
                kept.put(kept.bytes_of(at), I64(0))
                kept.count(b.neg(size))
            with no:
                b.store(I64(0), most)
    _end(code, b.load(most, typ=I64))
    return fn


def discard(module: ir.Module) -> ir.Function:
    """A function of memory and its bytes: keeps it, or gives it back to the C library."""
    found = module.globals.get("discard")
    if found is not None:
        return found
    fn = _function(module, "discard", ir.VoidType())
    code = Code(fn)
    b, kept = code.b, _Kept(module, code)
    address, size = b.ptrtoint(fn.args[0], I64), fn.args[1]
    left = code.slot(I64)
    b.store(address, left)
    large = b.icmp_signed(">=", size, I64(LEAST))
    with b.if_then(b.and_(large, b.icmp_signed("<=", size, I64(MOST)))), kept.locked():
        fits = b.icmp_signed("<=", b.add(kept.get(I64(SUM)), size), I64(MOST))
        with b.if_then(fits), code.loop(I64(0), I64(PLACES)) as i:
            free = b.icmp_signed("==", kept.get(i), I64(0))
            waits = b.icmp_signed("!=", b.load(left, typ=I64), I64(0))
            with b.if_then(b.and_(free, waits)):
                kept.put(i, address)
                kept.put(kept.bytes_of(i), size)
                kept.count(size)
                b.store(I64(0), left)
    released = b.inttoptr(b.load(left, typ=I64), POINTER)
    b.call(declare(module, "free", ir.FunctionType(ir.VoidType(), [POINTER])), [released])
    _end(code)
    return fn
