"""Loops and branches that assign to Variables, or draw, and that may raise: programs with one step
for Python at each assignment. An exception leaves the state that Python leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import run
from twofold.compiler.planned import native_graphs, step_of
from twofold.ir.step import Kind

V, W = tf.Variable(0.0), tf.Variable([1.0, 2.0])
TABLE = tf.constant(np.linspace(0.1, 1.0, 10).astype("f4"))


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


PROGRAMS = [summed, swapped, refusing, outside, drawing]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("jit", [None, True])
def test_results_exceptions_and_state_are_those_of_python(program: Any, jit: Any) -> None:
    compiled = tf.function(program, jit_compile=jit)
    for k in (3, 0, 1, 10, 25, 3):
        found, *state = outcome(compiled, k)
        wanted, *kept = outcome(program, k)
        if isinstance(wanted, tuple):
            assert found == wanted, k
        else:
            np.testing.assert_allclose(found, wanted, rtol=1e-5)
        for ours, theirs in zip(state, kept, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_trip_is_run_by_array_operations(program: Any) -> None:
    compiled = tf.function(program, jit_compile=True)
    outcome(compiled, 2)
    planned = run(compiled.graph(TABLE, tf.constant(2)), target=NATIVE)
    nodes = [node for part in native_graphs(planned) for node in part.nodes]
    control = [node for node in nodes if node.op.flow]
    assert control
    assert all(step_of(node).kind is Kind.CONTROL for node in control)


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
