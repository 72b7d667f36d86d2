"""Shortcuts of eager operations with attributes: the results, types and errors of the long way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir.op import OPS

X = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4) - 7
CALLS: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: OPS["sum"](x, axis=1),
    "sum of several": lambda x: OPS["sum"](x, axis=(0, -1), keepdims=True),
    "sum of all": lambda x: OPS["sum"](x),
    "reshape": lambda x: OPS["reshape"](x, shape=(4, -1)),
    "reshape to itself": lambda x: OPS["reshape"](x, shape=(2, 3, 4)),
    "slice": lambda x: OPS["strided_slice"](x, index=((0, 2, 1), 1, (None, None, -1))),
    "transpose": lambda x: OPS["transpose"](x, perm=(2, 0, 1)),
    "product": lambda x: OPS["matmul"](x, x, transpose_b=True),
    "sort": lambda x: OPS["sort"](x, axis=0, descending=True),
    "argmax": lambda x: OPS["argmax"](x, axis=-1),
}


def long_way(call: Callable[[Any], Any], x: Any) -> Any:
    """The same with an interpreter on the stack, which has no shortcut."""
    with tf.GradientTape():
        return call(x)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int32", "bool"])
def test_the_shortcut_gives_what_the_long_way_gives(name: str, dtype: str) -> None:
    x, call = tf.constant(X.astype(tf.as_dtype(dtype))), CALLS[name]
    expected = long_way(call, x)
    for _ in range(2):  # the second call knows the first
        found = call(x)
        assert found.dtype == expected.dtype and found.shape == expected.shape
        assert found.numpy().tobytes() == expected.numpy().tobytes()
        assert found is not x


def test_attributes_that_are_equal_and_not_the_same_are_told_apart() -> None:
    x = tf.constant(X)
    assert OPS["sum"](x, axis=1, keepdims=True).shape == (2, 1, 4)
    assert OPS["sum"](x, axis=1, keepdims=False).shape == (2, 4)
    assert OPS["sum"](x, axis=1, keepdims=1).shape == long_way(
        lambda x: OPS["sum"](x, axis=1, keepdims=1), x
    ).shape  # fmt: skip
    for axis in (True, 1.0, (0, True)):
        raised = []
        for way in (lambda call, x: call(x), long_way):
            try:
                raised.append(way(lambda x, a=axis: OPS["sum"](x, axis=a), x).shape)
            except Exception as error:  # noqa: BLE001  (of any kind: it is compared)
                raised.append(str(error).split("\n")[0])
        assert raised[0] == raised[1]


def test_an_assignment_after_a_view_leaves_the_view() -> None:
    x = tf.constant([1.0, 2.0, 3.0, 4.0])
    for _ in range(2):
        same, turned = tf.reshape(x, (4,)), tf.reshape(x, (2, 2))
        before = same.numpy().copy()
        x[0] = x[0] + 10.0
        assert same.numpy().tolist() == before.tolist() == turned.numpy().ravel().tolist()


def test_errors_and_sizes_are_those_of_each_call() -> None:
    for _ in range(2):
        with pytest.raises(tf.errors.ShapeError):
            tf.reshape(tf.ones(6), (4,))
        assert tf.reshape(tf.ones(4), (4,)).shape == (4,)
        with pytest.raises(TypeError, match="no argument named"):
            OPS["sum"](tf.ones(4), axes=0)
        assert OPS["sum"](tf.ones((2, 5)), axis=0).shape == (5,)
        assert OPS["sum"](tf.ones((5, 2)), axis=0).shape == (2,)
