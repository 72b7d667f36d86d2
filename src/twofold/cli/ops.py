"""``twofold ops``: the registry of ops, as a list or one at a time."""

from __future__ import annotations

import inspect
import json
import re
from difflib import get_close_matches
from itertools import groupby
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from twofold.api import surface
from twofold.api.names import Alias
from twofold.ir.errors import TargetError
from twofold.ir.op import Op
from twofold.ir.registry import REGISTRY, Composite

from .report import console

__all__ = ["facts", "ops", "signature"]


@click.command(short_help="List the ops, or show one.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ops(name: str | None, as_json: bool) -> None:
    """List all ops by family with signature and first sentence, or show the op NAME.

    NAME is an op or any public name of one: `sum`, `tf.reduce_sum`, `nn.softmax`.

    \b
    twofold ops
    twofold ops softmax
    twofold ops tf.reduce_sum --json

    Exit codes: 0 done; 2 no such op.
    """
    if name is not None:
        _show(facts(_resolve(name)), as_json)
        return
    rows = [facts(n) for n in sorted(REGISTRY)]
    rows.sort(key=lambda row: (row["family"], row["name"]))
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    _list(rows)


def facts(name: str) -> dict[str, Any]:
    """What the registry knows about an op or a composite."""
    entry = REGISTRY[name]
    made = isinstance(entry, Composite)
    target: Any = entry.function if isinstance(entry, Composite) else entry
    page = inspect.cleandoc(target.__doc__ or "")
    row = {
        "name": name,
        "family": target.__module__.rpartition(".")[2],
        "kind": "composite" if made else target.kind,
        "signature": signature(target),
        "summary": " ".join(page.partition("\n\n")[0].split()),
        "public_names": [
            f"tf.{public}"
            for public, meant in surface.origins().items()
            if surface.op_of(meant) == name
        ],
        "page": page,
    }
    return row if made else row | _op_facts(target)


def _op_facts(op: Op) -> dict[str, Any]:
    kinds = {"b": "bool", "i": "signed", "u": "unsigned", "f": "floating", "c": "complex",
             "e": "float8"}  # fmt: skip
    return {
        "accepts": [kinds[k] for k in op.accepts],
        "promotes": op.promote,
        "result": op.result,
        "expression": op.expr,
        "differentiable": op.vjp is not None,
        "effects": sorted(op.effects),
        "may_raise": bool(op.may_raise),
        "shares_memory": op.shares_memory,
        "commutative": op.commutative,
    }


def signature(target: Any) -> str:
    """The parameters of a function as a user writes them."""
    found = inspect.signature(target)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    text = str(found.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    return re.sub(r"dtype\('(\w+)'\)", r"\1", text)


def _resolve(name: str) -> str:
    """The op that a name means. Raises TargetError."""
    short = name.removeprefix("tf.")
    meant = surface.origins().get(short)
    if isinstance(meant, Alias):
        return meant.op
    if short in REGISTRY:
        return short
    public = [n for n, m in surface.origins().items() if isinstance(m, Alias)]
    close = get_close_matches(short, [*REGISTRY, *public], 3)
    hint = f"did you mean {', '.join(dict.fromkeys(close))}? " if close else ""
    raise TargetError(f"there is no op {name!r}; {hint}`twofold ops` lists all")


def _list(rows: list[dict[str, Any]]) -> None:
    """A line each; folded to the width of a terminal, one long line where output is none."""
    out = console()
    table = Table(box=None, show_header=False, pad_edge=False)
    for family, members in groupby(rows, key=lambda row: str(row["family"])):
        table.add_row(Text(family, style="bold"))
        if not out.is_terminal:
            click.echo(family)
        for row in members:
            head = f"  {row['name']}{row['signature']}"
            table.add_row(Text(head), Text(row["summary"]))
            if not out.is_terminal:
                click.echo(f"{head:<50}  {row['summary']}")
    if out.is_terminal:
        out.print(table)


def _show(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(row, indent=2))
        return
    click.echo(f"{row['name']}{row['signature']}\n")
    click.echo(f"{row['page']}\n")
    for key, value in row.items():
        if key in ("name", "signature", "page", "summary") or value in (None, []):
            continue
        text = ", ".join(value) if isinstance(value, list) else str(value)
        click.echo(f"{key.replace('_', ' ') + ':':<16}{text}")
