"""The machine of a trace: Python's operations on what is known, regions for what is not."""

from __future__ import annotations

import builtins
import collections
import contextlib
import functools
import operator
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from twofold.ir.errors import StagingError
from twofold.ir.handlers import may_be_caught
from twofold.ir.tensor_shape import LISTED, TUPLES
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from ..loading import late
from ..ndarrays.base import TracedArray, TracedScalar
from ..ndarrays.names import Called, Module, _Space
from ..places import may_move_within
from ..plain import PlainPython
from ..readers import MISSING
from ..symint import SymInt
from ..trace import Traced
from . import exceptions, instructions, operators
from .aliases import put_outside
from .branches import Again, Given, fork
from .choice import Choice, holds_choice, one_tensor, values_of
from .cut import Cut, Cuts
from .decisions import Decisions
from .effort import PEELED, Effort, TooDeep
from .frame import UNBOUND, Frame
from .grown import runs
from .heap import EMPTY, Heap
from .held import made_here, opened, show, with_arrays
from .journal import Journal
from .lists import looks_into
from .machine import Generator, Leave, Raised, unbound
from .merge import Unmergeable
from .natives import NATIVES, interpreted, to_python
from .numbers import DTYPES, TracedNumber, sized
from .opened import is_interpreted, module_fallback, own_method
from .pure import any_of
from .shapes import holds_opaque, is_opaque
from .specials import goes_on, iterated, iterates, moves, updated
from .staged import PRINTS, is_staged, known_truth, source_of, special_of, walk_of, whole
from .tables import asks, get, is_asked, looked_up
from .text import joined, snapshot
from .walks import Drawn, Items, Walk
from .writes import looks

__all__ = ["Capture"]

assert exceptions
assert instructions
assert operators
ROLL = 24  # trips of a loop over Python's numbers from which on it is a loop of the graph


class Capture(Decisions):
    """Interprets the functions of one trace."""

    def __init__(self, tracer: Any) -> None:
        super().__init__(tracer)
        self.heap = Heap()
        self.journal = Journal(tracer, self.heap)
        self.journal.repeated = functools.cache(lambda: late("capture.repeated").Repeated(self))
        self.cuts = Cuts(self, tracer.cut_at)
        self.heap.aliases.here = self.cuts.here
        self.carries = False  # whether there are objects that are only carried along
        self.parts_now = False  # whether the one that is not interpreted may
        self._parts = False  # whether the function that is called now may give a Choice
        self.effort = Effort()
        self.joins_arrays = False  # whether ways join with one array that stands for one of several
        self.open: list[Leave] = []  # managers of libraries that have been entered
        self.generators: list[Generator] = []  # that the function has made

    def interpret(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], whole: bool = False
    ) -> Any:
        """Call a function from outside. Raises PlainPython where it cannot be staged.

        ``whole``: whether it is the function that is traced, which may return a ``Choice``.
        """
        count = len(self.open)
        self.cuts.depth += 1
        try:
            made = (
                self.call(None, function, args, kwargs) if not hasattr(function, "interpreted")
                else function.interpreted(self, args)
            )  # fmt: skip
            self.refuse_protected()
            if whole:
                if not self.heap.aliases.are_two(self, [made, *put_outside(self)]):
                    self.cuts.whole = True
                    self.give_up("a result with objects that may be one")
                made = self.handed(made, {})
            elif holds_choice(made) and type(made) is not Choice:
                self.give_up("a nested function that returns a list whose length the graph decides")
            if type(made) is Choice and not whole and (made := one_tensor(made)) is None:
                self.give_up("a nested function that returns values of several types")
            return made
        except Unmergeable as unmergeable:
            if self.heap.parts:
                raise
            return self.give_up(str(unmergeable))
        except Cut as cut:
            if not whole:
                raise
            return self.cuts.segment(cut.frame)
        finally:
            self.cuts.depth -= 1
            self.close(count)

    def entered(self, leave: Any) -> Any:
        if isinstance(leave, types.MethodType) and is_interpreted(leave.__func__):
            return leave
        made = Leave(leave, len(self.heap.parts))
        self.open.append(made)
        return made

    def close(self, count: int) -> None:
        """Leave what was entered after so many managers, where interpretation ends before its
        time: a lock, settings of NumPy's."""
        while len(self.open) > count:
            stop = PlainPython()
            with contextlib.suppress(Exception):
                self.open.pop().function(type(stop), stop, None)

    def refuse_protected(self) -> None:
        """The function ends. Python would end the generators that it has left in the middle now:
        their ``finally`` blocks would run."""
        if any(g.is_protected for g in self.generators):
            self.give_up("a generator that is left before the end of a `try` or `with` in it")

    def spend(self, frame: Frame) -> None:
        if frame.stack and type(frame.stack[-1]) is np.ndarray:
            frame.stack[-1] = show(self, frame.stack[-1])
        self.cuts.step(frame)
        if not self.heap.parts:
            self.cuts.top = frame
            return
        self.effort.spent += 1
        if self.effort.is_over:
            self.give_up("control flow by values that takes so long to be traced")

    def fails(self, frame: Frame, error: BaseException) -> bool:
        return self.cuts.failed(frame, error)

    def give_up(self, what: str) -> Any:
        raise PlainPython(refusal=StagingError(f"{what} is not staged"))

    # names

    def load_global(self, frame: Frame, name: str) -> Any:
        space = frame.f_globals
        if name in (self.journal.shadow(getattr(space, "real", space)) or ()):
            return super().load_global(frame, name)
        if not dict.__contains__(space, name):
            self.guard_builtin(getattr(space, "real", space), name)
        found, names = super().load_global(frame, name), self.tracer.arrays.names
        if isinstance(found, type):
            return names.kind(found, frame)
        if type(found) in (float, int):
            return names.home.number(space.real, name, found) if type(space) is _Space else found
        if may_move_within(found) and type(space) is _Space:
            found = names.home.found_in(space.real, name, found, "name")
        return names.value(found)

    def met(self, value: Any) -> Any:
        return self.tracer.arrays.names.value(value)

    def load_module(self, frame: Frame, name: str, names: Any, level: int) -> Any:
        found = builtins.__import__(name, dict(frame.f_globals), None, names, level)
        self.imported(name if not level else found.__name__)
        space = frame.f_globals
        return space.names.value(found) if type(space) is _Space else found

    def attribute(self, frame: Frame, owner: Any, name: str) -> Any:
        if type(owner) is Module and self.unwritten(owner, name):
            self.looked_for(owner.space, name)
            fallback = module_fallback(owner.space, name)
            if fallback is not None:
                return self.invoke(frame, fallback, (name,), {})
            return owner.named(name, frame)
        made = super().attribute(frame, owner, name)
        moves = may_move_within(made)
        if moves and not self.is_own(owner) and self._written(owner, name) is MISSING:
            made = self.tracer.arrays.found_in(owner, name, made, "attribute")
        return sized(made)

    def handle(self, frame: Frame, error: BaseException) -> bool:
        found = super().handle(frame, error)
        if found:
            self.tracer.sizes.rely_on_errors()
        return found

    def changes(self, owner: Any) -> None:
        owner = self.heap.written(owner)
        if not _is_mutable(owner):
            return
        self.writes_to(owner)
        if self.tracer.arrays.notes is not None and not self.is_own(owner):
            self.tracer.arrays.notes(owner.real if type(owner) is _Space else owner)
        if self.heap.parts and not self.heap.changes(owner):
            raise Unmergeable(f"a {type(owner).__name__} is changed")

    def fresh(self, value: Any) -> Any:
        self.heap.fresh(value)
        self.generators += [value] if type(value) is Generator else []
        return value

    def draws(self, iterator: Any) -> None:
        """Items of an iterator of Python's are about to be used up."""
        if type(iterator) not in LISTED | {dict, set} and holds_choice(iterator):
            self.give_up("an iterator over a list whose length the graph decides")
        if not self.heap.parts or type(iterator) in (Walk, Generator):
            return
        if isinstance(iterator, Iterator) and not self.heap.is_fresh(iterator):
            raise Unmergeable(f"a {type(iterator).__name__} is advanced on one way only")

    def later(self, what: str, function: Any, args: Any, kwargs: Any) -> None:
        """Note a call that each call of the compiled function makes, after the graph has run."""
        args, kwargs = snapshot(args), snapshot(kwargs)
        self._all_fresh((*args, *kwargs.values()))
        self.journal.log(what, function, args, kwargs, writes=False)

    def joined(self, parts: list[Any]) -> Any:
        return joined(parts)

    def loop(self, frame: Frame, head: int) -> Any:
        """Make the trips of a loop; see ``run_loop``."""
        return late("capture.loops").run_loop(self, frame, head)

    # iteration

    def iterator(self, frame: Frame, value: Any) -> Any:
        source = source_of(value)
        if not isinstance(source, Items) or not self.reads_keys(value):
            self.observe(value)
        return super().iterator(frame, value) if source is None else Walk(source)

    def advance(self, frame: Frame, end: int) -> Any:
        walk = frame.stack[-1]
        if type(walk) is not Walk:
            self.draws(walk)
            return super().advance(frame, end)
        head = frame.now
        length = walk.source.length()
        more = self.decision(frame, walk.at < length)
        if not isinstance(more, bool):
            return fork(self, frame, more, Again(head), end, drops=2)
        if not more:
            frame.stack.pop()
            frame.at = end
            return None
        if self._rolls(frame, head, walk, length):
            saved, tried, begin = frame.copy(), frame.copy(), self.effort.mark
            loops = late("capture.loops")
            try:
                ended = loops.staged(self, tried, head)
            except (Unmergeable, PlainPython):
                self.effort.fails(begin)
                self.effort.unrolled[frame.code, head] += 1
                frame.become(saved)
            else:  # what comes behind the loop is no part of the attempt
                self.effort.unrolled[frame.code, head] = 0
                frame.become(tried)
                return loops.settle(self, frame, ended)
            if isinstance(length, SymInt):
                length = int(length)
        frame.stack[-1] = walk.moved(walk.at + 1)
        return self.parted(frame, walk.item())

    def send(self, frame: Frame, value: Any) -> Any:
        walk = frame.stack[-1]
        if type(walk) is not Walk or value is not None:
            self.draws(walk)
            return super().send(frame, value)
        more = self.decision(frame, walk.at < walk.source.length())
        if not isinstance(more, bool):
            self.give_up("a `yield from` that ends by a value of the graph")
        if not more:
            raise StopIteration
        frame.stack[-1] = walk.moved(walk.at + 1)
        return walk.item()

    def _rolls(self, frame: Frame, head: int, walk: Walk, length: Any) -> bool:
        if self.effort.unrolled[frame.code, head] > PEELED or isinstance(walk.source, Items):
            return False
        return isinstance(length, SymInt) or length - walk.at > ROLL

    def items(self, frame: Frame, value: Any, hinted: bool = False) -> Any:
        if runs(value) is not None:
            self.give_up("the items of a list whose length the graph decides")
        self.draws(value)
        if (entries := self.entries(value)) is not value:
            return entries
        source = value.source if type(value) is Walk else source_of(value)
        if source is None or isinstance(source, Items):
            self.observe(value)
            if type(source) is Drawn and type(value) is not Walk:
                return source.all()
            return super().items(frame, value, hinted)
        first = value.at if type(value) is Walk else 0
        return [source.item(i) for i in range(first, int(source.length()))]

    # objects

    def contains(self, frame: Frame, held: Any, item: Any, inverted: bool) -> Any:
        now = self.present(held)
        if not self.asks_for(held, item) and (type(held) in LISTED or now is not held):
            self.observe(held)
        return super().contains(frame, opened(self, now), item, inverted)

    def compare(self, frame: Frame, sign: str, left: Any, right: Any) -> Any:
        self.observe_all(left, right)
        left, right = (opened(self, self.present(x)) for x in (left, right))
        return super().compare(frame, sign, left, right)

    def text(self, frame: Frame, value: Any, conversion: int, spec: str | None) -> Any:
        self.observe_all(value)
        return super().text(frame, opened(self, self.present(value)), conversion, spec)

    def item(self, frame: Frame, held: Any, key: Any) -> Any:
        if isinstance(held, collections.defaultdict) and self.is_own(held):
            self.changes(held)  # it may get the key
        key = self.from_start(held, key)
        if type(whole(key)) is TracedNumber and self.is_listed(held):
            return self.picked(held, whole(key))
        if is_asked(self, held, key):
            return looked_up(self, frame, held, key)
        return super().item(frame, held, self._key(held, key))

    def _key(self, held: Any, key: Any) -> Any:
        """What stands between brackets, with numbers of the graph as an array takes them."""
        if type(key) is TracedNumber:
            return self._index(held, key)
        if type(key) is slice and isinstance(held, TracedArray):
            return slice(whole(key.start), whole(key.stop), key.step)
        if type(key) in TUPLES and any(type(k) in (TracedNumber, slice) for k in key):
            return tuple([self._key(held, k) if type(k) not in TUPLES else k for k in key])
        return key

    def _index(self, held: Any, key: TracedNumber) -> Any:
        if runs(self.present(held)) is not None or (type(held) is list and self.is_own(held)):
            return key
        if isinstance(held, Tensor):
            return key.held
        if isinstance(held, TracedArray):
            if key.bounds is not None:
                held.home.bounds[key.held.value] = key.bounds
            return TracedScalar(held.home, key.held)
        return self.give_up("an index of a Python container that is a value of the graph")

    def set_item(self, frame: Frame, held: Any, key: Any, value: Any) -> None:
        if type(value) is TracedNumber and type(held) is TracedArray and _takes(held, value.kind):
            value = TracedScalar(held.home, value.tensor(DTYPES[value.kind]))
        if isinstance(held, Traced):
            self._refuse_lost(frame, held)
        if type(key) is TracedNumber and isinstance(held, dict) and self.is_followed(held):
            self.tear(held)
            self.journal.log("an assignment to an item", operator.setitem, (held, key, value), {})
            return
        super().set_item(frame, held, self._key(held, key), value)

    def writes_to(self, cell: Any) -> None:
        """A write to an object or to an array's memory, of which ``ndarrays/cells.py`` tells."""
        if self.running is not None:
            self._refuse_lost(self.running, cell)

    def _refuse_lost(self, frame: Frame, tensor: Any) -> None:
        """Raises where a write would be lost for another that is the same; see ``aliases.py``."""
        known = self.heap.aliases
        if known.is_known(tensor) and known.is_shared(self, frame, tensor):
            self.cuts.whole = True  # behind a step they would be two
            self.give_up("a write to a tensor, array or object that may be the same as another")

    # calls

    def invoke(
        self, back: Frame | None, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        parts = self._parts = back is not None and back.parts_next
        if back is not None:
            back.parts_next, back.direct = False, parts
        with self.effort.calling(function.__code__, len(self.heap.parts)) as too_deep:
            if too_deep:
                raise TooDeep(words="recursion that values decide, to this depth,")
            made = super().invoke(back, function, args, kwargs)
        if type(made) is Raised:
            raise made.error
        if type(made) is Choice and back is not None and not parts:
            self.give_up("a method that returns values of several types")
        return made

    def hands_over(self, back: Frame | None) -> bool:
        return self._parts and back is not None and back.catches and may_be_caught()

    def construct(
        self, frame: Frame, kind: type, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if frame is not None:
            frame.parts_next = False
        return super().construct(frame, kind, args, kwargs)

    def parted(self, frame: Frame, made: Any, at: int | None = None) -> Any:
        """Push a value. Where it is one of several, go on on both ways, each with one of them.

        ``at``: the step to go on at, if it is not the next one.
        """
        if type(made) is not Choice:
            frame.stack.append(made)
            return None
        if at is not None:
            frame.at = at
        test = known_truth(made.test)
        ways = Given(frame.at, made.yes), Given(frame.at, made.no)
        if any(type(v) is Raised for v in values_of(made)):
            return self._part(frame, test, *ways)
        return fork(self, frame, test, *ways)

    def missing(self, frame: Frame, value: Any) -> Exception | None:
        """The error for what has been read, where a variable has no value, or for what a function
        has raised on this way."""
        if type(value) is Raised:
            return value.error  # type: ignore[return-value]
        if value is not UNBOUND and value is not EMPTY:
            return None
        return unbound(frame, frame.program.steps[frame.now].arg)

    def native(
        self, frame: Frame, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if parts := frame is not None and frame.parts_next:
            frame.parts_next = False
        if self.carries and self._looks_at_carried(function, args, kwargs):
            return self.refuse_step("what an object of a library gives")
        if asks(self, function, args, kwargs):
            return get(self, frame, function.__self__, *args)
        args = updated(self, frame, function, args)
        if (made := self.wrote(frame, function, args, kwargs)) is not NotImplemented:
            return made
        if type(function) is Leave:
            if function.part != len(self.heap.parts):
                raise Unmergeable("a `with` ends on one way only")
            self.open.remove(function)
            return function.function(*args)
        walk = walk_of(self, frame, function, args, kwargs)
        if walk is not NotImplemented:
            self._looked_into(function, args, kwargs, walks=True)
            return walk
        for value in args if goes_on(function) else ():
            self.goes_over(value)
        if iterates(function):
            args = iterated(self, frame, function, args)
        elif type(function) is Called:
            args = tuple(map(self.entries, args))
        self.parts_now = parts
        self._looked_into(function, args, kwargs)
        only_moves = moves(frame, function)
        function, args, kwargs = self.presented(function, args, kwargs, only_moves)
        if not looks(function):
            args, kwargs = with_arrays(self, function, args, kwargs, only_moves)
        made = self.of_run(frame, function, args, kwargs, parts)
        if made is not NotImplemented:
            return made
        for find in (special_of, NATIVES.get) if _hashable(function) else ():
            special = find(function)
            if special is not None:
                made = special(self, frame, args, kwargs)
                if type(made) is Choice and not parts:
                    self.give_up("a function, called by another, that gives one of several types")
                if made is not NotImplemented:
                    return made
        made = self.journal.original(super().native(frame, function, args, kwargs))
        return sized(made_here(self, function, made))

    def _looked_into(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], walks: bool = False
    ) -> None:
        """What a function that is not interpreted is given may be read by it, and used up.
        ``walks``: a loop does that, item by item."""
        if looks(function):
            return
        shown = any(function is f for f in PRINTS)
        for value in (*args, *kwargs.values(), getattr(function, "__self__", None)):
            if not walks or not self.reads_keys(value):
                self.observe(value)
            if not shown:  # which writes to a file, and shows an iterator unread
                self.draws(value)

    def _looks_at_carried(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> bool:
        """Whether a call does more with what is carried along than to put it into a list that the
        function has made."""
        owner = getattr(function, "__self__", None)
        if any_of(is_opaque, (function, *args), kwargs):
            moves = type(owner) is list and function.__name__ in ("append", "insert")
            return not (moves and self.is_own(owner))
        return looks_into(function) and any_of(holds_opaque, (*args, owner), kwargs)

    def is_same(self, left: Any, right: Any) -> bool:
        if left is not right and not self.tracer.lent.isdisjoint((id(left), id(right))):
            self.give_up("`is` of a container that each call finds in a place")
        if is_opaque(left) != is_opaque(right):
            other = right if is_opaque(left) else left
            if other is not None and not self.is_own(other) and not is_staged(other):
                self.refuse_step("the identity of an object of a library")
        apart = left is not right and left is not None and right is not None
        if apart and isinstance(left, Tensor) and isinstance(right, Tensor):
            self.tracer.identities += [left, right]
        if apart and self.heap.aliases.may_be_one(left, right):
            self.cuts.whole = True
            self.give_up("`is` of objects of which the graph decides whether they are one")
        return super().is_same(left, right)

    def has_flag(self, value: Any, flag: int) -> bool:
        if is_opaque(value):
            self.refuse_step("the type of an object of a library")
        return super().has_flag(value, flag)

    def original_cell(self, cell: Any) -> Any:
        return self.tracer.arrays.names.originals.get(id(cell), cell)

    def shown_cell(self, cell: Any) -> Any:
        return self.tracer.arrays.names.cell(cell)

    def called(self, frame: Frame, function: Any) -> Any:
        return interpreted(self, frame, function)

    def execute(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A method of a tensor or an array that gives Python numbers, or any other function."""
        made = to_python(self, function, args, kwargs)
        return function(*args, **kwargs) if made is NotImplemented else made


_VALUES = (type(None), int, float, complex, str, bytes, tuple, frozenset, Tensor, Variable,
           np.ndarray, np.generic)  # fmt: skip


def _is_mutable(value: Any) -> bool:
    """Whether what an object holds is a matter of Python: arrays and Variables look after
    themselves."""
    return not isinstance(value, _VALUES) and not getattr(type(value), "in_trace", False)


def _hashable(function: Any) -> bool:
    kept = type(function).__hash__ is not None and not isinstance(function, Tensor)
    return kept and own_method(function, "__hash__") is None


def _takes(array: TracedArray, kind: type) -> bool:
    """Whether elements of an array can be any number of a kind: an int8 refuses 300."""
    return kind is not int or array.dtype.kind == "f" or array.dtype == np.int64
