"""A region op whose region is a graph given by hand: eagerly, compiled, under tapes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

import twofold as tf
from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.errors import ArgumentError, DTypeError, ShapeError
from twofold.ir.graph import Graph
from twofold.ir.op import OPS
from twofold.ir.parser import parse
from twofold.runtime.variable import Variable

CUBE = parse("""graph cube(%x: f32[k]) {
  %y: f32[k] = multiply(%x, %x)
  %z: f32[k] = call(%y, %x)
    region twice(%a: f32[k], %b: f32[k]) {
      %c = multiply(%a, %b)
      %d = broadcast_to(%c) {shape=(2, <k>)}
      %e = max(%d) {axis=(0,), keepdims=False}
      return %e
    }
  return %z
}""")

FUSED = parse("""graph outer(%x: f32[3]) {
  %y: f32[3] = fused(%x) {dims=(3,)}
    region cube(%a: f32[3]) {
      %b = multiply(%a, %a)
      %c = multiply(%b, %a)
      return %c
    }
  return %y
}""")

STEP = parse("""graph step(%v: ref f32[2], %x: f32[2]) {
  %old = read(%v)
  %y = multiply(%old, %x)
  assign(%v, %y)
  %z = multiply(%y, %old)
  return %z
}""")


def call(graph: Graph, *args: Any) -> Any:
    """The call of a graph on tensors and Variables; its only output."""
    ground = bind.ground()
    inputs = tuple([a if isinstance(a, Variable) else ground.value(a) for a in args])
    (out,) = bind.run(Call(OPS["call"], inputs, {}, (graph,)))
    return ground.tensor(out)


def orders(graph: Graph, x: Any) -> tuple[Any, Any, Any]:
    """The value and its first two derivatives."""
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = call(graph, x)
        first = tape.gradient(y, x)
    return y, first, outer.gradient(first, x)


def around(graph: Graph, x: Any) -> tuple[Any, Any, Any]:
    """The same with the tapes around a compiled function."""
    compiled = tf.function(lambda x: call(graph, x))
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = compiled(x)
        first = tape.gradient(y, x)
    return y, first, outer.gradient(first, x)


def inside(jit: bool) -> Callable[[Graph, Any], Any]:
    """The same compiled, tapes and all."""
    return lambda graph, x: tf.function(lambda x: orders(graph, x), jit_compile=jit)(x)


@pytest.mark.parametrize("run", [orders, around, inside(False), inside(True)],
                         ids=["eager", "tapes around", "arrays", "native"])  # fmt: skip
@pytest.mark.parametrize("graph", [CUBE, FUSED], ids=["call", "fused"])
def test_a_graph_runs_in_every_mode_to_order_two(graph: Graph, run: Any) -> None:
    found = run(graph, tf.constant([1.0, 2.0, 3.0]))
    assert [x.numpy().tolist() for x in found] == [
        [1.0, 8.0, 27.0], [3.0, 12.0, 27.0], [6.0, 12.0, 18.0],
    ]  # fmt: skip


def test_a_kernel_by_hand_needs_only_what_its_op_has_no_default_for() -> None:
    f = tf.function(lambda x: call(FUSED, x) + 1.0, jit_compile=True)
    assert f(tf.constant([1.0, 2.0, 3.0])).numpy().tolist() == [2.0, 9.0, 28.0]


def test_sizes_are_those_of_each_call() -> None:
    for n in (1, 4, 2):
        y, first, _ = orders(CUBE, tf.ones((n,)))
        assert y.shape == first.shape == (n,)


def test_a_tape_without_the_compiler_loads_it() -> None:
    code = (
        "import twofold as tf, sys\n"
        "from twofold.ir import bind\n"
        "from twofold.ir.parser import parse\n"
        "from twofold.ir.op import OPS\n"
        "graph = parse('graph f(%x: f32[]) { %y = multiply(%x, %x) return %y }')\n"
        "x = tf.constant(3.0)\n"
        "with tf.GradientTape() as tape:\n"
        "    tape.watch(x)\n"
        "    (y,) = bind.run(bind.Call(OPS['call'], (x.value,), {}, (graph,)))\n"
        "assert 'twofold.compiler' in sys.modules\n"
        "print(tape.gradient(bind.ground().tensor(y), x).item())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "6.0\n"


@pytest.mark.parametrize("mode", ["eager", "arrays", "native"])
def test_variables_are_read_and_assigned(mode: str) -> None:
    v, x = tf.Variable([2.0, 3.0]), tf.constant([5.0, 7.0])

    def work(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            z = call(STEP, v, x)
        return z, tape.gradient(z, [x, v])

    run = work if mode == "eager" else tf.function(work, jit_compile=mode == "native")
    z, (by_x, by_v) = run(x)
    assert z.numpy().tolist() == [20.0, 63.0]
    assert by_x.numpy().tolist() == [4.0, 9.0]
    assert by_v.numpy().tolist() == [20.0, 42.0]
    assert v.numpy().tolist() == [10.0, 21.0]


def test_an_output_is_a_value_of_its_own() -> None:
    graph = parse("graph f(%v: ref f32[2], %x: f32[2]) { %r = read(%v) return %x, %x, %r }")
    v, x = tf.Variable([1.0, 2.0]), tf.constant([3.0, 4.0])
    outs = bind.run(Call(OPS["call"], (v, x.value), {}, (graph,)))
    assert len({id(o) for o in [*outs, x.value, v.array]}) == 5
    assert [o.tolist() for o in outs] == [[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]


@pytest.mark.parametrize("run", [call, orders, inside(False)], ids=["call", "tape", "compiled"])
@pytest.mark.parametrize(("text", "given", "error", "message"), [
    ("%x: f32[n]", [tf.ones((2, 2))], ShapeError, r"%x is f32\[n\], not f32"),
    ("%x: f32[3]", [tf.ones((2,))], ShapeError, r"%x is f32\[3\], not f32"),
    ("%x: f32[n,2*n]", [tf.ones((2, 5))], ShapeError, r"%x is f32\[n,2\*n\], not f32"),
    ("%x: f64[n]", [tf.ones((2,))], DTypeError, r"%x is f64\[n\], not f32"),
    ("%x: f32[n], %y: f32[n]", [tf.ones((2,))], ArgumentError, "takes 2 inputs, 1 given"),
])  # fmt: skip
def test_what_a_graph_does_not_take_is_refused(
    run: Any, text: str, given: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(parse(f"graph f({text}) {{ return %x }}"), *given)


@pytest.mark.parametrize("taped", [False, True])
@pytest.mark.parametrize("traced", [False, True])
def test_a_tensor_is_no_variable(taped: bool, traced: bool) -> None:
    def refused(x: Any) -> Any:
        with tf.GradientTape() if taped else nullcontext():
            return call(STEP, tf.ones((2,)), x)

    run = tf.function(refused) if traced else refused
    with pytest.raises(DTypeError, match=r"%v is ref f32\[2\], not f32\[2\]"):
        run(tf.ones((2,)))


def test_control_flow_runs_eagerly_for_the_sizes_of_each_trip() -> None:
    graph = parse("""graph f(%i: i32[], %x: f32[n]) {
      %k: i32[], %y: f32[m] = while(%i, %x) {carried=2}
        region test(%i: i32[], %s: f32[m]) {
          %zero = constant() {value=i32[] [0]}
          %t = greater(%i, %zero)
          return %t
        }
        region body(%i: i32[], %s: f32[m]) {
          %one = constant() {value=i32[] [1]}
          %j = subtract(%i, %one)
          %u = concat(%s, %s) {axis=0}
          return %j, %u
        }
      return %y
    }""")
    y = call(graph, tf.constant(2), tf.constant([1.0, 3.0]))
    assert y.numpy().tolist() == [1.0, 3.0] * 4
    (loop,) = graph.nodes
    values = (tf.constant(1).value, tf.constant([5.0]).value)
    outs = bind.run(Call(loop.op, values, loop.attrs, loop.regions))
    assert [out.tolist() for out in outs] == [0, [5.0, 5.0]]


def test_what_a_variable_had_before_is_a_value_of_its_own() -> None:
    graph = parse("graph f(%v: ref f32[]) { %r = read(%v) %s = sin(%r) assign(%v, %s) return %r }")
    v = tf.Variable(0.5)
    with tf.GradientTape() as tape:
        y = call(graph, v)
    assert tape.gradient(y, v).item() == 1.0


def test_a_region_that_is_given_stays_what_it_was() -> None:
    (loop,) = parse("""graph f(%x: f32[n], %w: f32[3]) {
      %y: f32[o] = while(%x, %w) {carried=1}
        region test(%s: f32[m], %w: f32[3]) {
          %t = sum(%s) {axis=(0,), keepdims=False}
          %c = constant() {value=f32[] [9.0]}
          %b = less(%t, %c)
          return %b
        }
        region body(%s: f32[m], %w: f32[3]) {
          %t = sum(%s) {axis=(0,), keepdims=False}
          %u = add(%w, %t)
          return %u
        }
      return %y
    }""").nodes
    before = [str(region) for region in loop.regions]

    @tf.function(jit_compile=False)
    def run(x: Any, w: Any) -> Any:
        ground = bind.ground()
        values = (ground.value(x), ground.value(w))
        return ground.tensor(bind.run(Call(loop.op, values, loop.attrs, loop.regions))[0])

    for x in (tf.ones((3,)), tf.ones((4,)), tf.ones((3,))):
        assert run(x, tf.ones((3,))).numpy().tolist() == [1.0 + len(x)] * 3
        assert [str(region) for region in loop.regions] == before
