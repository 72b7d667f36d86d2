"""``x[key] = value``: the object changes, values taken from it do not, and tapes see the write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import twofold.ir.ops
import twofold.runtime.eager  # noqa: F401  installs the executor
from twofold.compiler.trace import Tracer
from twofold.ir import bind
from twofold.ir.errors import StagingError
from twofold.ir.op import OPS
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import Tensor, wrap
from twofold.runtime.variable import Variable


def tensor(*values: float) -> Tensor:
    return wrap(np.array(values, np.float64))


def test_every_name_of_the_object_sees_the_write() -> None:
    x = tensor(1, 2, 3)
    y = x
    x[1] = 7
    assert y is x and y.numpy().tolist() == [1, 7, 3]


def test_what_was_taken_from_a_tensor_never_changes_with_it() -> None:
    x = tensor(1, 2, 3, 4)
    taken = [x[1:], x.reshape(2, 2), x.T, x.copy(), OPS["identity"](x), x[:]]
    before = [t.numpy() for t in taken]
    x[:] = 0
    taken[0][0] = 99
    for now, then in zip(taken[1:], before[1:], strict=True):
        np.testing.assert_array_equal(now.numpy(), then)
    assert x.numpy().tolist() == [0, 0, 0, 0] and taken[0].numpy().tolist() == [99, 3, 4]


def test_arrays_and_variables_behind_a_tensor_are_left_alone() -> None:
    array = np.array([1.0, 2.0])
    x = wrap(array)
    x[0] = 5
    assert array.tolist() == [1, 2]
    v = Variable([1.0, 2.0])
    held = v.read_value()
    held[0] = 9
    assert v.numpy().tolist() == [1, 2] and held.numpy().tolist() == [9, 2]
    fresh = wrap(np.array([3.0, 4.0], np.float32))
    v.assign(fresh)
    fresh[0] = 0
    assert v.numpy().tolist() == [3, 4]


def test_a_write_to_a_variable_assigns() -> None:
    v = Variable([1.0, 2.0, 3.0])
    held = v.read_value()
    v[1:] = 0
    v[0] += 4
    assert v.numpy().tolist() == [5, 0, 0] and held.numpy().tolist() == [1, 2, 3]


def test_an_array_that_nobody_else_holds_is_written_in_place() -> None:
    x = wrap(np.zeros(4))
    before = id(x.array)
    x[1:3] = 2.0
    held = tensor(5)[0]  # memory of its own: an array made anew could not be where x was
    x[0] = held
    assert id(x.array) == before
    assert x.numpy().tolist() == [5, 2, 2, 0]
    view = x[2:]
    x[2] = 7
    assert view.numpy().tolist() == [2, 0]


def test_augmented_writes_and_masks() -> None:
    x = tensor(1, -2, 3)
    x[x < 0] = 0
    x[1:] += 10
    x[x > 12] *= 2
    assert x.numpy().tolist() == [1, 10, 26]


def test_a_write_that_fails_changes_nothing() -> None:
    x = tensor(1, 2, 3)
    with GradientTape() as tape:
        tape.watch(x)
        y = x * x
        with pytest.raises(IndexError, match="index 5 is out of bounds"):
            x[5] = 0
        y = y * x
    assert tape.gradient(y, x).numpy().tolist() == [3, 12, 27]


def gradient_of(function: Any, *values: float) -> list[float]:
    x = tensor(*values)
    with GradientTape() as tape:
        tape.watch(x)
        out = function(x)
    found: list[float] = tape.gradient(out, x).numpy().tolist()
    return found


def test_the_gradient_is_with_respect_to_the_value_before_the_write() -> None:
    def overwrite(x: Any) -> Any:
        y = x * x
        x[0] = 5.0
        return y + x * x

    assert gradient_of(overwrite, 1, 2, 3) == [2, 8, 12]


def test_a_written_value_has_a_gradient() -> None:
    def shift(x: Any) -> Any:
        y = x * 1.0
        y[0] = x[1] * x[2]
        y[1:] = y[:2] * 2.0
        return y * y

    # y = [bc, 2bc, 2b] where x = (a, b, c)
    a, b, c = 1.0, 2.0, 3.0
    assert gradient_of(shift, a, b, c) == [0, 10 * b * c * c + 8 * b, 10 * b * b * c]


def test_a_tensor_written_into_itself() -> None:
    def reverse(x: Any) -> Any:
        x[::-1] = x
        return x * tensor(1, 10, 100)

    assert gradient_of(reverse, 1, 2, 3) == [100, 10, 1]


def test_many_writes_in_a_loop() -> None:
    def recurrence(x: Any) -> Any:
        y = OPS["zeros_like"](x)
        y[0] = x[0]
        for i in range(1, 4):
            y[i] = y[i - 1] * x[i]
        return y[3]

    assert gradient_of(recurrence, 2, 3, 5, 7) == [105, 70, 42, 30]


def test_an_operand_that_is_not_watched_keeps_the_value_it_had() -> None:
    x, weight = tensor(1, 2), tensor(3, 4)
    with GradientTape() as tape:
        tape.watch(x)
        y = x * weight
        weight[0] = 100
    assert tape.gradient(y, x).numpy().tolist() == [3, 4]


def test_a_write_after_recording_does_not_change_the_gradient() -> None:
    x = tensor(1, 2)
    with GradientTape() as tape:
        tape.watch(x)
        y = x * x * x
    x[0] = 100
    assert tape.gradient(y, x).numpy().tolist() == [3, 12]


def test_second_derivatives_through_a_write() -> None:
    x = tensor(2, 3)
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            y = x * x
            y[0] = x[1] * x[1] * x[1]
        first = inner.gradient(y, x)
    assert first.numpy().tolist() == [0, 27 + 6]
    assert outer.gradient(first, x).numpy().tolist() == [0, 18 + 2]


def test_writes_are_staged_and_variables_keep_their_own_value() -> None:
    tracer = Tracer("traced")
    v = Variable([1.0, 2.0])
    x = tracer.input(np.zeros(3), "x")
    token = bind.push(tracer)
    try:
        first = x.value
        x[0] = 1.0
        held = v.read_value()
        held[0] = 5.0
        assert x.value is not first and v.read_value().value is not held.value
        outside = tensor(1, 2)
        with pytest.raises(StagingError, match="made outside"):
            outside[0] = x[0]
    finally:
        bind.pop(token)
    assert [node.op.name for node in tracer.graph.nodes].count("slice_update") == 3
