"""Loops and branches as one kernel: the numbers of array operations, without Python in between."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from twofold.compiler.arrays.reference import execute, sizes_of
from twofold.compiler.kernel.parse import parse_kernel
from twofold.compiler.kernel.source import kernel_namespace
from twofold.compiler.native.target import NATIVE
from twofold.compiler.pipeline import compile_graph
from twofold.ir.dtypes import DTYPES
from twofold.ir.errors import TwofoldError
from twofold.ir.parser import parse

LOGISTIC = """graph f(%n: i32[], %x: f64[]) {
  %zero = constant() {value=i32[] [0]}
  %i: i32[], %s: f64[] = while(%zero, %x, %n) {carried=2}
    region test(%i: i32[], %s: f64[], %n: i32[]) { %t = less(%i, %n) return %t }
    region body(%i: i32[], %s: f64[], %n: i32[]) {
      %one = constant() {value=i32[] [1]}
      %r = constant() {value=f64[] [3.9]}
      %u = constant() {value=f64[] [1.0]}
      %j = add(%i, %one)
      %a = subtract(%u, %s)
      %b = multiply(%r, %s)
      %c = multiply(%b, %a)
      return %j, %c
    }
  return %i, %s
}"""

SWAP = """graph f(%n: i64[], %a: f32[2], %b: f32[2]) {
  %z = constant() {value=i64[] [0]}
  %i: i64[], %x: f32[2], %y: f32[2] = while(%z, %a, %b, %n) {carried=3}
    region test(%i: i64[], %x: f32[2], %y: f32[2], %n: i64[]) { %t = less(%i, %n) return %t }
    region body(%i: i64[], %x: f32[2], %y: f32[2], %n: i64[]) {
      %one = constant() {value=i64[] [1]}
      %j = add(%i, %one)
      return %j, %y, %x
    }
  return %x, %y
}"""

COLLATZ = """graph f(%n: i64[]) {
  %zero = constant() {value=i64[] [0]}
  %one = constant() {value=i64[] [1]}
  %c: i64[], %m: i64[] = while(%zero, %n, %one) {carried=2}
    region test(%c: i64[], %m: i64[], %one: i64[]) { %t = not_equal(%m, %one) return %t }
    region body(%c: i64[], %m: i64[], %one: i64[]) {
      %d = add(%c, %one)
      %bit = bitwise_and(%m, %one)
      %odd = equal(%bit, %one)
      %next: i64[] = cond(%odd, %m, %one)
        region up(%m: i64[], %one: i64[]) {
          %three = constant() {value=i64[] [3]}
          %a = multiply(%m, %three)
          %b = add(%a, %one)
          return %b
        }
        region down(%m: i64[], %one: i64[]) {
          %a = bitwise_right_shift(%m, %one)
          return %a
        }
      return %d, %next
    }
  return %c
}"""

NESTED = """graph f(%n: i32[], %x: f32[3]) {
  %z = constant() {value=i32[] [0]}
  %i: i32[], %s: f32[3] = while(%z, %x, %n, %z) {carried=2}
    region test(%i: i32[], %s: f32[3], %n: i32[], %z: i32[]) { %t = less(%i, %n) return %t }
    region body(%i: i32[], %s: f32[3], %n: i32[], %z: i32[]) {
      %one = constant() {value=i32[] [1]}
      %i.1 = add(%i, %one)
      %k: i32[], %y: f32[3] = while(%z, %s, %i, %one) {carried=2}
        region test(%k: i32[], %y: f32[3], %i: i32[], %one: i32[]) { %t = less(%k, %i) return %t }
        region body(%k: i32[], %y: f32[3], %i: i32[], %one: i32[]) {
          %k.1 = add(%k, %one)
          %flipped = flip(%y) {axis=(0,)}
          %sum = sum(%y) {axis=(0,), keepdims=True}
          %mean = tanh(%sum)
          %half = multiply(%flipped, %mean)
          return %k.1, %half
        }
      return %i.1, %y
    }
  return %s
}"""

SWITCH = """graph f(%i: i32[], %x: f32[]) {
  %y: f32[], %p: bool[] = switch(%i, %x)
    region a(%x: f32[]) { %t = constant() {value=bool[] [True]} return %x, %t }
    region b(%x: f32[]) { %y = negative(%x) %t = less(%x, %y) return %y, %t }
    region c(%x: f32[]) { %y = exp(%x) %t = isnan(%y) return %y, %t }
  return %y, %p
}"""

RUNNING = """graph f(%c: f64[], %x: f64[n,3], %w: f64[3]) {
  %last: f64[], %sums: f64[n], %pairs: f64[n,2] = scan(%c, %x, %w)
      {carried=1, sliced=1, length=<n>, reverse=False}
    region body(%c: f64[], %row: f64[3], %w: f64[3]) {
      %p = multiply(%row, %w)
      %s = sum(%p) {axis=(0,), keepdims=False}
      %d = add(%c, %s)
      %q = stack(%c, %d) {axis=0}
      return %d, %d, %q
    }
  return %last, %sums, %pairs
}"""


def compiled(text: str) -> Any:
    return compile_graph(parse(text), NATIVE)


def check(text: str, *inputs: Any) -> list[Any]:
    """Run a text natively, as one kernel, and on array operations; the same bits."""
    graph, arrays = parse(text), [np.asarray(x) for x in inputs]
    executable = compiled(text)
    assert [n.op.name for n in executable.graph.nodes if n.op.name != "constant"] == ["fused"]
    found = executable.prepare(sizes_of(graph, arrays))(arrays)
    wanted = execute(graph, arrays)
    for have, want in zip(found, wanted, strict=True):
        assert have.dtype == want.dtype
        np.testing.assert_array_equal(have, want)
    (made,) = executable.kernels
    assert parse_kernel(str(made.kernel)) == made.kernel
    given = {v.name: array for v, array in zip(graph.inputs, arrays, strict=True)}
    _check_python(made, given, wanted)
    return found


def _check_python(made: Any, given: dict[str, Any], wanted: list[Any]) -> None:
    """The readable form of the kernel gives the same."""
    kernel, space = made.kernel, dict(kernel_namespace())
    exec(made.python, space)
    inputs = [given[b.name].ravel() for b in kernel.buffers if not b.out]
    outs = [np.empty(b.size, b.dtype) for b in wanted]
    sizes = [len(given["x"])] if kernel.symbols() else []  # n or m
    if len(inputs) + len(outs) == len(kernel.buffers):  # else an output is not returned
        with np.errstate(all="ignore"):
            space[made.name](*inputs, *outs, *sizes)
        for out, want in zip(outs, wanted, strict=True):
            np.testing.assert_array_equal(out, want.ravel())


@pytest.mark.parametrize("steps", [0, 1, 2, 1000])
def test_a_chaotic_map_has_the_same_bits(steps: int) -> None:
    check(LOGISTIC, np.int32(steps), 0.3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_rounded_after_each_op(dtype: str) -> None:
    short = {"float16": "f16", "bfloat16": "bf16"}[dtype]
    text = LOGISTIC.replace("f64", short)
    own = DTYPES[short]
    check(text, np.int32(50), np.asarray(0.3, own))
    cast = text.replace("%c = multiply(%b, %a)", "%d = cast(%j) {dtype=DT} %c = add(%b, %d)")
    check(cast.replace("DT", short), np.int32(5), np.asarray(0.3, own))


@pytest.mark.parametrize("trips", [0, 1, 2, 5])
def test_state_may_change_places(trips: int) -> None:
    x, y = check(SWAP, np.int64(trips), np.float32([1, 2]), np.float32([3, 4]))
    assert (x.tolist() == [1, 2]) is (trips % 2 == 0)
    assert (y.tolist() == [3, 4]) is (trips % 2 == 0)


def test_a_branch_in_a_loop() -> None:
    assert int(check(COLLATZ, np.int64(27))[0]) == 111


@pytest.mark.parametrize("trips", [0, 1, 4])
def test_loops_in_loops_over_small_arrays(trips: int) -> None:
    executable = compiled(NESTED)
    arrays = [np.asarray(np.int32(trips)), np.float32([0.5, -0.25, 2.0])]
    (found,) = executable.prepare({})(arrays)
    (want,) = execute(parse(NESTED), arrays)
    np.testing.assert_allclose(found, want, rtol=1e-6)  # tanh is the vector mathematics'


@pytest.mark.parametrize("index", [-1, 0, 1, 2, 3])
def test_a_switch_takes_one_region_or_the_last(index: int) -> None:
    check(SWITCH, np.int32(index), np.float32(0))


@pytest.mark.parametrize("rows", [0, 1, 5])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_reads_rows_and_stacks_rows(rows: int, reverse: bool) -> None:
    text = RUNNING.replace("reverse=False", f"reverse={reverse}")
    x = np.arange(rows * 3, dtype=float).reshape(rows, 3)
    check(text, 0.5, x, np.array([1.0, -2.0, 0.25]))


READS = """graph f(%n: i32[], %x: f64[m,3], %d: i64[], %p: i32[]) {
  %zero = constant() {value=i32[] [0]}
  %k = constant() {value=i64[] [-5]}
  %i: i32[], %s: f64[3], %q: i64[] = while(%zero, %first, %k, %n, %x, %d, %p) {carried=3}
    region test(%i: i32[], %s: f64[3], %q: i64[], %n: i32[], %x: f64[m,3], %d: i64[], %p: i32[]) {
      %t = less(%i, %n) return %t
    }
    region body(%i: i32[], %s: f64[3], %q: i64[], %n: i32[], %x: f64[m,3], %d: i64[], %p: i32[]) {
      %one = constant() {value=i32[] [1]}
      %j = add(%i, %one)
      %back = negative(%j)
      %row = gather(%x, %back) {axis=0}
      %column = gather(%x, %p) {axis=1}
      %y = gather(%column, %i) {axis=0}
      %z = gather(%s, %p) {axis=0}
      %a = add(%row, %y)
      %b = add(%a, %z)
      %c = add(%s, %b)
      %u = floor_divide(%q, %d)
      %v = remainder(%q, %d)
      %eleven = constant() {value=i64[] [11]}
      %w = multiply(%u, %eleven)
      %r = add(%w, %v)
      return %j, %c, %r
    }
  return %i, %s, %q
}""".replace("  %zero = constant()", "  %first = constant() {value=f64[3] [1.0, 2.0, 4.0]}\n"
             "  %zero = constant()", 1)  # fmt: skip


@pytest.mark.parametrize("divisor", [7, -3, -1, 2])
@pytest.mark.parametrize("position", [0, 2, -1, -3])
def test_elements_at_computed_positions_and_integer_division(divisor: int, position: int) -> None:
    x = np.arange(12, dtype=float).reshape(4, 3)
    check(READS, np.int32(4), x, np.int64(divisor), np.int32(position))


@pytest.mark.parametrize(
    ("trips", "divisor", "position", "error"),
    [
        (5, 2, 1, "index -5 is out of bounds for axis 0 with size 4"),
        (2, 2, 3, "index 3 is out of bounds for axis 1 with size 3"),
        (1, 0, 1, "integer division by zero"),
    ],
)
def test_what_array_operations_raise_is_raised(
    trips: int, divisor: int, position: int, error: str
) -> None:
    x = np.arange(12, dtype=float).reshape(4, 3)
    arrays = [np.asarray(np.int32(trips)), x, np.asarray(np.int64(divisor))]
    arrays.append(np.asarray(np.int32(position)))
    run = compiled(READS).prepare({"m": 4})
    for way in (lambda: execute(parse(READS), arrays), lambda: run(arrays)):
        with pytest.raises(TwofoldError, match=error):
            way()


@pytest.mark.parametrize("dtype", ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"])
def test_division_at_the_ends_of_each_integer_dtype(dtype: str) -> None:
    text = f"""graph f(%p: bool[], %x: {dtype}[6], %y: {dtype}[6]) {{
      %q: {dtype}[6], %r: {dtype}[6] = cond(%p, %x, %y)
        region then(%x: {dtype}[6], %y: {dtype}[6]) {{
          %q = floor_divide(%x, %y) %r = remainder(%x, %y) return %q, %r
        }}
        region else_(%x: {dtype}[6], %y: {dtype}[6]) {{ return %x, %y }}
      return %q, %r
    }}"""
    own = DTYPES[dtype]
    low, high = np.iinfo(own).min, np.iinfo(own).max
    minus = np.array(-1, np.int64).astype(own)
    x = np.array([low, low, high, high, 7, 0], own)
    y = np.array([minus, 3, minus, low or 3, minus, high], own)
    with np.errstate(all="ignore"):
        check(text, np.True_, x, y)
        known = "%c = constant() {value=DT[6] [1, 2, 4, 64, 3, 16]} ".replace("DT", dtype)
        text = text.replace("%q = floor", known + "%q = floor").replace(
            "(%x, %y) %r", "(%x, %c) %r"
        )
        check(text.replace("remainder(%x, %y)", "remainder(%x, %c)"), np.True_, x, y)


@contextmanager
def alarm(seconds: float, handler: Any) -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
def test_a_loop_that_never_ends_is_ended_by_a_signal() -> None:
    executable = compiled(LOGISTIC.replace("return %j, %c", "return %i, %c"))
    run, arrays = executable.prepare({}), [np.asarray(np.int32(1)), np.asarray(0.3)]

    def stop(*_: Any) -> None:
        nested = compiled(LOGISTIC).prepare({})([np.asarray(np.int32(3)), np.asarray(0.3)])
        raise KeyboardInterrupt(float(nested[1]))

    for _ in range(2):  # nothing is left over from the first time
        with pytest.raises(KeyboardInterrupt, match=r"0\.\d+"), alarm(0.05, stop):
            run(arrays)
    check(LOGISTIC, np.int32(7), 0.3)
