"""Threads of pipelines: a pool for parallel calls, and what a feeding thread shares with a reader.

All are daemons, made when they are needed: nothing here keeps a process from ending. A forked child
has none of its parent's threads and makes its own.
"""

from __future__ import annotations

import atexit
import collections
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from .block import Block
from .node import Run

__all__ = ["Feed", "landed", "submit"]

PATIENCE = 30.0  # seconds after which a wait is told
IDLE = 10.0  # seconds after which a thread of the pool without work ends
MOST_BYTES = 256 << 20  # that a feed holds, beyond one block
QUICK, SLOW = 200e-6, 1e-3  # seconds for a block, below which it grows and above which it shrinks

log = logging.getLogger("twofold.data")


class _Pool:
    """Threads that carry out calls. There is always an idle one or a new one for a call, so calls
    may wait for others."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.tasks: collections.deque[Any] = collections.deque()
        self.idle = 0
        self.pid = os.getpid()

    def submit(self, call: Callable[..., Any], args: tuple[Any, ...]) -> Future[Any]:
        future: Future[Any] = Future()
        with self.changed:
            self.tasks.append((future, call, args))
            if self.idle >= len(self.tasks):
                self.changed.notify()
                return future
        threading.Thread(target=self._work, name="twofold.data", daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            with self.changed:
                if not self.tasks:
                    self.idle += 1
                    self.changed.wait(IDLE)
                    self.idle -= 1
                if not self.tasks:
                    return
                future, call, args = self.tasks.popleft()
            future.thread = threading.current_thread()
            try:
                result = call(*args)
            except BaseException as error:  # noqa: BLE001  (handed to who waits)
                future.set_exception(error)
            else:
                future.set_result(result)
            del future, call, args


_pool = _Pool()


def submit(call: Callable[..., Any], *args: Any) -> Future[Any]:
    """Have a thread of the pool make a call."""
    global _pool
    if _pool.pid != os.getpid():
        _pool = _Pool()
    return _pool.submit(call, args)


_feeds: weakref.WeakSet[Feed] = weakref.WeakSet()


class Feed:
    """Blocks that a thread takes from a run ahead of its reader, a bounded number of them.

    ``limit``: how many elements; None starts at 2 and doubles whenever the reader has to wait.
    """

    def __init__(
        self, run: Run, limit: int | None, what: str, timeout: float | None = None
    ) -> None:
        self.run, self.what, self.timeout = run, what, timeout
        self.grows = limit is None
        self.limit = 2 if limit is None else limit
        self.changed = threading.Condition()
        self.blocks: collections.deque[Block | BaseException | None] = collections.deque()
        self.count = self.nbytes = 0
        self.stopped = False
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to read."""
        self.thread = threading.Thread(target=_fill, args=(self,), name=self.what, daemon=True)
        _feeds.add(self)
        self.thread.start()

    def take(self, count: int) -> Block | None:
        """As that of a run; waits for the thread."""
        with self.changed:
            if not self.blocks and self.grows and self.count == 0:
                self.limit = min(2 * self.limit, 1024)
            self._wait()
            first = self.blocks[0]
            if first is None:
                return None
            self.blocks.popleft()
            if isinstance(first, BaseException):
                self.count -= 1
            else:
                if first.count > count:
                    self.blocks.appendleft(first.cut(count, first.count))
                    first = first.cut(0, count)
                self.count -= first.count
                self.nbytes -= min(self.nbytes, first.nbytes())
            self.changed.notify_all()
        if isinstance(first, BaseException):
            raise first
        return first

    def _wait(self) -> None:
        patience = _Patience(self.what, self.timeout)
        while not self.blocks:
            self.changed.wait(patience.step)
            if not self.blocks:
                patience.tell(self.thread)

    def stop(self) -> None:
        """Have the thread end after what it has in hand."""
        with self.changed:
            self.stopped = True
            self.changed.notify_all()


def _fill(feed: Feed) -> None:
    size = 1
    while True:
        with feed.changed:
            while not feed.stopped and (
                feed.count >= feed.limit or (feed.count and feed.nbytes > MOST_BYTES)
            ):
                feed.changed.wait()
            if feed.stopped:
                break
            room = feed.limit - feed.count
        start = time.perf_counter()
        made: Block | BaseException | None
        try:
            made = feed.run.take(min(size, room))
        except BaseException as error:  # noqa: BLE001  (raised by the reader, SystemExit too)
            made = error
        elapsed = time.perf_counter() - start
        size = 2 * size if elapsed < QUICK else max(1, size // 2) if elapsed > SLOW else size
        with feed.changed:
            feed.blocks.append(made)
            if isinstance(made, Block):
                feed.count += made.count
                feed.nbytes += made.nbytes()
            elif made is not None:
                feed.count += 1
            feed.changed.notify_all()
        if made is None:
            break
        del made
    feed.run.close()


class _Patience:
    """How long one waits for a thread: tells it in the log, and raises TimeoutError at the end."""

    def __init__(self, what: str, timeout: float | None) -> None:
        self.what, self.timeout, self.start = what, timeout, time.monotonic()
        self.told = 0.0

    @property
    def step(self) -> float:
        """Seconds until there is something to tell."""
        return PATIENCE if self.timeout is None else min(PATIENCE, self.timeout)

    def tell(self, thread: threading.Thread | None) -> None:
        """Tell that the wait goes on, or give it up."""
        waited = time.monotonic() - self.start
        words = f"{self.what}: waiting for {waited:.0f} s; {standing(thread)}"
        if self.timeout is not None and waited >= self.timeout:
            raise TimeoutError(words)
        if waited - self.told >= PATIENCE:
            self.told = waited
            log.warning("%s", words)


def landed(futures: Any, first: bool, what: str, timeout: float | None) -> Any:
    """Wait for the first of several calls to end, or for whichever ends first; returns it.

    Raises TimeoutError, with the line at which the thread is.
    """
    patience = _Patience(what, timeout)
    wanted = [futures[0]] if first else list(futures)
    while True:
        done, waiting = wait(wanted, patience.step, FIRST_COMPLETED)
        if done:
            return next(f for f in wanted if f in done)
        patience.tell(getattr(next(iter(waiting)), "thread", None))


def standing(thread: threading.Thread | None) -> str:
    """Where a thread is, in a line."""
    if thread is None or not thread.is_alive():
        return "its thread has ended"
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and os.path.dirname(__file__) in frame.f_code.co_filename:
        frame = frame.f_back
    if frame is None:
        return "its thread is between two elements"
    return f"its thread is at {frame.f_code.co_filename}:{frame.f_lineno}"


def _stop_all() -> None:
    """At exit: tell all threads to end, and wait half a second for those that do."""
    feeds = list(_feeds)
    for feed in feeds:
        if feed.changed.acquire(timeout=0.1):
            feed.stopped = True
            feed.changed.notify_all()
            feed.changed.release()
    end = time.monotonic() + 0.5
    for feed in feeds:
        if feed.thread is not None and feed.thread is not threading.current_thread():
            feed.thread.join(max(0.0, end - time.monotonic()))


atexit.register(_stop_all)
