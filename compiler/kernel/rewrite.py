"""Kernels with other names or other positions: the one walk that rebuilds statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from twofold.ir.dims import DimLike

from .data import replace
from .expression import rename
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
    in_code,
)

if TYPE_CHECKING:
    from .loops import Kernel

__all__ = ["reindexed", "renamed", "rewritten", "with_buffers"]


def rewritten(
    kernel: Kernel, name: str, names: Mapping[str, str], sizes: Mapping[DimLike, DimLike]
) -> Kernel:
    """The kernel with other names, and other sizes in the place of equal ones."""

    def size(dim: DimLike) -> DimLike:
        return dim if in_code(dim) else sizes.get(dim, dim)

    def index(old: Index) -> Index:
        scalars = tuple((names.get(v, v), size(stride)) for v, stride in old.scalars)
        return Index(size(old.offset), tuple(map(size, old.strides)), scalars)

    made = _mapped(kernel, names, index)
    return replace(
        made,
        name=name,
        buffers=tuple(replace(b, name=names.get(b.name, b.name)) for b in made.buffers),
        # A loop of size 1 is given its size as well.
        loops=tuple(
            replace(x, name=names.get(x.name, x.name), size=sizes.get(x.size, x.size))
            for x in made.loops
        ),
        consts=tuple(replace(c, name=names.get(c.name, c.name)) for c in made.consts),
    )


def renamed(block: Iterable[Statement], names: Mapping[str, str]) -> Block:
    """Statements with other names."""

    def index(old: Index) -> Index:
        return replace(old, scalars=tuple((names.get(v, v), stride) for v, stride in old.scalars))

    def inside(old: Iterable[Statement]) -> Block:
        return renamed(old, names)

    return tuple(
        _statement(s, names, index, lambda a: Access(a.buffer, index(a.index)), inside)
        for s in block
    )


def reindexed(kernel: Kernel, index: Callable[[Index], Index]) -> Kernel:
    """The kernel with ``index`` applied to every index."""
    return _mapped(kernel, {}, index)


def with_buffers(kernel: Kernel, used: Sequence[int]) -> Kernel:
    """The kernel with these of its buffers alone."""
    number = {old: new for new, old in enumerate(used)}

    def renumbered(access: Access) -> Access:
        return replace(access, buffer=number[access.buffer])

    made = _mapped(kernel, {}, lambda index: index, renumbered)
    return replace(made, buffers=tuple(kernel.buffers[i] for i in used))


def _mapped(
    kernel: Kernel, names: Mapping[str, str], index: Callable[[Index], Index],
    access: Callable[[Access], Access] | None = None,
) -> Kernel:  # fmt: skip
    def moved(old: Access) -> Access:
        new = Access(old.buffer, index(old.index))
        return new if access is None else access(new)

    def block(old: Iterable[Statement]) -> Block:
        return tuple(_statement(s, names, index, moved, block) for s in old)

    return replace(
        kernel,
        before=block(kernel.before),
        sweeps=tuple(replace(s, inner=block(s.inner), after=block(s.after)) for s in kernel.sweeps),
    )


def _statement(
    s: Statement, names: Mapping[str, str], index: Callable[[Index], Index],
    moved: Callable[[Access], Access], block: Callable[[Iterable[Statement]], Block],
) -> Statement:  # fmt: skip
    match s:
        case Load(name, dtype, access):
            return Load(names.get(name, name), dtype, moved(access))
        case Position(name, at):
            return Position(names.get(name, name), index(at))
        case Apply(name, dtype, expr):
            return Apply(names.get(name, name), dtype, rename(expr, names))
        case Fold(name, dtype, expr, identity):
            return Fold(names.get(name, name), dtype, rename(expr, names), identity)
        case Store(access, value):
            return Store(moved(access), names.get(value, value))
        case Var(name, dtype, expr):
            return Var(names.get(name, name), dtype, rename(expr, names))
        case Set(name, expr):
            return Set(names.get(name, name), rename(expr, names))
        case Check(test):
            return Check(rename(test, names))
        case Size(name, buffer):
            return Size(names.get(name, name), buffer)
        case Resize():
            return s
        case If(test, then, orelse):
            return If(rename(test, names), block(then), block(orelse))
        case While(before, test, body):
            return While(block(before), rename(test, names), block(body))
        case For(name, start, stop, body):
            return For(names.get(name, name), index(start), index(stop), block(body))
        case Reduce(inner, stops, body):
            own = tuple(names.get(name, name) for name in inner)
            return Reduce(own, tuple(map(index, stops)), block(body))
