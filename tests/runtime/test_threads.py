"""The pool that runs compiled kernels: exact chunks, no deadlock, clean fork and exit."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from twofold.compiler.native.codegen import object_code
from twofold.compiler.native.machine import pool_address
from twofold.runtime.loader import load
from twofold.runtime.threads import MAX_THREADS, get_num_threads, set_num_threads

needs_pthreads = pytest.mark.skipif(sys.platform == "win32", reason="serial on Windows")
needs_fork = pytest.mark.skipif(sys.platform == "win32", reason="no fork on Windows")

PYTHON_BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
PARALLEL_FOR = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64
)

# ctx points to pairs: adds 1 to the first of every pair in [lo, hi), stores hi in pair lo.
NATIVE_BODY = """
define void @body(ptr %ctx, i64 %lo, i64 %hi) {
entry:
  %twice = mul i64 %lo, 2
  %odd = add i64 %twice, 1
  %end_slot = getelementptr i64, ptr %ctx, i64 %odd
  store i64 %hi, ptr %end_slot
  br label %loop
loop:
  %i = phi i64 [ %lo, %entry ], [ %next, %loop ]
  %even = mul i64 %i, 2
  %slot = getelementptr i64, ptr %ctx, i64 %even
  %old = load i64, ptr %slot
  %new = add i64 %old, 1
  store i64 %new, ptr %slot
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %hi
  br i1 %more, label %loop, label %exit
exit:
  ret void
}
"""


@pytest.fixture(autouse=True)
def restored_number_of_threads() -> Iterator[None]:
    before = get_num_threads()
    yield
    set_num_threads(before)


@pytest.fixture(scope="module")
def body() -> Iterator[int]:
    code = load(object_code(NATIVE_BODY, "body"))
    yield code.addresses["body"]


def run_native(body: int, n: int, grain: int) -> np.ndarray[Any, Any]:
    """Visits of each index, and at the start of each chunk its end."""
    pairs = np.zeros((max(n, 1), 2), np.int64)
    PARALLEL_FOR(pool_address())(body, pairs.ctypes.data, n, grain)
    return pairs


def run_python(function: Callable[[int, int], object], n: int, grain: int) -> None:
    """Run a Python body; what it raises is raised here after all chunks."""
    errors: list[BaseException] = []

    def guarded(_: object, lo: int, hi: int) -> None:
        try:
            function(lo, hi)
        except BaseException as error:  # noqa: BLE001  (it crosses a C frame)
            errors.append(error)

    callback = PYTHON_BODY(guarded)
    pointer = ctypes.cast(callback, ctypes.c_void_p)
    PARALLEL_FOR(pool_address())(pointer, None, n, grain)
    if errors:
        raise errors[0]


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize(
    ("n", "grain"), [(1, 1), (7, 1), (10, 3), (9, 3), (8, 100), (1000, 7), (5, 0), (5, -2)]
)
def test_every_index_once_in_chunks_that_depend_on_n_and_grain_only(
    body: int, n: int, grain: int, count: int
) -> None:
    set_num_threads(count)
    pairs = run_native(body, n, grain)
    step = max(grain, 1)
    expected_ends = np.zeros(n, np.int64)
    expected_ends[::step] = np.minimum(np.arange(0, n, step) + step, n)
    np.testing.assert_array_equal(pairs[:, 0], 1)
    np.testing.assert_array_equal(pairs[:, 1], expected_ends)


@pytest.mark.parametrize("n", [0, -5])
def test_an_empty_range_calls_nothing(body: int, n: int) -> None:
    np.testing.assert_array_equal(run_native(body, n, 1), 0)


@needs_pthreads
@pytest.mark.parametrize("count", [2, 4])
def test_as_many_threads_as_set_work_at_the_same_time(count: int) -> None:
    set_num_threads(count)
    together = threading.Barrier(count, timeout=20)
    run_python(lambda lo, hi: together.wait(), count, 1)


def test_one_thread_means_the_callers() -> None:
    set_num_threads(3)
    run_python(lambda lo, hi: None, 3, 1)  # start workers
    set_num_threads(1)
    seen: list[tuple[int, int]] = []
    run_python(lambda lo, hi: seen.append((lo, threading.get_ident())), 5, 2)
    assert seen == [(lo, threading.get_ident()) for lo in (0, 2, 4)]


@needs_pthreads
def test_the_limit_holds_when_more_workers_exist() -> None:
    set_num_threads(4)
    run_python(lambda lo, hi: None, 8, 1)
    set_num_threads(2)
    seen: set[int] = set()
    run_python(lambda lo, hi: (seen.add(threading.get_ident()), time.sleep(1e-3)), 16, 1)
    assert len(seen) <= 2


def test_a_body_may_run_a_parallel_loop_of_its_own(body: int) -> None:
    set_num_threads(3)
    visits: list[int] = []
    run_python(lambda lo, hi: visits.append(run_native(body, 100, 9)[:, 0].sum()), 6, 1)
    assert visits == [100] * 6


def test_many_python_threads_may_call_at_once(body: int) -> None:
    set_num_threads(3)
    wrong: list[int] = []

    def call(seed: int) -> None:
        for step in range(150):
            n = 1 + (seed * 37 + step * 11) % 500
            if not (run_native(body, n, 1 + step % 13)[:, 0] == 1).all():
                wrong.append(n)

    callers = [threading.Thread(target=call, args=(seed,)) for seed in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert not any(caller.is_alive() for caller in callers)
    assert wrong == []


def test_jobs_of_any_rhythm_are_complete(body: int) -> None:
    """Pauses around the spin time: workers are met spinning, falling asleep and waking up."""
    set_num_threads(3)
    for step in range(600):
        assert (run_native(body, 40, 1)[:, 0] == 1).all()
        end = time.perf_counter() + (step % 60) * 1e-6
        while time.perf_counter() < end:
            pass


def test_a_caller_waits_asleep_for_a_slow_last_chunk() -> None:
    set_num_threads(2)
    finished: list[int] = []
    run_python(lambda lo, hi: (time.sleep(0.03 * lo), finished.append(lo)), 2, 1)
    assert sorted(finished) == [0, 1]


def test_idle_workers_burn_no_cpu() -> None:
    set_num_threads(4)
    run_python(lambda lo, hi: None, 8, 1)
    time.sleep(0.01)
    start = time.process_time()
    time.sleep(0.2)
    assert time.process_time() - start < 0.05


@pytest.mark.parametrize("wrong", [0, -1, MAX_THREADS + 1, 2.0, "2", True, None])
def test_a_wrong_number_of_threads_is_refused(wrong: Any) -> None:
    before = get_num_threads()
    with pytest.raises(ValueError, match=f"integer from 1 to {MAX_THREADS}: "):
        set_num_threads(wrong)
    assert get_num_threads() == before


def script(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    prelude = """
        import ctypes, os, signal, sys, threading, time
        from twofold.compiler.native.machine import pool_address
        from twofold.runtime.threads import *
        BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        RUN = ctypes.CFUNCTYPE(None, BODY, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        def together(count):  # returns only if `count` threads are inside at once
            barrier = threading.Barrier(count, timeout=20)
            RUN(pool_address())(BODY(lambda *_: barrier.wait() and None), None, count, 1)
    """
    return subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore::DeprecationWarning",
            "-c",
            textwrap.dedent(prelude) + textwrap.dedent(code),
        ],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path), **environment},
        timeout=60,
        check=False,
    )


def test_the_environment_sets_the_number_of_threads() -> None:
    assert script("print(get_num_threads())", TWOFOLD_NUM_THREADS="7").stdout == "7\n"
    for wrong in ("0", "many", "-2", "1.5", "", "9999"):
        done = script("get_num_threads()", TWOFOLD_NUM_THREADS=wrong)
        assert (
            f"TWOFOLD_NUM_THREADS is an integer from 1 to {MAX_THREADS}: {wrong!r}" in done.stderr
        )


@needs_fork
def test_a_child_forked_while_the_pool_is_busy_has_a_pool_of_its_own() -> None:
    done = script("""
        set_num_threads(2)
        inside = threading.Event()
        slow = BODY(lambda *_: (inside.set(), time.sleep(0.3)) and None)
        busy = threading.Thread(target=lambda: RUN(pool_address())(slow, None, 2, 1))
        busy.start()
        inside.wait()
        child = os.fork()
        if child == 0:
            together(2)
            set_num_threads(3)
            together(3)
            os._exit(7)
        busy.join()
        together(2)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    assert (done.stdout, done.stderr) == ("7\n", "")


@needs_pthreads
@pytest.mark.parametrize(
    "last_act",
    [
        "",  # workers still spin
        "time.sleep(0.01)",  # workers sleep
        # another thread is inside a job
        "threading.Thread(target=together, args=(3,), daemon=True).start(); time.sleep(0.05)",
    ],
)
def test_exit_is_silent_and_quick(last_act: str) -> None:
    done = script(f"""
        set_num_threads(2)
        together(2)
        {last_act}
        print(time.time())
    """)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.time() - float(done.stdout) < 5


@needs_pthreads
def test_ctrl_c_during_a_job_arrives_after_it_and_between_jobs_at_once() -> None:
    done = script("""
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a background job
        set_num_threads(2)
        together(2)
        nap = ctypes.cast(ctypes.CDLL(None).usleep, BODY)  # the range is ignored
        def interrupted(action):
            main = threading.main_thread().ident
            threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT)).start()
            start = time.perf_counter()
            try:
                action()
                time.sleep(20)
            except KeyboardInterrupt:
                return round(time.perf_counter() - start, 1)
        # the worker's nap is not interrupted: signals go to Python's threads
        print(interrupted(lambda: RUN(pool_address())(nap, 600_000, 2, 1)) >= 0.6)
        print(interrupted(lambda: None) < 10)
        together(2)
    """)
    assert (done.stdout, done.stderr) == ("True\nTrue\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system alone chooses cores")
def test_a_worker_that_leaves_the_core_of_the_caller_may_still_use_every_core() -> None:
    done = script(
        """
        everywhere = os.sched_getaffinity(0)
        body = BODY(lambda *_: time.sleep(1e-4))
        RUN(pool_address())(body, None, 16, 1)
        for core in sorted(everywhere)[:4]:  # wherever a worker is, the caller has been there
            os.sched_setaffinity(0, {core})
            RUN(pool_address())(body, None, 16, 1)
        os.sched_setaffinity(0, everywhere)
        time.sleep(0.02)
        for thread in os.listdir("/proc/self/task"):
            assert os.sched_getaffinity(int(thread)) == everywhere
        """
    )
    assert done.returncode == 0, done.stderr
