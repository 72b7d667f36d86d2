"""A decision by a value of the graph: both ways are interpreted, and merged where they join.

Each way runs on a copy of the frame, in a region of its own, to the first step that both come to.
If what they leave there has no common form (a variable is None on one way), each way goes on to the
end of the function, or of the trip of a loop, by itself, and what is returned is merged.
"""

from __future__ import annotations

import functools
import itertools
import types
from typing import Any, NamedTuple

from twofold.ir import bind
from twofold.ir.errors import GraphError, ReturnTypeError, StagingError
from twofold.ir.op import OPS
from twofold.ir.tensor_shape import sequence

from ..control.branch import joined, types_of
from ..control.part import Part, is_fault
from ..ndarrays.selection import Selection
from ..plain import PlainPython
from ..trace import Tracer, place
from .aliases import put_outside, reached
from .effort import TooDeep
from .flow import END, flow_of
from .frame import UNBOUND, Frame
from .grown import merged, runs
from .heap import Contents
from .journal import Attributes
from .journal_merge import Torn, merge_attributes, merge_entries
from .machine import Generator, Raised, Returned, Stopped, Yielded
from .merge import HOLE, Merger, Shared, Unmergeable, as_bool

__all__ = ["Again", "Ended", "Ending", "Given", "Redo", "end_of", "enter", "fork", "go_on"]


class Ending:
    """Where a run ended, of several steps: ``tests`` says for each whether it is that one, and
    ``depths`` how much is on the stack there."""

    def __init__(self, tests: dict[int, Any], depths: dict[int, int], value: Any = HOLE) -> None:
        self.tests, self.depths, self.value = tests, depths, value

    def without(self, target: int) -> Ending:
        """The other steps."""
        return Ending({t: x for t, x in self.tests.items() if t != target}, self.depths, self.value)


class Again(NamedTuple):
    """A loop of which another trip is made, as a place to go on at, and how much is on the stack
    there, if less than where the ways part."""

    head: int
    depth: int | None = None


class Given:
    """A step to go on at with one more value on the stack."""

    __slots__ = ("at", "value")

    def __init__(self, at: int, value: Any) -> None:
        self.at, self.value = at, value


class Redo(NamedTuple):
    """A step to carry out again, which does not raise where it has been decided."""

    at: int
    passed: int


Ended = Returned | Stopped | Ending
Start = int | Again | Given | Redo | Ending


class Side:
    """One way: its frame at the end, how it ended, what it wrote to."""

    __slots__ = ("closed", "ended", "entries", "frame", "written")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.ended: Any = None
        self.written: dict[int, Contents] = {}
        self.entries: list[Any] = []  # of the journal
        self.closed = False  # what it returns holds no other object

    @property
    def targets(self) -> frozenset[int]:
        """The steps where it may have ended."""
        if isinstance(self.ended, Ending):
            return frozenset(self.ended.tests)
        return frozenset((end_of(self.ended),))

    @property
    def depths(self) -> dict[int, int]:
        """How much is on the stack at each of them."""
        if isinstance(self.ended, Ending):
            return self.ended.depths
        return {end_of(self.ended): len(self.frame.stack)}

    @property
    def value(self) -> Any:
        """What it returns, if it does."""
        return HOLE if isinstance(self.ended, Stopped) else self.ended.value


def end_of(ended: Any) -> int:
    """The step at which a run stopped; END if it returned."""
    return ended.at if isinstance(ended, Stopped) else END


def fork(machine: Any, frame: Frame, predicate: Any, yes: Start, no: Start, drops: int = 0) -> Any:
    """Go two ways. Gives nothing if the frame can go on, else how its run ended."""
    flow = flow_of(frame.code)
    if type(yes) is type(no) is int and {yes, no} <= frame.stops and not drops:
        depths = dict.fromkeys((yes, no), len(frame.stack))
        return Ending({yes: predicate, no: OPS["logical_not"](predicate)}, depths)
    join = flow.join([*_steps_of(frame, yes), *_steps_of(frame, no)], frame.stops)
    reason, joins = "", flow.joins(join, frame.stops)
    if isinstance(yes, Given) and isinstance(no, Given) and not _raises(yes) and not _raises(no):
        joins = [*flow.statements(yes.at, frame.stops), *joins[1:]]
    ways = [(last, False) for last in dict.fromkeys((*joins, END))]
    shared = [(last, True) for last in joins[:1]]  # better on two ways than with one for several
    tries = (shared, ways) if machine.joins_arrays else (ways, shared)
    for last, stands in itertools.chain(*tries):
        begin = machine.effort.mark
        try:
            ended = _fork(machine, frame, predicate, (yes, no), drops, last, stands)
        except Unmergeable as unmergeable:
            machine.effort.fails(begin)
            reason = str(unmergeable)
            if (last, stands) == ways[0] and not isinstance(unmergeable, Shared):
                shared.clear()
            if not machine.effort.another_way():
                machine.give_up(f"code that goes on by itself on too many ways ({reason})")
        else:  # a handler may return where the other ways go on
            return go_on(machine, frame, ended) if isinstance(ended, Ending) else ended
    if machine.heap.parts:
        raise Unmergeable(reason)
    return machine.give_up(f"a decision by a value of the graph: {reason}")


def _raises(start: Start) -> bool:
    return isinstance(start, Given) and type(start.value) is Raised


def _steps_of(frame: Frame, start: Start) -> list[int]:
    """Where a way begins; none if it only raises."""
    if isinstance(start, Ending):
        return list(start.tests)
    if isinstance(start, Given):
        handler = frame.program.handlers[frame.now]
        if _raises(start):
            return [] if handler is None else [handler.target]
        return [start.at]
    if isinstance(start, Redo):
        return [start.at]
    return [start.head if isinstance(start, Again) else start]


def _fork(
    machine: Any, frame: Frame, predicate: Any, starts: tuple[Start, Start], drops: int, join: int,
    stands: bool,
) -> Any:  # fmt: skip
    outer, where = bind.ground(), place()
    assert isinstance(outer, Tracer)
    refused = outer.refused
    stops = frame.stops | ({join} if join != END else set())
    parts: list[Part] = []
    sides: list[Side] = []
    for i, start in enumerate(starts):
        part, copy = Part(Tracer(("then", "otherwise")[i], outer)), frame.copy()
        copy.stops = frozenset(stops)
        if drops == i + 1:
            copy.stack.pop()
        side = Side(copy)
        try:
            part.run(lambda s=side, at=start: _run_side(machine, s, at), lambda _: ())  # type: ignore[misc]
        except (PlainPython, StagingError) as reason:
            leaves = all(map(flow_of(frame.code).only_raises, _steps_of(frame, start)))
            if type(reason) is TooDeep:
                leaves = machine.effort.leaves_another()
                machine.cuts.whole = not leaves  # behind a step it would be as deep
            if not leaves or (isinstance(reason, StagingError) and reason.of_form):
                raise
            outer.refused = refused  # the trace goes on
            part.leave(reason)
        parts.append(part)
        sides.append(side)
    if join != END and any(type(s.ended) is Returned and s.ended.raises for s in sides):
        raise Unmergeable("a function raises on one way")
    fine = [i for i, part in enumerate(parts) if not part.failed]
    if not fine:
        joined("cond", bind.ground().value(predicate), parts, where)
        assert parts[0].error is not None
        raise parts[0].error  # whichever it is, nothing comes after the branches
    merger = Merger([parts[i] for i in fine], machine.heap, stands)
    merged = merge_sides(machine, frame, [sides[i] for i in fine], merger)
    for i, row in zip(fine, merger.rows, strict=True):
        parts[i].leaves = row
    kinds = types_of([parts[i] for i in fine], outer)
    for part in parts:
        if part.failed:
            part.fill(merger.rows[0], kinds)
    selector = bind.ground().value(predicate)
    outs = joined("cond", selector, parts, where)
    ended = merged([outer.tensor(out) for out in outs[: len(kinds)]])
    if isinstance(ended, Stopped) and ended.at == join and join not in frame.stops:
        return None
    return ended


def _run_side(machine: Any, side: Side, start: Start) -> None:
    machine.heap.begin()
    machine.journal.begin(bind.ground(), keeps=True)
    count, generators = len(machine.open), len(machine.generators)
    try:
        side.ended = _ended(machine, side.frame, start)
        if type(side.ended) is Returned and side.frame.back is None:
            machine.refuse_protected()
            value, side.closed = machine.heap.kept(
                side.ended.value, lambda: reached(put_outside(machine))
            )
            side.ended = Returned(value)
        if isinstance(side.ended, Yielded) or len(machine.open) != count:
            raise Unmergeable("a generator yields, or a `with` begins, on one way only")
    except BaseException as error:
        del machine.generators[generators:]
        machine.journal.fails(error)
        raise
    finally:
        machine.close(count)
        side.written, side.entries = machine.heap.end(), machine.journal.end()


def _ended(machine: Any, frame: Frame, start: Start) -> Any:
    """How a way ends: what it raises is a value for the caller, where that may be caught."""
    if not frame.raises:
        return enter(machine, frame, start)
    try:
        return enter(machine, frame, start)
    except (StagingError, GraphError, ReturnTypeError):
        raise
    except Exception as error:
        if is_fault(error):
            raise
        return Returned(Raised(error))


def enter(machine: Any, frame: Frame, start: Start, value: Any = HOLE) -> Any:
    """Run a frame from a place on; how it ended."""
    if isinstance(start, Ending) and len(start.tests) == 1:
        (at,) = start.tests
        del frame.stack[start.depths.get(at, 0) :]
        return enter(machine, frame, at, start.value)
    if isinstance(start, Given):
        return _enter_with(machine, frame, start)
    if isinstance(start, int):
        if start == END:
            return Returned(value)
        frame.at = start
        if start in frame.stops:
            return Stopped(start)
        return machine.run(frame)
    if isinstance(start, Redo):
        frame.at, frame.passed = start
        frame.tests = 0
        return machine.run(frame)
    if isinstance(start, Again):
        del frame.stack[len(frame.stack) if start.depth is None else start.depth :]
        ended = machine.loop(frame, start.head)
    else:
        ended = go_on(machine, frame, start)
    if ended is None:
        ended = Stopped(frame.at) if frame.at in frame.stops else machine.run(frame)
    return ended


def _enter_with(machine: Any, frame: Frame, given: Given) -> Any:
    """Go on with a value that has been read, or raise since there is none."""
    frame.at = given.at
    error = machine.missing(frame, given.value)
    if error is None:
        ended = machine.parted(frame, given.value)
        return enter(machine, frame, frame.at) if ended is None else ended
    machine.fail(frame, error)
    return enter(machine, frame, frame.at)


def go_on(machine: Any, frame: Frame, ending: Ending) -> Any:
    """Go on where a run ended at one of several steps: nothing if the frame can go on, else how
    its run ended."""
    inside = [t for t in ending.tests if t not in frame.stops and t != END]
    if not inside:
        return ending
    first = inside[0]
    chosen = Ending({first: True}, ending.depths, ending.value)
    return fork(machine, frame, ending.tests[first], chosen, ending.without(first))


def merge_sides(machine: Any, frame: Frame, sides: list[Side], merger: Merger) -> Any:
    """Merge frames, results and what was written to; gives what makes of the outputs how the run
    ended, with the frame where it goes on."""
    flow = flow_of(frame.code)
    targets = sorted(frozenset().union(*[s.targets for s in sides]))
    lives = [frozenset().union(*[flow.live[t] for t in s.targets if t != END]) for s in sides]
    names = sorted(frozenset().union(frame.carried, *lives))
    if any(s.frame.handled is not frame.handled for s in sides if s.targets != {END}):
        raise Unmergeable("the ways handle different exceptions")
    slots = {}
    for name in names:
        column = [
            s.frame.slots.get(name, UNBOUND) if name in live else HOLE
            for s, live in zip(sides, lives, strict=True)
        ]
        column = _elements(column)
        merger.is_alone = lambda i, array, name=name: machine.heap.aliases.is_alone(  # type: ignore[misc]
            machine, sides[i].frame, lives[i] - {name}, array
        )
        slots[name] = merger.merge(column, repr(name))
    merger.is_alone = lambda i, array: False
    depths: dict[int, int] = {}
    for side in sides:
        if any(depths.setdefault(t, n) != n for t, n in side.depths.items() if t != END):
            raise Unmergeable("the ways leave different things unfinished")
    stacks = [[] if s.targets == {END} else s.frame.stack for s in sides]
    stack = [
        merger.one([x[i] if i < len(x) else HOLE for x in stacks], "an operand")
        for i in range(max(map(len, stacks)))
    ]
    returned = _elements([HOLE if s.value is UNBOUND else s.value for s in sides])
    value = merger.result(returned, "what is returned")
    tests = _merge_targets(merger, sides, targets)
    last = all(
        s.closed and s.targets == {END} and machine.heap.only_own(s.written.values()) for s in sides
    )
    heap, torn = merge_heap(machine, sides, merger, last)
    entries = merge_entries(machine.journal, sides, merger, torn)
    at = targets[0]

    def build(outs: list[Any]) -> Any:
        frame.slots.update({name: b(outs) for name, b in slots.items()})
        frame.stack = [b(outs) for b in stack]
        heap(outs)
        entries(outs)
        if len(targets) > 1:
            return Ending({t: test(outs) for t, test in tests.items()}, depths, value(outs))
        frame.at = at
        return Returned(value(outs)) if at == END else Stopped(at)

    return build


def _elements(column: list[Any]) -> list[Any]:
    """Values with arrays in the place of what masks select, which differ from way to way."""
    first = next((v for v in column if type(v) is Selection), None)
    if first is None or all(v is first for v in column):
        return column
    return [v.array() if type(v) is Selection else v for v in column]


def _merge_targets(merger: Merger, sides: list[Side], targets: list[int]) -> dict[int, Any]:
    """For each step whether it is the one, of the outputs."""
    if len(targets) == 1:
        return {}
    tests = {}
    for target in targets:
        column = []
        for side in sides:
            if isinstance(side.ended, Ending):
                column.append(side.ended.tests.get(target, False))
            else:
                column.append(end_of(side.ended) == target)
        made = merger.within(as_bool, column)
        at = merger.column(made)
        tests[target] = lambda outs, at=at: outs[at]
    return tests


def merge_heap(machine: Any, sides: list[Side], merger: Merger, last: bool) -> Any:
    """Merge what the ways wrote into objects around them. ``last``: nothing of the function is left
    to do, so that what it made itself need not be merged: what it returns is a copy. Gives what
    writes the merged contents, and what has none."""
    owners = {key: c for s in sides for key, c in s.written.items()}
    builds, over = [], []
    torn = Torn()
    for key, contents in owners.items():
        column = [s.written[key].after if key in s.written else contents.before for s in sides]
        mark = merger.mark()
        try:
            if type(contents.owner) is Attributes:
                made = merge_attributes(merger, contents, column, torn)
            elif contents.owner is machine.journal.torn:
                made = functools.partial(_all_of, column)
            else:
                grows = not machine.journal.stands_for(contents.owner)
                made = merge_contents(merger, contents, column, grows)
            builds.append((contents, made))
        except Unmergeable:
            if machine.journal.stands_for(contents.owner):
                torn.containers.append(contents.owner)
            elif not last or id(contents.owner) in _put_outside(machine, sides):
                raise
            merger.forget(mark)
            if type(contents.owner) is Generator:
                over.append(contents.owner)

    def build(outs: list[Any]) -> None:
        for generator in over:
            machine.heap.changes(generator)  # a part around this one goes back to where it stood
            generator.ended = True
        for contents, made in builds:
            if not machine.heap.changes(contents.owner):
                machine.give_up("a change of an object in a branch")
            contents.write(made(outs))
        for shadow in torn.containers:
            machine.heap.changes(machine.journal.torn)
            machine.journal.torn.add(id(shadow))

    return build, torn


def _put_outside(machine: Any, sides: list[Side]) -> dict[int, Any]:
    """What objects from outside, or calls after the graph, lead to: ahead of a branch, on a way."""
    written = [c for s in sides for c in s.written.values()]
    left = [c.after for c in written if machine.journal.stands_for(c.owner)]
    return reached([*put_outside(machine), *left, *(tuple(e) for s in sides for e in s.entries)])


def _all_of(column: list[set[int]], outs: Any) -> set[int]:
    return set().union(*column)


def merge_contents(
    merger: Merger, contents: Contents, column: list[Any], grows: bool = True
) -> Any:
    """Merge what one object holds. ``grows``: a list may get a length that the graph decides."""
    what = f"what a {type(contents.owner).__name__} holds"
    first = column[0]
    if isinstance(contents.owner, types.CellType):  # what it holds is an object of its own
        return merger.merge(column, "a variable of a closure")
    if isinstance(first, dict):
        keys = list(first)
        if any(list(c) != keys for c in column):
            raise Unmergeable(f"{what} has other keys on each way")
        items = {k: merger.merge([c[k] for c in column], f"{what} as {k!r}") for k in keys}
        return lambda outs: {k: b(outs) for k, b in items.items()}
    if isinstance(first, list | tuple):
        if any(map(runs, column)) or any(len(c) != len(first) for c in column):
            if not grows or type(first) is not list:
                raise Unmergeable(f"{what} has another length on each way")
            return merged(merger, column, what)
        built = [
            merger.merge([c[i] for c in column], f"item {i} of {what}") for i in range(len(first))
        ]
        kind = type(first)
        return lambda outs: sequence(kind, [b(outs) for b in built])
    if isinstance(first, set):
        if any(c != first for c in column):
            raise Unmergeable(f"{what} differs on each way")
        return lambda outs: first
    return merger.merge(column, what)
