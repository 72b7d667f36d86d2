"""Threads, forks and interrupts: one trace, right answers, no thread stuck."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler import background
from twofold.compiler.concrete import ConcreteFunction
from twofold.compiler.native import machine

THREADS = 8
X = tf.constant([1.0, 2.0])


def in_threads(work: Callable[[int], Any], count: int = THREADS) -> list[Any]:
    """What ``work(i)`` returns in each of the threads, started together."""
    start = threading.Barrier(count)
    results: list[Any] = [None] * count
    errors: list[BaseException] = []

    def run(i: int) -> None:
        start.wait()
        try:
            results[i] = work(i)
        except BaseException as error:  # noqa: BLE001  (raised again by the test's thread)
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not any(t.is_alive() for t in threads)
    for error in errors:
        raise error
    return results


def body(x: Any) -> Any:
    y = tf.nn.softmax(x * 2 + 1)
    return y, tf.sum(y * x, axis=0), tf.sum(x)


@pytest.mark.parametrize("jit", [True, False, None])
def test_threads_that_ask_at_once_trace_once_and_agree(jit: bool | None) -> None:
    g = tf.function(body, jit_compile=jit)
    x = tf.constant(np.random.default_rng(0).standard_normal((9, 33)).astype(np.float32))
    results = in_threads(lambda i: [t.numpy() for t in g(x)])
    assert g.experimental_get_tracing_count() == 1
    want = [t.numpy() for t in body(x)]
    for found in results:
        for a, b in zip(found, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5)


def test_threads_with_shapes_of_their_own_share_the_trace() -> None:
    f = tf.function(body, jit_compile=True)
    f(tf.ones((2, 3)))

    def work(i: int) -> bool:
        x = tf.constant(np.full((2 + i, 40 - i), 0.5, np.float32))
        want = [t.numpy() for t in body(x)]
        for _ in range(20):
            for a, b in zip(f(x), want, strict=True):
                np.testing.assert_allclose(a.numpy(), b, rtol=1e-4)
        return True

    assert all(in_threads(work))
    assert f.experimental_get_tracing_count() == 1


def test_threads_with_instances_and_values_of_their_own() -> None:
    class Scale:
        def __init__(self, k: float) -> None:
            self.k = k

        @tf.function(jit_compile=False)
        def __call__(self, x: Any, plus: int) -> Any:
            return x * self.k + plus

    scales = [Scale(float(i)) for i in range(THREADS)]
    x = tf.constant([1.0, 2.0])
    found = in_threads(lambda i: [scales[i](x, i).numpy().tolist() for _ in range(10)])
    assert found == [[[2.0 * i, 3.0 * i]] * 10 for i in range(THREADS)]


def test_a_tape_in_each_thread_records_its_own_call() -> None:
    w = tf.Variable([2.0, 3.0])
    f = tf.function(lambda x: tf.sum(tf.exp(x * w)), jit_compile=True)

    def work(i: int) -> Any:
        x = tf.constant([0.1 * i, 0.2])
        found = []
        for _ in range(10):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = f(x)
            found.append([g.numpy() for g in tape.gradient(y, [x, w])])
        return found

    for i, results in enumerate(in_threads(work)):
        e = np.exp(np.array([0.1 * i, 0.2]) * [2.0, 3.0])
        for dx, dw in results:
            np.testing.assert_allclose(dx, e * [2.0, 3.0], rtol=1e-5)
            np.testing.assert_allclose(dw, e * np.array([0.1 * i, 0.2]), rtol=1e-5)


def test_tapes_and_writes_in_threads_do_not_meet() -> None:
    def work(i: int) -> bool:
        for _ in range(60):
            x = tf.constant([1.0, 2.0])
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = x * 2
                y[0] = 3.0
                z = tf.sum(y * y)
            assert tape.gradient(z, x).numpy().tolist() == [0.0, 16.0]
        return True

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        assert all(in_threads(work))
    finally:
        sys.setswitchinterval(before)


def test_results_keep_their_memory_while_others_call() -> None:
    f = tf.function(lambda x: (x + 1, tf.sum(x @ tf.transpose(x), axis=0)), jit_compile=True)
    big = [tf.constant(np.full((120, 100), float(i), np.float32)) for i in range(4)]

    def work(i: int) -> bool:
        held = []
        for k in range(12):
            x = big[(i + k) % 4]
            held.append((float(x.numpy()[0, 0]), f(x)))
            held = held[-5:]
            for value, (plus, products) in held:
                assert (plus.numpy() == value + 1).all()
                np.testing.assert_allclose(products.numpy(), 120 * 100 * value * value, rtol=1e-4)
        return True

    assert all(in_threads(work, 4))


def test_an_interrupt_while_tracing_or_compiling_leaves_the_locks_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop = [True]

    @tf.function(jit_compile=True)
    def f(x: Any) -> Any:
        if stop[0]:
            raise KeyboardInterrupt
        return tf.cosh(x) * 1.25

    x = tf.ones((3,))
    with pytest.raises(KeyboardInterrupt):
        f(x)
    stop[0] = False

    def interrupted(source: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(machine, "_compile", interrupted)
        with pytest.raises(KeyboardInterrupt):
            f(x)
    results = in_threads(lambda i: f(x).numpy(), 2)
    np.testing.assert_allclose(results[0], np.cosh(1.0) * 1.25, rtol=1e-6)


def test_the_background_worker_ends_and_starts_again() -> None:
    for scale in (3.0, 4.0):
        f = tf.function(lambda x, s=scale: tf.sinh(x) * s)
        x = tf.ones((5,))
        for _ in range(5):
            f(x)
        background.wait(60)
        (concrete,) = f.traces()
        assert concrete.executable().native
        np.testing.assert_allclose(f(x).numpy(), np.sinh(1.0) * scale, rtol=1e-6)


def script(code: str, ending: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program whose kernels are not on disk; warnings are errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning",
         "-c", textwrap.dedent(code) + ending],
        capture_output=True, text=True, env={**os.environ, "TWOFOLD_CACHE": "0"}, timeout=300,
        check=False,
    )  # fmt: skip


def in_child(work: Callable[[], bool]) -> None:
    """Assert that ``work`` returns True in a forked child."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)

    def child() -> None:
        send.send(work())

    process = context.Process(target=child)
    process.start()
    assert receive.poll(60), "the child is stuck"
    assert receive.recv() is True
    process.join(60)
    assert process.exitcode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
class TestFork:
    def test_the_child_calls_compiles_and_differentiates(self) -> None:
        f = tf.function(body, jit_compile=True)
        x = tf.constant(np.random.default_rng(0).standard_normal((300, 200)).astype(np.float32))
        want = f(x)[0].numpy()

        def work() -> bool:
            g = tf.function(lambda x: tf.sum(tf.atan(x) * 1.5, axis=1), jit_compile=True)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = g(x)
            slope = tape.gradient(y, x).numpy()
            same = np.array_equal(f(x)[0].numpy(), want)
            return same and bool(np.allclose(slope, 1.5 / (1 + x.numpy() ** 2), rtol=1e-4))

        in_child(work)

    def test_a_fork_while_another_thread_compiles(self) -> None:
        inside, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            with machine._compiling:
                inside.set()
                go_on.wait(60)

        holder = threading.Thread(target=hold)
        holder.start()
        assert inside.wait(60)
        threading.Timer(0.2, go_on.set).start()

        def work() -> bool:
            g = tf.function(lambda x: tf.acosh(x) * 1.75, jit_compile=True)
            return bool(np.allclose(g(tf.ones((3,)) * 2).numpy(), 1.75 * np.arccosh(2.0)))

        in_child(work)
        holder.join(60)
        assert not holder.is_alive()

    def test_forks_while_two_threads_compile(self) -> None:
        done, made = threading.Event(), []

        def compile_on(k: int) -> None:
            while not done.is_set():
                scale = 2.0 + k + len(made) / 64
                f = tf.function(lambda x, s=scale: x * s - s, jit_compile=True)
                made.append(float(f(tf.ones((3,)) * 2).numpy()[0]) == scale)

        threads = [threading.Thread(target=compile_on, args=(k,)) for k in range(2)]
        for thread in threads:
            thread.start()
        try:
            for n in range(4):

                def work(n: int = n) -> bool:
                    g = tf.function(lambda x: tf.expm1(x) * (n + 2), jit_compile=True)
                    return bool(np.allclose(g(tf.ones((3,))).numpy(), np.expm1(1.0) * (n + 2)))

                in_child(work)
        finally:
            done.set()
        for thread in threads:
            thread.join(60)
        assert made
        assert all(made)

    def test_a_fork_finds_no_threads_of_ours_and_the_worker_goes_on(self) -> None:
        done = script("""
            import os, time
            import twofold as tf
            from twofold.compiler import background

            tf.config.set_num_threads(3)
            total = tf.function(lambda x: tf.sum(tf.exp(x)), jit_compile=True)
            x = tf.zeros((1500, 1500))
            assert total(x) == 1500 * 1500 and (x @ x)[0, 0] == 0
            functions = [tf.function(lambda x, c=c: tf.exp(x) * c) for c in (2.0, 3.0, 4.0)]
            for f in functions:
                for _ in range(5):
                    f(x[:1])
            child = os.fork()
            threads, end = 0, time.monotonic() + 10
            while threads != 1 and time.monotonic() < end:  # one that was joined may linger there
                threads = len(os.listdir("/proc/self/task"))
            if child == 0:
                assert threads == 1 and total(x) == 1500 * 1500 and (x @ x)[0, 0] == 0
                os._exit(3)
            assert threads == 1, threads
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
            assert total(x) == 1500 * 1500 and (x @ x)[0, 0] == 0
            for f in functions:
                f(x[:1])
            background.wait(60)
            concretes = [f.get_concrete_function(x[:1]) for f in functions]
            print([c.executable().native for c in concretes])
        """)
        assert (done.stdout, done.stderr) == ("[True, True, True]\n", "")


@pytest.mark.parametrize(
    "ending", ["", "raise SystemExit(0)", "@atexit.register\ndef late(): work()"]
)
def test_a_program_that_ends_before_it_is_compiled_ends_quietly(ending: str) -> None:
    done = script(
        """
        import atexit
        import twofold as tf

        f = tf.function(lambda x: tf.exp(x) * 3.5)

        def work():
            for _ in range(6):
                f(tf.ones((8,)))

        work()
    """,
        ending,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_a_number_that_becomes_an_input_meanwhile_is_no_constant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another thread's call with a second value falls between a trace and the table of calls."""
    f = tf.function(lambda x, n: x * n, jit_compile=False)
    prepared, calls = ConcreteFunction.prepared, []

    def slow(self: ConcreteFunction, leaves: list[Any]) -> Any:
        calls.append(leaves)
        if len(calls) == 1:
            other = threading.Thread(target=f, args=(X, 5))
            other.start()
            other.join()
        return prepared(self, leaves)

    monkeypatch.setattr(ConcreteFunction, "prepared", slow)
    for n in (3, 7, 3, 5):
        np.testing.assert_array_equal(f(X, n).numpy(), X.numpy() * n)
