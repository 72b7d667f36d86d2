"""What guards read, and the same as Python source.

A reader that is called gives a snapshot: a value, or a tuple of what a container or an object
holds. Its ``test`` is the text of an expression that is true if it would give again what a guard
holds, by identity: ``check.py`` makes one function of all of them. An empty text: it never
changes; None: there is no such expression, and the reader is called.
"""

from __future__ import annotations

import types
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from twofold.ir.tensor_shape import TUPLES
from twofold.ir.tree import UNSET, dict_of, slot_value, slots_of

__all__ = [
    "MISSING", "WHOLE", "AttributeOf", "Attributes", "CellContent", "Elements", "Hook", "InClass",
    "Item", "Items", "Layout", "NamedAttributes", "Pairs", "Writeable", "in_class",
]  # fmt: skip

MISSING = object()
WHOLE = -1  # what is held as a whole, no part of it
FEW = 12  # items that are compared one by one
Same = Callable[[str, int], str]  # the test of an expression against a part of what is held
Named = Callable[[Any], str]  # the name of an object in the source


class Hook:
    """What stands in a class while a trace runs, in the place of ``before``."""

    before: Any


def in_class(found: Any) -> Any:
    """What a class has under a name: what it had before a trace that runs now."""
    return found.before if isinstance(found, Hook) else found


class Item:
    """What a dict has under a key."""

    __slots__ = ("key", "space")

    def __init__(self, space: Any, key: Any) -> None:
        self.space, self.key = space, key

    def __call__(self) -> Any:
        return self.space.get(self.key, MISSING)

    def test(self, held: Any, same: Same, named: Named) -> str | None:
        space, key = named(self.space), repr(self.key)
        if type(self.key) is not str or type(self.space) not in (dict, types.MappingProxyType):
            return None
        return f"{key} not in {space}" if held is MISSING else same(f"{space}[{key}]", WHOLE)


class InClass(Item):
    """What a class has under a name, while a trace puts descriptors there as well."""

    __slots__ = ()

    def __init__(self, owner: Any, key: str) -> None:
        super().__init__(vars(owner), key)

    def __call__(self) -> Any:
        return in_class(self.space.get(self.key, MISSING))


class CellContent:
    """What a closure's variable stands for."""

    __slots__ = ("cell",)

    def __init__(self, cell: Any) -> None:
        self.cell = cell

    def __call__(self) -> Any:
        try:
            return self.cell.cell_contents
        except ValueError:  # not assigned yet
            return MISSING

    def test(self, held: Any, same: Same, named: Named) -> str | None:
        return None if held is MISSING else same(f"{named(self.cell)}.cell_contents", WHOLE)


class AttributeOf:
    """What a function or a class says of itself: ``__code__``, ``__mro__``."""

    __slots__ = ("key", "owner")

    def __init__(self, owner: Any, key: str) -> None:
        self.owner, self.key = owner, key

    def __call__(self) -> Any:
        return getattr(self.owner, self.key)

    def test(self, held: Any, same: Same, named: Named) -> str | None:
        return same(f"{named(self.owner)}.{self.key}", WHOLE)


class Layout:
    """How the elements of an array lie in memory, and what they are."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    def __call__(self) -> Any:
        return self.array.dtype, self.array.shape, self.array.strides

    def test(self, held: Any, same: Same, named: Named) -> str | None:
        array, names = named(self.array), list(map(named, held))
        parts = zip((".dtype is", ".shape ==", ".strides =="), names, strict=True)
        return " and ".join([f"{array}{part} {name}" for part, name in parts])

    def part(self, held: Any, i: int) -> str:
        """How a part of what is held is reached."""
        return (".dtype", ".shape", ".strides")[i]


class Writeable:
    """Whether an array may be written to."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    def __call__(self) -> Any:
        return self.array.flags.writeable

    def test(self, held: Any, same: Same, named: Named) -> str | None:
        return f"{named(self.array)}.flags.writeable is {held}"


class Elements:
    """What tells the contents of an array from others."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    def __call__(self) -> bytes:
        import hashlib  # noqa: PLC0415  (few traces ask, and it takes a while)

        array: Any = getattr(self.array, "array", self.array)
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        return hashlib.blake2b(data.data, digest_size=16).digest()


class Items:
    """The items of a list or a tuple."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held

    def __call__(self) -> Any:
        return tuple(self.held)

    def test(self, held: Any, same: Same, named: Named) -> str | None:
        if type(self.held) in TUPLES:
            return ""
        if type(self.held) not in (list, deque) or len(held) > FEW:
            return None
        items = named(self.held)
        parts = [same(f"{items}[{i}]", i) for i in range(len(held))]
        return " and ".join([f"len({items}) == {len(held)}", *parts])

    def part(self, held: Any, i: int) -> str:
        """How a part of what is held is reached."""
        return f"[{i}]"


class Pairs:
    """The keys of a mapping, and then its values."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held

    def __call__(self) -> Any:
        return (*self.held.keys(), *self.held.values())

    def test(self, held: Any, same: Same, named: Named) -> str | None:
        half = len(held) // 2
        if type(self.held) is not dict or half > FEW or {*map(type, held[:half])} - {str}:
            return None
        pairs, keys = named(self.held), named(held[:half])
        parts = [same(f"{pairs}[{key!r}]", half + i) for i, key in enumerate(held[:half])]
        return " and ".join([f"len({pairs}) == {half}", f"all(map(is_, {pairs}, {keys}))", *parts])

    def part(self, held: Any, i: int) -> str:
        """How a part of what is held is reached."""
        half = len(held) // 2
        return f"[{held[i - half]!r}]" if i >= half else f", key {i}"


class Attributes:
    """The names and then the values of an object's attributes, and what is in its slots; without
    keeping the object alive, if that can be."""

    __slots__ = ("kind", "look", "ref", "slots")

    def __init__(self, value: Any) -> None:
        self.ref = reference(value)
        self.kind = type(value)
        self.slots = [member for _, member in slots_of(self.kind)]
        self.look = object.__getattribute__ if self.kind.__dictoffset__ else _no_dict

    def __call__(self) -> Any:
        owner = self.ref()
        if type(owner) is not self.kind:  # its ``__class__`` was set
            return (type(owner), *dict_of(owner).keys(), *dict_of(owner).values())
        held = self.look(owner, "__dict__")
        found = (*held.keys(), *held.values())
        if self.slots:
            return (*found, *[slot_value(owner, member) for member in self.slots])
        return found

    def test(self, held: Any, same: Same, named: Named) -> str | None:
        return None

    def narrowed(self, keys: set[str]) -> tuple[NamedAttributes, dict[int, int]]:
        """A reader of some of the attributes, and where it gives what stands in a snapshot now."""
        owner = self.ref()
        order = list(self.look(owner, "__dict__"))
        names = sorted(keys)
        slots = [name for name, _ in slots_of(self.kind)]
        moved = {len(order) + order.index(k): i for i, k in enumerate(names) if k in order}
        moved |= {2 * len(order) + slots.index(k): i for i, k in enumerate(names) if k in slots}
        return NamedAttributes(owner, names), moved


class NamedAttributes:
    """Some attributes of an object, by name, MISSING where it has none; without keeping the object
    alive, if that can be."""

    __slots__ = ("keys", "kind", "members", "ref")

    def __init__(self, value: Any, keys: list[str]) -> None:
        self.ref, self.kind, self.keys = reference(value), type(value), keys
        slots = dict(slots_of(self.kind))
        self.members = {key: slots[key] for key in keys if key in slots}

    def __call__(self) -> Any:
        owner = self.ref()
        if type(owner) is not self.kind:  # its ``__class__`` was set, or it is gone
            return (type(owner),)
        held = dict_of(owner)
        return tuple(
            [
                slot_value(owner, self.members[key]) if key in self.members
                else held.get(key, MISSING)
                for key in self.keys
            ]
        )  # fmt: skip

    def test(self, held: Any, same: Same, named: Named) -> str | None:
        if self.members and any(held[self.keys.index(key)] is UNSET for key in self.members):
            return None
        owner, kind, space = named(self.ref), named(self.kind), f"d{id(self)}"
        found = f"o{id(self)}"
        tests = [f"type({found} := {owner}()) is {kind}"]
        if len(self.members) < len(self.keys):
            look: Any = self.kind.__getattribute__
            plain = look is object.__getattribute__
            of = f"{found}.__dict__" if plain else f"{named(dict_of)}({found})"
            tests.append(f"({space} := {of}) is not None")
        for i, key in enumerate(self.keys):
            if key in self.members:
                tests.append(same(f"{named(self.members[key].__get__)}({found})", i))
            elif held[i] is MISSING:
                tests.append(f"{key!r} not in {space}")
            else:
                tests.append(same(f"{space}[{key!r}]", i))
        return " and ".join(tests)

    def part(self, held: Any, i: int) -> str:
        """How a part of what is held is reached."""
        return f".{self.keys[i]}" if len(held) == len(self.keys) else ", its class"


def reference(value: Any) -> Callable[[], Any]:
    """A weak reference, or for what has none something that is called in the same way."""
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: value


def _no_dict(owner: Any, name: str) -> dict[str, Any]:
    return {}
