"""Targets: a third one runs real graphs, and only the target decides what a plan depends on."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from support import toy_target
from support.kernel_cases import (
    CASES,
    assert_close,
    assert_same_bits,
    by_reference,
    compiled,
    make_inputs,
)
from support.random_programs import random_graph
from support.toy_target import ToyTarget

import twofold as tf
from twofold.compiler.arrays.reference import sizes_of
from twofold.compiler.arrays.target import ARRAYS
from twofold.compiler.native import target as native_target
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import compile_graph, run
from twofold.compiler.planned import step_of
from twofold.compiler.target import PLAN
from twofold.ir.equality import equal
from twofold.ir.parser import parse
from twofold.ir.step import Kind


def test_the_toy_is_small() -> None:
    assert len(Path(toy_target.__file__).read_text(encoding="utf-8").splitlines()) <= 100


@pytest.mark.parametrize("name", CASES)
def test_the_toy_runs_graphs_of_every_form_of_kernel(name: str) -> None:
    graph, case = compiled(name)[0], CASES[name]
    arrays = make_inputs(case, {"n": 3, "m": 17, "k": 2})
    made = compile_graph(graph, ToyTarget())
    found = made.prepare(sizes_of(made.graph, arrays))(arrays)
    for a, b in zip(found, by_reference(graph, arrays), strict=True):
        if case.exact:
            assert_same_bits(np.asarray(a), b)
        else:
            assert_close(np.asarray(a), b, 64)


def test_the_toy_runs_random_graphs(outcome) -> None:  # type: ignore[no-untyped-def]
    kernels = 0
    for seed in range(40):
        graph = random_graph(random.Random(seed), 20)
        planned = run(graph, target=ToyTarget())
        assert equal(parse(str(planned)), planned)
        made = compile_graph(graph, ToyTarget())
        kernels += len(made.kernels)
        plain = outcome(graph, seed, [0.5, 1.0, 1.5])
        toy = outcome(
            graph, seed, [0.5, 1.0, 1.5], lambda g, inputs, env, m=made: m.prepare(env)(inputs)
        )
        assert toy.error is plain.error
        for a, b in zip(toy.outputs + toy.state, plain.outputs + plain.state, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    assert kernels > 40


def test_the_toy_trains() -> None:
    w = tf.Variable(np.full((3, 2), 0.25))

    @tf.function
    def step(x, y):  # type: ignore[no-untyped-def]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.tanh(x @ w) - y))
        w.assign_sub(0.1 * tape.gradient(loss, w))
        return loss

    x = tf.constant(np.linspace(-1, 1, 12).reshape(4, 3))
    y = tf.constant(np.linspace(0, 1, 8).reshape(4, 2))
    graph = step.graph(x, y)
    start = w.numpy()
    made = compile_graph(graph, ToyTarget())
    call = made.prepare(dict.fromkeys(graph.symbols(), 4))
    (loss,) = call([x.numpy(), y.numpy(), w])
    after = w.numpy()
    w.assign(start)
    assert loss == pytest.approx(step.python_function(x, y).numpy(), rel=1e-12)
    np.testing.assert_allclose(after, w.numpy(), rtol=1e-12)
    assert made.products >= 2 and made.kernels  # type: ignore[attr-defined]


PRODUCT = "graph f(%x: f32[n,m], %y: f32[m,k]) { %a = matmul(%x, %y) %b = exp(%a) return %b }"


def test_only_the_target_looks_at_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = parse(PRODUCT)
    before = str(run(graph, target=PLAN))
    monkeypatch.setattr(native_target, "find_blas", lambda: None)
    assert str(run(graph, target=PLAN)) == before
    kinds = [step_of(n).kind for n in run(graph, target=NATIVE).nodes]
    assert kinds == [Kind.ARRAYS, Kind.KERNEL]
    made = compile_graph(graph, NATIVE)
    x, y = (np.arange(6, dtype=np.float32).reshape(s) / 10 for s in ((2, 3), (3, 2)))
    (found,) = made.prepare({"n": 2, "m": 3, "k": 2})([x, y])
    np.testing.assert_allclose(found, np.exp(x @ y), rtol=1e-6)


def test_array_operations_fuse_nothing() -> None:
    graph = run(parse(PRODUCT), target=ARRAYS)
    assert [n.op.name for n in graph.nodes] == ["matmul", "exp"]
    assert {step_of(n).kind for n in graph.nodes} == {Kind.ARRAYS}


def test_a_plan_does_not_run() -> None:
    with pytest.raises(NotImplementedError, match="another target"):
        compile_graph(parse(PRODUCT), PLAN)
