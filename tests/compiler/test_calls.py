"""Calls of compiled functions: one trace for all sizes, guards, state, threads, forks."""

from __future__ import annotations

import gc
import os
import threading
import warnings
import weakref
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler import background


def array(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def test_fifty_batch_sizes_share_one_trace_and_one_executable() -> None:
    w = tf.Variable(array(8, 4))
    f = tf.function(lambda x: tf.nn.softmax(tf.nn.relu(x @ w) + 1), jit_compile=True)
    for n in range(1, 51):
        x = array(n, 8)
        got = f(tf.constant(x)).numpy()
        np.testing.assert_allclose(got, f.python_function(tf.constant(x)).numpy(), rtol=1e-5)
    assert f.experimental_get_tracing_count() == 1
    first, last = (f.get_concrete_function(tf.constant(array(n, 8))) for n in (1, 50))
    assert first is last


def test_a_size_used_as_a_plain_int_is_pinned_and_explained() -> None:
    def rows(x: Any) -> Any:
        total = x[0]
        for i in list(range(1, x.shape[0])):
            total = total + x[i]
        return total

    f = tf.function(rows, jit_compile=False)
    assert f(tf.ones((3, 2))).numpy().tolist() == [3.0, 3.0]
    assert f(tf.ones((4, 2))).numpy().tolist() == [4.0, 4.0]
    assert f.experimental_get_tracing_count() == 2
    assert "== 3" in f.explain(tf.ones((5, 2)))
    assert "test_calls.py" in f.explain(tf.ones((5, 2)))


@pytest.mark.parametrize("jit", [None, True, False])
def test_a_changed_global_cell_list_item_or_attribute_is_seen(jit: bool | None) -> None:
    class Settings:
        rate = 2.0

    settings, scale, table = Settings(), 3.0, [1.0, 10.0]
    settings.rate = 2.0

    def compute(x: Any) -> Any:
        return x * settings.rate * scale + table[1]

    f = tf.function(compute, jit_compile=jit)
    x = tf.constant([1.0])
    assert f(x).item() == 16.0
    settings.rate = 3.0
    assert f(x).item() == 19.0
    table[1] = 0.0
    assert f(x).item() == 9.0
    scale = 1.0
    assert f(x).item() == 3.0


def test_a_rebound_variable_is_seen() -> None:
    held = {"v": tf.Variable([1.0])}
    f = tf.function(lambda x: x + held["v"], jit_compile=True)
    assert f(tf.constant([1.0])).item() == 2.0
    held["v"] = tf.Variable([5.0])
    assert f(tf.constant([1.0])).item() == 6.0


@pytest.mark.parametrize("jit", [True, False])
def test_assignments_before_an_error_stay_and_later_ones_do_not_happen(jit: bool) -> None:
    before, after = tf.Variable(0), tf.Variable(0)

    def steps(i: Any, d: Any) -> Any:
        before.assign_add(1)
        q = i // d
        after.assign_add(1)
        return q

    f = tf.function(steps, jit_compile=jit)
    assert f(tf.constant(7), tf.constant(2)).item() == 3
    with pytest.raises(ZeroDivisionError, match="test_calls.py"):
        f(tf.constant(7), tf.constant(0))
    assert (before.numpy(), after.numpy()) == (2, 1)


def test_a_failing_trace_leaves_the_state_of_eager_and_no_cache() -> None:
    v = tf.Variable([1.0, 2.0])

    def broken(x: Any) -> Any:
        v.assign_add(x)
        return v @ tf.ones((3, 3))

    f = tf.function(broken)
    for count in (1, 2):
        with pytest.raises(tf.errors.ShapeError, match="test_calls.py"):
            f(tf.ones(2))
        assert v.numpy().tolist() == [1.0 + count, 2.0 + count]
    assert f.experimental_get_tracing_count() == 0


def test_eight_threads_trace_and_compile_once() -> None:
    f = tf.function(lambda x: tf.tanh(x) * 2.5 - 1, jit_compile=True)
    x, out = tf.constant(array(33)), []
    start = threading.Barrier(8)

    def call() -> None:
        start.wait()
        out.append(f(x).numpy())

    threads = [threading.Thread(target=call) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert f.experimental_get_tracing_count() == 1
    assert all(np.array_equal(o, out[0]) for o in out) and len(out) == 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_calls_and_compiles() -> None:
    f = tf.function(lambda x: tf.exp(x) + 0.25, jit_compile=True)
    g = tf.function(lambda x: tf.exp(x) - 0.125, jit_compile=True)
    big = tf.constant(array(300_000))
    expected = f(big).numpy()
    child = os.fork()
    if child == 0:
        good = np.array_equal(f(big).numpy(), expected) and g(big).shape == (300_000,)
        os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_background_compilation_swaps_in_the_same_results() -> None:
    f = tf.function(lambda x: tf.sum(x * x + 1, axis=-1))
    x = tf.constant(array(7, 19))
    cold = f(x).numpy()
    for _ in range(5):
        f(x)
    background.wait(60)
    assert f.get_concrete_function(x).executable().native
    np.testing.assert_allclose(f(x).numpy(), cold, rtol=1e-6)


def test_a_job_that_raises_does_not_end_the_compiling_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Any] = []
    done: list[int] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    background.submit(lambda: warnings.warn("raised, for warnings are errors here", stacklevel=1))
    background.submit(lambda: done.append(1))
    background.wait(60)
    assert done == [1] and [x.exc_type for x in told] == [UserWarning]


def test_an_instance_is_not_kept_alive_by_its_traces() -> None:
    class Model:
        def __init__(self) -> None:
            self.w = tf.Variable([2.0])

        @tf.function(jit_compile=False)
        def __call__(self, x: Any) -> Any:
            return x * self.w

    model = Model()
    assert model(tf.constant([3.0])).item() == 6.0
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_writes_to_an_argument_reach_the_caller_in_both_modes() -> None:
    def write(x: Any) -> Any:
        x[0] = 7.0
        return tf.sum(x)

    for f in (write, tf.function(write, jit_compile=True)):
        x, y = tf.ones(3), np.ones(3, np.float32)
        assert f(x).item() == 9.0 and x.numpy().tolist() == [7.0, 1.0, 1.0]
        assert float(f(y)) == 9.0
        assert y.tolist() == [7.0, 1.0, 1.0]


def test_a_tensor_made_of_an_argument_does_not_alias_it() -> None:
    f = tf.function(lambda x: (tf.identity(x), tf.reshape(x, (3, 1))), jit_compile=True)
    a = np.zeros(3, np.float32)
    outs = f(a)
    a[:] = 9
    assert all(not o.numpy().any() for o in outs)


def test_a_tape_around_a_call_agrees_with_eager_to_second_order() -> None:
    w = tf.Variable(array(4, 3))

    def f(x: Any) -> Any:
        return tf.sum(tf.tanh(x @ w) ** 2)

    def second(g: Any, x: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = g(x)
            dx = inner.gradient(y, x)
            s = tf.sum(dx * dx)
        return dx, outer.gradient(s, [x, w])

    x = tf.constant(array(5, 4))
    one, (two, three) = second(f, x)
    c_one, (c_two, c_three) = second(tf.function(f, jit_compile=True), x)
    for a, b in ((one, c_one), (two, c_two), (three, c_three)):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=1e-6)
