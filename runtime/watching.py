"""Looking at every operation that is carried out: where values stop being finite, where one fails.

``Watcher`` is an interpreter. It hands each call down, and tells ``found`` about the first output
with NaN or infinite elements that its inputs do not have, and about an operation that raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.dtypes import info
from twofold.ir.errors import NumericsError
from twofold.ir.location import user_frame, user_location, user_name

__all__ = ["Found", "Watcher", "refuse", "watching"]


class Found(NamedTuple):
    """What is wrong with a call: the words, the user's frame, and the error that it raised."""

    words: str
    frame: Any
    error: Exception | None


class Watcher:
    """An interpreter that looks at outputs; see the module."""

    def __init__(self, found: Callable[[Found], None]) -> None:
        self.found = found

    def run(self, call: Call) -> tuple[Any, ...]:
        """Run one call and look at what comes out."""
        try:
            outputs = bind.run(call)
        except Exception as error:
            words = f"{call.op.name} raises {type(error).__name__}: {error}"
            self.found(Found(words, user_frame(), error))
            raise
        if not all(map(_is_finite, outputs)):
            self._not_finite(call, outputs)
        return outputs

    def _not_finite(self, call: Call, outputs: tuple[Any, ...]) -> None:
        if call.op.name == "constant" or not all(map(_is_finite, call.inputs)):
            return  # it is the user's own, or has been told
        frame = user_frame()
        name = "" if frame is None else user_name(frame)
        for output in outputs:
            if not _is_finite(output):
                self.found(Found(_words(call, output, name), frame, None))
                return


def refuse(found: Found) -> None:
    """Raise NumericsError for values that are not finite."""
    if found.error is None:
        raise NumericsError(found.words, user_location(found.frame))


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Have the operations of the block looked at, unless they are already."""
    frame = bind.current.get()
    while frame is not None:
        if isinstance(frame.interpreter, Watcher):
            yield
            return
        frame = frame.below
    token = bind.push(watcher)
    try:
        yield
    finally:
        bind.pop(token)


def _is_finite(value: Any) -> bool:
    if not isinstance(value, np.ndarray) or not info(value.dtype).inexact:
        return True
    with np.errstate(all="ignore"):
        return bool(np.isfinite(value).all())


def _words(call: Call, output: np.ndarray[Any, Any], name: str) -> str:
    """``y[2] is nan, in log of f32[3]; there its input is -1.0``."""
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(output))[0])
    at = f"[{', '.join(map(str, index))}]" if index else ""
    what = f"{name}{at}" if name else f"the result{' at ' + at if at else ''}"
    arrays = [x for x in call.inputs if isinstance(x, np.ndarray)]
    shapes = ", ".join(f"{x.dtype}{list(x.shape)}" for x in arrays)
    words = f"{what} is {output[index]}, in {call.op.name}({shapes})"
    if call.op.kind == "elementwise" and arrays:
        there = [str(x[index]) for x in np.broadcast_arrays(*arrays)]
        words += f"; there its {'input is' if len(there) == 1 else 'inputs are'} {', '.join(there)}"
    return words
