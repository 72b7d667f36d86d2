"""A tape that records around a compiled function, and that the function is given or reaches: it
watches, pauses and answers there as it does in the undecorated function."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from support.modes import MODES

import twofold as tf

Make = Callable[[Callable[..., Any]], Any]


def given(make: Make, x: tf.Tensor) -> Any:
    def f(tape, x):
        tape.watch(x)
        return x**2

    f = make(f)
    with tf.GradientTape() as tape:
        y = f(tape, x)
    return tape.gradient(y, x)


def by_closure(make: Make, x: tf.Tensor) -> Any:
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x**2
    return make(lambda: tape.gradient(y, x))()


def of_a_compiled_call(make: Make, x: tf.Tensor) -> Any:
    f = make(lambda x: tf.sum(x * x * x))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    g = make(lambda: tape.gradient(y, x) * 2.0)
    try:
        return [g(), g()]
    except tf.errors.TapeError as error:  # it is used up
        return error.message


def paused(make: Make, x: tf.Tensor) -> Any:
    def f(x):
        with tape.stop_recording():
            z = x * 3.0
        return x * z

    f = make(f)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.gradient(y, x)


def entered(make: Make, x: tf.Tensor) -> Any:
    tape = tf.GradientTape()

    def f(x):
        with tape:
            tape.watch(x)
            return x**3

    return tape.gradient(make(f)(x), x)


def in_an_attribute(make: Make, x: tf.Tensor) -> Any:
    held = types.SimpleNamespace()

    def f(x):
        held.tape.watch(x)
        return x * x

    f = make(f)
    with tf.GradientTape() as held.tape:
        y = f(x)
    return held.tape.gradient(y, x)


def of_the_calling_function(make: Make, x: tf.Tensor) -> Any:
    def inner(tape, x):
        tape.watch(x)
        return x**2

    inner = make(inner)

    def f(x):
        with tf.GradientTape() as tape:
            y = inner(tape, x)
        return tape.gradient(y, x)

    return make(f)(x)


def in_one_branch(make: Make, x: tf.Tensor) -> Any:
    def f(x):
        with tf.GradientTape() as tape:
            if tf.sum(x) > 0:
                tape.watch(x)
            y = x * x
        return tape.gradient(y, x)

    f = make(f)
    return [f(x), f(-x)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("program", [
    given, by_closure, of_a_compiled_call, paused, entered, in_an_attribute,
    of_the_calling_function, in_one_branch,
])  # fmt: skip
def test_it_does_what_it_does_without_the_decorator(program: Any, mode: str) -> None:
    x = tf.constant([1.0, 2.0])
    want = program(lambda f: f, x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert str(program(MODES[mode], x)) == str(want)


def test_strict_names_the_method() -> None:
    @tf.function(strict=True)
    def f(tape, x):
        tape.watch(x)
        return x**2

    with (
        tf.GradientTape() as tape,
        pytest.raises(tf.errors.StagingError, match=r"watch\(\) of a tape from outside"),
    ):
        f(tape, tf.constant(1.0))
