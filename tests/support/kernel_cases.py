"""Functions whose kernels have every form, and three ways to run them.

``by_machine`` runs the compiled program, ``by_source`` the readable Python of each kernel, and
``by_reference`` the ops' NumPy bodies on the graph as it was traced.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

import twofold as tf
from twofold.compiler.arrays.reference import execute, run_node, sizes_of
from twofold.compiler.kernel.source import kernel_namespace
from twofold.compiler.native.program import NativeExecutable
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import compile_graph
from twofold.compiler.planned import step_of
from twofold.ir.dims import evaluate
from twofold.ir.graph import Graph
from twofold.ir.step import Kind

Arrays = list[np.ndarray[Any, Any]]
F32, F64, I8, I32, I64, U8, U16, U64, BOOL = (
    np.dtype(d) for d in ("f4", "f8", "i1", "i4", "i8", "u1", "u2", "u8", "?")
)


class Case(NamedTuple):
    """A function, its inputs (dtype and the letters of their sizes), and the mode of its kernels."""

    function: Callable[..., Any]
    inputs: tuple[tuple[np.dtype[Any], str], ...]
    mode: str
    exact: bool = False  # arithmetic only: bit for bit what NumPy computes
    sweeps: int = 1


def _moments(x: Any) -> Any:
    e = tf.exp(x)
    p = e / tf.sum(e, axis=1, keepdims=True)
    c = p - tf.max(p, axis=1, keepdims=True)
    return c * tf.sum(c * c, axis=1, keepdims=True)


CASES: dict[str, Case] = {
    "map of one axis": Case(lambda x: tf.tanh(x) * 2 + 1, ((F32, "m"),), "map"),
    "map of no axis": Case(lambda x: x * 2 + 1, ((F64, ""),), "map", True),
    "map, broadcast": Case(
        lambda x, b, c: (x + b) * c - 0.5,
        ((F32, "nm"), (F32, "m"), (F32, "n1")), "map", True,
    ),
    "map of three axes": Case(
        lambda x, b, c: x * b + c, ((F32, "knm"), (F32, "m"), (F32, "n1")), "map", True,
    ),
    "transposed loads": Case(
        lambda x, y: x + tf.transpose(y) * 2, ((F32, "nm"), (F32, "mn")), "map", True,
    ),
    "rotated axes": Case(
        lambda x, y: tf.transpose(x, (2, 0, 1)) - y, ((F64, "nmk"), (F64, "m")), "map", True,
    ),
    "bool": Case(
        lambda x, y, p: (
            tf.where(tf.logical_and(x > 0, tf.isfinite(y)), x, -y),
            tf.logical_or(tf.logical_not(p), tf.logical_xor(x < y, p)), p | (x == y),
        ),
        ((F32, "nm"), (F32, "m"), (BOOL, "nm")), "map", True,
    ),
    "int32": Case(
        lambda x, y: ((x * 3 - 7) & 15, tf.sign(x) * tf.abs(y), tf.maximum(x, y) ^ y, x << (y & 3)),
        ((I32, "nm"), (I32, "m")), "map", True,
    ),
    "int8 wraps": Case(
        lambda x: (x * 7 + 100, -x, tf.abs(x), x >> 1), ((I8, "nm"),), "map", True
    ),
    "uint64": Case(
        lambda x, y: (x - y, tf.minimum(x, y), x >> 3, ~x, x < y),
        ((U64, "m"), (U64, "m")), "map", True,
    ),
    "mixed dtypes": Case(
        lambda x, i, h: (
            tf.cast(i, "float32") * x, tf.cast(x, "float64") + 0.1, tf.cast(x > 0, "int8"),
            tf.cast(h, "int32") - i,
        ),
        ((F32, "nm"), (I32, "m"), (U16, "nm")), "map", True,
    ),
    "floor_divide and remainder": Case(
        lambda x, y: (x // y, x % y, tf.round(x * 4) / 4, tf.floor(y), tf.trunc(x)),
        ((F64, "nm"), (F64, "m")), "map", True,
    ),
    "sum of rows": Case(lambda x: tf.sum(x * x, axis=1), ((F32, "nm"),), "row"),
    "largest of rows": Case(
        lambda x: (tf.max(x, axis=1, keepdims=True), tf.min(-x, axis=1)),
        ((F32, "nm"),), "row", True,
    ),
    "integers in rows": Case(
        lambda x: (tf.sum(x, axis=1), tf.max(x, axis=1), tf.min(x, axis=1), tf.prod(x, axis=1)),
        ((I8, "nm"),), "row", True,
    ),
    "bool in rows": Case(
        lambda p, x: (
            tf.any(p, axis=1), tf.all(x > -1, axis=1), tf.max(p, axis=1), tf.min(x > 1, axis=1),
        ),
        ((BOOL, "nm"), (F32, "nm")), "row", True,
    ),
    "softmax": Case(lambda x: tf.nn.softmax(x), ((F32, "nm"),), "row", sweeps=3),
    "four runs of a row": Case(_moments, ((F64, "nm"),), "row", sweeps=4),
    "two axes in a row": Case(
        lambda x: x - tf.sum(x, axis=(1, 2), keepdims=True), ((F64, "nkm"),), "row", sweeps=2
    ),
    "outer level": Case(
        lambda x, b, c: x * tf.tanh(tf.sum(x, axis=1, keepdims=True) * c + b),
        ((F64, "nm"), (F64, "n1"), (F64, "")), "row", sweeps=2,
    ),
    "several outputs of a row": Case(
        lambda x: (tf.exp(x), tf.sum(tf.exp(x), axis=1), x + tf.max(x, axis=1, keepdims=True)),
        ((F64, "nm"),), "row", sweeps=2,
    ),
    "columns": Case(
        lambda x, b: tf.tanh(tf.sum(x * 2, axis=0)) + b, ((F64, "nm"), (F64, "m")), "column"
    ),
    "columns in the middle": Case(
        lambda x: (tf.sum(x, axis=1), tf.max(x, axis=1)), ((I64, "nkm"),), "column", True
    ),
    "total": Case(
        lambda x: (tf.sum(x * x), tf.max(x), tf.sqrt(tf.sum(x * x)) + 1), ((F64, "m"),), "total"
    ),
    "total of two axes": Case(
        lambda x, b: tf.sum(x * b), ((F32, "nm"), (F32, "m")), "total"
    ),
    "total of bool and integers": Case(
        lambda x: (tf.sum(x), tf.any(x > 90), tf.all(x > 3), tf.max(x), tf.sum(tf.cast(x > 9, "int32"))),
        ((U8, "nm"),), "total", True,
    ),
    "total with its first axis alone": Case(
        lambda x, y: tf.sum(x + y), ((F64, "n1"), (F64, "m")), "total"
    ),
}  # fmt: skip


def shape_of(letters: str, sizes: dict[str, int]) -> tuple[int, ...]:
    """The sizes that letters stand for; 1 stands for itself."""
    return tuple(1 if c == "1" else sizes[c] for c in letters)


def make_inputs(case: Case, sizes: dict[str, int], seed: int = 0) -> Arrays:
    """Arrays with small values, both zeros among the floating ones."""
    rng = np.random.default_rng(seed)
    found = []
    for dtype, letters in case.inputs:
        shape = shape_of(letters, sizes)
        if dtype.kind == "f":
            array = rng.uniform(-2, 2, shape).astype(dtype)
            array = np.where(rng.random(shape) < 0.1, -0.0, array).astype(dtype)
        elif dtype.kind == "b":
            array = np.asarray(rng.random(shape) < 0.5)
        else:
            low = 0 if dtype.kind == "u" else -100
            array = np.asarray(rng.integers(low, 100, shape)).astype(dtype)
        found.append(np.ascontiguousarray(array).reshape(shape))
    return found


@cache
def compiled(name: str) -> tuple[Graph, NativeExecutable]:
    """The graph of a case with symbolic sizes, and its executable."""
    case = CASES[name]
    sizes = {"n": 5, "m": 7, "k": 3}
    tensors = [tf.constant(a) for a in make_inputs(case, sizes)]
    graph = tf.function(case.function, jit_compile=False).graph(*tensors)
    made = compile_graph(graph, NATIVE)
    assert isinstance(made, NativeExecutable)
    return graph, made


def by_reference(graph: Graph, arrays: Arrays) -> Arrays:
    """The ops' NumPy bodies, node by node."""
    return execute(graph, arrays)


def by_machine(made: NativeExecutable, arrays: Arrays) -> Arrays:
    """The compiled program."""
    return made.prepare(sizes_of(made.graph, arrays))(list(arrays))


def by_source(made: NativeExecutable, arrays: Arrays) -> Arrays:
    """The optimised graph, with each kernel as its readable Python."""
    env = sizes_of(made.graph, arrays)
    table = dict(zip(made.graph.inputs, arrays, strict=True))
    for node in made.graph.nodes:
        inputs = [table[v] for v in node.inputs]
        if step_of(node).kind is not Kind.KERNEL:
            table.update(zip(node.outputs, run_node(node, inputs, env), strict=True))
            continue
        outs = [np.empty([evaluate(d, env) for d in v.type.shape], v.type.dtype)
                for v in node.outputs]  # fmt: skip
        for info in made.code[node]:
            run_source(info, [*inputs, *outs], env)
        table.update(zip(node.outputs, outs, strict=True))
    return [table[v] for v in made.graph.outputs]


def run_source(info: Any, buffers: Arrays, env: dict[str, int]) -> None:
    """Run the text of one kernel on its buffers."""
    space = dict(kernel_namespace())
    exec(compile(info.python, "<kernel>", "exec"), space)
    kernel = space[info.name]
    sizes = list(inspect.signature(kernel).parameters)[len(buffers) :]
    with np.errstate(all="ignore"):
        kernel(*[b.reshape(-1) for b in buffers], *[env[s] for s in sizes])


def assert_same_bits(found: Any, expected: Any, message: str = "") -> None:
    """Same dtype, shape and bits; a NaN is a NaN."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape), message
    np.testing.assert_array_equal(found, expected, err_msg=message)
    if found.dtype.kind == "f":
        real = ~np.isnan(found)
        np.testing.assert_array_equal(np.signbit(found)[real], np.signbit(expected)[real], message)


def assert_close(found: Any, expected: Any, terms: int, message: str = "") -> None:
    """Equal up to rounding of sums of so many terms of functions that are good to 4 ulp."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape), message
    if found.dtype.kind != "f":
        np.testing.assert_array_equal(found, expected, err_msg=message)
        return
    eps = float(np.finfo(found.dtype).eps) * (16 + 4 * terms)
    scale = float(np.max(np.abs(expected), initial=1.0))
    np.testing.assert_allclose(found, expected, rtol=eps, atol=eps * scale, err_msg=message)
