"""Gradients through a call: inside, around and both, to order three, equal to eager's."""

from __future__ import annotations

import gc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import twofold as tf

RNG = np.random.default_rng(3)
JIT = pytest.mark.parametrize("jit", [True, False])
DTYPES = {"float32": 1e-6, "float64": 1e-12}


class State:
    """A matrix, weights, a captured constant and a counter, fresh for each run."""

    def __init__(self, dtype: str = "float64") -> None:
        rng = np.random.default_rng(3)
        self.x = tf.constant(rng.normal(size=(3, 4)).astype(dtype))
        self.w = tf.Variable(rng.normal(size=(4, 2)).astype(dtype))
        self.c = tf.constant(rng.normal(size=(2,)).astype(dtype))
        self.fixed = tf.Variable(rng.normal(size=(2,)).astype(dtype), trainable=False)

    @property
    def sources(self) -> list[Any]:
        return [self.x, self.w, self.c, self.fixed]


def numbers(tree: Any) -> Any:
    if isinstance(tree, list | tuple):
        return [numbers(t) for t in tree]
    return None if tree is None else tree.numpy()


def assert_same(found: Any, want: Any, rtol: float) -> None:
    if isinstance(want, list):
        for a, b in zip(found, want, strict=True):
            assert_same(a, b, rtol)
    elif want is None:
        assert found is None
    else:
        assert found is not None
        assert (found.dtype, found.shape) == (want.dtype, want.shape)
        scale = float(np.abs(want).max(initial=0.0)) or 1.0
        np.testing.assert_allclose(found, want, rtol=4 * rtol, atol=4 * rtol * scale)


def layer(s: State) -> Callable[[Any], Any]:
    return lambda x: tf.tanh(x @ s.w + s.c) * s.fixed


def many(s: State) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        y = x @ s.w
        return {
            "y": y,
            "count": tf.sum(tf.cast(x > 0, "int32")),
            "x": x,
            "pair": [y, x * x],
            "n": 3,
        }

    return f


def assigning(s: State) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        y = x @ s.w
        s.w.assign(s.w * 0.5)
        return y * y

    return f


def reading_after_assigning(s: State) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        y = x @ s.w
        doubled = s.w * 2.0
        s.w.assign(doubled)
        return y * (x @ s.w) + tf.sum(doubled)

    return f


def around(s: State, f: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch([s.x, s.c])
        y = f(s.x)
    return tape.gradient(y, s.sources)


def persistent(s: State, f: Any) -> Any:
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([s.x, s.fixed])
        y = f(s.x)
        z = tf.sum(y * y)
    seed = tf.ones_like(y) * 3
    return [tape.gradient(y, s.sources), tape.gradient(z, s.sources), tape.gradient(z, y),
            tape.gradient(y, s.x, output_gradients=seed),
            tape.gradient(z, s.sources, unconnected_gradients="zero")]  # fmt: skip


def twice_under_one_tape(s: State, f: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(s.x)
        y = f(s.x)
        z = f(s.x * 2.0 + tf.sum(y))
        total = tf.sum(z * f(s.x))
    return tape.gradient(total, s.sources)


def in_another_function(s: State, f: Any) -> Any:
    g = tf.function(lambda x: f(f_pad(f(x))), jit_compile=False)

    def f_pad(y: Any) -> Any:
        return tf.concat([y, y], axis=1)

    with tf.GradientTape() as tape:
        tape.watch(s.x)
        y = g(s.x)
    return tape.gradient(y, s.sources)


def second_order(s: State, f: Any) -> Any:
    with tf.GradientTape() as outer:
        outer.watch([s.x, s.c])
        with tf.GradientTape() as inner:
            inner.watch([s.x, s.c])
            y = f(s.x)
        first = inner.gradient(y, s.sources)
        total = sum(tf.sum(g * g) for g in first if g is not None)
    return [first, outer.gradient(total, s.sources)]


def third_order(s: State, f: Any) -> Any:
    x = s.x
    with tf.GradientTape() as a:
        a.watch(x)
        with tf.GradientTape() as b:
            b.watch(x)
            with tf.GradientTape() as c:
                c.watch(x)
                y = tf.sum(f(x))
            first = tf.sum(c.gradient(y, x) ** 2)
        second = tf.sum(b.gradient(first, x) ** 2)
    return a.gradient(second, [x, s.w])


def gradient_of_the_seed(s: State, f: Any) -> Any:
    seed = tf.constant(np.full((3, 2), 2.0, str(s.x.dtype)))
    with tf.GradientTape(watch_accessed_variables=False) as outer:
        outer.watch(seed)
        with tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(s.x)
            y = f(s.x)
        first = inner.gradient(y, s.x, output_gradients=seed)
        total = tf.sum(first * first)
    return outer.gradient(total, [seed, s.x])


def a_late_outer_tape(s: State, f: Any) -> Any:
    with tf.GradientTape(persistent=True) as inner:
        inner.watch(s.x)
        y = f(s.x)
    with tf.GradientTape(watch_accessed_variables=False) as outer:
        outer.watch(s.x)
        first = inner.gradient(y, [s.x, s.w])
        total = sum(tf.sum(g * g) for g in first if g is not None)
    return outer.gradient(total, [s.x, s.w])


def outer_watches_something_else(s: State, f: Any) -> Any:
    scale = tf.constant(np.array(2.0, str(s.x.dtype)))
    with tf.GradientTape() as outer:
        outer.watch(scale)
        with tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(s.x)
            y = tf.sum(f(s.x) * scale)
        first = inner.gradient(y, s.x)
        total = tf.sum(first * first)
    return outer.gradient(total, [scale, s.w])


USES = [around, persistent, twice_under_one_tape, in_another_function, second_order, third_order,
        gradient_of_the_seed, a_late_outer_tape, outer_watches_something_else]  # fmt: skip


def check(make: Any, use: Any, jit: bool, dtype: str = "float64") -> None:
    state = State(dtype)
    want = numbers(use(state, make(state)))
    after = numbers(state.sources)
    state = State(dtype)
    compiled = tf.function(make(state), jit_compile=jit)
    found = numbers(use(state, compiled))
    assert_same(found, want, DTYPES[dtype])
    assert_same(numbers(state.sources), after, DTYPES[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("use", USES, ids=lambda u: u.__name__)
@JIT
def test_a_tape_around_a_call(use: Any, jit: bool, dtype: str) -> None:
    check(layer, use, jit, dtype)


@pytest.mark.parametrize("make", [assigning, reading_after_assigning], ids=lambda m: m.__name__)
@pytest.mark.parametrize(
    "use", [around, twice_under_one_tape, second_order], ids=lambda u: u.__name__
)
@JIT
def test_assignments_under_a_tape(make: Any, use: Any, jit: bool) -> None:
    check(make, use, jit)


@pytest.mark.parametrize(
    ("make", "use"),
    [(layer, around), (layer, second_order), (layer, third_order), (assigning, around),
     (reading_after_assigning, around)],
)  # fmt: skip
@JIT
def test_tapes_inside_of_a_function(make: Any, use: Any, jit: bool) -> None:
    state = State()
    want = numbers(use(state, make(state)))
    state = State()
    inner = tf.function(make(state))
    found = numbers(tf.function(lambda: use(state, inner), jit_compile=jit)())
    assert_same(found, want, 1e-12)


@JIT
def test_inside_and_around(jit: bool) -> None:
    def use(s: State, f: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(s.x)
            g = f(s.x)
        return tape.gradient(g, s.sources)

    def make(s: State) -> Any:
        def f(x: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.sum(tf.sin(x @ s.w) * s.c)
            return tape.gradient(y, x)

        return f

    check(make, use, jit)


@JIT
@pytest.mark.parametrize("key", ["y", "count", "x", "pair"])
def test_outputs_used_in_part(key: str, jit: bool) -> None:
    def use(s: State, f: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(s.x)
            out = f(s.x)
        return tape.gradient(out[key], s.sources)

    check(many, use, jit)


@JIT
def test_sizes_of_later_calls_are_those_of_the_call(jit: bool) -> None:
    programs: dict[str, Callable[[Any], Any]] = {
        "mean": lambda x: tf.mean(x, axis=0), "var": lambda x: tf.var(x, axis=0),
        "broadcast": lambda x: x * x[:, :1] + x[:1], "cumsum": lambda x: tf.cumsum(x, axis=0),
        "concat": lambda x: tf.concat([x, x * 2], axis=0), "product": lambda x: x @ tf.transpose(x),
        "softmax": lambda x: tf.nn.softmax(x), "prod": lambda x: tf.prod(x, axis=1),
        "gather": lambda x: tf.gather(x, tf.constant([0, 0, 1])), "tile": lambda x: tf.tile(x, (2, 1)),
        "reverse": lambda x: x[::-1] * x, "outer": lambda x: x[:, None, :] * x[None, :, :],
    }  # fmt: skip
    for name, program in programs.items():
        f = tf.function(program, jit_compile=jit)
        for shape in ((5, 3), (4, 1), (2, 6), (2, 1), (5, 3)):
            x = tf.constant(RNG.normal(size=shape))
            grads = []
            for g in (program, f):
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    y = g(x)
                grads.append(tape.gradient(y, x).numpy())
            np.testing.assert_allclose(grads[1], grads[0], rtol=1e-10, atol=1e-12, err_msg=name)
        assert f.experimental_get_tracing_count() == 1, name


@JIT
def test_the_reverse_walk_adds_no_guard_to_the_trace(jit: bool) -> None:
    f = tf.function(lambda x, y: x * y, jit_compile=jit)
    for m in (3, 1, 4):
        x, y = tf.constant(RNG.normal(size=(5, 1))), tf.constant(RNG.normal(size=(5, m)))
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            z = f(x, y)
        dx, dy = tape.gradient(z, [x, y])
        np.testing.assert_allclose(dx.numpy(), y.numpy().sum(axis=1, keepdims=True))
        np.testing.assert_allclose(dy.numpy(), np.broadcast_to(x.numpy(), (5, m)))
    assert f.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("jit", [True, False, "eager"])
def test_an_array_written_to_later_does_not_change_a_gradient(jit: Any) -> None:
    def f(v: Any, a: Any) -> Any:
        return v * a

    compiled = f if jit == "eager" else tf.function(f, jit_compile=jit)
    a, v = np.full(3, 2.0), tf.constant([1.0, 2.0, 3.0], dtype="float64")
    with tf.GradientTape() as tape:
        tape.watch(v)
        y = compiled(v, a)
    a[:] = 77.0
    assert tape.gradient(y, v).numpy().tolist() == [2.0] * 3


@JIT
def test_a_failing_call_records_nothing(jit: bool) -> None:
    f = tf.function(lambda x, i: x * tf.cast(i // (i - 1), "float64"), jit_compile=jit)
    x = tf.constant([3.0], dtype="float64")
    with tf.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(ZeroDivisionError):
            f(x, tf.constant([1]))
        assert not tape.entries
        y = f(x, tf.constant([2]))
    assert tape.gradient(y, x).numpy().tolist() == [2.0]


def test_background_compilation_takes_the_derivative_along() -> None:
    s = State()
    f = tf.function(layer(s))
    want = numbers(around(s, layer(s)))
    for _ in range(8):
        assert_same(numbers(around(s, f)), want, 1e-12)
    f.get_concrete_function(s.x).compile()
    assert_same(numbers(around(s, f)), want, 1e-12)


@JIT
def test_calls_under_a_tape_see_what_has_changed_since_the_last_one(jit: bool) -> None:
    held = SimpleNamespace(factor=2.0)
    f = tf.function(lambda x, rate: x * held.factor * rate, jit_compile=jit)

    def slope(x: Any, rate: float) -> list[float]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x, rate)
        found: list[float] = tape.gradient(y, x).numpy().tolist()
        return found

    x = tf.constant([1.0, 4.0])
    assert slope(x, 1.0) == [2.0, 2.0] == slope(x, 1.0)
    assert slope(x, 0.5) == [1.0, 1.0]
    assert slope(tf.constant([1.0]), 0.5) == [1.0]
    held.factor = 3.0
    assert slope(x, 1.0) == [3.0, 3.0]
    assert f(x, 1.0).numpy().tolist() == [3.0, 12.0]
    held.factor = 2.0
    assert slope(x, 1.0) == [2.0, 2.0]


@JIT
def test_each_call_under_a_tape_has_its_own_sources(jit: bool) -> None:
    w = tf.Variable([3.0, 5.0])
    f = tf.function(lambda x: (x * w, x * x), jit_compile=jit)
    x = tf.constant([2.0, 7.0])
    for watched in (True, False, True):
        for trainable in (True, False):
            with tf.GradientTape(persistent=True, watch_accessed_variables=trainable) as tape:
                if watched:
                    tape.watch(x)
                y, z = f(x)
            dy = [None if g is None else g.numpy().tolist() for g in tape.gradient(y, [x, w])]
            assert dy == [[3.0, 5.0] if watched else None, [2.0, 7.0] if trainable else None]
            dz = tape.gradient(z, [x, w])
            assert (dz[0].numpy().tolist() == [4.0, 14.0]) if watched else dz[0] is None
            assert dz[1] is None


def test_calls_prepared_for_tapes_go_with_the_objects_they_were_made_for() -> None:
    class Model:
        factor = 2.0

    f = tf.function(lambda x, model: x * model.factor)
    model = Model()
    x = tf.constant([1.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x, model)
    assert tape.gradient(y, x).numpy().tolist() == [2.0]
    assert f._above
    del model
    gc.collect()
    assert not f._above
    with tf.GradientTape() as tape:
        f(x, Model())
    f.clear_cache()
    assert not f._above
