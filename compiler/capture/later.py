"""Calls whose result nobody uses and that can as well be made after the graph: lines of a log,
warnings, writes to a file of text."""

from __future__ import annotations

import functools
import io
import sys
import warnings
from collections.abc import Callable
from typing import Any

from .frame import Frame

__all__ = ["done_later"]

_LOGS = frozenset(("debug", "info", "warning", "error", "critical", "log", "exception"))
Later = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


def done_later(frame: Frame, function: Any, args: Any, kwargs: Any) -> Later | None:
    """What does the same after the graph, or None."""
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", "")
    if isinstance(owner, io.TextIOBase) and name in ("write", "flush"):
        return function, args, kwargs
    logging = sys.modules.get("logging")  # who logs has imported it
    if logging is not None and name in _LOGS:
        if function is getattr(logging, name, None):
            owner = logging.getLogger() if logging.getLogger().handlers else None
        if isinstance(owner, logging.Logger) and type(owner).__module__ == "logging":
            if kwargs or not args or name == "exception":
                return None
            level = logging.getLevelName(name.upper()) if name != "log" else args[0]
            given = args[1:] if name == "log" else args
            place = frame.code.co_filename, frame.f_lineno, frame.code.co_name
            return functools.partial(_log, owner, level, *place), given, {}
    if function is warnings.warn and len(args) <= 2:
        if set(kwargs) - {"message", "category", "stacklevel"} or kwargs.get("stacklevel", 1) != 1:
            return None
        given = dict(zip(("message", "category"), args, strict=False)) | kwargs
        if isinstance(given.get("message"), Warning):
            return None
        space = getattr(frame.f_globals, "real", frame.f_globals)
        kind = given.get("category") or UserWarning
        warn = functools.partial(_warn, kind, frame.code.co_filename, frame.f_lineno, space)
        return warn, (given["message"],), {}
    return None


def _log(logger: Any, level: int, file: str, line: int, name: str, text: Any, *args: Any) -> None:
    if logger.isEnabledFor(level):
        logger.handle(logger.makeRecord(logger.name, level, file, line, text, args, None, name))


def _warn(kind: Any, file: str, line: int, space: dict[str, Any], text: Any) -> None:
    warnings.warn_explicit(
        text, kind, file, line, space.get("__name__"), space.setdefault("__warningregistry__", {})
    )
