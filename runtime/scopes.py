"""``tf.name_scope``: what the names of Variables made in a block begin with."""

from __future__ import annotations

import re
from contextvars import ContextVar, Token

from twofold.ir.errors import ArgumentError

__all__ = ["name_scope", "scoped"]

_scope: ContextVar[str] = ContextVar("twofold_name_scope", default="")
_NAME = re.compile(r"[\w.\-/\\>]+")


class name_scope:
    """A block in which the names of new Variables begin with ``name`` and a slash.

    Blocks may stand in each other, and an object may be entered again. ``with`` gives the whole
    scope; a name that ends with a slash is one. Raises ArgumentError for a name that is none.

    >>> import twofold as tf
    >>> with tf.name_scope("dense") as scope:
    ...     w = tf.Variable(1.0, name="w")
    >>> scope, w.name
    ('dense/', 'dense/w')
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or (name and not _NAME.fullmatch(name)):
            raise ArgumentError(
                f"tf.name_scope: a name is made of letters, digits, '_', '.', '-' and '/', "
                f"not {name!r}"
            )
        self._name = name
        self._tokens: list[Token[str]] = []

    @property
    def name(self) -> str:
        """The name that was given."""
        return self._name

    def __enter__(self) -> str:
        name = self._name
        if name and not name.endswith("/"):
            name = f"{_scope.get()}{name}/"
        self._tokens.append(_scope.set(name))
        return name

    def __exit__(self, *error: object) -> None:
        _scope.reset(self._tokens.pop())


def scoped(name: str) -> str:
    """A name in the present scope."""
    return _scope.get() + name
