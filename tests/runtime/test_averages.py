"""``tf.train.ExponentialMovingAverage``."""

from __future__ import annotations

import pytest

import twofold as tf


def test_an_average_follows_its_variable_in_both_modes() -> None:
    for decorate in (lambda f: f, tf.function):
        weight = tf.Variable([1.0, 3.0])
        average = tf.train.ExponentialMovingAverage(0.75)

        @decorate
        def step(weight=weight, average=average):  # type: ignore[no-untyped-def]
            average.apply([weight])
            weight.assign_add([4.0, 4.0])

        for _ in range(3):
            step()
        assert average.average(weight).numpy().tolist() == [3.75, 5.75]
        assert not average.average(weight).trainable
        assert average.variables == [average.average(weight)]


def test_the_first_steps_weigh_more_with_a_number_of_updates() -> None:
    weight, done = tf.Variable(1.0), tf.Variable(0)
    average = tf.train.ExponentialMovingAverage(0.9, num_updates=done)
    average.apply([weight])
    weight.assign(11.0)
    average.apply([weight])
    assert average.average(weight).numpy() == pytest.approx(10.0)
    done.assign(1_000_000)
    weight.assign(0.0)
    average.apply([weight])
    assert average.average(weight).numpy() == pytest.approx(9.0)


def test_a_decay_out_of_range_and_what_is_no_variable_are_refused() -> None:
    with pytest.raises(tf.errors.ArgumentError, match="not from 0 to 1"):
        tf.train.ExponentialMovingAverage(1.5)
    average = tf.train.ExponentialMovingAverage(0.5)
    with pytest.raises(tf.errors.ArgumentError, match="is no Variable"):
        average.apply([tf.constant(1.0)])  # type: ignore[list-item]
    assert average.average(tf.Variable(1.0)) is None
