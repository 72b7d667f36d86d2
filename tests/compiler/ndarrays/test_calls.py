"""Calls of compiled functions on ndarrays: memory that is shared, exceptions when the graph runs,
captured arrays, other kinds of arrays, sizes, tensors and tapes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from support.same import compare, program, twins

import twofold as tf
from twofold.ir.errors import StagingError

JIT = pytest.mark.parametrize("jit", [False, True])
TABLE = np.arange(4.0)
COUNT = np.zeros(1, np.int64)


@JIT
@pytest.mark.parametrize("second", [
    lambda a: a, lambda a: a[1:-1], lambda a: a[::-1], lambda a: a[:], lambda a: a[::2].repeat(2),
])  # fmt: skip
def test_overlapping_arguments(second: Any, jit: bool) -> None:
    def f(a: Any, b: Any) -> Any:
        a[1:3] += 1
        a *= 2
        return b[::-1] + 0, a is b

    base = np.arange(6.0)
    compare(f, base, second(base), jit=jit)
    compiled = tf.function(f, jit_compile=jit)
    for arrays in (
        (base, base.copy()),
        (base, second(base)),
        (base, base.copy()),
    ):  # one trace first
        given, plain = twins(arrays), twins(arrays)
        found, want = compiled(*given), f(*plain)
        np.testing.assert_array_equal(found[0], want[0])
        assert found[1] is want[1]
        np.testing.assert_array_equal(given[0], plain[0])


@JIT
def test_arguments_that_overlap_and_an_exception(jit: bool) -> None:
    def f(a: Any, b: Any) -> Any:
        a[0] = 5
        b[0] += 1
        return a.reshape(7, 7)

    base = np.arange(4.0)
    assert compare(f, base, base[:2], jit=jit) == "raised"


@JIT
def test_what_is_returned_is_the_argument_or_a_view_of_it(jit: bool) -> None:
    f = tf.function(lambda a: (a, a[1:], a.T, [a], np.ones(2)), jit_compile=jit)
    a = np.arange(6.0).reshape(3, 2)
    whole, rest, turned, (again,), made = f(a)
    assert whole is a
    assert again is a
    assert np.shares_memory(rest, a)
    assert turned.strides == a.T.strides
    rest[0] = 9.0
    assert a[1].tolist() == [9.0, 9.0]
    assert made is not f(a)[4]
    t = tf.constant([1.0])
    assert tf.function(lambda x: (x, x), jit_compile=jit)(t) == (t, t)
    assert tf.function(lambda x: x, jit_compile=jit)(t) is t


@JIT
def test_a_write_before_an_exception_of_a_value_stays(jit: bool) -> None:
    v = tf.Variable(0.0)

    def f(a: Any, i: Any) -> Any:
        a[0] = 5
        v.assign_add(1.0)
        b = a[i]
        a[1] = 6
        v.assign_add(10.0)
        return b

    compiled = tf.function(f, jit_compile=jit)
    for at in ([0, 1], [0, 9], [2, -1], [-5]):
        results = []
        for run in (f, compiled):
            v.assign(0.0)
            a = np.arange(4)
            try:
                results.append((run(a, np.array(at)).tolist(), a.tolist(), float(v)))
            except IndexError as error:
                results.append((type(error), str(error), a.tolist(), float(v)))
        assert results[0] == results[1]


@JIT
@pytest.mark.parametrize("text", ["a ** b", "a // b", "a[b]", "np.linalg.inv(a.reshape(2, 2) * 0)"])
def test_exceptions_of_values(text: str, jit: bool) -> None:
    f = eval(f"lambda a, b: {text}", {"np": np})
    compare(f, np.arange(4), np.array([1, -2, 0, 9]), jit=jit)


@JIT
def test_a_global_array_is_read_and_written_at_each_call(jit: bool) -> None:
    def f(x: Any) -> Any:
        TABLE[1:] += x
        COUNT[0] += 1
        return TABLE.sum() * x, TABLE

    compiled = tf.function(f, jit_compile=jit)
    start = TABLE.copy(), int(COUNT[0])
    for i in range(3):
        before = TABLE.copy()
        total, table = compiled(np.float64(2.0))
        assert table is TABLE
        np.testing.assert_array_equal(TABLE[1:], before[1:] + 2)
        assert total == TABLE.sum() * 2
        assert COUNT[0] == start[1] + i + 1
        TABLE[0] += 10
    assert compiled.experimental_get_tracing_count() == 1
    TABLE[...] = start[0]


def test_a_value_of_a_captured_array_is_good_while_it_stays() -> None:
    table = np.array([2.0, 3.0])
    f = tf.function(lambda x: x * float(table[0]) if table[1] > 0 else x)
    x = tf.constant([1.0])
    assert f(x).item() == f(x).item() == 2.0
    assert f.experimental_get_tracing_count() == 1
    table[0] = 5.0
    assert f(x).item() == 5.0
    table[1] = -1.0
    assert f(x).item() == 1.0


class Model:
    def __init__(self) -> None:
        self.w = np.ones(2)

    @tf.function
    def step(self, x: Any) -> Any:
        self.w[:] = self.w * 2
        return x * 1

    @tf.function
    def use(self, x: Any) -> Any:
        return x * self.w.sum()


def test_an_attribute_that_is_written_to_by_plain_numpy() -> None:
    model, x = Model(), tf.constant([1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i in range(4):
            model.step(x)
            assert model.w.tolist() == [2.0 ** (i + 1)] * 2
            assert model.use(x).item() == 2.0 ** (i + 2)


@pytest.mark.parametrize("array", [
    np.arange(4.0).reshape(2, 2).view(np.matrix), np.array([1, "a", None], object), np.array(["a", "b"]),
    np.ma.masked_array([1.0, 2.0], [True, False]), np.array([1.5, 2], np.longdouble),
    np.array([(1, 2.0)], [("x", int), ("y", float)]), np.array([1, 2], ">i4"),
    np.array(["2020-01-01"], "M8[D]"),
])  # fmt: skip
def test_other_kinds_of_arrays_run_as_plain_python(array: Any) -> None:
    found = tf.function(lambda a: (a, a[:1], type(a)))(array)
    assert found[0] is array
    assert found[2] is type(array)
    assert type(found[1]) is type(array[:1])


@pytest.mark.parametrize("use", [
    lambda a: np.trim_zeros(a), lambda a: float(f"{a[0]:.1f}"),
    lambda a: np.random.rand(2) + a, lambda a: list(range(int(a[0]))), lambda a: a.tobytes(),
])  # fmt: skip
def test_what_needs_values_is_refused_with_the_line(use: Any) -> None:
    a = np.arange(1.0, 4.0)
    with pytest.raises(StagingError, match=r"test_calls\.py:\d+"):
        tf.function(use, strict=True)(a)
    assert a.tolist() == [1.0, 2.0, 3.0]


def test_a_refusal_that_the_function_catches_is_raised_again() -> None:
    def f(a: Any) -> Any:
        a[0] = 9
        try:
            return a.tobytes()
        except TypeError:
            return 0.0

    a = np.arange(3.0)
    with pytest.raises(StagingError):
        tf.function(f, strict=True)(a)
    assert a.tolist() == [0.0, 1.0, 2.0]


@JIT
def test_sizes_do_not_retrace(jit: bool) -> None:
    def f(a: Any) -> Any:
        b = np.zeros(a.shape)
        b[1:] = a[:-1] * 2
        a[::2] += 1
        return b, a.mean(), a.reshape(-1)[1:], np.arange(a.shape[0])

    compiled = tf.function(f, jit_compile=jit)
    for n in (5, 3, 8, 17):
        a, plain = np.arange(float(n)), np.arange(float(n))
        for found, want in zip(compiled(a), f(plain), strict=True):
            np.testing.assert_allclose(found, want)
        np.testing.assert_array_equal(a, plain)
    assert compiled.experimental_get_tracing_count() == 1


@JIT
def test_tensors_and_arrays_mix_as_they_do_eagerly(jit: bool) -> None:
    def f(a: Any, t: Any) -> Any:
        a += t
        a[0] = t[0]
        return a * t, t - a, tf.sin(a), np.add(a, t), np.add(a, 1, out=a), tf.reduce_mean(a)

    t = tf.constant([1.0, 2.0], dtype=tf.float64)
    compare(lambda a: f(a, t), np.array([1.0, 3.0]), jit=jit)
    compare(lambda a: f(a, t), np.array([1, 3]), jit=jit)


@JIT
def test_gradients_pass_through_arrays(jit: bool) -> None:
    def on_arrays(t: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(t)
            b = np.zeros(3)
            b[1:] = np.sin(np.asarray(t))
            b *= 2
            b[0] = (b[1:] ** 2).sum()
            loss = tf.reduce_sum(tf.exp(b))
        return tape.gradient(loss, t)

    def on_tensors(t: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(t)
            rest = tf.sin(t) * 2
            loss = tf.reduce_sum(tf.exp(rest)) + tf.exp(tf.reduce_sum(rest**2))
        return tape.gradient(loss, t)

    t = tf.constant([0.3, 0.5], dtype=tf.float64)
    found = tf.function(on_arrays, jit_compile=jit)(t)
    np.testing.assert_allclose(found.numpy(), on_tensors(t).numpy(), rtol=1e-12)


def test_names_of_numpy_are_followed() -> None:
    from numpy import zeros

    def helper(n: int) -> Any:
        return zeros(n)

    def f(a: Any) -> Any:
        b = helper(3)
        b[:] = a
        c = np.linspace(0, 1, 3)
        c += b
        d = np.array([a[0], 2.0, c[1]])
        d[0] += 1
        return b, c, d, np.eye(3) @ a, int(np.sqrt(16)), list(np.arange(2))

    compare(f, np.arange(3.0))


def test_python_numbers_beside_arrays() -> None:
    def f(a: Any, rate: float, n: int) -> Any:
        a -= rate * a
        a[0] = rate
        return a * n, a + rate

    compiled = tf.function(f)
    for rate, n in ((0.5, 2), (0.25, 3), (1.5, 300), (0.5, 7)):
        a, plain = np.arange(3.0, dtype=np.float32), np.arange(3.0, dtype=np.float32)
        for found, want in zip(compiled(a, rate, n), f(plain, rate, n), strict=True):
            assert found.dtype == want.dtype
            np.testing.assert_array_equal(found, want)
        np.testing.assert_array_equal(a, plain)
    small = np.arange(3, dtype=np.int8)
    with pytest.raises(OverflowError):
        tf.function(lambda a, n: a + n)(small, 300)


@JIT
@pytest.mark.parametrize("text", [
    "try:\n    r = a[i]\nexcept IndexError:\n    a[...] = -1\n    r = a\na *= 2\nreturn r",
    "try:\n    a[i] += 1\n    a[0] = 3\nfinally:\n    a[1] = 50\nreturn a",
    "for k in range(3):\n    try:\n        a[k] = a[i][0]\n    except IndexError:\n        break\nreturn a",
    "def inner():\n    return a[i]\ntry:\n    return inner()\nexcept IndexError as e:\n    a[1] = 8\n    raise",
    "with np.errstate(all='ignore'):\n    return a[i]",
])  # fmt: skip
def test_an_exception_on_values_inside_a_try(text: str, jit: bool) -> None:
    f = program("a += 1\n" + text, "a, i")
    compare(f, np.arange(5.0), np.array([1, 7]), jit=jit)
    compare(f, np.arange(5.0), np.array([1, 2]), jit=jit)


@JIT
@pytest.mark.parametrize("last", [7, 2])
def test_a_nested_function_that_raises_after_a_write(last: int, jit: bool) -> None:
    def inner(x: Any, i: Any) -> Any:
        x[0] = 5
        y = x[i]
        x[1] = y[0]
        return y

    nested = tf.function(inner, jit_compile=jit)

    def f(a: Any, i: Any) -> Any:
        a += 1
        return nested(a, i)

    compare(f, np.arange(5.0), np.array([1, last]), jit=jit)


@JIT
@pytest.mark.parametrize("text", ["a += 1", "a[1:] *= a[0]", "a.sort()\nreturn a", "return a + 1"])
def test_an_array_that_overlaps_itself(text: str, jit: bool) -> None:
    f = program(text)
    windows = np.lib.stride_tricks.as_strided(np.arange(6.0), (4, 3), (8, 8))
    compare(f, windows, jit=jit)
    compiled = tf.function(f, jit_compile=jit)
    compiled(np.zeros((4, 3)))  # the same trace
    given, plain = twins([windows])[0], twins([windows])[0]
    compiled(given)
    f(plain)
    np.testing.assert_array_equal(given, plain)


@JIT
@pytest.mark.parametrize("body", [
    "return hash(a)", "return {a: 1}", "return {a}", "return a in {1: 2}", "return hash((1, a))",
    "return {}.get(a)", "a[0] = 7\nreturn dict([(a, 1)])", "return {(1, a[1:]): 2}",
])  # fmt: skip
def test_arrays_have_no_hash(body: str, jit: bool) -> None:
    assert compare(program(body), np.arange(3.0), jit=jit) == "raised"


@JIT
@pytest.mark.parametrize("body", [
    "return len({a[0], a[1]})", "return {a[0]: 1, a[1]: 2, 5.0: 3}[a[0]]", "return a[2] in {1.0, 2.0}",
    "return hash(a[2])", "return {1.0: 'x'}.get(a[2], 'no')", "return (a[2], 1) in {(1.0, 1)}",
    "return list(dict.fromkeys(a))",
])  # fmt: skip
def test_scalars_that_are_equal_are_one_key(body: str, jit: bool) -> None:
    assert compare(program(body), np.array([0.0, 0.0, 1.0]), jit=jit) == "returned"
