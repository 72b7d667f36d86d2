"""The interpreter of user code: frames, exceptions, generators.

``Machine.run`` runs a frame until it returns, yields, or comes to a step where somebody wants to
look at it. What an instruction does is in ``instructions.py`` and its neighbours, one function
each; what operators, attributes and calls do is in ``objects.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import Any

from twofold.ir import bind
from twofold.ir.location import interpreters

from ..plain import PlainPython
from .code import Step
from .effort import TooDeep
from .frame import Frame

__all__ = [
    "INSTRUCTIONS",
    "Decide",
    "Generator",
    "Machine",
    "Raised",
    "Returned",
    "Stopped",
    "Where",
    "Yielded",
    "instruction",
]

Instruction = Callable[[Any, Frame, Step], Any]
INSTRUCTIONS: dict[str, Instruction] = {}


def instruction(*names: str) -> Callable[[Instruction], Instruction]:
    """Register the function of the instructions of these names."""

    def register(function: Instruction) -> Instruction:
        INSTRUCTIONS.update(dict.fromkeys(names, function))
        return function

    return register


class Returned:
    """What ended the run of a frame: a ``return``, with its value."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def raises(self) -> bool:
        """Whether it is an exception that the caller gets."""
        return type(self.value) is Raised


class Yielded(Returned):
    """A ``yield``, with its value."""

    __slots__ = ()


class Raised:
    """What stands for the result of a function that raises, on one way; see ``raising.py``."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Decide(BaseException):
    """The present step raises an error where a condition holds; see ``raising.py``."""

    def __init__(self, condition: Any, error: Exception) -> None:
        super().__init__()
        self.condition, self.error = condition, error


class Stopped:
    """A step at which the run was to stop."""

    __slots__ = ("at",)

    def __init__(self, at: int) -> None:
        self.at = at


class Machine:
    """Interprets functions of the user in one trace."""

    running: Frame | None = None  # the innermost frame

    def run(self, frame: Frame) -> Any:
        """Run a frame on, until it returns (``Returned``), yields, or is about to carry out one of
        its ``stops`` after its first step (``Stopped``). Raises what the code raises."""
        around, self.running = self.running, frame
        frame.home = bind.ground()
        try:
            return self._run(frame)
        finally:
            self.running = around

    def _run(self, frame: Frame) -> Any:
        steps = frame.program.steps
        while True:
            step = steps[frame.at]
            frame.now = frame.at
            frame.at += 1
            self.spend(frame)
            try:
                carry_out = Machine.decide if frame.catches else INSTRUCTIONS[step.op]
                end = carry_out(self, frame, step)
            except PlainPython as error:
                self.fails(frame, error)
                raise
            except RecursionError as error:  # the limit counts the frames of this package, too
                raise TooDeep(refusal=error) from None
            except Exception as error:
                if self.fails(frame, error) or not self.handle(frame, error):
                    raise
                end = None
            except (KeyboardInterrupt, SystemExit, GeneratorExit) as error:
                if not self.handle(frame, error):
                    raise
                end = None
            frame.tests = frame.passed = 0
            if end is not None:
                return end
            if frame.at in frame.stops:
                return Stopped(frame.at)

    def decide(self, frame: Frame, step: Step) -> Any:
        """Carry out a step of which it may have to be decided first whether it raises."""
        before = list(frame.stack), frame.keywords
        try:
            return INSTRUCTIONS[step.op](self, frame, step)
        except Decide as decide:
            frame.stack, frame.keywords = before
            return self.decided(frame, decide)

    def decided(self, frame: Frame, decide: Decide) -> Any:
        """Go on where the present step may raise; how the run ended, if it did."""
        raise decide

    def spend(self, frame: Frame) -> None:
        """Another step is carried out."""

    def fails(self, frame: Frame, error: BaseException) -> bool:
        """A step raises, or cannot be staged; whether it is the latter, which no handler sees."""
        return False

    def changes(self, owner: Any) -> None:
        """Something is about to be written into an object."""

    def fresh(self, value: Any) -> Any:
        """An object that the function made."""
        return value

    def handle(self, frame: Frame, error: BaseException) -> bool:
        """Go on at the handler of an exception, if the step has one."""
        frame.note(error)
        handler = frame.program.handlers[frame.now]
        if handler is None:
            return False
        if error.__context__ is None and frame.handled is not error:
            error.__context__ = frame.handled
        del frame.stack[handler.depth :]
        if handler.pushes_position:
            frame.stack.append(frame.now)
        frame.stack.append(error)
        frame.at = handler.target
        return True

    def fail(self, frame: Frame, error: BaseException) -> None:
        """The present step of a frame raises: go on at its handler. Raises the error if there is
        none."""
        if not self.handle(frame, error):
            raise error

    def frame_of(self, function: FunctionType, back: Frame | None) -> Frame:
        """A frame at the beginning of a function, without its arguments."""
        frame = Frame(function.__code__, function.__globals__, back)
        frame.around = self.running if back is None else None
        code = function.__code__
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            frame.slots[name] = cell
        return frame

    def start(self, frame: Frame) -> Any:
        """Run a frame from its beginning; what it returns."""
        if frame.program.is_generator:
            return self.fresh(Generator(self, frame))
        return self.run(frame).value


interpreters[Machine._run.__code__] = "frame"


class Where:
    """Where a generator stands. It is the same on all ways that go on together."""

    __slots__ = ("at", "begun", "ended")

    def __init__(self, at: int, begun: bool, ended: bool) -> None:
        self.at, self.begun, self.ended = at, begun, ended


where_of = lru_cache(4096)(Where)  # one object for one place


class Leave:
    """What leaves a manager that a library wrote, and the part of the function that entered it."""

    __slots__ = ("function", "part")

    def __init__(self, function: Any, part: int) -> None:
        self.function, self.part = function, part


class Generator:
    """A generator whose code is interpreted."""

    def __init__(self, machine: Machine, frame: Frame) -> None:
        self.machine, self.frame = machine, frame
        self.begun = self.ended = self.running = False

    @property
    def is_protected(self) -> bool:
        """Whether it stands in a ``try`` or a ``with``: Python ends it when nobody has it any
        more."""
        return self.begun and not self.ended and self.frame.is_protected

    def state(self) -> tuple[Any, ...]:
        """Where it is and what its variables are, as a value that branches merge and that stays."""
        frame = self.frame
        where = where_of(frame.at, self.begun, self.ended)
        return where, frame.handled, tuple(frame.slots.items()), tuple(frame.stack)

    def set_state(self, state: tuple[Any, ...]) -> None:
        """Go back, or on, to a state."""
        where, self.frame.handled, slots, stack = state
        self.frame.at, self.begun, self.ended = where.at, where.begun, where.ended
        self.frame.slots, self.frame.stack = dict(slots), list(stack)

    def __iter__(self) -> Generator:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Go on with a value for the ``yield`` that it stands at. Raises StopIteration."""
        if self.ended:
            raise StopIteration
        if value is not None and not self.begun:
            raise TypeError("can't send non-None value to a just-started generator")
        self.machine.changes(self)
        self.frame.stack.append(value)
        self.begun = True
        return self._resume()

    def throw(self, kind: Any, value: Any = None, trace: Any = None) -> Any:
        """Raise an exception where it stands."""
        error = (
            kind if isinstance(kind, BaseException) else kind(*() if value is None else (value,))
        )
        self.machine.changes(self)
        if self.ended or not self.begun:
            self.ended = True
            raise error
        receiver = self._receiver()
        if receiver is None:
            return self._raise(error)
        try:
            if isinstance(error, GeneratorExit):
                getattr(receiver, "close", _nothing)()
            elif hasattr(receiver, "throw"):
                return receiver.throw(error)
        except StopIteration as stop:
            send_step = self.frame.program.steps[self.frame.at - 2]
            received(self.machine, self.frame, send_step, stop.value)
            return self._resume()
        except Exception as other:  # noqa: BLE001  (it is raised in the generator)
            return self._raise(other)
        return self._raise(error)

    def _receiver(self) -> Any:
        """What a ``yield from`` that it stands at goes over."""
        at, steps = self.frame.at, self.frame.program.steps
        return self.frame.stack[-1] if at > 1 and steps[at - 2].op == "SEND" else None

    def _raise(self, error: BaseException) -> Any:
        self.frame.now = self.frame.at - 1
        if not self.machine.handle(self.frame, error):
            self.ended = True
            raise error
        return self._resume()

    def close(self) -> None:
        """End it: ``finally`` blocks run."""
        try:
            if not self.ended:
                self.throw(GeneratorExit())
        except (GeneratorExit, StopIteration):
            return
        finally:
            was, self.ended = self.ended, True
        if not was:
            raise RuntimeError("generator ignored GeneratorExit")

    def _resume(self) -> Any:
        if self.running:
            raise ValueError("generator already executing")
        self.running = True
        try:
            end = self.machine.run(self.frame)
        except StopIteration as error:
            self.ended = True
            raise RuntimeError("generator raised StopIteration") from error
        except BaseException:
            self.ended = True
            raise
        finally:
            self.running = False
        if isinstance(end, Yielded):
            return end.value
        self.ended = True
        raise StopIteration if end.value is None else StopIteration(end.value)


def _nothing() -> None:
    """What is called to end an iterator that needs no end."""


def received(machine: Any, frame: Frame, step: Step, value: Any) -> None:
    """What a ``yield from`` goes over has ended with a value."""
    if machine.new_send:
        frame.stack.append(value)
    else:
        frame.stack[-1] = value
    frame.at = step.target


def unbound(frame: Frame, name: str) -> Exception:
    """The error for a variable without a value."""
    if name in frame.code.co_freevars:
        return NameError(
            f"cannot access free variable '{name}' where it is not associated with a value in "
            f"enclosing scope"
        )
    return UnboundLocalError(
        f"cannot access local variable '{name}' where it is not associated with a value"
    )
