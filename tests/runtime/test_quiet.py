"""NumPy's floating-point warnings stay silent in ops, also in an op inside an op."""

from __future__ import annotations

import numpy as np
import pytest

import twofold as tf
from twofold.runtime.quiet import quiet


def test_ops_give_ieee_values_without_warnings() -> None:
    assert (tf.constant([1.0]) / 0.0).item() == np.inf
    with pytest.warns(RuntimeWarning, match="divide"):
        np.divide(np.ones(1), 0)


def test_an_op_may_run_inside_of_another() -> None:
    x = tf.constant([1.0, 0.0])
    found = quiet.run(lambda: (x + 1, tf.sum(x), 1 / x))
    assert [t.numpy().tolist() for t in found] == [[2.0, 1.0], 1.0, [1.0, np.inf]]
