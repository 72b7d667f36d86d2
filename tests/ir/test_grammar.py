"""The grammar of kernel expressions is Python's, as far as it goes."""

from __future__ import annotations

import ast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import twofold.ir.ops  # noqa: F401  (fills the registry)
from twofold.ir.grammar import ExpressionError, tree_of
from twofold.ir.op import OPS

OWN = (
    ast.Name, ast.Load, ast.Constant, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp,
    ast.Call, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip
NOT_OWN = (ast.MatMult, ast.Is, ast.IsNot, ast.In, ast.NotIn)
WORDS = [
    "x",
    "y_1",
    "exp",
    "(",
    ")",
    "(",
    ")",
    ",",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "<<",
    ">>",
    "&",
    "|",
    "^",
    "~",
    "<",
    "<=",
    "==",
    "!=",
    ">",
    ">=",
    "1",
    "0.5",
    ".5e-3",
    "2.",
    "1_0",
    "01",
    "1_",
    "and",
    "or",
    "not",
    "if",
    "else",
    "True",
    "in",
    "is",
    "lambda",
    "None",
    "@",
    "=",
    ".",
    ":",
    "'",
    "[",
    "]",
    "0x1",
    "1j",
]


def python_tree(text: str) -> str | None:
    """What Python reads, or nothing if that is no expression of kernels."""
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
    nodes = list(ast.walk(tree))
    if not all(isinstance(n, OWN) and not isinstance(n, NOT_OWN) for n in nodes):
        return None
    if any(isinstance(n, ast.Call) and n.keywords for n in nodes):
        return None
    values = [n.value for n in nodes if isinstance(n, ast.Constant)]
    if not all(isinstance(v, bool | int | float) for v in values):
        return None
    return ast.dump(tree)


def own_tree(text: str) -> str | None:
    try:
        return ast.dump(tree_of(text))
    except ExpressionError:
        return None


@pytest.mark.parametrize("name", [op.name for op in OPS.values() if op.expr is not None])
def test_the_expression_of_an_op_is_read_as_python_does(name: str) -> None:
    text = OPS[name].expr
    assert own_tree(text) == python_tree(text) is not None


@settings(max_examples=150)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
@example("x if y else x if x else y")
@example("- x ** - y ** x")
@example("not x == y < 1 and x or not not y")
@example("exp(x,) (y)")
def test_any_text_is_read_as_python_does(text: str) -> None:
    if "0x1" not in text:  # no hexadecimal numbers
        assert own_tree(text) == python_tree(text)


NODES = st.recursive(
    st.sampled_from(["x", "y", "1", "2.5"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^", "<", "==", "and", "or"]), inner)
        .map("({0[0]}) {0[1]} ({0[2]})".format),
        st.tuples(st.sampled_from(["-", "~", "not "]), inner).map("{0[0]}({0[1]})".format),
        st.tuples(inner, inner, inner).map("({0[0]}) if ({0[1]}) else ({0[2]})".format),
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60)
@given(NODES)
def test_an_expression_is_read_back_as_it_is_printed(text: str) -> None:
    printed = ast.unparse(tree_of(text))
    assert ast.unparse(tree_of(printed)) == printed == ast.unparse(ast.parse(text, mode="eval"))


def test_what_is_nested_too_deeply_is_no_expression() -> None:
    with pytest.raises(ExpressionError, match="nested too deeply"):
        tree_of("(" * 100_000 + "x" + ")" * 100_000)
