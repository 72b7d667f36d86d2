"""The worked examples of the pages on adding an op, a pass and a target do what those say."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import pages, sampling
from support.pages import DOCS, Block, blocks, check, update

import twofold as tf
from twofold.api import surface
from twofold.compiler.pipeline import PASSES
from twofold.ir.op import OPS
from twofold.ir.parser import parse
from twofold.ir.record import KINDS, fact_rows
from twofold.ir.registry import REGISTRY
from twofold.ir.verify import verify

from ..ops import test_compiled, test_gradients, test_registry
from ..test_golden import read_cases

SPACES = (tf, tf.math, tf.nn)


def as_part_of_the_project(block: Block, names: dict[str, Any]) -> None:
    """Run a block as the file that its title names; other blocks as the page's own code."""
    path = Path(block.title)
    if path.parts[:1] not in [("ir",), ("compiler",)]:
        pages.execute(block, names)
        return
    package = ".".join(("twofold", *path.parent.parts))
    space = {"__name__": f"{package}.{path.stem}", "__package__": package}
    exec(compile(block.text, block.title, "exec"), space)
    names.update({n: space[n] for n in space.get("__all__", ())})
    publish()


def publish() -> None:
    """Read the registry again, as a new process would."""
    surface.origins.cache_clear()
    for module in SPACES[1:]:
        importlib.reload(module)


@pytest.fixture
def forget() -> Iterator[Callable[[], None]]:
    """Forgets the ops that were declared in a test; the test's end does so, too."""
    before = set(REGISTRY)

    def act() -> None:
        for name in set(REGISTRY) - before:
            REGISTRY.forget(name)
            for module in SPACES:
                vars(module).pop(name, None)
        publish()

    yield act
    act()


@pytest.mark.parametrize("name", ["adding_an_op.md", "adding_a_pass.md", "adding_a_target.md"])
def test_the_page_runs(
    name: str, tmp_path: Path, forget: Callable[[], None], update_golden: bool
) -> None:
    if update_golden:
        update(DOCS / name, tmp_path, as_part_of_the_project)
        forget()
    check(DOCS / name, tmp_path, as_part_of_the_project)


def test_the_tests_of_all_ops_pass_for_the_new_one(forget: Callable[[], None]) -> None:
    for block in blocks(DOCS / "adding_an_op.md"):
        if block.title.startswith("ir/"):
            as_part_of_the_project(block, {})
    sech = OPS["sech"]
    test_registry.test_op_is_documented_and_has_a_sample(sech)
    test_compiled.test_compiled_elementwise_op_agrees_to_four_ulp(sech)
    test_compiled.test_gradient_rule_gives_the_same_when_it_is_traced(sech)
    cases = [c for c in sampling.op_cases() if c.op is sech]
    cases += [c for c in sampling.composite_cases() if c.op.name == "quick_gelu"]
    assert len(cases) == 4
    for case in cases:
        test_gradients.test_first_derivative_is_the_difference_quotient(case)
        test_gradients.test_second_derivative_is_the_difference_quotient_of_the_first(case)


def test_the_table_of_facts_is_the_fields_of_the_record(update_golden: bool) -> None:
    page = DOCS / "adding_an_op.md"
    text = page.read_text(encoding="utf-8")
    head, start, rest = text.partition("|---|---|---|\n")
    _, end, tail = rest.partition("\n\n")
    rows = [
        f"| `{name}` | {meaning} |{absent and ' '}{absent} |"
        for name, meaning, absent in fact_rows()
    ]
    wanted = head + start + "\n".join(rows) + end + tail
    if update_golden:
        page.write_text(wanted, encoding="utf-8")
        text = wanted
    assert text == wanted, "pytest tests/docs --update-golden"
    assert all(f"`{kind}`" in text for kind in KINDS)


def test_the_golden_cases_of_the_page_hold(tmp_path: Path, outcome: Any) -> None:
    names: dict[str, Any] = {}
    golden = tmp_path / "commute.ir"
    for block in blocks(DOCS / "adding_a_pass.md"):
        if block.title.startswith("compiler/"):
            as_part_of_the_project(block, names)
        elif block.title.startswith("tests/"):
            golden.write_text(block.text, encoding="utf-8")
    cases = read_cases(golden)
    assert len(cases) == 2
    for case in cases:
        given = parse(case.given)
        out = names["commute"](given)
        verify(out)
        assert str(out).strip() == case.expected.strip(), case.title
        for seed in range(4):
            outcome(given, seed).check_same(outcome(out, seed))


def test_the_example_is_not_in_the_pipeline_yet() -> None:
    assert "commute" not in [p.name for p in PASSES]
