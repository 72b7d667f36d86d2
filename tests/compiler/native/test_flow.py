"""Loops and branches over arrays: one program with jumps, and Python only where a step needs it."""

from __future__ import annotations

import signal
import threading
from typing import Any

import numpy as np
import pytest

from twofold.compiler.arrays.reference import execute, sizes_of
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import compile_graph
from twofold.compiler.planned import native_graphs, step_of
from twofold.ir.errors import IndexOutOfBoundsError
from twofold.ir.parser import parse
from twofold.ir.step import Kind

from .test_control import alarm

DECAY = """graph f(%n: i32[], %x: f32[m], %b: f32[m]) {
  %zero = constant() {value=i32[] [0]}
  %i: i32[], %s: f32[m] = while(%zero, %x, %n, %b) {carried=2}
    region test(%i: i32[], %s: f32[m], %n: i32[], %b: f32[m]) { %t = less(%i, %n) return %t }
    region body(%i: i32[], %s: f32[m], %n: i32[], %b: f32[m]) {
      %one = constant() {value=i32[] [1]}
      %h = constant() {value=f32[] [0.5]}
      %i1 = add(%i, %one)
      %y = multiply(%s, %h)
      %z = add(%y, %b)
      return %i1, %z
    }
  return %i, %s
}"""
SORTED = DECAY.replace("%z = add(%y, %b)", "%r = sort(%y) {axis=0} %q = flip(%r) {axis=(0,)} "
                       "%z = add(%q, %b)")  # fmt: skip

RNN = """graph rnn(%h: f64[4], %x: f64[n,4], %w: f64[4,4]) {
  %last: f64[4], %hs: f64[n,4], %rows: f64[n,4] = scan(%h, %x, %w)
      {carried=1, sliced=1, length=<n>, reverse=False}
    region body(%h: f64[4], %row: f64[4], %w: f64[4,4]) {
      %p = matmul(%h, %w) {transpose_a=False, transpose_b=False}
      %s = add(%p, %row)
      return %s, %s, %row
    }
  return %last, %hs, %rows
}"""

COND = """graph f(%p: bool[], %x: f32[n], %y: f32[n]) {
  %z: f32[n], %q: f32[n], %r: f32[n] = cond(%p, %x, %y)
    region then(%x: f32[n], %y: f32[n]) { return %x, %x, %y }
    region else_(%x: f32[n], %y: f32[n]) {
      %d = subtract(%x, %y)
      %e = sort(%d) {axis=0}
      return %e, %d, %d
    }
  %t = add(%z, %r)
  return %z, %q, %t
}"""

SWITCH = """graph pick(%i: i32[], %x: f32[n]) {
  %y: f32[n] = switch(%i, %x)
    region a(%x: f32[n]) { return %x }
    region b(%x: f32[n]) { %y = negative(%x) return %y }
    region c(%x: f32[n]) { %y = add(%x, %x) return %y }
  return %y
}"""

PLACES = """graph f(%n: i32[], %a: f32[m], %b: f32[m], %c: f32[m]) {
  %zero = constant() {value=i32[] [0]}
  %i: i32[], %x: f32[m], %y: f32[m], %z: f32[m] = while(%zero, %a, %b, %c, %n) {carried=4}
    region test(%i: i32[], %x: f32[m], %y: f32[m], %z: f32[m], %n: i32[]) {
      %t = less(%i, %n) return %t
    }
    region body(%i: i32[], %x: f32[m], %y: f32[m], %z: f32[m], %n: i32[]) {
      %one = constant() {value=i32[] [1]}
      %i1 = add(%i, %one)
      %s = add(%x, %y)
      return %i1, %y, %s, %z
    }
  return %x, %y, %z
}"""

ARRAYS_IN_LOOPS = """graph f(%n: i32[], %x: f32[m,3]) {
  %zero = constant() {value=i32[] [0]}
  %i: i32[], %s: f32[m,3], %u: f32[] = while(%zero, %x, %last, %n, %zero) {carried=3}
    region test(%i: i32[], %s: f32[m,3], %u: f32[], %n: i32[], %z: i32[]) {
      %t = less(%i, %n) return %t
    }
    region body(%i: i32[], %s: f32[m,3], %u: f32[], %n: i32[], %z: i32[]) {
      %one = constant() {value=i32[] [1]}
      %i1 = add(%i, %one)
      %k: i32[], %y: f32[m,3] = while(%z, %s, %i1) {carried=2}
        region test(%k: i32[], %y: f32[m,3], %n: i32[]) { %t = less(%k, %n) return %t }
        region body(%k: i32[], %y: f32[m,3], %n: i32[]) {
          %one = constant() {value=i32[] [1]}
          %k1 = add(%k, %one)
          %odd = bitwise_and(%k, %one)
          %p = equal(%odd, %one)
          %w: f32[m,3] = cond(%p, %y)
            region then(%y: f32[m,3]) { %q = negative(%y) return %q }
            region else_(%y: f32[m,3]) { return %y }
          return %k1, %w
        }
      %total = sum(%y) {axis=(0, 1), keepdims=False}
      %v = add(%total, %u)
      return %i1, %y, %v
    }
  return %i, %s, %u
}""".replace("graph f(%n: i32[], %x: f32[m,3]) {", "graph f(%n: i32[], %x: f32[m,3]) {\n"
             "  %last = constant() {value=f32[] [0.25]}")  # fmt: skip


def check(text: str, *inputs: Any) -> list[Any]:
    """Run a text natively and on array operations; every loop in it is part of the program."""
    graph, arrays = parse(text), [np.asarray(x) for x in inputs]
    executable = compile_graph(graph, NATIVE)
    nodes = [n for part in native_graphs(executable.graph) for n in part.nodes]
    assert all(step_of(n).kind is Kind.CONTROL for n in nodes if n.regions and not n.op.kernel)
    assert any(step_of(n).kind is Kind.CONTROL for n in nodes)
    run, before = executable.prepare(sizes_of(graph, arrays)), [a.copy() for a in arrays]
    wanted = execute(graph, arrays)
    for _ in range(2):
        found = run(arrays)
        for have, want in zip(found, wanted, strict=True):
            assert have.dtype == want.dtype
            np.testing.assert_array_equal(have, want)
    for array, same in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, same)
    return found


@pytest.mark.parametrize("size", [0, 1, 100])
@pytest.mark.parametrize("trips", [0, 1, 2, 7])
@pytest.mark.parametrize("text", [DECAY, SORTED])
def test_a_while_loop_over_arrays(text: str, trips: int, size: int) -> None:
    check(text, np.int32(trips), np.arange(size, dtype="f4"), np.ones(size, "f4"))


@pytest.mark.parametrize("rows", [0, 1, 2, 9])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_with_a_product(rows: int, reverse: bool) -> None:
    text = RNN.replace("reverse=False", f"reverse={reverse}")
    x = np.arange(rows * 4, dtype=float).reshape(rows, 4)
    check(text, np.ones(4), x, np.arange(16.0).reshape(4, 4) % 5)


@pytest.mark.parametrize("which", [True, False])
def test_a_branch_returns_inputs_results_and_what_python_made(which: bool) -> None:
    check(COND, np.bool_(which), np.float32([3, 1, 2]), np.ones(3, "f4"))


@pytest.mark.parametrize("index", [-7, -1, 0, 1, 2, 3])
def test_a_switch_over_arrays(index: int) -> None:
    check(SWITCH, np.int32(index), np.arange(5, dtype="f4"))


@pytest.mark.parametrize("trips", [0, 1, 2, 3])
def test_states_change_places_and_one_stays(trips: int) -> None:
    a, b, c = (np.float32([i, i + 1]) for i in range(3))
    check(PLACES, np.int32(trips), a, b, c)


@pytest.mark.parametrize("trips", [0, 1, 4])
def test_loops_and_branches_in_loops(trips: int) -> None:
    check(ARRAYS_IN_LOOPS, np.int32(trips), np.arange(12, dtype="f4").reshape(4, 3))


def test_an_error_in_a_loop_is_that_of_array_operations() -> None:
    text = DECAY.replace("%z = add(%y, %b)", "%g = gather(%b, %i) {axis=0} %z = add(%y, %g)")
    graph = parse(text)
    arrays = [np.asarray(np.int32(9)), np.ones(5, "f4"), np.ones(5, "f4")]
    run = compile_graph(graph, NATIVE).prepare({"m": 5})
    for way in (lambda: execute(graph, arrays), lambda: run(arrays)):
        with pytest.raises(IndexOutOfBoundsError, match="index 5 is out"):
            way()
    check(text, np.int32(5), *arrays[1:])


def test_eight_threads_run_one_program() -> None:
    graph = parse(SORTED)
    run = compile_graph(graph, NATIVE).prepare({"m": 50})
    b, failures = np.ones(50, "f4"), []

    def work(k: int) -> None:
        arrays = [np.asarray(np.int32(k)), np.arange(50, dtype="f4") * k, b]
        want = execute(graph, arrays)
        for _ in range(5):
            if any(not np.array_equal(x, y) for x, y in zip(run(arrays), want, strict=True)):
                failures.append(k)

    workers = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
@pytest.mark.parametrize("text", [DECAY, SORTED])
def test_a_program_that_never_ends_is_ended_by_a_signal(text: str) -> None:
    run = compile_graph(parse(text.replace("return %i1,", "return %i,")), NATIVE).prepare({"m": 9})
    arrays = [np.asarray(np.int32(1)), np.arange(9, dtype="f4"), np.ones(9, "f4")]

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), alarm(0.02, stop):
        run(arrays)
