"""Matrix products: panels by sizes alone, every transposition, batches, empty operands."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import run
from twofold.compiler.planned import step_of
from twofold.ir.step import Kind
from twofold.runtime import threads
from twofold.runtime.products import COLUMNS, MOST_PANELS, NARROWEST, ROWS, panels

KINDS = {"float32": 2e-5, "float64": 1e-12, "complex64": 2e-5, "complex128": 1e-12}


def normal(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    """Normal numbers; of a complex dtype both parts."""
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if dtype[0] == "c" else x).astype(dtype)


@pytest.mark.parametrize(("m", "n", "k"), list(itertools.product((1, 16, 500, 3000), repeat=3)))
def test_panels_are_of_rows_unless_the_product_is_wide(m: int, n: int, k: int) -> None:
    cut = panels(m, n, k)
    assert cut.mode == (COLUMNS if n > 2 * m else ROWS)
    assert cut.units == (n if n > 2 * m else m)
    assert 1 <= -(-cut.units // cut.grain) <= MOST_PANELS
    assert cut.grain >= min(NARROWEST, cut.units)


@pytest.mark.parametrize("dtype", KINDS)
def test_products_of_every_form(dtype: str) -> None:
    rng = np.random.default_rng(0)
    forms = list(itertools.product((False, True), repeat=2))
    compiled = {
        (ta, tb): tf.function(
            lambda a, b, ta=ta, tb=tb: tf.matmul(a, b, transpose_a=ta, transpose_b=tb) * 1.0,
            jit_compile=True,
        )
        for ta, tb in forms
    }
    leads = [((), ()), ((3,), (3,)), ((3,), ()), ((), (3,)), ((2, 3), (2, 3)), ((2, 3), ()),
             ((0,), (0,)), ((2, 1), (1, 3)), ((1,), (4,))]  # fmt: skip
    sizes = [(1, 1, 1), (5, 3, 2), (0, 3, 2), (4, 0, 3), (4, 3, 0), (1, 7, 1), (17, 33, 9)]
    for (la, lb), (m, k, n), (ta, tb) in itertools.product(leads, sizes, forms):
        a = normal(rng, (*la, k, m) if ta else (*la, m, k), dtype)
        b = normal(rng, (*lb, n, k) if tb else (*lb, k, n), dtype)
        want = (a.swapaxes(-1, -2) if ta else a) @ (b.swapaxes(-1, -2) if tb else b)
        found = compiled[ta, tb](tf.constant(a), tf.constant(b)).numpy()
        assert (found.shape, found.dtype) == (want.shape, want.dtype)
        np.testing.assert_allclose(
            found, want, rtol=KINDS[dtype], atol=KINDS[dtype] * 8 * max(k, 1)
        )
    assert all(f.experimental_get_tracing_count() < 40 for f in compiled.values())


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize(("m", "k", "n"), [(300, 200, 310), (1000, 64, 33), (33, 500, 900)])
def test_large_products_do_not_depend_on_the_number_of_threads(
    m: int, k: int, n: int, dtype: str
) -> None:
    rng = np.random.default_rng(1)
    a, b = (tf.constant(normal(rng, shape, dtype)) for shape in ((m, k), (k, n)))
    before = threads.get_num_threads()
    results: list[Any] = []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            f = tf.function(lambda a, b: tf.abs(a @ b), jit_compile=True)
            results.append(f(a, b).numpy())
    finally:
        threads.set_num_threads(before)
    assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()
    want = np.abs(a.numpy() @ b.numpy())
    np.testing.assert_allclose(results[0], want, rtol=KINDS[dtype], atol=KINDS[dtype] * k)


def test_products_of_integers_and_vectors_run_by_their_bodies() -> None:
    f = tf.function(lambda a, b: tf.matmul(a, b), jit_compile=True)
    a = np.arange(6).reshape(2, 3)
    assert f(a, a.T).numpy().tolist() == (a @ a.T).tolist()
    x = np.arange(3.0)
    assert f(a.astype(float), x).numpy().tolist() == [5.0, 14.0]
    assert f(x, x).numpy() == 5.0


def test_products_chain_through_slots() -> None:
    @tf.function(jit_compile=True)
    def f(x: Any, w: Any) -> Any:
        for _ in range(4):
            x = tf.tanh(x @ w) + x
        return x

    rng = np.random.default_rng(2)
    w = rng.standard_normal((20, 20)) / 5
    for n in (1, 7, 300):
        x = want = rng.standard_normal((n, 20))
        for _ in range(4):
            want = np.tanh(want @ w) + want
        np.testing.assert_allclose(f(x, w).numpy(), want, rtol=1e-11, atol=1e-12)


LONG = [((9_000,), (9_000,)), ((3, 9_000), (9_000, 4)), ((2, 9_000), (9_000, 700)),
        ((2, 3, 9_000), (2, 9_000, 5)), ((1, 70_000), (70_000, 1))]  # fmt: skip


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("shapes", LONG)
def test_long_inner_products_keep_their_digits(shapes: Any, dtype: str) -> None:
    f = tf.function(tf.matmul, jit_compile=True)
    value = 0.3 + 0.3j if dtype[0] == "c" else 0.3
    a, b = (np.full(shape, value, dtype) for shape in shapes)
    number = a.ravel()[0].astype("D")
    found = f(tf.constant(a), tf.constant(b)).numpy()
    np.testing.assert_allclose(found, a.shape[-1] * number * number, rtol=KINDS[dtype])
    assert steps_of(f, a, b) == {"matmul"}


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_products_of_halves_are_rounded_once(dtype: Any) -> None:
    """Sums of powers of two that float32 holds exactly: the result is the exact one, rounded."""
    rng = np.random.default_rng(4)
    forms = [((5, 300), (300, 7)), ((300,), (300,)), ((3, 4, 50), (50, 6)), ((70, 90), (90, 80)),
             ((4, 0), (0, 3))]  # fmt: skip
    for left, right in forms:
        a, b = (rng.integers(-3, 4, shape) * 2.0 ** rng.integers(-2, 3, shape)
                for shape in (left, right))  # fmt: skip
        x, y = tf.constant(a, dtype=dtype), tf.constant(b, dtype=dtype)
        want = (x.numpy().astype("d") @ y.numpy().astype("d")).astype(dtype)
        for mode in (None, False, True):
            f = tf.matmul if mode is None else tf.function(tf.matmul, jit_compile=mode)
            found = f(x, y).numpy()
            assert found.dtype == want.dtype
            np.testing.assert_array_equal(found.astype("d"), np.asarray(want).astype("d"))
        assert steps_of(f, x, y) == {"fused", "matmul"}


def steps_of(f: Any, *arguments: Any) -> set[str]:
    """The ops of a compiled function's plan; what is no kernel has to be a product."""
    graph = f.get_concrete_function(*map(tf.constant, arguments)).graph
    nodes = run(graph, target=NATIVE).nodes
    assert all(step_of(n).kind in (Kind.KERNEL, Kind.LIBRARY) for n in nodes)
    return {n.op.name for n in nodes}


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_a_matrix_times_itself_turned(dtype: str) -> None:
    """Of real numbers one half is computed, and copied to the other."""
    rng = np.random.default_rng(5)
    compiled = tf.function(
        lambda a: (tf.matmul(a, a, transpose_b=True), tf.matmul(a, a, transpose_a=True)),
        jit_compile=True,
    )
    for m, k in ((3, 4), (257, 300), (700, 65), (40, 4000)):
        a = normal(rng, (m, k), dtype)
        for found, want in zip(compiled(tf.constant(a)), (a @ a.T, a.T @ a), strict=True):
            bound = KINDS[dtype] * 8 * max(m, k)
            np.testing.assert_allclose(found.numpy(), want, rtol=KINDS[dtype], atol=bound)
            if dtype != "complex128" and len(want) > 200:
                assert (found.numpy() == found.numpy().T).all()


@pytest.mark.parametrize("dtype", list(KINDS))
def test_long_products_have_the_bits_of_eager_ones(dtype: str) -> None:
    rng = np.random.default_rng(3)
    compiled = tf.function(lambda a, b: a @ b, jit_compile=True)
    for left, right in (
        ((1100, 4100), (4100,)), ((4100,), (4100, 1100)), ((3, 20_000), (20_000, 5)),
        ((40, 5000), (5000, 40)), ((2, 1, 300_000), (2, 300_000, 1)), ((2, 3, 1000), (1000,)),
    ):  # fmt: skip
        a, b = (tf.constant(normal(rng, shape, dtype)) for shape in (left, right))
        assert np.array_equal(compiled(a, b).numpy(), (a @ b).numpy())


@pytest.mark.parametrize("dtype", list(KINDS))
def test_inner_products_of_any_length_have_the_bits_of_eager_ones(dtype: str) -> None:
    """NumPy calls ``dot`` for two vectors, whose sums have another order than those of ``gemv``."""
    rng = np.random.default_rng(4)
    compiled = tf.function(lambda a, b: a @ b, jit_compile=True)
    for k in (2, 3, 17, 61, 1000, 4097, 16_385, 20_480, 200_003):
        for left, right in (((k,), (k,)), ((1, k), (k, 1)), ((2, 1, k), (k,))):
            a, b = (tf.constant(normal(rng, shape, dtype)) for shape in (left, right))
            assert np.array_equal(compiled(a, b).numpy(), (a @ b).numpy()), (left, right)
