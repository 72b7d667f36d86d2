"""cond, switch, while and scan as texts: what they give, and what the verifier refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twofold.compiler.arrays.reference import execute
from twofold.ir.errors import IRSyntaxError
from twofold.ir.parser import parse

F32 = np.float32

COND = """graph f(%p: bool[], %x: f32[n], %y: f32[n]) {
  %z: f32[n] = cond(%p, %x, %y)
    region then(%x: f32[n], %y: f32[n]) { return %x }
    region else_(%x: f32[n], %y: f32[n]) { %d = subtract(%x, %y) return %d }
  return %z
}"""

POWER = """graph power(%x: f32[n], %k: i32[]) {
  %zero = constant() {value=i32[] [0]}
  %i: i32[], %s: f32[n] = while(%zero, %x, %k) {carried=2}
    region test(%i: i32[], %s: f32[n], %k: i32[]) { %t = less(%i, %k) return %t }
    region body(%i: i32[], %s: f32[n], %k: i32[]) {
      %one = constant() {value=i32[] [1]}
      %j = add(%i, %one)
      %u = add(%s, %s)
      return %j, %u
    }
  return %s
}"""

RUNNING = """graph running(%c: f32[], %x: f32[n,3]) {
  %last: f32[], %sums: f32[n] = scan(%c, %x)
      {carried=1, sliced=1, length=<n>, reverse=False}
    region body(%c: f32[], %row: f32[3]) {
      %s = sum(%row) {axis=(0,), keepdims=False}
      %d = add(%c, %s)
      return %d, %d
    }
  return %last, %sums
}"""

SWITCH = """graph pick(%i: i32[], %x: f32[]) {
  %y: f32[] = switch(%i, %x)
    region a(%x: f32[]) { return %x }
    region b(%x: f32[]) { %y = negative(%x) return %y }
    region c(%x: f32[]) { %y = add(%x, %x) return %y }
  return %y
}"""


def run(text: str, *inputs: Any) -> list[Any]:
    return execute(parse(text), [np.asarray(x) for x in inputs])


@pytest.mark.parametrize("text", [COND, POWER, RUNNING, SWITCH])
def test_the_text_of_control_flow_is_read_back(text: str) -> None:
    graph = parse(text)
    assert str(parse(str(graph))) == str(graph)


def test_cond_runs_one_region() -> None:
    x, y = np.array([1, 2], F32), np.array([3, 5], F32)
    assert run(COND, np.True_, x, y)[0].tolist() == [1, 2]
    assert run(COND, np.False_, x, y)[0].tolist() == [-2, -3]


@pytest.mark.parametrize("trips", [0, 1, 5])
def test_while_carries_its_state(trips: int) -> None:
    (found,) = run(POWER, np.array([1, 3], F32), np.int32(trips))
    assert found.tolist() == [2**trips, 3 * 2**trips]


@pytest.mark.parametrize("rows", [0, 1, 4])
@pytest.mark.parametrize("reverse", [False, True])
def test_scan_stacks_what_it_makes(rows: int, reverse: bool) -> None:
    text = RUNNING.replace("reverse=False", f"reverse={reverse}")
    x = np.arange(rows * 3, dtype=F32).reshape(rows, 3)
    last, sums = run(text, F32(1), x)
    order = x[::-1] if reverse else x
    want = 1 + np.cumsum(order.sum(1, dtype=F32), dtype=F32)
    assert sums.dtype == F32
    assert sums.tolist() == (want[::-1] if reverse else want).tolist()
    assert float(last) == 1 + x.sum()


@pytest.mark.parametrize(("index", "want"), [(0, 3), (1, -3), (2, 6), (3, 6), (-1, 6)])
def test_switch_runs_the_region_at_the_index_or_the_last(index: int, want: float) -> None:
    assert float(run(SWITCH, np.int32(index), F32(3))[0]) == want


@pytest.mark.parametrize(
    ("text", "old", "new", "reason"),
    [
        (COND, "cond(%p,", "cond(%x,", "the first input of cond is bool"),
        (COND, "return %d", "return %d, %d", "the outputs of region else_"),
        (POWER, "return %j, %u", "return %u, %j", "the outputs of region body"),
        (POWER, "carried=2", "carried=7", "carried, from 0 to 3"),
        (POWER, "return %t }", "return %i }", "the outputs of region test"),
        (POWER, "return %j, %u", "%w = concat(%u, %u) {axis=0} return %j, %w", "as the state is"),
        (RUNNING, "sliced=1", "sliced=2", "sliced, from 0 to 1"),
        (RUNNING, "length=<n>", "length=3", "3 rows"),
        (SWITCH, "switch(%i,", "switch(%x,", "the first input of switch is i32"),
    ],
)
def test_regions_that_do_not_fit_are_refused_with_the_line(
    text: str, old: str, new: str, reason: str
) -> None:
    assert old in text
    with pytest.raises(IRSyntaxError, match=reason) as error:
        parse(text.replace(old, new))
    assert error.value.line > 1


FAIL = """graph f(%p: bool[], %x: f32[]) {
  %y: f32[] = cond(%p, %x)
    region bad(%x: f32[]) { fail() {args=("no", 3), kind="KeyError"} return %x }
    region fine(%x: f32[]) { return %x }
  return %y
}"""


def test_a_region_raises_the_exception_that_its_text_names() -> None:
    graph = parse(FAIL)
    assert str(parse(str(graph))) == str(graph)
    assert run(FAIL, np.False_, F32(2)) == [2.0]
    with pytest.raises(KeyError) as error:
        run(FAIL, np.True_, F32(2))
    assert error.value.args == ("no", 3)


@pytest.mark.parametrize("kind", ["Nothing", "print", "VerifyError", "KeyboardInterrupt"])
def test_a_text_names_no_other_exceptions(kind: str) -> None:
    with pytest.raises(IRSyntaxError, match="no exception"):
        parse(FAIL.replace("KeyError", kind))
