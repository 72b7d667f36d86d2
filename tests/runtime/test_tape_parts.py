"""Parts of the tape's interface: pausing, watched variables, Jacobians."""

from __future__ import annotations

import numpy as np
import pytest

import twofold as tf


def test_nothing_is_recorded_while_recording_is_stopped() -> None:
    x = tf.constant(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        with tape.stop_recording():
            z = x * y
    assert tape.gradient(y, x).item() == 6.0
    assert tape.gradient(z, x) is None
    with pytest.raises(tf.errors.TapeError), tape.stop_recording():
        pass


def test_a_jacobian_has_a_row_for_each_element() -> None:
    x = tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert np.array_equal(tape.jacobian(y, x).numpy(), np.diag([2.0, 4.0, 6.0]))
