"""Text -> kernel: what ``text.py`` writes, and what a person writes with other blanks and comments.

Whatever is wrong raises IRSyntaxError with line, column and reason; nothing in the text is
executed. The result is verified, unless ``check=False``.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from twofold.ir.dim_text import parse_dim_prefix
from twofold.ir.dims import DimLike, DimSyntaxError
from twofold.ir.dtypes import DTYPES, info
from twofold.ir.number_text import KEYWORDS, parse_element, parse_number
from twofold.ir.scanner import BARE, Scanner, token

from .expression import ExpressionError, normal
from .loops import Buffer, Kernel, Loop, Sweep
from .statements import (
    Access,
    Apply,
    Block,
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
from .verify import verify

__all__ = ["parse_kernel", "parse_kernels"]

DEPTH = 100  # blocks in blocks
_HEADER = token(rf"kernel\b\s*({BARE})\s*\(")
_FOR = token(r"for\b\s*\(")
_FOLD = token(r"fold\b")
_OUT, _GROW = token(r"out\b"), token(r"grow\b")
_SIZE, _BY = token(rf"size\b\s*({BARE})"), token(r"by\b")
_NAME = token(f"({BARE})")
_WORD = token(r"(const|var|fold|check|resize|reduce|if|for|do|while|sweep)\b(?!\s*[=:\[])")
_AFTER, _ELSE, _TO, _FROM, _WHILE = (
    token(rf"{word}\b") for word in ("after", "else", "to", "from", "while")
)
_AT = token(r"at\b")
_LOAD = token(rf"({BARE})\[")
_EXPR = token(r"([^\n#{}]*[^\n#{}\s])")
_FOLDED = token(r"([^\n#{}]*?)\s*\bfrom\b")
_INT = token(r"(-?\d{1,18})\b")
_SEPARATOR = re.compile(r"[^\S\n]*(#[^\n]*)?(\n|(?=\})|\Z)")
_OPEN, _CLOSE, _BEGIN, _END = (token(c) for c in (r"\(", r"\)", r"\{", r"\}"))
_COMMA, _COLON, _EQUALS, _PLUS, _TIMES, _SQUARE = (
    token(c) for c in (",", ":", "=(?!=)", r"\+", r"\*", r"\]")
)


def parse_kernel(text: str, *, check: bool = True) -> Kernel:
    """The kernel that a text spells. Raises IRSyntaxError, and VerifyError for an invariant.

    >>> print(parse_kernel('''kernel twice(x: f32, y: out f32) for (i: n) {
    ...     sweep { v: f32 = x[i]
    ...             w: f32 = v + v
    ...             y[i] = w } }'''), end="")
    kernel twice(x: f32, y: out f32) for (i: n) {
      sweep {
        v: f32 = x[i]
        w: f32 = v + v
        y[i] = w
      }
    }
    """
    parser = _Parser(Scanner(text))
    kernel = parser.kernel()
    if parser.s.next():
        parser.s.fail(f"{parser.s.shown()} after the end of the kernel")
    if check:
        verify(kernel)
    return kernel


def parse_kernels(text: str) -> list[Kernel]:
    """The kernels of a text, such as ``twofold dump --loops`` prints. Raises the same."""
    scanner, kernels = Scanner(text), []
    while scanner.next():
        kernels.append(_Parser(scanner).kernel())
        verify(kernels[-1])
    return kernels


class _Parser:
    def __init__(self, scanner: Scanner) -> None:
        self.s = scanner
        self.buffers: dict[str, int] = {}
        self.loops: list[str] = []
        self.depth = 0

    def kernel(self) -> Kernel:
        s = self.s
        name = s.expect(_HEADER, "'kernel NAME(...) for (...) {'")[1]
        buffers = self.items(self.buffer)
        self.buffers = {b.name: i for i, b in enumerate(buffers)}
        s.expect(_FOR, "'for (...)'")
        loops = self.items(self.loop)
        self.loops = [loop.name for loop in loops]
        s.expect(_BEGIN, "'{'")
        consts, before, sweeps = self.body()
        return Kernel(name, tuple(buffers), tuple(loops), tuple(consts), before, tuple(sweeps))

    def items(self, read: Any) -> list[Any]:
        """What stands between parentheses, separated by commas."""
        s, found = self.s, []
        while not s.take(_CLOSE):
            found.append(read())
            if s.next() != ")":
                s.expect(_COMMA, "',' or ')'")
        return found

    def buffer(self) -> Buffer:
        name = self.name("a buffer such as 'x: f32'")
        self.s.expect(_COLON, "':'")
        grows = self.s.take(_GROW) is not None
        out = grows or self.s.take(_OUT) is not None
        return Buffer(name, self.dtype(), out, grows)

    def loop(self) -> Loop:
        fold = self.s.take(_FOLD) is not None
        name = self.name("a loop such as 'i0: n'")
        self.s.expect(_COLON, "':'")
        return Loop(name, self.size(), fold)

    def name(self, what: str) -> str:
        return str(self.s.expect(_NAME, what)[1])

    def dtype(self) -> np.dtype[Any]:
        s, at = self.s, self.s.here()
        name = self.name("a dtype")
        if name not in DTYPES:
            s.fail(f"unknown dtype {name}; the dtypes are {', '.join(DTYPES)}", at)
        return DTYPES[name]

    def size(self) -> DimLike:
        """A size such as ``2*n+1``."""
        s = self.s
        try:
            size, s.pos = parse_dim_prefix(s.text, s.here())
        except DimSyntaxError as error:
            s.fail(error.reason, error.position)
        return size

    def body(self) -> tuple[list[Const], Block, list[Sweep]]:
        """Constants, what runs before the sweeps, the sweeps, the closing brace."""
        s = self.s
        consts: list[Const] = []
        before: list[Statement] = []
        sweeps: list[Sweep] = []
        while not s.take(_END):
            word = self.word()
            if word == "sweep":
                sweeps.append(self.sweep())
            elif sweeps:
                s.fail(f"expected 'sweep {{' or '}}', found {word or s.shown()}")
            elif word == "const":
                consts.append(self.const())
            else:
                before.append(self.statement(word))
            self.separator()
        return consts, tuple(before), sweeps

    def word(self) -> str:
        """The keyword that a statement begins with, or nothing."""
        found = self.s.take(_WORD)
        return found[1] if found else ""

    def separator(self) -> None:
        """A statement ends with its line or with the block."""
        s = self.s
        found = _SEPARATOR.match(s.text, s.pos)
        if found is None:
            s.fail(f"expected the end of the line, found {s.shown()}")
        s.pos = found.end()

    def sweep(self) -> Sweep:
        inner = self.block()
        return Sweep(inner, self.block() if self.s.take(_AFTER) else ())

    def block(self) -> Block:
        """``{ statements }``."""
        s = self.s
        s.expect(_BEGIN, "'{'")
        self.depth += 1
        if self.depth > DEPTH:
            s.fail(f"blocks are nested over {DEPTH} deep")
        found: list[Statement] = []
        while not s.take(_END):
            if not s.next():
                s.fail("a block is not closed: '}' is missing")
            found.append(self.statement(self.word()))
            self.separator()
        self.depth -= 1
        return tuple(found)

    def const(self) -> Const:
        name, dtype = self.typed()
        return Const(name, dtype, self.number(dtype))

    def typed(self) -> tuple[str, np.dtype[Any]]:
        """``name: dtype =``."""
        name = self.name("a name")
        self.s.expect(_COLON, "':'")
        dtype = self.dtype()
        self.s.expect(_EQUALS, "'='")
        return name, dtype

    def number(self, dtype: np.dtype[Any]) -> Any:
        """A number of a dtype, as Python has it."""
        s, at = self.s, self.s.here()
        if info(dtype).complex:
            found: Any = parse_element(s)
            return complex(*found) if isinstance(found, tuple) else complex(found)
        value: Any = parse_number(s)
        if value is None:
            value = KEYWORDS.get(self.name(f"a number of dtype {dtype}"))
        kinds = {"b": "bool", "f": "float", "i": "int", "u": "int"}
        own = info(dtype)
        if value.__class__.__name__ != kinds.get(own.letter):
            s.fail(f"{value!r} is not a number of dtype {dtype}", at)
        if own.integer and not own.ints[0] <= value <= own.ints[1]:
            s.fail(f"{value} is out of the range of {dtype}", at)
        return value

    def statement(self, word: str) -> Statement:
        s = self.s
        if word == "var":
            return Var(*self.typed(), self.expression())
        if word == "fold":
            name, dtype = self.typed()
            at = s.here()
            found = s.expect(_FOLDED, "an expression and 'from' with the first value")
            return Fold(name, dtype, self.normal(found[1], at), self.number(dtype))
        if word == "check":
            return Check(self.expression())
        if word == "resize":
            buffer = self.buffer_named(self.name("a buffer"), s.here())
            s.expect(_BY, "'by'")
            return Resize(buffer, int(s.expect(_INT, "a number of elements")[1]))
        if word == "if":
            test, then = self.expression(), self.block()
            return If(test, then, self.block() if s.take(_ELSE) else ())
        if word in ("do", "while"):
            before = self.block() if word == "do" else ()
            if before or word == "do":
                s.expect(_WHILE, "'while' after the block of 'do'")
            return While(before, self.expression(), self.block())
        if word == "for":
            name = self.name("the name of an index")
            s.expect(_COLON, "':'")
            start = self.index()
            s.expect(_TO, "'to'")
            return For(name, start, self.index(), self.block())
        if word == "reduce":
            box = [self.stop()]
            while s.take(_COMMA):
                box.append(self.stop())
            return Reduce(tuple(n for n, _ in box), tuple(x for _, x in box), self.block())
        if word:
            s.fail(f"{word!r} stands at the top of a kernel")
        return self.assignment()

    def stop(self) -> tuple[str, Index]:
        """``name: index``, one side of a box."""
        name = self.name("the name of an index")
        self.s.expect(_COLON, "':'")
        return name, self.index()

    def assignment(self) -> Statement:
        """A store, a variable's new value, or a value with its dtype."""
        s, at = self.s, self.s.here()
        name = self.name("a statement or '}'")
        if s.next() == "[":
            s.pos = at
            access = self.access(s.expect(_LOAD, "a buffer"))
            s.expect(_EQUALS, "'='")
            return Store(access, self.name("the name of a value"))
        if s.next() == "=":
            s.expect(_EQUALS, "'='")
            return Set(name, self.expression())
        s.pos = at
        name, dtype = self.typed()
        if s.take(_AT):
            if dtype != np.dtype("int64"):
                s.fail("a position is of dtype i64", at)
            return Position(name, self.index())
        found = s.take(_SIZE)
        if found:
            if dtype != np.dtype("int64"):
                s.fail("a size is of dtype i64", at)
            return Size(name, self.buffer_named(found[1], at))
        found = s.take(_LOAD)
        if found:
            return Load(name, dtype, self.access(found))
        return Apply(name, dtype, self.expression())

    def access(self, found: re.Match[str]) -> Access:
        """What follows ``buffer[``."""
        buffer = self.buffer_named(found[1], found.start(1))
        index = self.index()
        self.s.expect(_SQUARE, "']'")
        return Access(buffer, index)

    def buffer_named(self, name: str, at: int) -> int:
        if name not in self.buffers:
            self.s.fail(f"{name} is not a buffer", at)
        return self.buffers[name]

    def index(self) -> Index:
        """A sum of terms."""
        strides: dict[str, DimLike] = {}
        scalars: list[tuple[str, DimLike]] = []
        offset: DimLike = 0
        while True:
            name, stride = self.term()
            if not name:
                offset = offset + stride
            elif name in self.loops:
                strides[name] = strides.get(name, 0) + stride
            else:
                scalars.append((name, stride))
            if not self.s.take(_PLUS):
                break
        return Index(offset, tuple(strides.get(x, 0) for x in self.loops), tuple(scalars))

    def term(self) -> tuple[str, DimLike]:
        """``name``, ``name * size`` or a size (then the name is empty)."""
        s = self.s
        if s.next() == "(" or s.next() in "-0123456789":
            return "", self.factor()
        name = self.name("a term of an index")
        return name, self.factor() if s.take(_TIMES) else 1

    def factor(self) -> DimLike:
        """A number, or a size in parentheses."""
        s = self.s
        found = s.take(_INT)
        if found:
            return int(found[1])
        s.expect(_OPEN, "a number or a size in parentheses")
        size = self.size()
        s.expect(_CLOSE, "')'")
        return size

    def expression(self) -> str:
        at = self.s.here()
        return self.normal(self.s.expect(_EXPR, "an expression")[1], at)

    def normal(self, text: str, at: int) -> str:
        try:
            return normal(text)
        except ExpressionError as error:
            self.s.fail(str(error), at)
