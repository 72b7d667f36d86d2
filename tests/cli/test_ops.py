"""``twofold ops`` and the group of commands."""

from __future__ import annotations

import json

import pytest
from support.scripts import twofold

from twofold.cli.main import COMMANDS
from twofold.ir.op import COMPOSITES, OPS


def test_the_list_has_every_op_under_its_family() -> None:
    lines = twofold("ops").stdout.splitlines()
    names = {line.strip().partition("(")[0] for line in lines if line.startswith("  ")}
    assert names == {*OPS, *COMPOSITES}
    assert lines.index("reduce") < lines.index("trigonometric")
    assert all(line == line.rstrip() for line in lines)


def test_json_of_the_list_has_a_record_for_each() -> None:
    rows = json.loads(twofold("ops", "--json").stdout)
    assert len(rows) == len({*OPS, *COMPOSITES})
    assert all(row["summary"] and row["signature"].startswith("(") for row in rows)


@pytest.mark.parametrize("name", ["sum", "tf.reduce_sum", "math.reduce_sum"])
def test_an_op_is_found_by_any_public_name(name: str) -> None:
    row = json.loads(twofold("ops", name, "--json").stdout)
    assert (row["name"], row["kind"], row["differentiable"]) == ("sum", "reduce", True)
    assert {"tf.sum", "tf.reduce_sum", "tf.math.sum"} <= set(row["public_names"])


def test_details_are_printed_for_people() -> None:
    shown = twofold("ops", "softmax").stdout
    assert shown.startswith("softmax(x, axis=-1)")
    assert "public names:" in shown and "tf.nn.softmax" in shown


def test_an_unknown_op_gets_suggestions() -> None:
    done = twofold("ops", "sofmax")
    assert done.exit_code == 2
    assert "did you mean softmax" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_the_exit_codes(command: str) -> None:
    shown = twofold(command, "--help").stdout
    assert f"\n  twofold {command}" in shown
    assert "Exit codes: 0" in shown


def test_the_group_lists_its_commands_and_its_version() -> None:
    shown = twofold("--help").stdout
    assert all(f"\n  {command} " in shown for command in COMMANDS)
    assert "130 interrupted" in shown
    assert twofold("--version").stdout.startswith("twofold, version 0.")
    assert twofold("melt").exit_code == 2
