"""Machine code is shared by content and freed with the last function that holds it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler import background
from twofold.compiler.native import cache, codegen, machine

X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 6)


def loaded() -> set[str]:
    """The contents that are in memory now."""
    gc.collect()
    return set(machine._loaded)


@pytest.fixture
def before() -> set[str]:
    tf.function(lambda x: x @ x, jit_compile=True)(tf.ones((2, 2)))  # driver, products, pool
    return loaded()


def compiled(scale: float) -> Any:
    f = tf.function(lambda x: tf.tanh(x * scale) + scale, jit_compile=True)
    np.testing.assert_allclose(f(tf.constant(X)).numpy(), np.tanh(X * scale) + scale, rtol=1e-5)
    return f


def test_code_goes_with_its_function(before: set[str]) -> None:
    f = compiled(1.0625)
    assert len(loaded() - before) == 1
    del f
    assert loaded() == before


def test_code_stays_while_another_function_has_the_same_kernel(before: set[str]) -> None:
    f, g = compiled(1.125), compiled(1.125)
    assert len(loaded() - before) == 1
    del f
    assert len(loaded() - before) == 1
    np.testing.assert_allclose(g(tf.constant(X)).numpy(), np.tanh(X * 1.125) + 1.125, rtol=1e-5)
    del g
    assert loaded() == before


def test_clear_cache_frees_and_the_next_call_compiles_again(before: set[str]) -> None:
    f = compiled(1.1875)
    f.clear_cache()
    assert loaded() == before
    np.testing.assert_allclose(f(tf.constant(X)).numpy(), np.tanh(X * 1.1875) + 1.1875, rtol=1e-5)


def test_derivatives_go_with_their_function_but_not_before_their_tape(before: set[str]) -> None:
    f = tf.function(lambda x: tf.sum(tf.exp(x * 1.3125) * x), jit_compile=True)
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    del f
    gc.collect()
    want = np.exp(X * 1.3125) * (1 + 1.3125 * X)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), want, rtol=1e-4)
    del tape, y
    assert loaded() == before


def test_many_functions_that_are_gone_leave_nothing(before: set[str]) -> None:
    for i in range(40):
        compiled(2.0 + i / 64)
    assert loaded() == before


def test_a_function_collected_while_another_thread_runs_its_kernel(before: set[str]) -> None:
    big = tf.constant(np.linspace(-1, 1, 3_000_000, dtype=np.float32))
    want = np.tanh(big.numpy() * 1.4375) * big.numpy()
    entered = threading.Event()
    results: list[Any] = []

    def make() -> Callable[[Any], Any]:
        f = tf.function(lambda x: tf.tanh(x * 1.4375) * x, jit_compile=True)
        f(big)
        return lambda x: f(x).numpy()

    def run(call: Callable[[Any], Any]) -> None:
        entered.set()
        results.append(call(big))

    for _ in range(6):
        entered.clear()
        calls = [make()]
        thread = threading.Thread(target=run, args=(calls[0],))
        thread.start()
        entered.wait()
        del calls
        gc.collect()
        thread.join()
        del thread
    assert len(results) == 6
    for found in results:
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)
    assert loaded() == before


def test_what_waits_to_be_compiled_and_is_gone_is_not_compiled(
    before: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    go_on = threading.Event()
    real = codegen.object_code

    def object_code(llvm: str, name: str) -> bytes:
        made.append(name)
        return real(llvm, name)

    monkeypatch.setattr(codegen, "object_code", object_code)
    background.submit(lambda: go_on.wait(60) and None)  # the worker is busy meanwhile
    for i in range(30):
        f = tf.function(lambda x, s=3.0 + i / 64: tf.tanh(x * s) - s)
        for _ in range(4):
            f(tf.constant(X))
    last = f
    del f
    gc.collect()
    go_on.set()
    background.wait(60)
    assert len(made) == 1
    np.testing.assert_allclose(last(tf.constant(X)).numpy(), np.tanh(X * (3 + 29 / 64)) - 3 - 29 / 64,
                               rtol=1e-5)  # fmt: skip


def test_threads_that_ask_at_once_compile_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = codegen.object_code

    def object_code(llvm: str, name: str) -> bytes:
        made.append(name)
        return real(llvm, name)

    monkeypatch.setattr(codegen, "object_code", object_code)
    functions = [tf.function(lambda x: tf.cosh(x * 1.5625), jit_compile=True) for _ in range(8)]
    start = threading.Barrier(8)
    results: list[Any] = [None] * 8

    def run(i: int) -> None:
        start.wait()
        results[i] = functions[i](tf.constant(X)).numpy()

    with cache.off():
        threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(made) == 1
    for found in results:
        np.testing.assert_array_equal(found, results[0])


def test_a_finalizer_that_calls_a_compiled_function_under_the_locks(before: set[str]) -> None:
    """Garbage may be collected while a lock of the table is held."""
    done: list[float] = []

    class Late:
        def __del__(self) -> None:
            done.append(float(compiled(1.6875)(tf.constant(X)).numpy()[0, 0]))

    with machine._lock:
        Late()
    with background._lock:
        Late()
    assert len(done) == 2


def test_the_passes_keep_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """llvmlite does not free a pass manager that has run; it is freed for it."""
    from llvmlite.binding.newpassmanagers import NewPassManager

    freed: list[Any] = []
    real = NewPassManager._dispose

    def dispose(manager: Any) -> None:
        freed.append(type(manager))
        real(manager)

    monkeypatch.setattr(NewPassManager, "_dispose", dispose)
    for number in range(3):
        codegen.object_code(f"define i64 @f() {{ ret i64 {number} }}", "f")
    gc.collect()
    assert len(freed) == 3
