"""Functions of Python that begin in the middle of another one, with its variables and its stack.

Where a compiled call cannot go on with a graph, Python goes on from where it is. So the code of the
function is made once more with a beginning that fetches variables and operands and jumps to the
place; or that raises an exception there, as if the instruction had; or that makes a call alone and
returns what it gives. Lines, columns, handlers, names are those of the user's function.
"""

from __future__ import annotations

import dis
import sys
import threading
import types
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from twofold.ir.location import instructions_of

from .code import KEPT
from .frame import NULL, UNBOUND

__all__ = ["Entry", "entry_offset", "resumed"]

_NEW = sys.version_info
_OP = dis.opmap
_ARGUMENTS = 0x04 | 0x08  # flags: ``*args``, ``**kwargs``
_NO_PLACE, _LONG_PLACE = 15, 14  # kinds of entries of a table of lines
_given = threading.local()


class Entry(NamedTuple):
    """Where a function is entered: at an instruction (``go``), with an exception that the
    instruction raises (``raise``), or for the call alone that ends with it (``call``)."""

    how: str
    offset: int
    bound: tuple[bool, ...]  # which variables have values
    stack: tuple[bool, ...]  # which operands are values, not NULL


def resumed(code: types.CodeType, space: dict[str, Any], slots: dict[str, Any], stack: list[Any],
            offset: int, how: str = "go", error: BaseException | None = None) -> Any:  # fmt: skip
    """Run a function on from the instruction at a byte ``offset``; what it returns.

    ``slots``: its variables by name, cells where closures share them; ``stack``: its operands.
    Raises what it raises.
    """
    names = _names(code)
    held = [slots.get(name, UNBOUND) for name in names]
    bound = tuple([value is not UNBOUND for value in held])
    kinds = tuple([x is not NULL and x is not UNBOUND for x in stack])
    made = _entered(code, Entry(how, offset, bound, kinds))
    cells = tuple([slots[name] for name in code.co_freevars])
    run = types.FunctionType(made, space, code.co_name, None, cells)
    run.__kwdefaults__ = None
    count = len(names) - len(cells)
    values = [x for x in held[:count] if x is not UNBOUND]
    values += [x for x, is_value in zip(stack, kinds, strict=True) if is_value]
    values += [error] if how == "raise" else []
    before = getattr(_given, "values", None)
    _given.values = iter(values)
    try:
        return run(*[None] * code.co_argcount)
    finally:
        _given.values = before


def _next() -> Any:
    """The next value for the function that is being entered."""
    return next(_given.values)


def _names(code: types.CodeType) -> list[str]:
    """The variables of a function in the order in which its instructions number them."""
    cells = [c for c in code.co_cellvars if c not in code.co_varnames]
    return [*code.co_varnames, *cells, *code.co_freevars]


def entry_offset(code: types.CodeType, offset: int) -> int:
    """Where the instruction at an offset begins, with what is a part of it."""
    return _beginnings(code)[offset]


@lru_cache(KEPT)
def _beginnings(code: types.CodeType) -> dict[int, int]:
    found: dict[int, int] = {}
    first: int | None = None
    for i in instructions_of(code):
        first = i.offset if first is None else first
        found[i.offset] = first
        if i.opname not in ("EXTENDED_ARG", "TO_BOOL"):
            first = None
    return found


class _Writer:
    """Instructions as bytes."""

    def __init__(self) -> None:
        self.data = bytearray()

    def put(self, name: str, arg: int = 0, caches: bool = True) -> None:
        if arg > 0xFFFF:
            self.data += bytes((_OP["EXTENDED_ARG"], arg >> 16 & 0xFF))
        if arg > 0xFF:
            self.data += bytes((_OP["EXTENDED_ARG"], arg >> 8 & 0xFF))
        self.data += bytes((_OP[name], arg & 0xFF))
        if caches:
            self.data += bytes((_OP["CACHE"], 0)) * _caches(name)

    def fetch(self, const: int) -> None:
        """Push the next value."""
        if _NEW < (3, 13):
            self.put("PUSH_NULL")
        self.put("LOAD_CONST", const)
        if _NEW >= (3, 13):
            self.put("PUSH_NULL")
        if _NEW < (3, 12):
            self.put("PRECALL", 0)
        self.put("CALL", 0)


def _caches(name: str) -> int:
    table: Any = dis._inline_cache_entries  # type: ignore[attr-defined]
    return int(table.get(name, 0) if isinstance(table, dict) else table[_OP[name]])


@lru_cache(KEPT)
def _entered(code: types.CodeType, entry: Entry) -> types.CodeType:
    """The code that begins there."""
    head = _Writer()
    if code.co_freevars:
        head.put("COPY_FREE_VARS", len(code.co_freevars))
    head.put("RESUME", 0)
    const = len(code.co_consts)
    for i in range(len(_names(code)) - len(code.co_freevars)):
        if entry.bound[i]:
            head.fetch(const)
            head.put("STORE_FAST", i)
        elif i < code.co_argcount:
            head.put("DELETE_FAST", i)
    for is_value in entry.stack:
        if is_value:
            head.fetch(const)
        else:
            head.put("PUSH_NULL")
    own = b""  # instructions that have a place in the user's file
    if entry.how == "raise":
        head.fetch(const)
        own = bytes((_OP["RAISE_VARARGS"], 1))
    elif entry.how == "call":
        own = bytes(_call_at(code, entry.offset))
    data = head.data + own
    if entry.how == "call":
        data += bytes((_OP["RETURN_VALUE"], 0))
    else:
        data += bytes((_OP["NOP"], 0))
    if entry.how == "go":
        data += _jump(entry.offset)
    units = len(data) // 2
    before = len(head.data) // 2
    table = [] if entry.how != "raise" else _handler(code, entry.offset, before, units)
    table += [(a + units, b + units, c + units, d, e) for a, b, c, d, e in _handlers(code)]
    return code.replace(
        co_code=bytes(data) + code.co_code,
        co_consts=(*code.co_consts, _next),
        co_flags=code.co_flags & ~_ARGUMENTS,
        co_kwonlyargcount=0,
        co_posonlyargcount=0,
        co_stacksize=max(code.co_stacksize, len(entry.stack) + 1) + 4,
        co_linetable=_lines(code, entry, before, len(own) // 2, units) + code.co_linetable,
        co_exceptiontable=b"".join([_packed(row) for row in table]),
    )


def _jump(offset: int) -> bytes:
    distance = offset // 2
    made = bytearray()
    for shift in (16, 8):
        made += bytes((_OP["EXTENDED_ARG"], distance >> shift & 0xFF))
    return bytes(made + bytes((_OP["JUMP_FORWARD"], distance & 0xFF)))


def _call_at(code: types.CodeType, offset: int) -> bytes:
    """The bytes of the call at an offset, with what belongs to it."""
    instructions = instructions_of(code)
    at = next(k for k, i in enumerate(instructions) if i.offset == offset)
    first = at
    while first and instructions[first - 1].opname in ("PRECALL", "KW_NAMES", "EXTENDED_ARG"):
        first -= 1
    end = offset + 2 + 2 * _caches(instructions[at].opname)
    return code.co_code[instructions[first].offset : end]


def _handlers(code: types.CodeType) -> list[tuple[int, int, int, int, bool]]:
    """The table of handlers: start, end, target in units of code, depth, whether the position is
    pushed."""
    entries: Any = dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]
    return [(e.start // 2, e.end // 2, e.target // 2, e.depth, e.lasti) for e in entries]


def _handler(code: types.CodeType, offset: int, at: int, moved: int) -> list[Any]:
    """What catches at an offset, for the unit at which the exception is raised instead."""
    for start, end, target, depth, lasti in _handlers(code):
        if start <= offset // 2 < end:
            return [(at, at + 1, target + moved, depth, lasti)]
    return []


def _packed(row: tuple[int, int, int, int, bool]) -> bytes:
    start, end, target, depth, lasti = row
    made = bytearray()
    for k, value in enumerate((start, end - start, target, depth << 1 | lasti)):
        pieces = [value & 0x3F]
        while value > 0x3F:
            value >>= 6
            pieces.append(value & 0x3F | 0x40)
        pieces.reverse()
        if not k:
            pieces[0] |= 0x80
        made += bytes(pieces)
    return bytes(made)


def _lines(code: types.CodeType, entry: Entry, before: int, own: int, units: int) -> bytes:
    """Entries of the table of lines for the beginning; what it takes from an instruction of the
    function is at the place of that."""
    made = b"".join(_nowhere(before))
    if not own:
        return made + b"".join(_nowhere(units - before))
    place = list(code.co_positions())[entry.offset // 2]
    line = place[0] or code.co_firstlineno
    delta = line - code.co_firstlineno
    last, column, end = place[1] or line, (place[2] or 0) + 1, (place[3] or 0) + 1
    while own:
        count = min(own, 8)
        made += bytes((0x80 | _LONG_PLACE << 3 | count - 1,))
        made += bytes([*_signed(delta), *_chunks(last - line), *_chunks(column), *_chunks(end)])
        own, delta = own - count, 0
    delta = line - code.co_firstlineno
    made += bytes((0x80 | 13 << 3 | 0, *_signed(-delta)))  # the unit behind it: back again
    return made


def _nowhere(count: int) -> Iterator[bytes]:
    while count > 0:
        yield bytes((0x80 | _NO_PLACE << 3 | min(count, 8) - 1,))
        count -= 8


def _chunks(value: int) -> list[int]:
    made = []
    while value > 0x3F:
        made.append(value & 0x3F | 0x40)
        value >>= 6
    return [*made, value]


def _signed(value: int) -> list[int]:
    return _chunks(-value << 1 | 1 if value < 0 else value << 1)
