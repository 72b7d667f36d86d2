"""What functional control flow takes and gives: containers whose numeric leaves are tensors.

``tf.cond``, ``tf.while_loop`` and their like give tensors in both modes: a Python number becomes
one of its default dtype (that of the state which it follows, if it fits), an array and a Variable
one of their value. Each leaf is a tensor object of its own, so that a write to it reaches no other
name. What is no number (None, a text, an object) stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from twofold.ir import bind
from twofold.ir.dtypes import info, letter
from twofold.ir.errors import (
    ArgumentError,
    ConversionError,
    DTypeError,
    ShapeError,
    TwofoldError,
)
from twofold.ir.op import OPS
from twofold.ir.shapes import show_shape
from twofold.ir.tensor_shape import LISTED, TUPLES, sequence
from twofold.ir.tree import Structure, flatten, unflatten
from twofold.ir.types import TensorType

from .convert import as_array, staged
from .tensor import Tensor, wrap
from .variable import Variable

__all__ = [
    "ArrayKind",
    "State",
    "arranged",
    "carried",
    "described",
    "function_of",
    "hooked",
    "is_value",
    "misfit",
    "own",
    "own_tensor",
    "refusal",
    "truth",
    "type_of",
]

_NUMBERS = (bool, int, float, complex, np.ndarray, np.generic, Tensor, Variable)


class ArrayKind:
    """What a TensorArray is besides its elements: the same for all that a loop makes of it."""

    def __init__(self, dtype: np.dtype[Any], dynamic: bool, one_shape: bool, shape: Any) -> None:
        self.dtype: np.dtype[Any] = dtype
        self.dynamic, self.one_shape, self.shape = dynamic, one_shape, shape
        self.rows: Any = None  # in a trace: how many elements there are at least

    def _key(self) -> tuple[Any, ...]:
        rows = id(self.rows) if isinstance(self.rows, Tensor) else self.rows
        return self.dtype, self.dynamic, self.one_shape, self.shape, rows

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArrayKind) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def without_rows(self, rows: Any) -> ArrayKind:
        """The same for an array whose elements have all been written."""
        made = ArrayKind(self.dtype, self.dynamic, self.one_shape, self.shape)
        made.rows = rows
        return made

    def __repr__(self) -> str:
        return f"a TensorArray of {self.dtype}"

    def refuse_shape(self, have: Any, want: Any) -> NoReturn:
        """An element of another shape."""
        raise ShapeError(
            f"an element of shape {show_shape(have)} is written to a TensorArray whose elements "
            f"have the shape {show_shape(want)}"
        )

    def refuse_rows(self, have: Any, size: Any) -> NoReturn:
        """More elements at once than there is room for."""
        raise ShapeError(
            f"{have} elements do not go into a TensorArray of size {size}; make it larger, or "
            f"dynamic_size=True"
        )

    def refuse_unknown(self) -> NoReturn:
        """An element that was not written, of a shape that nobody has said."""
        raise ArgumentError(
            "an element of a TensorArray is needed before one is written; say element_shape"
        )


def is_value(x: Any) -> bool:
    """Whether a leaf is a number: what becomes a tensor."""
    kind = type(x)
    return (
        isinstance(x, _NUMBERS)
        or getattr(kind, "in_trace", False)
        or hasattr(kind, "symbolic_number")
        or getattr(kind, "symbolic_size", False)
    )


def hooked(function: Any) -> Any:
    """A function of the user's whose names mean, in a trace, what they mean in the traced one."""
    ground: Any = bind.ground()
    return ground.arrays.hooked(function) if ground.tracing else function


def function_of(given: Any, where: str, parameter: str) -> Any:
    """A function that the user gave, as it is called now. Raises ArgumentError if it is none."""
    if not callable(given):
        raise ArgumentError(f"{where}: {parameter} is a function, not {given!r}")
    return hooked(given)


def own_tensor(x: Any, dtype: np.dtype[Any] | None = None) -> Any:
    """A tensor object of its own with the value of a number.

    ``dtype``: that of a Python number, if it fits. Raises ConversionError.
    """
    ground = bind.ground()
    if isinstance(x, Variable):
        x = x.read_value()
    if isinstance(x, Tensor):
        return ground.tensor(ground.value(x))
    if getattr(type(x), "in_trace", False):
        return staged(x, None)
    if isinstance(x, np.ndarray | np.generic):
        array = as_array(x)
        if ground.tracing and array is x:  # an input of the graph, read at each call
            return OPS["identity"](array)
        return ground.tensor(array.copy()) if not ground.tracing else _constant(array)
    if not hasattr(type(x), "symbolic_number") and not hasattr(type(x), "symbolic_size"):
        return _constant(_weak(x, dtype))
    whole = not isinstance(x, float)
    want = np.dtype(np.int32 if whole else np.float32)
    if dtype is not None and (info(dtype).inexact or (whole and info(dtype).integer)):
        want = dtype
    if hasattr(type(x), "symbolic_number"):
        return x.tensor(want)
    return OPS["cast"](x, dtype=want)


def _constant(array: np.ndarray[Any, Any]) -> Any:
    return OPS["constant"](value=array) if bind.ground().tracing else wrap(array)


def _weak(x: Any, dtype: np.dtype[Any] | None) -> np.ndarray[Any, Any]:
    """A Python number as an array: of its default dtype, or of another that it fits."""
    own = as_array(x)
    if dtype is None or own.dtype == dtype or info(own.dtype).boolean:
        return own
    rank = "biufce".index
    if info(dtype).boolean or rank(info(own.dtype).letter) > rank(letter(dtype).replace("u", "i")):
        return own
    try:
        return as_array(x, dtype, weak=True)
    except ConversionError:
        return own


def truth(x: Any) -> Any:
    """A predicate: a Python bool, or in a trace, of what exists only when it runs, a bool tensor.

    Any dtype has a truth value. Raises ShapeError unless there is exactly one element.
    """
    later = isinstance(x, Tensor | Variable | np.ndarray) or getattr(type(x), "in_trace", False)
    if not later or not bind.ground().tracing:
        return bool(x)
    tensor = own_tensor(x)
    if tensor.size != 1:
        return bool(Tensor(np.zeros([int(n) for n in tensor.shape])))  # it raises
    if tensor.shape:
        tensor = OPS["reshape"](tensor, shape=())
    return tensor if tensor.dtype == np.bool_ else OPS["cast"](tensor, dtype=np.dtype(bool))


def own(x: Any) -> Any:
    """A leaf of its own: a tensor for a number; anything else as it is."""
    if is_value(x):
        return own_tensor(x)
    return x.own() if hasattr(x, "own") else x


def carried(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of a container, numbers as tensors, and its structure."""
    leaves, structure = flatten(tree)
    return [own(x) for x in leaves], structure


def type_of(x: Any) -> TensorType | None:
    """The type of a tensor in the present mode; None for what is no tensor."""
    if not isinstance(x, Tensor):
        return None
    value = x.value
    return value.type if hasattr(value, "type") else TensorType(value.dtype, value.shape)


def misfit(want: Any, have: Any) -> str:
    """Why one leaf does not follow another, in words; ``""`` if it does. Sizes may differ."""
    first, second = type_of(want), type_of(have)
    if hasattr(want, "follows") and want.follows(have):
        return ""
    if first is None and second is None:
        return "" if want is have or want == have else f"{have!r}, not {want!r}"
    shown = [repr(x) if t is None else str(t) for x, t in ((want, first), (have, second))]
    if first is None or second is None or first.dtype != second.dtype:
        return f"{shown[1]}, not {shown[0]}"
    return "" if first.rank == second.rank else f"{shown[1]}, not {shown[0]}"


def refusal(want: Any, have: Any) -> type[TwofoldError]:
    """The class of the error for a leaf that does not follow another."""
    if isinstance(want, Tensor) and isinstance(have, Tensor):
        return DTypeError if want.dtype != have.dtype else ShapeError
    return ArgumentError


class State(NamedTuple):
    """The state of a loop: its leaves, their structure, and the words for it in errors."""

    leaves: list[Any]
    structure: Structure
    what: str  # "tf.while_loop: the body"

    @classmethod
    def of(cls, tree: Any, what: str) -> State:
        """The state that a loop starts with."""
        return cls(*carried(tree), what)

    def tree(self) -> Any:
        """The container, in tensor objects of its own."""
        return unflatten(self.structure, [own(x) for x in self.leaves])

    def next(self, tree: Any) -> State:
        """The state that follows, of the same structure, dtypes and ranks.

        Raises ArgumentError, DTypeError or ShapeError, which name both types.
        """
        found, structure = flatten(arranged(tree, self.structure))
        if structure != self.structure:
            raise ArgumentError(
                f"{self.what} returns {described(structure)}, where the state is "
                f"{described(self.structure)}; return the structure of what the loop starts with"
            )
        made = [
            own_tensor(x, getattr(want, "dtype", None)) if is_value(x) else own(x)
            for want, x in zip(self.leaves, found, strict=True)
        ]
        self.check(made)
        return State(made, structure, self.what)

    def check(self, leaves: Sequence[Any]) -> None:
        """Raise where leaves do not follow those of this state."""
        for i, (want, have) in enumerate(zip(self.leaves, leaves, strict=True)):
            reason = misfit(want, have)
            if not reason:
                continue
            number = "" if len(leaves) == 1 else f" {i}"
            raise refusal(want, have)(
                f"{self.what} returns {reason}, as state{number}; the dtype and rank of a state "
                f"stay the same: cast or reshape it, or start with another"
            )


def arranged(tree: Any, structure: Structure) -> Any:
    """A container with its dicts in the order of a structure, where they have the same keys."""
    kind = structure.kind
    if type(tree) is not kind or (kind is not dict and kind not in LISTED):
        return tree
    if len(tree) != len(structure.children):
        return tree
    if kind is not dict:
        return sequence(
            type(tree), [arranged(x, c) for x, c in zip(tree, structure.children, strict=True)]
        )
    if set(tree) != set(structure.keys):
        return tree
    named = zip(structure.keys, structure.children, strict=True)
    return {key: arranged(tree[key], child) for key, child in named}


def described(structure: Structure) -> str:
    """A structure in words: ``(tensor, {a: tensor})``."""
    kind = structure.kind
    if kind is None:
        return "*"
    inner = [described(c) for c in structure.children]
    if structure.keys:
        inner = [f"{k}: {c}" for k, c in zip(structure.keys, inner, strict=True)]
    text = ", ".join(inner)
    if kind in TUPLES:
        return f"({text},)" if len(inner) == 1 else f"({text})"
    if kind is list:
        return f"[{text}]"
    return f"{{{text}}}" if kind is dict else f"{getattr(kind, '__name__', kind)}({text})"
