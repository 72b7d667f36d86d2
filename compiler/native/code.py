"""A function being written: its blocks, loops, branches and stack slots; the kernels' signature."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager

from llvmlite import ir

__all__ = ["BODY", "I1", "I32", "I64", "POINTER", "Code", "new_function", "signals", "text_of"]

I64, I32, I1 = ir.IntType(64), ir.IntType(32), ir.IntType(1)
POINTER = ir.PointerType()
BODY = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64])
ATTRIBUTES = ('"prefer-vector-width"="512"', '"min-legal-vector-width"="512"', "nounwind")


def new_function(module: ir.Module, name: str) -> ir.Function:
    """An internal function with the kernels' signature and vector attributes."""
    fn = ir.Function(module, BODY, name)
    known = type(fn.attributes)._known
    if ATTRIBUTES[0] not in known:
        type(fn.attributes)._known = known | set(ATTRIBUTES)
    for attribute in ATTRIBUTES:
        fn.attributes.add(attribute)
    fn.linkage = "internal"
    return fn


def signals(module: ir.Module) -> ir.Function:
    """A function of the module that lets Python handle the signals that have come.

    It takes the GIL for that, and returns whether a handler raised, as that of Ctrl-C does. Only a
    thread that Python knows may call it.
    """
    found = module.globals.get("signals")
    if found is not None:
        return found
    ensure, check, release = (
        module.globals.get(name) or ir.Function(module, ir.FunctionType(result, args), name)
        for name, result, args in (
            ("PyGILState_Ensure", I32, []),
            ("PyErr_CheckSignals", I32, []),
            ("PyGILState_Release", ir.VoidType(), [I32]),
        )
    )
    fn = ir.Function(module, ir.FunctionType(I32, []), "signals")
    fn.linkage = "internal"
    for attribute in ("cold", "noinline"):
        fn.attributes.add(attribute)
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    state = b.call(ensure, [])
    raised = b.call(check, [])
    b.call(release, [state])
    b.ret(raised)
    return fn


def text_of(module: ir.Module) -> str:
    """A module as text. Each marked loop has a node of its own for its mark, as LLVM wants, which
    llvmlite cannot write."""
    numbers = itertools.count(100_000)
    nodes: list[str] = []

    def own(found: re.Match[str]) -> str:
        i = next(numbers)
        nodes.append(f"!{i} = distinct !{{ !{i}, {found[1]} }}")
        return f"!llvm.loop !{i}"

    return "\n".join([re.sub(r"!llvm\.loop (!\d+)", own, str(module)), *nodes, ""])


class Code:
    """A function being written: blocks, loops, integer arithmetic."""

    def __init__(self, fn: ir.Function) -> None:
        self.entry = ir.IRBuilder(fn.append_basic_block("entry"))
        self.b = ir.IRBuilder(fn.append_basic_block("start"))
        self.start = self.b.block
        self.fn = fn
        self.loops = 0  # so far, of those whose trips are not counted

    def finish(self) -> None:
        """Return, and join the entry block to the code."""
        self.b.ret_void()
        self.entry.position_at_end(self.entry.block)  # others allocate in this block too
        self.entry.branch(self.start)

    def slot(self, kind: ir.Type, count: int | None = None) -> ir.Value:
        """A stack slot, or so many next to each other, allocated in the entry block."""
        self.entry.position_at_end(self.entry.block)
        made: ir.Value = self.entry.alloca(kind, count)
        return made

    @contextmanager
    def loop(self, start: ir.Value, stop: ir.Value, step: int = 1) -> Iterator[ir.Value]:
        """Repeat for an index from start while index < stop."""
        counter = self.slot(I64)
        self.b.store(start, counter)
        head = self.fn.append_basic_block("head")
        body = self.fn.append_basic_block("body")
        after = self.fn.append_basic_block("after")
        self.b.branch(head)
        self.b.position_at_end(head)
        index = self.b.load(counter, typ=I64)
        self.b.cbranch(self.b.icmp_signed("<", index, stop), body, after)
        self.b.position_at_end(body)
        inner = self.loops
        yield index
        self.b.store(self.b.add(index, I64(step)), counter)
        self._go_back(head, inner)
        self.b.position_at_end(after)

    @contextmanager
    def times(self, count: ir.Value) -> Iterator[ir.Value]:
        """Repeat so many times, at least once; gives the number of the trip, from 0."""
        counter = self.slot(I64)
        self.b.store(I64(0), counter)
        body, after = (self.fn.append_basic_block(name) for name in ("body", "after"))
        self.b.branch(body)
        self.b.position_at_end(body)
        index = self.b.load(counter, typ=I64)
        yield index
        following = self.b.add(index, I64(1))
        self.b.store(following, counter)
        self.b.cbranch(self.b.icmp_unsigned("<", following, count), body, after)
        self.b.position_at_end(after)

    @contextmanager
    def forever(self) -> Iterator[ir.Block]:
        """Repeat; the code inside branches to the given block to go on behind the loop."""
        body = self.fn.append_basic_block("body")
        after = self.fn.append_basic_block("after")
        self.b.branch(body)
        self.b.position_at_end(body)
        inner = self.loops
        yield after
        self._go_back(body, inner)
        self.loops += 1
        self.b.position_at_end(after)

    def _go_back(self, to: ir.Block, inner: int) -> None:
        """The end of a loop. One around a loop whose trips are not counted is not to be vectorised:
        LLVM unrolls the inner one if it finds the number of its trips, and then its vectoriser
        takes time that doubles with each of them (a value that is used twice, fifty times)."""
        back = self.b.branch(to)
        if self.loops > inner:
            mark = self.fn.module.add_metadata(["llvm.loop.vectorize.enable", I1(0)])
            back.set_metadata("llvm.loop", mark)

    def least(self, x: ir.Value, y: ir.Value) -> ir.Value:
        """The smaller of two signed integers."""
        made: ir.Value = self.b.select(self.b.icmp_signed("<", x, y), x, y)
        return made
