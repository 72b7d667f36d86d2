"""Values that attributes, names and items hold, another one each time: ``self.u = self.u + 1``.

Such an array, tensor or scalar of NumPy's is a hidden argument of a trace. It stands behind the
leaves of the arguments, so that its sizes are symbols, writes reach it, and overlaps with other
arrays are seen, as for those.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from twofold.ir.tree import Leaves, Structure, dict_of, flatten, rebuild
from twofold.runtime.tensor import Tensor

from .key import part_text
from .plain import is_foreign
from .readers import MISSING, WHOLE, CellContent, Item, reference
from .signature import leaf_pattern
from .slots import Slot, SlotKey

Make = Callable[[Any, str, int], Any]
TREES = (list, tuple, dict)

__all__ = [
    "TREES",
    "Extended",
    "Place",
    "PlaceInput",
    "Places",
    "is_tree",
    "may_move",
    "may_move_within",
]  # fmt: skip


def may_move(value: Any) -> bool:
    """Whether this is of a kind that places hold."""
    kind = type(value)
    if kind is Tensor:
        return not value.__dict__
    return kind is np.ndarray or issubclass(kind, np.number | np.bool_)


def may_move_within(value: Any) -> bool:
    """Whether this is such a value, or a container that may hold some."""
    return may_move(value) or type(value) in TREES


def is_tree(value: Any) -> bool:
    """Whether this is a list, tuple or dict, of others or not, with arrays or tensors in it and
    otherwise only numbers and texts."""
    if type(value) not in TREES or not value:
        return False
    leaves, structure = flatten(value)
    return _is_plain(structure) and any(map(_is_array, leaves)) and all(map(_is_leaf, leaves))


class Place(NamedTuple):
    """Where a value is found. ``pattern``: what counts of it; of a tree its ``structure``, and what
    counts of each leaf."""

    text: str
    read: Callable[[], Any]
    kind: type
    pattern: Any
    structure: Structure | None = None


class PlaceInput(NamedTuple):
    """A hidden input of the graph: the value that stands behind the leaves, in this position."""

    leaf: int


class Extended(Leaves):
    """The leaves of a call, and what its places hold. ``given``: the leaves alone."""

    given: Any


class Places:
    """The values that one trace finds in such places. ``count``: the leaves of the arguments."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.around = 0  # the containers of the arguments, those around them among them
        self.all: list[Place] = []
        self.kinds: list[type] = []  # the kind of each leaf behind those of the arguments
        self.inputs: list[int] = []  # the places of those that are inputs of the graph
        self.held: list[Any] = []  # the values of the example call, while it is traced
        self.made: list[Any] = []  # what stands for them
        self.containers: list[Any] = []  # and for the containers of trees
        self.doubtful: list[SlotKey] = []  # where scalars of NumPy's and trees are
        self._known: dict[SlotKey, tuple[Any, Any]] = {}  # with the owner, which stays alive
        self._pins: dict[int, Callable[[], Any]] = {}  # by what stands for a value

    def extended(self, leaves: Sequence[Any]) -> Any:
        """The leaves of a call, and behind them its values; None where one is of another kind."""
        if not self.all or type(leaves) is Extended:
            return leaves
        made = Extended(leaves)
        given = getattr(leaves, "containers", None)
        made.given = leaves
        made.containers = [object() for _ in range(self.around)] if given is None else list(given)
        for place in self.all:
            found = place.read()
            if type(found) is not place.kind or not _adds(made, place, found):
                return None
        ids = set(map(id, made.containers))
        return made if len(ids) == len(made.containers) else None

    def plain(self, leaves: Sequence[Any]) -> Any:
        """The leaves of the arguments alone, as they were given."""
        return leaves.given if type(leaves) is Extended else leaves

    def misfits(self) -> Iterator[str]:
        """The places that hold values of another kind."""
        for place in self.all:
            now = place.read()
            if place.structure is not None:
                yield f"{place.text}: other values of these kinds"
            elif leaf_pattern(now) != place.pattern:
                yield f"{place.text}: {part_text(place.pattern)} -> {part_text(leaf_pattern(now))}"

    # while a function is traced

    def known(self, owner: Any, key: Any) -> Any:
        """What stands for the value of a place that has been read, or None."""
        found = self._known.get((id(owner), key))
        return None if found is None else found[1]

    def standing_for(self, value: Any) -> Any:
        """What stands for a value that is found in another way than by its place as well: it has
        to be the same one in each call. None for any other value."""
        for held, made in zip(self.held, self.made, strict=True):
            if held is value:
                self.pin(made)
                return made
        return None

    def attribute(self, watch: Any, owner: Any, name: str, make: Make) -> Any:
        """Have the value of an attribute be found by each call; None where its guard cannot be
        told to let it be another one. ``make`` gives what stands for it, as a leaf in a place."""
        indices, held = watch.walker.indices.get(id(owner), ()), dict_of(owner)
        if len(indices) != 1 or name not in held:
            return None
        read = functools.partial(_attribute, reference(owner), name)
        text, part = f"{type(owner).__name__}.{name}", len(held) + list(held).index(name)
        slot = Slot(text, read, held[name], indices[0], part)
        return self._slotted(watch, owner, name, slot, make)

    def name(self, watch: Any, owner: Any, name: str, make: Make) -> Any:
        """The same for a global name, or what a cell holds ("")."""
        indices = watch.walker.places.get((id(owner), name), ())
        if len(indices) != 1:
            return None
        read: Any = Item(owner, name) if name else CellContent(owner)
        slot = Slot(name or "a captured variable", read, read(), indices[0], WHOLE)
        return self._slotted(watch, owner, name, slot, make)

    def _slotted(self, watch: Any, owner: Any, name: str, slot: Slot, make: Make) -> Any:
        place = _place(slot.text, slot.read, slot.value)
        watch.numbers[id(owner), name] = slot
        slot.symbol = made = self._made(watch, owner, name, place, make)
        self._pins[id(made)] = functools.partial(setattr, slot, "symbol", None)
        return made

    def item(self, watch: Any, owner: Any, key: Any, make: Make) -> Any:
        """The same for an item of a list or a dict."""
        read = functools.partial(_item, owner, key)
        text = f"{type(owner).__name__}[{key!r}]"
        made = self._made(watch, owner, key, _place(text, read, read()), make)
        self._pins[id(made)] = functools.partial(watch.add, text, read)
        return made

    def _made(self, watch: Any, owner: Any, key: Any, place: Place, make: Make) -> Any:
        value = place.read()
        name = str(key) if str(key).isidentifier() else "item"
        if place.structure is None:
            made = self._leaf(value, name, make)
        else:
            leaves = [self._leaf(x, name, make) for x in flatten(value)[0]]
            made, containers = rebuild(place.structure, leaves)
            self.containers += containers
            for at, leaf in enumerate(leaves):
                read = functools.partial(_leaf_of, place.read, at)
                self._pins[id(leaf)] = functools.partial(
                    watch.add, f"a value in {place.text}", read
                )
        if place.structure is not None or isinstance(value, np.generic):
            self.doubtful.append((id(owner), key))
        self.all.append(place)
        self._known[id(owner), key] = owner, made
        return made

    def _leaf(self, value: Any, name: str, make: Make) -> Any:
        at = self.count + len(self.held)
        made = value
        if may_move(value):
            self.inputs.append(at)
            made = make(value, name, at)
        self.held.append(value)
        self.kinds.append(type(value))
        self.made.append(made)
        return made

    def pin(self, made: Any) -> None:
        """The value is found in another way as well: it has to be the same one in each call."""
        pin = self._pins.pop(id(made), None)
        if pin is not None:
            pin()

    def end(self) -> None:
        """The trace is over: nothing that it was made of is kept alive."""
        for held in (self.held, self.made, self.containers, self._known, self._pins):
            held.clear()


_LEAVES = (float, int, bool, str, type(None))


def _is_array(x: Any) -> bool:
    return type(x) is np.ndarray or type(x) is Tensor


def _is_leaf(x: Any) -> bool:
    return type(x) in _LEAVES or (may_move(x) and not is_foreign(x))


def _is_plain(structure: Structure) -> bool:
    """Whether a structure has lists, tuples and dicts alone, each once."""
    kind = structure.kind
    return kind is None or (kind in TREES and all(map(_is_plain, structure.children)))


def _adds(made: Extended, place: Place, found: Any) -> bool:
    """Put what a place holds behind the leaves of a call; whether it is of the kind that fits."""
    if place.structure is None:
        if leaf_pattern(found) != place.pattern or not may_move(found):
            return False
        made.append(found)
        return True
    leaves, structure = flatten(found)
    if structure != place.structure or [*map(leaf_pattern, leaves)] != place.pattern:
        return False
    made += leaves
    made.containers += leaves.containers
    return not any(type(x) is Tensor and x.__dict__ for x in leaves)


def _place(text: str, read: Callable[[], Any], value: Any) -> Place:
    if type(value) in TREES:
        leaves, structure = flatten(value)
        return Place(text, read, type(value), [*map(leaf_pattern, leaves)], structure)
    return Place(text, read, type(value), leaf_pattern(value))


def _leaf_of(read: Callable[[], Any], at: int) -> Any:
    """One of the leaves of the tree that a place holds."""
    leaves = flatten(read())[0]
    return leaves[at] if at < len(leaves) else MISSING


def _item(owner: Any, key: Any) -> Any:
    try:
        return owner[key]
    except LookupError:
        return MISSING


def _attribute(owner: Callable[[], Any], name: str) -> Any:
    return dict_of(owner()).get(name, MISSING)
