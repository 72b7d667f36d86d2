"""The native pool of ``threads.py``, written in LLVM's language.

Protocol. One 64-bit word, the gate, says everything about the current job: its number (epoch),
whether it is open, how many workers are in it, and whether the caller sleeps until they leave.
- Publish: the caller writes the job, then the gate with a new epoch and ``open``.
- Join: a worker adds itself by compare-and-swap on an open gate, so it joins this job or none. The
  job's fields cannot change under it: the caller stays until no worker is inside.
- Chunks are claimed by an atomic increment, by workers and caller alike. Each thread has a part of
  the range and begins there, and goes on in the parts of others: jobs over the same data find it in
  the caches of the same cores.
- Close: the caller clears ``open`` when no chunk is left, and waits for those inside. Workers that
  slept through a short job are not waited for.
- Busy: a second caller, be it another thread or a body that calls ``parallel_for``, finds the
  pool taken and runs its chunks itself, in order. Nobody ever waits for the pool.
- Fork: idle workers end before it, so that a program without threads of its own has none then
  (Python 3.12 warns of others); a child starts with the pool reset. The next job starts new ones.
- Idle workers spin for ``SPIN_MICROSECONDS`` and then sleep on a condition variable.
- Cores: a worker that finds itself on the core of the caller moves to another one. The system may
  leave the two there for long, since the one spins whenever the other waits; Linux does so even
  beside an idle core in virtual machines, where that core looks taken (``vcpu_is_preempted``).
"""

from __future__ import annotations

import platform
import signal
import sys
from typing import Final

__all__ = ["MAX_THREADS", "ROUNDS_PER_YIELD", "THREADED", "pool_llvm"]

MAX_THREADS: Final = 1024

# The gate: bits 0-15 workers inside, bit 16 open, bit 17 caller sleeps, bits 32-63 epoch.
_OPEN = 1 << 16
_SLEEPS = 1 << 17
_INSIDE = _OPEN - 1
_EPOCH = 1 << 32

_PARTS = 64  # of a job's range; more threads share them

THREADED = sys.platform != "win32"  # which has no pthreads
ROUNDS_PER_YIELD = 64  # a power of two

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
@core = internal global i32 -1, align 128       ; where the caller published the job
@limit = global i64 1, align 128                ; threads that may work on a job, caller included
@spins = global i64 0, align 128                ; rounds of waiting before sleep
@gate = internal global i64 0, align 128
%Part = type { i64, [15 x i64] }                ; how many chunks of a part are claimed
@parts = internal global [PARTS x %Part] zeroinitializer, align 128
@busy = internal global i32 0, align 128        ; 1 while a caller owns the pool
@sleepers = internal global i32 0, align 128    ; workers on the condition variable @wake
@workers = internal global i64 0, align 128     ; threads started; guarded by @busy
@threads = internal global [MOST x i64] zeroinitializer, align 128  ; they, the first @workers
@stopping = internal global i32 0, align 128    ; 1 while workers are to end; under @mutex
%Job = type { ptr, ptr, i64, i64, i64, i64 }    ; body, ctx, n, grain, chunks, parts
@job = internal global %Job zeroinitializer, align 128
@mutex = internal global [128 x i8] zeroinitializer, align 128
@wake = internal global [128 x i8] zeroinitializer, align 128
@done = internal global [128 x i8] zeroinitializer, align 128

declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(i64, ptr)
declare i32 @pthread_attr_init(ptr)
declare i32 @pthread_attr_setstacksize(ptr, i64)
declare i32 @pthread_attr_destroy(ptr)
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_signal(ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @sigfillset(ptr)
declare i32 @sched_yield()
declare i64 @llvm.umin.i64(i64, i64)
PAUSE_DECLARATION
CORES
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
  %few = call i64 @llvm.umin.i64(i64 %chunks, i64 %limit)
  %parts = call i64 @llvm.umin.i64(i64 %few, i64 PARTS)
  store i64 %parts, ptr getelementptr (%Job, ptr @job, i32 0, i32 5)
  br label %unclaim
unclaim:
  %part = phi i64 [ 0, %publish ], [ %another, %unclaim ]
  %claims = getelementptr [PARTS x %Part], ptr @parts, i64 0, i64 %part
  store atomic i64 0, ptr %claims monotonic, align 8
  %another = add i64 %part, 1
  %unset = icmp slt i64 %another, %parts
  br i1 %unset, label %unclaim, label %open
open:
  %core = call i32 @core_now()
  store atomic i32 %core, ptr @core monotonic, align 4
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
  call void @work(i64 0)
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

; claim and run chunks of the current job until none is left, those of this thread's part first
define internal void @work(i64 %me) {
entry:
  %body = load ptr, ptr @job
  %ctx = load ptr, ptr getelementptr (%Job, ptr @job, i32 0, i32 1)
  %n = load i64, ptr getelementptr (%Job, ptr @job, i32 0, i32 2)
  %step = load i64, ptr getelementptr (%Job, ptr @job, i32 0, i32 3)
  %chunks = load i64, ptr getelementptr (%Job, ptr @job, i32 0, i32 4)
  %parts = load i64, ptr getelementptr (%Job, ptr @job, i32 0, i32 5)
  br label %choose
choose:
  %turn = phi i64 [ 0, %entry ], [ %following, %next ]
  %place = add i64 %me, %turn
  %part = urem i64 %place, %parts
  %behind = add i64 %part, 1
  %low = mul i64 %part, %chunks
  %first = udiv i64 %low, %parts
  %high = mul i64 %behind, %chunks
  %end = udiv i64 %high, %parts
  %count = sub i64 %end, %first
  %claims = getelementptr [PARTS x %Part], ptr @parts, i64 0, i64 %part
  br label %look
look:
  %seen = load atomic i64, ptr %claims monotonic, align 8
  %left = icmp slt i64 %seen, %count
  br i1 %left, label %claim, label %next
claim:
  %claimed = atomicrmw add ptr %claims, i64 1 monotonic
  %valid = icmp slt i64 %claimed, %count
  br i1 %valid, label %call, label %next
call:
  %chunk = add i64 %first, %claimed
  %lo = mul i64 %chunk, %step
  %rest = sub i64 %n, %lo
  %whole = icmp slt i64 %step, %rest
  %size = select i1 %whole, i64 %step, i64 %rest
  %hi = add i64 %lo, %size
  call void %body(ptr %ctx, i64 %lo, i64 %hi)
  br label %look
next:
  %following = add i64 %turn, 1
  %more = icmp slt i64 %following, %parts
  br i1 %more, label %choose, label %done
done:
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
define internal ptr @worker(ptr %number) {
entry:
  %me = ptrtoint ptr %number to i64
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
  br i1 %new, label %meet, label %again
again:
  call void @lull(i64 %round)
  %following = add i64 %round, 1
  %patient = icmp slt i64 %following, %spins
  br i1 %patient, label %spin, label %lock
lock:
  %l = call i32 @pthread_mutex_lock(ptr @mutex)
  %stopping = load i32, ptr @stopping
  %stop = icmp ne i32 %stopping, 0
  br i1 %stop, label %leave, label %stay
leave:
  %x = call i32 @pthread_mutex_unlock(ptr @mutex)
  ret ptr null
stay:
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
  call void @part()
  br label %idle
meet:
  call void @part()
  br label %join
join:
  %found = phi i64 [ %gate, %meet ], [ %current, %retry ]
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
  call void @work(i64 %me)
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
  %thread = getelementptr [MOST x i64], ptr @threads, i64 0, i64 %count
  %number = add i64 %count, 1                   ; the caller is 0
  %given = inttoptr i64 %number to ptr
  %rc = call i32 @pthread_create(ptr %thread, ptr %attr, ptr @worker, ptr %given)
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

; before a fork: end the workers, unless a job runs
define void @stop() {
entry:
  %claimed = cmpxchg ptr @busy, i32 0, i32 1 acquire monotonic
  %mine = extractvalue { i32, i1 } %claimed, 1
  br i1 %mine, label %look, label %end
look:
  %count = load i64, ptr @workers
  %none = icmp eq i64 %count, 0
  br i1 %none, label %release, label %tell
tell:
  %l = call i32 @pthread_mutex_lock(ptr @mutex)
  store i32 1, ptr @stopping
  %b = call i32 @pthread_cond_broadcast(ptr @wake)
  %u = call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %join
join:
  %i = phi i64 [ 0, %tell ], [ %following, %join ]
  %place = getelementptr [MOST x i64], ptr @threads, i64 0, i64 %i
  %thread = load i64, ptr %place
  %j = call i32 @pthread_join(i64 %thread, ptr null)
  %following = add i64 %i, 1
  %more = icmp slt i64 %following, %count
  br i1 %more, label %join, label %gone
gone:
  store i32 0, ptr @stopping
  store i64 0, ptr @workers
  br label %release
release:
  store atomic i32 0, ptr @busy release, align 4
  br label %end
end:
  ret void
}

; in a forked child: there are no workers, whatever the parent was doing
define void @reset() {
  store i32 0, ptr @stopping
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

# Cores, where a thread can choose its own: elsewhere the system alone decides.
_LINUX = """
declare i32 @sched_getcpu()
declare i32 @sched_getaffinity(i32, i64, ptr)
declare i32 @sched_setaffinity(i32, i64, ptr)

define internal i32 @core_now() alwaysinline {
  %core = call i32 @sched_getcpu()
  ret i32 %core
}

; if the caller was on this core, go to another that this thread may use; then all are free again
define internal void @part() {
entry:
  %all = alloca [16 x i64], align 16
  %others = alloca [16 x i64], align 16
  %here = call i32 @sched_getcpu()
  %there = load atomic i32, ptr @core monotonic, align 4
  %same = icmp eq i32 %here, %there
  %known = icmp ult i32 %here, 1024
  %together = and i1 %same, %known
  br i1 %together, label %look, label %end
look:
  %g = call i32 @sched_getaffinity(i32 0, i64 128, ptr %all)
  %read = icmp eq i32 %g, 0
  br i1 %read, label %choose, label %end
choose:
  %mask = load [16 x i64], ptr %all
  store [16 x i64] %mask, ptr %others
  %index = lshr i32 %here, 6
  %place = getelementptr [16 x i64], ptr %others, i32 0, i32 %index
  %low = and i32 %here, 63
  %shift = zext i32 %low to i64
  %bit = shl i64 1, %shift
  %unset = xor i64 %bit, -1
  %word = load i64, ptr %place
  %without = and i64 %word, %unset
  store i64 %without, ptr %place
  %s = call i32 @sched_setaffinity(i32 0, i64 128, ptr %others)
  %moved = icmp eq i32 %s, 0                     ; not if this core is the only one
  br i1 %moved, label %free, label %end
free:
  %r = call i32 @sched_setaffinity(i32 0, i64 128, ptr %all)
  br label %end
end:
  ret void
}
"""
_ELSEWHERE = """
define internal i32 @core_now() alwaysinline {
  ret i32 -1
}

define internal void @part() alwaysinline {
  ret void
}
"""

# The instruction that tells a core that it is waiting: (declaration, call).
_PAUSES = {
    "x86_64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "aarch64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
}
_PAUSES["arm64"] = _PAUSES["aarch64"]


def pool_llvm() -> str:
    """The pool as LLVM for this machine."""
    return _assembly(platform.machine().lower()) if THREADED else _COMMON + _SERIAL


def _assembly(machine: str) -> str:
    declaration, pause = _PAUSES.get(machine, ("", ""))
    words = {
        "CORES": _LINUX if sys.platform == "linux" else _ELSEWHERE,
        "PAUSE_DECLARATION": declaration,
        "PAUSE": pause,
        "YIELD_MASK": ROUNDS_PER_YIELD - 1,
        "ONE_WAITED_FOR": _SLEEPS | 1,
        "WAITED_FOR": _SLEEPS | _INSIDE,
        "NOT_OPEN": ~_OPEN,
        "OPEN": _OPEN,
        "SLEEPS": _SLEEPS,
        "INSIDE": _INSIDE,
        "EPOCH": _EPOCH,
        "SIG_SETMASK": int(signal.SIG_SETMASK),
        "MOST": MAX_THREADS,
        "PARTS": _PARTS,
    }
    text = _PARALLEL
    for word, value in words.items():
        text = text.replace(word, str(value))
    return _COMMON + text
