"""A container from outside that the function is given as well, or whose method waits for a step."""

from __future__ import annotations

import pytest

import twofold as tf

LOG: list[object] = []


def number(x):
    return float(x.numpy())


def through_a_method(x):
    LOG.append(number(x) * 1)
    return LOG[-1] + x


def through_a_name(x):
    put = LOG.append
    put(number(x) * 1)
    return LOG[-1] + x


def given(log, x):
    log.append(x * 1)
    return LOG[-1] + x


def given_and_written(log, x):
    LOG.append(x * 2)
    return log[-1] + x


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", [through_a_method, through_a_name, given, given_and_written])
def test_what_was_written_is_read(program) -> None:
    outcomes = []
    for function in (program, tf.function(program)):
        LOG.clear()
        args = [LOG] if program in (given, given_and_written) else []
        made = [float(function(*args, tf.constant(a))) for a in (2.0, 5.0, 7.0)]
        outcomes.append((made, [float(x) for x in LOG]))
    assert outcomes[0] == outcomes[1]


def test_a_trace_for_another_container_does_not_serve_a_call_with_that_one() -> None:
    compiled = tf.function(given)
    LOG[:] = [0.0]
    assert float(compiled([1.0], tf.constant(2.0))) == 2.0
    with pytest.warns(Warning, match="runs as plain Python"):
        assert float(compiled(LOG, tf.constant(3.0))) == 6.0
