"""Writers of event files, and the one that is written to by default: one for each thread."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from twofold.ir import bind
from twofold.ir.errors import ArgumentError, StagingError
from twofold.runtime.convert import tensor_of

from . import proto, tensorboard

__all__ = ["Defaults", "SummaryWriter", "array_of", "defaults", "outside_of_graphs"]


class Defaults(threading.local):
    """What a thread writes to, at which step, and whether it does."""

    def __init__(self) -> None:
        self.writer: SummaryWriter | None = None
        self.step: Any = None
        self.condition: Any = True

    def records(self) -> bool:
        """Whether ``record_if`` lets anything through."""
        found = self.condition() if callable(self.condition) else self.condition
        return bool(found)


defaults = Defaults()


def outside_of_graphs(what: str) -> None:
    """Raise StagingError while a function is traced: then each call makes it, as a step."""
    if bind.ground().tracing:
        raise StagingError(f"tf.summary.{what} writes into a file on every call: it is not staged")


class SummaryWriter:
    """A writer of one event file, which begins with the first event; see ``create_file_writer``."""

    def __init__(self, logdir: str | None, max_queue: int, flush_millis: int, suffix: str) -> None:
        self.logdir = logdir
        self._options = max_queue, flush_millis / 1000, suffix
        self._lock = threading.Lock()
        self._file: Any = None
        self._closed = False

    def add(self, step: Any = None, **parts: Any) -> None:
        """Write an event. Raises RuntimeError if the writer is closed."""
        if self.logdir is None:
            return
        events, files = proto("event"), tensorboard("summary.writer.event_file_writer")
        with self._lock:
            if self._closed:
                raise RuntimeError(f"the summary writer for {self.logdir} is closed")
            if self._file is None:
                os.makedirs(self.logdir, exist_ok=True)
                self._file = files.EventFileWriter(self.logdir, *self._options)
            self._file.add_event(events.Event(wall_time=time.time(), step=step, **parts))

    @contextmanager
    def as_default(self, step: Any = None) -> Iterator[SummaryWriter]:
        """A block that writes to this writer, at a step, if one is given."""
        outside_of_graphs("SummaryWriter.as_default")
        before = defaults.writer, defaults.step
        defaults.writer = self
        if step is not None:
            defaults.step = step
        try:
            yield self
        finally:
            self.flush()
            defaults.writer, defaults.step = before

    def set_as_default(self, step: Any = None) -> None:
        """Write to this writer from now on."""
        outside_of_graphs("SummaryWriter.set_as_default")
        defaults.writer = self
        if step is not None:
            defaults.step = step

    def flush(self) -> None:
        """Write to the disk what has been put into the queue."""
        with self._lock:
            if self._file is not None and not self._closed:
                self._file.flush()

    def close(self) -> None:
        """Write what is left, and close the file. Nothing can be written afterwards."""
        with self._lock:
            if self._file is not None and not self._closed:
                self._file.close()
            self._closed = True


def array_of(data: Any, what: str) -> np.ndarray[Any, Any]:
    """The values to be written."""
    outside_of_graphs(what)
    return np.asarray(tensor_of(data))


def number_of(step: Any) -> int:
    """A step as an int. Raises ArgumentError if there is none."""
    step = defaults.step if step is None else step
    if step is None:
        raise ArgumentError(
            "tf.summary: no step is set; pass step=..., or set one with "
            "tf.summary.experimental.set_step or writer.as_default(step)"
        )
    return int(step)


def emit(what: str, step: Any, make: Callable[[], Any]) -> bool:
    """Write what ``make`` gives to the default writer; whether there is one that records."""
    outside_of_graphs(what)
    writer = defaults.writer
    if writer is None or writer.logdir is None:
        return False
    at = number_of(step)
    if not defaults.records():
        return False
    writer.add(at, **make())
    return True
