"""Forms: how a value of a frame travels as tensors of a loop's state.

A form takes the tensors out of a value and makes a value of tensors. What does not change is in the
form itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.op import OPS
from twofold.runtime.carried import own_tensor
from twofold.runtime.tensor import Tensor

from ..ndarrays.base import TracedArray, TracedScalar
from ..ndarrays.operands import fresh
from ..trace import Traced
from .merge import Unmergeable, is_made, same
from .numbers import DTYPES, TracedNumber, as_tensor, is_number, kind_of
from .walks import Walk

__all__ = ["Form", "cells_of", "form_of", "late", "widened"]


class Form:
    """A value that stays the same."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def take(self, value: Any) -> list[Any]:
        """The tensors of a value."""
        return []

    def zeros(self) -> list[Any]:
        """Tensors of the form that nobody looks at."""
        return []

    def make(self, tensors: Iterator[Any]) -> Any:
        """The value of tensors."""
        return self.value

    def settle(self) -> None:
        """What ``make`` made last is from now on what the function has made."""

    def wider(self, value: Any) -> Form:
        """A form for this value too; itself if it fits. Raises Unmergeable."""
        if same(self.value, value):
            return self
        old = self.value
        if is_number(old) and is_number(value):
            return Number(kind_of(old)).wider(value)
        if isinstance(old, Tensor) and isinstance(value, Tensor):
            return Whole(old).wider(value)
        if type(old) is type(value) is TracedScalar:
            return Scalar(old).wider(value)
        if type(old) is type(value) is TracedArray and (old.contiguous or old.ndim < 2):
            return Array(old).wider(value)
        if type(old) is type(value) and isinstance(old, tuple | list | dict):
            return Items(old).wider(value)
        if type(old) is type(value) is Walk and old.same_source(value):
            return Position(old).wider(value)
        raise Unmergeable(f"{_named(old)} becomes {_named(value)} in a loop")


class Number(Form):
    """A Python number."""

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def take(self, value: Any) -> list[Any]:
        return [as_tensor(value, self.kind)]

    def zeros(self) -> list[Any]:
        return [OPS["constant"](value=np.zeros((), DTYPES[self.kind]))]

    def make(self, tensors: Iterator[Any]) -> Any:
        return TracedNumber(self.kind, next(tensors))

    def wider(self, value: Any) -> Form:
        if not is_number(value) or kind_of(value) is not self.kind:
            raise Unmergeable(f"a number of type {self.kind.__name__} becomes {_named(value)}")
        return self


class Whole(Form):
    """A tensor."""

    def __init__(self, like: Any) -> None:
        self.dtype, self.rank = like.dtype, len(like.shape)
        self.like = like

    def take(self, value: Any) -> list[Any]:
        return [own_tensor(value)]

    def zeros(self) -> list[Any]:
        zero = OPS["constant"](value=np.zeros((), self.dtype))
        if not self.rank:
            return [zero]
        kind = self.like.value.type if isinstance(self.like, Traced) else self.like
        return [OPS["splat"](zero, shape=tuple(kind.shape))]

    def make(self, tensors: Iterator[Any]) -> Any:
        return next(tensors)

    def wider(self, value: Any) -> Form:
        if not isinstance(value, Tensor):
            raise Unmergeable(f"a tensor becomes {_named(value)} in a loop")
        if value.dtype != self.dtype or len(value.shape) != self.rank:
            raise Unmergeable(
                f"a tensor of dtype {self.dtype} and rank {self.rank} becomes one of dtype "
                f"{value.dtype} and rank {len(value.shape)} in a loop"
            )
        return self


class Scalar(Form):
    """A scalar of NumPy."""

    def __init__(self, like: TracedScalar) -> None:
        self.dtype, self.home = like.dtype, like.home

    def take(self, value: Any) -> list[Any]:
        return [own_tensor(value.tensor())]

    def zeros(self) -> list[Any]:
        return [OPS["constant"](value=np.zeros((), self.dtype))]

    def make(self, tensors: Iterator[Any]) -> Any:
        return TracedScalar(self.home, next(tensors))

    def wider(self, value: Any) -> Form:
        if type(value) is not TracedScalar or value.dtype != self.dtype:
            raise Unmergeable(f"a NumPy scalar of dtype {self.dtype} becomes {_named(value)}")
        return self


class Array(Form):
    """An ndarray of which each trip makes another one. So nobody else has it, and its elements are
    all that there is to it, as long as no trip writes to the one that it was given."""

    def __init__(self, like: TracedArray) -> None:
        self.home, self.elements = like.home, Whole(like.tensor())
        self.given: TracedArray | None = None

    def take(self, value: Any) -> list[Any]:
        if self.given is not None and self.given.cell.version:
            raise Unmergeable("an array that changes from trip to trip is written to")
        return [own_tensor(value.tensor())]

    def zeros(self) -> list[Any]:
        return self.elements.zeros()

    def make(self, tensors: Iterator[Any]) -> Any:
        self.given = fresh(self.home, next(tensors))
        self.given.cell.born = None
        return self.given

    def settle(self) -> None:
        if self.given is not None:
            self.given.cell.born = bind.ground()

    def wider(self, value: Any) -> Form:
        if not is_made(value, bind.ground()):
            raise Unmergeable(f"an array becomes {_named(value)} in a loop that it has not made")
        self.elements.wider(value.tensor())
        return self


class Items(Form):
    """A container of which the items change, not their number or keys."""

    def __init__(self, value: Any) -> None:
        self.kind = type(value)
        self.keys: Sequence[Any] = _keys(value)
        self.forms = [Form(value[k]) for k in self.keys]

    def take(self, value: Any) -> list[Any]:
        return [t for k, f in zip(self.keys, self.forms, strict=True) for t in f.take(value[k])]

    def zeros(self) -> list[Any]:
        return [t for f in self.forms for t in f.zeros()]

    def make(self, tensors: Iterator[Any]) -> Any:
        items = [f.make(tensors) for f in self.forms]
        if issubclass(self.kind, dict):
            return self.kind(zip(self.keys, items, strict=True))
        return self.kind._make(items) if hasattr(self.kind, "_make") else self.kind(items)

    def settle(self) -> None:
        for form in self.forms:
            form.settle()

    def wider(self, value: Any) -> Form:
        if type(value) is not self.kind or _keys(value) != self.keys:
            raise Unmergeable(f"a {self.kind.__name__} gets other items in a loop")
        found = [f.wider(value[k]) for k, f in zip(self.keys, self.forms, strict=True)]
        if all(new is old for new, old in zip(found, self.forms, strict=True)):
            return self
        made = Items.__new__(Items)
        made.kind, made.keys, made.forms = self.kind, self.keys, found
        return made


class Position(Form):
    """Where a ``for`` is."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk

    def take(self, value: Any) -> list[Any]:
        return [as_tensor(value.at, int)]

    def zeros(self) -> list[Any]:
        return [OPS["constant"](value=np.zeros((), np.int64))]

    def make(self, tensors: Iterator[Any]) -> Any:
        return self.walk.moved(TracedNumber(int, next(tensors)))

    def wider(self, value: Any) -> Form:
        if type(value) is not Walk or not value.same_source(self.walk):
            raise Unmergeable("an iterator becomes another in a loop")
        return self


def cells_of(form: Form, value: Any) -> list[int]:
    """The memory of the arrays in a value that travel as their elements."""
    if type(form) is Array and type(value) is TracedArray:
        return [id(value.cell)]
    if type(form) is Items and type(value) is form.kind:
        pairs = zip(form.keys, form.forms, strict=True)
        return [cell for k, f in pairs for cell in cells_of(f, value[k])]
    return []


def _keys(value: Any) -> Sequence[Any]:
    return list(value) if isinstance(value, dict) else list(range(len(value)))


def form_of(value: Any, open_walk: bool = False, contents: bool = False) -> Form:
    """A first guess for a value that a loop may change."""
    if open_walk:
        return Position(value)
    if contents and isinstance(value, tuple | list | dict):
        return Items(value)
    return late(value) if is_number(value) or isinstance(value, Traced) else Form(value)


def late(value: Any) -> Form:
    """The form of a value that a loop makes."""
    if is_number(value):
        return Number(kind_of(value))
    if isinstance(value, Tensor):
        return Whole(value)
    if type(value) is TracedScalar:
        return Scalar(value)
    if type(value) is Walk:
        return Position(value)
    if is_made(value, bind.ground()):
        return Array(value)
    if type(value) is TracedArray and value.tensor().trace is bind.ground():
        raise Unmergeable("a view that a loop makes is left by it")
    if isinstance(value, tuple) and value:
        made = Items(value)
        made.forms = [late(v) for v in value]
        return made
    return Form(value)


def widened(form: Form, value: Any) -> tuple[Form, bool]:
    """A form for another value too, and whether it is another form."""
    found = form.wider(value)
    return found, found is not form


def _named(value: Any) -> str:
    if isinstance(value, Tensor):
        return "a tensor"
    return repr(value) if value is None else f"a {type(value).__name__}"
