"""Texts made of values of the graph: they are written when the graph has run."""

from __future__ import annotations

from copy import copy
from typing import Any, NamedTuple, NoReturn

from twofold.ir.errors import StagingError
from twofold.ir.tensor_shape import LISTED, sequence
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from ..ndarrays.base import TracedArray, TracedScalar
from ..plain import PlainPython
from ..trace import Traced
from .numbers import TracedNumber

__all__ = ["TEXTS", "Piece", "Text", "has_no_text", "joined", "snapshot", "writes_text", "written"]

TEXTS = frozenset(("__repr__", "__str__", "__format__"))


class Piece(NamedTuple):
    """A value in a text: how it is converted (1 ``str``, 2 ``repr``, 3 ``ascii``) and formatted."""

    value: Any
    conversion: int
    spec: str | None


class Text:
    """A text of which some pieces are not known while the function is traced. It can be printed,
    logged, joined with others and returned; anything else needs it now."""

    __slots__ = ("pieces",)

    def __init__(self, pieces: list[Any]) -> None:
        self.pieces = pieces

    def _needed(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise PlainPython(refusal=StagingError(
            "a text made of a value that exists only when the function runs is needed while it is "
            "traced"
        ))  # fmt: skip

    def __add__(self, other: Any) -> Any:
        return joined([self, other]) if isinstance(other, str | Text) else self._needed()

    def __radd__(self, other: Any) -> Any:
        return joined([other, self]) if isinstance(other, str | Text) else self._needed()

    __getattr__ = __len__ = __eq__ = __bool__ = __str__ = __repr__ = __format__ = _needed
    __getitem__ = __contains__ = __iter__ = __mod__ = __mul__ = __rmul__ = __hash__ = _needed
    __lt__ = __le__ = __gt__ = __ge__ = __ne__ = __rmod__ = _needed


def joined(parts: list[Any]) -> Any:
    """Texts one after the other."""
    if all(isinstance(p, str) for p in parts):
        return "".join(parts)
    pieces: list[Any] = []
    for part in parts:
        pieces += part.pieces if type(part) is Text else [part]
    return Text(pieces)


def written(piece: Piece, value: Any) -> str:
    """The text of a piece, once its value is known."""
    if piece.conversion:
        value = (str, repr, ascii)[piece.conversion - 1](value)
    return format(value, piece.spec or "")


def has_no_text(value: Any, depth: int = 4) -> bool:
    """Whether the text of a value is known only when the graph runs."""
    if isinstance(value, Tensor | Variable):
        return isinstance(value, Traced | Variable)
    if type(value) in (TracedNumber, TracedArray, TracedScalar, Text):
        return True
    if depth and (type(value) in LISTED or type(value) in (set, frozenset)):
        return any(has_no_text(v, depth - 1) for v in value)
    return (
        bool(depth)
        and type(value) is dict
        and any(has_no_text(v, depth - 1) for v in value.values())
    )


def writes_text(function: Any) -> bool:
    """Whether this is a method of a text, or makes one."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, str) or getattr(function, "__objclass__", None) is str:
        return True
    return getattr(function, "__module__", None) in ("json", "pprint", "reprlib")


def snapshot(value: Any) -> Any:
    """A value as it is now, whatever is written to it later."""
    if type(value) in LISTED:
        return sequence(type(value), map(snapshot, value))
    if type(value) is dict:
        return {k: snapshot(v) for k, v in value.items()}
    if isinstance(value, Variable):
        raise PlainPython(refusal=StagingError("a text of a Variable is not staged"))
    if isinstance(value, Tensor):
        return copy(value)
    return value.copy() if type(value) is TracedArray else value
