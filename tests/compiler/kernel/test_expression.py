"""Scalar expressions: what a kernel can compute, and renaming."""

from __future__ import annotations

import ast

import numpy as np
import pytest

import twofold.ir.ops  # noqa: F401  (fills the registry)
from twofold.compiler.kernel.checks import may_fail, wanted
from twofold.compiler.kernel.expression import (
    calls,
    expression_of,
    kernelable,
    parse,
    rename,
)
from twofold.compiler.kernel.source import kernel_namespace
from twofold.ir.dtypes import DTYPES
from twofold.ir.errors import TwofoldError
from twofold.ir.graph import Graph
from twofold.ir.op import OPS
from twofold.ir.types import TensorType


def node_of(name: str, *dtypes: str, **attrs: object):  # type: ignore[no-untyped-def]
    graph = Graph("one")
    inputs = [graph.input(TensorType(DTYPES[d], (2, 3)), f"x{i}") for i, d in enumerate(dtypes)]
    return graph.add(OPS[name], inputs, dict(attrs))


def test_rename_touches_names_only() -> None:
    assert rename("x + y * xx", {"x": "a", "y": "x"}) == "a + x * xx"
    assert rename("exp(x) if x > 0 else -x", {"x": "v1"}) == "exp(v1) if v1 > 0 else -v1"


def test_calls_and_syntax() -> None:
    assert calls("maximum(x, exp(-abs(x)))") == {"maximum", "exp", "abs"}
    assert isinstance(parse("x + 1"), ast.BinOp)


EXPRESSIONS = {op.name: op for op in OPS.values() if op.expr is not None}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_expression_calls_known_functions_of_its_own_parameters(name: str) -> None:
    op = EXPRESSIONS[name]
    space = kernel_namespace()
    allowed = {*op.tensors, *space, "cast"} | ({"acc", "x"} if op.kind == "reduce" else set())
    names = {n.id for n in ast.walk(parse(op.expr)) if isinstance(n, ast.Name)}
    assert names <= allowed


def test_there_are_expressions() -> None:
    assert len(EXPRESSIONS) > 60


@pytest.mark.parametrize(("name", "dtypes", "attrs", "expected"), [
    ("add", ["f32", "f32"], {}, True), ("add", ["f16", "f16"], {}, True),
    ("add", ["c64", "c64"], {}, True), ("tanh", ["c64"], {}, True), ("add", ["bool", "bool"], {}, True),
    ("exp", ["f32"], {}, True), ("exp", ["f16"], {}, True), ("sort", ["f32"], {}, False),
    ("floor_divide", ["f32", "f32"], {}, True), ("floor_divide", ["i32", "i32"], {}, False),
    ("remainder", ["i8", "i8"], {}, False), ("maximum", ["i8", "i8"], {}, True),
    ("where", ["bool", "i64", "i64"], {}, True), ("where", ["bool", "f16", "f16"], {}, True),
    ("cast", ["i32"], {"dtype": DTYPES["f64"]}, True),
    ("cast", ["f32"], {"dtype": DTYPES["i32"]}, False),
    ("cast", ["f32"], {"dtype": DTYPES["bool"]}, True),
    ("cast", ["f32"], {"dtype": DTYPES["f16"]}, True),
    ("sum", ["f32"], {"axis": (0,)}, True), ("sum", ["c64"], {"axis": (0,)}, True), ("power", ["c64", "c64"], {}, True),
    ("transpose", ["f32"], {"perm": (1, 0)}, True), ("transpose", ["f16"], {"perm": (1, 0)}, True),
    ("isnan", ["f64"], {}, True), ("matmul", ["f32", "f32"], {}, False),
])  # fmt: skip
def test_what_can_be_part_of_a_kernel(
    name: str, dtypes: list[str], attrs: dict[str, object], expected: bool
) -> None:
    try:
        node = node_of(name, *dtypes, **attrs)
    except TwofoldError:
        node = node_of(name, *dtypes, **attrs, transpose_b=True)
    assert kernelable(node) == expected


def test_no_kernel_computes_what_may_raise() -> None:
    for op in OPS.values():
        if op.expr is None or op.kind != "elementwise":
            continue
        for dtype in ("f32", "i32", "u8", "bool"):
            attrs = {"dtype": DTYPES["i8"]} if op.name == "cast" else {}
            try:
                node = node_of(op.name, *[dtype] * len(op.tensors), **attrs)
            except TwofoldError:
                continue
            assert not (kernelable(node) and "raise" in node.effects), (op.name, dtype)
            if kernelable(node, checks=True) and "raise" in node.effects:
                assert may_fail(node) and wanted(expression_of(node), node.out.type.dtype), (
                    op.name,
                    dtype,
                )


def test_kernel_dtypes_have_casts() -> None:
    space = kernel_namespace()
    for dtype in DTYPES.values():
        assert np.asarray(space[dtype.name](1)).dtype == dtype
