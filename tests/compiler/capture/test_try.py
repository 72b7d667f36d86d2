"""``try``, ``with`` and ``raise`` where values of the graph decide whether an exception is raised:
they are ways of the graph, to handlers in the function itself or in one that called it.

PYTEST_DONT_REWRITE: one of the programs has an ``assert`` of its own.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest

import twofold as tf


class Refused(Exception):
    """An exception of the user's, with a value."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Swallows:
    """A manager that swallows ValueError."""

    def __enter__(self) -> Swallows:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        return kind is ValueError


def checked(x):
    if x < 0:
        raise ValueError("negative")
    return x * 2


def handled_by_the_caller(x):
    try:
        y = checked(x)
    except ValueError as error:
        return str(error), -x
    return "fine", y


def else_and_finally(x):
    log = []
    try:
        y = checked(x)
    except ValueError as error:
        log.append(str(error))
        y = x
    else:
        log.append("else")
    finally:
        log.append("finally")
    return y, log


def in_a_loop(x):
    total = x * 0
    for i in range(5):
        try:
            total = total + checked(x - i)
        except ValueError:
            total = total - 1
        finally:
            total = total * 2
    return total


def around_a_loop(x):
    total = x * 0
    try:
        for i in range(40):
            total = total + checked(x - i)
    except ValueError:
        total = -total
    return total


def ends_a_loop(x):
    count = 0
    while True:
        try:
            x = checked(x - 1) / 3
            count += 1
        except ValueError:
            break
    return x, count


def in_a_comprehension(x):
    try:
        return [checked(x - i) for i in range(3)]
    except ValueError:
        return []


def through_two_functions(x):
    def inner(v):
        if v > 3:
            raise KeyError("large")
        return v

    def outer(v):
        return inner(v) + 1

    try:
        return outer(x)
    except KeyError:
        return x * 0


def inner_finally(x):
    try:
        try:
            return checked(x)
        finally:
            x = x + 1
    except ValueError:
        return x


def by_kind(x):
    try:
        if x > 3:
            raise Refused(x)
        if x > 1:
            raise KeyError(1)
        return x
    except Refused as error:
        return error.value * 10
    except (KeyError, TypeError):
        return x * 100


def suppressed(x):
    y = x
    with contextlib.suppress(ValueError):
        y = checked(x)
    return x + y


def swallowed(x):
    y = x
    with Swallows():
        y = checked(x)
    return x + y


def asserted(x):
    try:
        assert x > 0, "must be positive"
    except AssertionError as error:
        return str(error)
    return x


def raised_again(x):
    try:
        return checked(x)
    except KeyError:
        return x


def wrapped(x):
    try:
        return checked(x)
    except ValueError as error:
        raise RuntimeError("wrapped") from error


def divided(x):
    n = tf.cast(x, tf.int32)
    try:
        return 7 // n
    except ZeroDivisionError as error:
        return error.args


def divided_numbers(x):
    n = int(x)
    try:
        return 7 // n, 7 % n, 7 / n
    except ZeroDivisionError as error:
        return str(error)


def indexed(x):
    v = tf.stack([x, x + 1])
    try:
        return v[tf.cast(x, tf.int32)]
    except IndexError:
        return -x


def root(x):
    try:
        return math.sqrt(x)
    except ValueError:
        return 0.0


def behind_a_loop_that_raises(x):
    if x > 8:
        return x * 0.5
    v = tf.stack([x, x * 2, x * 4])
    try:
        j = 0
        while v[j] < 3:
            j += 1
            if x < -0.5:
                break
    except IndexError:
        return -x
    return x * j + 1


def behind_a_loop_that_divides(x):
    if x > 8:
        return x * 0.5
    j = tf.cast(x, tf.int32)
    try:
        while j < 3:
            j += 10 // j
            if x < -0.5:
                break
    except ZeroDivisionError:
        return -x
    return tf.abs(x) + tf.cast(j, "float32")


def handled_at_the_end_of_a_loop(x):
    total, kind, before = 0, "none", x
    try:
        for i in range(tf.cast(x, tf.int32)):
            before = total
            total += 10 // (2 - i)
    except ZeroDivisionError:
        kind = "divided"
        before = before * 2
    return total, kind, before


PROGRAMS = [
    handled_at_the_end_of_a_loop,
    behind_a_loop_that_raises, behind_a_loop_that_divides,
    handled_by_the_caller, else_and_finally, in_a_loop, around_a_loop, ends_a_loop,
    in_a_comprehension, through_two_functions, inner_finally, by_kind, suppressed, swallowed,
    asserted, raised_again, wrapped, divided, divided_numbers, indexed, root,
]  # fmt: skip


def outcome(function: Any, value: float) -> str:
    """What a call gives, or raises."""
    try:
        return repr(function(tf.constant(value)))
    except Exception as error:  # noqa: BLE001  (whatever it raises is compared)
        return f"{type(error).__name__}: {error} from {error.__cause__!r}"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_handlers_run_where_values_raise(program):
    compiled = tf.function(program, strict=True)
    for value in (1.0, -2.0, 9.0, 0.0, 2.0):
        assert outcome(compiled, value) == outcome(program, value)
    if program not in (wrapped, raised_again):  # what leaves a ``try`` is plain Python's to raise
        assert compiled.plain_calls.total == 0
    assert compiled.experimental_get_tracing_count() == 1


def test_what_is_written_before_a_caught_exception_stays():
    def program(x, log):
        try:
            log.append("begin")
            y = checked(x)
            log.append("end")
        except ValueError:
            log.append("caught")
            y = x
        return y

    compiled = tf.function(program, strict=True)
    for value in (1.0, -2.0):
        logs: list[list[str]] = [[], []]
        given = tf.constant(value)
        assert repr(program(given, logs[0])) == repr(compiled(given, logs[1]))
        assert logs[0] == logs[1]


def test_an_error_of_which_the_text_is_needed_is_a_step():
    def program(x, n):
        try:
            return tf.stack([x, x])[n]
        except IndexError as error:
            return str(error)

    compiled = tf.function(program)
    for n in (0, 5):
        given = tf.constant(1.0), tf.constant(n)
        assert repr(program(*given)) == repr(compiled(*given))
    assert compiled.experimental_get_segment_count() > 0


def test_the_gradient_goes_through_the_way_that_was_taken():
    def program(x):
        try:
            return checked(x) * x
        except ValueError:
            return x**3

    compiled = tf.function(program, strict=True)
    for value in (3.0, -2.0):
        found = []
        for function in (program, compiled):
            x = tf.constant(value)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            found.append(float(tape.gradient(y, x)))
        assert found[0] == pytest.approx(found[1])
