"""A loop by a value of the graph: one trip is interpreted and becomes the body of a ``while``.

The state is what the trip changes: variables, the position of what a ``for`` goes over, what it
writes into objects. A first guess of what that is and of which form (``Form``) is made, the trip is
interpreted, and the guess is widened until the trip leaves what it began with. If no form fits, one
trip is made before the loop (``total = 0``, and then a tensor), and then the loop is tried again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.op import OPS
from twofold.runtime.carried import State, own_tensor, truth

from ..control.loop import stage_while
from ..ndarrays.selection import Selection
from ..plain import PlainPython
from .aliases import State as Tensors
from .aliases import inside, tensors_in
from .branches import Again, Ending, fork, go_on
from .choice import holds_choice
from .effort import PEELED
from .flow import END, flow_of
from .forms import Form, Number, cells_of, form_of, late, takes_unbound, widened, with_numbers
from .frame import DROPPED, UNBOUND, Frame
from .grown import Grows, arrays_in, element_form, fewest, runs
from .heap import Contents
from .journal import Put
from .machine import Returned, Stopped, Yielded
from .merge import HOLE, LeftView, Unmergeable
from .numbers import holds
from .walks import Walk

__all__ = ["Loop", "run_loop", "settle", "staged"]

TRIES = 12
RETURNED = "<returned>"


class Widen(BaseException):
    """The trip leaves a state of another form than it began with; the guess has been widened."""


def run_loop(machine: Any, frame: Frame, head: int, peeled: bool = False) -> Any:
    """Make the trips of a loop, at least one. Gives nothing if the frame can go on behind it, else
    how its run ended."""
    if head not in flow_of(frame.code).loops:
        return _only_trip(machine, frame, head)
    loop = Loop(machine, frame, head)
    try:
        ending = _attempt(loop)
    except (Unmergeable, PlainPython) as error:
        ending = _dropping(machine, frame, head)
        if ending is None and isinstance(error, LeftView):
            ending = _joining(machine, frame, head)
        if ending is not None:
            return settle(machine, frame, ending)
        if peeled or machine.effort.peeled[frame.code, head] >= PEELED:
            return settle(machine, frame, Loop(machine, frame, head, True).stage())
        machine.effort.peeled[frame.code, head] += 1
        try:
            return _peel(machine, frame, loop)
        finally:
            machine.effort.peeled[frame.code, head] -= 1
    return settle(machine, frame, ending)


def _dropping(machine: Any, frame: Frame, head: int) -> Any:
    """How a loop ended whose trips drop what only suppressed exceptions leave to others, as
    managers like tapes: None if there is no such variable, or the loop is not staged so."""
    loop = Loop(machine, frame, head, drops=True)
    try:
        return _attempt(loop) if loop.dropped else None
    except (Unmergeable, PlainPython):
        return None


def _joining(machine: Any, frame: Frame, head: int) -> Any:
    """How a loop ended in whose trips an array stands for one of several, views among them, that
    code behind it only reads: None if it is not staged so."""
    before, machine.joins_arrays = machine.joins_arrays, True
    try:
        return Loop(machine, frame, head).stage()
    except (Unmergeable, PlainPython):
        return None
    finally:
        machine.joins_arrays = before


def staged(machine: Any, frame: Frame, head: int) -> Any:
    """How a loop ends of which Python could make the trips as well, and lists keep their lengths.
    Raises Unmergeable or PlainPython, and nothing has been written then."""
    if head not in flow_of(frame.code).loops:
        raise Unmergeable("a loop makes one trip only")
    try:
        return _attempt(Loop(machine, frame, head, grows=False))
    except (Unmergeable, PlainPython):
        return Loop(machine, frame, head, True, grows=False).stage()


def _attempt(loop: Loop) -> Any:
    """Stage a loop whose variables have one form each, unless it is known to have none."""
    effort, begin = loop.machine.effort, loop.machine.effort.mark
    forms = tuple([(name, f.key) for name, f in loop.forms.items()])
    state = loop.frame.code, loop.head, loop.grows, loop.dropped, forms
    try:
        if state in effort.shapeless:
            raise Unmergeable("the state of a loop has no form, as before")
        return loop.stage()
    except (Unmergeable, PlainPython):
        effort.fails(begin)
        effort.shapeless.add(state)
        raise


def _only_trip(machine: Any, frame: Frame, head: int) -> Any:
    """Make the trip of a ``for`` that is always left in its first one."""
    walk = frame.stack[-1]
    frame.stack[-1], frame.at = walk.moved(walk.at + 1), head + 1
    return machine.parted(frame, walk.item())


def _peel(machine: Any, frame: Frame, loop: Loop) -> Any:
    """Make one trip, and then the loop."""
    before = frame.stops
    frame.stops = before | {loop.head} | {t for t in loop.exits if t != END}
    try:
        loop.begin_trip(frame)
        ended = machine.run(frame)
    finally:
        frame.stops = before
    return settle(machine, frame, loop.after_trip(frame, ended), peeled=loop.head)


def settle(machine: Any, frame: Frame, ended: Any, peeled: int | None = None) -> Any:
    """Go on where trips of a loop ended; ``peeled``: the loop that is to be made from there."""
    if isinstance(ended, Ending) and len(ended.tests) == 1:
        (at,) = ended.tests
        del frame.stack[ended.depths.get(at, 0) :]
        ended = Returned(ended.value) if at == END else Stopped(at)
    if isinstance(ended, Ending):
        if peeled in ended.tests:
            rest = ended.without(peeled)
            again = Again(peeled, ended.depths[peeled])
            return fork(machine, frame, ended.tests[peeled], again, rest)
        return go_on(machine, frame, ended)
    if isinstance(ended, Stopped):
        frame.at = ended.at
        if ended.at == peeled:
            return run_loop(machine, frame, peeled, peeled=True)
        return ended if ended.at in frame.stops else None
    return ended


class Loop:
    """A loop while it is staged."""

    def __init__(
        self,
        machine: Any,
        frame: Frame,
        head: int,
        mixed: bool = False,
        grows: bool = True,
        drops: bool = False,
    ) -> None:
        self.machine, self.frame, self.head, self.grows = machine, frame, head, grows
        self.mixed = mixed  # whether a variable may have several forms
        self.flow = flow_of(frame.code)
        # What only a ``with`` that suppresses an exception leaves to the next trip is dropped.
        self.live = self.flow.regular if drops else self.flow.live
        self.exits = self.flow.exits(head)
        step = frame.program.steps[head]
        self.over = step.op == "FOR_ITER"
        self.behind = step.target
        live = frozenset().union(*[self.live[t] for t in self.exits if t != END])
        self.carried = self.flow.assigned(head) & (self.live[head] | live | frame.carried)
        self.read = self.live[head] | live  # by a trip or behind the loop
        self.dropped = self.flow.assigned(head) & self.flow.live[head] - self.carried
        self.forms: dict[str, Form] = {}
        self.missing = ""  # a variable that a trip reads, which has no value before the loop
        for name in sorted(self.carried):
            value = _settled(frame, name)
            if value is UNBOUND and name in self.flow.read_first(head) & self.live[head]:
                self.missing = name
                if mixed:
                    self.forms[name] = form_of(UNBOUND)
            if value is UNBOUND or name not in self.live[head]:
                continue  # known when a trip has been made
            self.forms[name] = form_of(value)
        self.walk: Form | None = form_of(frame.stack[-1], open_walk=True) if self.over else None
        self.heap: dict[int, tuple[Contents, Form]] = {}
        self.value: Form | None = None
        # where it is left, and how much is on the stack there
        self.targets = list(self.exits) if len(self.exits) == 1 else []
        self.depths: dict[int, int] = {}
        self.entries: list[Any] = []  # attributes that a trip gives values
        self.torn: set[int] = set()  # what stands for containers that trips change
        self.tensors = Tensors(machine.heap.aliases)
        self.inner: list[Any] = []  # loops in this one that a ``return`` leaves, which it drops
        self.listed = False  # whether an array that is returned is in a list, too
        self.expected: dict[int, Any] = {}  # objects that trips are expected to change: contents

    # a trip

    def begin_trip(self, frame: Frame) -> None:
        """Put the next item on the stack, if the loop is a ``for``."""
        frame.at = self.head
        if self.over:
            walk = frame.stack[-1]
            frame.stack[-1] = walk.moved(walk.at + 1)
            item = walk.item()
            if holds_choice(item):
                raise Unmergeable("a loop over items of several types")
            frame.stack.append(item)
            frame.at += 1

    def after_trip(self, frame: Frame, ended: Any) -> Any:
        """How a trip ended: a ``for`` that has no more items ends behind the loop."""
        if isinstance(ended, Yielded):
            raise Unmergeable("a generator yields in a loop by a value of the graph")
        if not self.over:
            return ended
        if isinstance(ended, Stopped) and ended.at == self.head:
            more = self._more(frame, len(frame.stack))
            if isinstance(more, bool):
                if more:
                    return ended
                frame.stack.pop()
                return Stopped(self.behind)
            tests = {self.head: more, self.behind: OPS["logical_not"](more)}
            n = len(frame.stack)
            return Ending(tests, {self.head: n, self.behind: n - 1})
        if isinstance(ended, Ending) and self.head in ended.tests:
            try:
                more = self._more(frame, ended.depths[self.head])
            except RuntimeError:  # on one way only
                self.machine.give_up("a loop over a container that gets another size")
            if more is True:
                return ended
            again = ended.tests[self.head]
            tests = dict(ended.tests)
            if more is False:
                over = tests.pop(self.head)
            else:
                tests[self.head] = again & more
                over = again & OPS["logical_not"](more)
            tests[self.behind] = tests[self.behind] | over if self.behind in tests else over
            depths = {**ended.depths, self.behind: ended.depths[self.head] - 1}
            return Ending(tests, depths, ended.value)
        return ended

    def _more(self, frame: Frame, depth: int) -> Any:
        """Whether a ``for`` has another item."""
        walk, frame.now = frame.stack[depth - 1], self.head
        if type(walk) is not Walk:
            self.machine.give_up("a decision by a value of the graph in a loop over an iterator")
        return self.machine.decision(frame, walk.more())

    # staging

    def stage(self) -> Any:
        """Stage the loop; how it ended. Raises Unmergeable."""
        if self.missing and not self.mixed:
            raise Unmergeable(f"{self.missing!r} has no value before a loop that reads it")
        first = dict(self.forms)
        if self._expect():
            try:
                return self._tried()
            except (Unmergeable, PlainPython):
                self.forms, self.heap, self.expected = first, {}, {}
        return self._tried()

    def _tried(self) -> Any:
        for _ in range(TRIES):
            try:
                return self._stage()
            except Widen:
                continue
        raise Unmergeable("the state of a loop has no form that stays")

    def _expect(self) -> bool:
        """Begin with the state that was found when the loop was staged last: a loop in a loop is
        staged whenever a trip of that one is interpreted, and a nest of loops would double the
        trips of its innermost one with each loop around it. Whether there is any."""
        objects, late_forms = self.machine.effort.changed.get(self._place, ((), {}))
        heap = self.machine.heap
        for owner, form in objects:
            contents = heap.contents(owner) if heap.is_there(owner) else None
            if contents is not None:
                first = self._form_of(contents.before)
                self.heap[id(owner)] = contents, with_numbers(first, form)
        self.expected = dict.fromkeys(self.heap)
        self.forms.update({n: f for n, f in late_forms.items() if n not in self.forms})
        return bool(self.heap or late_forms)

    @property
    def _place(self) -> Any:
        return self.frame.code, self.head, self.grows, self.mixed

    def _learn(self) -> None:
        """What trips change, for ``_expect``."""
        torn = self.machine.journal.torn
        objects = [(c.owner, form) for c, form in self.heap.values() if c.owner is not torn]
        numbers = {
            name: form for name, form in self.forms.items()
            if type(form) is Number and name not in self.live[self.head]
        }  # fmt: skip
        self.machine.effort.changed[self._place] = objects, numbers

    def _stage(self) -> Any:
        before = [(key, inside(contents.before)) for key, (contents, _) in self.heap.items()]
        self.tensors.begin([*self._named(self.frame), *before])
        first = [OPS["constant"](value=np.True_), *self._first()]
        n = len(first) - 1
        tests = [OPS["constant"](value=np.False_) for _ in self._tests()]
        state = State.of([*first, *tests], "a loop")
        last = stage_while(lambda s: s[0], lambda s: self._trip(s[1 : n + 1]), state, truth)
        return self._finish(iter(last[1:]))

    def _tests(self) -> list[int]:
        """The exits that need a test, if there are several."""
        return self.targets if len(self.targets) > 1 else []

    def _first(self) -> list[Any]:
        found: list[Any] = []
        for name, form in self.forms.items():
            value = self.frame.slots.get(name, UNBOUND)
            live = name in self.live[self.head]
            known = live and value is not UNBOUND or takes_unbound(form)
            found += form.take(value) if known else form.zeros()
        if self.walk is not None:
            found += self.walk.take(self.frame.stack[-1])
        for contents, form in self.heap.values():
            found += form.take(contents.read())
        return found if self.value is None else found + self.value.zeros()

    def _trip(self, leaves: list[Any]) -> list[Any]:
        """One trip, from the tensors of the state to those of the next one."""
        machine, frame = self.machine, self.frame.copy()
        tensors = iter(leaves)
        frame.stops = self.frame.stops | {self.head} | {t for t in self.exits if t != END}
        frame.carried = self.carried
        machine.heap.begin()
        machine.journal.begin(bind.ground(), keeps=False)
        count, generators = len(machine.open), len(machine.generators)
        try:
            self._restore(frame, tensors)
            for name in self.carried - set(self.forms):
                frame.slots[name] = UNBOUND
            self.begin_trip(frame)
            ended = self.after_trip(frame, machine.run(frame))
            if len(machine.open) != count:
                raise Unmergeable("a `with` begins in a trip and does not end in it")
        except BaseException as error:
            del machine.generators[generators:]
            machine.journal.fails(error)
            machine.close(count)
            machine.heap.end()
            machine.journal.end()
            raise
        written, self.entries = machine.heap.end(), machine.journal.end()
        ground: Any = bind.ground()
        if self.entries and any("raise" in node.effects for node in ground.graph.nodes):
            machine.tracer.arrays.replay()  # what the trips before have done is done by Python
        if any(type(e) is not Put for e in self.entries):
            machine.give_up("a call that is made when the graph has run, in a loop of the graph,")
        return self._left(frame, ended, written)

    def _restore(self, frame: Frame, tensors: Iterator[Any], behind: bool = False) -> None:
        """Give a frame, and objects, the state: of a trip, or that ``behind`` the loop."""
        for name, form in self.forms.items():
            frame.slots[name] = form.make(tensors)
        frame.slots.update(dict.fromkeys(self.dropped, DROPPED))
        if self.walk is not None:
            frame.stack[-1] = self.walk.make(tensors)
        for contents, form in self.heap.values():
            if not self.machine.heap.changes(contents.owner):
                raise Unmergeable("an object is changed in a loop")
            contents.write(form.make(tensors))
            if id(contents.owner) in self.expected:
                self.expected[id(contents.owner)] = contents.read()
        if self.torn:
            self.machine.changes(self.machine.journal.torn)
            self.machine.journal.torn |= self.torn
        held = [(key, inside(contents.read())) for key, (contents, _) in self.heap.items()]
        self.tensors.restored([*self._named(frame), *held], behind)

    def _named(self, frame: Frame) -> list[tuple[Any, Any]]:
        """The variables of the state with their values."""
        return [(name, frame.slots.get(name, UNBOUND)) for name in self.forms]

    def _left(self, frame: Frame, ended: Any, written: dict[int, Contents]) -> list[Any]:
        """The tensors of the state that a trip leaves. Raises Widen."""
        tests = _tests_of(ended)
        if self.head not in tests:
            raise Unmergeable("a loop makes one trip only")
        changed = False
        for name in sorted(self.carried):
            value = _settled(frame, name)
            if value is UNBOUND and (name not in self.forms or name not in self.read):
                continue
            changed |= self._widen(self.forms, name, value)
        if self.walk is not None:
            at = _depths_of(ended, frame)[self.head] - 1
            self.walk, wider = widened(self.walk, frame.stack[at])
            changed |= wider
        for key, contents in written.items():
            if contents.owner is self.machine.journal.torn:
                changed |= not contents.after <= self.torn
                self.torn |= contents.after
            elif key in self.heap:
                known, form = self.heap[key]
                form, wider = self._held(form, contents.after)
                self.heap[key] = known, form
                changed |= wider
            else:
                form, _ = self._held(self._form_of(contents.before), contents.after)
                self.heap[key] = contents, form
                changed = True
        for key in [k for k, given in self.expected.items() if _is_same(written[k].after, given)]:
            del self.heap[key]
            changed = True
        self.expected = {}
        value = ended.value if not isinstance(ended, Stopped) else HOLE
        if value is not HOLE and value is not UNBOUND:
            if self.value is None:
                self.value, changed = late(value), True
            else:
                self.value, wider = widened(self.value, value, True)
                changed |= wider
            known = self.machine.heap.aliases
            self.listed = any(id(t) in known.copied for t in tensors_in(value))
        targets = sorted(t for t in tests if t != self.head)
        if targets != self.targets:
            self.targets, changed = targets, True
        self.depths = _depths_of(ended, frame)
        self.inner = frame.stack[len(self.frame.stack) :]
        if any(type(x) is not Walk for x in self.inner):
            raise Unmergeable("a loop is left from inside something that is unfinished")
        after = [(key, inside(written[key].after)) for key in self.heap if key in written]
        named = self._named(frame)
        if self.tensors.left([*named, *after], bind.ground()) or changed:
            raise Widen
        if self.tensors.keeps_outside:
            raise Unmergeable("an array from outside that trips may keep")
        self._refuse_sharing(frame, tests, written, value)
        return self._next(frame, ended, tests, written, value)

    def _refuse_sharing(
        self, frame: Frame, tests: dict[int, Any], written: dict[int, Contents], value: Any
    ) -> None:  # fmt: skip
        """Raise Unmergeable where one array is in two places that code behind the trip can read."""
        held = [
            cell for key, (contents, form) in self.heap.items()
            for cell in cells_of(form, written[key].after if key in written else contents.before)
        ]  # fmt: skip
        returned = [] if self.value is None else cells_of(self.value, value)
        for target in tests:
            live = frozenset() if target == END else self.live[target]
            cells = [*held, *(returned if target == END else ())]
            for name in live.intersection(self.forms):
                cells += cells_of(self.forms[name], frame.slots.get(name, UNBOUND))
            if len(set(cells)) < len(cells):
                raise Unmergeable("two variables are one array in a loop")
        put = [
            id(cell) for key, (_, form) in self.heap.items()
            if isinstance(form, Grows) and key in written for cell in form.put(written[key].after)
        ]  # fmt: skip
        if len(set(put)) < len(put):
            raise Unmergeable("an array is put into two lists in a loop")

    def _form_of(self, before: Any) -> Form:
        """The first form of what an object holds."""
        run = runs(before)
        if run is None:
            return form_of(before, contents=True)
        return Grows(run.form, run.least, run.cells, run.shared)

    def _held(self, form: Form, after: Any) -> tuple[Form, bool]:
        """The form of what an object holds: a container keeps its number of items."""
        if type(after) is list and not isinstance(form, Grows):
            run = runs(after)
            if run is not None or len(after) != len(form.keys):  # type: ignore[attr-defined]
                items = element_form([form.like, after])  # type: ignore[attr-defined]
                if items is None or not self.grows:
                    raise Unmergeable("a list changes in a loop")
                before = form.like  # type: ignore[attr-defined]
                return Grows(items, fewest(before), arrays_in(before)).wider(after), True
        if isinstance(after, tuple | list | dict | set):
            found = form.wider(after, self.mixed)
            return found, found is not form
        return widened(form, after, self.mixed)

    def _widen(self, forms: dict[str, Form], name: str, value: Any) -> bool:
        if name not in forms:
            forms[name] = late(value)
            return True
        forms[name], wider = widened(forms[name], value, self.mixed)
        return wider

    def _next(
        self, frame: Frame, ended: Any, tests: dict[int, Any], written: dict[int, Contents],
        value: Any,
    ) -> list[Any]:  # fmt: skip
        made = [_tensor(tests[self.head])]
        for name, form in self.forms.items():
            held = frame.slots.get(name, UNBOUND)
            known = held is not UNBOUND or takes_unbound(form)
            made += form.take(held) if known else form.zeros()
        if self.walk is not None:
            made += self.walk.take(frame.stack[_depths_of(ended, frame)[self.head] - 1])
        for key, (contents, form) in self.heap.items():
            now = written[key].after if key in written else contents.before
            made += form.take(now)
        if self.value is not None:
            known = value is not HOLE and value is not UNBOUND
            made += self.value.take(value) if known else self.value.zeros()
        return [*made, *[_tensor(tests[t]) for t in self._tests()]]

    def _finish(self, tensors: Iterator[Any]) -> Any:
        """Put what comes out into the frame and into objects; how the loop ended."""
        frame = self.frame
        self._restore(frame, tensors, behind=True)
        frame.stack += self.inner
        for entry in self.entries:
            self.machine.journal.put(*entry)
        if not self.machine.journal.is_in_loop:
            self.machine.journal.repeated().emit()
        value = HOLE if self.value is None else self.value.make(tensors)
        if self.listed:
            self.machine.heap.aliases.copy([value])
        for form in (*self.forms.values(), self.value or Form(None)):
            form.settle()
        self._learn()
        depths = self.depths
        if not self.targets:
            raise Unmergeable("a loop that never ends")
        if len(self.targets) == 1:
            return Ending({self.targets[0]: True}, depths, value)
        return Ending({t: next(tensors) for t in self._tests()}, depths, value)


def _settled(frame: Frame, name: str) -> Any:
    """What a variable holds, UNBOUND if nothing. What a mask selects is an array by itself where
    it travels from trip to trip: the mask stays behind."""
    value = frame.slots.get(name, UNBOUND)
    if type(value) is Selection:
        value = frame.slots[name] = value.array()
    return value


def _is_same(held: Any, given: Any) -> bool:
    """Whether an object holds what it was given."""
    if type(held) is not type(given) or not isinstance(held, list | dict):
        return held is given
    pairs = (
        zip(held.values(), given.values(), strict=False)
        if isinstance(held, dict)
        else zip(held, given, strict=False)
    )
    return len(held) == len(given) and all(x is y for x, y in pairs)


def _tests_of(ended: Any) -> dict[int, Any]:
    if isinstance(ended, Ending):
        return ended.tests
    return {ended.at if isinstance(ended, Stopped) else END: True}


def _depths_of(ended: Any, frame: Frame) -> dict[int, int]:
    if isinstance(ended, Ending):
        return ended.depths
    return {ended.at if isinstance(ended, Stopped) else END: len(frame.stack)}


def _tensor(test: Any) -> Any:
    if isinstance(test, bool):
        return OPS["constant"](value=np.bool_(test))
    found = holds(test)
    return own_tensor(found)
