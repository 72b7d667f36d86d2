"""Numbers behind names and in attributes: read at each call, without another trace."""

from __future__ import annotations

import copy
import math
import threading
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

RATE = 0.5
POWER = 2
SETTINGS = types.ModuleType("settings")
RATES = [0.5, 0.25, -1.5, 0.125, 0.5]
MODES = pytest.mark.parametrize("jit_compile", [None, True, False])
X = tf.constant([1.0, 2.0])


class Optimizer:
    momentum = 0.5

    def __init__(self) -> None:
        self.rate = 0.5

    def scaled(self, x: Any) -> Any:
        return x * self.rate

    def __call__(self, x: Any) -> Any:
        return through_a_helper(self.scaled(x))


class Derived(Optimizer):
    pass


def through_a_helper(x: Any) -> Any:
    return x * 1.0


def set_global(value: Any) -> None:
    globals()["RATE"] = value


def a_global(x: Any) -> Any:
    return x * RATE


def a_captured_name() -> Any:
    rate = 0.5

    def change(value: float) -> None:
        nonlocal rate
        rate = value

    return lambda x: x * rate, change


def an_attribute() -> Any:
    made = Derived()
    return lambda x: x * made.rate, lambda v: setattr(made, "rate", v)


def an_attribute_in_methods() -> Any:
    made = Optimizer()
    return lambda x: made(x), lambda v: setattr(made, "rate", v)


def an_attribute_by_text() -> Any:
    made = Optimizer()
    return lambda x: x * getattr(made, "rate"), lambda v: setattr(made, "rate", v)  # noqa: B009


def of_a_class() -> Any:
    return lambda x: x * Derived.momentum, lambda v: setattr(Optimizer, "momentum", v)


def of_a_class_through_an_object() -> Any:
    made = Derived()
    return lambda x: x * made.momentum, lambda v: setattr(Optimizer, "momentum", v)


def of_a_module() -> Any:
    SETTINGS.rate = 0.5  # type: ignore[attr-defined]
    return lambda x: x * SETTINGS.rate, lambda v: setattr(SETTINGS, "rate", v)


def in_a_compiled_function() -> Any:
    inner = tf.function(a_global)
    return lambda x: inner(x) + 0.0, set_global


def in_a_loop() -> Any:
    def loop(x: Any) -> Any:
        return tf.while_loop(lambda i, a: i < 1, lambda i, a: (i + 1, a * RATE), (0, x))[1]

    return loop, set_global


def in_a_branch() -> Any:
    return lambda x: tf.cond(x[0] > 0.0, lambda: x * RATE, lambda: x), set_global


PLACES: list[Callable[[], Any]] = [
    lambda: (a_global, set_global), lambda: (lambda x: a_global(x), set_global), a_captured_name,
    an_attribute, an_attribute_in_methods, an_attribute_by_text, of_a_class,
    of_a_class_through_an_object, of_a_module, in_a_compiled_function, in_a_loop, in_a_branch,
]  # fmt: skip


@pytest.fixture(autouse=True)
def as_it_was() -> Any:
    yield
    globals().update(RATE=0.5, POWER=2)
    Optimizer.momentum = 0.5
    assert type(vars(Optimizer)["momentum"]) is float
    assert "rate" not in vars(Optimizer)
    assert "rate" not in vars(Derived)


@MODES
@pytest.mark.parametrize("place", PLACES)
def test_a_float_is_read_at_each_call(place: Any, jit_compile: bool | None) -> None:
    function, change = place()
    compiled = tf.function(function, jit_compile=jit_compile)
    for value in RATES:
        change(value)
        np.testing.assert_array_equal(compiled(X), X.numpy() * np.float32(value), strict=True)
    assert compiled.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("place", PLACES)
def test_a_tape_around_a_call_sees_the_float_of_that_call(place: Any) -> None:
    function, change = place()
    compiled = tf.function(function)
    for value in RATES:
        change(value)
        with tf.GradientTape() as tape:
            tape.watch(X)
            y = compiled(X)
        np.testing.assert_array_equal(tape.gradient(y, X), np.full(2, value, np.float32))
    assert compiled.experimental_get_tracing_count() == 1


def test_a_tape_inside_sees_it_too() -> None:
    w = tf.Variable([1.0, 2.0])

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(w * w * RATE)
        return tape.gradient(loss, w)

    for value in RATES:
        set_global(value)
        np.testing.assert_array_equal(step(), 2 * w.numpy() * np.float32(value))
    assert step.experimental_get_tracing_count() == 1


def test_an_int_is_an_input_when_a_second_value_is_seen() -> None:
    f = tf.function(lambda x: x * POWER)
    for value in (2, 3, 4, 5, 2, 7):
        globals()["POWER"] = value
        np.testing.assert_array_equal(f(X), X.numpy() * value)
    assert f.experimental_get_tracing_count() == 2


def test_a_number_that_decides_is_guarded() -> None:
    f = tf.function(lambda x: x if RATE > 0 else -x)
    for value in RATES:
        set_global(value)
        np.testing.assert_array_equal(f(X), X.numpy() * np.sign(value))
    assert f.experimental_get_tracing_count() == 2
    g = tf.function(lambda x: x * math.ceil(RATE))
    for value in RATES:
        set_global(value)
        np.testing.assert_array_equal(g(X), X.numpy() * math.ceil(value))
    assert g.experimental_get_tracing_count() == len(set(RATES))


def test_a_size_is_guarded() -> None:
    f = tf.function(lambda: tf.zeros((POWER, 2)))
    for value in (2, 3, 2, 4):
        globals()["POWER"] = value
        assert f().shape == (value, 2)


def test_the_type_of_a_number_counts() -> None:
    f = tf.function(lambda x: (x * RATE, RATE * 2))
    for value in (0.5, 2, True, 0.25, None, 1.5):
        set_global(value)
        if value is None:
            with pytest.raises(TypeError):
                f(X)
            continue
        y, twice = f(X)
        np.testing.assert_array_equal(y, X.numpy() * value)
        assert type(twice) is type(value * 2)
        assert twice == value * 2


def test_a_name_that_goes_is_a_change() -> None:
    made = Optimizer()
    f = tf.function(lambda x: x * made.rate)
    f(X)
    del made.rate
    with pytest.raises(AttributeError, match="'Optimizer' object has no attribute 'rate'"):
        f(X)


def test_names_that_methods_read_as_well_are_guarded() -> None:
    class Reader:
        def __call__(self, x: Any) -> Any:
            return shared(x)

    def shared(x: Any) -> Any:
        return x * RATE

    reader = Reader()
    f = tf.function(lambda x: shared(x) + reader(x) + RATE)
    for value in RATES:
        set_global(value)
        np.testing.assert_allclose(f(X), X.numpy() * 2 * value + value)


def test_attributes_that_are_read_as_a_whole_are_guarded() -> None:
    made = Optimizer()
    f = tf.function(lambda x: x * vars(made)["rate"] + made.rate)
    g = tf.function(lambda x: x * copy.copy(made).rate + made.rate)
    for value in RATES:
        made.rate = value
        for function in (f, g):
            np.testing.assert_allclose(function(X), X.numpy() * value + value)


def test_code_that_takes_only_true_floats_gets_them() -> None:
    f = tf.function(lambda x: x * float.fromhex(float.hex(RATE)))
    for value in RATES:
        set_global(value)
        np.testing.assert_array_equal(f(X), X.numpy() * value)


def test_what_is_assigned_in_the_function_is_what_it_reads_afterwards() -> None:
    made = Optimizer()

    def decayed(x: Any) -> Any:
        global RATE
        made.rate *= 0.5
        RATE *= 0.5
        return x * made.rate * RATE

    f = tf.function(decayed, strict=True)
    for n in (1, 2, 3):
        np.testing.assert_array_equal(f(X), X.numpy() * np.float32(0.25 ** (n + 1)))
        assert type(made.rate) is type(RATE) is float
        assert made.rate == RATE == 0.5 ** (n + 1)


def test_a_property_and_a_method_of_its_own_keep_their_meaning() -> None:
    class Guarded:
        def __init__(self) -> None:
            self._rate = 0.5

        @property
        def rate(self) -> float:
            return self._rate

        def __getattr__(self, name: str) -> float:
            if name == "momentum":
                return 2.0 * self._rate
            raise AttributeError(name)

    made = Guarded()
    f = tf.function(lambda x: x * made.rate + made.momentum)
    for value in RATES:
        made._rate = value
        np.testing.assert_array_equal(f(X), X.numpy() * np.float32(value) + np.float32(2 * value))
    assert f.experimental_get_tracing_count() == 1


def test_other_threads_see_plain_attributes_while_a_trace_runs() -> None:
    made, seen = Optimizer(), []
    inside, go_on = threading.Event(), threading.Event()

    @tf.custom_gradient
    def square(x: Any) -> Any:
        def gradient(upstream: Any) -> Any:  # called while the function is traced
            inside.set()
            assert go_on.wait(30)
            return upstream

        return x * x, gradient

    def waits(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = square(x)
        tape.gradient(y, x)
        return x * made.rate * made.momentum

    def other() -> None:
        assert inside.wait(30)
        seen.append((type(made.rate), type(Optimizer.momentum), tf.function(made.scaled)(X)))
        made.rate = 0.25
        go_on.set()

    threads = [threading.Thread(target=other)]
    threads[0].start()
    f = tf.function(waits)
    first = f(X)
    threads[0].join()
    assert seen[0][:2] == (float, float)
    np.testing.assert_array_equal(seen[0][2], X.numpy() * 0.5)
    np.testing.assert_array_equal(first, X.numpy() * np.float32(0.125))
    np.testing.assert_array_equal(f(X), X.numpy() * np.float32(0.125))
    assert made.rate == 0.25


def test_a_number_may_change_under_a_prepared_call_of_another_size() -> None:
    made = Optimizer()
    f = tf.function(lambda x, k: x * made.rate * k + RATE)
    for value in RATES:
        for n in (1, 2, 1):
            for k in (0.5, 2.0):
                set_global(value)
                made.rate = value * n
                np.testing.assert_array_equal(f(tf.ones(n), k), np.full(n, value * n * k + value))
    assert f.experimental_get_tracing_count() == 1


def test_a_result_that_is_a_number_is_the_callers_own() -> None:
    f = tf.function(lambda x: (tf.constant(RATE), x * RATE))
    for _ in range(5):
        rate, scaled = f(X)
        assert rate.numpy() == 0.5
        rate[()] = 7.0
        scaled[0] = 7.0


def test_the_explanation_names_what_else_has_changed() -> None:
    made = Optimizer()
    f = tf.function(lambda x: x * made.rate if made.rate is not None else x)
    f(X)
    made.rate = 0.25
    assert "fits and is used" in f.explain(X)
    made.rate = None  # type: ignore[assignment]
    assert "made.rate: 0.25 -> None" in f.explain(X)
    np.testing.assert_array_equal(f(X), X)
