"""Shortcuts of eager operations with attributes: the results, types and errors of the long way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.ir import bind
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


class Passes:
    """An interpreter that hands every call down; with it on the stack there is no shortcut."""

    def run(self, call: bind.Call) -> tuple[Any, ...]:
        return bind.run(call)


def long_way(call: Callable[..., Any], *args: Any) -> Any:
    """The same without shortcuts."""
    token = bind.push(Passes())
    try:
        return call(*args)
    finally:
        bind.pop(token)


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


def slopes(x: Any, v: Any, w: Any) -> list[Any]:
    """Gradients to order two, of what tapes are told by shortcuts, or see themselves."""
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(x)
            y = tf.exp(-v * x) + 2 * x / (3 - v) + (x == v) * 1.0
            with inner.stop_recording():
                y = y + x * x
            y = OPS["sum"](tf.sqrt(y + w * v), axis=0) * OPS["transpose"](x, perm=(0,))
        first = inner.gradient(y, [x, v])
        total = OPS["sum"](first[0] * w)
    assert first[1] is None
    assert outer.watched_variables() == (v, w)
    return [first[0], *outer.gradient(total, [x, v, w]), outer.gradient(first[0], y)]


def test_tapes_are_told_what_shortcuts_have_run() -> None:
    x = tf.constant(np.array([0.5, 1.5], np.float32))
    v, w = tf.Variable(1.5), tf.Variable([2.0, 4.0])
    found, expected = slopes(x, v, w), long_way(slopes, x, v, w)
    for a, b in zip(found, expected, strict=True):
        assert (a is None) == (b is None)
        assert a is None or a.numpy().tobytes() == b.numpy().tobytes()
    assert sum(a is not None for a in found) >= 4


def test_a_variable_is_watched_at_its_first_read_and_read_anew_after_an_assignment() -> None:
    v, other = tf.Variable(3.0), tf.Variable(1.0, trainable=False)
    with tf.GradientTape() as tape:
        y = v * v + other
        v.assign(5.0)
        y = y * v + OPS["sum"](v, axis=()) * other
    assert tape.watched_variables() == (v,)
    assert tape.gradient(y, v).numpy() == 6 * 5 + 10 + 1
