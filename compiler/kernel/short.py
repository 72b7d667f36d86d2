"""Short last loops: how vectors fill their lanes although the last loop does not.

A loop of three columns fills three of sixteen lanes. There are two ways out for kernels without
control flow, taken by the sizes of a call:

- Nothing is folded and what is stored has no gaps: vectors run along the last two loops as if they
  were one.
- The last loop alone is folded, and something dear is computed or there are several sweeps: each
  lane has a row of its own.

Elements are computed by the same operations as elsewhere; short rows are added in the order of
their columns, which depends on nothing but their length.
"""

from __future__ import annotations

from collections.abc import Callable

from twofold.ir.dims import DimLike, provably_eq
from twofold.ir.dtypes import info

from .expression import calls
from .functions import CHEAP
from .lanes import lanes_of
from .loops import Kernel
from .statements import Apply, Index, Store

__all__ = ["gapless", "is_dear", "is_short", "most_columns"]


def is_short(kernel: Kernel, size: Callable[[DimLike], int]) -> bool:
    """Whether a kernel is written for a short last loop, if its sizes are these."""
    most = most_columns(kernel)
    if not most:
        return False
    *_, rows, columns = map(size, kernel.dims)
    if kernel.mode == "row":
        return columns <= most
    full = len(kernel.dims) == 2 or rows * columns >= lanes_of(kernel)
    return 1 < columns <= most and full


def most_columns(kernel: Kernel) -> int:
    """How long a last loop is short; 0 for kernels that are always written in one way."""
    lanes = lanes_of(kernel)
    if len(kernel.loops) < 2 or lanes == 1 or not kernel.straight:
        return 0
    if any(info(kernel.buffers[i].dtype).complex for i in kernel.used):
        return 0
    if kernel.mode == "map":
        found = _most_of_map(kernel, lanes)
    elif kernel.reduced == {len(kernel.loops) - 1} and (is_dear(kernel) or len(kernel.sweeps) > 1):
        found = lanes // 2
    else:
        return 0
    inner = kernel.loops[-1].size
    return 0 if isinstance(inner, int) and inner > found else found


def _most_of_map(kernel: Kernel, lanes: int) -> int:
    """Longer loops fill enough of a vector of their own; the sooner, the less an element costs
    beside the choice of its row."""
    inner = kernel.loops[-1].size
    stores = [s.access.index for s in kernel.statements() if isinstance(s, Store)]
    if not all(gapless(index, inner) for index in stores):
        return 0
    chooses = any(_is(i.strides[-1], 0) and not _is(i.strides[-2], 0) for i in kernel.indices())
    return lanes // 4 if chooses and not is_dear(kernel) else lanes // 2


def is_dear(kernel: Kernel) -> bool:
    """Whether a kernel calls a function that is not cheap."""
    return any(calls(s.expr) - CHEAP for s in kernel.statements() if isinstance(s, Apply))


def gapless(index: Index, inner: DimLike) -> bool:
    """Whether an index runs through the last two loops step by step."""
    outer, last = index.strides[-2:]
    return _is(last, 1) and provably_eq(outer, inner)


def _is(stride: DimLike, number: int) -> bool:
    return isinstance(stride, int) and stride == number
