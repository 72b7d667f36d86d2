"""A tape around a compiled call gives what it gives around the Python: values, zeros, None."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

Make = Callable[[Callable[..., Any]], Any]
MODES = {
    "arrays": lambda f: tf.function(f, jit_compile=False),
    "native": lambda f: tf.function(f, jit_compile=True),
}
X = np.array([1.5, 2.5, -0.5], np.float32)
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "floor": tf.floor,
    "round": tf.round,
    "sign of a product": lambda x: tf.sign(x * x) * x,
    "to integers and back": lambda x: tf.cast(tf.cast(x, tf.int32), tf.float32),
    "stop_gradient": tf.stop_gradient,
    "its argument": lambda x: x,
    "square": lambda x: x * x,
    "sine": tf.sin,
    "a constant": lambda x: tf.constant([1.0, 2.0, 3.0]),
    "zeros_like": tf.zeros_like,
    "logistic": lambda x: tf.exp(x) / (1 + tf.exp(x)),
    "cumsum": tf.cumsum,
    "a slice": lambda x: x[::-1] * x[0],
    "a mean": lambda x: tf.mean(x * x),
}


def plain(x: Any) -> Any:
    if isinstance(x, list | tuple):
        return [plain(i) for i in x]
    return x.numpy() if hasattr(x, "numpy") else x


def assert_same(got: Any, want: Any) -> None:
    if isinstance(want, list):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            assert_same(g, w)
    elif want is None or isinstance(want, bool):
        assert got is want
    else:
        assert got is not None and got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def order_one(make: Make, f: Any) -> Any:
    g, x = make(f), tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = g(x)
    return tape.gradient(y, x)


def order_three(make: Make, f: Any) -> Any:
    g, x = make(f), tf.constant(X)
    with tf.GradientTape() as third:
        third.watch(x)
        with tf.GradientTape() as second:
            second.watch(x)
            with tf.GradientTape() as first:
                first.watch(x)
                y = g(x) * x
            one = first.gradient(y, x)
        two = None if one is None else second.gradient(one, x)
    return [one, two, None if two is None else third.gradient(two, x)]


def tapes_in_and_around(make: Make, f: Any) -> Any:
    inner = make(f)

    def derivative(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = inner(x) * f(x)
        return tape.gradient(y, x)

    g, x = make(derivative), tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        d = g(x)
    return [d, None if d is None else tape.gradient(d, x)]


def jacobian(make: Make, f: Any) -> Any:
    g, x = make(f), tf.constant(X)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = g(x)
    zero = tape.gradient(y, x, unconnected_gradients="zero")
    return [tape.jacobian(y, x), tape.gradient(y, x), zero]


def from_an_intermediate(make: Make, f: Any) -> Any:
    g, x = make(f), tf.constant(X)
    middle = make(lambda x: x * x)(x)
    with tf.GradientTape() as tape:
        tape.watch(middle)
        y = g(middle)
    return tape.gradient(y, [middle, x])


@pytest.mark.parametrize(
    "way", [order_one, order_three, tapes_in_and_around, jacobian, from_an_intermediate]
)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_one_tensor(name: str, way: Any) -> None:
    f = FUNCTIONS[name]
    want = plain(way(lambda f: f, f))
    assert_same(plain(way(MODES["arrays"], f)), want)
    if way is order_one:
        assert_same(plain(way(MODES["native"], f)), want)


def several_variables(make: Make) -> Any:
    v, w, u = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0]), tf.Variable([1.0, 1.0])
    f = make(lambda x: tf.sum(v * x * w * w))
    x = tf.constant([2.0, 3.0])
    with tf.GradientTape(persistent=True) as t:
        t.watch(x)
        y = f(x)
    return [
        t.gradient(y, [v, w, u, x]),
        [z is v for z in t.watched_variables()],
        [z is w for z in t.watched_variables()],
    ]


def a_variable_read_after_assignment(make: Make) -> Any:
    v = tf.Variable([1.0, 2.0])

    def step(x):
        a = v * x
        v.assign(a * 2.0)
        b = v * v * x
        v.assign_add(b)
        return a, b, v * x

    f = make(step)
    x = tf.constant([2.0, 3.0])
    with tf.GradientTape(persistent=True) as t:
        t.watch(x)
        a, b, c = f(x)
        z = v * a
    return [
        t.gradient(a, [v, x]),
        t.gradient(b, [v, x]),
        t.gradient([a, b, c], [v, x]),
        t.gradient(z, [v, x]),
        v,
    ]


def the_same_to_order_two(make: Make) -> Any:
    v = tf.Variable([1.0, 2.0])

    def step(x):
        a = v * x
        v.assign(a * 2.0)
        b = v * v * x
        return tf.sum(a * b)

    f = make(step)
    x = tf.constant([2.0, 3.0])
    with tf.GradientTape() as t2:
        t2.watch(x)
        with tf.GradientTape() as t:
            t.watch(x)
            y = f(x)
        gv, gx = t.gradient(y, [v, x])
    return [gv, gx, t2.gradient(tf.sum(gv * gv) + tf.sum(gx * gx), [v, x]), v]


def assignment_in_a_nested_call(make: Make) -> Any:
    v = tf.Variable([1.0, 2.0])
    inner = make(lambda x: (v.assign_add(x), None)[1])

    def step(x):
        inner(x * v)
        y = v * x
        inner(y)
        return v * y

    f = make(step)
    x = tf.constant([2.0, 3.0])
    with tf.GradientTape(persistent=True) as t:
        t.watch(x)
        y = f(x)
    return [y, t.gradient(y, [v, x]), v]


def a_watched_variable_that_is_not_trainable(make: Make) -> Any:
    v = tf.Variable([1.0, 2.0], trainable=False)
    w = tf.Variable([1.0, 2.0])
    f = make(lambda x: v * w * x)
    x = tf.constant([2.0, 3.0])
    with tf.GradientTape(watch_accessed_variables=False, persistent=True) as t:
        t.watch(v)
        y = f(x)
    return [t.gradient(y, [v, w, x])]


def variables_under_a_tape_inside(make: Make) -> Any:
    v = tf.Variable([1.0, 2.0])

    def h(x):
        with tf.GradientTape() as t:
            y = f(x)
        return t.gradient(y, v)

    f = make(lambda x: tf.sum(tf.sin(v) * x))
    g = make(h)
    x = tf.constant([2.0, 3.0])
    with tf.GradientTape() as t2:
        d = g(x)
    return [d, t2.gradient(d, v)]


def outputs_of_which_some_are_used(make: Make) -> Any:
    f = make(lambda x: (x * x, tf.cast(x, tf.int32), tf.log(x), x))
    x = tf.constant([1.0, 0.0, 4.0])
    with tf.GradientTape(persistent=True) as t:
        t.watch(x)
        a, b, c, d = f(x)
    return [
        t.gradient(a, x),
        t.gradient(b, x),
        t.gradient(c, x),
        t.gradient(d, x),
        t.gradient([a, d], x),
        t.gradient([a, c], x, output_gradients=[tf.constant([1.0, 2.0, 3.0]), None]),
        t.gradient([a, b], x, [None, None]),
    ]


def inputs_of_which_some_are_used(make: Make) -> Any:
    f = make(lambda x, y: (x * 2.0, y * 3.0))
    x = tf.constant([1.0, 0.0])
    y = tf.constant([1.0, 2.0])
    with tf.GradientTape(persistent=True) as t:
        t.watch([x, y])
        a, b = f(x, y)
    return [
        t.gradient(a, [x, y]),
        t.gradient(b, [x, y]),
        t.gradient(a, [x, y], unconnected_gradients="zero"),
    ]


def calls_of_calls(make: Make) -> Any:
    f = make(lambda x: x * x)
    g = make(lambda a, b: tf.sum(a * b))
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as t:
        t.watch(x)
        y = g(f(x), f(f(x)))
    return t.gradient(y, x)


def writes_to_an_argument(make: Make) -> Any:
    def f(x):
        y = x * x
        x[0] = y[1] * 3.0
        return tf.sum(x * y)

    g = make(f)
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as t:
        t.watch(x)
        y = g(x)
        z = y * tf.sum(x)
    return [y, z, x, t.gradient(z, x)]


def results_are_values_of_their_own(make: Make) -> Any:
    x = tf.constant([1.0, 2.0])
    r = []
    v = tf.Variable([1.0, 2.0])

    def st(x):
        y = x * 2.0
        v.assign(y)
        return y

    y = make(st)(x)
    with tf.GradientTape() as t:
        t.watch(y)
        z = v * 2.0
    r.append(t.gradient(z, y))
    a, b = make(lambda x: (x * 2.0, tf.identity(x * 2.0)))(x)
    with tf.GradientTape() as t:
        t.watch(a)
        z = b * 2.0
    return [*r, t.gradient(z, a)]


def tensors_of_the_caller_by_closure(make: Make) -> Any:
    x = tf.constant([1.0, 2.0])

    def outer(x):
        h = x * 2.0
        lst = []

        def inner(y):
            z = h * y
            lst.append(z * h)
            return z + h

        k = make(inner)
        r = k(x)
        return r, lst[0], h

    f = make(outer)
    with tf.GradientTape() as t:
        t.watch(x)
        out = f(x)
        s = sum(tf.sum(o) for o in out)
    return [list(out), t.gradient(s, x)]


def a_write_to_a_tensor_of_the_caller(make: Make) -> Any:
    def outer(x):
        h = x * 2.0

        def inner(y):
            h[0] = y[1] * 5.0
            return h * y

        r = make(inner)(x)
        return r * h, h

    f = make(outer)
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as t:
        t.watch(x)
        a, b = f(x)
    return [a, b, t.gradient(a, x)]


def a_tape_of_the_caller(make: Make) -> Any:
    def outer(x):
        with tf.GradientTape() as t:
            t.watch(x)
            y = x * x * x
        return make(lambda z: t.gradient(y, x) * z)(x)

    return make(outer)(tf.constant([1.0, 2.0]))


def an_error_caught_after_an_assignment(make: Make) -> Any:
    v = tf.Variable([1.0, 2.0])

    def inner(x):
        v.assign(x * 2.0)
        raise KeyError("x")

    k = make(inner)

    def outer(x):
        with contextlib.suppress(KeyError):
            k(x)
        return v * x

    r = make(outer)(tf.constant([1.0, 2.0]))
    return [r, v]


def mixed_dtypes(make: Make) -> Any:
    f = make(lambda x, y: x * y + tf.cast(x, tf.float64))
    x = tf.constant([1.0, 2.0])
    y = tf.constant(np.array([3.0, 4.0]))
    with tf.GradientTape() as t:
        t.watch([x, y])
        z = f(x, y)
    return t.gradient(z, [x, y])


def an_array_written_to_later(make: Make) -> Any:
    a = np.array([1.0, 2.0], np.float32)
    f = make(lambda x, a: x * a * a)
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as t:
        t.watch(x)
        z = f(x, a)
        a[:] = 9.0
    return t.gradient(z, x)


def several_shapes(make: Make) -> Any:
    f = make(lambda x, b: tf.sum(tf.tanh(x + b), axis=0))
    r = []
    for n in (3, 1, 4, 3):
        x = tf.constant(np.arange(n * 2, dtype=np.float32).reshape(n, 2))
        b = tf.constant([[0.1, 0.2]])
        with tf.GradientTape() as t:
            t.watch([x, b])
            z = f(x, b)
        r.append(t.gradient(z, [x, b]))
    return r


def random_draws(make: Make) -> Any:
    g = tf.random.Generator.from_seed(3)
    v = tf.Variable(2.0)
    f = make(lambda x: g.normal((3,)) * x * v)
    x = tf.constant(X)
    with tf.GradientTape() as t:
        t.watch(x)
        y = f(x)
    return [y, t.gradient(y, [x, v]), g.state]


def a_hessian(make: Make) -> Any:
    f = make(lambda x: tf.sum(x * x * tf.sin(x)))
    x = tf.constant(X)
    with tf.GradientTape() as t2:
        t2.watch(x)
        with tf.GradientTape() as t:
            t.watch(x)
            y = f(x)
        d = t.gradient(y, x)
    return t2.jacobian(d, x)


def gradients_inside_a_persistent_tape(make: Make) -> Any:
    f = make(lambda x: (tf.sin(x), tf.cos(x)))
    x = tf.constant(X)
    with tf.GradientTape(persistent=True) as t:
        t.watch(x)
        a, b = f(x)
        d = t.gradient(a, x)
        e = d * b
    return [d, t.gradient(e, x), t.gradient(b, x)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "program",
    [
        several_variables,
        a_variable_read_after_assignment,
        the_same_to_order_two,
        assignment_in_a_nested_call,
        a_watched_variable_that_is_not_trainable,
        variables_under_a_tape_inside,
        outputs_of_which_some_are_used,
        inputs_of_which_some_are_used,
        calls_of_calls,
        writes_to_an_argument,
        results_are_values_of_their_own,
        tensors_of_the_caller_by_closure,
        a_write_to_a_tensor_of_the_caller,
        a_tape_of_the_caller,
        an_error_caught_after_an_assignment,
        mixed_dtypes,
        an_array_written_to_later,
        several_shapes,
        random_draws,
        a_hessian,
        gradients_inside_a_persistent_tape,
    ],
)
def test_a_program(program: Any, mode: str) -> None:
    want = plain(program(lambda f: f))
    assert_same(plain(program(MODES[mode])), want)
