"""Numbers as text, and back, bit for bit: Python's, and the elements of arrays.

Floats are the shortest text that gives the same value in their own dtype. A NaN whose bits are not
the default ones is ``nan(0x7ff8000000000001)``; a complex number is ``complex(1.0, -0.0)``.
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from .dtypes import info
from .scanner import BARE, Scanner, token

__all__ = ["KEYWORDS", "make_array", "parse_element", "parse_number", "show_element", "show_float"]

KEYWORDS = {"None": None, "True": True, "False": False, "inf": math.inf, "nan": math.nan}

_Array = np.ndarray[Any, Any]
_NAN = struct.pack("<d", math.nan)
_NUMBER = token(
    r"(?:(-?(?:\d+\.\d*(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|inf\b))|(nan)\((0x[0-9a-f]{1,16})\)|(-?\d+))"
)
_WORD = token(f"({BARE})")
_OPEN, _CLOSE, _COMMA = token(r"\("), token(r"\)"), token(",")


def show_float(value: float) -> str:
    """A Python float as text."""
    if not math.isnan(value) or struct.pack("<d", value) == _NAN:
        return repr(value)
    return f"nan({struct.unpack('<Q', struct.pack('<d', value))[0]:#x})"


def show_element(item: Any) -> str:
    """A NumPy scalar as text, without its dtype."""
    own = info(item.dtype)
    if own.complex:
        return f"complex({show_element(item.real)}, {show_element(item.imag)})"
    if not own.inexact:
        return str(item.item())
    if np.isnan(item):
        bits, default = (
            np.asarray(x, item.dtype).view(f"u{item.itemsize}").item() for x in (item, math.nan)
        )
        return "nan" if bits == default else f"nan({bits:#x})"
    short = float(str(item))  # the digits are NumPy's, the notation is Python's
    return repr(short if item.dtype.type(short) == item else float(item))


def parse_number(s: Scanner) -> int | float | None:
    """The Python number at the scanner, if there is one. Raises IRSyntaxError."""
    at = s.here()
    found = s.take(_NUMBER)
    if found is None:
        return None
    if found[1]:
        return float(found[1])
    if found[2]:
        return float(struct.unpack("<d", struct.pack("<Q", int(found[3], 16)))[0])
    try:
        return int(found[4])
    except ValueError:  # Python bounds the digits that it converts
        s.fail("the integer is too long", at)


def parse_element(s: Scanner) -> Any:
    """One array element: a number, a bool, the bits of a NaN (bytes), or a pair (complex)."""
    at = s.here()
    found = s.take(_NUMBER)
    if found is not None and found[2]:
        return bytes.fromhex(found[3][2:].zfill(16))
    s.pos = at
    number = parse_number(s)
    if number is not None:
        return number
    word = s.expect(_WORD, "an array element")[1]
    if word == "complex":
        s.expect(_OPEN, "'(' (a complex number is complex(real, imaginary))")
        real = parse_part(s)
        s.expect(_COMMA, "','")
        imag = parse_part(s)
        s.expect(_CLOSE, "')'")
        return real, imag
    if word not in KEYWORDS or word == "None":
        s.fail(f"{word} is not an array element", at)
    return KEYWORDS[word]


def parse_part(s: Scanner) -> Any:
    """The real or the imaginary part of a complex number."""
    at = s.here()
    if s.text.startswith("complex", at):
        s.fail("the parts of a complex number are real", at)
    return parse_element(s)


def make_array(
    s: Scanner, dtype: np.dtype[Any], shape: tuple[int, ...], items: list[Any], at: int
) -> _Array:
    """An array of parsed elements. Raises IRSyntaxError at ``at`` if one does not fit."""
    array = np.empty(len(items), dtype)
    try:
        for i, item in enumerate(items):
            if not _fits(item, dtype):
                s.fail(f"{item!r} is not a {dtype} element", at)
            _store(array, i, item)
        return array.reshape(shape)
    except (OverflowError, TypeError) as error:
        s.fail(f"not a {dtype} element: {error}", at)


def _fits(item: Any, dtype: np.dtype[Any]) -> bool:
    own = info(dtype)
    if own.complex:
        return isinstance(item, tuple) and all(_fits(part, own.part_dtype) for part in item)
    if isinstance(item, bool) or own.boolean:
        return isinstance(item, bool) and own.boolean
    return isinstance(item, int) or (isinstance(item, float | bytes) and own.inexact)


def _store(array: _Array, i: int, item: Any) -> None:
    if isinstance(item, tuple):
        halves = array.view(info(array.dtype).part_dtype)
        _store(halves, 2 * i, item[0])
        _store(halves, 2 * i + 1, item[1])
    elif isinstance(item, bytes):
        array.view(np.dtype(f"u{array.itemsize}"))[i] = int.from_bytes(item, "big")
    else:
        with np.errstate(over="ignore"):
            array[i] = item
