"""Symbolic sizes: what stays open, what pins, and that a size behaves as the int that it is."""

from __future__ import annotations

import contextlib
import math
import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.sizes import TraceSizes
from twofold.compiler.symint import SymInt
from twofold.ir.errors import ShapeError, TwofoldError

HERE = "test_sizes.py"


def ones(*shape: int) -> Any:
    return tf.ones(shape)


def plain(value: Any) -> Any:
    """A result as nested Python values with their types."""
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, tf.Tensor):
        return value.dtype, value.shape, value.numpy().tolist()
    if isinstance(value, np.integer):
        value = int(value)
    return type(value), value


def outcome(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    try:
        return plain(function(*args))
    except (TwofoldError, ArithmeticError, LookupError, ValueError) as error:
        kinds = (IndexError, KeyError, ZeroDivisionError, ValueError)
        return next(k for k in kinds if isinstance(error, k))


# Programs that keep the size open: one trace for all sizes.
OPEN: dict[str, Callable[[Any], Any]] = {
    "arithmetic": lambda x: ((x.shape[0] + 2) * 3 - x.shape[1], 7 - x.shape[0], -x.shape[0]),
    "halves": lambda x: (x.shape[0] // 2, x.shape[0] % 3, divmod(x.shape[0], 4)),
    "powers": lambda x: (x.shape[0] ** 2, x.shape[0] ** 0, +x.shape[0], ~x.shape[0]),
    "numpy ints": lambda x: (x.shape[0] + np.int64(2), np.int32(2) * x.shape[0]),
    "bool": lambda x: x.shape[0] + True,
    "rounding": lambda x: (round(x.shape[0]), math.floor(x.shape[0]), math.trunc(x.shape[0])),
    "into a tensor": lambda x: tf.sum(x) / x.shape[0] + x.shape[0] * x,
    "compared with a tensor": lambda x: x.shape[0] == tf.constant([5, 6]),
    "reshape": lambda x: tf.reshape(x, (-1,)) + tf.reshape(x, (x.shape[0] * 2,)),
    "reversed": lambda x: (x[::-1], x[::-2], tf.reverse(x, axis=[0])),
    "concat": lambda x: tf.concat([x, x, x], axis=0).shape,
    "whole shape": lambda x: (x.shape, x.size, x.ndim, tf.transpose(x).shape),
    "stacked": lambda x: tf.stack([x, x]).shape[1] - x.shape[0],
    "size of a product": lambda x: (x @ tf.transpose(x)).size,
}
# Programs that need the size, or how it compares.
NEEDY: dict[str, Callable[[Any], Any]] = {
    "range": lambda x: list(range(x.shape[0])),
    "len": lambda x: len(x),
    "dict": lambda x: {5: 1, 6: 2, 1: 3}[x.shape[0]],
    "list": lambda x: [10, 11, 12, 13, 14, 15, 16][x.shape[0]],
    "repeated": lambda x: ([1.0] * x.shape[0], x.shape[0] * (1,), "ab" * x.shape[0]),
    "texts": lambda x: (f"{x.shape[0]}", str(x.shape[0]), f"{x.shape[0]:03d}", "%d" % x.shape[0]),
    "floats": lambda x: (x.shape[0] * 0.5, x.shape[0] / 4, 1.0 / (x.shape[0] + 1), float(x.shape[0])),
    "root": lambda x: x / math.sqrt(x.shape[1]) + math.log(x.shape[0] + 1),
    "negative": lambda x: abs(x.shape[0] - 4),
    "powers": lambda x: (2 ** x.shape[0], x.shape[0] ** 0.5, pow(x.shape[0], 3, 7), x.shape[0] ** 20),
    "bits": lambda x: (x.shape[0] & 1, 1 | x.shape[0], x.shape[0] >> 1, 1 << x.shape[0],
                       x.shape[0] ^ x.shape[1], x.shape[0].bit_length()),
    "smaller than a float": lambda x: [
        (x.shape[0] < c, x.shape[0] <= c, x.shape[0] > c, x.shape[0] >= c, c < x.shape[0],
         x.shape[0] == c, x.shape[0] != c, c == x.shape[0])
        for c in (4.5, 5.0, -0.5, math.inf, -math.inf, math.nan)
    ],
    "least": lambda x: (min(x.shape[0], 3), max(x.shape[0], 3), sorted([x.shape[0], 3, 5])),
    "member": lambda x: (x.shape[0] in (1, 5), x.shape[0] in {6}, x.shape[0] == "5"),
    "truth": lambda x: ("some" if x.shape[0] else "none", not x.shape[0], bool(x.shape[0] - 5)),
    "divided": lambda x: 12 // x.shape[0],
    "remainder": lambda x: 12 % x.shape[0],
    "round": lambda x: (round(x.shape[0], -1), math.isqrt(x.shape[0])),
    "numpy": lambda x: np.zeros(x.shape[0]).sum() + np.arange(x.shape[0]).size,
}  # fmt: skip
BATCHES = [(ones(n, 2),) for n in (5, 6, 1, 9, 0, 5)]


@pytest.mark.parametrize("name", OPEN)
def test_open_sizes_share_one_trace(name: str) -> None:
    f = tf.function(OPEN[name], jit_compile=False)
    for args in BATCHES:
        assert outcome(f, args) == outcome(OPEN[name], args)
    assert f.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("name", NEEDY)
def test_a_size_behaves_as_the_int_that_it_is(name: str) -> None:
    f = tf.function(NEEDY[name], jit_compile=False)
    for args in BATCHES:
        assert outcome(f, args) == outcome(NEEDY[name], args)


def test_fifty_batch_sizes_and_none_at_all_share_a_trace() -> None:
    w = tf.Variable(np.arange(6, dtype=np.float32).reshape(3, 2))

    @tf.function(jit_compile=True)
    def f(x: Any) -> Any:
        return tf.nn.softmax(x @ w) - tf.sum(x, axis=1, keepdims=True) * 2

    rng = np.random.default_rng(0)
    for n in [7, *range(51)]:
        x = tf.constant(rng.standard_normal((n, 3)).astype(np.float32))
        expected = f.python_function(x).numpy()
        np.testing.assert_allclose(f(x).numpy(), expected, rtol=1e-5, atol=1e-5)
    assert f.experimental_get_tracing_count() == 1


def test_a_pin_costs_a_trace_and_the_explanation_names_its_line() -> None:
    @tf.function(jit_compile=False)
    def f(x: Any) -> Any:
        total = x[0]

        for i in list(range(1, x.shape[0])):  # the line that pins
            total = total + x[i]
        return total

    for n in (3, 4, 3):
        assert f(ones(n, 2)).numpy().tolist() == [float(n)] * 2
    assert f.experimental_get_tracing_count() == 2
    assert f(ones(3, 7)).shape == (7,)  # only the first size is pinned
    assert f.experimental_get_tracing_count() == 2
    line = f.python_function.__code__.co_firstlineno + 4
    text = f.explain(ones(9, 2))
    assert text.count(f"{HERE}:{line}") >= 2
    assert "n == 3" in text
    assert "fits and is used" in f.explain(ones(4, 8))


@pytest.mark.parametrize("function", [lambda x, y: x + y, lambda x, y: tf.where(x > 0, x, y) * y])
def test_equal_sizes_then_different_ones(function: Any) -> None:
    f = tf.function(function, jit_compile=False)
    shapes = [((5,), (5,)), ((5,), (1,)), ((1,), (5,)), ((1,), (1,)), ((7,), (7,)), ((5,), (6,)),
              ((2, 1), (1, 3)), ((3, 3), (3, 3)), ((3, 3), (1, 1)), ((0,), (0,)), ((0,), (1,)),
              ((2, 3), (3,)), ((3, 3), (3,)), ((2, 3), (1,)), ((2, 3), (2,))]  # fmt: skip
    for first, second in [*shapes, *shapes]:
        args = (ones(*first), ones(*second) * 2)
        assert outcome(f, args) == outcome(function, args), (first, second)
    assert f.experimental_get_tracing_count() <= 12


def test_squeeze_relies_on_the_one() -> None:
    f = tf.function(lambda x: tf.squeeze(x, axis=0), jit_compile=False)
    assert f(ones(1, 3)).shape == (3,)
    assert f(ones(1, 8)).shape == (8,)
    assert f.experimental_get_tracing_count() == 1
    with pytest.raises(TwofoldError):
        f(ones(2, 3))


@pytest.mark.parametrize("key", [slice(None, None, -1), slice(-2, None, -3), slice(-1, None, -2)])
def test_a_slice_of_nothing_says_nothing_about_slices_of_something(key: slice) -> None:
    f = tf.function(lambda x: x[key] * 1, jit_compile=False)
    for n in (0, 40, 1, 0, 5):
        x = np.arange(n, dtype=np.float32)
        np.testing.assert_array_equal(f(tf.constant(x)).numpy(), x[key])


def test_a_reshape_that_does_not_divide_raises_as_eager_does() -> None:
    f = tf.function(lambda x: tf.reshape(x, (x.shape[0] // 2, 4)), jit_compile=False)
    assert f(ones(6, 2)).shape == (3, 4)
    assert f(ones(4, 2)).shape == (2, 4)
    with pytest.raises(ShapeError):
        f(ones(5, 2))


@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_reductions_of_nothing_do_what_eager_does(dtype: str) -> None:
    functions = [tf.max, tf.min, tf.sum, tf.prod, tf.any, tf.argmax]
    for reduce in functions:
        f = tf.function(lambda x, r=reduce: r(x, axis=0), jit_compile=True)
        for shape in ((3, 2), (3, 0), (0, 2), (0, 0), (4, 2)):
            args = (tf.zeros(shape, dtype=dtype),)
            assert outcome(f, args) == outcome(f.python_function, args), (reduce.__name__, shape)


def test_sizes_are_returned_as_ints() -> None:
    f = tf.function(
        lambda x: {"n": x.shape[0], "twice": [2 * x.shape[0]], "x": x}, jit_compile=True
    )
    for n in (3, 8):
        found = f(ones(n, 1))
        assert plain([found["n"], found["twice"]]) == plain([n, [2 * n]])


def test_sizes_answer_and_remember() -> None:
    sizes = TraceSizes()
    n, m = SymInt(sizes.new(5), sizes), SymInt(sizes.new(5), sizes)
    assert n == m
    assert [str(g).split("  ")[0] for g in sizes.guards] == ["n == m"]
    assert n == m  # known now: no second guard
    assert n < 9
    assert not n > 8
    assert len(sizes.guards) == 3
    assert all(g.holds({"n": 5, "m": 5}) for g in sizes.guards)
    assert not all(g.holds({"n": 8, "m": 5}) for g in sizes.guards)
    copy = sizes.at({"n": 6, "m": 6})
    assert not copy.guards
    assert copy.pin(m.dim) == 6
    assert len(sizes.guards) == 3


@pytest.mark.parametrize("jit", [None, True])
def test_an_error_of_sizes_that_is_handled_is_relied_on(jit: bool | None) -> None:
    def squared(x: Any) -> Any:
        try:
            return tf.matmul(x, x)
        except ValueError:
            return x * 0.0

    def joined(x: Any, y: Any) -> Any:
        with contextlib.suppress(ValueError):
            return tf.concat([x, y], 1)
        return x

    compiled = tf.function(squared, jit_compile=jit), tf.function(joined, jit_compile=jit)
    for rows, columns in ((2, 3), (2, 2), (4, 5), (3, 3), (1, 1)):
        x, y = tf.ones((rows, columns)), tf.ones((columns, 2))
        assert repr(compiled[0](x)) == repr(squared(x))
        assert repr(compiled[1](x, y)) == repr(joined(x, y))


RATE, ONES = 0.5, np.ones(2, np.float32)


def test_a_decision_by_a_value_relies_on_nothing_on_the_way_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @tf.function(jit_compile=False)
    def f(x: Any) -> Any:
        if tf.reduce_mean(x * RATE + ONES) > 3.0:
            x = x / 2.0
        return x * RATE

    for n in (2, 5, 0, 1):
        for rate in (1.0, 4.0):
            monkeypatch.setattr(sys.modules[__name__], "RATE", rate)
            ONES[:] = n
            assert repr(f(tf.ones((n, 2)))) == repr(f.python_function(tf.ones((n, 2))))
    assert f.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("call", [
    lambda x: tf.image.resize(x, (7, 9), "bicubic"),
    lambda x: tf.image.resize(x, (4, 3), antialias=True),
    lambda x: tf.image.resize(x, (x.shape[-3] * 2, 5), "nearest"),
    lambda x: tf.signal.dct(x, 2, norm="ortho"), lambda x: tf.signal.idct(x),
])  # fmt: skip
def test_matrices_that_depend_on_sizes_alone_are_made_when_the_graph_runs(call: Any) -> None:
    compiled = tf.function(call)
    for n in (5, 6, 8, 12):
        x = tf.constant(np.sin(np.arange(2.0 * n * n * n, dtype=np.float32)).reshape(2, n, n, n))
        np.testing.assert_allclose(compiled(x), call(x), rtol=1e-5, atol=1e-5)
    assert compiled.experimental_get_tracing_count() == 1


OPERATORS = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
]


@pytest.mark.parametrize("operate", OPERATORS, ids=lambda f: f.__name__)
def test_a_size_beside_arrays_and_scalars_of_numpy_gives_what_numpy_gives(operate):
    array, scalar = np.arange(1, 4, dtype=np.float32), np.float32(2.5)
    sign = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%"}
    space = {"np": np, "array": array, "scalar": scalar}
    a = sign[operate.__name__]
    text = f"n {a} array, array {a} n, n {a} scalar, scalar {a} n, n {a} np.ones(2), x {a} (scalar / n)"
    exec(f"def f(t, x):\n    n = t.shape[0]\n    return {text}\n", space)
    compiled = tf.function(space["f"], strict=True)
    for size in (3, 4, 6):
        given = tf.constant(np.arange(size)), np.arange(3.0)
        for got, want in zip(compiled(*given), space["f"](*given), strict=True):
            assert type(got) is type(want)
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=1e-6)
    assert compiled.experimental_get_tracing_count() == 1


OF_INTEGERS = [
    "np.int64(2) * n", "n * np.int64(2)", "np.int8(3) - n", "n // np.int64(2)", "np.uint8(7) // n",
    "n % np.int32(2)", "np.int64(9) / n", "n ** np.int64(2)", "n + np.True_", "divmod(n, np.int64(3))",
    "divmod(np.int64(9), n)", "n << np.int64(1)", "np.int64(1) < n", "n == np.int64(-5)",
    "sum([np.int64(1), n])", "np.zeros(np.int64(2) * n).shape", "t[: n // np.int64(2)].sum()",
    "t[np.int64(1) * n - 1]", "n if n > np.int64(1) else -n",
]  # fmt: skip


@pytest.mark.parametrize("text", OF_INTEGERS)
def test_a_size_beside_an_integer_of_numpy_gives_what_numpy_gives(text: str) -> None:
    function = eval(f"lambda t, n=None: (lambda n: {text})(t.shape[0])", {"np": np})
    compiled = tf.function(function, strict=True)
    for size in (3, 4, 6):
        given = np.arange(size)
        assert repr(compiled(given)) == repr(function(given))
    assert compiled.experimental_get_tracing_count() == 1
