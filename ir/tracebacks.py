"""Tracebacks as the user's code would have them.

A graph raises while it runs, when the frames of the function that it was made from are gone: the
places that its nodes know stand in for them. Frames of this package are left out of what reaches
the user, as long as ``filtering`` is on.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, TracebackType

from .location import KEPT, Location, is_internal, is_own

__all__ = ["filtering", "is_filtering", "place", "shorten"]

_switch = {"on": True}


def filtering(on: bool) -> None:
    """Whether frames of this package are left out of tracebacks."""
    _switch["on"] = on


def is_filtering() -> bool:
    """Whether frames of this package are left out of tracebacks."""
    return _switch["on"]


def place(error: BaseException, where: Location | None) -> None:
    """Give an error the traceback that it has if it is raised there, by the calls that led there;
    one from code of the user's, which an operation called, has its own."""
    at: TracebackType | None = None
    if not _is_internal(error):
        return
    while where is not None:
        at = _entry(where, at)
        where = where.outer
    if at is not None:
        error.__traceback__ = at


def shorten(error: BaseException) -> None:
    """Leave out the frames of this package, and what it caught meanwhile, where an exception leaves
    it for the user's code."""
    if not _switch["on"]:
        return
    kept: TracebackType | None = None
    for entry in reversed(list(_entries(error.__traceback__))):
        if not is_own(entry.tb_frame.f_code.co_filename):
            entry.tb_next = kept
            kept = entry
    error.__traceback__ = kept
    while error.__context__ is not None and _is_internal(error.__context__):
        error.__context__ = error.__context__.__context__


def _is_internal(error: BaseException) -> bool:
    """Whether an exception was raised and caught without any code of the user's."""
    return all(is_internal(e.tb_frame.f_code.co_filename) for e in _entries(error.__traceback__))


def _entries(entry: TracebackType | None) -> Iterator[TracebackType]:
    while entry is not None:
        yield entry
        entry = entry.tb_next


class _Raised(Exception):
    """What the code of a place raises, for the frame that it leaves."""


@lru_cache(KEPT)
def _code(where: Location) -> CodeType:
    """Code that raises at a place, in a function of the right name."""
    tree = ast.parse("raise raised")
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt | ast.expr):
            node.lineno, node.end_lineno = where.line, where.end_line or where.line
            node.col_offset = where.column - 1
            node.end_col_offset = where.end_column or None
            if where.end_column:
                node.end_col_offset = where.end_column - 1
    name = where.function or "<graph>"
    return compile(tree, where.file, "exec").replace(co_name=name, co_qualname=name)


def _entry(where: Location, inner: TracebackType | None) -> TracebackType:
    """An entry of a traceback for a place; ``inner`` follows it."""
    module = sys.modules.get("__main__")
    space = {"__name__": getattr(module, "__name__", ""), "raised": _Raised()}
    try:
        exec(_code(where._replace(outer=None)), space)
    except _Raised as raised:
        own = raised.__traceback__
    assert own is not None
    made = own.tb_next
    assert made is not None
    return TracebackType(inner, made.tb_frame, made.tb_lasti, made.tb_lineno)
