"""``twofold dump``: the stages of a function, the same on every run."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.scripts import FAILING, TRAIN, twofold, write

from twofold.cli.dot import dot_text
from twofold.cli.page import html_page
from twofold.cli.stages import Stage, stage_names
from twofold.compiler.kernel.parse import parse_kernels
from twofold.compiler.pipeline import PASSES
from twofold.ir.parser import parse


@pytest.fixture
def train(tmp_path: Path) -> str:
    return write(tmp_path, TRAIN)


def test_the_text_is_a_graph_and_the_scripts_output_is_aside(train: str) -> None:
    done = twofold("dump", f"{train}:Model.call", "--after", "trace")
    assert done.exit_code == 0, done.output
    graph = parse(done.stdout)
    assert [node.op.name for node in graph.nodes] == ["constant", "add"]
    assert "inside" in done.stderr


def test_the_script_stops_at_the_first_call(train: str) -> None:
    done = twofold("dump", f"{train}:step")
    assert done.exit_code == 0
    assert "state" not in done.stderr


def test_a_function_is_found_inside_of_another(train: str) -> None:
    assert "graph double(" in twofold("dump", f"{train}:double").stdout


def test_all_stages_come_in_the_order_of_the_pipeline(train: str) -> None:
    done = twofold("dump", f"{train}:step", "--all")
    titles = [line[2:] for line in done.stdout.splitlines() if line.startswith("# ")]
    assert titles[: len(PASSES) + 1] == ["after trace"] + [f"after {p.name}" for p in PASSES]
    assert titles[len(PASSES) + 1].startswith("kernel ")


def test_two_dumps_are_equal(train: str) -> None:
    first, second = (twofold("dump", f"{train}:step", "--all").stdout for _ in range(2))
    assert first == second


def test_kernels_are_python(train: str) -> None:
    done = twofold("dump", f"{train}:step", "--kernels")
    compile(done.stdout, "kernels", "exec")
    assert "def " in done.stdout


@pytest.mark.parametrize(("form", "word"), [("--llvm", "define"), ("--asm", "ret")])
def test_machine_forms(train: str, form: str, word: str) -> None:
    done = twofold("dump", f"{train}:Model.call", form)
    assert done.exit_code == 0 and word in done.stdout


def test_loop_nests_can_be_read_back(train: str) -> None:
    done = twofold("dump", f"{train}:step", "--loops")
    assert done.exit_code == 0
    kernels = parse_kernels(done.stdout)
    assert kernels
    body = "".join(line for line in done.stdout.splitlines(True) if line[:1] not in "#\n")
    assert "".join(map(str, kernels)) == body


def test_an_input_signature_stands_for_a_call(train: str) -> None:
    done = twofold("dump", f"{train}:signed", "--no-locations", "--after", "trace")
    assert done.stdout.splitlines()[1].strip() == "%0: f32[n,m] = tanh(%x)"


def test_a_file_can_be_written(train: str, tmp_path: Path) -> None:
    out = tmp_path / "step.html"
    done = twofold("dump", f"{train}:step", "--html", "-o", str(out))
    assert done.exit_code == 0 and done.stdout == ""
    page = out.read_text(encoding="utf-8")
    for name in stage_names()[:-1]:
        assert f"<h2>{name}</h2>" in page
    assert "http" not in page and "<script" not in page


@pytest.mark.parametrize(
    ("target", "options", "status", "message"),
    [
        (":never", (), 2, "ended without a call of never"),
        (":nothing", (), 2, "it has: Model.call, double, never, signed, step"),
        ("", (), 2, "write FILE:FN"),
        (":step", ("--after", "melt"), 2, "'melt' is not one of trace, inline"),
    ],
)
def test_a_target_that_is_not_there_is_explained(
    train: str, target: str, options: tuple[str, ...], status: int, message: str
) -> None:
    done = twofold("dump", f"{train}{target}", *options)
    assert done.exit_code == status
    assert message in done.stderr


def test_a_script_that_fails_before_the_call_shows_its_traceback(tmp_path: Path) -> None:
    done = twofold("dump", write(tmp_path, "import twofold as tf\nnothing\n") + ":f")
    assert done.exit_code == 1
    assert "NameError" in done.stderr and "twofold/cli" not in done.stderr


def test_a_call_that_fails_when_it_runs_can_be_dumped(tmp_path: Path) -> None:
    done = twofold("dump", write(tmp_path, FAILING) + ":f", "--after", "trace")
    assert done.exit_code == 0 and "gather(" in done.stdout


GRAPH = "graph f(%x: f32[n]) { %y = exp(%x) %z = add(%y, %y) return %z, %x }"


def test_dot_has_a_box_for_each_node_and_an_edge_for_each_use() -> None:
    text = dot_text(parse(GRAPH))
    assert text.count("label=") == 5
    assert [line.strip() for line in text.splitlines() if "->" in line] == [
        "v0 -> v1", "v1 -> v2", "v2 -> out0", "v0 -> out1",
    ]  # fmt: skip


def test_dot_stops_at_its_limit() -> None:
    text = dot_text(parse(GRAPH), limit=1)
    assert "and 1 more nodes" in text and "more -> out0" in text


def test_the_page_marks_new_lines_and_escapes_text() -> None:
    stages = [Stage("a", "same\nx < 1  @ f.py:1:1"), Stage("b", "same\nx < 2  @ f.py:1:1")]
    page = html_page("t<", stages, [])
    assert "<mark>x &lt; 2" in page and "<mark>same" not in page and "<title>t&lt;</title>" in page
