"""Arrays as text, and back, bit for bit.

f32[2,2] [1.0, 2.0, 3.0, 4.0]       up to 16 elements, row by row
f32[100] [0.0, ...]                 one element repeated
f32[100] base64 "AACAPwAA..."       any other: the little-endian bytes
"""

from __future__ import annotations

import binascii
import math
import sys
from typing import Any

import numpy as np

from .dtypes import dtype_name, info
from .number_text import make_array, parse_element, show_element
from .scanner import QUOTED, Scanner, token
from .types import BufferType, RefType, TensorType
from .words import counted

__all__ = ["parse_array", "show_array"]

LISTED = 16  # arrays of more elements are written as bytes
REPEATED = 1 << 26  # and at most this many bytes as one element repeated

_Array = np.ndarray[Any, Any]
_STRING = token(f"({QUOTED})")
_ELLIPSIS, _OPEN, _CLOSE, _COMMA = token(r"\.\.\."), token(r"\["), token(r"\]"), token(",")
_BYTES = token("base64")


def show_array(value: _Array) -> str:
    """An array of one of the dtypes of the IR as text."""
    head = f"{dtype_name(value.dtype)}[{','.join(map(str, value.shape))}]"
    if value.size <= LISTED:
        return f"{head} [{', '.join(map(show_element, value.ravel()))}]"
    raw = np.ascontiguousarray(value).reshape(-1).view(np.dtype((np.void, value.itemsize)))
    if value.nbytes <= REPEATED and (raw == raw[0]).all():
        return f"{head} [{show_element(value.ravel()[0])}, ...]"
    data = _little(value).tobytes()
    return f'{head} base64 "{binascii.b2a_base64(data, newline=False).decode()}"'


def parse_array(s: Scanner, kind: TensorType, at: int) -> _Array | None:
    """The array of a type that has just been read at ``at``, or None if only the type is there."""
    if s.take(_OPEN):
        return _listed(s, kind, at)
    return _from_bytes(s, kind, at) if s.take(_BYTES) else None


def _listed(s: Scanner, kind: TensorType, at: int) -> _Array:
    shape = _static_shape(s, kind, at)
    count = math.prod(shape)
    items: list[Any] = []
    while not s.take(_CLOSE):
        if len(items) == 1 and s.take(_ELLIPSIS):
            s.expect(_CLOSE, "']'")
            if count * kind.dtype.itemsize > REPEATED:
                s.fail(f"{kind} is too large for one repeated element", at)
            array = np.empty(count, kind.dtype)
            array[:] = make_array(s, kind.dtype, (1,), items, at)
            return array.reshape(shape)
        items.append(parse_element(s))
        if s.next() != "]":
            s.expect(_COMMA, "',' or ']'")
    if len(items) != count:
        s.fail(f"{kind} has {counted(count, 'element')}, given: {len(items)}", at)
    return make_array(s, kind.dtype, shape, items, at)


def _static_shape(s: Scanner, kind: TensorType, at: int) -> tuple[int, ...]:
    shape = tuple(d for d in kind.shape if isinstance(d, int))
    if len(shape) < kind.rank or isinstance(kind, RefType | BufferType):
        s.fail(f"an array has a fixed shape, not {kind}", at)
    if len(shape) > 32 or math.prod(max(d, 1) for d in shape) >= 1 << 48:
        s.fail(f"no array has the type {kind}", at)
    return shape


def _from_bytes(s: Scanner, kind: TensorType, at: int) -> _Array:
    shape = _static_shape(s, kind, at)
    literal = s.expect(_STRING, "the bytes in quotes")[1][1:-1]
    try:
        data = binascii.a2b_base64(literal, strict_mode=True)
    except ValueError as error:
        s.fail(f"not base64: {error}", at)
    count = math.prod(shape) * kind.dtype.itemsize
    if len(data) != count:
        s.fail(f"{kind} has {count} bytes, {len(data)} are given", at)
    if info(kind.dtype).boolean and not set(data) <= {0, 1}:
        s.fail("the bytes of a bool array are 0 or 1", at)
    array = np.empty(shape, kind.dtype)
    array[...] = _little(np.frombuffer(data, kind.dtype).reshape(shape))
    return array


def _little(array: _Array) -> _Array:
    """The array with the bytes of its elements in little-endian order, or back."""
    return array if sys.byteorder == "little" else array.byteswap()
