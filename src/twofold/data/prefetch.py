"""Nodes that work ahead or at once: ``prefetch`` and the parallel ``map``.

While the reader's thread is told of lines, by a debugger or a tool for coverage, it does the work
itself: these are told of one thread, and breakpoints in the user's functions would be run over.
"""

from __future__ import annotations

import collections
import time
import weakref
from concurrent.futures import Future
from typing import Any

from twofold.compiler.observe import is_watched

from .block import Block, of_rows
from .fluent import AUTOTUNE
from .functions import UserFunction
from .mapping import Map
from .node import Node, Opening, Reader, Run, noted
from .workers import Feed, landed, submit

__all__ = ["AUTOTUNE", "ParallelMap", "Prefetch"]

CHEAP = 50e-6  # seconds of a call below which a thread costs more than it saves


class Prefetch(Node):
    """The same elements, made by a thread ahead of when they are asked for."""

    name = "prefetch"

    def __init__(self, source: Node, buffer: int) -> None:
        super().__init__(source)
        self.buffer = buffer

    def run(self, opening: Opening) -> Run:
        source = self.inputs[0].open(opening)
        if self.buffer == 0:
            return source
        return _Prefetching(source, self.buffer, opening.options.timeout)


class _Prefetching(Run):
    """The thread begins with the first element that is asked for unwatched."""

    def __init__(self, source: Run, buffer: int, timeout: float | None) -> None:
        self.source = source
        self.feed = Feed(source, None if buffer < 0 else buffer, "prefetch", timeout)
        self.started = False
        self._end = weakref.finalize(self, self.feed.stop)
        self._end.atexit = False

    def take(self, count: int) -> Block | None:
        if not self.started:
            if is_watched():
                return self.source.take(count)
            self.started = True
            self.feed.start()
        return self.feed.take(count)

    def skip(self, count: int) -> int:
        return super().skip(count) if self.started else self.source.skip(count)

    def close(self) -> None:
        self.feed.stop()  # whose thread closes the source
        if not self.started:
            self.source.close()


class ParallelMap(Map):
    """``map`` with several calls in flight."""

    def __init__(
        self, source: Node, function: UserFunction, calls: int, ordered: bool | None
    ) -> None:
        super().__init__(source, function)
        self.calls, self.ordered = calls, ordered

    def run(self, opening: Opening) -> Run:
        ordered = opening.options.ordered(self.ordered)
        timeout = opening.options.timeout
        return _CallingAtOnce(self, self.inputs[0].open(opening), ordered, timeout)


class _CallingAtOnce(Run):
    def __init__(
        self, node: ParallelMap, source: Run, ordered: bool, timeout: float | None
    ) -> None:
        self.timeout = timeout
        self.node, self.reader, self.ordered = node, Reader(source), ordered
        self.most = node.calls if node.calls > 0 else cores()
        self.flying: collections.deque[Future[Any]] = collections.deque()
        self.number = -1
        self.seconds = self.calls = 0.0

    def take(self, count: int) -> Block | None:
        rows: list[list[Any]] = []
        form = None
        while len(rows) < count:
            cheap = self.calls >= 16 and self.seconds < CHEAP * self.calls
            self._launch(1 if cheap or is_watched() else self.most)
            if not self.flying:
                break
            future = self._landed(wait_for=not rows)
            if future is None:
                break
            if future.exception() is not None and rows:
                self.flying.appendleft(future)
                break
            (row, of), seconds = future.result()
            self.seconds += seconds
            self.calls += 1
            if form is not None and of != form:
                self.flying.appendleft(future)
                break
            form = of
            rows.append(row)
        return of_rows(rows, form) if form is not None else None

    def _launch(self, most: int) -> None:
        while len(self.flying) < most:
            block: Block | None
            try:
                block = self.reader.read(1)
            except Exception as error:  # noqa: BLE001  (raised at its place)
                failed: Future[Any] = Future()
                failed.set_exception(error)
                self.flying.append(failed)
                continue
            if block is None:
                return
            self.number += 1
            if most == 1:
                self.flying.append(_here(self.node, block, self.number))
            else:
                self.flying.append(submit(_call, self.node, block, self.number))

    def _landed(self, wait_for: bool) -> Future[Any] | None:
        """The next call that has ended, or None if one would have to wait."""
        if self.ordered:
            first = self.flying[0]
            if not wait_for and not first.done():
                return None
            landed(self.flying, True, "map", self.timeout)
            return self.flying.popleft()
        done = next((f for f in self.flying if f.done()), None)
        if done is None:
            if not wait_for:
                return None
            done = landed(self.flying, False, "map", self.timeout)
        self.flying.remove(done)
        return done

    def skip(self, count: int) -> int:
        if self.flying:
            return super().skip(count)
        gone = self.reader.skip(count)
        self.number += gone
        return gone

    def close(self) -> None:
        self.reader.close()


def _call(node: Map, block: Block, number: int) -> Any:
    start = time.perf_counter()
    try:
        return node.function.row(block.row(0), block.form), time.perf_counter() - start
    except Exception as error:
        noted(error, node, number)
        raise


def _here(node: Map, block: Block, number: int) -> Future[Any]:
    future: Future[Any] = Future()
    try:
        future.set_result(_call(node, block, number))
    except Exception as error:  # noqa: BLE001  (raised at its place)
        future.set_exception(error)
    return future


def cores() -> int:
    """How many calls AUTOTUNE makes at once."""
    from twofold.runtime.threads import get_num_threads  # noqa: PLC0415

    return max(2, get_num_threads())
