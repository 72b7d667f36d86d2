"""Loops and branches that assign to Variables, or draw, and that may raise: no trip has a step for
Python. An exception leaves the state that Python leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler import moving
from twofold.compiler.native import again
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import run
from twofold.compiler.planned import native_graphs, step_of
from twofold.ir.step import Kind

V, W = tf.Variable(0.0), tf.Variable([1.0, 2.0])
TABLE = tf.constant(np.linspace(0.1, 1.0, 10).astype("f4"))
MATRIX = tf.constant(np.sin(np.arange(8100)).reshape(90, 90).astype("f4") * 0.1)


def summed(x: Any, k: Any) -> Any:
    V.assign(5.0)  # what stands before the loop is assigned before it
    i = 0
    while i < k:
        V.assign_add(x[i % 10])
        i += 1
    W.assign(W * V)
    return V + 0.0


def swapped(x: Any, k: Any) -> Any:
    for i in tf.range(k):
        first = W[0]
        W.assign(tf.stack([W[1] * x[i], first]))
        if W[0] > 3.0:
            V.assign_sub(W[0])
        else:
            for j in tf.range(i):
                V.assign(V * 0.5 + x[j])
    return W * 1.0


def refusing(x: Any, k: Any) -> Any:
    for i in tf.range(k):
        V.assign_add(x[i])
        if V > 2.0:
            W.assign(W + V)
            raise ValueError("too large", "mine")
    return V + 0.0


def outside(x: Any, k: Any) -> Any:
    for i in tf.range(k):
        W.assign(W + x[i])  # an IndexError behind the last one
    return W + 0.0


def drawing(x: Any, k: Any) -> Any:
    total = tf.constant(0.0)
    for i in tf.range(k):
        total = total + tf.random.uniform(()) * x[i % 10]
        if total > 4.0:
            raise ArithmeticError("enough")
    return total


def dense(x: Any, k: Any) -> Any:
    rows = tf.ones((2, 90)) * x[0]
    for i in tf.range(k):  # a program: rows are too large for a kernel
        rows = tf.tanh(rows @ MATRIX + x[i % 12])
        if i % 3 == 1:
            W.assign(W * 0.5 + tf.reduce_sum(rows, 1))
        for j in tf.range(i % 4):  # a kernel of its own
            V.assign_add(x[i + j - 3] * rows[0, j])
    return tf.reduce_sum(rows)


def stacked(x: Any, k: Any) -> Any:
    def step(i: Any) -> Any:
        V.assign(V * 0.5 + x[i // 2 + tf.minimum(k, 7)])
        return V * 2.0

    return tf.reduce_sum(tf.map_fn(step, tf.range(10), fn_output_signature=tf.float32))


def noisy(x: Any, k: Any) -> Any:
    noise = tf.zeros(40)
    for i in tf.range(k):
        noise = noise * 0.5 + tf.random.normal((40,)) * x[i]
        V.assign(tf.reduce_max(noise))
    return tf.reduce_sum(noise)


def handled(x: Any, k: Any) -> Any:
    for i in tf.range(k):
        try:  # a call that raises is made again: nothing may be assigned by then
            V.assign_add(x[i + 2])
        except IndexError:
            W.assign_add([1.0, 1.0])
    return V + W[0]


def outcome(function: Callable[..., Any], k: int) -> tuple[Any, ...]:
    """What comes of a call: the result or the exception, and the Variables behind it."""
    V.assign(0.5)
    W.assign([1.0, 2.0])
    tf.random.set_seed(3)
    try:
        found = function(TABLE, tf.constant(k)).numpy()
    except Exception as error:  # noqa: BLE001  (compared with the other's)
        found = (type(error), str(error).split("\n", maxsplit=1)[0])
    return found, V.numpy().copy(), W.numpy().copy(), tf.random.uniform(()).numpy()


PROGRAMS = [summed, swapped, refusing, outside, drawing, dense, stacked, noisy, handled]


def agrees(program: Any, compiled: Any, trips: Sequence[int]) -> None:
    for k in trips:
        found, *state = outcome(compiled, k)
        wanted, *kept = outcome(program, k)
        if isinstance(wanted, tuple):
            assert found == wanted, k
        else:
            np.testing.assert_allclose(found, wanted, rtol=1e-5)
        for ours, theirs in zip(state, kept, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("jit", [None, True])
def test_results_exceptions_and_state_are_those_of_python(program: Any, jit: Any) -> None:
    agrees(program, tf.function(program, jit_compile=jit), (3, 0, 1, 10, 25, 3))


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_error_of_a_long_loop_is_found_without_array_operations(
    program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "PATIENCE", 0.0)  # the first trip is the last on array operations
    monkeypatch.setattr(again, "LONG", 1)
    agrees(program, tf.function(program, jit_compile=True), (25, 3))


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_trip_has_a_step_for_python(program: Any) -> None:
    compiled = tf.function(program, jit_compile=True)
    outcome(compiled, 2)
    planned = run(compiled.graph(TABLE, tf.constant(2)), target=NATIVE)
    loops = [node for node in planned.walk() if node.op.flow == "loop"]
    assert loops
    assert not any(node.op.name == "assign" for loop in loops for node in _within(loop))
    inside = [node for part in native_graphs(planned)[1:] for node in part.nodes]
    assert not any(step_of(node).kind is Kind.ARRAYS for node in inside)
    assert all(step_of(node).kind is Kind.CONTROL for node in planned.nodes if node.op.flow)


def _within(node: Any) -> Any:
    return (inner for region in node.regions for inner in region.walk())


def test_what_a_loop_has_assigned_is_not_written_over_later() -> None:
    @tf.function(jit_compile=True)
    def doubled(k: Any) -> Any:
        for i in tf.range(k):
            W.assign(W * 2.0)
            if i > 100:
                raise ValueError(i)
        return k

    W.assign([1.0, 3.0])
    doubled(tf.constant(2))
    kept = W.numpy()
    doubled(tf.constant(3))
    np.testing.assert_array_equal(kept, [4.0, 12.0])
    np.testing.assert_array_equal(W.numpy(), [32.0, 96.0])
