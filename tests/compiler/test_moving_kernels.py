"""Ops with access maps: kernels read through them, whatever stands around, and give the elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.sampling import Case, draw, dtypes_of, op_cases

import twofold as tf
from twofold.compiler.pipeline import run
from twofold.ir.dtypes import info
from twofold.ir.graph import Node
from twofold.ir.op import OPS

F64 = np.dtype("float64")


def moving(case: Case) -> Callable[[Any], Any]:
    """The op of a case with its attributes."""
    return lambda x: case.op(x, **case.sample.attrs)


def mapped(case: Case) -> bool:
    """Whether the op has an access map for this sample."""
    (x,) = draw(case, F64)
    graph = tf.function(moving(case)).get_concrete_function(tf.constant(x)).graph
    nodes = [n for n in graph.nodes if n.op is case.op]
    return bool(nodes) and all(reads(n) for n in nodes)


def reads(node: Node) -> bool:
    return node.op.axes is not None and bool(
        node.op.axes(node.inputs[0].type, node.out.type, node.attrs)
    )


MOVING = [case for case in op_cases() if case.op.axes is not None]
MAPPED = [case for case in MOVING if mapped(case)]

# What stands around a movement ``f``: of tensors, and the same of arrays.
AROUND: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "elementwise": (lambda f, x, b: f(x) * 2.0 + b, lambda f, x, b: f(x) * 2.0 + b),
    "two readers": (lambda f, x, b: (tf.exp(f(x)), f(x) - b), lambda f, x, b: (np.exp(f(x)), f(x) - b)),
    "row": (lambda f, x, b: tf.sum(f(x) * b, axis=-1), lambda f, x, b: np.sum(f(x) * b, axis=-1)),
    "column": (lambda f, x, b: tf.max(f(x) - b, axis=0), lambda f, x, b: np.max(f(x) - b, axis=0, initial=-np.inf)),
    "total": (lambda f, x, b: tf.sum(f(x) * f(x)), lambda f, x, b: np.sum(f(x) * f(x))),
    "softmax": (lambda f, x, b: tf.nn.softmax(f(x) + b), lambda f, x, b: softmax(f(x) + b)),
    "one input": (lambda f, x, b: tf.tanh(f(x)) * 2.0, lambda f, x, b: np.tanh(f(x)) * 2.0),
    "alone": (lambda f, x, b: f(x), lambda f, x, b: f(x)),
    "after": (lambda f, x, b: f(tf.tanh(x)) + b, lambda f, x, b: f(np.tanh(x)) + b),
    "moved twice": (lambda f, x, b: tf.abs(tf.transpose(f(x))), lambda f, x, b: np.abs(np.transpose(f(x)))),
}  # fmt: skip


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True, initial=-np.inf))
    return e / e.sum(-1, keepdims=True)


BOUNDS = {"float16": 5e-3, "bfloat16": 4e-2, "float32": 1e-5, "float64": 1e-12}


def parts(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("case", MOVING, ids=lambda case: case.label)
def test_kernels_read_the_elements_that_the_body_gives(case: Case, around: str) -> None:
    ours, theirs = AROUND[around]
    op = case.op
    for dtype in [d for d in dtypes_of(case) if info(d).floating]:
        (x,) = draw(case, dtype)
        whole = case.op(x, **case.sample.attrs).numpy()
        if whole.ndim == 0 and around in ("row", "column", "softmax"):
            continue
        row = np.linspace(0.5, 2.0, whole.shape[-1] if whole.ndim else 1).astype(dtype)
        bias = row if whole.ndim else row[0]
        compiled = tf.function(lambda a, b: ours(moving(case), a, b), jit_compile=True)
        found = compiled(tf.constant(x), tf.constant(bias))
        want = theirs(lambda a: op(a, **case.sample.attrs).numpy(), x, bias)
        for f, w in zip(parts(found), parts(want), strict=True):
            bound = BOUNDS[dtype.name]
            wide = [np.asarray(a).astype(np.float64) for a in (f.numpy(), w)]
            np.testing.assert_allclose(*wide, rtol=bound, atol=bound)


def kernels(f: Any, *args: Any) -> list[str]:
    """The names of the nodes that an optimised call has."""
    graph = run(tf.function(f).get_concrete_function(*args).graph)
    return [n.op.name for n in graph.nodes if n.op.name not in ("constant", "read")]


@pytest.mark.parametrize("around", ["one input", "row", "total", "softmax", "moved twice"])
@pytest.mark.parametrize("case", MAPPED, ids=lambda case: case.label)
def test_what_is_read_through_a_map_takes_no_kernel_of_its_own(case: Case, around: str) -> None:
    ours, _ = AROUND[around]
    (x,) = draw(case, F64)
    whole = case.op(x, **case.sample.attrs)
    if not whole.shape and around in ("row", "softmax"):
        pytest.skip("there are no axes")
    bias = tf.constant(np.ones(whole.shape, F64))
    found = kernels(lambda a, b: ours(moving(case), a, b), tf.constant(x), bias)
    plain = kernels(lambda a, b: ours(lambda v: v, a, b), tf.constant(whole.numpy()), bias)
    assert set(found) == {"fused"} and len(found) <= len(plain)


@pytest.mark.parametrize("op", [o for o in OPS.values() if o.axes], ids=lambda o: o.name)
def test_a_kernel_is_not_named_after_what_it_reads_through(op: Any) -> None:
    case = next((c for c in MAPPED if c.op is op), None)
    if case is None:
        pytest.skip("no sample with a map")
    (x,) = draw(case, F64)
    graph = tf.function(lambda a: tf.tanh(moving(case)(a))).get_concrete_function(x).graph
    (node,) = [n for n in run(graph).nodes if n.op.name == "fused"]
    assert node.regions[0].name == "tanh"
