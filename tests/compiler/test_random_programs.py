"""Random programs: valid after every pass, and the same results however they run."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from support.random_programs import random_graph, random_inputs

import twofold as tf
from twofold.compiler.arrays.reference import execute
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import PASSES, compile_graph, run
from twofold.ir.errors import TwofoldError
from twofold.ir.verify import verify

SIZES = [{"n": 5, "m": 19, "k": 3}, {"n": 1, "m": 64, "k": 1}, {"n": 33, "m": 1, "k": 2},
         {"n": 2, "m": 16, "k": 4}, {"n": 0, "m": 3, "k": 2}]  # fmt: skip


def assert_close(found: Any, want: Any, what: str) -> None:
    assert (found.dtype, found.shape) == (want.dtype, want.shape), what
    if want.dtype.kind != "f":
        different = np.count_nonzero(found != want)
        assert different <= 0.02 * want.size + 1, what  # comparisons of nearly equal values
        return
    tolerance = 3e-4 if want.dtype.itemsize == 4 else 1e-10
    finite = np.where(np.isfinite(want), want, 0)
    scale = max(1.0, float(np.abs(finite).max(initial=0.0)))
    np.testing.assert_allclose(found, want, rtol=tolerance, atol=tolerance * scale, err_msg=what)


@pytest.mark.parametrize("block", range(4))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_pass_keeps_graphs_valid_and_their_values(block: int) -> None:
    for seed in range(1000 + 20 * block, 1020 + 20 * block):
        graph = random_graph(random.Random(seed), 25)
        verify(graph)
        inputs = [random_inputs(graph, seed, s) for s in SIZES[:2]]
        want = [execute(graph, list(i), s) for i, s in zip(inputs, SIZES, strict=False)]
        for apply in PASSES:
            graph = apply(graph)
            verify(graph)
            for arrays, sizes, expected in zip(inputs, SIZES, want, strict=False):
                for a, b in zip(execute(graph, list(arrays), sizes), expected, strict=True):
                    assert_close(a, b, f"seed {seed} after {apply}")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_machine_code_of_larger_programs() -> None:
    for seed in (2001, 2005, 2023):
        graph = random_graph(random.Random(seed), 60)
        made = compile_graph(graph, NATIVE)
        for sizes in SIZES:
            arrays = random_inputs(graph, seed, sizes)
            want = execute(graph, list(arrays), sizes)
            for a, b in zip(made.prepare(sizes)(list(arrays)), want, strict=True):
                assert_close(a, b, f"seed {seed}, sizes {sizes}")


def test_optimising_twice_changes_nothing_more() -> None:
    for seed in range(3000, 3020):
        graph = random_graph(random.Random(seed), 25)
        passes = [p for p in PASSES if p.name not in ("fuse", "schedule")]
        for apply in passes:
            graph = apply(graph)
        once = str(graph)
        for apply in passes:
            graph = apply(graph)
        assert str(graph) == once, seed
        verify(run(graph))


UNARY = [tf.tanh, tf.exp, tf.sin, tf.abs, tf.square, tf.negative, tf.sigmoid, tf.relu]
BINARY = [tf.add, tf.subtract, tf.multiply, tf.maximum, lambda a, b: tf.where(a > b, a * b, b)]


def random_function(seed: int) -> Any:
    """A function of a matrix and a row that uses Variables, sizes, views and reductions."""

    def f(x: Any, b: Any, v: Any) -> Any:
        rng = random.Random(seed)
        values = [x, x * b, tf.sum(x, axis=1, keepdims=True), x + v]
        for _ in range(10):
            pick, a = rng.random(), rng.choice(values[-4:])
            if pick < 0.3:
                values.append(rng.choice(UNARY)(a) * 0.5)
            elif pick < 0.6:
                values.append(rng.choice(BINARY)(a, rng.choice(values)))
            elif pick < 0.75:
                values.append(tf.mean(a, axis=rng.randrange(2), keepdims=True))
            elif pick < 0.85:
                values.append(tf.reshape(tf.transpose(a), (-1,))[: b.shape[0]] + b)
                values.append(x * values.pop())
            elif pick < 0.93:
                values.append(tf.nn.softmax(a) + x / x.shape[1])
            else:
                v.assign(v * 0.5 + tf.mean(a))
                values.append(x * v)
        return values[-1], tf.sum(values[-2]), values[-3]

    return f


@pytest.mark.parametrize("seed", range(10))
def test_functions_agree_with_eager_with_their_gradients(seed: int) -> None:
    f = random_function(seed)
    compiled = {jit: tf.function(f, jit_compile=jit) for jit in (True, False)}
    for n, m in ((4, 6), (3, 6), (7, 2)):
        rng = np.random.default_rng(seed)
        x, b = tf.constant(rng.normal(size=(n, m))), tf.constant(rng.normal(size=(m,)))
        results = []
        for g in (f, *compiled.values()):
            v = tf.Variable(np.full(m, 0.75))
            try:
                with tf.GradientTape() as tape:
                    tape.watch([x, b])
                    outs = g(x, b, v)
                    total = tf.sum(outs[0]) + outs[1]
                grads = tape.gradient(total, [x, b, v])
            except TwofoldError as error:
                results.append([type(error)])
                continue
            plain = [o.numpy() for o in outs]
            results.append([*plain, v.numpy(), *[None if t is None else t.numpy() for t in grads]])
        want = results[0]
        for found in results[1:]:
            for a, e in zip(found, want, strict=True):
                if isinstance(e, np.ndarray | np.generic):
                    np.testing.assert_allclose(a, e, rtol=1e-9, atol=1e-10)
                else:
                    assert a is e
