"""Integer division, powers and shifts in kernels: NumPy's numbers for every width, eager errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import run

Array = np.ndarray[Any, Any]
DTYPES = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
MODES = [False, True]
PAIRS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Array], Array]]] = {
    "floor_divide": (lambda x, y: x // y, lambda y: y != 0),
    "remainder": (lambda x, y: x % y, lambda y: y != 0),
    "divmod": (lambda x, y: divmod(x, y)[0] * 3 + divmod(x, y)[1], lambda y: y != 0),
    "power": (lambda x, y: x**y, lambda y: y >= 0),
    "left_shift": (lambda x, y: x << y, lambda y: y == y),
    "right_shift": (lambda x, y: x >> y, lambda y: y == y),
}


def pairs(dtype: str) -> tuple[Array, Array]:
    """Every pair of edges, and random numbers."""
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    edges = [low, low + 1, high, high - 1, high // 2, high // 3, 0, 1, 2, 3, 7, 10]
    edges += [-1, -2, -3, -7, low // 2] if low < 0 else []
    rng = np.random.default_rng(0)
    more = rng.integers(low, high, (2, 300), dtype=dtype, endpoint=True)
    grid = np.array(edges, dtype)
    x, y = np.repeat(grid, grid.size), np.tile(grid, grid.size)
    return np.concatenate([x, more[0]]), np.concatenate([y, more[1]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PAIRS)
def test_numbers_are_those_of_numpy(name: str, dtype: str) -> None:
    function, allowed = PAIRS[name]
    x, y = pairs(dtype)
    x, y = x[allowed(y)], y[allowed(y)]
    compiled = tf.function(function, jit_compile=True)
    with np.errstate(all="ignore"):  # the least number by -1
        want = function(x, y)
    for count in (x.size, 37, 1):  # whole vectors, a rest of one, a single lane
        a, b = tf.constant(x[:count]), tf.constant(y[:count])
        np.testing.assert_array_equal(compiled(a, b).numpy(), want[:count])
        np.testing.assert_array_equal(function(a, b).numpy(), want[:count])
    nodes = run(compiled.get_concrete_function(a, b).graph, target=NATIVE).nodes
    assert {n.op.name for n in nodes} == {"fused"}


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_number_after_the_other_in_a_loop(dtype: str) -> None:
    """A lane by itself divides numbers that are not negative in a quicker way than others."""
    x, y = pairs(dtype)
    x, y = x[y != 0], y[y != 0]

    @tf.function(jit_compile=True)
    def divided(x: Any, y: Any) -> Any:
        return tf.map_fn(lambda p: p[0] // p[1], (x, y), x.dtype), tf.map_fn(
            lambda p: p[0] % p[1], (x, y), x.dtype
        )

    with np.errstate(all="ignore"):  # the least number by -1
        want = x // y, x % y
    for found, wanted in zip(divided(tf.constant(x), tf.constant(y)), want, strict=True):
        np.testing.assert_array_equal(found.numpy(), wanted)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_number_as_the_divisor(dtype: str) -> None:
    x = pairs(dtype)[0]
    for number in (1, 2, 3, 7, 8):
        for function in (lambda x, n=number: x // n, lambda x, n=number: x % n + x**n):
            with np.errstate(all="ignore"):
                want = function(x)
            found = tf.function(function, jit_compile=True)(tf.constant(x)).numpy()
            np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_vector_divided_by_a_number_is_multiplied(dtype: str) -> None:
    """LLVM does that for numbers that it knows; for others CPUs divide floating numbers only."""
    x, own = pairs(dtype)[0], np.iinfo(dtype)
    for number in np.array([10, 64, own.max, -3 if own.min < 0 else 5], dtype):
        f = tf.function(lambda x, n=number: (x // n, x % n), jit_compile=True)
        with np.errstate(all="ignore"):
            want = x // number, x % number
        for found, wanted in zip(f(tf.constant(x)), want, strict=True):
            np.testing.assert_array_equal(found.numpy(), wanted)
        if number == 10:
            kernels = NATIVE.lower(run(f.graph(tf.constant(x)), target=NATIVE)).kernels
            assert kernels
            assert not any("fdiv" in kernel.llvm() for kernel in kernels)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("count", [1, 5, 50, 300_000])
def test_a_zero_among_the_divisors_raises(count: int, mode: bool) -> None:
    """In one lane, in vectors, in several threads; later calls are right again."""
    f = tf.function(lambda x, y: tf.abs(x * 2) // y + 1, jit_compile=mode)
    x = np.ones(count, np.int32)
    y = x.copy()
    y[count // 2] = 0
    for _ in range(2):
        assert (f(tf.constant(x), tf.constant(x)).numpy() == 3).all()
        with pytest.raises(tf.errors.IntegerDivisionError, match=rf"\[{count // 2}\]"):
            f(tf.constant(x), tf.constant(y))


@pytest.mark.parametrize("mode", MODES)
def test_a_negative_exponent_raises(mode: bool) -> None:
    f = tf.function(lambda x, y: tf.sum(x**y), jit_compile=mode)
    x = tf.constant([1, 2, 3])
    assert f(x, x).numpy() == 32
    with pytest.raises(tf.errors.ArgumentError, match="negative integer -1"):
        f(x, tf.constant([1, -1, 3]))


@pytest.mark.parametrize("mode", MODES)
def test_what_nothing_uses_raises_and_what_is_empty_does_not(mode: bool) -> None:
    def unused(x: Any, y: Any) -> Any:
        x // y
        return x + 1

    f = tf.function(unused, jit_compile=mode)
    for g in (unused, f):
        with pytest.raises(tf.errors.IntegerDivisionError):
            g(tf.constant([1, 2]), tf.constant([1, 0]))
    rows = tf.function(lambda x, y: (x // y)[:1] + tf.zeros((1,), tf.int32), jit_compile=mode)
    with pytest.raises(tf.errors.IntegerDivisionError):
        rows(tf.constant([1, 2]), tf.constant([1, 0]))
    wide = tf.function(lambda x, y: x // y, jit_compile=mode)
    nothing, zero = tf.zeros((0,), tf.int32), tf.constant([0])
    assert wide(nothing, zero).shape == (nothing // zero).shape == (0,)


@pytest.mark.parametrize("mode", MODES)
def test_state_before_a_failure_is_kept(mode: bool) -> None:
    v = tf.Variable([1, 1])

    @tf.function(jit_compile=mode)
    def step(x: Any, y: Any) -> Any:
        v.assign(v + 1)
        z = x // y
        v.assign(v + z)
        return z

    with pytest.raises(tf.errors.IntegerDivisionError):
        step(tf.constant([1, 2]), tf.constant([1, 0]))
    assert v.numpy().tolist() == [2, 2]


@pytest.mark.parametrize("mode", MODES)
def test_the_first_failure_is_the_one_that_is_raised(mode: bool) -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        a = tf.abs(x) // y
        b = (x + 1) ** z
        return a + b

    zero, minus, one = tf.constant([0]), tf.constant([-1]), tf.constant([1])
    compiled = tf.function(f, jit_compile=mode)
    assert compiled(one, one, one).numpy() == [3]
    for call in (f, compiled):
        with pytest.raises(tf.errors.IntegerDivisionError):
            call(one, zero, minus)
        with pytest.raises(tf.errors.ArgumentError):
            call(one, one, minus)


def test_loops_divide_and_raise_as_eager_code() -> None:
    def digits(n: Any, base: Any) -> Any:
        return tf.while_loop(
            lambda n, s: n > 0, lambda n, s: (n // base, s + (n % base) ** 2), (n, n * 0)
        )[1]

    compiled = tf.function(digits, jit_compile=True)
    for dtype in DTYPES:
        n, base = tf.constant(123, dtype=dtype), tf.constant(10, dtype=dtype)
        assert compiled(n, base).numpy() == digits(n, base).numpy() == 14
        with pytest.raises(tf.errors.IntegerDivisionError):
            compiled(n, base * 0)
