"""Sequences that programs hold: gradients of loops whose state is no small array of known size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.arrays.reference import execute
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import compile_graph
from twofold.compiler.planned import native_graphs, step_of
from twofold.ir.buffer import Arrays, Nested, new
from twofold.ir.parser import parse
from twofold.ir.step import Kind
from twofold.ir.types import BufferType

X = np.array([0.3, -0.2, 0.5])


def repeated(x: Any, n: Any) -> Any:
    return tf.while_loop(
        lambda i, s: i < n, lambda i, s: (i + 1, tf.sin(s) * x), [tf.constant(0), x]
    )[1]


def in_a_loop(x: Any, n: Any) -> Any:
    def body(i: Any, s: Any) -> Any:
        def again(j: Any, t: Any) -> Any:
            return j + 1, tf.sin(t) * x + s * 0.1

        return i + 1, tf.while_loop(lambda j, t: j < i + 1, again, [tf.constant(0), s])[1]

    return tf.while_loop(lambda i, s: i < n, body, [tf.constant(0), x])[1]


def in_a_branch(x: Any, n: Any) -> Any:
    def body(i: Any, s: Any) -> Any:
        return i + 1, tf.cond(i % 2 == 0, lambda: repeated(s, i), lambda: tf.cos(s) * x)

    return tf.while_loop(lambda i, s: i < n, body, [tf.constant(0), x])[1]


def swapped(x: Any, n: Any) -> Any:
    def body(i: Any, a: Any, b: Any) -> Any:
        return i + 1, tf.sin(b) * x, a * b

    _, a, b = tf.while_loop(lambda i, *_: i < n, body, [tf.constant(0), x, x * 2])
    return a + b


def gradient(function: Callable[..., Any], order: int) -> Callable[..., Any]:
    if not order:
        return function
    inner = gradient(function, order - 1)

    def found(x: Any, n: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(inner(x, n))
        return tape.gradient(y, x)

    return found


@pytest.mark.parametrize(
    ("function", "order"), [(repeated, 2), (swapped, 1), (in_a_loop, 1), (in_a_branch, 1)]
)
def test_gradients_are_those_of_eager_code_and_no_trip_is_pythons(
    function: Any, order: int
) -> None:
    wanted = gradient(function, order)
    compiled = tf.function(wanted, jit_compile=True)
    for n in (0, 1, 5):
        x, trips = tf.constant(X), tf.constant(n)
        np.testing.assert_allclose(compiled(x, trips), wanted(x, trips), rtol=1e-12)
    graph = compiled.get_concrete_function(tf.constant(X), tf.constant(3)).graph
    planned = compile_graph(graph, NATIVE).graph
    inside = [node for part in native_graphs(planned)[1:] for node in part.nodes]
    assert {Kind.SEQUENCE, Kind.KERNEL} <= {step_of(node).kind for node in inside}
    assert all(step_of(node).kind is not Kind.ARRAYS for node in inside)


@pytest.mark.parametrize("function", [repeated, in_a_loop])
def test_a_tape_around_the_call_takes_what_the_loop_has_left(function: Any) -> None:
    compiled = tf.function(function, jit_compile=True)
    x, n = tf.constant(X), tf.constant(5)
    found = gradient(compiled, 1)(x, n)
    np.testing.assert_allclose(found, gradient(function, 1)(x, n), rtol=1e-12)


def written(x: Any, n: Any) -> Any:
    array = tf.TensorArray(x.dtype, size=n)

    def body(i: Any, s: Any, array: Any) -> Any:
        array = tf.cond(i % 2 == 0, lambda: array.write(i, s), lambda: array.write(i, s * s))
        return i + 1, tf.sin(array.read(i)) * x, array

    _, s, array = tf.while_loop(lambda i, *_: i < n, body, [tf.constant(0), x, array])
    return tf.reduce_sum(array.stack(), 0) * s


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_of_large_elements_are_written_in_native_loops(dtype: Any) -> None:
    x, wanted = tf.constant(np.linspace(0.1, 0.9, 70, dtype=dtype)), gradient(written, 1)
    compiled = tf.function(wanted, jit_compile=True)
    for n in (1, 5):
        found = compiled(x, tf.constant(n))
        np.testing.assert_allclose(found, wanted(x, tf.constant(n)), rtol=1e-5)
    graph = compiled.get_concrete_function(x, tf.constant(3)).graph
    parts = native_graphs(compile_graph(graph, NATIVE).graph)[1:]
    assert parts
    assert all(step_of(node).kind is not Kind.ARRAYS for part in parts for node in part.nodes)


LOOP = """graph f(%n: i32[], %b: buffer f64[k], %x: f64[k]) {
  %zero = constant() {value=i32[] [0]}
  %i: i32[], %c: buffer f64[k] = while(%zero, %b, %n, %x) {carried=2}
    region test(%i: i32[], %c: buffer f64[k], %n: i32[], %x: f64[k]) {
      %t = less(%i, %n) return %t
    }
    region body(%i: i32[], %c: buffer f64[k], %n: i32[], %x: f64[k]) {
      %one = constant() {value=i32[] [1]}
      %j = add(%i, %one)
      BODY
    }
  return %c
}"""


def run(body: str, n: int, buffer: Any, kind: str = "buffer f64[k]") -> Any:
    text = LOOP.replace("BODY", body).replace("buffer f64[k]", kind)
    executable = compile_graph(parse(text), NATIVE)
    call = executable.prepare({"k": 2})
    x = np.array([1.0, 2.0])
    return call([np.asarray(n, np.int32), buffer, x])[0]


def test_a_sequence_that_was_given_stays_as_it_was() -> None:
    given = Arrays.of(np.arange(6.0).reshape(3, 2))
    left = run("%d, %y = buffer_pop(%c) %e = buffer_push(%d, %x) return %j, %e", 2, given)
    np.testing.assert_array_equal(left.stack(), [[0, 1], [2, 3], [1, 2]])
    np.testing.assert_array_equal(given.stack(), np.arange(6.0).reshape(3, 2))


def test_what_two_values_share_is_copied_before_one_is_changed() -> None:
    body = (
        "%d, %y = buffer_pop(%c) %z = add(%y, %x) %e = buffer_push(%d, %z)"
        " %last, %w = buffer_pop(%c) %v = add(%z, %w) %g = buffer_push(%e, %v) return %j, %g"
    )
    left = run(body, 2, Arrays.of(np.ones((1, 2))))
    np.testing.assert_array_equal(left.stack(), [[2, 3], [4, 6], [7, 10]])


def test_sequences_of_sequences_come_and_go() -> None:
    inner = BufferType(np.dtype(np.float64), (2,))
    given = new(inner).push(Arrays.of(np.ones((3, 2)))).push(Arrays.of(np.zeros((1, 2))))
    body = (
        "%d, %y = buffer_pop(%c) %e = buffer_push(%y, %x) %z = buffer_like(%y)"
        " %g = buffer_push(%d, %e) %h = buffer_push(%g, %z) return %j, %h"
    )
    left = run(body, 2, given, "buffer buffer f64[k]")
    assert isinstance(left, Nested)
    sizes = left.counts.stack().tolist()
    assert sizes == [3, 2, 2, 1]
    assert left.items.stack().sum() == 6 + 3 + 3


def test_sequences_of_three_levels_come_and_go() -> None:
    inner = BufferType(np.dtype(np.float64), (2,))
    pair = new(inner).push(Arrays.of(np.ones((3, 2)))).push(Arrays.of(np.ones((0, 2))))
    given = new(BufferType.of(inner)).push(pair)
    body = (
        "%d, %y = buffer_pop(%c) %e = buffer_push(%d, %y) %z = buffer_like(%y)"
        " %g = buffer_push(%e, %z) return %j, %g"
    )
    left = run(body, 2, given, "buffer buffer buffer f64[k]")
    assert left.counts.stack().tolist() == [2, 2, 2]
    assert left.items.counts.stack().tolist() == [3, 0, 3, 0, 3, 0]
    np.testing.assert_array_equal(
        left.items.items.stack(), np.repeat([[1.0], [0.0]], [3, 6], 0) * [1, 1]
    )


def test_elements_without_numbers_are_counted() -> None:
    text = LOOP.replace("BODY", "%d = buffer_push(%c, %x) return %j, %d")
    call = compile_graph(parse(text), NATIVE).prepare({"k": 0})
    buffer, x = Arrays.of(np.zeros((2, 0))), np.zeros(0)
    assert len(call([np.asarray(3, np.int32), buffer, x])[0]) == 5


@pytest.mark.parametrize("ints", ["i32", "i64"])
@pytest.mark.parametrize("dtype", ["f32", "f64", "c64", "c128", "i32", "i64"])
def test_operations_at_positions_are_those_of_buffers(dtype: str, ints: str) -> None:
    text = LOOP.replace("f64", dtype).replace(
        "BODY",
        f"""
      %at = cast(%i) {{dtype={ints}}}
      %d, %more = buffer_write(%c, %at, %x)
      %e, %filled = buffer_fill(%d, %j)
      %y = buffer_read(%e, %at)
      %z = buffer_read(%c, %at)
      %u = add(%y, %z)
      %g = buffer_add_at(%e, %more, %u)
      %h, %k = buffer_write(%g, %j, %y)
      %l, %m = buffer_unwrite(%h, %at, %more)
      %o = buffer_add_at(%l, %more, %m)
      %p = buffer_drop(%o, %filled)
      return %j, %p""",
    )
    graph = parse(text)
    x = np.array([1, 2]).astype(graph.inputs[2].type.dtype)
    arrays = [np.asarray(4, np.int32), Arrays.of(np.stack([x, 3 * x])), x]
    (wanted,) = execute(graph, arrays)
    for n, kept in ((4, wanted), (0, arrays[1])):
        call = compile_graph(graph, NATIVE).prepare({"k": 2})
        (found,) = call([np.asarray(n, np.int32), *arrays[1:]])
        np.testing.assert_array_equal(found.stack(), kept.stack())


def test_a_negative_position_raises_what_the_op_raises() -> None:
    body = "%at = subtract(%i, %one) %d, %a = buffer_write(%c, %at, %x) return %j, %d"
    with pytest.raises(tf.errors.IndexOutOfBoundsError, match="-1 is outside a buffer"):
        run(body, 2, Arrays.of(np.ones((1, 2))))


def test_an_exception_leaves_no_memory_behind() -> None:
    with pytest.raises(IndexError, match="no last one"):
        run("%d, %y = buffer_pop(%c) return %j, %d", 3, Arrays.of(np.ones((2, 2))))
