"""Gradients through cond, switch, while and scan, to order three, equal to those of the Python."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from support.control_programs import PROGRAMS, Program, called, each_node

import twofold as tf

ALL = pytest.mark.parametrize("program", PROGRAMS.values(), ids=list(PROGRAMS))


def derivatives(function: Any, xs: list[Any], order: int) -> list[Any]:
    """A number made of all outputs, its gradients for each of ``xs``, those of their sum, ..."""
    if not order:
        return [sum(tf.sum(out * out * out) for out in function(*xs))]
    with tf.GradientTape() as tape:
        tape.watch(xs)
        *before, last = [[], *[derivatives(function, xs, order - 1)]]
        total = sum(tf.sum(g) for g in last[-len(xs) :] if g is not None)
    return [*sum(before, []), *last, *tape.gradient(total, xs)]


def assert_same(found: list[Any], want: list[Any]) -> None:
    """Equal, where zeros are as good as None."""
    for a, b in zip(found, want, strict=True):
        if b is None:
            assert a is None or not a.numpy().any()
        else:
            scale = np.abs(b.numpy()).max(initial=0.0)
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-11 * scale)


def check(program: Program, run: Any, order: int = 3) -> None:
    def found(xs: list[Any], other: Any) -> list[Any]:
        return derivatives(lambda *x: run(program.graph, *x, other), xs, order)

    check_all(program, found, order)


def check_all(program: Program, found: Any, order: int) -> None:
    for other in program.others:
        python = partial(_with, program.python, other)
        assert_same(found(program.inputs(), other), derivatives(python, program.inputs(), order))


def _with(function: Any, other: Any, *xs: Any) -> Any:
    return function(*xs, other)


@ALL
def test_gradients_of_a_graph_that_is_called(program: Program) -> None:
    check(program, called)


@ALL
def test_gradients_of_nodes_that_run_one_by_one(program: Program) -> None:
    check(program, each_node, 2)


@ALL
@pytest.mark.parametrize("jit", [False, True])
def test_gradients_of_a_compiled_function(program: Program, jit: bool) -> None:
    compiled = tf.function(lambda *x: called(program.graph, *x), jit_compile=jit)
    check(program, lambda graph, *x: compiled(*x), 2)


@ALL
@pytest.mark.parametrize("jit", [False, True])
def test_gradients_inside_a_compiled_function(program: Program, jit: bool) -> None:
    @tf.function(jit_compile=jit)
    def work(xs: list[Any], other: Any) -> Any:
        found = derivatives(lambda *x: each_node(program.graph, *x, other), xs, 2)
        return [tf.zeros(()) if g is None else g for g in found]

    check_all(program, work, 2)
