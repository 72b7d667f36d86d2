"""The one loop that runs graphs, and region ops that say how they run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import twofold as tf
from twofold.compiler.arrays.reference import execute
from twofold.ir.errors import IntegerDivisionError
from twofold.ir.evaluate import Region, evaluate
from twofold.ir.graph import Node
from twofold.ir.op import op
from twofold.ir.parser import parse
from twofold.ir.registry import REGISTRY

TEXT = """graph f(%p: bool[], %x: f32[n]) {
  %y: f32[n] = either(%p, %x)
    region yes(%a: f32[n]) {
      %0 = exp(%a)
      return %0
    }
    region no(%a: f32[n]) {
      %0: f32[n] = so_often(%a) {times=3}
        region body(%a: f32[n]) {
          %0 = add(%a, %a)
          return %0
        }
      return %0
    }
  return %y
}
"""


def no_rule(*args: Any) -> Any:
    raise AssertionError("the types are those of the regions")


@pytest.fixture
def control() -> Iterator[None]:
    """Two region ops, which run one region of two, and a region many times."""

    @op("region", no_rule, promote="none", public=False,
        region_types=lambda node: [v.type for v in node.regions[0].outputs])  # fmt: skip
    def either(p: Any, *inputs: Any, regions: Any) -> Any:
        """One of two regions."""
        return regions[0 if bool(p) else 1](*inputs)

    @op("region", no_rule, promote="none", public=False,
        region_types=lambda node: [v.type for v in node.inputs])  # fmt: skip
    def so_often(*inputs: Any, regions: Any, times: int) -> Any:
        """A region so many times."""
        for _ in range(times):
            inputs = regions[0](*inputs)
        return inputs

    yield
    REGISTRY.forget("either")
    REGISTRY.forget("so_often")


@pytest.mark.usefixtures("control")
@pytest.mark.parametrize("p", [True, False])
def test_a_region_op_runs_as_its_record_says(p: bool) -> None:
    graph, x = parse(TEXT), np.array([1.0, 2.0], np.float32)
    (out,) = execute(graph, [np.array(p), x])
    np.testing.assert_array_equal(out, np.exp(x) if p else 8 * x)


@pytest.mark.usefixtures("control")
def test_the_same_loop_runs_on_tensors_under_a_tape() -> None:
    def run_node(node: Node, inputs: list[Any], regions: Sequence[Region]) -> Sequence[Any]:
        if regions:
            out: Sequence[Any] = node.op.body(*inputs, regions=regions, **node.attrs)
            return out
        return (node.op(*inputs, **node.attrs),)

    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        (y,) = evaluate(parse(TEXT), [tf.constant(False), x], run_node)
    assert tape.gradient(y, x).numpy().tolist() == [8.0, 8.0]


def test_an_error_has_the_line_of_the_innermost_node() -> None:
    graph = parse("""graph f(%x: i32[2]) {
      %y: i32[2] = fused(%x) {dims=(2,)}  @ outer.py:1:1
        region body(%x: i32[2]) {
          %y = floor_divide(%x, %x)  @ inner.py:7:3
          return %y
        }
      return %y
    }""")
    with pytest.raises(IntegerDivisionError, match="inner.py:7:3"):
        execute(graph, [np.array([0, 1], np.int32)])


def test_inputs_are_counted() -> None:
    graph = parse("graph f(%x: f32[]) { return %x }")
    with pytest.raises(ValueError, match="zip"):
        evaluate(graph, [], lambda node, inputs, regions: ())
