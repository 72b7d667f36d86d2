"""Instructions of ``try``, ``with`` and ``raise``."""

from __future__ import annotations

from typing import Any

from twofold.ir import bind

from .code import Step
from .frame import Frame
from .machine import instruction
from .objects import Objects

__all__: list[str] = []


@instruction("PUSH_EXC_INFO")
def push_exc_info(machine: Objects, frame: Frame, step: Step) -> None:
    error = frame.stack.pop()
    frame.stack += [frame.handled, error]
    frame.handled = error


@instruction("POP_EXCEPT")
def pop_except(machine: Objects, frame: Frame, step: Step) -> None:
    frame.handled = frame.stack.pop()


@instruction("CHECK_EXC_MATCH")
def check_exc_match(machine: Objects, frame: Frame, step: Step) -> None:
    kind = frame.stack.pop()
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not all(isinstance(k, type) and issubclass(k, BaseException) for k in kinds):
        raise TypeError("catching classes that do not inherit from BaseException is not allowed")
    frame.stack.append(isinstance(frame.stack[-1], kind))


@instruction("RERAISE")
def reraise(machine: Objects, frame: Frame, step: Step) -> None:
    error = frame.stack.pop()
    raise error


@instruction("CLEANUP_THROW")
def cleanup_throw(machine: Objects, frame: Frame, step: Step) -> None:
    """An exception where a ``yield from`` stands; a StopIteration ends it with a value."""
    error = frame.stack[-1]
    if not isinstance(error, StopIteration):
        raise error
    frame.stack[-3:] = [None, error.value] if machine.new_send else [error.value]


@instruction("RAISE_VARARGS")
def raise_varargs(machine: Objects, frame: Frame, step: Step) -> None:
    if step.arg == 0:
        found = frame
        while found.handled is None and found.back is not None:
            found = found.back
        if found.handled is None:
            raise RuntimeError("No active exception to reraise")
        raise found.handled
    cause = frame.stack.pop() if step.arg == 2 else None
    error = _made(machine, frame, frame.stack.pop())
    ends = not issubclass(type(error), Exception)
    if ends and getattr(bind.ground(), "outer", None) is not None:  # the way may not be taken
        machine.give_up(f"raise of a {type(error).__name__}")
    if step.arg == 2:
        if cause is not None:
            cause = _made(machine, frame, cause)
        raise error from cause
    raise error


_EXCEPTION = 1 << 30  # Py_TPFLAGS_BASE_EXC_SUBCLASS


def _made(machine: Objects, frame: Frame, error: Any) -> BaseException:
    if isinstance(error, type) and issubclass(error, BaseException):
        error = machine.call(frame, error, (), {})
    if not machine.has_flag(error, _EXCEPTION):
        raise TypeError("exceptions must derive from BaseException")
    made: BaseException = error
    return made


@instruction("BEFORE_WITH")
def before_with(machine: Objects, frame: Frame, step: Step) -> None:
    manager = frame.stack.pop()
    kind = type(manager)
    for name in ("__enter__", "__exit__"):
        if not hasattr(kind, name):
            raise TypeError(
                f"'{kind.__name__}' object does not support the context manager protocol"
            )
    leave = machine.special(manager, "__exit__")
    made = machine.call(frame, machine.special(manager, "__enter__"), (), {})
    frame.stack += [machine.entered(leave), made]


@instruction("WITH_EXCEPT_START")
def with_except_start(machine: Objects, frame: Frame, step: Step) -> None:
    leave, error = frame.stack[-4], frame.stack[-1]
    args = (type(error), error, error.__traceback__)
    frame.stack.append(machine.call(frame, leave, args, {}))


@instruction("CALL_INTRINSIC_1")
def call_intrinsic_1(machine: Objects, frame: Frame, step: Step) -> None:
    value = frame.stack[-1]
    if step.arg == 3:  # a StopIteration that leaves a generator
        if isinstance(value, StopIteration):
            made = RuntimeError("generator raised StopIteration")
            made.__cause__ = value
            frame.stack[-1] = made
    elif step.arg == 5:
        frame.stack[-1] = +value
    elif step.arg == 6:
        frame.stack[-1] = tuple(value)
    else:
        machine.give_up("a type parameter or an asynchronous generator")


@instruction(
    "CHECK_EG_MATCH", "PREP_RERAISE_STAR", "CALL_INTRINSIC_2", "GET_AITER", "GET_ANEXT",
    "BEFORE_ASYNC_WITH", "END_ASYNC_FOR", "GET_AWAITABLE", "ASYNC_GEN_WRAP",
    "IMPORT_STAR", "SETUP_ANNOTATIONS", "LOAD_NAME", "STORE_NAME", "DELETE_NAME", "LOAD_CLASSDEREF",
    "LOAD_LOCALS", "LOAD_FROM_DICT_OR_DEREF", "LOAD_FROM_DICT_OR_GLOBALS",
)  # fmt: skip
def refused(machine: Objects, frame: Frame, step: Step) -> None:
    """What only class bodies, modules, ``except*`` and asynchronous functions have."""
    machine.give_up(f"an instruction {step.op}")
