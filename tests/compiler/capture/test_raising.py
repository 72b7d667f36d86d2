"""Ways that only raise: where they cannot be part of the graph, plain Python makes a call again
that takes one, and only that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

GOOD, BAD = np.ones(4, np.float32), 2 * np.ones(4, np.float32)
log: list[Any] = []


class Refused(Exception):
    """An exception of the user's, with a constructor of its own."""

    def __init__(self, value: Any, *, code: int) -> None:
        super().__init__(f"refused {value}", code)
        self.code = code


def own_exception(x: Any) -> Any:
    if tf.sum(x) > 5.0:
        raise Refused("it", code=7)
    return x * 2


def text_of_a_value(x: Any) -> Any:
    total = tf.sum(x)
    if total > 5.0:
        raise ValueError(f"{float(total):.1f} is too large: {x.numpy().tolist()}")
    return total


def in_a_loop(x: Any) -> Any:
    s = tf.zeros(())
    for i in range(10):
        s = s + x[i % 4]
        if s > 10.5:
            log.append(i)
            raise Refused(f"{s}", code=i)
    return s


def variables_of_the_failing_way(x: Any) -> Any:
    s = tf.sum(x)
    while s < 100.0:
        s, limit = s * 2, 1000.0
        below = s < limit - 900.0 * (tf.sum(x) - 4.0)
        if not below:
            raise ValueError("%r is not below %s" % (float(s), limit))
        below = limit = None
    return s


def by_a_helper(x: Any) -> Any:
    def check(value: Any) -> None:
        if value > 1.5:
            print("refusing")
            raise Refused(value.numpy(), code=1)

    for item in x:
        check(item)
    return x + 1


PROGRAMS = [
    own_exception, text_of_a_value, in_a_loop, variables_of_the_failing_way, by_a_helper
]  # fmt: skip


def outcome(call: Callable[[Any], Any], x: Any, capsys: Any) -> tuple[Any, ...]:
    log.clear()
    try:
        found: Any = np.asarray(call(tf.constant(x))).tolist()
    except (Refused, ValueError) as error:
        found = type(error), error.args, vars(error), error.__context__
        assert error.__traceback__ is not None
    return found, tuple(log), capsys.readouterr().out


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("function", PROGRAMS)
def test_a_call_that_raises_is_made_by_plain_python(function: Any, jit: bool, capsys: Any) -> None:
    compiled = tf.function(function, jit_compile=jit, strict=True)
    for x, plain_calls in ((GOOD, 0), (BAD, 1), (GOOD, 1), (BAD, 2)):
        assert outcome(compiled, x, capsys) == outcome(function, x, capsys)
        assert compiled.experimental_get_plain_count() == plain_calls
    assert compiled.experimental_get_tracing_count() == 1


def test_the_reason_names_the_line() -> None:
    compiled = tf.function(own_exception)
    compiled(tf.constant(GOOD))
    with pytest.raises(Refused):
        compiled(tf.constant(BAD))
    line = own_exception.__code__.co_firstlineno + 2
    assert f"raising Refused in a branch or a loop ({__file__}:{line}:" in compiled.explain()


def test_variables_written_behind_the_check_are_written_once() -> None:
    total = tf.Variable(0.0)

    @tf.function(strict=True)
    def step(x: Any) -> Any:
        if tf.reduce_any(x > 1.5):
            raise Refused(x.numpy().tolist(), code=2)
        total.assign_add(tf.sum(x))
        return total * 2

    assert float(step(tf.constant(GOOD))) == 8.0
    with pytest.raises(Refused):
        step(tf.constant(BAD))
    assert float(total) == 4.0


def test_after_a_write_the_whole_function_is_plain_python() -> None:
    total = tf.Variable(0.0)

    @tf.function
    def step(x: Any) -> Any:
        total.assign_add(tf.sum(x))
        if tf.reduce_any(x > 1.5):
            raise Refused(x.numpy().tolist(), code=2)
        return total * 2

    assert float(step(tf.constant(GOOD))) == 8.0
    assert "after a write to a Variable" in step.explain()
    with pytest.raises(Refused):
        step(tf.constant(BAD))
    assert float(total) == 12.0


def test_what_is_caught_in_the_function_is_not_such_a_way() -> None:
    @tf.function
    def f(x: Any) -> Any:
        try:
            if tf.sum(x) > 5.0:
                raise Refused("it", code=3)
        except Refused as error:
            return x * error.code
        return x

    np.testing.assert_array_equal(f(tf.constant(BAD)), 3 * BAD)
    np.testing.assert_array_equal(f(tf.constant(GOOD)), GOOD)


def test_gradients_pass_by_a_check() -> None:
    x = tf.constant(GOOD)
    compiled = tf.function(text_of_a_value, strict=True)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = compiled(x) ** 2
    np.testing.assert_allclose(tape.gradient(y, x), 8 * GOOD)


def test_asserts_that_pytest_rewrites_are_part_of_the_graph() -> None:
    @tf.function(strict=True)
    def f(x: Any) -> Any:
        s = tf.sum(x)
        while s < 100.0:
            s = s * 2
            assert s < 150.0, "too large"
        return s

    assert float(f(tf.constant(GOOD))) == 128.0
    with pytest.raises(AssertionError, match="too large"):
        f(tf.constant(20 * GOOD))


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt, BaseException])
@pytest.mark.parametrize("strict", [False, True])
def test_what_ends_a_process_is_raised_on_its_way_alone(
    stop: type[BaseException], strict: bool
) -> None:
    def f(x: Any) -> Any:
        if tf.sum(x) > 5.0:
            raise stop("it")
        return x * 2

    compiled = tf.function(f, strict=strict)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(tf.constant(GOOD)), 2 * GOOD)
        with pytest.raises(stop, match="it"):
            compiled(tf.constant(BAD))
