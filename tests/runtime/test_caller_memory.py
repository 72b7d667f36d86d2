"""No tensor and no Variable shares memory with an array that the caller can write to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

OPS: dict[str, Callable[[Any], Any]] = {
    "constant": tf.constant,
    "asarray": tf.asarray,
    "convert_to_tensor": tf.convert_to_tensor,
    "identity": tf.identity,
    "stop_gradient": tf.stop_gradient,
    "reshape": lambda a: tf.reshape(a, (-1,)),
    "transpose": tf.transpose,
    "squeeze": tf.squeeze,
    "expand_dims": lambda a: tf.expand_dims(a, 0),
    "split": lambda a: tf.split(a, 2)[0],
    "stack": lambda a: tf.stack([a]),
    "concat": lambda a: tf.concat([a], 0),
    "real": tf.real,
    "flip": lambda a: tf.flip(a, 0),
}


def whole() -> tuple[Any, Any]:
    base = np.arange(8.0)
    return base, base


def part() -> tuple[Any, Any]:
    base = np.arange(16.0)
    return base[::2], base


def read_only() -> tuple[Any, Any]:
    base = np.arange(8.0)
    view = base.view()
    view.flags.writeable = False
    return view, base


def buffer() -> tuple[Any, Any]:
    base = np.arange(8.0)
    return memoryview(base), base


def compiled(f: Any) -> Any:
    return tf.function(f, jit_compile=False)


@pytest.mark.parametrize("given", [whole, part, read_only, buffer])
@pytest.mark.parametrize("name", OPS)
def test_a_tensor_keeps_its_value(name: str, given: Any) -> None:
    made = [OPS[name]] if given is buffer else [OPS[name], compiled(OPS[name])]
    for op in made:
        array, base = given()
        tensor = op(array)
        before = tensor.numpy()
        base[...] = 99.0
        np.testing.assert_array_equal(tensor.numpy(), before)


@pytest.mark.parametrize("given", [whole, part, read_only, buffer])
def test_a_variable_keeps_its_value(given: Any) -> None:
    array, base = given()
    made, assigned = tf.Variable(array), tf.Variable(np.zeros(8))
    assigned.assign(array)
    before = made.numpy()
    base[...] = 99.0
    np.testing.assert_array_equal(made.numpy(), before)
    np.testing.assert_array_equal(assigned.numpy(), before)


def test_variables_and_tensors_do_not_share() -> None:
    v, x = tf.Variable([1.0, 2.0]), tf.constant([3.0, 4.0])
    copy, from_tensor = tf.Variable(v), tf.Variable(x)
    v.assign(x)
    x[0] = 9.0
    v[1] = 7.0
    assert copy.numpy().tolist() == [1, 2] and from_tensor.numpy().tolist() == [3, 4]
    assert v.numpy().tolist() == [3, 7] and x.numpy().tolist() == [9, 4]


def test_a_tape_keeps_the_array_that_an_operation_used() -> None:
    x, array = tf.constant([1.0, 2.0]), np.array([3.0, 4.0], np.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * array
    array[:] = 0
    assert tape.gradient(y, x).numpy().tolist() == [3, 4]
