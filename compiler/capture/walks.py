"""What a ``for`` goes over, as a value: a position in something that has items by position.

An iterator of Python changes when it is used; a ``Walk`` does not, so that a loop can be
interpreted on several ways, and its position can be a number of the graph.
"""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Iterator
from operator import is_
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.op import OPS

from ..ndarrays.base import TracedArray, TracedScalar
from ..plain import PlainPython
from ..symint import SymInt
from .choice import Run
from .held import opened
from .numbers import DTYPES, TracedNumber, as_tensor, bounds_of, sized, surely

__all__ = ["VIEWS", "Counted", "Drawn", "Items", "Numbered", "Reversed", "Rows", "Span", "Walk",
           "Zipped", "one_by_one", "viewed"]  # fmt: skip

INT32 = np.dtype("int32")
VIEWS = {
    type(getattr(kind(), name)()): name
    for kind in (dict, OrderedDict)
    for name in ("keys", "values", "items")
}


def viewed(view: Any) -> Any:
    """The dict that ``keys()``, ``values()`` or ``items()`` was called on."""
    (held,) = gc.get_referents(view)
    return held


class Walk:
    """A position in a source. A source has ``length()`` and ``item(position)``."""

    __slots__ = ("at", "source")

    def __init__(self, source: Any, at: Any = 0) -> None:
        self.source, self.at = source, at

    def __iter__(self) -> Walk:
        return self

    def moved(self, at: Any) -> Walk:
        """The same at another position."""
        return Walk(self.source, at)

    def more(self) -> Any:
        """Whether there is another item."""
        return self.at < self.source.length()

    def item(self) -> Any:
        """The item at the position."""
        return self.source.item(self.at)

    def same_source(self, other: Walk) -> bool:
        """Whether both go over one thing."""
        return self.source is other.source

    def same(self, other: Walk) -> bool:
        """Whether both are at one position of one thing."""
        a, b = self.at, other.at
        return self.same_source(other) and (a is b or (type(a) is type(b) is int and a == b))


class Span:
    """A ``range`` with numbers that may be of the graph."""

    def __init__(self, start: Any, stop: Any, step: Any) -> None:
        self.start, self.stop, self.step = start, stop, step
        self._length: Any = None

    def length(self) -> Any:
        """How many numbers there are."""
        if self._length is None:
            self._length = _count(self.start, self.stop, self.step)
        return self._length

    def item(self, at: Any) -> Any:
        """The number at a position."""
        first, last = bounds_of(self.start), bounds_of(self.stop)
        if type(at) is not TracedNumber or first is None or last is None:
            return self.start + at * self.step if self.step != 1 else self.start + at
        most = bounds_of(self.length())
        if most is None:
            return self.start + at * self.step
        at = TracedNumber(int, at.held, (0, most[1]))
        made = at if self.step == 1 else at * self.step
        made = made if type(self.start) is int and self.start == 0 else self.start + made
        ends = (first[0], last[1] - 1) if self.step > 0 else (last[0] + 1, first[1])
        return TracedNumber(int, made.held, ends)

    def plain(self) -> range:
        """The range of Python, where its numbers are needed now."""
        return range(int(self.start), int(self.stop), self.step)

    def __iter__(self) -> Any:
        return iter(self.plain())

    def __len__(self) -> int:
        return len(self.plain())

    def __getitem__(self, at: Any) -> Any:
        return self.plain()[at]

    def __contains__(self, number: Any) -> bool:
        return number in self.plain()


class Counted(Span):
    """The numbers of ``tf.range``, as int32 tensors; the tensor of them all is not made."""

    def item(self, at: Any) -> Any:
        """The number at a position."""
        made = super().item(at)
        known = type(made) is not TracedNumber
        number = as_tensor(made, int) if known else TracedNumber.tensor(made, DTYPES[int])
        return OPS["cast"](number, dtype=INT32)


def _count(start: Any, stop: Any, step: Any) -> Any:
    if step == 1:
        return stop - start
    if step > 0:
        return (stop - start + (step - 1)) // step
    return (start - stop - (step + 1)) // (-step)


class Rows:
    """The rows of a tensor or an array."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def length(self) -> Any:
        """How many rows there are."""
        return sized(self.owner.shape[0])

    def item(self, at: Any) -> Any:
        """The row at a position."""
        if type(at) is not TracedNumber:
            return self.owner[at]
        if type(self.owner) is TracedArray:
            self.owner.home.bounds[at.held.value] = 0, self.length() - 1
            return self.owner[TracedScalar(self.owner.home, at.held)]
        return surely("gather", self.owner, at.held, axis=0)


class Items:
    """The items of a list or tuple, which may change meanwhile. ``held``: the list itself, also
    where something stands for it because the call writes to it."""

    def __init__(self, held: Any) -> None:
        self.held = held

    @property
    def owner(self) -> Any:
        """The list as it is at this point of the call."""
        machine = _machine()
        return self.held if machine is None else machine.present(self.held)

    def length(self) -> Any:
        """How many items there are now; the graph may decide it, since the loop began even."""
        owner = self.owner
        run = owner[0] if type(owner) is list and len(owner) == 1 else None
        return run.count if type(run) is Run else len(owner)

    def item(self, at: Any) -> Any:
        """The item at a position, of which it is known that there is one."""
        if type(at) is not TracedNumber and type(self.length()) is not TracedNumber:
            return _entry(self.held, at)
        return _machine().entry(self.owner, at)

    def all(self) -> list[Any]:
        """All items, of which the number is known."""
        return [self.item(i) for i in range(self.length())]


def _entry(held: Any, key: Any) -> Any:
    """An item as code of the trace sees it: ndarrays in it are arrays of the trace."""
    machine = _machine()
    return held[key] if machine is None else opened(machine, machine.entry_of(held, key))


def one_by_one(source: Items) -> Iterator[Any]:
    """The items of a source, each when it is asked for."""
    at = 0
    while at < source.length():
        yield source.item(at)
        at += 1


def _machine() -> Any:
    """What interprets the function that is traced now."""
    return getattr(getattr(bind.ground(), "arrays", None), "machine", None)


class Drawn(Items):
    """The items of a dict, a view of one, a set or a text, which must not get others meanwhile;
    what stands behind a key may be another."""

    def __init__(self, held: Any) -> None:
        super().__init__(held)
        self.what = VIEWS.get(type(held), "keys")
        self.keys = list(self._now())

    def _now(self) -> Any:
        """What it goes over as it is at this point, of a view the keys."""
        if type(self.held) not in VIEWS:
            return self.owner
        whole = viewed(self.owner)
        return (OrderedDict if isinstance(whole, OrderedDict) else dict).keys(whole)

    def length(self) -> Any:
        """As many as there were. Raises RuntimeError."""
        if len(self._now()) != len(self.keys):
            kind = "Set" if isinstance(self.held, set | frozenset) else "dictionary"
            raise RuntimeError(f"{kind} changed size during iteration")
        return len(self.keys)

    def item(self, at: Any) -> Any:
        """The item at a position: a key, what is there under one now, or both."""
        if type(at) is TracedNumber:
            return _machine().entry(self.all(), at)
        key = self.keys[at]
        if type(self.held) is not str and key not in self._now():
            raise PlainPython(words="a container that gets other items while a loop goes over it")
        if self.what == "keys":
            return key
        value = _entry(viewed(self.held), key)
        return value if self.what == "values" else (key, value)

    def is_whole(self) -> bool:
        """Whether it still has the keys that it had, in their order."""
        return len(now := self._now()) == len(self.keys) and all(map(is_, now, self.keys))


class Numbered:
    """``enumerate``: pairs of a number and an item."""

    def __init__(self, walk: Walk, start: Any) -> None:
        self.walk, self.start = walk, start

    def length(self) -> Any:
        """As many as there are items left."""
        return self.walk.source.length() - self.walk.at

    def item(self, at: Any) -> Any:
        """The pair at a position."""
        return self.start + at, self.walk.source.item(self.walk.at + at)


class Zipped:
    """``zip``: the items of several sources at one position."""

    def __init__(self, walks: list[Walk]) -> None:
        self.walks = walks

    def length(self) -> Any:
        """As many as the shortest has left."""
        lengths = [w.source.length() - w.at for w in self.walks]
        least = lengths[0]
        for n in lengths[1:]:
            if type(n) is type(least) is int:
                least = min(n, least)
            elif type(n) is not type(least) or type(n) is not SymInt or n.dim != least.dim:
                both = as_tensor(n, int), as_tensor(least, int)
                least = TracedNumber(int, OPS["minimum"](*both))
        return least

    def item(self, at: Any) -> Any:
        """The items at a position."""
        return tuple([w.source.item(w.at + at) for w in self.walks])


class Reversed:
    """``reversed``: the items from the last to the first."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def length(self) -> Any:
        """As many as there are."""
        return self.source.length()

    def item(self, at: Any) -> Any:
        """The item at a position from the end."""
        return self.source.item(self.source.length() - 1 - at)
