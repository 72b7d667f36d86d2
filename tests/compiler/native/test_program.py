"""The native executable: slots, aliases, effects in order, sharing, repeated preparation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.native import launch
from twofold.compiler.native.program import NativeExecutable
from twofold.compiler.planned import step_of
from twofold.ir.errors import IntegerDivisionError
from twofold.runtime import threads

RNG = np.random.default_rng(5)


def executable(function: Any, *args: Any) -> NativeExecutable:
    made = tf.function(function, jit_compile=True).get_concrete_function(*args).executable()
    assert isinstance(made, NativeExecutable)
    return made


def test_each_way_of_running_a_node_is_used_and_agrees() -> None:
    v = tf.Variable(RNG.standard_normal((4, 4)))

    def f(x: Any) -> Any:
        y = tf.tanh(x @ v)
        flat = tf.reshape(y, (-1,))
        z = tf.sort(flat) * x.shape[0] + tf.constant([0.5], dtype="float64")
        v.assign(v * 0.5)
        return z, tf.expand_dims(y, 0), tf.sum(z)

    x = tf.constant(RNG.standard_normal((3, 4)))
    made = executable(f, x)
    kinds = {step_of(n).kind.value for n in made.graph.nodes}
    assert kinds >= {"kernel", "library", "alias", "read", "assign", "arrays"}
    start = v.numpy()
    want = [t.numpy() for t in f(x)]
    after = v.numpy()
    v.assign(start)
    compiled = tf.function(f, jit_compile=True)
    for a, b in zip(compiled(x), want, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-12)
    np.testing.assert_array_equal(v.numpy(), after)


def test_one_preparation_serves_many_calls_and_results_stay() -> None:
    made = executable(
        lambda x, y: (x @ y + 1, tf.sum(x, axis=1)), tf.zeros((2, 3)), tf.zeros((3, 4))
    )
    x, y = (RNG.standard_normal(s).astype(np.float32) for s in ((40, 300), (300, 50)))
    env = dict(zip(("n", "m", "p"), (40, 300, 50), strict=True))
    run = made.prepare({s: {"n": 40, "m": 300, "k": 300, "p": 50}[s] for s in made.graph.symbols()})
    assert env
    held = [run([x * i, y]) for i in range(6)]
    for i, (product, sums) in enumerate(held):
        np.testing.assert_allclose(product, (x * i) @ y + 1, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(sums, (x * i).sum(axis=1), rtol=1e-3, atol=1e-3)


def test_inputs_of_any_layout_are_made_contiguous() -> None:
    made = executable(lambda x: x * 2 - tf.transpose(x), tf.zeros((3, 3)))
    run = made.prepare(dict.fromkeys(made.graph.symbols(), 3))
    base = RNG.standard_normal((6, 6)).astype(np.float32)
    for x in (base[:3, :3], base[::2, ::2], base[::-2, ::-2], base.T[:3, 3:]):
        before = x.copy()
        np.testing.assert_array_equal(run([x])[0], x * 2 - x.T)
        np.testing.assert_array_equal(x, before)


def test_effects_before_an_error_happen_and_later_ones_do_not() -> None:
    v, w = tf.Variable([0.0]), tf.Variable([0.0])

    @tf.function(jit_compile=True)
    def f(i: Any, x: Any) -> Any:
        v.assign(x * 2)
        q = 6 // i
        w.assign(x * 3)
        return q

    x = tf.constant([1.0])
    assert f(tf.constant([2]), x).numpy().tolist() == [3]
    v.assign([0.0])
    w.assign([0.0])
    with pytest.raises(IntegerDivisionError):
        f(tf.constant([0]), x)
    assert (v.numpy().tolist(), w.numpy().tolist()) == ([2.0], [0.0])


@pytest.mark.parametrize("points", [0, 1, 1000, 10**6])
def test_small_work_stays_on_one_thread(points: int) -> None:
    made = executable(lambda x: tf.tanh(x) + 1, tf.zeros((3,)))
    (node,) = made.graph.nodes
    before = threads.get_num_threads()
    try:
        threads.set_num_threads(2)
        kernel = made.code[node][0].kernel
        grain = launch.grain_of(kernel, points, points)
        shared = points * launch.weight_of(kernel) >= launch.PARALLEL_WORK
        assert (grain < points) == shared
        threads.set_num_threads(1)
        assert launch.grain_of(kernel, points, points) == max(points, 1)
    finally:
        threads.set_num_threads(before)


def test_the_texts_of_a_kernel() -> None:
    (kernel,) = executable(lambda x: tf.exp(x) * 0.375, tf.zeros((3, 4))).kernels
    assert kernel.python.startswith(f"def {kernel.name}(x, out0, ")
    assert "exp(" in kernel.python
    assert kernel.machine(lambda size: 12).name in kernel.llvm()
    assert len(kernel.asm()) > 100


def test_a_value_that_is_returned_and_used_is_made_once() -> None:
    def f(x: Any, w: Any) -> Any:
        h = tf.tanh(x @ w)
        return h, tf.reshape(h, (-1,)), h @ w, h[:1]

    x, w = tf.constant(RNG.standard_normal((5, 3))), tf.constant(RNG.standard_normal((3, 3)))
    found = tf.function(f, jit_compile=True)(x, w)
    for a, b in zip(found, f(x, w), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-14)


def test_large_arenas_and_outputs_come_from_the_pool() -> None:
    f = tf.function(lambda x, w: tf.tanh(tf.tanh(x @ w) @ w), jit_compile=True)
    w = tf.constant(RNG.standard_normal((200, 200)).astype(np.float32) / 20)
    for n in (300, 5, 700, 300):
        x = tf.constant(RNG.standard_normal((n, 200)).astype(np.float32))
        want = np.tanh(np.tanh(x.numpy() @ w.numpy()) @ w.numpy())
        np.testing.assert_allclose(f(x, w).numpy(), want, rtol=1e-3, atol=1e-4)
    assert f.experimental_get_tracing_count() == 1
