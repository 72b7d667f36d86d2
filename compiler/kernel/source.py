"""A kernel as readable Python: what ``dump --kernels`` shows, what a debugger can step.

The text runs as it stands, on flat arrays, with ``kernel_namespace()`` for the functions that the
expressions call; it is the oracle of the machine code in the tests.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

from twofold.ir.dims import DimLike, substitute, symbol
from twofold.ir.dtypes import DTYPES, NAMES
from twofold.ir.op import OPS

from .expression import CONSTANTS, RESERVED, names, parse, rename
from .functions import FUNCTIONS
from .loops import Kernel, Sweep
from .statements import (
    Access,
    Apply,
    Block,
    Check,
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
    expressions_of,
    names_of,
    walk,
)
from .text import index_text

__all__ = ["function_name", "kernel_namespace", "python_source"]

INDENT = "    "
_OPS = {
    "pow": "power",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pair": "complex",
    "conj": "conjugate",
}  # functions that ops spell


def python_source(kernel: Kernel, name: str) -> str:
    """The kernel as a Python function of its flat buffers and its sizes."""
    return _Source(kernel, name).text()


@cache
def kernel_namespace() -> dict[str, Any]:
    """What the text of a kernel calls: the ops' NumPy bodies, and dtypes as casts.

    >>> kernel_namespace()["maximum"](1.0, 2.0)
    np.float64(2.0)
    """
    ops = {name: OPS[op].own_body for name in FUNCTIONS if (op := _OPS.get(name, name)) in OPS}
    casts = {name: DTYPES[short].type for name, short in NAMES.items()}
    plain = {"inf": math.inf, "nan": math.nan, "fma": lambda x, y, z: x * y + z,
             "mulhi": lambda x, y: np.uint64(int(x) * int(y) >> 64)}  # fmt: skip
    whole = {f"to_{name}": _whole(dtype) for name, dtype in casts.items()}
    return {**ops, **plain, **casts, **whole}


def _whole(dtype: Any) -> Any:
    return lambda x: np.asarray(x).astype(dtype)[()]


def function_name(kernel: Kernel) -> str:
    """The name of the Python function: the kernel's, unless the text calls a function of it."""
    return f"{kernel.name}_kernel" if kernel.name in RESERVED else kernel.name


class _Source:
    def __init__(self, kernel: Kernel, name: str) -> None:
        self.kernel, self.name = kernel, name
        self.lines: list[str] = []
        self.literals = {
            c.name: _number(c.value) for c in kernel.consts if not isinstance(c.value, complex)
        }
        self.dtypes: dict[str, str] = {}  # of variables
        given = [*(b.name for b in kernel.buffers), *(x.name for x in kernel.loops), name]
        taken = {*RESERVED, *given, *(n for s in kernel.statements() for n in names_of(s))}
        self.sizes = {s: symbol(_free(s, taken)) for s in kernel.symbols()}

    def text(self) -> str:
        buffers = [b.name for b in self.kernel.buffers]
        params = ", ".join([*buffers, *map(str, self.sizes.values())])
        self.line(0, f"def {self.name}({params}):")
        depth = 1
        for c in self.kernel.consts:
            if c.name not in self.literals:
                self.line(depth, f"{c.name} = {c.dtype.name}({_number(c.value)})")
        for loop in self.kernel.loops:
            if not loop.fold:
                self.line(depth, f"for {loop.name} in range({self.size(loop.size)}):")
                depth += 1
        self.block(self.kernel.before, depth)
        for sweep in self.kernel.sweeps:
            self.sweep(sweep, depth)
        return "\n".join(self.lines) + "\n"

    def line(self, depth: int, text: str) -> None:
        self.lines.append(INDENT * depth + text)

    def size(self, dim: DimLike) -> DimLike:
        """A size over the names of the parameters."""
        return substitute(dim, self.sizes)

    def begin(self, folds: Iterable[Fold], depth: int) -> None:
        """Accumulators as they are at first."""
        for fold in folds:
            first = f"{fold.dtype.name}({_number(fold.identity)})"
            self.line(depth, f"{fold.name} = {first}")

    def sweep(self, sweep: Sweep, depth: int) -> None:
        self.begin(sweep.folds, depth)
        inside = depth
        if sweep.inner:
            for loop in self.kernel.loops:
                if loop.fold:
                    self.line(inside, f"for {loop.name} in range({self.size(loop.size)}):")
                    inside += 1
        self.block(sweep.inner, inside)
        self.block(sweep.after, depth)

    def block(self, statements: Iterable[Statement], depth: int) -> None:
        for statement in statements:
            self.statement(statement, depth)

    def statement(self, s: Statement, depth: int) -> None:
        match s:
            case Load(name, _, access):
                self.line(depth, f"{name} = {self.place(access)}")
            case Position(name, index):
                self.line(depth, f"{name} = int64({self.index(index)})")
            case Apply(name, dtype, expr):
                self.line(depth, f"{name} = {self.expression(expr, dtype.name)}")
            case Fold(name, dtype, expr):
                self.line(depth, f"{name} = {self.expression(expr, dtype.name)}")
            case Store(access, value):
                self.line(depth, f"{self.place(access)} = {self.literals.get(value, value)}")
            case Var(name, dtype, expr):
                self.dtypes[name] = dtype.name
                self.line(depth, f"{name} = {self.expression(expr, dtype.name)}")
            case Set(name, expr):
                self.line(depth, f"{name} = {self.expression(expr, self.dtypes[name])}")
            case _:
                self.control(s, depth)

    def control(self, s: Statement, depth: int) -> None:
        match s:
            case Size(name, buffer):
                self.line(depth, f"{name} = int64(len({self.kernel.buffers[buffer].name}))")
            case Resize(buffer, amount):
                name = self.kernel.buffers[buffer].name
                more = f"{name}.extend([None] * {amount})"
                self.line(depth, more if amount > 0 else f"del {name}[{amount}:]")
            case Check(test):
                self.line(depth, f"assert {rename(test, self.literals)}")
            case If(test, then, orelse):
                self.line(depth, f"if {rename(test, self.literals)}:")
                self.inner(then, depth)
                if orelse:
                    self.line(depth, "else:")
                    self.inner(orelse, depth)
            case While((), test, body):
                self.line(depth, f"while {rename(test, self.literals)}:")
                self.inner(body, depth)
            case While(before, test, body):
                self.line(depth, "while True:")
                self.block(before, depth + 1)
                self.line(depth + 1, f"if not ({rename(test, self.literals)}):")
                self.line(depth + 2, "break")
                self.block(body, depth + 1)
            case For(name, start, stop, body):
                numbers = f"range({self.index(start)}, {self.index(stop)})"
                self.loop(name, numbers, body, depth)
                self.inner(body, depth)
            case Reduce(inner, stops, body):
                self.begin(s.folds, depth)
                for i, (name, stop) in enumerate(zip(inner, stops, strict=True)):
                    self.loop(name, f"range({self.index(stop)})", body, depth + i)
                self.inner(body, depth + len(inner) - 1)

    def loop(self, name: str, numbers: str, body: Block, depth: int) -> None:
        """The head of a loop; its index is an int64 where expressions use it."""
        if any(name in names(expr) for s in walk(body) for expr in expressions_of(s)):
            numbers = f"map(int64, {numbers})"
        self.line(depth, f"for {name} in {numbers}:")

    def inner(self, block: Iterable[Statement], depth: int) -> None:
        before = len(self.lines)
        self.block(block, depth + 1)
        if len(self.lines) == before:
            self.line(depth + 1, "pass")

    def expression(self, expr: str, dtype: str) -> str:
        """An expression; one whose result could be a Python number is given its dtype."""
        text = rename(expr, {**self.literals, "cast": dtype, "integer": f"to_{dtype}"})
        seen = parse(rename(expr, self.literals))
        return text if _is_numpy(seen) else f"{dtype}({text})"

    def index(self, index: Index) -> str:
        made = Index(
            self.size(index.offset),
            tuple(map(self.size, index.strides)),
            tuple(
                (self.literals.get(name, name), self.size(stride)) for name, stride in index.scalars
            ),
        )
        return index_text(made, [loop.name for loop in self.kernel.loops])

    def place(self, access: Access) -> str:
        return f"{self.kernel.buffers[access.buffer].name}[{self.index(access.index)}]"


def _is_numpy(node: ast.expr) -> bool:
    """Whether the value is NumPy's for certain, so that it has a dtype; literals have none."""
    match node:
        case ast.Constant():
            return False
        case ast.BinOp(left, _, right):
            return _is_numpy(left) or _is_numpy(right)
        case ast.UnaryOp(op, operand):
            return not isinstance(op, ast.Not) and _is_numpy(operand)
        case ast.BoolOp(_, values):
            return all(map(_is_numpy, values))
        case ast.Compare(left, _, comparators):
            return any(map(_is_numpy, (left, *comparators)))
        case ast.IfExp(_, body, orelse):
            return _is_numpy(body) and _is_numpy(orelse)
    return not (isinstance(node, ast.Name) and node.id in CONSTANTS)


def _free(name: str, taken: set[str]) -> str:
    """The name, or one like it that is not taken; it is taken then."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _number(value: Any) -> str:
    if isinstance(value, complex):
        return f"complex({_number(value.real)}, {_number(value.imag)})"
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return "nan" if isinstance(value, float) and math.isnan(value) else repr(value)
