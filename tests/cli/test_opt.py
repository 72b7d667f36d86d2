"""``twofold opt``: passes on graphs that are given as text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.scripts import twofold, write

from twofold.compiler import pipeline
from twofold.compiler.passes.driver import graph_pass
from twofold.compiler.pipeline import PASSES
from twofold.ir.equality import difference
from twofold.ir.graph import Graph
from twofold.ir.parser import parse_all
from twofold.ir.rebuild import rebuild

TEXT = """
# two graphs
graph f(%x: f32[n], %w: f32[n]) {
  %a = negative(%x)
  %b = negative(%a)
  %c = add(%b, %w)  @ model.py:3:4
  %d = exp(%c)
  return %c
}
graph g(%x: f32[]) { %y = tanh(%x) %z = tanh(%x) %r = add(%y, %z) return %r }
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    return write(tmp_path, TEXT, "two.ir")


def ok(*args: str, stdin: str | None = None) -> Any:
    done = twofold("opt", *args, stdin=stdin)
    assert done.exit_code == 0, done.output
    return done


def test_the_passes_that_are_named_run_in_order(file: str) -> None:
    out = ok(file, "--passes", "simplify,cse,dce", "--verify").stdout
    assert out == (
        "graph f(%x: f32[n], %w: f32[n]) {\n"
        "  %c: f32[n] = add(%x, %w)                                                @ model.py:3:4\n"
        "  return %c\n"
        "}\n"
        "\n"
        "graph g(%x: f32[]) {\n"
        "  %y: f32[] = tanh(%x)\n"
        "  %r: f32[] = add(%y, %y)\n"
        "  return %r\n"
        "}\n"
    )


def test_without_names_the_compilers_passes_run(file: str) -> None:
    graphs = parse_all(ok(file).stdout)
    for graph, source in zip(graphs, parse_all(TEXT), strict=True):
        assert difference(graph, pipeline.run(source)) == ""


def test_one_run_can_follow_another(file: str) -> None:
    early = ok(file, "--after", "dce").stdout
    assert ok("-", "--passes", "fuse,schedule", stdin=early).stdout == ok(file).stdout


def test_options_change_what_a_pass_does(file: str) -> None:
    joined = ok(file, "--passes", "fuse", "--no-locations").stdout
    apart = ok(file, "--passes", "fuse{max_ops=1}", "--no-locations").stdout
    assert joined.count("fused(") == 2
    assert apart.count("fused(") == 7
    assert "@" not in joined + apart


def test_no_pass_at_all_prints_what_was_read(file: str) -> None:
    for graph, source in zip(parse_all(ok(file, "--passes", "").stdout), parse_all(TEXT),
                             strict=True):  # fmt: skip
        assert difference(graph, source) == ""


def test_times_come_on_standard_error_with_the_nodes(file: str) -> None:
    done = ok(file, "--passes", "simplify,dce", "--time")
    assert done.stdout == ok(file, "--passes", "simplify,dce").stdout
    rows = [line.split() for line in done.stderr.splitlines()]
    assert rows[0] == ["graph", "pass", "time", "nodes", "before", "nodes", "after"]
    found = [(r[0], r[1], *map(int, r[-2:])) for r in rows[1:-1]]
    assert found == [("f", "simplify", 4, 3), ("f", "dce", 3, 1),
                     ("g", "simplify", 3, 3), ("g", "dce", 3, 3)]  # fmt: skip
    assert rows[-1][:2] == ["all", "passes"]


def test_json_has_text_and_steps(file: str) -> None:
    report = json.loads(ok(file, "--passes", "dce,fuse{max_ops=2}", "--json").stdout)
    assert [g["name"] for g in report["graphs"]] == ["f", "g"]
    (first, second) = report["graphs"][0]["passes"]
    assert (first["pass"], first["nodes_before"], first["nodes_after"]) == ("dce", 4, 3)
    assert second["pass"] == "fuse{max_ops=2}"
    assert first["seconds"] >= 0
    assert len(parse_all("".join(g["text"] for g in report["graphs"]))) == 2


def test_a_file_can_be_written(file: str, tmp_path: Path) -> None:
    done = ok(file, "--passes", "dce", "-o", str(tmp_path / "out.ir"))
    assert done.stdout == ""
    assert (tmp_path / "out.ir").read_text() == ok(file, "--passes", "dce").stdout


def test_the_list_says_what_each_pass_does_and_takes() -> None:
    out = ok("--list").stdout
    for each in PASSES:
        assert re.search(rf"^{each.name} +{re.escape(each.summary)}$", out, re.MULTILINE)
        for option in each.options.values():
            assert f"{option}: {option.about}" in out
    listed = json.loads(ok("--list", "--json").stdout)["passes"]
    assert [p["pass"] for p in listed] == [p.name for p in PASSES]
    fuse = next(p for p in listed if p["pass"] == "fuse")
    assert fuse["options"] == {"max_ops": {"type": "int", "default": 96}}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--passes", "fold,simplfy"), "there is no pass simplfy; did you mean simplify?"),
        (("--passes", "fold,simplfy"), "  fold,simplfy\n       ^"),
        (("--passes", "quite_other"), "the passes are inline, forward, fold"),
        (("--passes", "fold cse"), "expected ','"),
        (("--passes", "fuse{max_op=3}"), "fuse has no option max_op; did you mean max_ops?"),
        (("--passes", "dce{x=3}"), "dce has no option x; its options: none"),
        (("--passes", "fuse{max_ops=True}"), "of type int, not True"),
        (("--passes", "simplify{exact=1}"), "of type bool, not 1"),
        (("--passes", "fuse{max_ops=3"), "expected ',' or '}'"),
        (("--passes", "fuse{max_ops=3, max_ops=3}"), "max_ops is given twice"),
        (("--after", "fus"), "there is no pass fus; did you mean fuse?"),
        (("--passes", "dce", "--after", "fuse"), "there is no pass fuse; the passes are dce"),
        (("-o", "/nowhere/at/all.ir"), "/nowhere/at/all.ir cannot be written"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_there(
    file: str, args: tuple[str, ...], message: str
) -> None:
    done = twofold("opt", file, *args)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_a_file_is_needed_unless_passes_are_listed() -> None:
    assert twofold("opt").exit_code == 2
    assert twofold("opt", "nowhere.ir").exit_code == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("graph f(%x: f32[]) {\n  %y = ad(%x)\n", "line 2, column 8: unknown op ad; did you mean"),
        ("graph f(%x: f32[]) {\n  %y = ad(%x)\n", "  %y = ad(%x)\n         ^"),
        ("graph f() { return } graph g(", "line 1, column 30"),
        ("# nothing\n", "there is no graph in the text"),
        ("kernel k(x: f32) for (i: n) { }", "passes run on graphs"),
        ("graph f(%v: ref f32[]) { %a = read(%v) assign(%v, %a) %b = read(%v) return %b }",
         "is read after it was written"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_valid_graph_exits_with_1(text: str, message: str) -> None:
    done = twofold("opt", "-", stdin=text)
    assert done.exit_code == 1
    assert message in done.stderr
    assert done.stdout == ""


def test_bytes_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.ir").write_bytes(b"graph f() { return }\xff")
    done = twofold("opt", str(tmp_path / "bad.ir"))
    assert done.exit_code == 1
    assert "not UTF-8" in done.stderr


def test_a_pass_that_breaks_an_invariant_is_named(
    file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @graph_pass()
    def swap(graph: Graph) -> Graph:
        """Return the nodes in the wrong order."""
        out = rebuild(graph)
        out.nodes.reverse()
        return out

    monkeypatch.setattr("twofold.cli.opt.PASSES", [*PASSES, swap])
    done = twofold("opt", file, "--passes", "dce,swap", "--verify")
    assert done.exit_code == 1
    assert "is used before it is defined (after the pass swap)" in done.stderr
