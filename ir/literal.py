"""Text -> attribute values: reads exactly what ``attr_text.show_attr`` writes.

``attrs`` lists the values with their text; ``number_text`` and ``array_text`` say how numbers and
arrays are written.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .array_text import parse_array
from .dim_text import parse_dim, parse_dim_prefix
from .dims import DimLike, DimSyntaxError
from .dtypes import DTYPES
from .number_text import (
    KEYWORDS,
    make_array,
    parse_element,
    parse_number,
)
from .scanner import BARE, QUOTED, Scanner, token, unquote
from .types import RefType, TensorType, type_from

__all__ = ["parse_attr", "parse_type"]

DEPTH = 100  # of nested tuples in a text


_WORD = token(f"({BARE})")
_STRING = token(f"({QUOTED})")
_SIZE = token(r"<([^<>\n]*)>")
_DTYPE = token(r"(bool|bf16|f8e4m3fn|f8e5m2|[iufc]\d{1,3})\b")
_SOURCE = token(r"of\s+argument(\d{1,9})\b")
_TYPE = token(r"(ref\s+|(?:buffer\s+)*)([^\W\d]\w*)\[([^\[\]\n]*)(\])?")
_OPEN, _CLOSE, _COMMA, _COLON = token(r"\("), token(r"\)"), token(","), token(":")
_ELLIPSIS = token(r"\.\.\.")


def parse_attr(s: Scanner, depth: int = 0) -> Any:
    """The attribute value at the scanner. Raises IRSyntaxError."""
    at = s.here()
    char = s.text[at : at + 1]
    if char == "(":
        return _parse_tuple(s, depth)
    if char == '"':
        return unquote(s, s.expect(_STRING, "the end of the string")[1], at)
    if s.take(_ELLIPSIS):
        return ...
    value = None if char == ":" else _parse_scalar(s)
    if s.next() == ":":
        return _parse_slice(s, value)
    return value


def _parse_tuple(s: Scanner, depth: int) -> tuple[Any, ...]:
    if depth >= DEPTH:
        s.fail(f"tuples are nested over {DEPTH} deep")
    s.expect(_OPEN, "'('")
    items: list[Any] = []
    while not s.take(_CLOSE):
        items.append(parse_attr(s, depth + 1))
        if s.next() != ")":
            s.expect(_COMMA, "',' or ')'")
        elif len(items) == 1 and s.text[s.pos - 1 : s.pos] != ",":
            s.fail("a tuple of one item is written (x,)")
    return tuple(items)


def _parse_slice(s: Scanner, start: Any) -> slice:
    parts: list[Any] = [start]
    while len(parts) < 3:
        s.expect(_COLON, "':' (a slice is start:stop:step)")
        parts.append(None if s.next() in ":,)}" else _parse_scalar(s))
    return slice(*parts)


def _parse_scalar(s: Scanner) -> Any:
    at = s.here()
    number = parse_number(s)
    if number is not None:
        return number
    found = s.take(_SIZE)
    if found:
        return _parse_size(s, found[1], found.start(1))
    if s.take(_DTYPE):
        s.pos = at
        return _parse_typed(s)
    word = s.take(_WORD)
    if word is None:
        s.fail(f"expected an attribute value, found {s.shown()}")
    if word[1] == "complex":
        s.pos = at
        return make_array(s, np.dtype("complex128"), (), [parse_element(s)], at).item()
    if word[1] in ("ref", "buffer"):
        s.pos = at
        return parse_type(s)
    if word[1] == "object":
        s.fail("a Python object has no text form", at)
    if word[1] not in KEYWORDS:
        s.fail(f"{word[1]} is not an attribute value", at)
    return KEYWORDS[word[1]]


def _parse_size(s: Scanner, text: str, at: int) -> Any:
    try:
        size = parse_dim(text)
    except DimSyntaxError as error:
        s.fail(error.reason, at + error.position)
    return size


def parse_type(s: Scanner) -> TensorType:
    """The type at the scanner, such as ``f32[n,3]``. Raises IRSyntaxError."""
    at = s.here()
    found = s.expect(_TYPE, "a type such as f32[n,3]")
    if not found[4]:
        s.fail("the shape is not closed with ']'", found.end(3))
    if found[2] not in DTYPES:
        s.fail(f"unknown dtype {found[2]}; the dtypes are {', '.join(DTYPES)}", found.start(2))
    try:
        shape = _shape(found[3])
    except DimSyntaxError as error:
        s.fail(error.reason, found.start(3) + error.position)
    if any(isinstance(d, int) and d < 0 for d in shape):
        s.fail("a size is never negative", at)
    if found[1].split() == ["ref"] and (source := s.take(_SOURCE)) is not None:
        return RefType(DTYPES[found[2]], shape, int(source[1]))
    return type_from(found[1], DTYPES[found[2]], shape)


@lru_cache(maxsize=4096)
def _shape(text: str) -> tuple[DimLike, ...]:
    if not text.strip():
        return ()
    dims: list[DimLike] = []
    pos = 0
    while True:
        dim, pos = parse_dim_prefix(text, pos)
        dims.append(dim)
        rest = text[pos:].lstrip()
        if not rest:
            return tuple(dims)
        pos = len(text) - len(rest)
        if rest[0] != ",":
            raise DimSyntaxError(f"expected ',' or ']', found {rest[0]!r}", pos, text)
        pos += 1


def _parse_typed(s: Scanner) -> Any:
    """A dtype, or what begins with one: a type, an array, a NumPy scalar."""
    at = s.here()
    name = s.expect(_DTYPE, "a dtype")[1]
    dtype = DTYPES.get(name)
    if dtype is None:
        s.fail(f"unknown dtype {name}; the dtypes are {', '.join(DTYPES)}", at)
    if s.text[s.pos : s.pos + 1] == "[":
        s.pos = at
        kind = parse_type(s)
        array = parse_array(s, kind, at)
        return kind if array is None else array
    if s.next() in ",)}:":
        return dtype
    return make_array(s, dtype, (), [parse_element(s)], at)[()]
