"""Programs with control flow twice: as the text of a graph, and as Python on eager tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import twofold as tf
from twofold.ir import bind
from twofold.ir.bind import Call
from twofold.ir.evaluate import evaluate
from twofold.ir.graph import Graph
from twofold.ir.op import OPS
from twofold.ir.parser import parse

__all__ = ["PROGRAMS", "Program", "called", "each_node"]

RNG = np.random.default_rng(5)


class Program(NamedTuple):
    """A graph, the same in Python, the floating inputs, and the others for which it is run."""

    text: str
    python: Callable[..., Any]
    sizes: tuple[tuple[int, ...], ...]
    others: tuple[Any, ...]

    @property
    def graph(self) -> Graph:
        return parse(self.text)

    def inputs(self) -> list[Any]:
        rng = np.random.default_rng(7)
        return [tf.constant(rng.uniform(0.4, 1.4, size)) for size in self.sizes]


def called(graph: Graph, *args: Any) -> Any:
    """The outputs of a graph, run as one call."""
    ground = bind.ground()
    inputs = tuple([a if isinstance(a, tf.Variable) else ground.value(a) for a in args])
    outs = bind.run(Call(OPS["call"], inputs, {}, (graph,)))
    return [ground.tensor(out) for out in outs]


def each_node(graph: Graph, *args: Any) -> Any:
    """The outputs of a graph, each of its nodes run as a call of its own."""
    ground = bind.ground()
    inputs = [a if isinstance(a, tf.Variable) else ground.value(a) for a in args]

    def run(node: Any, values: list[Any], regions: Any) -> Any:
        attrs = {k: bind.type_of(values[1]).shape[0] if k == "length" else v
                 for k, v in node.attrs.items()}  # fmt: skip
        return bind.run(Call(node.op, tuple(values), attrs, node.regions))

    return [ground.tensor(out) for out in evaluate(graph, inputs, run)]


def _cond(x: Any, y: Any, p: Any) -> Any:
    if p:
        return [tf.exp(x) * x, tf.sum(tf.exp(x) * x)]
    return [x * tf.log(y), tf.sum(tf.log(y))]


COND = """graph f(%x: f64[n], %y: f64[n], %p: bool[]) {
  %z: f64[n], %q: f64[] = cond(%p, %x, %y)
    region then(%x: f64[n], %y: f64[n]) {
      %e = exp(%x)
      %f = multiply(%e, %x)
      %s = sum(%f) {axis=(0,), keepdims=False}
      return %f, %s
    }
    region else_(%x: f64[n], %y: f64[n]) {
      %d = log(%y)
      %e = multiply(%x, %d)
      %s = sum(%d) {axis=(0,), keepdims=False}
      return %e, %s
    }
  return %z, %q
}"""


def _switch(x: Any, y: Any, i: Any) -> Any:
    return [[x, x * y, tf.sin(y) + x][i]]


SWITCH = """graph f(%x: f64[], %y: f64[], %i: i32[]) {
  %z: f64[] = switch(%i, %x, %y)
    region a(%x: f64[], %y: f64[]) { return %x }
    region b(%x: f64[], %y: f64[]) { %z = multiply(%x, %y) return %z }
    region c(%x: f64[], %y: f64[]) { %s = sin(%y) %z = add(%s, %x) return %z }
  return %z
}"""


def _power(x: Any, a: Any, k: Any) -> Any:
    for _ in range(int(k)):
        x = tf.sin(x) * a
    return [x]


POWER = """graph power(%x: f64[n], %a: f64[n], %k: i32[]) {
  %zero = constant() {value=i32[] [0]}
  %i: i32[], %s: f64[n] = while(%zero, %x, %k, %a) {carried=2}
    region test(%i: i32[], %s: f64[n], %k: i32[], %a: f64[n]) { %t = less(%i, %k) return %t }
    region body(%i: i32[], %s: f64[n], %k: i32[], %a: f64[n]) {
      %one = constant() {value=i32[] [1]}
      %j = add(%i, %one)
      %u = sin(%s)
      %v = multiply(%u, %a)
      return %j, %v
    }
  return %s
}"""


def _rnn(h: Any, w: Any, x: Any) -> Any:
    rows = []
    for t in range(x.shape[0]):
        h = tf.tanh(tf.matmul(h, tf.exp(w)) + x[t])
        rows.append(h * h)
    return [h, tf.stack(rows)]


RNN = """graph rnn(%h: f64[m], %w: f64[m,m], %x: f64[n,m]) {
  %last: f64[m], %ys: f64[n,m] = scan(%h, %x, %w) {carried=1, sliced=1, length=<n>, reverse=False}
    region body(%h: f64[m], %x: f64[m], %w: f64[m,m]) {
      %e = exp(%w)
      %a = matmul(%h, %e) {transpose_a=False, transpose_b=False}
      %b = add(%a, %x)
      %t = tanh(%b)
      %y = multiply(%t, %t)
      return %t, %y
    }
  return %last, %ys
}"""

BACKWARDS = RNN.replace("reverse=False", "reverse=True")


def _backwards(h: Any, w: Any, x: Any) -> Any:
    last, rows = _rnn(h, w, x[::-1])
    return [last, rows[::-1]]


def _collatz(x: Any, y: Any, k: Any) -> Any:
    n = int(k)
    while n > 1:
        if n % 2:
            x, n = x * tf.sin(y), 3 * n + 1
        else:
            x, n = x + y * y, n // 2
    return [x]


COLLATZ = """graph collatz(%x: f64[n], %y: f64[n], %k: i32[]) {
  %i: i32[], %s: f64[n] = while(%k, %x, %y) {carried=2}
    region test(%i: i32[], %s: f64[n], %y: f64[n]) {
      %one = constant() {value=i32[] [1]}
      %t = greater(%i, %one)
      return %t
    }
    region body(%i: i32[], %s: f64[n], %y: f64[n]) {
      %two = constant() {value=i32[] [2]}
      %one = constant() {value=i32[] [1]}
      %r = fmod(%i, %two)
      %odd = equal(%r, %one)
      %j: i32[], %u: f64[n] = cond(%odd, %i, %s, %y)
        region odd(%i: i32[], %s: f64[n], %y: f64[n]) {
          %a = sin(%y)
          %b = multiply(%s, %a)
          %three = constant() {value=i32[] [3]}
          %one = constant() {value=i32[] [1]}
          %k = multiply(%i, %three)
          %l = add(%k, %one)
          return %l, %b
        }
        region even(%i: i32[], %s: f64[n], %y: f64[n]) {
          %two = constant() {value=i32[] [2]}
          %a = multiply(%y, %y)
          %b = add(%s, %a)
          %l = floor_divide(%i, %two)
          return %l, %b
        }
      return %j, %u
    }
  return %s
}"""


def _nested(x: Any, a: Any, k: Any) -> Any:
    for trips in k.numpy():
        for _ in range(trips):
            x = tf.sin(x) * a
        x = x * x
    return [x]


NESTED = """graph nested(%x: f64[m], %a: f64[m], %k: i32[n]) {
  %s: f64[m] = scan(%x, %k, %a) {carried=1, sliced=1, length=<n>, reverse=False}
    region outer(%x: f64[m], %k: i32[], %a: f64[m]) {
      %zero = constant() {value=i32[] [0]}
      %i: i32[], %s: f64[m] = while(%zero, %x, %k, %a) {carried=2}
        region test(%i: i32[], %s: f64[m], %k: i32[], %a: f64[m]) {
          %t = less(%i, %k)
          return %t
        }
        region body(%i: i32[], %s: f64[m], %k: i32[], %a: f64[m]) {
          %one = constant() {value=i32[] [1]}
          %j = add(%i, %one)
          %u = sin(%s)
          %v = multiply(%u, %a)
          return %j, %v
        }
      %q = multiply(%s, %s)
      return %q
    }
  return %s
}"""


def _i32(*values: Any) -> tuple[Any, ...]:
    return tuple(tf.constant(np.array(v, np.int32)) for v in values)


PROGRAMS = {
    "cond": Program(COND, _cond, ((3,), (3,)), (tf.constant(True), tf.constant(False))),
    "switch": Program(SWITCH, _switch, ((), ()), _i32(0, 1, 2)),
    "while": Program(POWER, _power, ((3,), (3,)), _i32(0, 1, 4)),
    "scan": Program(
        RNN, _rnn, ((2,), (2, 2)), tuple(tf.constant(RNG.normal(size=(n, 2))) for n in (1, 4))
    ),
    "scan in reverse": Program(BACKWARDS, _backwards, ((2,), (2, 2)),
                               (tf.constant(RNG.normal(size=(3, 2))),)),
    "cond in while": Program(COLLATZ, _collatz, ((2,), (2,)), _i32(1, 6, 3)),
    "while in scan": Program(NESTED, _nested, ((2,), (2,)), _i32([2, 0, 3], [0], [1, 1])),
}  # fmt: skip
