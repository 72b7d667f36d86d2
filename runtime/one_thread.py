"""BLAS on one thread while a product of twofold is in flight.

Threads. OpenBLAS's own threads wait for about 30 ms after a product by yielding in a loop and keep
the pool of ``threads.py`` off their cores; they wait for each other the same way. Measured on
two cores, microseconds, for a loop of one pool job (8 x 10 us, so 40 at best) and one float32
product: m, k, n = 128, 784, 512 with OpenBLAS on two threads 60-95 + 565, with OpenBLAS on one
thread and the product cut into four column panels by ``parallel_for`` 41 + 560; 64, 256, 256:
81 + 56 against 41 + 52; 64, 128, 64 (which OpenBLAS does not split): 41 + 9.0 against 41 + 5.4.
With another process on one core the pool's mean doubled, OpenBLAS's on two threads grew tenfold.
So products are cut into panels, eager ones in ``products.py``, compiled ones in
``compiler/native/gemm.py``, and BLAS works on one thread meanwhile (``one_thread``). The setting
is one for the whole process: it is 1 from the start of the first product in flight to the end of
the last one, in whichever threads they are, and then what it was before. In that time NumPy's own
products in other threads have one thread, too. If somebody else changes the setting meanwhile
(threadpoolctl), it stays as they left it, and the products in flight may have other last bits.
After a fork the child starts with what the user had set in the parent.

Concurrency. OpenBLAS from 0.3.28 until pull request 5838 (June 2026) may return wrong numbers when
two threads of a program run *multithreaded* products of different transpose variants at the same
time (OpenBLAS issue 5836, NumPy issues 29391 and 31618). Products on one thread are not affected.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .blas import find_blas

__all__ = ["STATE", "OneThread", "one_thread"]

STATE: Final = ("inside", "before", "get", "set")
"""The words of the state: products in flight; the number that was set, while it is 1 for us (else
0); the addresses of BLAS's functions (0 where it has none)."""

_INSIDE, _BEFORE, _GET, _SET = range(len(STATE))


class OneThread:
    """A context in which BLAS works on one thread; see the module's text.

    The state is an array because machine code shares it: a compiled product counts itself in
    and out in steps that hold the GIL (``compiler/native/driver.py``). Until there is such code,
    Python does the steps under a lock; it is re-entrant, and each step leaves a state that
    holds, since a signal handler or a finalizer that multiplies may come between any two.
    """

    def __init__(self) -> None:
        self.state = np.zeros(len(STATE), np.int64)
        self.enter: Callable[[], Any] = self._find
        self.leave: Callable[[], Any] = self._nothing
        self._lock = threading.RLock()
        self._get: Callable[[], int] = lambda: 1
        self._set: Callable[[int], Any] = lambda _: None

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *error: object) -> None:
        self.leave()

    def find(self) -> bool:
        """Look for BLAS's functions; whether it has them."""
        with self._lock:
            if self.enter == self._find:
                self._look()
        return bool(self.state[_SET])

    def replace(self, enter: Callable[[], Any], leave: Callable[[], Any]) -> None:
        """Take these functions, which count in the same state, each in one step under the GIL."""
        with self._lock:
            self.enter, self.leave = enter, leave

    def _look(self) -> None:
        blas = find_blas()
        addresses = blas.addresses if blas else {}
        if "set_num_threads" in addresses:
            self.state[_GET] = addresses["get_num_threads"]
            self.state[_SET] = addresses["set_num_threads"]
            self._get = ctypes.PYFUNCTYPE(ctypes.c_int)(addresses["get_num_threads"])
            self._set = ctypes.PYFUNCTYPE(None, ctypes.c_int)(addresses["set_num_threads"])
            self.enter, self.leave = self._enter, self._leave
        else:
            self.enter = self._nothing

    def _nothing(self) -> None:
        """BLAS has no number of threads."""

    def _find(self) -> None:
        self.find()
        self.enter()

    def _enter(self) -> None:
        with self._lock:
            if self.enter == self._enter:
                self.state[_INSIDE] += 1
                if not self.state[_BEFORE]:
                    self.state[_BEFORE] = self._get()
                self._set(1)
            else:  # replaced while this thread waited
                self.enter()

    def _leave(self) -> None:
        with self._lock:
            if self.leave == self._leave:
                self.state[_INSIDE] -= 1
                if not self.state[_INSIDE]:
                    self._restore()
            else:
                self.leave()

    def _restore(self) -> None:
        before, self.state[_BEFORE] = int(self.state[_BEFORE]), 0
        if before and self._get() == 1:
            self._set(before)

    def after_fork(self) -> None:
        """Only the thread that forked is here, and it is not inside."""
        self._lock = threading.RLock()
        self.state[_INSIDE] = 0
        self._restore()


_one_thread = OneThread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_one_thread.after_fork)


def one_thread() -> OneThread:
    """The context in which BLAS works on one thread, whatever other threads are doing.

    >>> with one_thread():
    ...     blas = find_blas()
    ...     blas is None or blas.get_num_threads() in (1, None)
    True
    """
    return _one_thread
