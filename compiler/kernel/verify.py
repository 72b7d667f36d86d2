"""The invariants of a kernel, checked under the headings of ``loops.py``."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from twofold.ir.errors import VerifyError
from twofold.ir.words import counted

from .expression import RESERVED, ExpressionError, in_kernels, names, result_dtype
from .loops import Kernel
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
from .text import kernel_lines

__all__ = ["verify"]

BOOL, I64 = np.dtype(bool), np.dtype("int64")
Scope = dict[str, np.dtype[Any]]


def verify(kernel: Kernel) -> None:
    """Check every invariant. Raises VerifyError, which names the line."""
    _Verifier(kernel).run()


class _Verifier:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.at: Statement | Const | None = None
        self.variables: set[str] = set()
        self.folded = False  # whether what is checked stands in the folded loops

    def run(self) -> None:
        kernel = self.kernel
        scope: Scope = {}
        self.global_names()
        for const in kernel.consts:
            self.at = const
            self.define(scope, const.name, const.dtype)
        self.block(kernel.before, scope)
        self.at = None
        self.shape()
        for sweep in kernel.sweeps:
            inside = dict(scope)
            self.folded = bool(kernel.reduced)
            self.block(sweep.inner, inside, folds=self.folded)
            self.folded = False
            scope.update({f.name: f.dtype for f in sweep.folds})
            self.block(sweep.after, scope)

    def fail(self, invariant: str, reason: str) -> NoReturn:
        for number, (line, statement) in enumerate(kernel_lines(self.kernel), 1):
            if statement is self.at or self.at is None:
                where = f"line {number} of kernel {self.kernel.name}: {line.strip()}"
                raise VerifyError(reason, invariant, where)
        raise AssertionError("a statement is not in the text of its kernel")

    # ---- Names

    def global_names(self) -> None:
        kernel = self.kernel
        given = [*(b.name for b in kernel.buffers), *(x.name for x in kernel.loops)]
        taken = set(RESERVED)
        for name in given:
            if name in taken:
                self.fail("Names", f"{name} is a name of something else")
            taken.add(name)
        self.taken = taken

    def define(self, scope: Scope, name: str, dtype: np.dtype[Any]) -> None:
        if name in self.taken or name in scope:
            self.fail("Names", f"{name} is a name of something else")
        if not in_kernels(dtype):
            self.fail("Types", f"kernels do not compute in {dtype}")
        self.variables.discard(name)
        scope[name] = dtype

    # ---- Places

    def index(self, index: Index, scope: Scope) -> None:
        if len(index.strides) != len(self.kernel.loops):
            strides, loops = len(index.strides), len(self.kernel.loops)
            self.fail("Places", f"{counted(strides, 'stride')} for {counted(loops, 'loop')}")
        if not self.folded:
            for axis in self.kernel.reduced:
                if not _is_zero(index.strides[axis]):
                    loop = self.kernel.loops[axis].name
                    self.fail("Places", f"{loop} is folded: it has no index here")
        for name, _ in index.scalars:
            if name not in scope:
                self.fail("Names", f"{name} is not defined here")
            if scope[name] != I64:
                self.fail("Places", f"a computed position is of dtype int64, not {scope[name]}")

    def access(self, access: Access, scope: Scope) -> np.dtype[Any]:
        if not 0 <= access.buffer < len(self.kernel.buffers):
            self.fail("Places", f"there is no buffer {access.buffer}")
        self.index(access.index, scope)
        return self.kernel.buffers[access.buffer].dtype

    def growing(self, buffer: int) -> None:
        if not self.kernel.buffers[buffer].grows:
            self.fail("Places", f"{self.kernel.buffers[buffer].name} is not marked grow")

    # ---- Types

    def expression(self, expr: str, scope: Scope, out: np.dtype[Any]) -> None:
        try:
            found = result_dtype(expr, scope, out)
        except ExpressionError as error:
            self.fail("Types", str(error))
        if found != out:
            self.fail("Types", f"{expr} is {found}, not {out}")

    # ---- Folds

    def shape(self) -> None:
        """The sweeps that a kernel of its mode has."""
        kernel, count = self.kernel, len(self.kernel.sweeps)
        if not kernel.loops:
            self.fail("Folds", "a kernel has a loop")
        if count < 1 or (count > 1 and kernel.mode != "row"):
            self.fail("Folds", f"a {kernel.mode} kernel has {counted(count, 'sweep')}")
        if not kernel.reduced and (kernel.before or kernel.sweeps[0].after):
            self.fail("Folds", "without folded loops everything stands in the sweep")

    def fold(self, s: Fold, scope: Scope) -> None:
        used = [n for n in names(s.expr) if n != s.name]
        if len(used) != 1 or s.name not in names(s.expr):
            self.fail("Folds", f"{s.expr} does not combine {s.name} with one other value")
        if used[0] not in scope:
            self.fail("Names", f"{used[0]} is not defined here")
        self.expression(s.expr, {used[0]: s.dtype, s.name: s.dtype}, s.dtype)  # cast before it

    def reduce(self, s: Reduce, scope: Scope) -> None:
        inside = dict(scope)
        for name, stop in zip(s.names, s.stops, strict=True):
            self.index(stop, scope)
            self.define(inside, name, I64)
        if not s.folds or any(
            not isinstance(x, Fold | Load | Position | Apply | Check) for x in s.body
        ):
            self.fail("Folds", "a reduce holds folds, and loads, positions, values and checks")
        self.block(s.body, inside, folds=True)
        self.at = s
        for fold in s.folds:
            self.define(scope, fold.name, fold.dtype)

    # ---- Statements

    def block(self, block: Block, scope: Scope, folds: bool = False) -> None:
        for s in block:
            self.at = s
            if isinstance(s, Fold):
                if not folds:
                    self.fail("Folds", "a fold stands directly in folded loops or in a reduce")
                self.fold(s, scope)
                self.define(dict(scope), s.name, s.dtype)
            else:
                self.statement(s, scope)

    def statement(self, s: Statement, scope: Scope) -> None:
        match s:
            case Load(name, dtype, access):
                if self.access(access, scope) != dtype:
                    self.fail("Types", f"{name} is not of the dtype of its buffer")
                self.define(scope, name, dtype)
            case Position(name, index):
                self.index(index, scope)
                self.define(scope, name, I64)
            case Apply(name, dtype, expr):
                self.expression(expr, scope, dtype)
                self.define(scope, name, dtype)
            case Var(name, dtype, expr):
                self.expression(expr, scope, dtype)
                self.define(scope, name, dtype)
                self.variables.add(name)
            case Set(name, expr):
                if name not in scope or name not in self.variables:
                    self.fail("Names", f"{name} is no variable here")
                self.expression(expr, scope, scope[name])
            case Store(access, value):
                self.store(access, value, scope)
            case _:
                self.control(s, scope)

    def store(self, access: Access, value: str, scope: Scope) -> None:
        dtype = self.access(access, scope)
        buffer = self.kernel.buffers[access.buffer]
        if not buffer.out:
            self.fail("Places", f"{buffer.name} is not marked out")
        if value not in scope:
            self.fail("Names", f"{value} is not defined here")
        if scope[value] != dtype:
            self.fail("Types", f"{value} is {scope[value]}, {buffer.name} holds {dtype}")

    def control(self, s: Statement, scope: Scope) -> None:
        match s:
            case Check(test):
                self.expression(test, scope, BOOL)
            case Size(name, buffer):
                self.growing(buffer)
                self.define(scope, name, I64)
            case Resize(buffer, _):
                self.growing(buffer)
            case If(test, then, orelse):
                self.expression(test, scope, BOOL)
                self.block(then, dict(scope))
                self.block(orelse, dict(scope))
            case While(before, test, body):
                inside = dict(scope)
                self.block(before, inside)
                self.at = s
                self.expression(test, inside, BOOL)
                self.block(body, inside)
            case For(name, start, stop, body):
                self.index(start, scope)
                self.index(stop, scope)
                inside = dict(scope)
                self.define(inside, name, I64)
                self.block(body, inside)
            case Reduce():
                self.reduce(s, scope)


def _is_zero(stride: object) -> bool:
    return isinstance(stride, int) and stride == 0
