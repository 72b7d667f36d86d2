"""Generators that a function of Python's uses up at once, and functions that look at all items.

``sum(t for t in x if t > 0)``: what the generator yields is put into a list as a comprehension does
it, so that loops and branches in the generator become those of the graph; ``any`` and ``all`` are
loops that end with the first item that decides. ``max`` and ``min`` with a key, ``filter``, and
slices of lists whose length the graph decides are written in Python here, and interpreted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .branches import Ending
from .flow import END
from .frame import Frame
from .machine import Generator, Returned

__all__ = ["asked", "best", "drained", "filtered", "is_whole", "run_whole", "sliced", "taken"]


def is_whole(value: Any) -> bool:
    """Whether this is a generator of the function's that has not begun."""
    return type(value) is Generator and not (value.begun or value.ended)


def run_whole(machine: Any, generator: Generator, takes: Any) -> Any:
    """Run a generator to its end; what it returns. ``takes``: the list that gets what it yields, or
    the truth of an item that ends it."""
    machine.changes(generator)
    frame = generator.frame.copy()
    frame.takes = takes
    frame.stack.append(None)
    generator.begun = generator.ended = True
    return machine.run(frame).value


def drained(machine: Any, generator: Generator) -> list[Any]:
    """All that a generator yields."""
    made: list[Any] = machine.fresh([])
    run_whole(machine, generator, made)
    return made


def asked(machine: Any, generator: Generator, wanted: bool) -> Any:
    """Whether one of the items that a generator yields is true (``wanted``), or all are; those
    behind the first one that decides are not made. NotImplemented where it stands in a ``try``."""
    program = generator.frame.program
    if any(h is not None and not program.ends_generator(h) for h in program.handlers):
        return NotImplemented
    return run_whole(machine, generator, wanted)


def taken(machine: Any, frame: Frame, value: Any) -> Any:
    """What a ``yield`` of a generator that is used up at once does with its value."""
    frame.stack.append(None)  # what it gives to the generator
    wanted = frame.takes
    if type(wanted) is list:
        machine.append(wanted, value)
        return None
    holds = machine.decision(frame, value)
    if isinstance(holds, bool):
        return Returned(wanted) if holds is wanted else None
    decided = Ending({END: True}, {END: 0}, wanted)
    ways = (decided, frame.at) if wanted else (frame.at, decided)
    return machine.decide_trip(frame, holds, *ways)


def best(machine: Any, frame: Frame, items: Any, key: Any, default: Any, largest: bool) -> Any:
    """``max`` or ``min`` of items of which there is one, or with a default."""
    return machine.invoke(frame, _largest if largest else _smallest, (items, key, default), {})


def filtered(machine: Any, frame: Frame, function: Any, items: Any) -> Any:
    """``filter``, as a generator."""
    return machine.invoke(frame, _filtered, (function, items), {})


def sliced(machine: Any, frame: Frame, items: Any, key: slice) -> Any:
    """``items[start:stop:step]`` of a list whose length the graph decides, or whose bounds it does;
    the step is known."""
    if key.step in (None, 1):
        return machine.invoke(frame, _sliced, (items, key.start, key.stop), {})
    return machine.invoke(frame, _stepped, (items, key.start, key.stop, key.step), {})


# to be interpreted


def _largest(items: Any, key: Any, default: Any) -> Any:
    found = False
    chosen = rank = default
    for item in items:
        this = item if key is None else key(item)
        if not found or this > rank:
            chosen, rank, found = item, this, True
    return chosen


def _smallest(items: Any, key: Any, default: Any) -> Any:
    found = False
    chosen = rank = default
    for item in items:
        this = item if key is None else key(item)
        if not found or this < rank:
            chosen, rank, found = item, this, True
    return chosen


def _filtered(function: Any, items: Any) -> Iterator[Any]:
    for item in items:
        if item if function is None else function(item):
            yield item


def _sliced(items: Any, start: Any, stop: Any) -> Any:
    count = len(items)
    if start is None:
        start = 0
    elif start < 0:
        start = max(count + start, 0)
    if stop is None:
        stop = count
    elif stop < 0:
        stop = count + stop
    else:
        stop = min(count, stop)
    made = []
    for at in range(start, stop):
        made.append(items[at])
    return made


def _stepped(items: Any, start: Any, stop: Any, step: Any) -> Any:
    count = len(items)
    least, most = (0, count) if step > 0 else (-1, count - 1)
    if start is None:
        start = least if step > 0 else most
    else:
        if start < 0:
            start = start + count
        start = max(least, min(start, most))
    if stop is None:
        stop = most if step > 0 else least
    else:
        if stop < 0:
            stop = stop + count
        stop = max(least, min(stop, most))
    made = []
    for at in range(start, stop, step):
        made.append(items[at])
    return made
