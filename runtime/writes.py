"""What writing to a tensor needs: storing in place where nobody can tell, and a memory of what was.

A write gives the tensor's cell another value, made by an op, so that it is recorded, staged and
differentiated as any other. Outside tapes and traces a basic write goes into the array itself
if nobody else refers to it, which its reference count tells: a view, a tape, a Variable or a
caller's array would count.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any
from weakref import ref

import numpy as np

from twofold.ir.dtypes import info

__all__ = ["Past", "former", "is_basic", "write_in_place"]


class Past:
    """The values that a cell had, oldest first, as long as somebody else keeps them.

    A tape that is asked for the gradient of a tensor that was written to means the value that it
    first knew; it keeps what it knows, so that value is here.
    """

    __slots__ = ("_limit", "_refs")

    def __init__(self) -> None:
        self._refs: list[ref[Any]] = []
        self._limit = 8

    def add(self, value: Any) -> None:
        """Remember one more, weakly."""
        self._refs.append(ref(value))
        if len(self._refs) > self._limit:
            self._refs = [r for r in self._refs if r() is not None]
            self._limit = 2 * len(self._refs) + 8

    def __iter__(self) -> Iterator[Any]:
        for r in self._refs:
            value = r()
            if value is not None:
                yield value


def former(cell: Any) -> Iterator[Any]:
    """The values that a tensor object has had, oldest first; the present one is the last."""
    yield from getattr(cell, "past", ())
    yield cell.value


def write_in_place(tensor: Any, key: Any, value: Any) -> bool:
    """Store into the tensor's own array if nobody can tell; whether it was done."""
    array = tensor.array
    if sys.getrefcount(array) > _ALONE:  # before its flags, which refer to it
        return False
    flags = array.flags
    if not (flags.owndata and flags.writeable and is_basic(key)):
        return False
    held = value.array if hasattr(value, "array") else value
    same = held.dtype == array.dtype if isinstance(held, np.ndarray) else _fits(held, array.dtype)
    if not same:
        return False
    try:
        array[key] = held
    except (IndexError, ValueError):
        return False  # ``write`` raises the documented error
    return True


def _fits(value: Any, dtype: np.dtype[Any]) -> bool:
    if isinstance(value, float):
        return info(dtype).floating
    return (
        isinstance(value, int)
        and (info(dtype).floating or info(dtype).signed)
        and -128 <= value < 128
    )


def is_basic(key: Any) -> bool:
    """Whether a key is made of Python ints, slices of them and ``...``: NumPy's meaning is ours."""
    for part in key if isinstance(key, tuple) else (key,):
        if not (part.__class__ is int or part is Ellipsis or _is_plain_slice(part)):
            return False
    return True


def _is_plain_slice(part: Any) -> bool:
    return part.__class__ is slice and all(
        v is None or v.__class__ is int for v in (part.start, part.stop, part.step)
    )


class _Holder:
    __slots__ = ("array",)

    def __init__(self) -> None:
        self.array = np.zeros(1)


def _count_alone(holder: Any) -> int:
    """The reference count of an array that only a slot and one local name hold."""
    array = holder.array
    return sys.getrefcount(array)


_ALONE = _count_alone(_Holder())
