"""The pool of threads that runs compiled kernels over chunks of an index range.

``parallel_for_address()`` is the address of a C function for compiled code::

    void parallel_for(void (*body)(void *ctx, int64_t lo, int64_t hi), void *ctx,
                      int64_t n, int64_t grain);

It calls ``body`` on ``[0, grain)``, ``[grain, 2 * grain)`` ... up to ``n``, on all threads, and
returns when every call has returned. The chunks depend on ``n`` and ``grain`` only, so a body that
keeps one partial result per chunk gives the same numbers with any number of threads.

Everything is native code, written in LLVM's language below and loaded once per process as kernels
are (from the cache on disk, or compiled in about 20 ms): the workers never touch the interpreter,
so they need no GIL, do not appear in ``threading``, cannot be caught half-way by the interpreter's
exit, and can be started by ``parallel_for`` itself when they are missing, which is what a forked
child needs.

Protocol. One 64-bit word, the gate, says everything about the current job: its number (epoch),
whether it is open, how many workers are in it, and whether the caller sleeps until they leave.
- Publish: the caller writes the job, then the gate with a new epoch and ``open``.
- Join: a worker adds itself by compare-and-swap on an open gate, so it joins this job or none. The
  job's fields cannot change under it: the caller stays until no worker is inside.
- Chunks are claimed by an atomic increment, by workers and caller alike.
- Close: the caller clears ``open`` when no chunk is left, and waits for those inside. Workers that
  slept through a short job are not waited for.
- Busy: a second caller, be it another thread or a body that calls ``parallel_for``, finds the
  pool taken and runs its chunks itself, in order. Nobody ever waits for the pool.
- Fork: a child starts with the pool reset and without workers; the next job starts new ones.
- Idle workers spin for ``SPIN_MICROSECONDS`` and then sleep on a condition variable.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from .loader import Code

__all__ = [
    "MAX_THREADS",
    "SPIN_MICROSECONDS",
    "get_num_threads",
    "parallel_for_address",
    "pool_llvm",
    "set_num_threads",
]

MAX_THREADS: Final = 1024

SPIN_MICROSECONDS: Final = 20.0
"""How long an idle worker, or a caller whose workers are late, watches before it sleeps.

Waking a sleeper costs the caller about 11 us and the worker arrives some 40 us late; a job of eight
10 us chunks, 40 us on two cores, takes 63 us after a pause of 50 us and 41 us after one of 20 us.
But a spinning worker also holds a core that BLAS may want: after a two-thread OpenBLAS product,
whose own threads keep the other core, that job took 80 us plus the whole spin (97, 115, 141 and
290 us with 5, 20, 50 and 200 us). Hence a short spin, which yields the core every 2 us or so
(81 us with any spin).
"""

# The gate: bits 0-15 workers inside, bit 16 open, bit 17 caller sleeps, bits 32-63 epoch.
_OPEN = 1 << 16
_SLEEPS = 1 << 17
_INSIDE = _OPEN - 1
_EPOCH = 1 << 32

_THREADED = sys.platform != "win32"  # which has no pthreads
_ROUNDS_PER_YIELD = 64  # a power of two

_SERIAL = """
define void @parallel_for(ptr %body, ptr %ctx, i64 %n, i64 %grain) {
  %positive = icmp sgt i64 %grain, 0
  %step = select i1 %positive, i64 %grain, i64 1
  call void @serial(ptr %body, ptr %ctx, i64 %n, i64 %step)
  ret void
}
"""

_COMMON = """
; all chunks, in order, on the calling thread
define internal void @serial(ptr %body, ptr %ctx, i64 %n, i64 %step) {
entry:
  br label %test
test:
  %lo = phi i64 [ 0, %entry ], [ %hi, %call ]
  %more = icmp slt i64 %lo, %n
  br i1 %more, label %call, label %end
call:
  %left = sub i64 %n, %lo
  %whole = icmp slt i64 %step, %left
  %size = select i1 %whole, i64 %step, i64 %left
  %hi = add i64 %lo, %size
  call void %body(ptr %ctx, i64 %lo, i64 %hi)
  br label %test
end:
  ret void
}
"""

_PARALLEL = """
@limit = global i64 1, align 128                ; threads that may work on a job, caller included
@spins = global i64 0, align 128                ; rounds of waiting before sleep
@gate = internal global i64 0, align 128
@next = internal global i64 0, align 128        ; the next chunk nobody has claimed
@busy = internal global i32 0, align 128        ; 1 while a caller owns the pool
@sleepers = internal global i32 0, align 128    ; workers on the condition variable @wake
@workers = internal global i64 0, align 128     ; threads started; guarded by @busy
%Job = type { ptr, ptr, i64, i64, i64 }         ; body, ctx, n, grain, chunks
@job = internal global %Job zeroinitializer, align 128
@mutex = internal global [128 x i8] zeroinitializer, align 128
@wake = internal global [128 x i8] zeroinitializer, align 128
@done = internal global [128 x i8] zeroinitializer, align 128

declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_attr_init(ptr)
declare i32 @pthread_attr_setstacksize(ptr, i64)
declare i32 @pthread_attr_destroy(ptr)
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_signal(ptr)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @sigfillset(ptr)
declare i32 @sched_yield()
PAUSE_DECLARATION

define void @parallel_for(ptr %body, ptr %ctx, i64 %n, i64 %grain) {
entry:
  %positive = icmp sgt i64 %grain, 0
  %step = select i1 %positive, i64 %grain, i64 1
  %limit = load atomic i64, ptr @limit monotonic, align 8
  %several = icmp sgt i64 %n, %step
  %threaded = icmp sgt i64 %limit, 1
  %try = and i1 %several, %threaded
  br i1 %try, label %claim, label %alone
claim:
  %claimed = cmpxchg ptr @busy, i32 0, i32 1 acquire monotonic
  %mine = extractvalue { i32, i1 } %claimed, 1
  br i1 %mine, label %publish, label %alone
alone:
  call void @serial(ptr %body, ptr %ctx, i64 %n, i64 %step)
  ret void
publish:
  call void @recruit(i64 %limit)
  %last = sub i64 %n, 1
  %others = udiv i64 %last, %step               ; chunks - 1
  %chunks = add i64 %others, 1
  store ptr %body, ptr @job
  store ptr %ctx, ptr getelementptr (%Job, ptr @job, i32 0, i32 1)
  store i64 %n, ptr getelementptr (%Job, ptr @job, i32 0, i32 2)
  store i64 %step, ptr getelementptr (%Job, ptr @job, i32 0, i32 3)
  store i64 %chunks, ptr getelementptr (%Job, ptr @job, i32 0, i32 4)
  store atomic i64 0, ptr @next monotonic, align 8
  %before = load atomic i64, ptr @gate monotonic, align 8
  %epoch = and i64 %before, -EPOCH
  %raised = add i64 %epoch, EPOCH
  %opened = or i64 %raised, OPEN
  %ignored = atomicrmw xchg ptr @gate, i64 %opened seq_cst
  ; Sequentially consistent on both sides: either the worker that is about to sleep sees the open
  ; gate, or this load sees the worker.
  %asleep = load atomic i32, ptr @sleepers seq_cst, align 4
  %anyone = icmp ne i32 %asleep, 0
  br i1 %anyone, label %rouse, label %work
rouse:
  %spare = sub i64 %limit, 1
  %fewer = icmp slt i64 %others, %spare
  %useful = select i1 %fewer, i64 %others, i64 %spare
  %sleeping = zext i32 %asleep to i64
  %short = icmp slt i64 %sleeping, %useful
  %count = select i1 %short, i64 %sleeping, i64 %useful
  call void @rouse(i64 %count)
  br label %work
work:
  call void @work()
  %closing = atomicrmw and ptr @gate, i64 NOT_OPEN acq_rel
  %inside = and i64 %closing, INSIDE
  %empty = icmp eq i64 %inside, 0
  br i1 %empty, label %release, label %await
await:
  call void @await()
  br label %release
release:
  store atomic i32 0, ptr @busy release, align 4
  ret void
}

; claim and run chunks of the current job until none is left
define internal void @work() {
entry:
  %body = load ptr, ptr @job
  %ctx = load ptr, ptr getelementptr (%Job, ptr @job, i32 0, i32 1)
  %n = load i64, ptr getelementptr (%Job, ptr @job, i32 0, i32 2)
  %step = load i64, ptr getelementptr (%Job, ptr @job, i32 0, i32 3)
  %chunks = load i64, ptr getelementptr (%Job, ptr @job, i32 0, i32 4)
  br label %claim
claim:
  %chunk = atomicrmw add ptr @next, i64 1 monotonic
  %valid = icmp slt i64 %chunk, %chunks
  br i1 %valid, label %call, label %end
call:
  %lo = mul i64 %chunk, %step
  %left = sub i64 %n, %lo
  %whole = icmp slt i64 %step, %left
  %size = select i1 %whole, i64 %step, i64 %left
  %hi = add i64 %lo, %size
  call void %body(ptr %ctx, i64 %lo, i64 %hi)
  br label %claim
end:
  ret void
}

; the caller waits until no worker is inside: spin, then sleep
define internal void @await() {
entry:
  %spins = load atomic i64, ptr @spins monotonic, align 8
  br label %spin
spin:
  %round = phi i64 [ 0, %entry ], [ %following, %again ]
  %seen = load atomic i64, ptr @gate acquire, align 8
  %inside = and i64 %seen, INSIDE
  %empty = icmp eq i64 %inside, 0
  br i1 %empty, label %end, label %again
again:
  call void @lull(i64 %round)
  %following = add i64 %round, 1
  %patient = icmp slt i64 %following, %spins
  br i1 %patient, label %spin, label %lock
lock:
  %l = call i32 @pthread_mutex_lock(ptr @mutex)
  %marked = atomicrmw or ptr @gate, i64 SLEEPS acq_rel
  br label %check
check:
  %now = phi i64 [ %marked, %lock ], [ %later, %sleep ]
  %still = and i64 %now, INSIDE
  %none = icmp eq i64 %still, 0
  br i1 %none, label %unlock, label %sleep
sleep:
  %w = call i32 @pthread_cond_wait(ptr @done, ptr @mutex)
  %later = load atomic i64, ptr @gate acquire, align 8
  br label %check
unlock:
  %u = call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %end
end:
  ret void
}

; wake this many sleeping workers; under the mutex, so that none is between its test and its sleep
define internal void @rouse(i64 %count) {
entry:
  %l = call i32 @pthread_mutex_lock(ptr @mutex)
  br label %signal
signal:
  %i = phi i64 [ 0, %entry ], [ %following, %signal ]
  %s = call i32 @pthread_cond_signal(ptr @wake)
  %following = add i64 %i, 1
  %more = icmp slt i64 %following, %count
  br i1 %more, label %signal, label %end
end:
  %u = call i32 @pthread_mutex_unlock(ptr @mutex)
  ret void
}

; a worker's life; %seen is the epoch it has served or given up
define internal ptr @worker(ptr %unused) {
entry:
  br label %idle
idle:
  %seen = phi i64 [ 0, %entry ], [ %epoch, %full ], [ %epoch, %left ], [ %epoch, %last ],
                  [ %seen, %roused ], [ %seen, %gone ]
  %spins = load atomic i64, ptr @spins monotonic, align 8
  br label %spin
spin:
  %round = phi i64 [ 0, %idle ], [ %following, %again ]
  %gate = load atomic i64, ptr @gate acquire, align 8
  %new = call i1 @is_new(i64 %gate, i64 %seen)
  br i1 %new, label %join, label %again
again:
  call void @lull(i64 %round)
  %following = add i64 %round, 1
  %patient = icmp slt i64 %following, %spins
  br i1 %patient, label %spin, label %lock
lock:
  %l = call i32 @pthread_mutex_lock(ptr @mutex)
  %a = atomicrmw add ptr @sleepers, i32 1 seq_cst
  %look = load atomic i64, ptr @gate seq_cst, align 8
  %late = call i1 @is_new(i64 %look, i64 %seen)
  br i1 %late, label %roused, label %sleep
sleep:
  %w = call i32 @pthread_cond_wait(ptr @wake, ptr @mutex)
  br label %roused
roused:                                          ; back to spinning: one job rarely comes alone
  %b = atomicrmw sub ptr @sleepers, i32 1 seq_cst
  %u = call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %idle
join:
  %found = phi i64 [ %gate, %spin ], [ %current, %retry ]
  %epoch = lshr i64 %found, 32
  %inside = and i64 %found, INSIDE
  %limit = load atomic i64, ptr @limit monotonic, align 8
  %others = sub i64 %limit, 1
  %room = icmp slt i64 %inside, %others
  br i1 %room, label %enter, label %full
full:
  br label %idle
enter:
  %plus = add i64 %found, 1
  %swap = cmpxchg ptr @gate, i64 %found, i64 %plus acq_rel acquire
  %current = extractvalue { i64, i1 } %swap, 0
  %entered = extractvalue { i64, i1 } %swap, 1
  br i1 %entered, label %serve, label %retry
retry:
  %open = call i1 @is_new(i64 %current, i64 %seen)
  br i1 %open, label %join, label %gone
gone:
  br label %idle
serve:
  call void @work()
  %leaving = atomicrmw sub ptr @gate, i64 1 acq_rel
  %company = and i64 %leaving, WAITED_FOR
  %awaited = icmp eq i64 %company, ONE_WAITED_FOR
  br i1 %awaited, label %last, label %left
left:
  br label %idle
last:
  %ll = call i32 @pthread_mutex_lock(ptr @mutex)
  %ls = call i32 @pthread_cond_signal(ptr @done)
  %lu = call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %idle
}

; whether the gate is open for a job other than %seen
define internal i1 @is_new(i64 %gate, i64 %seen) alwaysinline {
  %bit = and i64 %gate, OPEN
  %open = icmp ne i64 %bit, 0
  %epoch = lshr i64 %gate, 32
  %other = icmp ne i64 %epoch, %seen
  %new = and i1 %open, %other
  ret i1 %new
}

; one round of waiting; now and then a thread that shares this core gets its turn: it may be the
; very one that is waited for
define internal void @lull(i64 %round) alwaysinline {
  PAUSE
  %phase = and i64 %round, YIELD_MASK
  %due = icmp eq i64 %phase, YIELD_MASK
  br i1 %due, label %yield, label %end
yield:
  %y = call i32 @sched_yield()
  br label %end
end:
  ret void
}

; start the workers that are missing; they block all signals, which belong to Python's threads
define internal void @recruit(i64 %limit) {
entry:
  %all = alloca [128 x i8], align 16
  %old = alloca [128 x i8], align 16
  %attr = alloca [128 x i8], align 16
  %thread = alloca i64, align 16
  %wanted = sub i64 %limit, 1
  %have = load i64, ptr @workers
  %enough = icmp sge i64 %have, %wanted
  br i1 %enough, label %end, label %prepare
prepare:
  %a = call i32 @sigfillset(ptr %all)
  %b = call i32 @pthread_sigmask(i32 SIG_SETMASK, ptr %all, ptr %old)
  %c = call i32 @pthread_attr_init(ptr %attr)
  %d = call i32 @pthread_attr_setstacksize(ptr %attr, i64 8388608)
  %none = icmp eq i64 %have, 0
  br i1 %none, label %first, label %start
first:
  %m = call i32 @pthread_mutex_init(ptr @mutex, ptr null)
  %w = call i32 @pthread_cond_init(ptr @wake, ptr null)
  %f = call i32 @pthread_cond_init(ptr @done, ptr null)
  br label %start
start:
  %count = phi i64 [ %have, %prepare ], [ %have, %first ], [ %more, %started ]
  %rc = call i32 @pthread_create(ptr %thread, ptr %attr, ptr @worker, ptr null)
  %ok = icmp eq i32 %rc, 0
  br i1 %ok, label %started, label %refused
started:
  %more = add i64 %count, 1
  store i64 %more, ptr @workers
  %missing = icmp slt i64 %more, %wanted
  br i1 %missing, label %start, label %restore
refused:                                        ; the system gives no more: make do with these
  %possible = add i64 %count, 1
  store atomic i64 %possible, ptr @limit monotonic, align 8
  br label %restore
restore:
  %g = call i32 @pthread_attr_destroy(ptr %attr)
  %h = call i32 @pthread_sigmask(i32 SIG_SETMASK, ptr %old, ptr null)
  br label %end
end:
  ret void
}

; in a forked child: there are no workers, whatever the parent was doing
define void @reset() {
  store atomic i64 0, ptr @gate seq_cst, align 8
  store atomic i32 0, ptr @sleepers seq_cst, align 4
  store i64 0, ptr @workers
  store atomic i32 0, ptr @busy seq_cst, align 4
  ret void
}

; rounds of waiting, to be timed
define void @wait(i64 %rounds) {
entry:
  br label %spin
spin:
  %round = phi i64 [ 0, %entry ], [ %following, %spin ]
  %gate = load atomic i64, ptr @gate acquire, align 8
  call void @lull(i64 %round)
  %following = add i64 %round, 1
  %more = icmp slt i64 %following, %rounds
  br i1 %more, label %spin, label %end
end:
  ret void
}
"""

# The instruction that tells a core that it is waiting: (declaration, call).
_PAUSES = {
    "x86_64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "aarch64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
}
_PAUSES["arm64"] = _PAUSES["aarch64"]


class _Native(NamedTuple):
    parallel_for: int
    limit: ctypes.c_int64
    code: Code


_requested: int | None = None  # by set_num_threads
_loaded: _Native | None = None
_lock = threading.RLock()  # guards the two above
if hasattr(os, "register_at_fork"):  # a child must not inherit it locked
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


def get_num_threads() -> int:
    """Threads that work on one compiled kernel, the calling one included.

    Unless set, it is the environment variable ``TWOFOLD_NUM_THREADS`` or else the number of CPUs
    this process may run on. Raises ``ValueError`` when the variable is not a count. BLAS has its
    own setting: ``find_blas().set_num_threads``.

    >>> get_num_threads() >= 1
    True
    """
    return _requested if _requested is not None else _default_num_threads()


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
    """The address of ``parallel_for`` (see the module's text); ``build`` loads ``pool_llvm`` first.

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


def pool_llvm() -> str:
    """The pool as LLVM for this machine."""
    return _assembly(platform.machine().lower()) if _THREADED else _COMMON + _SERIAL


@functools.cache
def _default_num_threads() -> int:
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
    if _THREADED:
        limit = ctypes.c_int64.from_address(names["limit"])
        spins = ctypes.c_int64.from_address(names["spins"])
        spins.value = _spins(names["wait"])
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=ctypes.CFUNCTYPE(None)(names["reset"]))
    limit.value = count
    # Workers sleep in this code until the process ends, so _loaded keeps it.
    return _Native(names["parallel_for"], limit, code)


def _assembly(machine: str) -> str:
    declaration, pause = _PAUSES.get(machine, ("", ""))
    words = {
        "PAUSE_DECLARATION": declaration,
        "PAUSE": pause,
        "YIELD_MASK": _ROUNDS_PER_YIELD - 1,
        "ONE_WAITED_FOR": _SLEEPS | 1,
        "WAITED_FOR": _SLEEPS | _INSIDE,
        "NOT_OPEN": ~_OPEN,
        "OPEN": _OPEN,
        "SLEEPS": _SLEEPS,
        "INSIDE": _INSIDE,
        "EPOCH": _EPOCH,
        "SIG_SETMASK": int(signal.SIG_SETMASK),
    }
    text = _PARALLEL
    for word, value in words.items():
        text = text.replace(word, str(value))
    return _COMMON + text


def _spins(address: int) -> int:
    """Rounds of waiting that last ``SPIN_MICROSECONDS`` on this CPU.

    The rounds that are timed are too few to yield the core, which would take as long as another
    process likes. What calling takes and what yielding takes about cancel out.
    """
    wait = ctypes.CFUNCTYPE(None, ctypes.c_int64)(address)
    rounds, best = _ROUNDS_PER_YIELD - 2, float("inf")
    for _ in range(16):
        start = time.perf_counter()
        wait(rounds)
        best = min(best, time.perf_counter() - start)
    return max(1, round(rounds * SPIN_MICROSECONDS * 1e-6 / best))
