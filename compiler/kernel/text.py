"""Kernel -> text. ``parse.py`` reads the same text back to an equal kernel.

One statement a line; blocks are indented in braces. An index is a sum: a loop's index or an int64
value, alone or times a size, which stands in parentheses unless it is a number. Dtypes are spelled
as in graphs, floats are the shortest text with the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from twofold.ir.dims import DimLike
from twofold.ir.dtypes import dtype_name
from twofold.ir.number_text import show_float

from .statements import (
    Access,
    Apply,
    Check,
    Const,
    Fold,
    For,
    If,
    Index,
    Load,
    Position,
    Reduce,
    Resize,
    Set,
    Size,
    Statement,
    Store,
    Var,
    While,
)

if TYPE_CHECKING:
    from .loops import Kernel

__all__ = ["index_text", "kernel_lines", "print_kernel"]

INDENT = "  "
Line = tuple[str, "Statement | Const | None"]  # a line, and what it spells


def print_kernel(kernel: Kernel) -> str:
    """The text of a kernel."""
    return "\n".join(line for line, _ in kernel_lines(kernel)) + "\n"


def kernel_lines(kernel: Kernel) -> Iterator[Line]:
    """The lines of a kernel with the statements that begin on them."""
    buffers = ", ".join(
        f"{b.name}: {'grow ' if b.grows else 'out ' if b.out else ''}{dtype_name(b.dtype)}"
        for b in kernel.buffers
    )
    loops = ", ".join(f"{'fold ' if x.fold else ''}{x.name}: {x.size}" for x in kernel.loops)
    yield f"kernel {kernel.name}({buffers}) for ({loops}) {{", None
    write = _Writer(kernel)
    for const in kernel.consts:
        value = _number(const.value)
        yield f"{INDENT}const {const.name}: {dtype_name(const.dtype)} = {value}", const
    yield from write.block(kernel.before, INDENT)
    for sweep in kernel.sweeps:
        yield f"{INDENT}sweep {{", None
        yield from write.block(sweep.inner, 2 * INDENT)
        if sweep.after:
            yield f"{INDENT}}} after {{", None
            yield from write.block(sweep.after, 2 * INDENT)
        yield f"{INDENT}}}", None
    yield "}", None


class _Writer:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.loops = [loop.name for loop in kernel.loops]

    def block(self, statements: Iterable[Statement], indent: str) -> Iterator[Line]:
        for statement in statements:
            yield from self.statement(statement, indent)

    def statement(self, s: Statement, indent: str) -> Iterator[Line]:
        inner = indent + INDENT
        match s:
            case If(test, then, orelse):
                yield f"{indent}if {test} {{", s
                yield from self.block(then, inner)
                if orelse:
                    yield f"{indent}}} else {{", None
                    yield from self.block(orelse, inner)
                yield f"{indent}}}", None
            case While(before, test, body):
                if before:
                    yield f"{indent}do {{", None
                    yield from self.block(before, inner)
                yield f"{indent}{'} ' if before else ''}while {test} {{", s
                yield from self.block(body, inner)
                yield f"{indent}}}", None
            case For(name, start, stop, body):
                bounds = f"{index_text(start, self.loops)} to {index_text(stop, self.loops)}"
                yield f"{indent}for {name}: {bounds} {{", s
                yield from self.block(body, inner)
                yield f"{indent}}}", None
            case Reduce(names, stops, body):
                pairs = zip(names, stops, strict=True)
                box = ", ".join(f"{name}: {index_text(x, self.loops)}" for name, x in pairs)
                yield f"{indent}reduce {box} {{", s
                yield from self.block(body, inner)
                yield f"{indent}}}", None
            case _:
                yield indent + self.line(s), s

    def line(self, s: Statement) -> str:
        """A statement without blocks."""
        match s:
            case Load(name, dtype, access):
                return f"{name}: {dtype_name(dtype)} = {self.place(access)}"
            case Position(name, index):
                return f"{name}: i64 = at {index_text(index, self.loops)}"
            case Apply(name, dtype, expr):
                return f"{name}: {dtype_name(dtype)} = {expr}"
            case Fold(name, dtype, expr, identity):
                return f"fold {name}: {dtype_name(dtype)} = {expr} from {_number(identity)}"
            case Store(access, value):
                return f"{self.place(access)} = {value}"
            case Var(name, dtype, expr):
                return f"var {name}: {dtype_name(dtype)} = {expr}"
            case Set(name, expr):
                return f"{name} = {expr}"
            case Check(test):
                return f"check {test}"
            case Size(name, buffer):
                return f"{name}: i64 = size {self.kernel.buffers[buffer].name}"
            case Resize(buffer, amount):
                return f"resize {self.kernel.buffers[buffer].name} by {amount}"
        raise AssertionError(f"{s!r} is a statement with blocks")

    def place(self, access: Access) -> str:
        buffer = self.kernel.buffers[access.buffer].name
        return f"{buffer}[{index_text(access.index, self.loops)}]"


def index_text(index: Index, loops: list[str]) -> str:
    """An index as a sum of terms: ``i0 * (2*n) + i1``."""
    terms = [] if _is(index.offset, 0) else [_size(index.offset)]
    pairs = [*zip(loops, index.strides, strict=True), *index.scalars]
    for name, stride in pairs:
        if not _is(stride, 0):
            terms.append(name if _is(stride, 1) else f"{name} * {_size(stride)}")
    return " + ".join(terms) or "0"


def _is(size: DimLike, number: int) -> bool:
    return isinstance(size, int) and size == number


def _size(size: DimLike) -> str:
    return str(size) if isinstance(size, int) else f"({size})"


def _number(value: Any) -> str:
    if isinstance(value, complex):
        return f"complex({show_float(value.real)}, {show_float(value.imag)})"
    return show_float(value) if isinstance(value, float) else repr(value)
