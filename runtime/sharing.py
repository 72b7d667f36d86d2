"""Tasks of eager code that several threads share; compiled kernels have the pool of ``threads.py``.

The tasks are calls of NumPy that give up the GIL. A caller that finds the helpers busy runs all
its tasks itself, so nobody waits for them. What the tasks are, and so what they give, must not
depend on how many threads there are. Idle helpers end before a fork, and a child starts with none:
the next job starts new ones.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

from .quiet import quiet
from .threads import get_num_threads

__all__ = ["share"]

Task = Callable[[], Any]


class _Job:
    """Tasks that threads take one by one; a ticket for each helper, until the caller takes it."""

    def __init__(self, tasks: Sequence[Task], helpers: int) -> None:
        self.left = iter(tasks)  # gives each task once, whichever thread asks
        self.tickets = [None] * helpers
        self.finished = threading.Semaphore(0)
        self.error: BaseException | None = None

    def work(self) -> None:
        """Run tasks until none is left. Keeps the first error, and lets the others stop."""
        try:
            for task in self.left:
                task()
        except BaseException as error:  # noqa: BLE001  (raised again by the caller)
            self.left = iter(())
            self.error = self.error or error


class _Helper(threading.Thread):
    """Sleeps until there is a job."""

    def __init__(self) -> None:
        super().__init__(name="twofold-eager", daemon=True)
        self.jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self.start()

    def run(self) -> None:
        """Work on each job that still has a ticket, until there is None."""
        while (job := self.jobs.get()) is not None:
            if _take(job.tickets):
                quiet.run(job.work)
                job.finished.release()


def _take(tickets: list[None]) -> bool:
    try:
        tickets.pop()
    except IndexError:
        return False
    return True


class _Pool:
    def __init__(self) -> None:
        self.busy = threading.Lock()
        self.helpers: list[_Helper] = []

    def call(self, count: int) -> list[_Helper]:
        """``count`` helpers, or fewer when the interpreter starts no more threads."""
        try:
            while len(self.helpers) < count:
                self.helpers.append(_Helper())
        except RuntimeError:
            pass
        return self.helpers[:count]

    def stop(self) -> None:
        """End the helpers, unless they are at work."""
        if self.busy.acquire(blocking=False):
            for helper in self.helpers:
                helper.jobs.put(None)
            for helper in self.helpers:
                helper.join()
            self.helpers = []
            self.busy.release()


_pool = _Pool()


def _before_fork() -> None:
    _pool.stop()


def _after_fork() -> None:
    global _pool
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)


def share(tasks: Sequence[Task]) -> None:
    """Run all tasks, on as many threads as there are.

    Raises what a task raises, when no task runs any more.
    """
    pool = _pool
    threads = min(get_num_threads(), len(tasks))
    if threads < 2 or not pool.busy.acquire(blocking=False):
        for task in tasks:
            task()
        return
    try:
        _together(tasks, pool.call(threads - 1))
    finally:
        pool.busy.release()


def _together(tasks: Sequence[Task], helpers: list[_Helper]) -> None:
    job = _Job(tasks, len(helpers))
    for helper in helpers:
        helper.jobs.put(job)
    job.work()
    late = 0
    while _take(job.tickets):
        late += 1
    for _ in range(len(helpers) - late):
        job.finished.acquire()
    if job.error is not None:
        raise job.error
