"""Native executables: random programs, thread counts, memory layout, the readable source."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from support.random_programs import SIZES, random_graph, random_inputs

import twofold as tf
from twofold.compiler.arrays.reference import execute
from twofold.compiler.native import driver, launch
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import PASSES, compile_graph
from twofold.ir.verify import verify
from twofold.runtime import threads

OTHER_SIZES = ({"n": 1, "m": 64, "k": 1}, {"n": 33, "m": 1, "k": 2}, {"n": 2, "m": 16, "k": 4})
CHAOTIC = {20}  # the sine of a huge product: any rounding gives another number


def agree(found: Any, expected: Any) -> bool:
    """Equal up to the rounding of sums and products in another order."""
    if expected.dtype.kind != "f":
        return not expected.size or float(np.mean(found == expected)) > 0.97
    tolerance = 3e-4 if expected.dtype.itemsize == 4 else 1e-10
    finite = np.abs(np.where(np.isfinite(expected), expected, 0))
    scale = max(1.0, float(finite.max())) if expected.size else 1.0
    return bool(np.allclose(found, expected, tolerance, tolerance * scale, equal_nan=True))


@pytest.mark.parametrize("block", range(6))
def test_random_programs_agree_with_the_reference(block: int) -> None:
    for seed in range(8 * block, 8 * block + 8):
        if seed in CHAOTIC:
            continue
        rng = random.Random(seed)
        graph = random_graph(rng, rng.randint(3, 25))
        stage = graph
        for apply in PASSES:
            stage = apply(stage)
            verify(stage)
        executable = compile_graph(graph, NATIVE)
        for sizes in (SIZES, *OTHER_SIZES):
            inputs = random_inputs(graph, seed, sizes)
            try:
                expected = execute(graph, inputs, sizes)
            except ValueError:  # these sizes do not fit a broadcast that the graph declares
                continue
            for a, b in zip(expected, executable.prepare(sizes)(list(inputs)), strict=True):
                assert (a.shape, a.dtype) == (b.shape, b.dtype)
                assert agree(b, a), (seed, sizes)


def test_lists_and_arrays_lie_as_the_driver_expects() -> None:
    import ctypes

    a = np.arange(3.0)
    items = [None, a]
    table = ctypes.c_int64.from_address(id(items) + driver.ITEMS_OFFSET).value
    assert ctypes.c_int64.from_address(table + 8).value == id(a)
    assert ctypes.c_int64.from_address(id(a) + driver.DATA_OFFSET).value == a.ctypes.data


@pytest.mark.parametrize(
    "function",
    [
        lambda x: tf.tanh(x) * x + 1,
        lambda x: tf.nn.softmax(x),
        lambda x: tf.sum(x * x),
        lambda x: tf.sum(tf.exp(x), axis=0),
        lambda x: x @ tf.transpose(x),
    ],
)
def test_results_do_not_depend_on_the_number_of_threads(
    function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "PARALLEL_WORK", 1000)
    monkeypatch.setattr(launch, "CHUNK_WORK", 3000)
    x = tf.constant(np.random.default_rng(0).standard_normal((301, 257)).astype(np.float32))
    results, before = [], threads.get_num_threads()
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            results.append(tf.function(function, jit_compile=True)(x).numpy())
    finally:
        threads.set_num_threads(before)
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


def namespace() -> dict[str, Any]:
    """What the readable source of a kernel calls."""
    names = {n: getattr(np, n) for n in ("exp", "tanh", "maximum", "minimum", "sqrt", "float32")}
    return {**names, "inf": np.inf, "nan": np.nan, "cast": lambda x: x}


@pytest.mark.parametrize("size", [(1, 1), (3, 15), (2, 16), (5, 17), (4, 64)])
def test_the_readable_source_computes_what_the_machine_does(size: tuple[int, int]) -> None:
    f = tf.function(lambda x: tf.nn.softmax(x * 2 + 1), jit_compile=True)
    x = np.random.default_rng(1).standard_normal(size).astype(np.float32)
    (kernel,) = f.get_concrete_function(tf.constant(x)).executable().kernels
    space = namespace()
    exec(compile(kernel.python, "kernel", "exec"), space)
    out = np.zeros(x.size, np.float32)
    space[kernel.name](x.ravel(), out, *sizes_of(kernel.python, size))
    np.testing.assert_allclose(out.reshape(size), f(tf.constant(x)).numpy(), rtol=2e-6)


def sizes_of(text: str, size: tuple[int, int]) -> list[int]:
    """The sizes in the order of the function's parameters (m, n: the last axis is m)."""
    names = text[text.index("(") + 1 : text.index(")")].split(", ")[2:]
    return [dict(zip(("n", "m"), size, strict=True))[n] for n in names]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "k", "n"), [(1, 1, 1), (0, 3, 2), (3, 0, 2), (70, 33, 129),
                                           (300, 64, 90), (64, 700, 300)])  # fmt: skip
def test_products_agree_with_numpy(m: int, k: int, n: int, dtype: Any) -> None:
    rng = np.random.default_rng(m + k + n)
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    rtol = 1e-4 if dtype is np.float32 else 1e-11

    @tf.function(jit_compile=True)
    def products(a: Any, b: Any) -> Any:
        at, bt = tf.transpose(a), tf.transpose(b)
        return (a @ b, tf.matmul(at, b, transpose_a=True), tf.matmul(a, bt, transpose_b=True),
                tf.stack([a, a + 1]) @ b)  # fmt: skip

    plain, left, right, batch = (t.numpy() for t in products(tf.constant(a), tf.constant(b)))
    for found in (plain, left, right, batch[0]):
        np.testing.assert_allclose(found, a @ b, rtol=rtol, atol=rtol * max(k, 1))
    np.testing.assert_allclose(batch[1], (a + 1) @ b, rtol=rtol, atol=rtol * 4 * max(k, 1))
