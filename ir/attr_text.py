"""Attribute values as text, which ``literal.py`` reads back."""

from __future__ import annotations

from typing import Any

import numpy as np

from .array_text import show_array
from .attrs import is_array_or_dtype
from .dims import Dim
from .dtypes import dtype_name
from .number_text import show_element, show_float
from .scanner import quote
from .tensor_shape import TUPLES
from .types import TensorType

__all__ = ["show_attr"]


def show_attr(value: Any) -> str:
    """An attribute value as text, which ``literal.parse_attr`` reads.

    What is outside the set shows as ``object(...)``, which is in no valid text: error messages
    print nodes that are not valid.
    """
    kind = value.__class__
    if value is None or kind is bool or kind is int:
        return str(value)
    if kind is float:
        return show_float(value)
    if kind is str:
        return quote(value)
    if kind in TUPLES:
        inner = ", ".join(map(show_attr, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if kind is complex:
        return f"complex({show_float(value.real)}, {show_float(value.imag)})"
    if kind is Dim:
        return f"<{value}>"
    if isinstance(value, TensorType):
        return str(value)
    if kind is slice:
        parts = (value.start, value.stop, value.step)
        return ":".join("" if p is None else show_attr(p) for p in parts)
    if value is Ellipsis:
        return "..."
    if is_array_or_dtype(value):
        if isinstance(value, np.dtype):
            return dtype_name(value)
        if isinstance(value, np.ndarray):
            return show_array(value)
        return f"{dtype_name(value.dtype)} {show_element(value)}"
    return f"object({quote(f'{kind.__name__} {value!r}')})"
