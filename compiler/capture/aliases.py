"""Tensors, arrays and objects that may be one object of Python's while the trace has several.

A write to a tensor changes the object, so all its names see it. Where ways of a branch join, in the
state of a loop and in lists whose length the graph decides, a tensor of the trace stands for one of
several objects, or for a copy of one: a write to either of them would be lost for the other. So it
is looked for whether anybody still has the other, and if so, plain Python makes the call. Of an
array the same is said by its memory, a ``Cell``.
"""

from __future__ import annotations

import gc
import itertools
import types
from collections.abc import Callable, Iterable
from typing import Any

from twofold.ir import bind
from twofold.ir.tensor_shape import TUPLES
from twofold.ir.tree import dict_of

from ..ndarrays.base import TracedArray, TracedScalar
from ..ndarrays.cells import Cell
from ..symint import SymInt
from ..symnumber import SymNumber
from ..trace import Traced
from .choice import Run
from .flow import flow_of
from .frame import Frame
from .instances import fields_of, is_instance
from .machine import Generator

__all__ = ["Aliases", "State", "inside", "is_around", "is_full", "known_by", "put_outside",
           "reached", "tensors_in"]  # fmt: skip


class Aliases:
    """What stands for what, in one trace."""

    def __init__(self) -> None:
        self.stands: dict[int, tuple[Traced, tuple[Traced, ...]]] = {}  # tensor -> for which
        self.stood: dict[int, list[Traced]] = {}  # for which -> tensors
        self.paired: dict[int, list[Cell]] = {}  # arrays with which it may be one in a later trip
        self.copied: dict[int, Any] = {}  # objects that are in a list by their elements
        self.groups: dict[int, Any] = {}  # of tensors that are never the same object
        self.here: Callable[[], tuple[int, ...]] = tuple  # where the trace can end, up to now
        self.since: dict[int, tuple[int, ...]] = {}  # the same, when this has begun for a tensor
        self.private: set[int] = set()  # arguments that nobody outside has
        self.drawn: dict[int, Any] = {}  # those that came out of one
        self.given: dict[int, Any] = {}  # arrays that a trip begins with, with its trace

    def copy(self, values: Iterable[Any]) -> None:
        """Objects are in a list by their elements, or come out of one."""
        for v in values:
            for t in [v] if type(v) is Cell else tensors_in(v):
                self.copied[id(t)] = t
                self.since.setdefault(id(t), self.here())

    def stand(self, made: Any, values: list[Any], group: Any = None) -> None:
        """A tensor stands for one of these objects; those of a group for different ones."""
        found: dict[int, Traced] = {}
        for v in values:
            if v is not made and (isinstance(v, Traced | Cell | list | dict) or is_instance(v)):
                found[id(v)] = v
                found |= {id(x): x for x in self.stands.get(id(v), (v, ()))[1]}
        self.inherit(made, values)
        if found:
            self.groups[id(made)] = group
            self.since.setdefault(id(made), self.here())
            before = self.stands.get(id(made), (made, ()))[1]
            self.stands[id(made)] = made, (*before, *found.values())
            for key in found:
                self.stood.setdefault(key, []).append(made)

    def inherit(self, made: Any, values: Iterable[Any]) -> None:
        """A tensor is one of these objects: it is in a list if one of them is."""
        if any(id(v) in self.copied for v in values):
            self.copy([made])

    def pair(self, one: Cell, other: Cell) -> None:
        """Two arrays with which a trip begins may be one, whichever that is."""
        for a, b in ((one, other), (other, one)):
            self.paired.setdefault(id(a), []).append(b)
            self.since.setdefault(id(a), self.here())

    def candidates(self, tensor: Any) -> tuple[Any, ...]:
        """What a tensor stands for."""
        found: tuple[Any, ...] = self.stands.get(id(tensor), (tensor, ()))[1]
        return found

    def is_known(self, tensor: Any, copied: bool = True) -> bool:
        """Whether anything else may be the same object as this tensor, or with ``copied`` an item
        of a list."""
        key = id(known_by(tensor))
        known = self.stands, self.stood, self.paired
        return any(key in held for held in known) or (copied and key in self.copied)

    def may_be_one(self, left: Any, right: Any) -> bool:
        """Whether two objects of the trace may be one of Python's, as far as that is known."""
        if type(left) is type(right) is TracedArray:
            return left.cell is not right.cell and id(right.cell) in self.twins(left.cell)
        return self.is_known(left) or self.is_known(right)

    def is_shared(self, machine: Any, frame: Frame, tensor: Any) -> bool:
        """Whether a write to a tensor would be seen by somebody else, who has another object of the
        trace for it."""
        if type(tensor) is Cell and machine.cuts.depth != 1:
            return True  # other code is interpreted around this one, and may have it
        others = None if id(tensor) in self.copied else self.others(machine, tensor)
        return others is None or not others.isdisjoint(reached(_roots(machine, frame)))

    def others(self, machine: Any, tensor: Any) -> set[int] | None:
        """What else may be the same object as a tensor, by identity; None where somebody outside
        may have it."""
        others = self.twins(tensor)
        for x in () if isinstance(tensor, Traced) else self.candidates(tensor):
            made = x.source is None if type(x) is Cell else isinstance(x, Traced)
            if not (made or machine.is_own(x)):
                return None
        given = {id(x) for x, _ in machine.tracer.arguments} - self.private
        return others if others.isdisjoint(given) else None

    def twins(self, tensor: Any) -> set[int]:
        """What of the trace may be the same object as a tensor, by identity."""
        group = self.groups.get(id(tensor))
        others = {id(t) for t in self.stood.get(id(tensor), ())}
        for candidate in self.candidates(tensor):
            found = {id(t) for t in self.stood[id(candidate)]}
            found = {k for k in found if group is None or self.groups[k] is not group}
            others |= {id(candidate), *found}
        for x in (tensor, *self.candidates(tensor)):
            for twin in self.paired.get(id(x), ()):
                others |= {id(twin), *map(id, self.stood.get(id(twin), ()))}
        others.discard(id(tensor))
        return others

    def begins(self, machine: Any, held: dict[int, Any]) -> tuple[int, ...] | None:
        """Objects are handed to another trace, which knows nothing of this: where this trace can
        end, before any of them may be the same as another that is held, or that somebody outside
        has; None if there is none. ``held``: all that is handed on, by identity."""
        found: list[tuple[int, ...]] = []
        held = held | {id(x.cell): x.cell for x in held.values() if type(x) is TracedArray}
        lists = any(type(x) is list and len(x) == 1 and type(x[0]) is Run for x in held.values())
        copied = self.copied.keys() & held.keys()
        for key, x in held.items():
            if type(x) is TracedArray or not self.is_known(x):
                continue  # an array is there by its memory, too
            others = self.others(machine, x)
            several = key in copied and (lists or len(copied) > 1)
            if several or others is None or not others.isdisjoint(held):
                found += [self.since.get(id(t), ()) for t in (x, *self.stood.get(key, ()))]
        return tuple(dict.fromkeys(itertools.chain(*sorted(found)))) if found else None

    def is_alone(self, machine: Any, frame: Frame, live: frozenset[str], array: Any) -> bool:
        """Whether code to come reaches an array that the function has made by none of these
        variables of a frame, and by nothing else."""
        known = machine.cuts.depth == 1  # others are interpreted around this one
        return known and id(array.cell) not in reached(_roots(machine, frame, live))

    def _lists_are_alone(self, held: dict[int, Any]) -> bool:
        """Whether nobody has an array that is in one of these lists by its elements."""
        found = [x[0] for x in held.values() if type(x) is list and x and type(x[0]) is Run]
        cells = [cell for run in found for cell in run.cells]
        if len({id(c) for c in cells}) < len(cells) or any(run.shared for run in found):
            return False
        if any(c.source is not None or self.is_known(c, copied=False) for c in cells):
            return False
        others = any(type(x) is Cell and key in self.copied for key, x in held.items())
        return not (others and any(run.has_arrays for run in found))

    def are_two(self, machine: Any, todo: list[Any]) -> bool:
        """Whether all arrays, containers and objects among these are different ones, and those of
        the function."""
        if not (self.stands or self.copied or self.paired):
            return True
        held = reached(todo)
        copies = [
            type(x) for key, x in held.items() if key in self.copied and type(x) is not Traced
        ]
        if len(set(copies)) < len(copies) or not self._lists_are_alone(held):
            return False
        for x in held.values():
            if not isinstance(x, Traced | TracedArray) and self.is_known(x):
                others = self.others(machine, x)
                if others is None or not others.isdisjoint(held):
                    return False
        return True


def known_by(value: Any) -> Any:
    """What is noted of a value: of an array its memory."""
    return value.cell if type(value) is TracedArray else value


def _is_older(x: Any, tracer: Any) -> bool:
    """Whether the trip that has ended has not made a tensor or an object."""
    if isinstance(x, Traced):
        return x.trace is not tracer or id(x) in tracer.written
    return not tracer.arrays.machine.heap.is_made_inside(x)


def tensors_in(value: Any) -> list[Any]:
    """The tensors of a trace, the memory of arrays, lists, dicts and objects of the user's classes
    that a value is or holds, in containers and attributes."""
    if isinstance(value, Traced):
        return [value]
    if type(value) is TracedArray:
        return [value.cell]
    if is_instance(value):
        return [value, *[t for x in fields_of(value).values() for t in tensors_in(x)]]
    held = inside(value)
    found = [t for x in held for t in tensors_in(x)] if type(held) in TUPLES else []
    return [value, *found] if type(value) in (list, dict) else found


def inside(value: Any) -> Any:
    """What is in a container; anything else as it is."""
    if isinstance(value, dict):
        return tuple(value.values())
    return tuple(value) if isinstance(value, tuple | list) else value


class State:
    """The tensors in the state of one loop."""

    def __init__(self, known: Aliases) -> None:
        self.known = known
        self.first: dict[Any, list[Any]] = {}  # by place, before the loop
        self.made: dict[int, Any] = {}  # those that a trip begins with, with their places
        self.older: dict[int, Any] = {}  # what trips take from outside
        self.moves = False  # from place to place
        self.tangled: set[type] = set()  # of what kind two may be one object
        self.pairs: set[frozenset[Any]] = set()  # places that may hold one array
        self.stays: set[Any] = set()  # places where trips may keep an array
        self.keeps_outside = False  # whether that may be one from outside
        self.kept: dict[Any, dict[int, Cell]] = {}  # by place: what an array there may stand for
        self.listed: set[Any] = set()  # places where trips leave an array that is in a list

    def begin(self, places: Iterable[tuple[Any, Any]]) -> None:
        """What the places hold before the loop."""
        self.first = {place: tensors_in(value) for place, value in places}
        given: set[int] = set()
        for t in itertools.chain(*self.first.values()):
            if id(t) in given and type(t) is not Cell:
                self.tangled.add(type(t))
            given.add(id(t))

    def restored(self, places: Iterable[tuple[Any, Any]], behind: bool = False) -> None:
        """What the places hold when a trip begins, or behind the loop."""
        self.made = {}
        every = [t for found in self.first.values() for t in found] if self.moves else []
        cells: dict[Any, list[Cell]] = {}
        for place, value in places:
            first, now = self.first.get(place, ()), tensors_in(value)
            for t in now:
                if any(t is x for x in first):
                    continue  # it stays the same
                self.made[id(t)] = place
                others = [*first, *every, *self.older.values()]
                if type(t) is Cell:
                    if place in self.listed:
                        self.known.copy([t])
                    elif not behind:
                        self.known.given[id(t)] = t, bind.ground()
                    cells.setdefault(place, []).append(t)
                    if not behind or place in self.stays:
                        others = [x for x in others if not any(x is y for y in now)]
                        others += self.kept.get(place, {}).values()
                        self.known.stand(t, [x for x in others if type(x) is Cell])
                    continue
                self.known.stand(t, [x for x in others if type(x) is type(t)], self)
                if type(t) in self.tangled:
                    self.known.copy([t])
        for one, other in map(tuple, self.pairs):
            for a, b in itertools.product(cells.get(one, ()), cells.get(other, ())):
                self.known.pair(a, b)

    def left(self, places: Iterable[tuple[Any, Any]], tracer: Any) -> bool:
        """What the places hold at the end of a trip; whether that says more than was known."""
        before, seen = self._known_so_far(), set()
        given = {id(t) for t in itertools.chain(*self.first.values())}
        cells: list[tuple[Any, Cell]] = []
        for place, value in places:
            first = self.first.get(place, ())
            for t in tensors_in(value):
                if any(t is x for x in first):
                    continue
                if type(t) is Cell:
                    cells.append((place, t))
                    continue
                self.tangled |= {type(t)} if id(t) in seen else set()
                seen.add(id(t))
                if id(t) in self.made:
                    self.moves = self.moves or self.made[id(t)] != place
                elif id(t) in given:
                    self.moves = True
                elif _is_older(t, tracer):
                    self.older[id(t)] = t
                    self.tangled.add(type(t))
        self._arrays_left(cells, tracer)
        return before != self._known_so_far()

    def _known_so_far(self) -> tuple[Any, ...]:
        kept = sum(map(len, self.kept.values()))
        found = self.tangled, self.older, self.pairs, self.listed
        return self.moves, kept, *map(len, found)

    def _arrays_left(self, cells: list[tuple[Any, Cell]], tracer: Any) -> None:
        """The same for the memory of arrays: which may be one, or one that was there before."""
        self.stays, self.keeps_outside = set(), False
        first = {id(t) for found in self.first.values() for t in found}
        for place, cell in cells:
            if id(cell) in self.known.copied:
                self.listed.add(place)
            for x in (cell, *self.known.candidates(cell)):
                if id(x) in self.made:
                    self.moves = self.moves or self.made[id(x)] != place
                elif x.born is None or is_around(x.born, tracer.outer):
                    self.older |= {} if id(x) in first else {id(x): x}
                    if x is not cell:
                        self.kept.setdefault(place, {})[id(x)] = x
                else:
                    continue
                self.stays.add(place)
                self.keeps_outside = self.keeps_outside or x.source is not None
        for (one, a), (other, b) in itertools.combinations(cells, 2):
            if one != other and (a is b or id(b) in self.known.twins(a)):
                self.pairs.add(frozenset((one, other)))


def is_around(outer: Any, tracer: Any) -> bool:
    """Whether a trace is around another one."""
    while tracer is not None and tracer is not outer:
        tracer = tracer.outer
    return tracer is not None


def put_outside(machine: Any) -> list[Any]:
    """What is written into objects from outside, and what calls behind the graph are given."""
    todo: list[Any] = [made for _, made in machine.journal.shadows.values()]
    return todo + [tuple(entry) for entry in machine.journal.entries]


def _roots(machine: Any, frame: Frame, names: frozenset[str] | None = None) -> list[Any]:
    """What the code can still come to: by variables that are read again (``names`` of the frame
    itself, if they are given), by what is on the stack or in a generator, and what is written into
    objects from outside."""
    todo = [*put_outside(machine), *machine.generators]
    at: Frame | None = frame
    while at is not None:
        live = flow_of(at.code).live[at.at] | at.carried if names is None else names
        names = None
        todo += [x for name, x in at.slots.items() if name in live]
        todo += at.stack
        at = at.back
    return todo


def reached(todo: list[Any]) -> dict[int, Any]:
    """Objects with all that they hold, by identity."""
    seen: dict[int, Any] = {}
    while todo:
        x = todo.pop()
        if id(x) not in seen:
            seen[id(x)] = x
            if type(x) is TracedArray:
                seen[id(x.cell)] = x.cell
            todo += _held(x)
    return seen


_CLOSED = (Traced, Run, TracedArray, TracedScalar, SymInt, SymNumber, type, types.ModuleType,
           types.CodeType, str, bytes, int, float, complex, type(None))  # fmt: skip


def _held(x: Any) -> Iterable[Any]:
    """What an object holds."""
    if isinstance(x, _CLOSED) or type(x) is SymInt:
        return ()
    if isinstance(x, tuple | list | set | frozenset):
        return x
    if isinstance(x, dict):
        return x.values()
    if type(x) is types.CellType:
        return (x.cell_contents,) if is_full(x) else ()
    if isinstance(x, types.FunctionType):
        return (*(x.__closure__ or ()), *(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values())
    if isinstance(x, Generator):
        return (*x.frame.slots.values(), *x.frame.stack)
    if type(x).__module__.startswith(_OURS):
        return [_attribute(x, name) for name in (*dict_of(x), *_WALK)]
    return fields_of(x).values() if is_instance(x) else gc.get_referents(x)


_OURS = __name__.rpartition(".")[0]
_WALK = ("source", "at", "pieces")


def _attribute(x: Any, name: str) -> Any:
    """An attribute of what stands for a text or an iterator, which may refuse to be looked at."""
    try:
        return object.__getattribute__(x, name)
    except AttributeError:
        return None


def is_full(cell: types.CellType) -> bool:
    """Whether a cell holds anything."""
    try:
        cell.cell_contents  # noqa: B018  (it raises if there is none)
    except ValueError:
        return False
    return True
