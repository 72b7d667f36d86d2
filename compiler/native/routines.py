"""Routines: library calls that are written here, functions of units for a dtype each.

A routine says which functions run a node, with which words, how many units there are, and how much
work they have in all; the file of its name writes the functions. The program of a graph calls them
like kernels: work is cut by sizes alone, so results do not depend on the number of threads.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from twofold.ir.graph import Node, Value
from twofold.runtime import loader, threads

from .launch import ARENA, CHUNK_WORK, LITERAL, PARALLEL_WORK, STATUS, Launch, Word, as_word
from .machine import Source, provide

if TYPE_CHECKING:
    from .writer import Writer

__all__ = ["COPIED", "LINES", "TILE", "VECTOR", "launches_of", "routine_source"]

LINES = 8  # that a running sum goes along side by side
VECTOR = 64  # bytes
TILE = 6  # windows whose products with a vector of filters stay in registers
COPIED = 65536  # bytes that are copied as a unit

DType = np.dtype[Any]


class Call(NamedTuple):
    """A function, its words, its units, and what they do in all, in elements."""

    function: str
    words: Sequence[Word | int]
    units: int
    work: int


def _laid(w: Writer, node: Node, failure: int) -> Iterator[Call]:
    (x,) = node.inputs
    words = _windows(w, node, x, node.out)
    batch, *counts = w.shape(node.out)[: 1 + len(node.attrs["window"])]
    words[2] *= max(x.type.dtype.itemsize // 8, 1)  # it moves words
    yield Call("lay", words, batch * math.prod(counts[:-1]), math.prod(w.shape(node.out)))


def _convolved(w: Writer, node: Node, failure: int) -> Iterator[Call]:
    """Windows that follow each other times blocks of channels."""
    x, filters = node.inputs
    *window, depth, channels = w.shape(filters)
    width, lanes = math.prod(window) * depth, VECTOR // x.type.dtype.itemsize
    blocks, total = -(-channels // lanes), math.prod(w.shape(node.out)[:-1])
    with w.scratch():
        packed = ARENA, w.reserve(blocks * width * VECTOR)
        yield Call("pack", [w.word(filters), packed, width, channels], blocks, width * channels)
        words: list[Word | int] = [w.word(x), packed, w.word(node.out), depth, channels, total]
        words += _axes(w, node, x, node.out, window)
        yield Call("multiply", words, -(-total // TILE) * blocks, total * width * blocks)


def _axes(w: Writer, node: Node, whole: Value, laid: Value, window: Sequence[int]) -> list[int]:
    """The sizes, counts, windows, strides and dilations of three axes."""
    attrs, rank = node.attrs, len(window)
    ones, sizes = (1,) * (3 - rank), w.shape(whole)[1:-1]
    counts = w.shape(laid)[1 : 1 + rank]
    return [
        *ones, *sizes, *ones, *counts, *ones, *window, *ones, *attrs["strides"],
        *ones, *attrs["dilations"],
    ]  # fmt: skip


def _overlapped(w: Writer, node: Node, failure: int) -> Iterator[Call]:
    (g,) = node.inputs
    batch, *sizes, _ = w.shape(node.out)
    work = math.prod(w.shape(g))
    yield Call("add", _windows(w, node, node.out, g), batch * math.prod(sizes[:-1]), work)


def _windows(w: Writer, node: Node, whole: Value, laid: Value) -> list[Any]:
    """Where a node reads and writes, the channels, and what there is of three axes."""
    (given,) = node.inputs
    axes = _axes(w, node, whole, laid, node.attrs["window"])
    return [w.word(given), w.word(node.out), w.shape(whole)[-1], *axes]


def _scattered(w: Writer, node: Node, failure: int) -> Iterator[Call]:
    """Rows go to places of one axis, or of several that are one in memory."""
    if node.op.name == "unsorted_segment_sum":
        return _segments(w, node, failure)
    x, indices, updates = node.inputs
    shape, axis = w.shape(x), node.attrs.get("axis", 0)
    depth = w.shape(indices)[-1] if node.op.name == "tensor_scatter_nd_add" else 1
    count = math.prod(w.shape(indices)) // depth
    sizes = shape[axis : axis + depth]
    outer, width = math.prod(shape[:axis]), math.prod(shape[axis + depth :])
    places = w.word(x), w.word(updates), w.word(node.out)
    return _added(w, places, indices, count, sizes, outer, width, failure)


def _segments(w: Writer, node: Node, failure: int) -> Iterator[Call]:
    """Rows go to places of one axis; what they are added to is nothing."""
    data, ids = node.inputs
    count, (rows, *rest) = math.prod(w.shape(ids)), w.shape(node.out)
    places: tuple[Word | int, ...] = 0, w.word(data), w.word(node.out)
    return _added(w, places, ids, count, [rows], 1, math.prod(rest), failure, drops=True)


def _added(
    w: Writer, places: Sequence[Word | int], indices: Value, count: int, sizes: Sequence[int],
    outer: int, width: int, failure: int, drops: bool = False,
) -> Iterator[Call]:  # fmt: skip
    rows = math.prod(sizes)
    with w.scratch():
        targets, order, starts = ((ARENA, w.reserve(8 * n)) for n in (count, count, rows + 3))
        words: list[Word | int] = [
            w.word(indices), targets, starts, order, count, rows, len(sizes), int(drops),
        ]  # fmt: skip
        words += [(STATUS, 0), (LITERAL, failure), *sizes]
        yield Call(f"order{8 * indices.type.dtype.itemsize}", words, 1, count)
        yield Call(
            "add", [*places, starts, order, count, rows, width], outer * rows,
            outer * (rows + count) * width,
        )  # fmt: skip


def _placed(w: Writer, node: Node, failure: int) -> Iterator[Call]:
    """Rows replace those of places of the first axes; where the result lies elsewhere than what it
    is made of, that is copied first."""
    x, indices, updates = node.inputs
    shape, depth = w.shape(x), w.shape(indices)[-1]
    count, width = math.prod(w.shape(indices)[:-1]), math.prod(shape[depth:])
    with w.scratch():
        targets = ARENA, w.reserve(8 * count)
        yield _checked(w, indices, targets, count, shape[:depth], failure)
        total = math.prod(shape) * x.type.dtype.itemsize
        if w.word(x) != w.word(node.out):
            units = -(-total // COPIED)
            yield Call("copy", [w.word(x), w.word(node.out), total], units, math.prod(shape))
        words: list[Word | int] = [w.word(updates), targets, w.word(node.out), count, width]
        yield Call("put", words, 1, count * width)


def _taken(w: Writer, node: Node, failure: int) -> Iterator[Call]:
    """Rows from places of one axis, or of the first ones."""
    x, indices = node.inputs
    shape, given, axis = w.shape(x), w.shape(indices), node.attrs.get("axis", 0)
    depth, given = (1, given) if node.op.name == "gather" else (given[-1], given[:-1])
    count, sizes = math.prod(given), shape[axis : axis + depth]
    outer, width = math.prod(shape[:axis]), math.prod(shape[axis + depth :])
    places, bits = w.word(indices), 8 * indices.type.dtype.itemsize
    with w.scratch():
        if depth > 1:
            places, bits = (ARENA, w.reserve(8 * count)), 64
            yield _checked(w, indices, places, count, sizes, failure)
        words: list[Word | int] = [w.word(x), places, w.word(node.out)]
        words += [max(count, 1), width, math.prod(sizes), (STATUS, 0), (LITERAL, failure)]
        yield Call(f"take{bits}", words, outer * count, outer * count * width)


def _checked(
    w: Writer, indices: Value, places: Word, count: int, sizes: Sequence[int], failure: int
) -> Call:
    """Positions become numbers of rows."""
    words: list[Word | int] = [w.word(indices), places, count, len(sizes)]
    words += [(STATUS, 0), (LITERAL, failure), *sizes]
    return Call(f"check{8 * indices.type.dtype.itemsize}", words, 1, count)


def _running(w: Writer, node: Node, failure: int) -> Iterator[Call]:
    (x,), attrs = node.inputs, node.attrs
    shape, axis = w.shape(x), attrs["axis"]
    outer, length, width = math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
    lines = outer * width
    words: list[Word | int] = [w.word(x), w.word(node.out), length, width, lines]
    words += [int(attrs["reverse"]), int(attrs["exclusive"])]
    block = VECTOR // x.type.dtype.itemsize
    if width < block // 2:
        yield Call(f"{node.op.name}_lines", words, -(-lines // LINES), lines * length)
    else:
        units = outer * -(-width // block)
        yield Call(f"{node.op.name}_blocks", words, units, lines * length)


def _selected(w: Writer, node: Node, failure: int) -> Iterator[Call]:
    (x,), (values, places) = node.inputs, node.outputs
    *lead, length = w.shape(x)
    count, units = w.shape(values)[-1], math.prod(lead)
    words: list[Word | int] = [*(w.word(v) for v in (x, values, places)), length, count]
    yield Call("rows", words, units, units * length)


_ROUTINES: dict[str, Callable[[Writer, Node, int], Iterator[Call]]] = {
    "convolved": _convolved, "laid": _laid, "overlapped": _overlapped, "placed": _placed,
    "running": _running, "scattered": _scattered, "selected": _selected, "taken": _taken,
}  # fmt: skip


def launches_of(writer: Writer, node: Node, routine: str, failure: int) -> Iterator[Launch]:
    """What runs a node by a routine; ``failure``: the status if its numbers are refused."""
    code = _code(routine, node.outputs[0].type.dtype)
    symbol = routine_source(routine, node.outputs[0].type.dtype).symbol
    for function, words, units, work in _ROUTINES[routine](writer, node, failure):
        grain = max(units, 1)
        if work >= PARALLEL_WORK and units > 1 and threads.get_num_threads() > 1:
            grain = max(units * CHUNK_WORK // work, 1)
        address = code.addresses[f"{symbol}_{function}"]
        yield Launch(address, units, grain, [as_word(w) for w in words])


def routine_source(routine: str, dtype: DType) -> Source:
    """What the functions of a routine for a dtype are compiled from."""

    def llvm(symbol: str) -> str:
        written = importlib.import_module(f".{routine}", __package__)
        return str(written.module(symbol, dtype))

    return Source(f"{routine} of {dtype}", f"routine {routine} of {dtype}", llvm)


@functools.cache
def _code(routine: str, dtype: DType) -> loader.Code:
    (code,) = provide([routine_source(routine, dtype)])
    return code
