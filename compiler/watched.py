"""Calls that somebody looks into: a debugger, a check of numerics, or one that keeps them.

A debugger or a tool for coverage is told of lines as they run, and machine code has none: while
one is at work, functions run as plain Python. ``replay`` makes the last call that was kept again.
"""

from __future__ import annotations

import bdb
import pdb
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import ArgumentError
from twofold.ir.location import is_internal
from twofold.ir.tree import flatten, unflatten
from twofold.runtime.tensor import Tensor
from twofold.runtime.variable import Variable
from twofold.runtime.watching import Found, Watcher, refuse, watching

from . import config

__all__ = ["Kept", "checked", "forget", "keep", "replay"]

_HELD = (Tensor, Variable, np.ndarray)
Stop = Callable[[str, Any, Any], None]
_last: list[Kept] = []


class Kept(NamedTuple):
    """A call as it began: what it was given, and what stood in arrays, tensors and Variables."""

    function: Any
    leaves: list[Any]
    structure: Any
    held: list[tuple[Any, np.ndarray[Any, Any]]]


def keep(function: Any, args: Any, kwargs: Any, captures: list[Any]) -> None:
    """Keep a call for ``replay``; only the last is kept."""
    leaves, structure = flatten((args, kwargs))
    held = [(x, _array(x).copy()) for x in (*leaves, *captures) if isinstance(x, _HELD)]
    _last[:] = [Kept(function, leaves, structure, held)]


def forget() -> None:
    """Keep no call any more."""
    _last.clear()


def checked(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call a Python function. Raises NumericsError at the first value that is not finite."""
    with watching(Watcher(refuse)), np.errstate(divide="raise", over="raise", invalid="raise"):
        return function(*args, **kwargs)


def replay(stop: Stop | None = None) -> Any:
    """Make the last compiled call again, as plain Python, on the arguments and Variables that it
    began with, and stop where an operation or a statement raises or where the first NaN or infinite
    value is made. What it returns is returned; arguments and Variables are left as they are now.

    ``stop(words, frame, traceback)``: what is done there; None opens pdb in the user's frame, where
    ``c`` goes on and ``q`` ends. Calls are kept after ``enable_replay()``. Raises ArgumentError if
    none has been kept, and what the call raises.

    >>> import twofold as tf
    >>> tf.debugging.enable_replay()
    >>> f = tf.function(lambda x: tf.log(x) * 2)
    >>> _ = f(tf.constant([1.0, -1.0]))
    >>> _ = tf.debugging.replay(stop=lambda words, frame, traceback: print(words))
    the result at [1] is nan, in log(float32[2]); there its input is -1.0
    >>> tf.debugging.disable_replay()
    """
    if not _last:
        raise ArgumentError(
            "no call has been kept; call tf.debugging.enable_replay() before the call that is to "
            "be made again"
        )
    (kept,) = _last
    now = [_array(x).copy() for x, _ in kept.held]
    for x, array in kept.held:
        _set(x, array.copy())
    before, run = config.replaced(), stop or _open_pdb
    config.replace(eagerly=True, keeping=False, checking=False)
    token = bind.current.set(None)
    try:
        return _made_again(kept, run)
    except bdb.BdbQuit:
        return None
    finally:
        bind.current.reset(token)
        config.replace(**before)
        for (x, _), array in zip(kept.held, now, strict=True):
            _set(x, array)


def _made_again(kept: Kept, stop: Stop) -> Any:
    args, kwargs = unflatten(kept.structure, kept.leaves)
    told: list[Exception | None] = []

    def found(what: Found) -> None:
        if not told and what.frame is not None:
            told.append(what.error)
            stop(what.words, what.frame, None)

    try:
        with watching(Watcher(found)):
            return kept.function.python_function(*args, **kwargs)
    except bdb.BdbQuit:
        raise
    except Exception as error:
        if not told:
            at = _users(error.__traceback__)
            if at is not None:
                stop(f"{type(error).__name__}: {error}", at.tb_frame, at)
        raise


def _users(traceback: Any) -> Any:
    """The innermost entry of a traceback that is in code of the user's."""
    found = None
    while traceback is not None:
        if not is_internal(traceback.tb_frame.f_code.co_filename):
            found = traceback
        traceback = traceback.tb_next
    return found


def _open_pdb(words: str, frame: Any, traceback: Any) -> None:
    """A prompt in a frame; stepping goes on from there."""
    debugger = pdb.Pdb(skip=["twofold.*", "numpy.*"])
    debugger.message(words)
    debugger.reset()
    if traceback is not None:
        traceback.tb_next = None
        debugger.interaction(None, traceback)
    else:
        outer = frame
        while outer is not None:
            outer.f_trace = debugger.trace_dispatch
            debugger.botframe = outer
            outer = outer.f_back
        debugger.interaction(frame, None)
    if debugger.quitting:
        raise bdb.BdbQuit
    if traceback is None and debugger.stoplineno != -1:
        sys.settrace(debugger.trace_dispatch)


def _array(x: Any) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = x if isinstance(x, np.ndarray) else x.array
    return array


def _set(x: Any, array: np.ndarray[Any, Any]) -> None:
    if not isinstance(x, np.ndarray):
        x.array = array
    elif x.flags.writeable:
        np.copyto(x, array)
