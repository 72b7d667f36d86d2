"""The pool of threads that runs compiled kernels over chunks of an index range.

``parallel_for_address()`` is the address of a C function for compiled code::

    void parallel_for(void (*body)(void *ctx, int64_t lo, int64_t hi), void *ctx,
                      int64_t n, int64_t grain);

It calls ``body`` on ``[0, grain)``, ``[grain, 2 * grain)`` ... up to ``n``, on all threads, and
returns when every call has returned. The chunks depend on ``n`` and ``grain`` only, so a body that
keeps one partial result per chunk gives the same numbers with any number of threads.

Everything is native code (``pool.py``), loaded once per process as kernels
are (from the cache on disk, or compiled in about 20 ms): the workers never touch the interpreter,
so they need no GIL, do not appear in ``threading``, cannot be caught half-way by the interpreter's
exit, and can be started by ``parallel_for`` itself when they are missing, which is what a forked
child needs.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from .loader import Code
from .pool import MAX_THREADS, ROUNDS_PER_YIELD, THREADED

__all__ = [
    "MAX_THREADS",
    "SPIN_MICROSECONDS",
    "default_num_threads",
    "get_num_threads",
    "parallel_for_address",
    "set_num_threads",
]

SPIN_MICROSECONDS: Final = 20.0
"""How long an idle worker, or a caller whose workers are late, watches before it sleeps.

Waking a sleeper costs the caller about 11 us and the worker arrives some 40 us late; a job of eight
10 us chunks, 40 us on two cores, takes 63 us after a pause of 50 us and 41 us after one of 20 us.
But a spinning worker also holds a core that BLAS may want: after a two-thread OpenBLAS product,
whose own threads keep the other core, that job took 80 us plus the whole spin (97, 115, 141 and
290 us with 5, 20, 50 and 200 us). Hence a short spin, which yields the core every 2 us or so
(81 us with any spin).
"""


class _Native(NamedTuple):
    parallel_for: int
    limit: ctypes.c_int64
    code: Code


_requested: int | None = None  # by set_num_threads
_loaded: _Native | None = None
_lock = threading.RLock()  # guards the two above
_taken: list[threading.RLock] = []  # by a fork; none, if this was imported while it waited


def _before_fork() -> None:
    _lock.acquire()
    _taken.append(_lock)


def _after_fork() -> None:
    while _taken:
        _taken.pop().release()


if hasattr(os, "register_at_fork"):  # a child must not inherit it locked
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )


def get_num_threads() -> int:
    """Threads that work on one compiled kernel, the calling one included.

    Unless set, it is the environment variable ``TWOFOLD_NUM_THREADS`` or else the number of CPUs
    this process may run on. Raises ``ValueError`` when the variable is not a count. BLAS has its
    own setting: ``find_blas().set_num_threads``.

    >>> get_num_threads() >= 1
    True
    """
    return _requested if _requested is not None else default_num_threads()


def set_num_threads(count: int) -> None:
    """Let compiled kernels use ``count`` threads from their next call on; ``1`` means no workers.

    Results do not depend on it. Raises ``ValueError`` unless ``count`` is an integer from 1 to
    ``MAX_THREADS``.

    >>> set_num_threads(get_num_threads())
    """
    global _requested
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_THREADS:
        raise ValueError(f"the number of threads is an integer from 1 to {MAX_THREADS}: {count!r}")
    with _lock:
        _requested = count
        if _loaded is not None:
            _loaded.limit.value = count


def parallel_for_address(build: Callable[[], Code]) -> int:
    """The address of ``parallel_for`` (see the module's text); ``build`` loads the pool first.

    The address holds for this process and its forked children.

    >>> from twofold.compiler.native.machine import pool_address
    >>> pool_address() == pool_address()
    True
    """
    global _loaded
    if _loaded is None:
        code = build()  # without the lock: building takes locks of its own
        with _lock:
            if _loaded is None:
                _loaded = _start(code)
    return _loaded.parallel_for


@functools.cache
def default_num_threads() -> int:
    """What ``get_num_threads`` says before it is set."""
    text = os.environ.get("TWOFOLD_NUM_THREADS")
    if text is None:
        affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
        available = len(affinity(0)) if affinity else os.cpu_count() or 1
        return min(available, MAX_THREADS)
    if not text.strip().isdecimal() or not 1 <= int(text) <= MAX_THREADS:
        raise ValueError(f"TWOFOLD_NUM_THREADS is an integer from 1 to {MAX_THREADS}: {text!r}")
    return int(text)


def _start(code: Code) -> _Native:
    count = get_num_threads()
    names = code.addresses
    limit = ctypes.c_int64(1)
    if THREADED:
        limit = ctypes.c_int64.from_address(names["limit"])
        spins = ctypes.c_int64.from_address(names["spins"])
        spins.value = _spins(names["wait"])
        if hasattr(os, "register_at_fork"):
            call = ctypes.CFUNCTYPE(None)
            os.register_at_fork(before=call(names["stop"]), after_in_child=call(names["reset"]))
    limit.value = count
    # Workers sleep in this code until the process ends, so _loaded keeps it.
    return _Native(names["parallel_for"], limit, code)


def _spins(address: int) -> int:
    """Rounds of waiting that last ``SPIN_MICROSECONDS`` on this CPU.

    The rounds that are timed are too few to yield the core, which would take as long as another
    process likes. What calling takes and what yielding takes about cancel out.
    """
    wait = ctypes.CFUNCTYPE(None, ctypes.c_int64)(address)
    rounds, best = ROUNDS_PER_YIELD - 2, float("inf")
    for _ in range(16):
        start = time.perf_counter()
        wait(rounds)
        best = min(best, time.perf_counter() - start)
    return max(1, round(rounds * SPIN_MICROSECONDS * 1e-6 / best))
