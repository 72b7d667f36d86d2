"""The parser: what a person may leave out, and only IRSyntaxError whatever the text is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twofold.ir.equality import difference
from twofold.ir.errors import IRSyntaxError
from twofold.ir.parser import parse
from twofold.ir.types import RefType

TEXT = """
# a comment
graph model(%x: f32[n,3], %w: f32[3,max(m, 4)], %v: ref f32[n,3]) {   # and one here
  %h: f32[n,max(m, 4)] = matmul(%x, %w) {transpose_a=False, transpose_b=False}  @ a.py:3:4
  %c: f32[2] = constant() {value=f32[2] [1.0, nan(0x7fc00001)]}
  %d: f64[20] = constant() {value=f64[20] [-0.0, ...]}
  %e: u8[17] = constant() {value=u8[17] base64 "AAECAwQFBgcICQoLDA0ODxA="}
  %s: f32[n] = sum(%x) {axis=(1,), keepdims=False}  @ "a b.py":5:6
  %p: f32[n,2] = strided_slice(%x) {index=((0, <n>, 1), (0, 2, 1))}
  %0: f32[n,3] = read(%v)
  assign(%v, %x)
  %y: f32[n,3] = fused(%x) {dims=(<n>, 3), reduced=()}
    region body(%a: f32[n,3]) {
      %b: f32[n,3] = exp(%a)
      return %b
    }
  return %h, %y, %0
}
"""


def test_parsed_graph_prints_and_parses_again() -> None:
    graph = parse(TEXT)
    assert difference(graph, parse(str(graph))) == ""
    assert isinstance(graph.inputs[2].type, RefType)
    assert [n.op.name for n in graph.walk()][-1] == "exp"


def test_bytes_are_read_as_utf8() -> None:
    assert difference(parse(TEXT.encode()), parse(TEXT)) == ""


def test_types_and_attributes_may_be_left_out() -> None:
    graph = parse("graph f(%x: f32[n,3]) { %y = sum(%x) {axis=-1} return %y }")
    assert str(graph.outputs[0].type) == "f32[n]"
    assert graph.nodes[0].attrs == {"axis": (1,), "keepdims": False}


def test_numbered_values_have_no_name_and_suffixes_are_not_part_of_one() -> None:
    graph = parse("graph f(%x: f32[]) { %7 = exp(%x) %x.3 = exp(%7) return %x.3 }")
    assert [v.name for v in (graph.nodes[0].out, graph.outputs[0])] == ["", "x"]


def test_arrays_can_be_written_to() -> None:
    graph = parse(TEXT)
    for node in graph.nodes[1:4]:
        node.attrs["value"][0] = 1
        assert node.attrs["value"].flags.c_contiguous


def failure(text: str | bytes) -> IRSyntaxError:
    with pytest.raises(IRSyntaxError) as info:
        parse(text)
    return info.value


def test_error_shows_line_column_and_caret() -> None:
    error = failure("graph f(%x: f32[n]) {\n  %y = ad(%x, %x)\n  return %y\n}")
    assert (error.line, error.column) == (2, 8)
    assert str(error).splitlines()[1:] == ["    %y = ad(%x, %x)", "         ^"]


@pytest.mark.parametrize(
    "value, reason",
    [
        ("f32[n] [1.0]", "fixed shape"),
        ("f32[2] [1.0, ...", "expected ']'"),
        ("f32[99999999,99999999] [1.0, ...]", "no array has the type"),
        ("f32[1] [True]", "is not a float32 element"),
        ("bool[1] [1]", "is not a bool element"),
        ("c64[1] [1.0]", "is not a complex64 element"),
        ('u8[3] base64 "AAE="', "3 bytes, 2 are given"),
        ('u8[3] base64 "A*E="', "not base64"),
        ('bool[1] base64 "Ag=="', "0 or 1"),
        ("(1)", "written (x,)"),
        ("<n+>", "expected a size"),
        ("1:2", "start:stop:step"),
        ("object('f')", "no text form"),
        ('"\\q"', "not valid JSON"),
        ("__import__", "not an attribute value"),
        ("9" * 5000, "too long"),
        ("(" * 500, "deep"),
        ("f32[1] [nan(0x1ffffffff)]", "not a float32 element"),
    ],
)
def test_bad_attribute_is_explained(value: str, reason: str) -> None:
    error = failure(f"graph f() {{ %c = constant() {{value={value}}} return %c }}")
    assert reason in error.reason
    assert error.line == 1
    assert error.column >= 35


def test_invalid_utf8_is_a_syntax_error() -> None:
    assert "UTF-8" in failure(b"graph \xff").reason


def test_repeated_element_is_refused_where_it_would_fill_the_memory() -> None:
    assert (
        "too large"
        in failure(
            "graph f() { %c = constant() {value=i8[100000000000] [0, ...]} return %c }"
        ).reason
    )


PIECES = [
    "%x", "%h", "f32[n,3]", "ref f32[3]", "{", "}", "(", ")", "[", "]", ",", "=", ":", "@", "#",
    '"', "by kernel in slot0", "by library ", "in ", "axis=", "<n>", "...", "nan(0x7fc00001)", "region body(", "return",
    "graph g(", "-1", "1e999",
    "base64", "constant", "reshape", "concat", "strided_slice", "None", "(,)", "\n", "\x00", "é", "0" * 400,
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(TEXT)),
            st.integers(0, 12),
            st.sampled_from(PIECES) | st.text(max_size=3),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_damaged_text_raises_nothing_but_syntax_errors(edits: list[tuple[int, int, str]]) -> None:
    text = TEXT
    for at, cut, piece in edits:
        text = text[:at] + piece + text[at + cut :]
    try:
        graph = parse(text)
    except IRSyntaxError as error:
        assert error.reason
        return
    assert difference(parse(str(graph)), graph) == ""


CHOICE = """%y: f32[] = cond(%p, %x)
    region a(%x: f32[]) {{ return {} }}
    region b(%x: f32[]) {{ return {} }}
  return %y"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("%y: f32[] = constant() {value=i32} return %y", "is no array of one of the dtypes"),
        ('%y: f32[] = constant() {value="a"} return %y', "is no array of one of the dtypes"),
        ("%y: f32[] = constant() {value=((1, 2), (3,))} return %y", "no array of one of the"),
        (CHOICE.format("%x", ""), "the outputs of region b"),
        (CHOICE.format("", "%x"), "the outputs of region a"),
    ],
)  # fmt: skip
def test_what_no_op_takes_is_refused(text: str, reason: str) -> None:
    with pytest.raises(IRSyntaxError, match=reason):
        parse(f"graph f(%p: bool[], %x: f32[]) {{ {text} }}")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_text_raises_nothing_but_syntax_errors(text: str | bytes) -> None:
    with pytest.raises(IRSyntaxError):
        parse(text)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([
        "strided_slice", "reshape", "concat", "transpose", "matmul", "sum", "cast", "splat", "arange",
        "constant", "dim", "gather", "pad_constant", "broadcast_to",
    ]),
    st.sampled_from(["index", "shape", "axis", "perm", "dtype", "value", "dim", "stop"]),
    st.sampled_from([
        "None", "0", "-1", "1.5", '"a"', "(1, 2)", "((1, 2),)", "(None,)", "f32", "<n>", "f32[3]",
        "(0:1:2,)", "((0, <n>, 0),)", "f64[2] [nan, 1.0]", "100000000000000000000", "(-1, -1)",
        "...", "True", "complex(1, 2)",
    ]),
)  # fmt: skip
def test_any_attribute_of_any_op_raises_nothing_but_syntax_errors(
    op: str, attr: str, value: str
) -> None:
    text = f"graph f(%x: f32[n,3]) {{ %y = {op}(%x) {{{attr}={value}}} return %y }}"
    try:
        graph = parse(text)
    except IRSyntaxError:
        return
    assert difference(parse(str(graph)), graph) == ""


def test_signed_and_payload_nans_keep_their_bits() -> None:
    array = parse(TEXT).nodes[1].attrs["value"]
    assert array.view(np.uint32)[1] == 0x7FC00001
