"""A list of passes as text: ``fold,simplify{exact=False},cse``, as the command line takes it.

The options of a pass stand in braces, written as attributes are in the text of graphs; those that
are left out have their defaults. ``read_passes(show_passes(passes), passes)`` gives the same list.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from twofold.ir.literal import parse_attr
from twofold.ir.scanner import BARE, Scanner, token
from twofold.ir.words import meant

from .driver import Pass

__all__ = ["read_passes", "show_passes"]

_NAME = token(rf"({BARE})")
_OPTION = token(rf"({BARE})\s*=")
_BEGIN, _END, _COMMA = token(r"\{"), token(r"\}"), token(",")


def show_passes(passes: Iterable[Pass]) -> str:
    """The text of a list of passes; options that have their defaults are left out."""
    return ",".join(map(str, passes))


def read_passes(text: str, known: Sequence[Pass]) -> list[Pass]:
    """The passes that a text names, in its order; a pass may occur many times, an empty text is no
    pass. Raises IRSyntaxError with the nearest name for one that is not
    ``known``.

    >>> from twofold.compiler.pipeline import PASSES
    >>> read_passes("cse, fuse{max_ops=8}, cse", PASSES)
    [cse, fuse{max_ops=8}, cse]
    """
    table = {p.name: p for p in known}
    s = Scanner(text)
    passes: list[Pass] = []
    while s.next():
        if passes:
            s.expect(_COMMA, "','")
        at = s.here()
        name = s.expect(_NAME, "the name of a pass")[1]
        if name not in table:
            hint = meant(name, table) or f"; the passes are {', '.join(table)}"
            s.fail(f"there is no pass {name}{hint}", at)
        found = table[name]
        passes.append(_configured(s, found) if s.next() == "{" else found)
    return passes


def _configured(s: Scanner, found: Pass) -> Pass:
    """The pass with the options that stand in braces."""
    values: dict[str, Any] = {}
    s.expect(_BEGIN, "'{'")
    while not s.take(_END):
        at = s.here()
        name = s.expect(_OPTION, f"an option of {found.name}, such as name=value, or '}}'")[1]
        if name in values:
            s.fail(f"the option {name} is given twice", at)
        values[name] = parse_attr(s)
        reason = found.refused(name, values[name])
        if reason:
            s.fail(reason, at)
        if s.next() != "}":
            s.expect(_COMMA, "',' or '}'")
    return found.having(**values)
