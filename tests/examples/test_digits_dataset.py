"""Digits through a pipeline: Keras's fit reaches its accuracy, and a loop goes on where it was."""

from __future__ import annotations

import pytest
from support.examples import load

pytest.importorskip("sklearn")


def test_fit_on_a_dataset_learns_the_digits() -> None:
    # 0.97 to 0.99: the last digits of sums differ with the CPU and with when machine code takes over
    assert load("digits_dataset").fitted(20) >= 0.95


def test_a_loop_that_was_stopped_has_the_losses_of_one_that_was_not() -> None:
    example = load("digits_dataset")
    whole = example.losses_of_a_loop(40)
    assert whole[-1] < 0.5 * whole[0]
    # not bit for bit: machine code takes over from array operations when it is ready
    assert example.losses_of_a_loop(40, stop=33) == pytest.approx(whole, rel=1e-5)
