"""Generators and iterators on two ways of a branch, and what Python does where they are left."""

from __future__ import annotations

from typing import Any

import pytest

import twofold as tf


def _counted(n):
    yield from range(n)


def _logged(log, n=3):
    try:
        for i in range(n):
            yield i + 0
    finally:
        log.append("end")


def generator_on_one_way(x):
    numbers = _counted(3)
    first = next(numbers) if x > 0 else 7
    return x * next(numbers) + first


def iterator_on_one_way(x):
    numbers = iter([1, 2, 3])
    first = next(numbers) if x > 0 else 7
    return x * next(numbers) + first


def zip_on_one_way(x):
    pairs = zip([1, 2, 3], [4, 5, 6], strict=True)
    if x > 0:
        next(pairs)
    return x * next(pairs)[0]


def left_before_its_finally(x):
    log = []
    for i in _logged(log):
        if i == 1:
            break
    return x * len(log)


def left_by_a_value(x):
    log = []
    for i in _logged(log):
        if x > i:
            break
    return x * len(log)


def _catching(log):
    try:
        yield 1
        yield 2
    except ValueError:
        log.append("caught")
        yield 9
    finally:
        log.append("end")


def thrown_into_on_one_way(x):
    log = []
    steps = _catching(log)
    next(steps)
    made = steps.throw(ValueError("x")) if x > 0 else next(steps)
    steps.close()
    return x * made, log


def _inner(log):
    try:
        log.append((yield 1))
        yield 2
        return "returned"
    except ValueError:
        log.append("inner")
        yield 3
    finally:
        log.append("inner ends")


def _outer(log):
    try:
        log.append((yield from _inner(log)))
    except KeyError:
        log.append("outer")
        yield 5
    finally:
        log.append("outer ends")


def thrown_through_yield_from(x):
    log = []
    steps = _outer(log)
    next(steps)
    made = [steps.send("sent"), steps.throw(ValueError()), steps.throw(KeyError())]
    return x * sum(made), log, list(steps)


def closed_through_yield_from(x):
    log = []
    steps = _outer(log)
    next(steps)
    steps.close()
    return x, log


def appended_by_map(x):
    log = []
    if x > 0:
        list(map(log.append, [x, x]))
    else:
        list(map(log.append, [-x, x]))
    return log


def asked_after_its_end(x):
    seen = []
    for value in (None, 3, (1, 2)):

        def steps(value=value):
            yield x
            return value

        made = steps()
        next(made)
        try:
            next(made)
        except StopIteration as stop:
            seen.append((stop.value, stop.args))
    return x, seen


def left_by_two_values(x):
    total = 7.0
    for _ in of_three():
        if x % 2 == 0:  # noqa: SIM102
            if x > 0:
                break
        total = total + total
    return total


def of_three():
    yield from (1, 2, 3)


PROGRAMS = [
    left_by_two_values, asked_after_its_end, generator_on_one_way, iterator_on_one_way, zip_on_one_way, left_before_its_finally,
    left_by_a_value, thrown_into_on_one_way, thrown_through_yield_from, closed_through_yield_from,
    appended_by_map,
]  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return (value.dtype, value.numpy().tolist()) if isinstance(value, tf.Tensor) else value


@pytest.mark.filterwarnings("ignore:.*runs as plain Python")
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_generator_gives_what_it_gives_without_the_decorator(program):
    compiled = tf.function(program)
    for start in (1.0, -1.0, 2.0, -3.0):
        x = tf.constant(start)
        assert _plain(compiled(x)) == _plain(program(x))


@pytest.mark.parametrize(
    "program",
    [generator_on_one_way, thrown_into_on_one_way, closed_through_yield_from, appended_by_map],
)
def test_generators_that_come_to_an_end_are_part_of_the_graph(program):
    compiled = tf.function(program, strict=True)
    for start in (1.0, -1.0):
        x = tf.constant(start)
        assert _plain(compiled(x)) == _plain(program(x))
    assert compiled.experimental_get_tracing_count() == 1
