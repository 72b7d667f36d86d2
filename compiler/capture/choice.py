"""What a name stands for where it stands for things of no common form: one of several values.

``best = None`` on one way and a tensor on the other; a variable that has a value on one way only;
``return None`` or a tensor. All are computed, with tests that say which it is. Whoever reads such a
variable goes on on both ways, each with a value of one form (``machine.parted``); whoever calls the
compiled function gets the one that it is.
"""

from __future__ import annotations

import gc
import itertools
from typing import Any, NamedTuple

from twofold.ir.op import OPS
from twofold.ir.tensor_shape import LISTED
from twofold.ir.tree import settled
from twofold.runtime.convert import tensor_of
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

__all__ = [
    "Choice", "Run", "alternatives", "apart", "chosen", "holds_choice", "one_tensor", "values_of",
]  # fmt: skip

_ITERATORS = frozenset({
    type(iter([])), type(iter(())), type(reversed([])), zip, map, filter, enumerate, reversed,
    *[kind for kind in vars(itertools).values() if isinstance(kind, type)],
})  # fmt: skip
_HOLDERS = _ITERATORS | LISTED | {dict, set}


@settled()
class Choice(NamedTuple):
    """One of two values: ``yes`` where ``test`` holds."""

    test: Any
    yes: Any
    no: Any

    def settled(self) -> Any:
        """The value, where the test is known."""
        return self.yes if self.test else self.no


class Run:
    """What a list holds whose length the graph decides; see ``grown.py``."""

    __slots__ = ("buffers", "cells", "count", "form", "least", "shared")

    def __init__(
        self, form: Any, buffers: list[Any], count: Any, least: int = 0,
        cells: tuple[Any, ...] = (), shared: bool = False,
    ) -> None:  # fmt: skip
        self.form, self.buffers, self.count = form, buffers, count
        self.least = least  # how many items there are, whatever the graph decides
        self.cells = cells  # the memory of arrays that are items
        self.shared = shared  # whether others may have such an array, too

    @property
    def has_arrays(self) -> bool:
        """Whether arrays are among the items."""
        found: bool = self.form.holds_arrays
        return found


def alternatives(value: Any) -> list[tuple[Any, Any]]:
    """The values that this may be, each with the test that it is that one: a tensor of the present
    graph, or True. One test holds."""
    if type(value) is not Choice:
        return [(True, value)]
    test = value.test.tensor(bool)
    found = []
    for way, rest in ((test, value.yes), (OPS["logical_not"](test), value.no)):
        found += [(way if t is True else way & t, v) for t, v in alternatives(rest)]
    return found


def values_of(value: Any) -> list[Any]:
    """The values that this may be."""
    if type(value) is not Choice:
        return [value]
    return [*values_of(value.yes), *values_of(value.no)]


def chosen(tests: list[Any], values: list[Any]) -> Any:
    """The value whose test holds; the last one has none."""
    made = values[-1]
    for test, value in reversed(list(zip(tests, values[:-1], strict=True))):
        made = Choice(test, value, made)
    return made


def one_tensor(value: Choice) -> Any:
    """The tensor that this is where some of the values are Variables, each of which stands for what
    it holds; None if they have no dtype and shape in common."""
    values = [tensor_of(v) for v in values_of(value)]
    values = [v.read_value() if isinstance(v, Variable) else v for v in values]
    kinds = [(v.dtype, tuple(v.shape)) if isinstance(v, Tensor) else None for v in values]
    if None in kinds or any(kind != kinds[0] for kind in kinds):
        return None
    left = iter(values)

    def select(part: Any) -> Any:
        if type(part) is not Choice:
            return next(left)
        yes, no = select(part.yes), select(part.no)
        return OPS["where"](part.test.tensor(bool), yes, no)

    return select(value)


def apart(items: list[Any]) -> Choice:
    """Items of which one is a Choice as the Choice of two tuples of them."""
    at = next(i for i, v in enumerate(items) if type(v) is Choice)
    held = items[at]
    yes, no = ((*items[:at], v, *items[at + 1 :]) for v in (held.yes, held.no))
    return Choice(held.test, yes, no)


def holds_choice(value: Any, depth: int = 3) -> bool:
    """Whether a container has such a value in it, or a run of items, which code that is not
    interpreted must not see."""
    if type(value) is Choice or type(value) is Run:
        return True
    if not depth or type(value) not in _HOLDERS:
        return False
    held = value.values() if type(value) is dict else value
    if type(value) in _ITERATORS:
        return any(holds_choice(v, depth) for v in gc.get_referents(value))  # what it goes over
    return any(holds_choice(v, depth - 1) for v in held)
