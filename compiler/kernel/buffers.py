"""What the buffers of a kernel are called, and how arrays lie in them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from twofold.ir.dims import DimLike

from .expression import RESERVED
from .schedule import is_zero
from .space import is_one

__all__ = ["contiguous", "identifier", "unique"]

# What the text calls loops, values, variables, constants and accumulators.
_OWN = re.compile(r"(i|v|s|c|b|acc)\d+$")


def contiguous(shape: Sequence[DimLike]) -> tuple[DimLike, ...]:
    """Row-major strides in elements; 0 for axes of size 1, and for no others: beside an empty axis
    strides are as if it had one element."""
    strides: list[DimLike] = []
    step: DimLike = 1
    for dim in reversed(shape):
        strides.append(0 if is_one(dim) else step)
        step = step if is_zero(dim) else step * dim
    return tuple(reversed(strides))


def identifier(name: str) -> str:
    """A name as Python and the text of kernels take it."""
    clean = "".join(c if f"x{c}".isidentifier() else "_" for c in name)
    return clean if clean.isidentifier() else f"x{clean}"


def unique(names: list[str], sizes: Collection[str]) -> list[str]:
    """Names for the buffers that are no other name of the text."""
    used, out = {*sizes, *RESERVED}, []
    for name in names:
        clean = stem = identifier(name)
        count = 1
        while clean in used or _OWN.match(clean):
            count += 1
            clean = f"{stem}_{count}"
        used.add(clean)
        out.append(clean)
    return out
