"""Who executes an operation now: a stack of interpreters, one for each thread of control.

The eager executor is at the bottom; tapes and the tracer stand above it. Each interpreter has
``bind(op, args, attrs)``; it does its own work and passes the operation to the one below. The top
is a context variable, so threads and asyncio tasks each see their own stack.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Any, Protocol

__all__ = ["Interpreter", "bottom", "current", "install", "pop", "push", "top"]


class Interpreter(Protocol):
    """What stands on the stack."""

    @property
    def below(self) -> Any:
        """The next interpreter down, or None."""

    @property
    def tracing(self) -> bool:
        """Whether this or one below stages operations instead of executing them."""

    def bind(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """Run one operation and return its output (a tuple if it has several)."""

    def canonical(self, op: Any, args: tuple[Any, ...], attrs: dict[str, Any]) -> dict[str, Any]:
        """The attributes in canonical form, as gradient rules receive them."""

    def lift(self, op: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments as tensors, as gradient rules receive them: numbers, lists and arrays
        become tensors of the dtype that the operation gave them; tensors stay as they are."""

    def read(self, variable: Any) -> Any:
        """The present value of a Variable as a tensor."""

    def assign(self, variable: Any, value: Any) -> None:
        """Give a Variable a new value; ``value`` has its dtype and shape."""


current: ContextVar[Interpreter | None] = ContextVar("twofold_interpreter", default=None)
_bottom: list[Interpreter] = []


def install(interpreter: Interpreter) -> None:
    """Make an interpreter the bottom of every stack (the eager executor, once, at import)."""
    _bottom[:] = [interpreter]


def bottom() -> Interpreter:
    """The eager executor."""
    return _bottom[0]


def top() -> Interpreter:
    """The interpreter that receives operations now."""
    return current.get() or _bottom[0]


def push(interpreter: Interpreter) -> Token[Interpreter | None]:
    """Put an interpreter on top; pass the result to ``pop``."""
    return current.set(interpreter)


def pop(token: Token[Interpreter | None]) -> None:
    """Undo a ``push``."""
    current.reset(token)
