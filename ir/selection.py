"""``np.where`` of large arrays without a branch for each element."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["select"]

FEWEST = 4096  # elements of the condition from which it pays
WIDEST = 4  # bytes of an element up to which it pays where ``z`` is not 0

_BITS = {
    np.dtype(kind): np.dtype(f"i{np.dtype(kind).itemsize}")
    for kind in ("f2", "f4", "f8", "c8", "?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
}


def select(condition: Any, y: Any, z: Any) -> Any:
    """``np.where(condition, y, z)``, the same to the bit; all three broadcast.

    What an element of the condition says cannot be foreseen, so a branch for each is mispredicted
    again and again. Here the bits in which ``y`` differs from ``z`` are multiplied by 0 or 1.

    >>> odd = np.arange(8192) % 2 == 1
    >>> select(odd, np.full(8192, np.nan, np.float32), np.float32(-0.0))[:2].tolist()
    [-0.0, nan]
    """
    bits = _BITS.get(y.dtype)
    if bits is None or y.dtype != z.dtype or condition.dtype != bool or condition.size < FEWEST:
        return np.where(condition, y, z)
    taken, other = y.view(bits), z.view(bits)
    if z.ndim == 0 and not other:
        return np.multiply(taken, condition).view(y.dtype)
    if bits.itemsize > WIDEST:
        return np.where(condition, y, z)
    made = np.multiply(taken ^ other, condition)
    made ^= other
    return made.view(y.dtype)
