"""What cannot be staged is a step of Python's; ``strict=True`` refuses it with the line."""

from __future__ import annotations

import collections
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

import twofold as tf

E = tf.errors


def text(x: Any) -> Any:
    return len(f"x = {x}")


def formatted(x: Any) -> Any:
    return float(f"{x:.2f}")


def as_list(x: Any) -> Any:
    return x.tolist()


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (text, 1), (formatted, 1), (as_list, 1),
    ],
)  # fmt: skip
def test_the_value_of_a_tensor_while_tracing_names_the_line(function: Any, line: int) -> None:
    stepping = tf.function(function)
    assert stepping(tf.constant(3.0)) == function(tf.constant(3.0))
    assert stepping.experimental_get_segment_count() == 1
    assert stepping.experimental_get_plain_count() == 0
    compiled = tf.function(function, strict=True)
    with pytest.raises(E.StagingError) as refused:
        compiled(tf.constant(3.0))
    place = refused.value.location
    assert place is not None
    assert (place.file, place.line) == (__file__, function.__code__.co_firstlineno + line)
    assert compiled.experimental_get_tracing_count() == 0


def unsupported(x: Any) -> Any:
    v.assign(x)
    return [x, object()]


v = tf.Variable(1.0)


def test_an_unsupported_result_names_the_return_and_leaves_nothing_behind() -> None:
    compiled = tf.function(unsupported, strict=True)
    with pytest.raises(E.ReturnTypeError, match="returned object") as refused:
        compiled(tf.constant(3.0))
    assert refused.value.location is not None
    assert refused.value.location.line == unsupported.__code__.co_firstlineno + 2
    assert (v.numpy(), compiled.experimental_get_tracing_count()) == (1.0, 0)


def test_a_tensor_kept_from_a_trace_says_so() -> None:
    kept: SimpleQueue[Any] = SimpleQueue()  # not watched

    @tf.custom_gradient
    def square(x: Any) -> Any:
        def gradient(upstream: Any) -> Any:  # called while the function is traced
            kept.put(upstream)
            return upstream * 2 * x

        return x * x, gradient

    @tf.function(jit_compile=False)
    def f(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = square(x)
        return tape.gradient(y, x)

    f(tf.constant(1.0))
    held = kept.get()
    for use in (lambda t: t + 1, lambda t: t.numpy(), float):
        with pytest.raises(E.GraphError, match="return it from the function"):
            use(held)


def test_augmented_assignment_to_an_array_argument_reaches_the_caller() -> None:
    def f(a: Any, b: Any) -> Any:
        a[0] = 5.0
        a += b
        a *= 2
        return a * 1

    one, two = np.arange(3.0), np.arange(3.0)
    expected = f(one, 1.0)
    got = tf.function(f, jit_compile=False)(two, 1.0)
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(two, one)


def test_augmented_assignment_does_not_change_the_kind_of_an_array() -> None:
    def f(a: Any) -> Any:
        a += 0.5
        return a

    for call in (f, tf.function(f)):
        array = np.arange(3)
        with pytest.raises(TypeError):
            call(array)
        np.testing.assert_array_equal(array, [0, 1, 2])


def test_an_ordered_dict_is_a_container() -> None:
    @tf.function(jit_compile=False)
    def f(items: Any) -> Any:
        return collections.OrderedDict((k, t * 2) for k, t in items.items())

    for x in (1.0, 2.0):
        found = f(collections.OrderedDict(b=tf.constant(x), a=tf.constant(3.0)))
        assert isinstance(found, collections.OrderedDict)
        assert [(k, t.item()) for k, t in found.items()] == [("b", 2 * x), ("a", 6.0)]
    assert f.experimental_get_tracing_count() == 1
