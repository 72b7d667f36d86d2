"""The statements of kernels: what runs at a point of the loops (``loops.py`` has the whole)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from twofold.ir.dims import DimLike

from .data import Data

__all__ = [
    "Access", "Apply", "Block", "Check", "Const", "Fold", "For", "If", "Index", "Load", "Position",
    "Reduce", "Resize", "Set", "Size", "Statement", "Store", "Var", "While", "blocks_of",
    "expressions_of", "in_code", "index_of", "indices_of", "names_of", "walk",
]  # fmt: skip

DType = np.dtype[Any]


def in_code(size: DimLike) -> bool:
    """Whether a stride or an offset is part of the code: what is not -1, 0 or 1 is given to it."""
    return isinstance(size, int) and -1 <= size <= 1


class Index(Data):
    """offset + sum of loop index * stride + sum of int64 value * stride."""

    offset: DimLike
    strides: tuple[DimLike, ...]  # one for each loop of the kernel
    scalars: tuple[tuple[str, DimLike], ...] = ()

    def sizes(self) -> tuple[DimLike, ...]:
        """The offset and every stride."""
        return (self.offset, *self.strides, *(stride for _, stride in self.scalars))


class Access(Data):
    """Where a buffer is read or written, in elements."""

    buffer: int
    index: Index


class Const(Data):
    """``const name: dtype = value``."""

    name: str
    dtype: DType
    value: Any


class Load(Data):
    """``name: dtype = buffer[index]``."""

    name: str
    dtype: DType
    access: Access


class Position(Data):
    """``name: i64 = at index``: a position, a loop's index or a size as a number."""

    name: str
    index: Index


class Apply(Data):
    """``name: dtype = expression`` over values and variables; literals take the others' dtype."""

    name: str
    dtype: DType
    expr: str


class Fold(Data):
    """``fold name: dtype = expression from identity`` over the folded loops."""

    name: str
    dtype: DType
    expr: str
    identity: Any


class Store(Data):
    """``buffer[index] = value``."""

    access: Access
    value: str


class Var(Data):
    """``var name: dtype = expression``: a variable of the block that it stands in."""

    name: str
    dtype: DType
    expr: str


class Set(Data):
    """``name = expression``: a variable's new value."""

    name: str
    expr: str


class Check(Data):
    """``check test``: if the test fails the kernel ends there; whoever runs it gets to know."""

    test: str


class Size(Data):
    """``name: i64 = size buffer``: the number of elements that a growing buffer has now."""

    name: str
    buffer: int


class Resize(Data):
    """``resize buffer by amount``: so many more elements at the end of a growing buffer, which are
    not set, or fewer."""

    buffer: int
    amount: int


class If(Data):
    """``if test { ... } else { ... }``."""

    test: str
    then: Block
    orelse: Block = ()


class While(Data):
    """``while test { body }``, or ``do { before } while test { body }``: ``before`` is run ahead of
    each test, which sees what it computed."""

    before: Block
    test: str
    body: Block


class For(Data):
    """``for name: start to stop { body }`` over int64 positions."""

    name: str
    start: Index
    stop: Index
    body: Block


class Reduce(Data):
    """``reduce name: stop, ... { body }``: the folds of the body over a box of int64 positions from
    0; what they give is known behind it."""

    names: tuple[str, ...]
    stops: tuple[Index, ...]
    body: Block

    @property
    def folds(self) -> tuple[Fold, ...]:
        """The accumulators, in order."""
        return tuple(s for s in self.body if isinstance(s, Fold))


Statement = (
    Load | Position | Apply | Fold | Store | Var | Set | Check | Size | Resize | If | While | For
    | Reduce
)  # fmt: skip
Block = tuple["Statement", ...]


def blocks_of(statement: Statement) -> tuple[Block, ...]:
    """The blocks that a statement holds."""
    if isinstance(statement, If):
        return statement.then, statement.orelse
    if isinstance(statement, While):
        return statement.before, statement.body
    return (statement.body,) if isinstance(statement, For | Reduce) else ()


def walk(block: Iterable[Statement]) -> Iterator[Statement]:
    """Every statement of a block, those of nested blocks after the one that holds them."""
    for statement in block:
        yield statement
        for inner in blocks_of(statement):
            yield from walk(inner)


def index_of(statement: Statement) -> Index | None:
    """The index of an access or a position."""
    if isinstance(statement, Load | Store):
        return statement.access.index
    return statement.index if isinstance(statement, Position) else None


def expressions_of(statement: Statement) -> tuple[str, ...]:
    """The expressions of a statement, without those of its blocks."""
    if isinstance(statement, Apply | Fold | Var | Set):
        return (statement.expr,)
    return (statement.test,) if isinstance(statement, Check | If | While) else ()


def indices_of(statement: Statement) -> tuple[Index, ...]:
    """The index of an access, a position, or a loop's bounds."""
    if isinstance(statement, For):
        return statement.start, statement.stop
    if isinstance(statement, Reduce):
        return statement.stops
    index = index_of(statement)
    return () if index is None else (index,)


def names_of(statement: Statement) -> tuple[str, ...]:
    """The names that a statement gives, without those of its blocks."""
    if isinstance(statement, Load | Position | Apply | Fold | Var | Size | For):
        return (statement.name,)
    return statement.names if isinstance(statement, Reduce) else ()
