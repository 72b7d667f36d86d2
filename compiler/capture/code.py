"""Code objects as lists of steps, the same for every version of Python that is supported.

``dis`` gives names, constants and jump targets; what one version spells as several instructions
and another as one becomes the same steps here. Jump targets and ranges of exception handlers are
positions in the list.
"""

from __future__ import annotations

import dis
import sys
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple

from twofold.ir.location import instructions_of

__all__ = ["KEPT", "LAST", "Handler", "Program", "Step", "program_of"]

# TO_BOOL: whoever jumps on a value asks for its truth; END_FOR: the iterator has been popped
_NOTHING = frozenset(
    ("NOP", "RESUME", "PRECALL", "EXTENDED_ARG", "COPY_FREE_VARS", "RETURN_GENERATOR", "TO_BOOL",
     "END_FOR")
)  # fmt: skip
# whose argument is a number or bits, not what ``dis`` looks up for it
_RAW = frozenset(
    ("MAKE_FUNCTION", "BUILD_SLICE", "CALL_FUNCTION_EX", "RAISE_VARARGS", "CONVERT_VALUE",
     "FORMAT_VALUE", "SET_FUNCTION_ATTRIBUTE", "IS_OP", "CONTAINS_OP", "CALL", "CALL_KW",
     "UNPACK_EX", "RERAISE", "COPY", "SWAP", "CALL_INTRINSIC_1", "CALL_INTRINSIC_2",
     "GET_AWAITABLE")
)  # fmt: skip
_TURNED = {
    "POP_JUMP_IF_TRUE": "POP_JUMP_IF_FALSE",
    "POP_JUMP_IF_FALSE": "POP_JUMP_IF_TRUE",
    "POP_JUMP_IF_NONE": "POP_JUMP_IF_NOT_NONE",
    "POP_JUMP_IF_NOT_NONE": "POP_JUMP_IF_NONE",
}
LAST = frozenset(("RETURN_VALUE", "RAISE_VARARGS", "RERAISE"))
_NEW = sys.version_info
LONGEST = 64  # steps of the test of a loop that are compared
KEPT = 1024  # code objects that are remembered; equal ones share an entry


class Step(NamedTuple):
    """One instruction: its name, its argument (a name, a constant, a count) and where it stands.

    ``target``: the position that it may jump to, or -1; ``flag``: the variant of the instruction.
    """

    op: str
    arg: Any
    target: int
    offset: int
    flag: int = 0


class Handler(NamedTuple):
    """What catches exceptions of a range of steps: where it begins, the depth of the stack there,
    and whether the position of the raising step is pushed."""

    target: int
    depth: int
    pushes_position: bool


class Program:
    """The steps of a code object, with the handler of each."""

    def __init__(self, code: CodeType) -> None:
        self.code = code
        instructions = instructions_of(code)
        positions: dict[int, int] = {}
        made: list[Any] = []
        for before, instruction in zip([None, *instructions], instructions, strict=False):
            positions[instruction.offset] = len(made)
            ends_loop = before is not None and before.opname == "END_FOR" and _NEW >= (3, 13)
            made += [] if ends_loop else _steps(instruction, code)
        end = len(made)
        positions[instructions[-1].offset + 2] = end
        self.steps = [s._replace(target=positions[s.target]) if s.target >= 0 else s for s in made]
        self.handlers: list[Handler | None] = [None] * end
        entries: Any = dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]
        for e in entries:
            last = next((positions[o] for o in range(e.end, e.end + 64, 2) if o in positions), end)
            first = next(positions[o] for o in range(e.start, e.start + 64, 2) if o in positions)
            for i in range(first, last):
                self.handlers[i] = Handler(positions[e.target], e.depth, e.lasti)
        self._join_tests()
        self.is_generator = bool(code.co_flags & 0x20)
        self.is_async = bool(code.co_flags & (0x80 | 0x200))

    def _join_tests(self) -> None:
        """Python writes the test of a ``while`` twice, before the loop and at its end, and lets a
        ``continue`` jump to the first: these are two loops, one in the other. Where there is a
        ``continue``, the second test becomes a jump to the first, which makes one loop."""
        heads = {s.target for i, s in enumerate(self.steps) if s.op == "JUMP" and s.target <= i}
        if not heads:
            return
        places = list(self.code.co_positions())
        for head in heads:
            first = self.steps[head]
            for at in range(head + 1, len(self.steps)):
                step = self.steps[at]
                alike = step[:2] == first[:2] and self._is_twin(head, at)
                if alike and places[step.offset // 2] == places[first.offset // 2]:
                    self.steps[at] = Step("JUMP", None, head, step.offset)

    def _is_twin(self, one: int, other: int) -> bool:
        """Whether it is the same to go on at either of two steps."""
        pairs = [(one, other)]
        for a, b in pairs:  # grows while it is read
            a, b = self._behind(a), self._behind(b)
            if a == b:
                continue
            if len(self.steps) in (a, b) or self.handlers[a] != self.handlers[b]:
                return False
            x, y = self.steps[a], self.steps[b]
            if (x.arg, x.flag) != (y.arg, y.flag) or type(x.arg) is not type(y.arg):
                return False
            ways = [(a + 1, b + 1), (x.target, y.target)] if x.target >= 0 else [(a + 1, b + 1)]
            if x.op == _TURNED.get(y.op):
                ways = [(a + 1, y.target), (x.target, b + 1)]
            elif x.op != y.op:
                return False
            if x.op not in LAST:
                pairs += [pair for pair in ways if pair not in pairs]
            if len(pairs) > LONGEST:
                return False
        return True

    def _behind(self, at: int) -> int:
        """Where jumps lead that begin at a step."""
        seen: set[int] = set()
        while at < len(self.steps) and self.steps[at].op == "JUMP" and at not in seen:
            seen.add(at)
            at = self.steps[at].target
        return at

    def ends_generator(self, handler: Handler) -> bool:
        """Whether a handler is that of a whole generator, for a StopIteration that leaves it, or
        that of a ``yield from`` outside of any ``try``."""
        step, around = self.steps[handler.target], self.handlers[handler.target]
        if step.op == "CLEANUP_THROW":
            return around is None or self.ends_generator(around)
        return bool(step.op == "CALL_INTRINSIC_1" and step.arg == 3)


@lru_cache(KEPT)
def program_of(code: CodeType) -> Program:
    """The program of a code object."""
    return Program(code)


def _steps(i: Any, code: CodeType) -> list[Step]:
    """The steps of one instruction of ``dis``."""
    op, offset = i.opname, i.offset
    if op in _NOTHING:
        return []
    several = _SEVERAL.get(op)
    if several is not None:
        return [Step(name, arg, -1, offset) for name, arg in several(i.argval)]
    if op == "LOAD_GLOBAL" and i.arg & 1:
        null, load = Step("PUSH_NULL", None, -1, offset), Step(op, i.argval, -1, offset)
        return [null, load] if _NEW < (3, 13) else [load, null]
    if op == "LOAD_ATTR" and _NEW >= (3, 12) and i.arg & 1:
        op = "LOAD_METHOD"
    if i.opcode in dis.hasjrel or i.opcode in dis.hasjabs:
        return [Step(_RENAMED.get(op, op), None, i.argval, offset)]
    if op == "KW_NAMES":
        return [Step(op, code.co_consts[i.arg], -1, offset)]
    flag = i.arg & 3 if op == "LOAD_SUPER_ATTR" else 0
    return [Step(_RENAMED.get(op, op), _argument(i), -1, offset, flag)]


def _argument(i: Any) -> Any:
    if i.opname in _RAW:
        return i.arg
    if i.opname == "BINARY_OP":
        return i.argrepr
    if i.opname == "COMPARE_OP":
        return i.argval.removeprefix("bool(").removesuffix(")")
    return i.argval


def _returned(value: Any) -> list[tuple[str, Any]]:
    return [("LOAD_CONST", value), ("RETURN_VALUE", None)]


def _deleted(kind: str, name: Any) -> list[tuple[str, Any]]:
    """``del`` of a variable: it must have a value, which is read for that."""
    return [(f"LOAD_{kind}", name), ("POP_TOP", None), (f"DELETE_{kind}", name)]


_SEVERAL: dict[str, Any] = {
    "RETURN_CONST": _returned,
    "LOAD_FAST_LOAD_FAST": lambda pair: [("LOAD_FAST", name) for name in pair],
    "STORE_FAST_STORE_FAST": lambda pair: [("STORE_FAST", name) for name in pair],
    "STORE_FAST_LOAD_FAST": lambda pair: [("STORE_FAST", pair[0]), ("LOAD_FAST", pair[1])],
    "DELETE_FAST": lambda name: _deleted("FAST", name),
    "DELETE_DEREF": lambda name: _deleted("DEREF", name),
    "LOAD_ASSERTION_ERROR": lambda _: [("LOAD_CONST", AssertionError)],
}
_RENAMED = {
    "JUMP_FORWARD": "JUMP",
    "JUMP_BACKWARD": "JUMP",
    "JUMP_BACKWARD_NO_INTERRUPT": "JUMP",
    "LOAD_FAST_CHECK": "LOAD_FAST",
    "LOAD_CLOSURE": "LOAD_SLOT",
} | {
    f"POP_JUMP_{way}_IF_{test}": f"POP_JUMP_IF_{test}"
    for way in ("FORWARD", "BACKWARD")
    for test in ("FALSE", "TRUE", "NONE", "NOT_NONE")
}
