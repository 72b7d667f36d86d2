"""Instructions that move values: names, constants, the stack, jumps."""

from __future__ import annotations

import sys
import types
from typing import Any

from ..loading import late
from .choice import Choice
from .code import Step
from .frame import DROPPED, NULL, UNBOUND, Frame
from .machine import Returned, Yielded, instruction, received, unbound
from .objects import Objects

__all__: list[str] = []


@instruction("LOAD_CONST")
def load_const(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack.append(step.arg)


@instruction("LOAD_FAST")
def load_fast(machine: Objects, frame: Frame, step: Step) -> Any:
    value = frame.slots.get(step.arg, UNBOUND)
    if value is UNBOUND:
        raise unbound(frame, step.arg)
    if value is DROPPED:
        machine.give_up(f"{step.arg!r} of an earlier trip, behind an exception that is suppressed,")
    if type(value) is Choice:
        return machine.parted(frame, value)
    frame.stack.append(value)
    return None


@instruction("LOAD_SLOT")
def load_slot(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack.append(frame.slots[step.arg])


@instruction("LOAD_FAST_AND_CLEAR")
def load_fast_and_clear(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack.append(frame.slots.get(step.arg, UNBOUND))
    frame.slots[step.arg] = UNBOUND


@instruction("STORE_FAST")
def store_fast(machine: Objects, frame: Frame, step: Step) -> None:
    frame.slots[step.arg] = frame.stack.pop()


@instruction("DELETE_FAST")
def delete_fast(machine: Objects, frame: Frame, step: Step) -> None:
    if frame.slots.get(step.arg, UNBOUND) is UNBOUND:
        raise unbound(frame, step.arg)
    frame.slots[step.arg] = UNBOUND


@instruction("MAKE_CELL")
def make_cell(machine: Objects, frame: Frame, step: Step) -> None:
    value = frame.slots.get(step.arg, UNBOUND)
    made = types.CellType() if value is UNBOUND else types.CellType(value)
    frame.slots[step.arg] = machine.fresh(made)


@instruction("LOAD_DEREF")
def load_deref(machine: Objects, frame: Frame, step: Step) -> Any:
    try:
        found = machine.load_cell(frame.slots[step.arg])
    except ValueError:
        raise unbound(frame, step.arg) from None
    return machine.parted(frame, machine.met(found))


@instruction("STORE_DEREF")
def store_deref(machine: Objects, frame: Frame, step: Step) -> None:
    machine.store_cell(frame.slots[step.arg], frame.stack.pop())


@instruction("DELETE_DEREF")
def delete_deref(machine: Objects, frame: Frame, step: Step) -> None:
    try:
        machine.delete_cell(frame.slots[step.arg])
    except ValueError:
        raise unbound(frame, step.arg) from None


@instruction("LOAD_GLOBAL")
def load_global(machine: Objects, frame: Frame, step: Step) -> Any:
    return machine.parted(frame, machine.load_global(frame, step.arg))


@instruction("STORE_GLOBAL")
def store_global(machine: Objects, frame: Frame, step: Step) -> None:
    machine.store_global(frame, step.arg, frame.stack.pop())


@instruction("DELETE_GLOBAL")
def delete_global(machine: Objects, frame: Frame, step: Step) -> None:
    machine.delete_global(frame, step.arg)


@instruction("IMPORT_NAME")
def import_name(machine: Objects, frame: Frame, step: Step) -> None:
    names, level = frame.stack.pop(), frame.stack.pop()
    frame.stack.append(machine.load_module(frame, step.arg, names, level))


@instruction("IMPORT_FROM")
def import_from(machine: Objects, frame: Frame, step: Step) -> None:
    module = frame.stack[-1]
    try:
        frame.stack.append(machine.attribute(frame, module, step.arg))
    except AttributeError:
        raise ImportError(
            f"cannot import name {step.arg!r} from {module.__name__!r}", name=module.__name__
        ) from None


@instruction("LOAD_ATTR")
def load_attr(machine: Objects, frame: Frame, step: Step) -> Any:
    found = machine.attribute(frame, frame.stack[-1], step.arg)
    frame.stack.pop()
    return machine.parted(frame, found)


def _to_call(function: Any) -> list[Any]:
    """What a call without a ``self`` finds on the stack, as this version of Python has it."""
    return [NULL, function] if sys.version_info < (3, 13) else [function, NULL]


@instruction("LOAD_METHOD")
def load_method(machine: Objects, frame: Frame, step: Step) -> None:
    found = machine.attribute(frame, frame.stack[-1], step.arg)
    frame.stack[-1:] = _to_call(found)


@instruction("LOAD_SUPER_ATTR")
def load_super_attr(machine: Objects, frame: Frame, step: Step) -> None:
    called, kind, owner = frame.stack[-3:]
    made = called(kind, owner) if step.flag & 2 or called is super else called()
    found = machine.attribute(frame, made, step.arg)
    frame.stack[-3:] = _to_call(found) if step.flag & 1 else [found]


@instruction("STORE_ATTR")
def store_attr(machine: Objects, frame: Frame, step: Step) -> None:
    owner, value = frame.stack.pop(), frame.stack.pop()
    machine.set_attribute(frame, owner, step.arg, value)


@instruction("DELETE_ATTR")
def delete_attr(machine: Objects, frame: Frame, step: Step) -> None:
    owner = frame.stack.pop()
    machine.delete_attribute(frame, owner, step.arg)


@instruction("POP_TOP", "PRINT_EXPR")
def pop_top(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack.pop()


@instruction("PUSH_NULL")
def push_null(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack.append(NULL)


@instruction("COPY")
def copy(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack.append(frame.stack[-step.arg])


@instruction("SWAP")
def swap(machine: Objects, frame: Frame, step: Step) -> None:
    stack, n = frame.stack, step.arg
    stack[-1], stack[-n] = stack[-n], stack[-1]


@instruction("JUMP")
def jump(machine: Objects, frame: Frame, step: Step) -> Any:
    frame.at = step.target


@instruction("POP_JUMP_IF_FALSE")
def pop_jump_if_false(machine: Objects, frame: Frame, step: Step) -> Any:
    return machine.choose(frame, frame.stack.pop(), frame.at, step.target)


@instruction("POP_JUMP_IF_TRUE")
def pop_jump_if_true(machine: Objects, frame: Frame, step: Step) -> Any:
    return machine.choose(frame, frame.stack.pop(), step.target, frame.at)


@instruction("JUMP_IF_FALSE_OR_POP")
def jump_if_false_or_pop(machine: Objects, frame: Frame, step: Step) -> Any:
    # the jump keeps the value, the other side drops it: as ``COPY``, jump, ``POP_TOP`` do
    return machine.choose(frame, frame.stack[-1], frame.at, step.target, drops=1)


@instruction("JUMP_IF_TRUE_OR_POP")
def jump_if_true_or_pop(machine: Objects, frame: Frame, step: Step) -> Any:
    return machine.choose(frame, frame.stack[-1], step.target, frame.at, drops=2)


@instruction("POP_JUMP_IF_NONE")
def pop_jump_if_none(machine: Objects, frame: Frame, step: Step) -> None:
    if machine.is_same(frame.stack.pop(), None):
        frame.at = step.target


@instruction("POP_JUMP_IF_NOT_NONE")
def pop_jump_if_not_none(machine: Objects, frame: Frame, step: Step) -> None:
    if not machine.is_same(frame.stack.pop(), None):
        frame.at = step.target


@instruction("GET_ITER")
def get_iter(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack[-1] = machine.iterator(frame, frame.stack[-1])


@instruction("FOR_ITER")
def for_iter(machine: Objects, frame: Frame, step: Step) -> Any:
    return machine.advance(frame, step.target)


@instruction("RETURN_VALUE")
def return_value(machine: Objects, frame: Frame, step: Step) -> Returned:
    value = frame.stack.pop()
    return Returned(not frame.takes if type(frame.takes) is bool else value)


@instruction("YIELD_VALUE")
def yield_value(machine: Objects, frame: Frame, step: Step) -> Any:
    value = frame.stack.pop()
    if frame.takes is None:
        return Yielded(value)
    return late("capture.drained").taken(machine, frame, value)


@instruction("GET_YIELD_FROM_ITER")
def get_yield_from_iter(machine: Objects, frame: Frame, step: Step) -> None:
    if not hasattr(frame.stack[-1], "send"):
        frame.stack[-1] = machine.iterator(frame, frame.stack[-1])


@instruction("SEND")
def send(machine: Objects, frame: Frame, step: Step) -> None:
    value = frame.stack.pop()
    if type(frame.takes) is list and value is None:
        whole = late("capture.drained")
        if whole.is_whole(frame.stack[-1]):
            made = whole.run_whole(machine, frame.stack[-1], frame.takes)
            received(machine, frame, step, made)
            return
    try:
        made = machine.send(frame, value)
    except StopIteration as stop:
        received(machine, frame, step, stop.value)
        return
    frame.stack.append(made)


@instruction("END_SEND")
def end_send(machine: Objects, frame: Frame, step: Step) -> None:
    del frame.stack[-2]


@instruction("LOAD_BUILD_CLASS")
def load_build_class(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack.append(frame.f_builtins["__build_class__"])


@instruction("KW_NAMES")
def kw_names(machine: Objects, frame: Frame, step: Step) -> None:
    frame.keywords = step.arg


@instruction("CALL")
def call(machine: Objects, frame: Frame, step: Step) -> Any:
    names, frame.keywords = frame.keywords, ()
    return _call(machine, frame, step.arg, names)


@instruction("CALL_KW")
def call_kw(machine: Objects, frame: Frame, step: Step) -> Any:
    return _call(machine, frame, step.arg, frame.stack.pop())


def _call(machine: Objects, frame: Frame, count: int, names: tuple[str, ...]) -> Any:
    stack = frame.stack
    given = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    second, first = stack.pop(), stack.pop()
    if first is NULL:
        function = second
    else:
        function = first
        given = given if second is NULL else [second, *given]
    plain = len(given) - len(names)
    kwargs = dict(zip(names, given[plain:], strict=True))
    frame.parts_next = True
    return machine.parted(frame, machine.call(frame, function, tuple(given[:plain]), kwargs))


@instruction("CALL_FUNCTION_EX")
def call_function_ex(machine: Objects, frame: Frame, step: Step) -> Any:
    stack = frame.stack
    kwargs = stack.pop() if step.arg & 1 else {}
    args = stack.pop()
    second, first = stack.pop(), stack.pop()
    function = second if first is NULL else first
    if not isinstance(args, tuple):
        args = tuple(machine.items(frame, args, hinted=True))
    frame.parts_next = True
    return machine.parted(frame, machine.call(frame, function, args, dict(kwargs)))


@instruction("MAKE_FUNCTION")
def make_function(machine: Objects, frame: Frame, step: Step) -> None:
    stack, flags = frame.stack, step.arg or 0
    code = stack.pop()
    cells = stack.pop() if flags & 8 else None
    notes = stack.pop() if flags & 4 else None
    kwdefaults = stack.pop() if flags & 2 else None
    defaults = stack.pop() if flags & 1 else None
    made = types.FunctionType(code, frame.f_globals, code.co_name, defaults, cells or _cells(code))
    made.__kwdefaults__ = kwdefaults
    if notes:
        made.__annotations__ = dict(zip(notes[::2], notes[1::2], strict=True))
    stack.append(machine.fresh(made))


def _cells(code: types.CodeType) -> tuple[Any, ...]:
    """Cells that SET_FUNCTION_ATTRIBUTE is going to replace."""
    return tuple([types.CellType() for _ in code.co_freevars])


@instruction("SET_FUNCTION_ATTRIBUTE")
def set_function_attribute(machine: Objects, frame: Frame, step: Step) -> None:
    stack = frame.stack
    function, value = stack.pop(), stack.pop()
    if step.arg & 8:
        made = types.FunctionType(
            function.__code__, frame.f_globals, function.__name__, function.__defaults__, value
        )
        made.__kwdefaults__, made.__annotations__ = (
            function.__kwdefaults__,
            function.__annotations__,
        )
        function = made
    elif step.arg & 4:
        function.__annotations__ = dict(zip(value[::2], value[1::2], strict=True))
    elif step.arg & 2:
        function.__kwdefaults__ = value
    else:
        function.__defaults__ = value
    stack.append(machine.fresh(function))
