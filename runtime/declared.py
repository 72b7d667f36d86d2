"""Shapes that a program says its tensors have: ``set_shape``, ``ensure_shape``.

A tensor has its sizes anyway, so that saying them is a check. Who has nothing but one tensor and
wants to know which of its sizes all others have, as ``tf.data`` does, listens to what is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twofold.ir.errors import ShapeError
from twofold.ir.shapes import show_shape

__all__ = ["Declared", "require_shape", "say_shape", "shapes_declared"]

Declared = list[tuple[Any, tuple[Any, ...]]]
_listening: list[Declared] = []


@contextmanager
def shapes_declared() -> Iterator[Declared]:
    """The arrays of tensors whose shapes are said from here on, by any thread, and the shapes."""
    found: Declared = []
    _listening.append(found)
    try:
        yield found
    finally:
        _listening[:] = [held for held in _listening if held is not found]


def require_shape(x: Any, want: Any, what: str) -> None:
    """Raise ShapeError unless an array or tensor has a shape, in which None is any size."""
    if want is None:
        return
    have, want = x.shape, tuple(want)
    if len(want) != len(have) or any(
        w is not None and w != n for w, n in zip(want, have, strict=False)
    ):
        raise ShapeError(f"{what}: the shape is {show_shape(have)}, expected {want}")
    say_shape(getattr(x, "array", x), want)


def say_shape(array: Any, shape: tuple[Any, ...]) -> None:
    """All arrays that are made in this way have a shape, in which None is any size."""
    for found in _listening:
        found.append((array, shape))
