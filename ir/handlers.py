"""Whether an exception that an operation raises is caught by the user's code around it.

A graph raises when it runs, after the function has been traced to its end, so an operation that
may raise inside a ``try`` cannot be staged. A ``with`` counts too, unless its manager is known to
let exceptions pass, as most do.
"""

from __future__ import annotations

import dis
import inspect
from functools import cache
from itertools import pairwise
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

from .location import CALLS, NO_USE, frames, instructions_of, is_internal

__all__ = ["may_be_caught"]

_BUILT_IN = ("_thread", "_io")  # locks and files
_MISSING: Any = object()


def may_be_caught() -> bool:
    """Whether the user's code that is running now is inside a ``try``, or a ``with`` that may
    catch, in any frame up to the start of the trace."""
    caught = False
    for frame in frames():
        code, at = frame.f_code, frame.f_lasti
        if is_internal(code.co_filename) and code.co_filename != "<string>":
            if code.co_name == "run_function":
                return caught
        elif not caught and code.co_exceptiontable:
            caught = any(
                b.start <= at < b.end and (b.chain is None or not _lets_pass(b, frame))
                for b in _bodies(code)
            )
    return False  # no trace of a function: a graph that is derived from one, for instance


class _Body(NamedTuple):
    """The instructions of a ``try`` or, with the names of its manager, of a ``with``."""

    start: int
    end: int
    chain: tuple[str, ...] | None  # ``contextlib``, ``suppress``; None: a ``try``
    called: bool  # whether the manager is what a call of that returns


@cache
def _bodies(code: CodeType) -> tuple[_Body, ...]:
    steps = instructions_of(code)
    after = {a.offset: b for a, b in pairwise(steps)}
    kinds = {i.offset: i.opname for i in steps}
    entries: Any = dis.Bytecode(code).exception_entries  # type: ignore[attr-defined]
    first: dict[int, int] = {}  # handler -> where what it covers begins
    for e in entries:
        first[e.target] = min(e.start, first.get(e.target, e.start))
    found = []
    for e in entries:
        target = _handler(e.target, entries, kinds)
        if target is None:
            continue
        chain, called = None, False
        if after[target].opname == "WITH_EXCEPT_START":
            chain, called = _manager([i for i in steps if i.offset < first[target]])
        found.append(_Body(e.start, e.end, chain, called))
    return tuple(found)


def _handler(target: int | None, entries: Any, kinds: dict[int, str]) -> int | None:
    """The ``except`` or ``with`` that an exception comes to: what is done at the end of a
    comprehension or of another handler comes before, and raises it again."""
    for _ in entries:
        if target is None or kinds.get(target) == "PUSH_EXC_INFO":
            return target
        at = target
        target = next((e.target for e in entries if e.start <= at < e.end), None)
    return None


def _manager(steps: list[Any]) -> tuple[tuple[str, ...], bool]:
    """The names that the expression of a ``with`` begins with, and whether it is a call of what
    they stand for; ``()`` if it is anything else."""
    *steps, enter = steps
    if enter.is_jump_target or not steps:  # one of several expressions
        return (), False
    place = steps[-1].positions
    begin = place.lineno, place.col_offset
    own = [i for i in steps if (i.positions.lineno, i.positions.col_offset) == begin]
    own = [i for i in own if i.opname not in NO_USE]
    called = bool(own) and own[-1].opname in CALLS
    names = own[:-1] if called else own
    if not names or names[0].opname not in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FAST", "LOAD_DEREF",
                                            "LOAD_FAST_CHECK"):  # fmt: skip
        return (), False
    if any(i.opname not in ("LOAD_ATTR", "LOAD_METHOD") for i in names[1:]):
        return (), False
    return tuple([str(i.argval) for i in names]), called


def _lets_pass(body: _Body, frame: FrameType) -> bool:
    """Whether the manager of a ``with`` is known to let every exception pass."""
    found = _MISSING
    for i, name in enumerate(body.chain or ()):
        if i:
            found = inspect.getattr_static(found, name, _MISSING)
        else:
            spaces = (dict(frame.f_locals), frame.f_globals, frame.f_builtins)
            found = next((dict.get(s, name, _MISSING) for s in spaces if name in s), _MISSING)
        if found is _MISSING:
            return False
    if not body.called:
        return _kind_lets_pass(type(found))
    if isinstance(found, type):
        return _kind_lets_pass(found)
    written = getattr(found, "__wrapped__", None)  # of contextlib.contextmanager
    return isinstance(written, FunctionType) and not _handles(written.__code__)


def _kind_lets_pass(kind: type) -> bool:
    leave = inspect.getattr_static(kind, "__exit__", None)
    if isinstance(leave, FunctionType):
        return _returns_nothing(leave.__code__)
    return kind.__module__ in _BUILT_IN


@cache
def _handles(code: CodeType) -> bool:
    return bool(code.co_exceptiontable) and bool(_bodies(code))


@cache
def _returns_nothing(code: CodeType) -> bool:
    """Whether every ``return`` gives None or False, which is what lets exceptions pass."""
    for before, step in pairwise(instructions_of(code)):
        if step.opname == "RETURN_CONST" and step.argval not in (None, False):
            return False
        nothing = before.opname == "LOAD_CONST" and before.argval in (None, False)
        if step.opname == "RETURN_VALUE" and (step.is_jump_target or not nothing):
            return False
    return True
