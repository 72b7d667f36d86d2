"""Compile in the background: one worker thread, so that a first call need not wait.

Lock discipline: ``_lock`` guards the queue and the worker; it is never held while compiling. The
worker ends when the queue is empty, so an idle process has no thread. At exit the interpreter waits
for it, before it calls what was registered with ``atexit``, for a job may be importing a module
that registers something. The job in hand is finished and the rest dropped.

Before a fork the worker finishes the job in hand and ends, then the fork waits for those who
compile in threads of the user's: LLVM holds locks meanwhile, which nobody would release in the
child. The child starts with an empty queue; in the parent the worker goes on with the next call.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
import weakref
from collections import deque
from collections.abc import Callable
from types import MethodType

from twofold.ir import bind

__all__ = ["ending", "go_on", "hold_at_fork", "submit", "tell", "wait"]

PATIENCE = 60.0  # seconds that a fork waits for the job in hand

_lock = threading.RLock()  # a collection of garbage under it may run a __del__ that submits
_jobs: deque[Callable[[], Callable[[], None] | None]] = deque()
_worker: threading.Thread | None = None
_paused = False  # for a fork
_held: list[threading.RLock] = []  # what a fork takes, in this order
_taken: list[threading.RLock] = []  # what it has taken


def submit(job: Callable[[], None]) -> None:
    """Run a job soon, in the worker thread. What it raises is told as of any thread, and the worker
    goes on with the next job.

    A bound method is held weakly: what is to be compiled may go before its turn comes.
    """
    held = weakref.WeakMethod(job) if isinstance(job, MethodType) else lambda: job
    with _lock:
        _jobs.append(held)
    go_on()


def go_on() -> None:
    """Start the worker if there are jobs and it does not run."""
    global _worker
    if not _jobs or _worker is not None:
        return
    with _lock:
        if _worker is None and not _paused:
            made = threading.Thread(target=_work, name="twofold-compiler", daemon=False)
            try:
                made.start()
            except RuntimeError:  # the system gives no more threads, or the interpreter goes down
                return
            _worker = made


def ending() -> bool:
    """Whether the program has ended, so that the interpreter only waits for the worker. What a job
    imports now may not load any more."""
    return not threading.main_thread().is_alive()


def tell(what: str, error: Exception) -> None:
    """Warn that something could not be compiled and stays on array operations: their results are
    the same. Not at the end of the program, when nothing can be imported any more."""
    if not ending():
        warnings.warn(f"{what} stays on array operations: {error!r}", stacklevel=3)


def _work() -> None:
    global _worker
    while True:
        with _lock:
            if ending():
                _jobs.clear()
            if not _jobs or _paused:
                _worker = None
                return
            held = _jobs.popleft()
        job = held()
        if job is not None:
            _do(job)
        del job, held


def _do(job: Callable[[], None]) -> None:
    """Run a job. An error of it, perhaps a warning that is to be one, does not end the worker: the
    others wait for it."""
    try:
        job()
    except BaseException:  # noqa: BLE001  (of whatever kind: told by the hook of threads)
        told = [*sys.exc_info(), threading.current_thread()]
        threading.excepthook(threading.ExceptHookArgs(told))


def wait(timeout: float | None = None) -> None:
    """Return when everything submitted so far has been compiled (or after ``timeout`` seconds)."""
    go_on()
    worker = _worker
    if worker is not None and worker is not threading.current_thread():
        worker.join(timeout)


def hold_at_fork(*locks: threading.RLock) -> None:
    """Let a fork take these locks, in this order, when the worker has ended."""
    _held.extend(locks)


def _before_fork() -> None:
    global _paused
    with _lock:
        _paused, worker = True, _worker
    # who forks while a function is traced has a lock that the job in hand may need
    if worker not in (None, threading.current_thread()) and not bind.ground().tracing:
        worker.join(PATIENCE)
    _taken[:] = [*_held, _lock]
    for lock in _taken:
        lock.acquire()


def _after_fork(child: bool) -> None:
    global _paused, _worker
    _paused = False
    if child:
        _jobs.clear()
        _worker = None
    while _taken:  # nothing, if this module was imported while the fork waited
        _taken.pop().release()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=_before_fork, after_in_parent=lambda: _after_fork(child=False),
        after_in_child=lambda: _after_fork(child=True),
    )  # fmt: skip
