"""The driver of passes: options, text, regions, checks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.compiler import config, pipeline
from twofold.compiler.passes.dce import dce
from twofold.compiler.passes.driver import Pass, graph_pass
from twofold.compiler.passes.fuse import fuse
from twofold.compiler.passes.text import read_passes, show_passes
from twofold.compiler.pipeline import PASSES, Applied, run
from twofold.ir.errors import ArgumentError, IRSyntaxError, VerifyError
from twofold.ir.graph import Graph
from twofold.ir.parser import parse
from twofold.ir.rebuild import rebuild

GRAPH = """graph f(%x: f32[n]) {
  %y: f32[n] = fused(%x) {dims=(<n>,)}
    region body(%a: f32[n]) {
      %b = negative(%a)
      %c = negative(%b)
      return %c
    }
  %z = tanh(%y)
  return %z
}
"""


def choices(each: Pass) -> st.SearchStrategy[Pass]:
    """The pass with options at random."""
    values = {
        o.name: st.booleans() if o.type is bool else st.integers(-3, 10**6)
        for o in each.options.values()
    }
    return st.fixed_dictionaries({}, optional=values).map(lambda v: each.having(**v))


@given(st.lists(st.sampled_from(PASSES).flatmap(choices), max_size=6))
def test_a_list_of_passes_survives_its_text(passes: list[Pass]) -> None:
    text = show_passes(passes)
    assert read_passes(text, PASSES) == passes
    assert show_passes(read_passes(text, PASSES)) == text


@given(st.text(alphabet='fold,cse{}=max_byts 123Tru"()#', max_size=30))
def test_any_text_is_a_list_of_passes_or_a_syntax_error(text: str) -> None:
    try:
        passes = read_passes(text, PASSES)
    except IRSyntaxError as error:
        assert error.line >= 1 and error.column >= 1
    else:
        assert read_passes(show_passes(passes), PASSES) == passes


@pytest.mark.parametrize("each", PASSES, ids=str)
def test_every_pass_and_every_option_is_documented(each: Pass) -> None:
    assert each.summary.endswith(".")
    for option in each.options.values():
        assert option.about, option.name
        assert type(option.default) is option.type


def test_options_are_checked_by_name_and_type() -> None:
    assert fuse.having(max_ops=3).values == {"max_ops": 3}
    assert fuse.having() == fuse != fuse.having(max_ops=3)
    assert str(fuse.having(max_ops=fuse.values["max_ops"])) == "fuse"
    with pytest.raises(ArgumentError, match="no option max_op; did you mean max_ops"):
        fuse.having(max_op=3)
    with pytest.raises(ArgumentError, match="type int, not '3'"):
        fuse.having(max_ops="3")


def test_a_pass_enters_kernels_only_if_it_says_so() -> None:
    seen: list[str] = []

    def look(graph: Graph) -> Graph:
        seen.append(graph.name)
        return rebuild(graph)

    for kernels, names in ((True, ["f", "body"]), (False, ["f"])):
        seen.clear()
        graph = parse(GRAPH)
        out = graph_pass(kernels=kernels)(look)(graph)
        assert seen == names
        assert out.nodes[0].regions[0] is not graph.nodes[0].regions[0]


def test_fusing_twice_changes_nothing_more() -> None:
    graph = parse("graph f(%x: f32[n]) { %y = exp(%x) %z = tanh(%y) return %z }")
    once = fuse(graph)
    assert [n.op.name for n in once.walk()] == ["fused", "exp", "tanh"]
    assert str(fuse(once)) == str(once)


@pytest.fixture
def unchecked() -> Iterator[None]:
    config.verify_passes(False)
    yield
    config.verify_passes(True)


@graph_pass()
def lose(graph: Graph) -> Graph:
    """Lose the first node."""
    out = rebuild(graph)
    del out.nodes[0]
    return out


def test_in_the_tests_every_pass_is_checked() -> None:
    assert config.passes_are_verified()
    with pytest.raises(VerifyError, match=r"after the pass lose\)"):
        lose(parse(GRAPH))


@pytest.mark.usefixtures("unchecked")
def test_run_checks_where_it_is_told_to() -> None:
    graph = parse("graph f(%x: f32[n]) { %y = exp(%x) return %y }")
    run(graph, [lose])
    with pytest.raises(VerifyError, match="after the pass lose"):
        run(graph, [lose], verify=True)


def test_run_stops_after_a_pass_and_tells_of_every_step() -> None:
    steps: list[Applied] = []
    graph = parse(GRAPH)
    out = run(graph, after="dce", time=steps.append)
    assert [s.name for s in steps] == [
        "inline",
        "forward",
        "fold",
        "simplify",
        "cse",
        "hoist",
        "dce",
    ]
    assert steps[-1].graph is out
    assert (steps[0].before, steps[3].after, steps[-1].after) == (4, 3, 2)
    assert all(s.seconds >= 0 for s in steps)
    assert str(graph) == str(parse(GRAPH))


def test_run_names_the_nearest_pass() -> None:
    with pytest.raises(ArgumentError, match="no pass shcedule; did you mean schedule"):
        run(parse(GRAPH), after="shcedule")
    with pytest.raises(ArgumentError, match="the passes are dce"):
        run(parse(GRAPH), [dce], after="fuse")


def test_the_pipeline_can_be_read_aloud() -> None:
    text = "[inline, forward, fold, simplify, cse, hoist, dce, scalarise, fuse, schedule]"
    assert str(pipeline.PASSES) == text


def test_a_plan_is_dropped_by_a_pass_that_changes_what_was_planned() -> None:
    products = """graph f(%x: f32[n,4], %w: f32[4,4]) {
      %0 = matmul(%x, %w)
      %1 = matmul(%x, %w)
      %2 = tanh(%0)
      %3 = add(%1, %2)
      return %3
    }"""
    for names in ("schedule,cse", "fuse,schedule,cse", "schedule,fuse", "schedule,dce"):
        out = run(parse(products), read_passes(names, PASSES))
        assert [node.step for node in out.walk()] == [None] * sum(1 for _ in out.walk()), names
    again = run(parse(products), read_passes("fuse,schedule,cse,schedule", PASSES))
    assert again.nodes[0].step is not None and again.nodes[1].step is not None
