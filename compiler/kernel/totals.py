"""What a kernel of one point folds over large arrays: sums, other folds, products with a vector.

    %s: f64[] = sum(%x) {axis=(0,)}           ->     reduce i1: (n) {
                                                       v0: f64 = x[i1]
                                                       fold v1: f64 = v1 + v0 from 0.0 }

Folds over one box that stand one behind the other are one ``reduce``. A row times a matrix is the
sum of the rows of the matrix, ``ROWS`` of them at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.dims import DimLike
from twofold.ir.graph import Node, Value
from twofold.ir.summation import running_dtype
from twofold.ir.types import TensorType

from .each import DEAR, Each, Place, Places
from .expression import identity, names, normal, rename
from .rewrite import renamed
from .small import UnfitError, held_in, is_half, is_small
from .statements import (
    Access,
    Apply,
    Check,
    Fold,
    For,
    Index,
    Load,
    Position,
    Reduce,
    Statement,
    Store,
    expressions_of,
    indices_of,
    names_of,
)

if TYPE_CHECKING:
    from .control import Builder

__all__ = ["product", "reduced"]

INT64 = np.dtype(np.int64)
ROWS = 8  # of a matrix that are added at a time
FEW = 16  # elements that are folded one after the other, without a loop
LONG = 64  # statements of a reduce that another one is not added to
SHORT = 256  # rows of a matrix that are added in single precision
PLAIN = Load | Position | Apply

At = Callable[[Places], str]


def reduced(builder: Builder, node: Node) -> None:
    """A fold over axes of a large array."""
    (source,), dtype = node.inputs, held_in(node.out)
    each, axes = builder.wide.each(source), node.attrs["axis"]
    if is_half(node.out) or is_half(source):
        raise UnfitError("a large array in half precision")
    rank = len(each.shape)
    keeps = len(node.out.type.shape) == rank
    shown = [a for a in range(rank) if keeps or a not in axes]
    expr, first = normal(node.op.expr or ""), identity(node, dtype)

    def total(index: Places) -> str:
        def at(inner: Places) -> str:
            places = dict(zip(shown, index, strict=True)) | dict(zip(axes, inner, strict=True))
            x = builder.wide.element(each, tuple(places[a] for a in range(len(each.shape))))
            return x if held_in(source) == dtype else builder.apply(f"cast({x})", dtype)

        return _folded(builder, [each.shape[a] for a in axes], at, Fold("acc", dtype, expr, first))

    shape = [1 if a in axes else each.shape[a] for a in shown]
    _for_each(builder, node, shape, total)


def _for_each(builder: Builder, node: Node, shape: Sequence[DimLike], total: At) -> None:
    """What is folded for each element of an output: names, or memory."""
    out, wide = node.out, builder.wide
    if not is_small(out):
        memory = wide.room(out.type.shape, out.type.dtype)
        wide.fill(memory, Each(tuple(shape), total, ()))
        builder.known[out] = memory
        return
    made = []
    for position in np.ndindex(*map(int, shape)):
        with wide.aside():
            made.append(total(tuple(map(Place, position))))
    builder.known[out] = tuple(made)


def _folded(builder: Builder, box: Sequence[DimLike], at: At, fold: Fold) -> str:
    """The elements at all positions of a box, folded: ``fold`` is of ``acc`` and ``x``."""
    if all(isinstance(n, int) for n in box) and math.prod(map(int, box)) <= FEW:
        return _unrolled(builder, box, at, fold)
    wide = builder.wide
    given = ["" if isinstance(n, int) and n == 1 else builder.name("i") for n in box]
    acc = builder.name("v")
    wide.used = True
    with builder.nested() as body:
        x = at(tuple(Place(0, ((name, 1),)) if name else Place() for name in given))
        builder.add(Fold(acc, fold.dtype, rename(fold.expr, {"acc": acc, "x": x}), fold.identity))
    stops = [wide.index(wide.place(n)) for n, name in zip(box, given, strict=True) if name]
    made = Reduce(tuple(filter(None, given)), tuple(stops), tuple(body))
    if not all(isinstance(s, PLAIN | Check | Fold) for s in body):
        raise UnfitError("a fold of what is computed by more than expressions")
    _join(builder.block, made)
    return acc


def _unrolled(builder: Builder, box: Sequence[DimLike], at: At, fold: Fold) -> str:
    """The same for few elements, one after the other."""
    total = ""
    for position in np.ndindex(*map(int, box)):
        x = at(tuple(map(Place, position)))
        if total:
            x = builder.apply(rename(fold.expr, {"acc": total, "x": x}), fold.dtype)
        total = x
    return total or builder.number(fold.identity, fold.dtype)


def _join(block: list[Statement], new: Reduce) -> None:
    """Add a reduce to a block, to the last one there if that has the same box and everything that
    is used was known before it."""
    uses = {n for s in new.body for expr in expressions_of(s) for n in names(expr)}
    uses |= {name for s in new.body for index in indices_of(s) for name, _ in index.scalars}
    for i in reversed(range(len(block))):
        s = block[i]
        if isinstance(s, Reduce) and s.stops == new.stops and len(s.body) <= LONG:
            if uses.isdisjoint(f.name for f in s.folds):
                block[i] = _joined(s, new)
                return
            break
        if not isinstance(s, PLAIN) or not uses.isdisjoint(names_of(s)):
            break
    block.append(new)


def _joined(first: Reduce, second: Reduce) -> Reduce:
    """Two over one box as one, in which nothing is computed twice."""
    same = dict(zip(second.names, first.names, strict=True))
    body = list(first.body)
    known = {_content(s): s.name for s in body if isinstance(s, PLAIN)}
    for old in second.body:
        (s,) = renamed([old], same)
        if isinstance(s, PLAIN) and _content(s) in known:
            same[s.name] = known[_content(s)]
            continue
        body.append(s)
        if isinstance(s, PLAIN):
            known[_content(s)] = s.name
    return Reduce(first.names, first.stops, tuple(body))


def _content(s: Load | Position | Apply) -> tuple[Any, ...]:
    """What a statement computes."""
    if isinstance(s, Apply):
        return Apply, s.dtype, s.expr
    return (Load, s.access) if isinstance(s, Load) else (Position, s.index)


def product(builder: Builder, node: Node) -> None:
    """matmul with a vector, at least."""
    a, b = node.inputs
    if len(a.type.shape) > 2 or len(b.type.shape) > 2 or (
        len(a.type.shape) == len(b.type.shape) == 2
    ):  # fmt: skip
        raise UnfitError("a product of matrices")
    ta = bool(node.attrs["transpose_a"]) and len(a.type.shape) > 1
    tb = bool(node.attrs["transpose_b"]) and len(b.type.shape) > 1
    left, right, dtype = _dense(builder, a), _dense(builder, b), held_in(node.out)
    inner, element = left.shape[-2 if ta else -1], builder.wide.element
    if len(b.type.shape) == 2 and not tb and not is_small(node.out):
        _by_rows(builder, node.out, right, inner, lambda k: element(left, (k,)))
        return
    fold = Fold("acc", dtype, "acc + x", 0j if dtype.kind == "c" else dtype.type(0).item())

    def total(index: Places) -> str:
        row = index[: len(left.shape) - 1]
        column = index[len(row) :]

        def at(place: Places) -> str:
            x = element(left, (*place, *row) if ta else (*row, *place))
            y = element(right, (*column, *place) if tb else (*place, *column))
            return builder.apply(f"{x} * {y}", dtype)

        return _folded(builder, [inner], at, fold)

    _for_each(builder, node, node.out.type.shape, total)


def _dense(builder: Builder, value: Value) -> Each:
    """An operand of which each element is used several times."""
    found = builder.wide.each(value)
    if found.cost > DEAR:
        builder.wide.settle(value)
        found = builder.wide.each(value)
    return found


def _by_rows(
    builder: Builder, out: Value, matrix: Each, inner: DimLike, factor: Callable[[Place], str]
) -> None:
    """A row times a matrix, as a sum of the rows of the matrix: a long one in double precision."""
    wide, dtype, shape = builder.wide, held_in(out), out.type.shape
    short = isinstance(inner, int) and inner <= SHORT
    running = dtype if short else running_dtype(dtype)
    memory = wide.room(shape, running)
    value = Value(TensorType(running, shape))
    zero = builder.number(0j if running.kind == "c" else running.type(0).item(), running)
    wide.fill(memory, Each(shape, lambda index: zero, ()))

    def widened(name: str) -> str:
        return name if running == dtype else builder.apply(f"cast({name})", running)

    def add(rows: Sequence[Place]) -> None:
        times = [widened(factor(k)) for k in rows]
        with wide.loops(shape) as (column,):
            total = wide.loader(memory, value)((column,))
            for k, factor_k in zip(rows, times, strict=True):
                x = widened(wide.element(matrix, (k, column)))
                total = builder.apply(f"{total} + {factor_k} * {x}", running)
            place = Place(memory.offset, memory.scalars) + column * memory.strides[0]
            builder.add(Store(Access(memory.buffer, wide.index(place)), total))

    count, blocks, done = (builder.name("v") for _ in range(3))
    builder.add(Position(count, wide.index(wide.place(inner))))
    builder.add(Apply(blocks, INT64, f"{count} >> {ROWS.bit_length() - 1}"))
    builder.add(Apply(done, INT64, f"{blocks} << {ROWS.bit_length() - 1}"))
    with _loop(builder, Index(0, (0,)), Index(0, (0,), ((blocks, 1),))) as block:
        add([Place(i, ((block, ROWS),)) for i in range(ROWS)])
    with _loop(builder, Index(0, (0,), ((done, 1),)), Index(0, (0,), ((count, 1),))) as rest:
        add([Place(0, ((rest, 1),))])
    if running == dtype:
        builder.known[out] = memory
        return
    rule = wide.read(memory, value)

    def narrowed(index: Places) -> str:
        return builder.apply(f"cast({wide.element(rule, index)})", dtype)

    builder.known[out] = Each(shape, narrowed, rule.sources)


@contextmanager
def _loop(builder: Builder, start: Index, stop: Index) -> Iterator[str]:
    name = builder.name("i")
    with builder.nested() as body:
        yield name
    builder.add(For(name, start, stop, tuple(body)))
