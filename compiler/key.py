"""The key of a call: what has to be equal for two calls to share a trace.

Tensors count by dtype and rank, containers by structure, other objects by identity, and Python
values by type and value, except numbers that are used as numbers: they are inputs of the trace
(``symnumber.py``) and count by type alone. A float is tried as an input at once, an int when a
second value of it is seen; if a trace needs its value after all, it counts by value from then on.
So does a scalar of NumPy, which is an input at first. The same goes for the numbers that names and
attributes give (``slots.py``), which are guarded. An array behind a name may decide what is traced,
until it is seen to hold something else.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from twofold.ir.errors import StagingError, TwofoldError
from twofold.ir.tree import LEAF, Structure
from twofold.ir.words import counted
from twofold.runtime.tensor import Tensor

from .signature import Token, leaf_key, leaf_pattern, scalar_key

if TYPE_CHECKING:
    from .slots import Slot, SlotKey

__all__ = ["Key", "Keys", "matches", "object_key", "part_text", "plain_key"]

STRUCTURES = 1024  # structures of arguments about whose numbers something is remembered
_NONE: dict[int, bool] = {}

Key = tuple[Any, ...]


class Keys:
    """The keys of one function's calls. Read without a lock; written under the function's."""

    def __init__(self) -> None:
        self._inputs: dict[Structure, dict[int, bool]] = {}  # by leaf: a number that is an input
        self.ints = False  # whether some int is an input
        self._first: dict[Any, int] = {}  # the first value of an int, by structure and leaf or slot
        self._changing: set[SlotKey] = set()  # slots of ints that are inputs
        self._first_held: dict[SlotKey, Any] = {}  # values in attributes, names and items
        self._fixed: set[SlotKey] = set()  # of scalars of NumPy's that count by value
        self._arrays: dict[int, weakref.ref[Any]] = {}  # whose elements are other ones at times

    def pattern(self, leaves: list[Any], structure: Structure) -> Key:
        """The structure and a part for each leaf, sizes left open."""
        inputs = self._inputs.get(structure, _NONE)
        return structure, *[
            kind if (kind := type(x)) in (float, int) and inputs.get(i, kind is float)
            else scalar_key(x) if inputs and _by_value(x, i, inputs)
            else leaf_pattern(x)
            for i, x in enumerate(leaves)
        ]  # fmt: skip

    def exact(self, leaves: list[Any], structure: Structure) -> Any:
        """The key with sizes; plain positional calls need no structure."""
        inputs = self._inputs.get(structure, _NONE)
        parts = tuple([
            kind if (kind := type(x)) in (float, int) and inputs.get(i, kind is float)
            else scalar_key(x) if inputs and _by_value(x, i, inputs)
            else leaf_key(x)
            for i, x in enumerate(leaves)
        ])  # fmt: skip
        positional, keywords = structure.children
        if keywords.children or any(c is not LEAF for c in positional.children):
            return structure, parts
        return parts

    def meet(self, leaves: list[Any], structure: Structure) -> bool:
        """Look at the arguments of a call that needs a trace; whether that changes its key."""
        known: tuple[Any, ...] = self._first, self._first_held, self._inputs
        if max(map(len, known)) > STRUCTURES:
            self.clear()
        inputs = self._inputs.get(structure, _NONE)
        ints = [i for i, x in enumerate(leaves) if type(x) is int and i not in inputs]
        changed = [
            i for i in ints if self._first.setdefault((structure, i), leaves[i]) != leaves[i]
        ]
        self.ints |= bool(changed)
        self._set(structure, changed, True)
        return bool(changed)

    def read(self, slots: dict[SlotKey, Slot]) -> dict[SlotKey, Slot]:
        """The slots whose numbers are inputs of a trace that is made now."""
        self._changing.update(
            place for place, slot in slots.items()
            if type(slot.value) is int and self._first.setdefault(place, slot.value) != slot.value
        )  # fmt: skip
        return {p: s for p, s in slots.items() if type(s.value) is float or p in self._changing}

    def changing(self, place: SlotKey, value: Any) -> bool:
        """Whether a number that code finds somewhere is an input of a trace that is made now."""
        if type(value) is int and self._first.setdefault(place, value) != value:
            self._changing.add(place)
        return type(value) is float or place in self._changing

    def moves(self, place: SlotKey, value: Any) -> bool:
        """Whether an attribute, a name or an item has been seen to hold another array or tensor
        than this one, or another integer of NumPy's; a floating one is an input at once."""
        if place in self._fixed:
            return False
        if isinstance(value, np.inexact):
            return True
        if place not in self._changing:  # an array with a weak reference cannot be resized
            now = (type(value), value) if isinstance(value, np.generic) else id(value)
            if self._first_held.setdefault(place, now) != now:
                self._changing.add(place)
        return place in self._changing

    def fix(self, places: Iterable[SlotKey]) -> None:
        """Scalars of NumPy's in these places count by value from now on."""
        self._fixed.update(places)

    def changes(self, array: Any) -> None:
        """The elements of an array or a tensor that the function reads were others: they are not
        looked at while it is traced, as far as that can be."""
        place, known = id(array), self._arrays
        known[place] = weakref.ref(array, lambda gone: known.pop(place, None))

    def is_changing(self, array: Any) -> bool:
        """Whether ``changes`` was told of an array."""
        found = self._arrays.get(id(array))
        return found is not None and found() is array

    def by_value(self, structure: Structure, leaves: Iterable[int]) -> None:
        """These numbers count by value from now on."""
        self._set(structure, leaves, False)

    def _set(self, structure: Structure, leaves: Iterable[int], is_input: bool) -> None:
        new = dict.fromkeys(leaves, is_input)
        if new:
            self._inputs[structure] = {**self._inputs.get(structure, _NONE), **new}

    def clear(self) -> None:
        """Forget what is known about numbers."""
        self._inputs.clear()
        self._first.clear()
        self._changing.clear()
        self._arrays.clear()
        self._first_held.clear()
        self._fixed.clear()


def _by_value(x: Any, leaf: int, inputs: dict[int, bool]) -> bool:
    """Whether this is a scalar of NumPy whose value counts."""
    return isinstance(x, np.generic) and not inputs.get(leaf, True)


def plain_key(key: Key, leaves: list[Any], error: Exception) -> Key:
    """The key with those numbers by value for whose sake a trace may have failed: scalars of NumPy
    where a value was needed, Python numbers where code in C takes only a true float or int."""
    if isinstance(error, StagingError):
        parts = [
            scalar_key(x) if isinstance(x, np.generic) else part
            for x, part in zip(leaves, key[1:], strict=True)
        ]
    elif isinstance(error, TwofoldError):
        return key
    else:
        parts = [
            leaf_pattern(x) if part is float or part is int else part
            for x, part in zip(leaves, key[1:], strict=True)
        ]
    return key[0], *parts


def object_key(key: Key) -> Key:
    """What a key says about objects: the structure, and the objects among the leaves."""
    return key[0], *[part for part in key[1:] if isinstance(part, Token)]


def matches(part: Any, x: Any) -> bool:
    """Whether a leaf is of the kind that a part of a key stands for."""
    if part is float or part is int:
        return type(x) is part
    return leaf_pattern(x) == part or (isinstance(x, np.generic) and scalar_key(x) == part)


def part_text(part: Any) -> str:
    """A part of a key as the explanations show it."""
    if isinstance(part, Token):
        return "an object of its own"
    if isinstance(part, type):
        return f"any {part.__name__}"
    if part[0] is Tensor:
        return f"{part[1]} of {counted(part[2], 'axis')}"
    if part[0] is float:
        return repr(float.fromhex(part[1]))
    if issubclass(part[0], np.generic) and part[0] is not np.generic:
        return repr(np.frombuffer(part[2], part[1])[0])
    return repr(part[1]) if len(part) == 2 else f"{part[0].__name__}{part[1:]}"
