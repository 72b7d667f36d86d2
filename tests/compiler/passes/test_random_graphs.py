"""Random graphs through every pass: still valid, and the same values bit for bit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from twofold.compiler.pipeline import PASSES
from twofold.ir.dims import symbol
from twofold.ir.dtypes import DTYPES
from twofold.ir.equality import difference
from twofold.ir.errors import TwofoldError, VerifyError
from twofold.ir.graph import Graph, Value
from twofold.ir.op import OPS
from twofold.ir.parser import parse
from twofold.ir.structural import RECORDED, structural_types
from twofold.ir.verify import verify

INTEGRAL = [0.0, -0.0, 1.0, -1.0, 2.0, 3.0]  # sums and products of these are exact in any order

HEAD = """graph f(%a: f32[n,3], %b: f32[3], %c: f32[n,1], %i: i32[n,3], %m: bool[n,3], %d: f64[n,3],
        %u: u8[3], %z: c64[n,3], %v: ref f32[n,3]) {
  %zero = constant() {value=f32[] [0.0]}
  %nzero = constant() {value=f32[] [-0.0]}
  %one = constant() {value=f32[] [1.0]}
  %two = constant() {value=f32[] [2.0]}
  %izero = constant() {value=i32[] [0]}
  %ione = constant() {value=i32[] [1]}
  %true = constant() {value=bool[] [True]}
  %false = constant() {value=bool[] [False]}
  %ones = constant() {value=f32[2,1,3] [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]}
"""
N = symbol("n")
UNARY = ["negative", "abs", "positive", "identity", "stop_gradient", "zeros_like", "ones_like",
         "square", "conjugate", "real", "logical_not", "bitwise_invert", "sign", "transpose",
         "concat", "read"]  # fmt: skip
BINARY = ["add", "subtract", "multiply", "divide", "floor_divide", "power", "maximum", "greater",
          "matmul", "assign"]  # fmt: skip
WITH_ATTRS: list[tuple[str, dict[str, Any]]] = [
    *[("cast", {"dtype": DTYPES[d]}) for d in DTYPES],
    *[("transpose", {"perm": p}) for p in [(0, 1), (1, 0), (1, 2, 0), (0, 2, 1)]],
    *[("reshape", {"shape": s}) for s in [(N, 3), (3, N), (-1,), (1, N, 3)]],
    *[("broadcast_to", {"shape": s}) for s in [(N, 3), (2, N, 3)]],
    *[(op, {"axis": a}) for op in ("expand_dims", "squeeze") for a in (0, 1, ())],
    *[(op, {"axis": a}) for op in ("sum", "max", "any", "prod") for a in (0, ())],
    *[("strided_slice", {"index": i}) for i in [(), ((None, None, -1),), ((0, None, 2),)]],
]
STEPS = st.lists(
    st.tuples(
        st.one_of(
            st.sampled_from([(op, 2, {}) for op in BINARY]),
            st.sampled_from([(op, 1, {}) for op in UNARY]),
            st.sampled_from([(op, 1, attrs) for op, attrs in WITH_ATTRS]),
            st.just(("where", 3, {})),
        ),
        st.lists(st.integers(0, 20), min_size=3, max_size=3),
    ),
    min_size=8,
    max_size=16,
)


def build(steps: Any) -> Graph:
    """The steps that their operands admit, with casts; a pick counts from the newest value back."""
    graph = parse(HEAD + "return }")
    ref = graph.inputs.pop()
    values = [*graph.inputs, *[n.out for n in graph.nodes]]
    graph.inputs.append(ref)
    made = len(values)
    written = False
    for (name, arity, attrs), picks in steps:
        inputs = [values[-1 - p % len(values)] for p in picks[:arity]]
        if name in ("assign", "read"):
            inputs = [ref, *inputs][:arity]
            if written and name == "read":
                continue
            written |= name == "assign"
        node = add(graph, name, inputs, attrs)
        if node is not None:
            values.extend(node.outputs)
    graph.outputs = values[made:][-4:]
    return graph


def add(graph: Graph, name: str, inputs: list[Value], attrs: dict[str, Any]) -> Any:
    """Append a node with casts of its inputs, or nothing if they do not fit it."""
    op = OPS[name]
    try:
        wanted = op.input_dtypes([v.type.dtype for v in inputs])
        types = [v.type.with_dtype(d) if v.type.dtype != d else v.type
                 for v, d in zip(inputs, wanted, strict=True)]  # fmt: skip
        attrs, outs = structural_types(op, types, attrs)
    except (TwofoldError, VerifyError):
        return None
    inputs = [
        v if v.type.dtype == d else graph.add(OPS["cast"], [v], {"dtype": d}).out
        for v, d in zip(inputs, wanted, strict=True)
    ]
    return graph.add(op, inputs, attrs, types=outs, sizes=RECORDED)


@pytest.mark.parametrize("values", [None, INTEGRAL], ids=["special", "integral"])
@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_passes_keep_random_graphs_valid_and_their_values(
    outcome: Any, values: list[float] | None, steps: Any
) -> None:
    graph = build(steps)
    note(str(graph))  # shrinking takes minutes and hardly makes it shorter
    verify(graph)
    assert difference(parse(str(graph)), graph) == ""
    want = outcome(graph, 1, values)
    optimise = [p for p in PASSES if p.name not in ("fuse", "schedule")]
    for apply in [*optimise, *PASSES]:
        before = str(graph)
        after = apply(graph)
        verify(after)
        assert str(graph) == before
        outcome(after, 1, values).check_same(want)
        assert difference(parse(str(after)), after) == ""
        graph = after


@pytest.mark.parametrize("apply", PASSES[:4], ids=str)
def test_pass_is_idempotent_on_its_own_result(apply: Any) -> None:
    text = "%x = multiply(%a, %one) %y = multiply(%one, %a) %q = add(%x, %y) return %q }"
    graph = parse(HEAD + text)
    once = apply(graph)
    assert difference(apply(once), once) == ""
