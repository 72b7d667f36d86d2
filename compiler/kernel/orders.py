"""Running sums and products, and sorted lines of small arrays, in a kernel of one point.

    %y: f32[3] = cumsum(%x)           ->     s0 = f64(x0); y0 = f32(s0)
                                             s1 = s0 + f64(x1); y1 = f32(s1) ...

A line is sorted by a network of comparisons (Batcher 1968, merging odd and even places), each of
which exchanges two elements with their positions: equal elements keep their order, as NumPy's
stable sort leaves them, and NaN is the largest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.dtypes import info
from twofold.ir.graph import Node
from twofold.ir.summation import running_dtype

from .each import Place
from .expression import rename
from .small import UnfitError, held_in, is_half, is_small, numbers
from .statements import Access, Const, For, Index, Set, Store, Var

if TYPE_CHECKING:
    from .control import Builder

__all__ = ["ORDERS"]

LONGEST = 32  # elements of a line that is sorted
BOOL, INT64 = np.dtype(bool), np.dtype(np.int64)

Lines = np.ndarray[Any, Any]  # names of elements, the axis last


def _lines(builder: Builder, node: Node) -> Lines:
    """The elements of the input."""
    (x,) = node.inputs
    if not is_small(x):
        raise UnfitError(f"{node.op.name} of a large array")
    grid = np.empty(numbers(x), object)
    grid.ravel()[:] = builder.elements(x)
    return np.moveaxis(grid, node.attrs["axis"], -1)


def _give(builder: Builder, node: Node, lines: Lines) -> None:
    grid = np.moveaxis(lines, -1, node.attrs["axis"])
    builder.known[node.out] = tuple(grid.ravel())


def _running(builder: Builder, node: Node, sign: str) -> None:
    """cumsum and cumprod: floating-point sums in double precision, each rounded once."""
    if not is_small(node.inputs[0]):
        _running_along(builder, node, sign)
        return
    dtype, lines = held_in(node.out), _lines(builder, node)
    own, exclusive = info(dtype), node.attrs["exclusive"]
    if own.complex and not own.double:
        raise UnfitError("running sums of complex64")
    wide = running_dtype(dtype) if sign == "+" else dtype
    if node.attrs["reverse"]:
        lines = lines[..., ::-1]
    given, made = held_in(node.inputs[0]), np.empty(lines.shape, object)

    def rounded(name: str) -> str:
        found = name if wide == dtype else builder.apply(f"cast({name})", dtype)
        if not is_half(node.out):
            return found
        return builder.widened(builder.narrowed(found, node.out))

    for place in np.ndindex(*lines.shape[:-1]):
        total = ""
        for i, name in enumerate(lines[place]):
            if exclusive:
                first = dtype.type(sign == "*").item()
                made[(*place, i)] = rounded(total) if total else builder.number(first, dtype)
            x = name if given == wide else builder.apply(f"cast({name})", wide)
            total = builder.apply(f"{total} {sign} {x}", wide) if total else x
            if not exclusive:
                made[(*place, i)] = rounded(total)
    _give(builder, node, made[..., ::-1] if node.attrs["reverse"] else made)


def _running_along(builder: Builder, node: Node, sign: str) -> None:
    """The same of a large array, in a loop along the axis."""
    (x,), dtype, kernel = node.inputs, held_in(node.out), builder.wide
    if info(dtype).complex or x.type.dtype != node.out.type.dtype:
        raise UnfitError("running sums of complex numbers, or into another dtype")
    shape, axis = x.type.shape, node.attrs["axis"] % len(x.type.shape)
    running = running_dtype(dtype) if sign == "+" else dtype
    source, memory = kernel.each(x), kernel.room(shape, dtype)
    # of these 0 + x is x, too
    neutral = (-0.0 if info(dtype).floating else 0) if sign == "+" else running.type(1).item()
    first, total, index = builder.name("c"), builder.name("s"), builder.name("i")
    builder.consts.append(Const(first, running, neutral))
    with kernel.loops((*shape[:axis], *shape[axis + 1 :])) as others:
        builder.add(Var(total, running, first))
        with builder.nested() as trip:
            along = Place(0, ((index, 1),))
            if node.attrs["reverse"]:
                along = Place(shape[axis] - 1, ((index, -1),))
            at = (*others[:axis], along, *others[axis:])
            term = kernel.element(source, at)
            term = term if running == dtype else builder.apply(f"cast({term})", running)
            made = now = builder.apply(f"{total} {sign} {term}", running)
            if node.attrs["exclusive"]:
                made = builder.apply(f"{abs(neutral)} if {index} == 0 else {total}", running)
            builder.add(Set(total, now))
            made = made if running == dtype else builder.apply(f"cast({made})", dtype)
            place = Place(memory.offset, memory.scalars)
            for part, stride in zip(at, memory.strides, strict=True):
                place = place + part * stride
            builder.add(Store(Access(memory.buffer, kernel.index(place)), made))
        stop = kernel.index(kernel.place(shape[axis]))
        builder.add(For(index, Index(0, (0,)), stop, tuple(trip)))
    builder.known[node.out] = memory


def _sorted(builder: Builder, node: Node) -> None:
    """sort and argsort; what falls is sorted as its opposite."""
    lines, dtype = _lines(builder, node), held_in(node.inputs[0])
    if info(dtype).complex or info(dtype).boolean or lines.shape[-1:] > (LONGEST,):
        raise UnfitError(f"{node.op.name} of {dtype}")
    places, falling = node.op.name == "argsort", node.attrs["descending"]
    behind = _behind(info(dtype).floating, falling and places)
    made = np.empty(lines.shape, object)
    for place in np.ndindex(*lines.shape[:-1]):
        line = [(name, builder.number(i, INT64)) for i, name in enumerate(lines[place])]
        for i, j in _network(len(line)):
            line[i], line[j] = _exchanged(builder, behind, line[i], line[j], dtype)
        for i, pair in enumerate(line):
            made[(*place, i)] = pair[places]
    _give(builder, node, made[..., ::-1] if falling and not places else made)


def _behind(floating: bool, falling: bool) -> str:
    """Whether ``a`` at ``i`` belongs behind ``b`` at ``j``."""
    less, more = ("b < a", "a < b") if not falling else ("a < b", "b < a")
    if not floating:
        return f"{less} or (a == b and j < i)"
    one, other = ("a", "b") if not falling else ("b", "a")
    late = f"{one} != {one} and {other} == {other}"
    early = f"{other} != {other} and {one} == {one}"
    return f"{less} or ({late}) or (j < i and not {more} and not ({early}))"


def _exchanged(
    builder: Builder, behind: str, a: tuple[str, str], b: tuple[str, str], dtype: np.dtype[Any]
) -> tuple[tuple[str, str], tuple[str, str]]:
    """Two elements with their positions, the one in front first."""
    given = {"a": a[0], "b": b[0], "i": a[1], "j": b[1]}
    test = builder.apply(rename(behind, given), BOOL)

    def pick(k: int, kind: np.dtype[Any]) -> tuple[str, str]:
        first = builder.apply(f"{b[k]} if {test} else {a[k]}", kind)
        return first, builder.apply(f"{a[k]} if {test} else {b[k]}", kind)

    (x, y), (i, j) = pick(0, dtype), pick(1, INT64)
    return (x, i), (y, j)


def _network(n: int) -> Iterator[tuple[int, int]]:
    """Places that are compared, in order (Knuth, The Art of Computer Programming 3, 5.2.2 M).

    >>> list(_network(3))
    [(0, 2), (0, 1), (1, 2)]
    """
    top = 1
    while top * 2 < n:
        top *= 2
    p = top if n > 1 else 0
    while p:
        q, r, d = top, 0, p
        while True:
            yield from ((i, i + d) for i in range(n - d) if i & p == r)
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2


ORDERS: dict[str, Callable[[Builder, Node], None]] = {
    "cumsum": lambda builder, node: _running(builder, node, "+"),
    "cumprod": lambda builder, node: _running(builder, node, "*"),
    "sort": _sorted,
    "argsort": _sorted,
}
