"""Arrays that attributes and items hold, another one from call to call: ``self.u = self.u + 1``.

Such an array is a hidden argument of a trace. It stands behind the leaves of the arguments, so that
its sizes are symbols, writes reach it, and overlaps with other arrays are seen, as for those.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from twofold.ir.tree import Leaves, dict_of

from .key import part_text
from .readers import MISSING, reference
from .signature import leaf_pattern
from .slots import Slot, SlotKey

Make = Callable[[Any, str, int], Any]

__all__ = ["Place", "PlaceInput", "Places"]


class Place(NamedTuple):
    """Where an array is found, an attribute or an item. ``pattern``: what counts of it."""

    text: str
    read: Callable[[], Any]
    pattern: Any


class PlaceInput(NamedTuple):
    """A hidden input of the graph: the array that stands behind the leaves, in this position."""

    leaf: int


class _Extended(Leaves):
    given: Any


class Places:
    """The arrays that one trace finds in such places. ``count``: the leaves of the arguments."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.all: list[Place] = []
        self.arrays: list[Any] = []  # those of the example call, while it is traced
        self._known: dict[SlotKey, tuple[Any, Any]] = {}  # with the owner, which stays alive
        self._pins: dict[int, Callable[[], Any]] = {}  # by what stands for an array

    def extended(self, leaves: Sequence[Any]) -> Any:
        """The leaves of a call, and behind them its arrays; None where one is of another kind."""
        if not self.all or type(leaves) is _Extended:
            return leaves
        made = _Extended(leaves)
        made.given, made.containers = leaves, getattr(leaves, "containers", [])
        for place in self.all:
            found = place.read()
            if type(found) is not np.ndarray or leaf_pattern(found) != place.pattern:
                return None
            made.append(found)
        return made

    def plain(self, leaves: Sequence[Any]) -> Any:
        """The leaves of the arguments alone, as they were given."""
        return leaves.given if type(leaves) is _Extended else leaves

    def misfits(self) -> Iterator[str]:
        """The attributes that hold arrays of another kind."""
        for place in self.all:
            now = leaf_pattern(place.read())
            if now != place.pattern:
                yield f"{place.text}: {part_text(place.pattern)} -> {part_text(now)}"

    # while a function is traced

    def known(self, owner: Any, key: Any) -> Any:
        """What stands for the array of a place that has been read, or None."""
        found = self._known.get((id(owner), key))
        return None if found is None else found[1]

    def attribute(self, watch: Any, owner: Any, name: str, make: Make) -> Any:
        """Have the array of an attribute be found by each call; None where its guard cannot be
        told to let it be another one. ``make`` gives what stands for it, as a leaf in a place."""
        indices, held = watch.walker.indices.get(id(owner), ()), dict_of(owner)
        if len(indices) != 1 or name not in held:
            return None
        read = functools.partial(_attribute, reference(owner), name)
        text, part = f"{type(owner).__name__}.{name}", len(held) + list(held).index(name)
        slot = Slot(text, read, held[name], indices[0], part)
        watch.numbers[id(owner), name] = slot
        slot.symbol = self._made(owner, name, Place(text, read, leaf_pattern(held[name])), make)
        self._pins[id(slot.symbol)] = functools.partial(setattr, slot, "symbol", None)
        return slot.symbol

    def item(self, watch: Any, owner: Any, key: Any, make: Make) -> Any:
        """The same for an item of a list or a dict that the function writes to."""
        read = functools.partial(_item, owner, key)
        text = f"{type(owner).__name__}[{key!r}]"
        made = self._made(owner, key, Place(text, read, leaf_pattern(read())), make)
        self._pins[id(made)] = functools.partial(watch.add, text, read)
        return made

    def _made(self, owner: Any, key: Any, place: Place, make: Make) -> Any:
        array = place.read()
        name = str(key) if str(key).isidentifier() else "item"
        made = make(array, name, self.count + len(self.all))
        self.all.append(place)
        self.arrays.append(array)
        self._known[id(owner), key] = owner, made
        return made

    def pin(self, made: Any) -> None:
        """The array is found in another way as well: it has to be the same one in each call."""
        pin = self._pins.pop(id(made), None)
        if pin is not None:
            pin()

    def end(self) -> None:
        """The trace is over: nothing that it was made of is kept alive."""
        for held in (self.arrays, self._known, self._pins):
            held.clear()


def _item(owner: Any, key: Any) -> Any:
    try:
        return owner[key]
    except LookupError:
        return MISSING


def _attribute(owner: Callable[[], Any], name: str) -> Any:
    return dict_of(owner()).get(name, MISSING)
