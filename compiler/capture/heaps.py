"""``heapq`` on lists with values of the graph, in Python, to be interpreted.

The comparisons, and so the orders of equal items, are those of the standard library.
"""

from __future__ import annotations

import functools
import heapq
from collections.abc import Callable
from typing import Any

from .choice import holds_choice
from .frame import Frame
from .grown import runs
from .pure import holds_value, is_symbolic

__all__ = ["HEAPS"]


def _push(heap: list[Any], item: Any) -> None:
    heap.append(item)
    _down(heap, 0, len(heap) - 1)


def _pop(heap: list[Any]) -> Any:
    last = heap.pop()
    if len(heap) > 0:
        first = heap[0]
        heap[0] = last
        _up(heap, 0)
        return first
    return last


def _replace(heap: list[Any], item: Any) -> Any:
    first = heap[0]
    heap[0] = item
    _up(heap, 0)
    return first


def _push_pop(heap: list[Any], item: Any) -> Any:
    if len(heap) > 0 and heap[0] < item:
        item, heap[0] = heap[0], item
        _up(heap, 0)
    return item


def _make(heap: list[Any]) -> None:
    for at in reversed(range(len(heap) // 2)):
        _up(heap, at)


def _down(heap: list[Any], start: int, at: int) -> None:
    """Move an item towards the first place as long as it is smaller than what is above it."""
    item = heap[at]
    while at > start:
        above = (at - 1) >> 1
        if not item < heap[above]:
            break
        heap[at] = heap[above]
        at = above
    heap[at] = item


def _up(heap: list[Any], at: int) -> None:
    """Move smaller items up to where one is, until there are none below, and it down from there."""
    start, end, item = at, len(heap), heap[at]
    below = 2 * at + 1
    while below < end:
        right = below + 1
        if right < end and not heap[below] < heap[right]:
            below = right
        heap[at] = heap[below]
        at = below
        below = 2 * at + 1
    heap[at] = item
    _down(heap, start, at)


def _within(code: Any, machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    return machine.invoke(frame, code, args, kwargs)


def _interpreting(code: Callable[..., Any]) -> Any:
    def call(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
        listed = bool(args) and type(args[0]) is list and not kwargs
        if not listed or not (
            holds_value(args) or is_symbolic(args) or holds_choice(args) or runs(args[0])
        ):
            return NotImplemented
        return machine.invoke(frame, code, args, {})

    return call


HEAPS: dict[Any, Any] = {
    **{code: functools.partial(_within, code) for code in (_down, _up)},
    heapq.heappush: _interpreting(_push), heapq.heappop: _interpreting(_pop),
    heapq.heapreplace: _interpreting(_replace), heapq.heappushpop: _interpreting(_push_pop),
    heapq.heapify: _interpreting(_make),
}  # fmt: skip
