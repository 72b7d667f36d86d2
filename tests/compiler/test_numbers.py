"""Python numbers that change are inputs: one trace, Python's own arithmetic, guards where needed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.errors import ArgumentError

X = tf.constant([1.0, 2.0])
FLOATS = (0.5, 0.25, 1.5, -2.0, 0.0, -0.0, 1e300, float("inf"), float("nan"), 0.1)
INTS = (1, 2, 3, -5, 0, 100, 2**20)


def outcome(f: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    try:
        return repr(f(*args, **kwargs))
    except Exception as error:  # noqa: BLE001  (compared with the other mode's)
        return type(error).__name__


def traces(f: Callable[..., Any], values: tuple[Any, ...], jit: bool = False) -> int:
    """The number of traces for these values, after each was compared with plain Python twice."""
    compiled = tf.function(f, jit_compile=jit)
    for value in values:
        for _ in range(2):
            assert outcome(compiled, X, value) == outcome(f, X, value), value
    return compiled.experimental_get_tracing_count()


@dataclass
class Options:
    rate: float
    steps: int = 1


USES: dict[str, Callable[[Any, Any], Any]] = {
    "times a tensor": lambda x, v: x * v, "tensor minus": lambda x, v: v - x,
    "arithmetic": lambda x, v: x * (v * 2 + 1 - v / 3), "returned": lambda x, v: (v, -v, [v + 1]),
    "float64 tensor": lambda x, v: tf.cast(x, tf.float64) * v, "constant": lambda x, v: tf.constant(v) * x,
    "constant of a dtype": lambda x, v: tf.constant(v, tf.float64), "stacked": lambda x, v: tf.stack([v, 1.0]),
    "alone": lambda x, v: tf.sqrt(v), "comparison with a tensor": lambda x, v: (v < x, x == v),
    "class": lambda x, v: (isinstance(v, float), v.__class__.__name__, type(v).__name__),
    "absolute": lambda x, v: (abs(v), +v),
    "filled": lambda x, v: tf.fill((2,), v), "numpy on a tensor": lambda x, v: np.multiply(x, v),
    "numpy": lambda x, v: np.floor(v), "numpy array": lambda x, v: np.ones(2) * v,
    "power": lambda x, v: x**v, "where": lambda x, v: tf.where(x > 1.0, x, v),
}  # fmt: skip


@pytest.mark.parametrize("use", USES)
def test_a_float_used_as_a_number_is_one_trace(use: str) -> None:
    assert traces(USES[use], FLOATS) == 1


@pytest.mark.parametrize("use", ["times a tensor", "arithmetic", "returned", "where"])
def test_kernels_take_the_number_as_an_input(use: str) -> None:
    assert traces(USES[use], FLOATS, jit=True) == 1


@pytest.mark.parametrize("f", [
    lambda x, v: x + v, lambda x, v: (v * 2, v // 3, v % 7, -v, v * v), lambda x, v: x * (v / 2),
    lambda x, v: tf.cast(x, tf.int32) + v,
])  # fmt: skip
def test_an_int_becomes_an_input_with_its_second_value(f: Any) -> None:
    assert traces(f, INTS) == 2


PINNED: dict[str, Callable[[Any, Any], Any]] = {
    "math": lambda x, v: x * math.sin(v), "text": lambda x, v: (x, f"{v:.1f}"),
    "repr": lambda x, v: repr(v), "key": lambda x, v: {0.5: 1}.get(v, 7),
    "json": lambda x, v: json.dumps([v]), "method": lambda x, v: v.hex(),
    "complex": lambda x, v: v * 1j, "rounded": lambda x, v: round(v, 1),
}  # fmt: skip


@pytest.mark.parametrize("use", PINNED)
def test_a_float_whose_value_is_needed_counts_by_value(use: str) -> None:
    values = FLOATS[:6]
    assert traces(PINNED[use], values) == len(values)


def test_loop_bounds_and_indices_need_the_int() -> None:
    assert traces(lambda x, n: [x + i for i in range(n)], (1, 2, 3, 1)) == 3
    assert traces(lambda x, i: x[i], (0, 1, -1, 0, 5)) == 3


def test_a_comparison_is_guarded_not_the_value() -> None:
    def f(x: Any, v: float) -> Any:
        return x * 2 if 0.3 < v * 2 <= 1 else x

    assert traces(f, (0.1, 0.2, 0.4, 0.45, 3.0, 4.0, 0.3, 0.01)) == 3
    assert traces(lambda x, v: x if v else -x, (0.0, 1.0, -0.0, 2.0, float("nan"))) == 2
    compiled = tf.function(f, jit_compile=False)
    compiled(X, 0.1)
    assert "needs not v * 2 > 0.3  (needed at " in compiled.explain(X, 0.4)


def test_python_errors_of_numbers_are_raised_where_python_raises_them() -> None:
    assert traces(lambda x, v: x * (1 / v), (0.5, 2.0, 0.0, -0.0, 3.0)) == 1
    assert traces(lambda x, v: x * (v**0.5 if v >= 0 else 1.0), (4.0, -1.0, 9.0)) == 2
    assert traces(lambda x, v: (v**0.5, v**-1), (4.0, -4.0, 0.0, 9.0)) <= 3
    assert traces(lambda x, v: tf.cast(x, tf.int8) + v, (1, 2, 3, 300, 4)) == 2

    def unused(x: Any, v: float) -> Any:
        1 / v
        return x

    assert traces(unused, (1.0, 2.0, 0.0, 3.0)) == 1

    def caught(x: Any, v: float) -> Any:
        try:
            return x / (1 / v)
        except ZeroDivisionError:
            return x * 0

    assert traces(caught, (1.0, 0.0, 2.0, 0.0)) <= 4


def test_numbers_in_containers_keywords_and_methods_are_inputs() -> None:
    f = tf.function(lambda x, o, *, k=1.0: x * o["rate"] * k + o["more"][0].rate, jit_compile=False)
    for v in FLOATS[:5]:
        options = {"rate": v, "more": [Options(v + 1)]}
        assert outcome(f, X, options, k=v) == outcome(f.python_function, X, options, k=v)
    assert f.experimental_get_tracing_count() == 1

    class Trainer:
        @tf.function(jit_compile=False)
        def step(self, x: Any, lr: float = 0.1) -> Any:
            return x * lr

    t = Trainer()
    for v in FLOATS[:5]:
        assert repr(t.step(X, v)) == repr(X * v) == repr(t.step(X, lr=v))
    assert Trainer.step.experimental_get_tracing_count() == 1


def test_a_learning_rate_compiles_once_and_its_gradient_too() -> None:
    w = tf.Variable([1.0, 2.0])

    @tf.function(jit_compile=True)
    def step(x: Any, lr: float) -> Any:
        w.assign_sub(lr * x)
        return x * lr + w

    expected = np.array([1.0, 2.0], np.float32)
    for i in range(20):
        lr = 0.01 * (i + 1)
        with tf.GradientTape() as tape:
            tape.watch(X)
            y = step(X, lr)
        expected = expected - np.float32(lr) * X.numpy()
        np.testing.assert_array_equal(y.numpy(), X.numpy() * np.float32(lr) + expected)
        assert tape.gradient(y, X).numpy().tolist() == [np.float32(lr)] * 2
    assert step.experimental_get_tracing_count() == 1
    assert len(step._exact) <= 1


def test_a_number_kept_from_a_trace_is_a_number_afterwards() -> None:
    kept: list[Any] = []
    f = tf.function(lambda x, v: (kept.append(v * 2), x * v)[1], jit_compile=False)
    f(X, 1.5)
    assert kept[0] + 1 == 4.0
    assert float(kept[0]) == 3.0
    assert json.dumps(float(kept[0])) == "3.0"


def test_a_concrete_function_takes_any_number_of_its_kind() -> None:
    f = tf.function(lambda x, v, n: x * v + n, jit_compile=False)
    c = f.get_concrete_function(X, 0.5, 1)
    f(X, 0.5, 2)
    assert c(X, 3.0, 1).numpy().tolist() == [4.0, 7.0]
    with pytest.raises(ArgumentError, match="do not fit"):
        c(X, 3.0, 2)


def test_a_variable_takes_a_number() -> None:
    rate, count = tf.Variable(0.5), tf.Variable(3)
    f = tf.function(lambda v, n: (rate.assign(v), count.assign(n), rate * 1)[2], jit_compile=False)
    for v, n in ((0.25, 1), (1e30, 2), (0.1, 7)):
        assert f(v, n).numpy() == np.float32(v)
        assert (rate.numpy(), count.numpy()) == (np.float32(v), n)
    assert f.experimental_get_tracing_count() == 2
    with pytest.raises(ValueError):
        f(0.5, 2**40)
    assert (rate.numpy(), count.numpy()) == (0.5, 7)


def test_numbers_of_another_trace_are_told_apart() -> None:
    inner = tf.function(lambda x, v: x * v, jit_compile=False)
    outer = tf.function(lambda x, v: inner(x, v * 2) + inner(x, 3.0), jit_compile=False)
    for v in (0.5, 1.5):
        assert outer(X, v).numpy().tolist() == (X * (v * 2) + X * 3.0).numpy().tolist()
    assert outer.experimental_get_tracing_count() == 1


def test_a_numpy_scalar_counts_by_value_where_its_value_is_needed() -> None:
    functions: list[Callable[[Any], Any]] = [
        lambda n: tf.sum(tf.reshape(tf.range(6), (2, 3)), axis=n),
        lambda n: tf.constant([1.0, 2.0, 3.0])[n],
        lambda n: [10, 20, 30][n],
        lambda n: tf.range(n + 1),
        lambda n: tf.constant(1.0) if n > 0 else tf.constant(2.0),
        lambda n: f"{n:02d}",
        lambda n: int(n) + 1,
    ]
    for function in functions:
        f = tf.function(function, jit_compile=False)
        for n in (np.int64(0), np.int64(1), np.int32(1), np.int64(0), np.uint8(1)):
            got, want = f(n), function(n)
            assert type(got) is type(want)
            np.testing.assert_array_equal(np.asarray(got), np.asarray(want))
        assert f.experimental_get_tracing_count() <= 4
    scale = tf.function(lambda x, k: x * k, jit_compile=False)
    for k in (0.5, 1.5, 2.5):
        np.testing.assert_array_equal(scale(X, np.float32(k)).numpy(), X.numpy() * np.float32(k))
    assert scale.experimental_get_tracing_count() == 1
    assert "needs" not in scale.explain(X, np.float32(9))


def test_a_numpy_integer_repeats_a_sequence() -> None:
    f = tf.function(lambda x, n: [x] * n + n * [x], jit_compile=False)
    assert [len(f(X, np.int64(n))) for n in (1, 3, 2)] == [2, 6, 4]
    assert tf.function(lambda n: n * "ab")(np.uint8(2)) == "abab"
    with pytest.raises(
        TypeError, match="can't multiply sequence by non-int of type 'numpy.float64'"
    ):
        f(X, np.float64(2))
