"""An interpreter is one method, ``run``: it works eagerly, with tapes, above and below a tracer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.trace import Tracer
from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.op import OPS


@contextmanager
def standing(interpreter: Any) -> Iterator[Any]:
    token = bind.push(interpreter)
    try:
        yield interpreter
    finally:
        bind.pop(token)


class Counting:
    """How often each op was called."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def run(self, call: Call) -> tuple[Any, ...]:
        self.calls[call.op.name] += 1
        return bind.run(call)


class NanCheck:
    """Remembers, for each op that made floats, whether one of them is NaN."""

    def __init__(self) -> None:
        self.found: list[tuple[str, Any]] = []

    def run(self, call: Call) -> tuple[Any, ...]:
        outs = bind.run(call)
        for out in outs:
            if out.dtype.kind == "f":
                self.found.append(
                    (call.op.name, OPS["any"](OPS["isnan"](bind.ground().tensor(out))))
                )
        return outs


class Forward:
    """Forward mode: tangents of values, pushed through the rules of a few ops."""

    def __init__(self) -> None:
        self.tangents: dict[int, tuple[Any, Any]] = {}  # id -> the value, its tangent

    def seed(self, x: Any, tangent: Any) -> None:
        self.tangents[id(x.value)] = (x.value, tangent)

    def tangent(self, x: Any) -> Any:
        return self.tangents[id(x.value)][1]

    def run(self, call: Call) -> tuple[Any, ...]:
        outs = bind.run(call)
        tangents = [self.tangents.get(id(v), (v, None))[1] for v in call.inputs]
        if any(t is not None for t in tangents):
            xs = [bind.ground().tensor(v) for v in call.inputs]
            y = bind.ground().tensor(outs[0])
            pushed = [
                RULES[call.op.name][i](y, *xs) * t for i, t in enumerate(tangents) if t is not None
            ]
            self.tangents[id(outs[0])] = (outs[0], sum(pushed[1:], pushed[0]))
        return outs


RULES: dict[str, list[Any]] = {
    "multiply": [lambda out, x, y: y, lambda out, x, y: x],
    "add": [lambda out, x, y: 1.0, lambda out, x, y: 1.0],
    "sin": [lambda out, x: OPS["cos"](x)],
}


def cube(x: Any) -> Any:
    return x * x * x + x


def test_counting_eagerly_and_under_a_tape() -> None:
    x = tf.constant([1.0, 2.0])
    with standing(Counting()) as counting:
        cube(x)
    assert counting.calls == {"multiply": 2, "add": 1}
    with standing(Counting()) as counting, tf.GradientTape() as tape:
        tape.watch(x)
        y = cube(x)
    assert counting.calls == {"multiply": 2, "add": 1}
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), [4.0, 13.0])
    with tf.GradientTape() as tape, standing(Counting()) as counting:
        tape.watch(x)
        y = cube(x)
    assert counting.calls == {"multiply": 2, "add": 1}
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), [4.0, 13.0])


def test_a_nan_is_found_where_it_was_made() -> None:
    with standing(NanCheck()) as check:
        tf.exp(tf.log(tf.constant([-1.0, 1.0])) * 0.0)
    assert [name for name, bad in check.found if bad] == ["log", "multiply", "exp"]
    with standing(NanCheck()) as check:
        tf.sqrt(tf.constant(4.0))
    assert [bool(bad) for _, bad in check.found] == [False]


def test_forward_mode_agrees_with_the_tape_also_over_it() -> None:
    x = tf.constant([1.0, 2.0])
    with standing(Forward()) as forward:
        forward.seed(x, tf.constant([1.0, 10.0]))
        y = tf.sin(cube(x))
    with tf.GradientTape() as tape:
        tape.watch(x)
        z = tf.sin(cube(x))
    expected = tape.gradient(z, x) * tf.constant([1.0, 10.0])
    np.testing.assert_allclose(forward.tangent(y).numpy(), expected.numpy(), rtol=1e-6)
    with standing(Forward()) as outer:
        outer.seed(x, tf.constant([1.0, 1.0]))
        with standing(Forward()) as inner:
            inner.seed(x, tf.constant([1.0, 1.0]))
            y = cube(x)
        second = outer.tangent(inner.tangent(y))
    np.testing.assert_array_equal(second.numpy(), 6 * x.numpy())


@pytest.mark.parametrize("jit", [False, True])
def test_above_a_tracer_what_an_interpreter_does_is_staged(jit: bool) -> None:
    @tf.function(jit_compile=jit)
    def directional(x: Any, t: Any) -> Any:
        with standing(Counting()) as counting, standing(Forward()) as forward:
            forward.seed(x, t)
            y = cube(x)
            out = forward.tangent(y)
        assert counting.calls["add"] > 1  # those of the tangents pass it too
        return out

    x = tf.constant([1.0, 2.0])
    np.testing.assert_array_equal(directional(x, tf.constant([1.0, 2.0])).numpy(), [4.0, 26.0])


def test_below_a_tracer_only_what_runs_is_seen() -> None:
    @tf.function
    def f(x: Any) -> Any:
        return cube(x) / 2.0

    x = tf.constant([1.0, 2.0])
    with standing(Counting()) as counting:
        f(x)
        x * x
    assert counting.calls["multiply"] == 1 and counting.calls["divide"] == 0


def test_a_tape_in_a_trace_leaves_no_node_twice() -> None:
    def gradient(x: Any, w: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            picked = tf.gather(x, [0, 1])
            stacked = tf.concat([picked, x * 2, np.ones(2, np.float32)], axis=0)
            y = tf.sum(stacked * 2.5 + tf.cast(w, tf.float32), axis=0)
        return tape.gradient(y, [x, w])

    tracer = Tracer("traced")
    inputs = [tracer.input(np.ones(3, np.float32), "x"), tracer.input(np.ones(7), "w")]
    with standing(tracer):
        found = gradient(*inputs)
    graph = tracer.finish([g.value for g in found])
    seen = Counter((n.op.name, n.inputs, str(n.attrs)) for n in graph.nodes)
    assert [key for key, count in seen.items() if count > 1 and key[0] != "constant"] == []
    kept = {v for n in graph.nodes for v in n.inputs} | set(graph.outputs)
    unused = [n.op.name for n in graph.nodes if not kept & set(n.outputs)]
    assert unused == []


class Replacing:
    """Runs ``sum`` over the last axis instead of ``sin``: a call that says no types."""

    def run(self, call: Call) -> tuple[Any, ...]:
        if call.op.name == "sin":
            call = Call(OPS["sum"], call.inputs, {"axis": (1,), "keepdims": False})
        return bind.run(call)


@pytest.mark.parametrize("jit", [True, False])
def test_a_call_that_an_interpreter_makes_in_a_trace_needs_no_types(jit: bool) -> None:
    def f(x: Any) -> Any:
        with tf.GradientTape() as tape, standing(Replacing()):
            tape.watch(x)
            y = tf.sin(x) * 2.0
        return y, tape.gradient(y, x)

    compiled = tf.function(f, jit_compile=jit)
    for shape in ((2, 3), (5, 1), (0, 4)):
        x = tf.ones(shape)
        for found, want in zip(compiled(x), f(x), strict=True):
            np.testing.assert_array_equal(found.numpy(), want.numpy())
    assert compiled.experimental_get_tracing_count() == 1
