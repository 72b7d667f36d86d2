"""``tensor[key] = value``: the tensor object changes, and every record of its old value does not.

The object that the user holds gets the new value. Whoever remembers the object for its old value
(a tape's entries, a tracer's state) is told to remember a stand-in instead, a tensor object that
keeps the old value; the write itself is an op from the stand-in to the object, so it is recorded,
staged and differentiated as any other. Tapes that are no longer recording are told too: what they
recorded stays what it was.

Outside of tapes and traces a basic write goes into the array in place if nobody else refers to
it, which its reference count tells: a view, a Variable or a caller's array would count.
"""

from __future__ import annotations

import sys
from typing import Any, Protocol
from weakref import WeakSet

import numpy as np

from twofold.ir import bind
from twofold.ir.ops.index import setitem

__all__ = ["TAPES", "Recorder", "is_basic", "write", "write_in_place"]


class Recorder(Protocol):
    """An interpreter that remembers tensor objects."""

    def rename(self, old: Any, new: Any, *, fresh: bool = False) -> None:
        """Remember ``new`` wherever ``old`` is remembered; ``fresh``: the last op made ``old``."""


TAPES: WeakSet[Any] = WeakSet()  # tapes with entries, recording or not


def write(tensor: Any, key: Any, value: Any) -> None:
    """Change a tensor object; see the module. Raises what ``setitem`` raises, changing nothing."""
    recorders = _recorders()
    before = tensor.stand_in()
    for recorder in recorders:
        recorder.rename(tensor, before)
    try:
        after = setitem(before, key, before if value is tensor else value)
        tensor.become(after)
    except BaseException:
        for recorder in recorders:
            recorder.rename(before, tensor)
        raise
    for recorder in recorders:
        recorder.rename(after, tensor, fresh=True)


def _tapes() -> list[Any]:
    while True:
        try:
            return list(TAPES)
        except RuntimeError:  # another thread added a tape meanwhile: look again
            continue


def _recorders() -> list[Recorder]:
    """Every tape with entries, and the interpreters on the stack."""
    found: dict[int, Any] = {id(t): t for t in _tapes()}
    interpreter = bind.current.get()
    while interpreter is not None:
        if hasattr(interpreter, "rename"):
            found[id(interpreter)] = interpreter
        interpreter = interpreter.below
    return list(found.values())


def write_in_place(tensor: Any, key: Any, value: Any) -> bool:
    """Store into the tensor's own array if nobody can tell; whether it was done."""
    array = tensor.array
    flags = array.flags
    if sys.getrefcount(array) > _ALONE or not (flags.owndata and flags.writeable):
        return False
    if not is_basic(key):
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
        return dtype.kind == "f"
    return isinstance(value, int) and dtype.kind in "fi" and -128 <= value < 128


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
