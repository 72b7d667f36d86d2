"""What the names in a function of a pipeline stand for: what they did when it was described.

TensorFlow traces a function when ``map`` is given it, so that in

    for scale in (2, 3):
        ds = ds.map(lambda x: x * scale)

each function has its own ``scale``, where Python would look both up in the first iteration. Here
functions run later, too, hence they take along what their names stand for. Objects are shared as
ever: a list that is filled and a Variable that is assigned to are seen as they are.
"""

from __future__ import annotations

import builtins
import dis
import functools
from collections.abc import Callable
from types import CellType, CodeType, FunctionType
from typing import Any

__all__ = ["assigned", "is_filled", "kept_globals", "named_now"]

_LOOKS_AROUND = {"eval", "exec", "globals", "locals", "vars"}  # no name of theirs is in the code


def named_now(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose free names keep what they stand for now.

    Names that it assigns to stay its own, and so does what is not defined yet. What is no plain
    function (a method, an object) is returned as it is.

    >>> scale = 2
    >>> double = named_now(lambda x: scale * x)
    >>> scale = 3
    >>> double(5)
    10
    """
    if type(function) is not FunctionType:
        return function
    read, written = _names(function.__code__)
    cells = function.__closure__ or ()
    free = function.__code__.co_freevars
    kept = tuple(
        cell if name in written or not is_filled(cell) else CellType(cell.cell_contents)
        for name, cell in zip(free, cells, strict=True)
    )
    known = _globals(function.__globals__, read, written)
    made = FunctionType(function.__code__, known, function.__name__, function.__defaults__, kept)
    functools.update_wrapper(made, function)
    del made.__wrapped__  # type: ignore[attr-defined]
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def kept_globals(named: Any, given: Any) -> tuple[tuple[str, int], ...] | None:
    """The globals that ``named_now(given)`` has kept, by identity; None if it kept none."""
    space = getattr(named, "__globals__", None)
    if space is getattr(given, "__globals__", None):
        return None
    return tuple([(name, id(value)) for name, value in (space or {}).items()])


def assigned(code: CodeType) -> frozenset[str]:
    """The free names that a code object, and those in it, assign to."""
    return _names(code)[1]


def is_filled(cell: CellType) -> bool:
    """Whether a cell holds something."""
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:  # assigned to later
        return False
    return True


def _globals(given: dict[str, Any], read: frozenset[str], written: frozenset[str]) -> Any:
    """The globals that are read; all of them, as they change, where some are not defined yet,
    assigned to, or looked for by other means."""
    missing = any(n not in given and not hasattr(builtins, n) for n in read)
    if missing or read & written or read & _LOOKS_AROUND:
        return given
    own = {n: given[n] for n in given if n.startswith("__") and n.endswith("__")}
    return own | {n: given[n] for n in read if n in given}


@functools.lru_cache(1024)
def _names(code: CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """The globals that a code object and those in it read, and all free names that they assign."""
    read, written = set(), set()
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            read.add(step.argval)
        elif step.opname in (
            "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF", "IMPORT_STAR",
        ):  # fmt: skip
            written.add(step.argval)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            more = _names(inner)
            read |= more[0]
            written |= more[1]
    return frozenset(read), frozenset(written)
