"""One library in a process of its own, which works when it is asked and sleeps in between.

In one process the thread pools of several libraries spin on each other's cores, and the figures say
more about that than about the work. Here each library has its process; the driver asks them in
turns, so that a busy moment of the machine meets all of them.
"""

from __future__ import annotations

import importlib
import multiprocessing
import statistics
from collections.abc import Callable
from multiprocessing.connection import Connection
from time import perf_counter, sleep
from typing import Any, NamedTuple, Protocol

__all__ = ["Times", "Work", "Worker"]

PAUSE = 0.05  # seconds between turns, until the threads of the one before have gone to sleep
LEAST_CALLS = 5  # in a turn, however long they take


class Times(NamedTuple):
    """Seconds of a call in one turn."""

    minimum: float
    median: float


class Work(Protocol):
    """What a process can be asked for."""

    name: str

    def prepare(self, library: str) -> tuple[Callable[[], Any], Any] | None:
        """The call that is timed, and a result to compare; None if the library has none."""


class Worker:
    """A process for one library, which works on the ``WORKLOADS`` of a module."""

    def __init__(self, library: str, module: str) -> None:
        self.library = library
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, library, module), daemon=True)
        self.process.start()

    def result(self, work: Work) -> Any:
        """Prepare a workload; its first result as an array, or None if the library has none."""
        return self._ask(("prepare", work.name))

    def times(self, seconds: float) -> Times:
        """Call the prepared workload for about so long."""
        sleep(PAUSE)
        found: Times = self._ask(("time", seconds))
        return found

    def stop(self) -> None:
        """End the process."""
        self.pipe.send(None)
        self.process.join()

    def _ask(self, order: tuple[str, Any]) -> Any:
        self.pipe.send(order)
        answer = self.pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


def _serve(pipe: Connection, library: str, module: str) -> None:
    works: dict[str, Work] = {w.name: w for w in importlib.import_module(module).WORKLOADS}
    call: Any = None
    while (order := pipe.recv()) is not None:
        what, argument = order
        try:
            if what == "prepare":
                call, result = works[argument].prepare(library) or (None, None)
                pipe.send(result)
            else:
                pipe.send(_timed(call, argument))
        except Exception as error:  # noqa: BLE001  (raised again by the driver)
            pipe.send(RuntimeError(f"{library}: {error!r}"))


def _timed(call: Any, seconds: float) -> Times:
    times: list[float] = []
    end = perf_counter() + seconds
    call()
    while len(times) < LEAST_CALLS or perf_counter() < end:
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return Times(min(times), statistics.median(times))
