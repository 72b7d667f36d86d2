"""Instructions that compute: operators, containers, texts, patterns."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from twofold.ir.tensor_shape import LISTED

from ..ndarrays.selection import elements
from .asked import mapped
from .choice import Choice, apart
from .code import Step
from .frame import Frame
from .machine import instruction
from .objects import Objects

__all__ = ["BINARY", "IN_PLACE"]

BINARY: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "+": (operator.add, "add"), "-": (operator.sub, "sub"), "*": (operator.mul, "mul"),
    "/": (operator.truediv, "truediv"), "//": (operator.floordiv, "floordiv"),
    "%": (operator.mod, "mod"), "**": (operator.pow, "pow"), "@": (operator.matmul, "matmul"),
    "&": (operator.and_, "and"), "|": (operator.or_, "or"), "^": (operator.xor, "xor"),
    "<<": (operator.lshift, "lshift"), ">>": (operator.rshift, "rshift"),
}  # fmt: skip
IN_PLACE = {
    "+": operator.iadd, "-": operator.isub, "*": operator.imul, "/": operator.itruediv,
    "//": operator.ifloordiv, "%": operator.imod, "**": operator.ipow, "@": operator.imatmul,
    "&": operator.iand, "|": operator.ior, "^": operator.ixor, "<<": operator.ilshift,
    ">>": operator.irshift,
}  # fmt: skip


@instruction("BINARY_OP")
def binary_op(machine: Objects, frame: Frame, step: Step) -> None:
    right, left = frame.stack.pop(), frame.stack.pop()
    if step.arg[-1] == "=":
        sign = step.arg[:-1]
        frame.stack.append(
            machine.binary(frame, IN_PLACE[sign], BINARY[sign][1], left, right, True)
        )
        return
    function, name = BINARY[step.arg]
    frame.stack.append(machine.binary(frame, function, name, left, right))


@instruction("COMPARE_OP")
def compare_op(machine: Objects, frame: Frame, step: Step) -> None:
    right, left = frame.stack.pop(), frame.stack.pop()
    frame.stack.append(machine.compare(frame, step.arg, left, right))


@instruction("IS_OP")
def is_op(machine: Objects, frame: Frame, step: Step) -> None:
    right, left = frame.stack.pop(), frame.stack.pop()
    frame.stack.append(machine.is_same(left, right) != bool(step.arg))


@instruction("CONTAINS_OP")
def contains_op(machine: Objects, frame: Frame, step: Step) -> None:
    held, item = frame.stack.pop(), frame.stack.pop()
    frame.stack.append(machine.contains(frame, held, item, bool(step.arg)))


@instruction("UNARY_NOT")
def unary_not(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack[-1] = machine.negation(frame, frame.stack[-1])


def _unary(name: str, function: Callable[[Any], Any], special: str) -> None:
    @instruction(name)
    def unary(machine: Objects, frame: Frame, step: Step) -> None:
        frame.stack[-1] = machine.unary(frame, function, special, frame.stack[-1])


_unary("UNARY_NEGATIVE", operator.neg, "__neg__")
_unary("UNARY_POSITIVE", operator.pos, "__pos__")
_unary("UNARY_INVERT", operator.invert, "__invert__")


@instruction("BINARY_SUBSCR")
def binary_subscr(machine: Objects, frame: Frame, step: Step) -> Any:
    key, held = frame.stack.pop(), frame.stack.pop()
    return machine.parted(frame, machine.item(frame, elements(held), key))


@instruction("BINARY_SLICE")
def binary_slice(machine: Objects, frame: Frame, step: Step) -> None:
    stop, start, held = frame.stack.pop(), frame.stack.pop(), frame.stack.pop()
    frame.stack.append(machine.item(frame, elements(held), slice(start, stop)))


@instruction("STORE_SUBSCR")
def store_subscr(machine: Objects, frame: Frame, step: Step) -> None:
    key, held, value = frame.stack.pop(), frame.stack.pop(), frame.stack.pop()
    machine.set_item(frame, elements(held), key, value)


@instruction("STORE_SLICE")
def store_slice(machine: Objects, frame: Frame, step: Step) -> None:
    stop, start, held = frame.stack.pop(), frame.stack.pop(), frame.stack.pop()
    machine.set_item(frame, elements(held), slice(start, stop), frame.stack.pop())


@instruction("DELETE_SUBSCR")
def delete_subscr(machine: Objects, frame: Frame, step: Step) -> None:
    key, held = frame.stack.pop(), frame.stack.pop()
    machine.delete_item(frame, held, key)


@instruction("BUILD_SLICE")
def build_slice(machine: Objects, frame: Frame, step: Step) -> None:
    parts = _popped(frame, step.arg)
    frame.stack.append(slice(*parts))


def _popped(frame: Frame, count: int) -> list[Any]:
    stack = frame.stack
    found = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    return found


@instruction("BUILD_TUPLE")
def build_tuple(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack.append(tuple(_popped(frame, step.arg)))


@instruction("BUILD_LIST")
def build_list(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack.append(machine.fresh(_popped(frame, step.arg)))


@instruction("BUILD_SET")
def build_set(machine: Objects, frame: Frame, step: Step) -> None:
    made: set[Any] = machine.fresh(set())
    for item in _popped(frame, step.arg):
        made.add(machine.hashable(item))
    frame.stack.append(made)


@instruction("BUILD_MAP")
def build_map(machine: Objects, frame: Frame, step: Step) -> None:
    flat = _popped(frame, 2 * step.arg)
    keys = map(machine.hashable, flat[::2])
    frame.stack.append(machine.fresh(dict(zip(keys, flat[1::2], strict=True))))


@instruction("BUILD_CONST_KEY_MAP")
def build_const_key_map(machine: Objects, frame: Frame, step: Step) -> None:
    keys = frame.stack.pop()
    frame.stack.append(machine.fresh(dict(zip(keys, _popped(frame, step.arg), strict=True))))


@instruction("LIST_APPEND")
def list_append(machine: Objects, frame: Frame, step: Step) -> None:
    item = frame.stack.pop()
    held = frame.stack[-step.arg]
    machine.append(held, item)


@instruction("SET_ADD")
def set_add(machine: Objects, frame: Frame, step: Step) -> None:
    item = machine.hashable(frame.stack.pop())
    held = frame.stack[-step.arg]
    machine.changes(held)
    held.add(item)


@instruction("MAP_ADD")
def map_add(machine: Objects, frame: Frame, step: Step) -> None:
    value, key = frame.stack.pop(), machine.hashable(frame.stack.pop())
    held = frame.stack[-step.arg]
    machine.changes(held)
    held[key] = value


@instruction("LIST_EXTEND")
def list_extend(machine: Objects, frame: Frame, step: Step) -> None:
    items = frame.stack.pop()
    machine.extend(frame, frame.stack[-step.arg], items)


@instruction("SET_UPDATE")
def set_update(machine: Objects, frame: Frame, step: Step) -> None:
    items = frame.stack.pop()
    held = frame.stack[-step.arg]
    machine.changes(held)
    found = machine.items(frame, items)
    alike = type(items) in (set, frozenset)  # whose places in memory Python copies: the same order
    held.update(items if alike else map(machine.hashable, found))


@instruction("DICT_UPDATE")
def dict_update(machine: Objects, frame: Frame, step: Step) -> None:
    other = frame.stack.pop()
    held = frame.stack[-step.arg]
    machine.changes(held)
    if not hasattr(other, "keys"):
        raise TypeError(f"'{type(other).__name__}' object is not a mapping")
    held.update(mapped(machine, frame, machine.pairs(other)))


@instruction("DICT_MERGE")
def dict_merge(machine: Objects, frame: Frame, step: Step) -> None:
    other = frame.stack.pop()
    held = frame.stack[-step.arg]
    if not hasattr(other, "keys"):
        raise TypeError(f"argument after ** must be a mapping, not {type(other).__name__}")
    other = mapped(machine, frame, machine.pairs(other))
    machine.changes(held)
    for key, value in dict(other).items():
        if key in held:
            raise TypeError(f"got multiple values for keyword argument '{key}'")
        held[key] = value


@instruction("LIST_TO_TUPLE")
def list_to_tuple(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack[-1] = tuple(frame.stack[-1])


@instruction("UNPACK_SEQUENCE")
def unpack_sequence(machine: Objects, frame: Frame, step: Step) -> Any:
    value = frame.stack.pop()
    found = machine.unpacked(frame, value, step.arg)
    if type(value) in LISTED and any(type(v) is Choice for v in found):
        return machine.parted(frame, apart(found), frame.now)
    if len(found) < step.arg:
        raise ValueError(f"not enough values to unpack (expected {step.arg}, got {len(found)})")
    if len(found) > step.arg:
        raise ValueError(f"too many values to unpack (expected {step.arg})")
    frame.stack += reversed(found)
    return None


@instruction("UNPACK_EX")
def unpack_ex(machine: Objects, frame: Frame, step: Step) -> None:
    before, after = step.arg & 0xFF, step.arg >> 8
    found = list(machine.items(frame, frame.stack.pop()))
    if len(found) < before + after:
        raise ValueError(
            f"not enough values to unpack (expected at least {before + after}, got {len(found)})"
        )
    middle = len(found) - after
    frame.stack += reversed([*found[:before], machine.fresh(found[before:middle]), *found[middle:]])


@instruction("BUILD_STRING")
def build_string(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack.append(machine.joined(_popped(frame, step.arg)))


@instruction("FORMAT_VALUE")
def format_value(machine: Objects, frame: Frame, step: Step) -> None:
    spec = frame.stack.pop() if step.arg & 4 else ""
    frame.stack[-1] = machine.text(frame, frame.stack[-1], step.arg & 3, spec)


@instruction("CONVERT_VALUE")
def convert_value(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack[-1] = machine.text(frame, frame.stack[-1], step.arg, None)


@instruction("FORMAT_SIMPLE")
def format_simple(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack[-1] = machine.text(frame, frame.stack[-1], 0, "")


@instruction("FORMAT_WITH_SPEC")
def format_with_spec(machine: Objects, frame: Frame, step: Step) -> None:
    spec = frame.stack.pop()
    frame.stack[-1] = machine.text(frame, frame.stack[-1], 0, spec)


@instruction("GET_LEN")
def get_len(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack.append(machine.call(frame, len, (frame.stack[-1],), {}))


@instruction("MATCH_MAPPING")
def match_mapping(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack.append(machine.has_flag(frame.stack[-1], 1 << 6))


@instruction("MATCH_SEQUENCE")
def match_sequence(machine: Objects, frame: Frame, step: Step) -> None:
    frame.stack.append(machine.has_flag(frame.stack[-1], 1 << 5))


@instruction("MATCH_KEYS")
def match_keys(machine: Objects, frame: Frame, step: Step) -> None:
    subject, keys = machine.pairs(frame.stack[-2]), frame.stack[-1]
    missing = object()
    found = tuple([subject.get(key, missing) for key in keys])
    frame.stack.append(None if any(x is missing for x in found) else found)


@instruction("MATCH_CLASS")
def match_class(machine: Objects, frame: Frame, step: Step) -> None:
    names, kind, subject = frame.stack.pop(), frame.stack.pop(), frame.stack.pop()
    frame.stack.append(_matched(machine, frame, subject, kind, step.arg, names))


_WHOLE = (bool, bytearray, bytes, dict, float, frozenset, int, list, set, str, tuple)


def _match_args(machine: Objects, frame: Frame, kind: Any) -> Any:
    """The attributes that a class pattern's positions stand for."""
    try:
        return machine.attribute(frame, kind, "__match_args__")
    except AttributeError:
        return ()


def _matched(
    machine: Objects, frame: Frame, subject: Any, kind: Any, count: int, names: Any
) -> Any:
    if not isinstance(kind, type):
        raise TypeError("called match pattern must be a class")
    if not machine.call(frame, isinstance, (subject, kind), {}):
        return None
    found: list[Any] = []
    own = _match_args(machine, frame, kind)
    if count and not own and kind in _WHOLE:
        if count > 1:
            raise TypeError(f"{kind.__name__}() accepts 1 positional sub-pattern ({count} given)")
        found.append(subject)
        own, count = (), 0
    if count > len(own):
        raise TypeError(
            f"{kind.__name__}() accepts {len(own)} positional sub-patterns ({count} given)"
        )
    try:
        found += [machine.attribute(frame, subject, name) for name in (*own[:count], *names)]
    except AttributeError:
        return None
    return tuple(found)
