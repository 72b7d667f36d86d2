"""Buffers that loops push onto and pop from: grown by the kernel, values outside of it."""

from __future__ import annotations

import signal
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.arrays.reference import execute
from twofold.compiler.kernel.parse import parse_kernel
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import compile_graph
from twofold.ir.buffer import Arrays
from twofold.ir.dtypes import DTYPES
from twofold.ir.parser import parse

from .test_control import alarm

PUSH = """graph f(%n: i32[], %x: f64[2], %b: buffer f64[2]) {
  %zero = constant() {value=i32[] [0]}
  %i: i32[], %s: f64[2], %c: buffer f64[2], %d: buffer f64[2] =
      while(%zero, %x, %b, %b, %n) {carried=4}
    region test(%i: i32[], %s: f64[2], %c: buffer f64[2], %d: buffer f64[2], %n: i32[]) {
      %t = less(%i, %n) return %t
    }
    region body(%i: i32[], %s: f64[2], %c: buffer f64[2], %d: buffer f64[2], %n: i32[]) {
      %one = constant() {value=i32[] [1]}
      %j = add(%i, %one)
      %e = buffer_push(%c, %s)
      %r = flip(%s) {axis=(0,)}
      %u = add(%s, %r)
      %g = buffer_push(%d, %r)
      %h, %last = buffer_pop(%g)
      %k = buffer_push(%h, %last)
      return %j, %u, %e, %k
    }
  return %i, %s, %c, %d
}"""

POP = """graph f(%n: i32[], %b: buffer f32[3], %x: f32[3]) {
  %zero = constant() {value=i32[] [0]}
  %i: i32[], %s: f32[3], %c: buffer f32[3] = while(%n, %x, %b, %zero) {carried=3}
    region test(%i: i32[], %s: f32[3], %c: buffer f32[3], %z: i32[]) {
      %t = greater(%i, %z) return %t
    }
    region body(%i: i32[], %s: f32[3], %c: buffer f32[3], %z: i32[]) {
      %one = constant() {value=i32[] [1]}
      %j = subtract(%i, %one)
      %d, %y = buffer_pop(%c)
      %u = add(%s, %y)
      return %j, %u, %d
    }
  return %s, %c
}"""

BRANCH = """graph f(%n: i32[], %b: buffer i64[]) {
  %zero = constant() {value=i32[] [0]}
  %i: i32[], %c: buffer i64[] = while(%zero, %b, %n) {carried=2}
    region test(%i: i32[], %c: buffer i64[], %n: i32[]) { %t = less(%i, %n) return %t }
    region body(%i: i32[], %c: buffer i64[], %n: i32[]) {
      %one = constant() {value=i32[] [1]}
      %j = add(%i, %one)
      %bit = bitwise_and(%i, %one)
      %p = equal(%bit, %one)
      %d: buffer i64[] = cond(%p, %c, %i)
        region then(%c: buffer i64[], %i: i32[]) {
          %x = cast(%i) {dtype=i64} %d = buffer_push(%c, %x) return %d
        }
        region else_(%c: buffer i64[], %i: i32[]) { return %c }
      return %j, %d
    }
  return %i, %c
}"""


def check(text: str, *inputs: Any) -> list[Any]:
    """Run a text as kernels, twice, and on array operations."""
    graph, executable = parse(text), compile_graph(parse(text), NATIVE)
    assert [n.op.name for n in executable.graph.nodes if n.op.name != "constant"] == ["fused"]
    (made,) = executable.kernels
    assert parse_kernel(str(made.kernel)) == made.kernel
    run, before = executable.prepare({}), [shown(x) for x in inputs]
    wanted = execute(graph, inputs)
    for _ in range(2):
        found = run(list(inputs))
        for have, want in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(shown(have), shown(want))
            assert have.dtype == want.dtype
    for x, same in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(shown(x), same)
    return found


def shown(value: Any) -> Any:
    """An array, or the elements of a buffer."""
    return value if isinstance(value, np.ndarray) else value.stack()


def rows(count: int, width: int, dtype: Any) -> Arrays:
    return Arrays.of(np.arange(count * width).reshape(count, width).astype(dtype))


@pytest.mark.parametrize("trips", [0, 1, 2, 31, 300])
@pytest.mark.parametrize("before", [0, 1, 40])
def test_a_loop_pushes_onto_two_copies_of_one_buffer(trips: int, before: int) -> None:
    i, _, c, _ = check(PUSH, np.asarray(np.int32(trips)), np.array([1e-90, 3e-90]),
                       rows(before, 2, float))  # fmt: skip
    assert len(c) == before + int(i)


@pytest.mark.parametrize("pops", [0, 1, 5])
@pytest.mark.parametrize("short", ["f32", "f16", "bf16", "i8"])
def test_a_loop_pops_what_others_have_pushed(pops: int, short: str) -> None:
    text, dtype = POP.replace("f32", short), DTYPES[short]
    given = [np.asarray(np.int32(pops)), rows(5, 3, dtype), np.ones(3, dtype)]
    _, c = check(text, *given)
    longer = c.push(np.zeros(3, dtype))  # a value like any other
    assert len(longer) == 6 - pops and len(c) == 5 - pops


@pytest.mark.parametrize("trips", [0, 1, 2, 9])
def test_a_branch_pushes_or_does_not(trips: int) -> None:
    check(BRANCH, np.asarray(np.int32(trips)), Arrays.of(np.arange(3)))


def test_a_buffer_that_is_used_again_is_left_to_array_operations() -> None:
    text = PUSH.replace("%k = buffer_push(%h, %last)", "%k = buffer_push(%d, %last)")
    graph = compile_graph(parse(text), NATIVE).graph
    assert [n.op.name for n in graph.nodes if n.regions] == ["while"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
def test_an_interrupted_loop_frees_what_it_has_pushed() -> None:
    text = PUSH.replace("%t = less(%i, %n)", "%t = less_equal(%i, %n)")
    text = text.replace("return %j, %u, %e, %k", "%z = subtract(%j, %one) return %z, %u, %e, %k")
    text = (
        text.replace("%e = buffer_push(%c, %s)", "%q, %l = buffer_pop(%c) %e = buffer_push(%q, %l)")
        .replace(  # fmt: skip
            "%h, %last = buffer_pop(%g)", "%h, %last = buffer_pop(%g) %m, %o = buffer_pop(%h)"
        )
        .replace("%k = buffer_push(%h, %last)", "%k = buffer_push(%m, %last)")
    )
    run = compile_graph(parse(text), NATIVE).prepare({})
    given = [np.asarray(np.int32(0)), np.ones(2), rows(3, 2, float)]

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), alarm(0.03, stop):
            run(list(given))


def by_form(n: Any, s: Any, slope: Any) -> Any:
    step = lambda i, s: (i + 1, s + 0.01 * slope(s))  # noqa: E731
    return tf.while_loop(lambda i, s: i < n, step, (0, s))[1]


def by_python(n: Any, s: Any, slope: Any) -> Any:
    for _ in range(n):
        s = s + 0.01 * slope(s)
    return s


def one_step_first(n: Any, s: Any, slope: Any) -> Any:
    if n > 3:
        s = by_python(n - 3, s + slope(s), slope)
    return s


@pytest.mark.parametrize("end", [by_form, by_python, one_step_first])
def test_the_gradient_of_a_loop_is_one_kernel(end: Any) -> None:
    def slope(s: Any) -> Any:
        x, y = s[0], s[1]
        return tf.stack([x * y - x, y * (2.0 - x)])

    def gradient(n: Any, s: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(s)
            total = tf.sum(end(n, s, slope) ** 2)
        return tape.gradient(total, s)

    s = tf.constant([0.5, 1.5], dtype=tf.float64)
    compiled = tf.function(gradient, jit_compile=True)
    for steps in (1, 200, 0, 7):
        n, plain = tf.constant(steps), gradient(steps, s).numpy()
        np.testing.assert_allclose(compiled(n, s).numpy(), plain, rtol=1e-12)
    graph = compile_graph(compiled.get_concrete_function(n, s).graph, NATIVE).graph
    assert not [node for node in graph.nodes if node.regions and node.op.name != "fused"]
    kernels = [node.regions[0].nodes for node in graph.nodes if node.regions]
    assert len([nodes for nodes in kernels if any(inner.regions for inner in nodes)]) == 1
