"""Compile in the background: one worker thread, so that a first call need not wait.

Lock discipline: ``_lock`` guards the queue and the worker; it is never held while compiling. The
worker ends when the queue is empty, so an idle process has no thread. At exit the job in hand is
finished and the rest dropped, because machine code must not be made while the interpreter goes
down. After a fork the child starts with an empty queue.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from types import MethodType

__all__ = ["submit", "wait"]

_lock = threading.RLock()  # a collection of garbage under it may run a __del__ that submits
_jobs: deque[Callable[[], Callable[[], None] | None]] = deque()
_worker: threading.Thread | None = None


def submit(job: Callable[[], None]) -> None:
    """Run a job soon, in the worker thread. It must not raise.

    A bound method is held weakly: what is to be compiled may go before its turn comes.
    """
    global _worker
    held = weakref.WeakMethod(job) if isinstance(job, MethodType) else lambda: job
    with _lock:
        _jobs.append(held)
        if _worker is None:
            _worker = threading.Thread(target=_work, name="twofold-compiler", daemon=True)
            _worker.start()


def _work() -> None:
    global _worker
    while True:
        with _lock:
            if not _jobs:
                _worker = None
                return
            held = _jobs.popleft()
        job = held()
        if job is not None:
            job()
        del job, held


def wait(timeout: float | None = None) -> None:
    """Return when everything submitted so far has been compiled (or after ``timeout`` seconds)."""
    worker = _worker
    if worker is not None and worker is not threading.current_thread():
        worker.join(timeout)


def _at_exit() -> None:
    with _lock:
        _jobs.clear()
    wait()


def _after_fork() -> None:
    global _lock, _worker
    _lock = threading.RLock()
    _jobs.clear()
    _worker = None


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)
