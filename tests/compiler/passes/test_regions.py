"""Each pass does in a region what it does in a graph: before and after, as goldens show them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from twofold.compiler.passes.driver import Pass
from twofold.compiler.pipeline import PASSES
from twofold.ir.op import op
from twofold.ir.parser import parse
from twofold.ir.registry import REGISTRY

HEAD = """graph f(%x: f32[n]) {
  %y: f32[n] = run_region(%x)
    region outer(%x: f32[n]) {
      %y: f32[n] = run_region(%x)
        region inner(%x: f32[n]) {
"""
TAIL = """        }
      return %y
    }
  return %y
}
"""
CASES = {
    "fold": (
        ["%c: f32[] = constant() {value=f32[] [2.0]}", "%d: f32[] = multiply(%c, %c)",
         "%y: f32[n] = add(%x, %d)", "return %y"],
        ["%c: f32[] = constant() {value=f32[] [2.0]}", "%d: f32[] = constant() {value=f32[] [4.0]}",
         "%y: f32[n] = add(%x, %d)", "return %y"],
    ),
    "simplify": (
        ["%a: f32[n] = negative(%x)", "%y: f32[n] = negative(%a)", "return %y"],
        ["%a: f32[n] = negative(%x)", "return %x"],
    ),
    "cse": (
        ["%a: f32[n] = exp(%x)", "%b: f32[n] = exp(%x)", "%y: f32[n] = add(%a, %b)", "return %y"],
        ["%a: f32[n] = exp(%x)", "%y: f32[n] = add(%a, %a)", "return %y"],
    ),
    "dce": (
        ["%a: f32[n] = exp(%x)", "%y: f32[n] = tanh(%x)", "return %y"],
        ["%y: f32[n] = tanh(%x)", "return %y"],
    ),
    "fuse": (
        ["%a: f32[n] = exp(%x)", "%y: f32[n] = tanh(%a)", "return %y"],
        ["%y: f32[n] = fused(%x) {dims=(<n>,), reduced=()}",
         "  region exp_tanh(%x: f32[n]) {",
         "    %a: f32[n] = exp(%x)",
         "    %y: f32[n] = tanh(%a)",
         "    return %y",
         "  }",
         "return %y"],
    ),
}  # fmt: skip


@pytest.fixture
def run_region() -> Iterator[None]:
    """A region op that runs its region once."""

    def no_rule(*args: Any) -> Any:
        raise AssertionError("the types are those of the region")

    @op("region", no_rule, promote="none", public=False)
    def run_region(*inputs: Any, regions: Any) -> Any:
        """Its region."""
        return regions[0](*inputs)

    yield
    REGISTRY.forget("run_region")


def nested(lines: list[str]) -> str:
    return HEAD + "".join(f"          {line}\n" for line in lines) + TAIL


@pytest.mark.usefixtures("run_region")
@pytest.mark.parametrize("each", [p for p in PASSES if p.name in CASES], ids=str)
def test_a_pass_works_in_regions_of_regions(each: Pass) -> None:
    before, after = map(nested, CASES[each.name])
    graph = parse(before)
    assert str(each(graph)) == after
    assert str(graph) == before
