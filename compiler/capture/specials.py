"""Functions of Python's over objects of the user's classes: their special methods are interpreted.

``sum(points)``, ``operator.add(a, b)``, ``sorted(cards)``, ``zip(path, path)``: each function that
is written in C is said here by what it asks the objects for. Where no object has a method of the
user's, Python makes the call itself. Any other function that would call such a method is a step;
see ``reentry.py``.
"""

from __future__ import annotations

import collections
import functools
import itertools
import math
import operator
from typing import Any

from twofold.ir.tensor_shape import LISTED

from ..loading import late
from ..symint import SymInt
from .asked import checked, hint, listed, mapped
from .frame import Frame
from .machine import Generator
from .objects import COMPARE
from .operators import BINARY, IN_PLACE
from .reentry import runs_code
from .staged import is_iterated

__all__ = ["SPECIALS", "by_own_order", "goes_on", "iterated", "iterates", "moves", "updated"]

_ALL, _FIRST, _REST = slice(None), slice(1), slice(1, None)
_WALKED: dict[Any, slice] = {  # what goes over all of its arguments, the first, all but the first
    **dict.fromkeys((zip, itertools.chain, itertools.zip_longest, itertools.product,
                     itertools.compress), _ALL),
    **dict.fromkeys((list, tuple, set, frozenset, collections.deque, enumerate, sum, any, all,
                     sorted, max, min, math.prod, itertools.islice, itertools.cycle,
                     itertools.accumulate, itertools.pairwise, itertools.permutations,
                     itertools.combinations, itertools.groupby), _FIRST),
    **dict.fromkeys((map, filter, itertools.starmap, itertools.takewhile, itertools.dropwhile,
                     itertools.filterfalse), _REST),
    functools.reduce: slice(1, 2),
}  # fmt: skip
_USING_UP = (list, tuple, sum, max, min, sorted)
_MOVING = (zip, enumerate, reversed, list, tuple, itertools.chain, itertools.zip_longest,
           itertools.islice, itertools.pairwise)  # fmt: skip
_AT_ONCE = frozenset((
    list, tuple, set, frozenset, collections.deque, sum, any, all, sorted, max, min, math.prod,
    functools.reduce, itertools.product, itertools.permutations, itertools.combinations,
))  # fmt: skip
_LISTING = (
    list,
    tuple,
    sorted,
    itertools.product,
    itertools.permutations,
    itertools.combinations,
)  # which ask for a length, too


def iterates(function: Any) -> bool:
    """Whether a function goes over what it is given."""
    return isinstance(function, type | type(len)) and function in _WALKED


def goes_on(function: Any) -> bool:
    """Whether a function gives an iterator of Python's over a container, which is used up later."""
    return function is iter or function is reversed


def moves(frame: Frame | None, function: Any) -> bool:
    """Whether a function hands on the items that it is given, straight into a ``for``."""
    return is_iterated(frame) and isinstance(function, type) and function in _MOVING


def iterated(machine: Any, frame: Frame, function: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments, with iterators in the place of objects that have one of the user's, and a list
    for a generator of which all items are taken before anything else is done."""
    if function in (max, min) and len(args) > 1:
        return args
    made = list(args)
    for i in range(*_WALKED[function].indices(len(args))):
        x = made[i] = machine.entries(args[i], function not in _AT_ONCE)
        own = machine.own_method(x, "__iter__") or (
            not hasattr(type(x), "__iter__") and machine.own_method(x, "__getitem__")
        )
        if not own:
            continue
        walker = machine.iterator(frame, x)
        if machine.own_method(walker, "__next__"):
            walker = machine.invoke(frame, _walked, (walker,), {})
        if function in _LISTING:
            hint(machine, frame, x)
        made[i] = walker
    whole = bool(made) and type(made[0]) is Generator and function in _USING_UP
    drained = whole and late("capture.drained")
    if drained and drained.is_whole(made[0]):
        made[0] = drained.drained(machine, made[0])
    return tuple(made)


def updated(machine: Any, frame: Frame, function: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments, with a dict or a list in the place of an object of the user's that one takes
    all of."""
    owner = getattr(function, "__self__", None)
    makes = isinstance(function, type) and issubclass(function, dict)
    name = getattr(function, "__name__", "")
    if type(owner) is list and name == "extend":
        return tuple([listed(machine, frame, a) for a in args])
    if makes or isinstance(owner, dict) and name in ("update", "__ior__"):
        return tuple([mapped(machine, frame, a) for a in args])
    return args


def by_own_order(
    machine: Any, frame: Frame, items: list[Any], keys: list[Any], falls: bool
) -> list[Any]:
    """Items in the order that the ``__lt__`` of their keys gives."""
    ranked = [_Ranked(machine, frame, key) for key in keys]
    order = sorted(range(len(items)), key=ranked.__getitem__, reverse=falls)
    return [items[i] for i in order]


class _Ranked:
    """A key that is compared as its class says."""

    __slots__ = ("frame", "key", "machine")

    def __init__(self, machine: Any, frame: Frame, key: Any) -> None:
        self.machine, self.frame, self.key = machine, frame, key

    def __lt__(self, other: _Ranked) -> bool:
        found = self.machine.compare(self.frame, "<", self.key, other.key)
        holds = self.machine.decision(self.frame, found)
        if not isinstance(holds, bool):
            self.machine.give_up("an order that methods of objects decide by values of the graph")
        return bool(holds)


# to be interpreted


def _walked(walker: Any) -> Any:
    while True:
        try:
            item = next(walker)
        except StopIteration:
            return
        yield item


def _sum(items: Any, /, start: Any = 0) -> Any:
    for item in items:
        start = start + item
    return start


def _prod(items: Any, /, *, start: Any = 1) -> Any:
    for item in items:
        start = start * item
    return start


# what is asked for


def _interpreting(code: Any) -> Any:
    def call(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
        about = _is_about(machine, args, kwargs) or any(map(_has_size, args[:1]))
        if not about or any(isinstance(a, str) for a in args[1:]):
            return NotImplemented
        return machine.invoke(frame, code, args, kwargs)

    return call


def _has_size(items: Any) -> bool:
    """Whether scalars of NumPy's meet sizes, of which they know nothing."""
    return type(items) in LISTED and any(isinstance(x, SymInt) for x in items)


def _asking(ask: Any, count: int) -> Any:
    """A function of so many objects, which have methods for it."""

    def call(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
        sized = any(isinstance(a, SymInt) for a in args)
        if kwargs or len(args) != count or not (sized or _is_about(machine, args, {}, 0)):
            return NotImplemented
        return ask(machine, frame, *args)

    return call


def _is_about(machine: Any, args: Any, kwargs: Any, depth: int = 2) -> bool:
    return any(runs_code(machine, x, depth) for x in (*args, *kwargs.values()))


def _of_two(function: Any, name: str, in_place: bool = False) -> Any:
    return _asking(
        lambda machine, frame, a, b: machine.binary(frame, function, name, a, b, in_place), 2
    )


def _of_one(function: Any, name: str) -> Any:
    return _asking(lambda machine, frame, a: machine.unary(frame, function, name, a), 1)


def _index(machine: Any, frame: Frame, x: Any) -> Any:
    return checked(operator.index, machine.unary(frame, operator.index, "__index__", x))


def _reversed(machine: Any, frame: Frame, args: Any, kwargs: Any) -> Any:
    own = machine.own_method(args[0], "__reversed__") if len(args) == 1 and not kwargs else None
    return NotImplemented if own is None else machine.invoke(frame, own, args, {})


def _compared(sign: str) -> Any:
    return _asking(lambda machine, frame, a, b: machine.compare(frame, sign, a, b), 2)


SPECIALS: dict[Any, Any] = {
    sum: _interpreting(_sum), math.prod: _interpreting(_prod),
    **{function: _of_two(function, name) for function, name in BINARY.values()},
    **{IN_PLACE[sign]: _of_two(IN_PLACE[sign], name, True) for sign, (_, name) in BINARY.items()},
    **{function: _compared(sign) for sign, (function, _, _) in COMPARE.items()},
    divmod: _of_two(divmod, "divmod"), pow: _of_two(operator.pow, "pow"),
    **{function: _of_one(function, f"__{name}__") for function, name in (
        (operator.neg, "neg"), (operator.pos, "pos"), (operator.invert, "invert"),
        (math.floor, "floor"), (math.ceil, "ceil"), (math.trunc, "trunc"),
    )},
    operator.index: _asking(_index, 1),
    reversed: _reversed,
    operator.getitem: _asking(lambda machine, frame, a, b: machine.item(frame, a, b), 2),
    operator.contains: _asking(
        lambda machine, frame, a, b: machine.contains(frame, a, b, False), 2
    ),
    operator.truth: _asking(lambda machine, frame, a: machine.truth(frame, a), 1),
    operator.not_: _asking(lambda machine, frame, a: machine.negation(frame, a), 1),
}  # fmt: skip
