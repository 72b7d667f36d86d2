"""A position in IR text: match patterns there, or fail with line, column and caret."""

from __future__ import annotations

import re
from typing import NoReturn

from .errors import IRSyntaxError

__all__ = ["BARE", "QUOTED", "SPACE", "Scanner", "quote", "token", "unquote"]

SPACE = r"(?:\s++|\#[^\n]*+)*+"  # possessive: a comment is never tried a second way
BARE = r"[^\W\d]\w*+"  # a name that needs no quotes
QUOTED = r'"(?:[^"\\\n]|\\.)*+"'
_SPACE = re.compile(SPACE)


def token(pattern: str) -> re.Pattern[str]:
    """A pattern that skips blanks and comments first."""
    return re.compile(SPACE + pattern)


def quote(text: str) -> str:
    """A string as a JSON literal; characters stay as they are where all can be printed.

    >>> print(quote("naïve"))
    "naïve"
    """
    import json  # noqa: PLC0415  (for a string alone)

    return json.dumps(text, ensure_ascii=not text.isprintable())


class Scanner:
    """The text, where we are in it, and the errors that point there."""

    __slots__ = ("pos", "text")

    def __init__(self, text: str) -> None:
        self.text, self.pos = text, 0

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Match here and move behind it, or stay and return None."""
        found = pattern.match(self.text, self.pos)
        if found is not None:
            self.pos = found.end()
        return found

    def expect(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        """Match here or fail with what was expected."""
        found = self.take(pattern)
        if found is None:
            self.fail(f"expected {what}, found {self.shown()}")
        return found

    def here(self) -> int:
        """The position of the next token."""
        found = _SPACE.match(self.text, self.pos)
        return found.end() if found else self.pos

    def next(self) -> str:
        """The first character of the next token, ``""`` at the end."""
        here = self.here()
        return self.text[here : here + 1]

    def shown(self) -> str:
        """The next token as messages show it."""
        found = re.compile(r"\w+|\S|").match(self.text, self.here())
        return repr(found[0][:40]) if found and found[0] else "the end of the text"

    def fail(self, reason: str, at: int | None = None) -> NoReturn:
        """Raise IRSyntaxError at a position (default: the next token)."""
        at = min(self.here() if at is None else at, len(self.text.rstrip()))
        start = self.text.rfind("\n", 0, at) + 1
        end = self.text.find("\n", at)
        source = self.text[start : len(self.text) if end < 0 else end]
        line = self.text.count("\n", 0, at) + 1
        raise IRSyntaxError(reason, line, at - start + 1, source)


def unquote(scanner: Scanner, literal: str, at: int) -> str:
    """The string that a JSON literal spells, or an error that points at it."""
    import json  # noqa: PLC0415

    try:
        value = json.loads(literal)
    except ValueError as error:
        scanner.fail(f"the string is not valid JSON: {error}", at)
    return str(value)
