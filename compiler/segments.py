"""Calls that have more than one segment: a graph, a step in Python, a graph, and so on.

A trace that ends in the middle gives the frames of the function as they are before a step that no
graph has. The step is made here with real values; a ``Continuation``, a function of its own with
traces and guards of its own, goes on from the frames behind it. Nothing runs twice. Where a
continuation cannot be traced, Python goes on from the frames (``capture/resume.py``).
"""

from __future__ import annotations

import threading
import time
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from twofold.ir.errors import StagingError
from twofold.ir.location import interpreters, is_internal
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable

from . import config
from .capture.cut import Segment, is_carried, is_refusal
from .capture.frame import Frame
from .capture.image import FrameImage, Freezer, Image, Thawer
from .capture.machine import INSTRUCTIONS
from .capture.objects import Objects
from .capture.resume import entry_offset, resumed
from .capture.shapes import Opaque, Uncuttable, opened
from .capture.walks import VIEWS, viewed
from .function import Function
from .observe import is_watched
from .pace import FASTER, Pace, size_of, weight_of
from .plain import DEEP, RECURSION
from .signature import Carried, carried_by

__all__ = ["Continuation", "Pending", "run_on"]

CONTINUATIONS = 64  # that are kept for each function
_CALLS = {"CALL": 2, "CALL_KW": 3, "CALL_FUNCTION_EX": 3}  # operands besides the arguments
RETRACES = 24  # traces of one continuation, from which on Python goes on instead
SHAPES = 4  # images of one place, from which on containers are carried along
SHORT = 16  # items of a container that a step gave and that a trace looks into
_CONTAINERS = (list, dict, set, frozenset, deque, OrderedDict, defaultdict, Counter)
_NUMBERS = (bool, int, float, Tensor, np.ndarray, np.generic, type(None))
_CARRIED_NOT = (
    Tensor, Variable, np.ndarray, np.generic, list, dict, set, frozenset, tuple, type, str, bytes,
    int, float, complex, types.CellType, types.CodeType, np.dtype, types.NoneType,
    types.EllipsisType, types.NotImplementedType, slice, range,
)  # fmt: skip


class Pending:
    """What a segment gives that is not the last one: the frames at a step."""

    __slots__ = ("carried", "segment", "values")

    def __init__(self, segment: Segment, values: Any, carried: list[Any]) -> None:
        self.segment, self.values, self.carried = segment, values, carried


class Resumption:
    """A chain of frames as a function of the values in it: what a continuation is made of."""

    def __init__(self, image: Image, name: str) -> None:
        self.image, self.__name__ = image, name
        self.handles = [_handle(f) for f in image.frames]  # the code, names and cells of each

    def __call__(self, *values: Any) -> Any:
        """Go on as plain Python."""
        *leaves, carried = values
        return run_on(Thawer(self.image, leaves, carried.values).frames(begun))

    def interpreted(self, machine: Any, values: Any) -> Any:
        """Go on in the interpreter, on values of a trace."""
        *leaves, carried = values
        names = machine.tracer.arrays.names
        kept = [Opaque(i) for i in range(len(carried.values))]
        machine.carries = bool(kept)
        handles = iter(self.handles)
        machine.heap.aliases.private = {id(leaves[i]) for i in self.image.private}

        def begin(image: FrameImage, back: Frame | None) -> Frame:
            frame: Frame = machine.frame_of(names.function(next(handles)), back)
            free = frame.code.co_freevars
            frame.slots.update({n: names.cell(r.held) for n, r in image.cells if n not in free})
            if back is not None:
                back.direct = frame.is_apart = True
            return frame

        hooked = [x if isinstance(x, Tensor) else names.value(x) for x in leaves]
        thawer = Thawer(self.image, hooked, kept, walks=True, space=names.space)
        frames = thawer.frames(begin)
        for made in thawer.own.values():
            machine.fresh(made)
        return _run_traced(machine, frames)


def _run_traced(machine: Any, frames: list[Frame]) -> Any:
    """Interpret frames from the innermost to the outermost; what the outermost returns."""
    value: Any = None
    error: Exception | None = None
    for frame in reversed(frames):
        ended = None
        if frame is not frames[-1]:
            frame.now = frame.at - 1
            if error is not None:
                if not machine.handle(frame, error):
                    continue
                error = None
            else:
                ended = machine.parted(frame, value)
        try:
            value = (machine.run(frame) if ended is None else ended).value
        except Exception as raised:
            if is_refusal(raised):
                raise
            error = raised
    if error is not None:
        raise error
    return value


def _handle(image: FrameImage) -> types.FunctionType:
    cells = {name: ref.held for name, ref in image.cells}
    closure = tuple([cells.get(name, types.CellType()) for name in image.code.co_freevars])
    return types.FunctionType(image.code, image.space.held, image.code.co_name, None, closure)


def begun(image: FrameImage, back: Frame | None) -> Frame:
    """A frame of real values, without its own."""
    frame = Frame(image.code, image.space.held, back)
    frame.is_apart = back is not None
    frame.slots.update({name: ref.held for name, ref in image.cells})
    return frame


class Continuation(Function):
    """A function from the middle of another one on."""

    goes_on = True

    def __init__(self, owner: Function, image: Image) -> None:
        super().__init__(
            Resumption(image, owner.name), jit_compile=owner.jit_compile, name=owner.name
        )
        self.owner = owner
        self.weight = (0, 0.0)  # of the largest graph, of so many traces
        self.plain_calls = owner.plain_calls
        self._told = True

    def continued(self, segment: Segment, values: Any, leaves: Any) -> Any:
        return Segments.pending(segment, values, carried_by(leaves).values)

    def paced(self, leaves: list[Any], carried: list[Any], pace: Pace, begin: float) -> Any:
        """Go on; the time since ``begin`` is noted."""
        count = self._tracing_count
        made = self(*leaves, Carried(carried))
        if count == self._tracing_count:
            if self.weight[0] != count:
                self.weight = count, max([weight_of(t.graph) for t in self.traces()], default=0.0)
            pace.note(time.perf_counter() - begin, self.weight[1], size_of(leaves))
        return made

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if config.functions_run_eagerly() or is_watched():
            return self.python_function(*args, **kwargs)
        return self.run(args, kwargs)


class _Under(threading.local):
    """How many steps a thread is making, one in a call of the other."""

    depth = 0

    def __enter__(self) -> None:
        self.depth += 1
        if self.depth == RECURSION:
            DEEP.add(threading.get_ident())

    def __exit__(self, *_: object) -> None:
        if self.depth == RECURSION:
            DEEP.discard(threading.get_ident())
        self.depth -= 1


_under = _Under()


class Segments:
    """The continuations of one function."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.table: dict[Image, Continuation] = {}
        self.places: dict[Any, set[Image]] = defaultdict(set)  # the images of each place

    @staticmethod
    def pending(segment: Segment, values: Any, carried: list[Any]) -> Pending:
        """What a segment gives that is not the last one."""
        return Pending(segment, values, [carried[at] for at in segment.carried])

    def finish(self, pending: Any) -> Any:
        """Make steps and segments until the function returns; what it returns. Raises what it
        raises."""
        pace: Any = None
        while type(pending) is Pending:
            if pace is None:  # of calls that begin so, with arrays of about these sizes
                pace = pending.segment.paces[size_of(pending.values).bit_length()]
            pending = self._go_on(pending, pace)
        return pending

    def _go_on(self, pending: Pending, pace: Pace) -> Any:
        segment = pending.segment
        self.function.steps.note(segment.why)
        thawer = Thawer(segment.image, pending.values, pending.carried)
        frames, owned, private = thawer.frames(begun), thawer.own, thawer.private
        given = {id(x) for x in pending.carried}
        for held in (*_operands(frames[-1]), *thawer.iterators()):
            _disown(held, owned, given, private)
        try:
            with _under:
                _make_step(frames[-1])
        except BaseException as error:  # noqa: BLE001  (it is raised where it belongs)
            raised = error
        else:
            if not pace.is_small:
                return self._continued(frames, thawer, given, pace)
            self.function.plain_calls.note(f"{FASTER} {_at(frames)}")
            return run_on(frames)
        return run_on(frames, _trimmed(raised, frames[-1]))

    def _continued(self, frames: list[Frame], thawer: Thawer, given: set[int], pace: Pace) -> Any:
        """Go on behind a step. ``given``: what steps gave and were given, and what has been carried
        along: no trace looks into containers among it, unless they are short."""
        begin, owned = time.perf_counter(), thawer.own
        positions = [f.at for f in frames]
        place = tuple([(f.code, f.at) for f in frames])
        held = len(self.places[place]) > SHAPES
        news = set(map(id, frames[-1].stack[-1:])) - given
        given |= news

        def carries(x: Any) -> bool:
            kind = type(x)
            if kind in VIEWS:
                return carries(viewed(x))
            if kind in (str, bytes) or kind in _CONTAINERS:
                return (
                    id(x) in given
                    and not (id(x) in news and _is_short(x))
                    or held
                    and id(x) in owned
                )
            return id(x) not in owned and not isinstance(x, _CARRIED_NOT) and is_carried(x)

        freezer = Freezer(
            lambda x: x, lambda x: id(x) in owned, carries, lambda x: id(x) in thawer.private
        )
        try:
            image = freezer.image(frames, positions)
            self.places[place].add(image)
        except Uncuttable as why:
            self.function.plain_calls.note(str(why))
            return run_on(frames)
        found = self.table.get(image)
        if found is None:
            if len(self.table) >= CONTINUATIONS:
                self.table.pop(next(iter(self.table)))
            found = self.table[image] = Continuation(self.function, image)
        if found.experimental_get_tracing_count() > RETRACES:
            self.function.plain_calls.note(
                f"{self.function.name} is traced too often {_at(frames)}"
            )
            return run_on(frames)
        return found.paced(freezer.leaves, freezer.carried, pace, begin)


def _disown(x: Any, owned: dict[int, Any], given: set[int], private: set[int]) -> None:
    """A step gets an object: it may keep it, with all that it leads to."""
    todo, seen = [x], set()
    while todo:
        x = todo.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        private.discard(id(x))
        parts = opened(x, lambda y: id(y) in owned)
        if owned.pop(id(x), None) is not None:
            given.add(id(x))
        todo += parts[1] if parts is not None else ()


def _at(frames: list[Frame]) -> str:
    frame = frames[-1]
    return f"({frame.code.co_filename}:{frame.f_lineno})"


def _operands(frame: Frame) -> list[Any]:
    """What the next step of a frame gets."""
    step = frame.program.steps[frame.at]
    count = _operands_of(step) if step.op in _CALLS else 4
    return frame.stack[max(len(frame.stack) - count, 0) :]


class _Plain(Objects):
    """Python's operations on real values."""

    def own_method(self, value: Any, name: str) -> None:
        return None

    def is_plain(self, kind: Any) -> bool:
        return True

    def call(self, frame: Any, function: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
        return function(*args, **kwargs)

    def give_up(self, what: str) -> Any:
        raise StagingError(f"{what} is not interpreted")


_PLAIN = _Plain()


def _make_step(frame: Frame) -> None:
    """Make the step that a frame of real values is at."""
    steps = frame.program.steps
    step = steps[frame.at]
    frame.now, frame.at = frame.at, frame.at + 1
    if step.op in _CALLS:
        given = _operands_of(step)
        stack = frame.stack[len(frame.stack) - given :]
        made = resumed(frame.code, frame.f_globals, frame.slots, stack, step.offset, "call")
        del frame.stack[len(frame.stack) - given :]
        frame.stack.append(made)
        frame.keywords = ()
    else:
        INSTRUCTIONS[step.op](_PLAIN, frame, step)
        while steps[frame.at].offset == step.offset:  # one instruction is several steps
            rest = steps[frame.at]
            frame.at += 1
            INSTRUCTIONS[rest.op](_PLAIN, frame, rest)
    after = steps[frame.at]
    if after.op in ("POP_JUMP_IF_TRUE", "POP_JUMP_IF_FALSE") and type(frame.stack[-1]) is not bool:
        frame.stack[-1] = bool(frame.stack[-1])


interpreters[_make_step.__code__] = "frame"


def _operands_of(step: Any) -> int:
    """How many operands a call has."""
    own = step.arg & 1 if step.op == "CALL_FUNCTION_EX" else step.arg
    return _CALLS[step.op] + int(own)


def run_on(frames: list[Frame], error: BaseException | None = None) -> Any:
    """Let Python go on from frames of real values, the innermost of which has made its step, or
    raised an exception. Raises what the outermost raises."""
    value: Any = None
    for frame in reversed(frames):
        steps, code = frame.program.steps, frame.code
        if frame is not frames[-1]:
            frame.now = frame.at - 1
        try:
            if error is None:
                stack = frame.stack if frame is frames[-1] else [*frame.stack, value]
                offset = entry_offset(code, steps[frame.at].offset)
                value = resumed(code, frame.f_globals, frame.slots, stack, offset)
            else:
                handler = frame.program.handlers[frame.now]
                stack = frame.stack[: handler.depth] if handler is not None else []
                offset, error, raised = steps[frame.now].offset, None, error
                value = resumed(code, frame.f_globals, frame.slots, stack, offset, "raise", raised)
        except BaseException as raised_here:  # noqa: BLE001  (a frame around may handle it)
            error = _trimmed(raised_here)
    if error is not None:
        raise error
    return value


def _trimmed(error: BaseException, frame: Frame | None = None) -> BaseException:
    """An exception without what is not the user's at the beginning of its traceback, and without
    the entry of a frame that raises it once more."""
    entries = list(_entries(error.__traceback__))
    while entries and is_internal(entries[0].tb_frame.f_code.co_filename):
        del entries[0]
    if entries and frame is not None and entries[0].tb_frame.f_code.co_name == frame.code.co_name:
        del entries[0]
    return error.with_traceback(entries[0] if entries else None)


def _entries(trace: types.TracebackType | None) -> Iterator[types.TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _is_short(x: Any) -> bool:
    """Whether this is a container of a few numbers, tensors and arrays."""
    if type(x) not in _CONTAINERS or len(x) > SHORT:
        return False
    held = x.values() if isinstance(x, dict) else x
    return all(isinstance(y, _NUMBERS) for y in held)
