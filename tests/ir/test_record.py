"""The record of an op is closed: what is unknown, contradictory or declared twice is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.sampling import Case, draw, dtypes_of, op_cases

from twofold.ir.errors import DeclarationError
from twofold.ir.op import OPS, Op, Sample, composite, op
from twofold.ir.record import FIELDS, KINDS
from twofold.ir.registry import COMPOSITES, REGISTRY, Composite
from twofold.ir.shapes import Sizes
from twofold.ir.types import TensorType


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Forgets what a test declared."""
    before = set(REGISTRY)
    yield
    for name in set(REGISTRY) - before:
        REGISTRY.forget(name)


def declare(kind: str = "elementwise", *args: Any, **facts: Any) -> Op:
    """An op of two inputs called ``probe``."""

    def probe(x: Any, y: Any) -> Any:
        return x

    return op(kind, *args, **facts)(probe)


def declare_one(kind: str = "elementwise", *args: Any, **facts: Any) -> Op:
    """An op of one input called ``probe``."""

    def probe(x: Any, *, axis: Any = None) -> Any:
        return x

    return op(kind, *args, **facts)(probe)


@pytest.mark.parametrize(
    ("given", "near"),
    [("comutative", "commutative"), ("expresion", "expr"), ("acepts", "accepts"),
     ("effect", "effects"), ("axis", "axes"), ("share_memory", "shares_memory")],
)  # fmt: skip
def test_an_unknown_fact_is_refused_with_the_op_and_the_nearest_fact(given: str, near: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        declare(**{given: True})
    text = str(caught.value)
    assert "probe" in text and repr(given) in text and f"did you mean {near}?" in text
    assert "probe" not in REGISTRY


def test_a_fact_like_no_other_is_refused_with_all_that_there_are() -> None:
    with pytest.raises(DeclarationError, match=", ".join(FIELDS)):
        declare(zzzz=1)


@pytest.mark.parametrize(
    ("kind", "facts", "words"),
    [
        ("opaque", {"expr": "x + y"}, "expr is a fact of elementwise and reduce ops"),
        ("elementwise", {"expr": "x + y", "identity": 0}, "identity is a fact of reduce ops"),
        ("elementwise", {"axes": lambda x, out, attrs: None}, "axes is a fact of movement ops"),
        ("movement", {"axes": lambda x, out, attrs: None}, "axes needs exactly one input"),
        (
            "reduce",
            {"pieces": lambda xs, out, attrs: None},
            "pieces is a fact of movement and index",
        ),
        ("opaque", {"commutative": True}, "commutative is a fact of elementwise ops"),
        ("opaque", {"draws": "f"}, "draws is a fact of random ops"),
        ("opaque", {"effects": ("write",)}, "effects is a fact of state and region ops"),
        ("elementwise", {"involution": True}, "exactly one input"),
        ("elementwise", {"expr": "x + z"}, "uses 'z'; its names are x, y"),
        ("elementwise", {"expr": "x +"}, "is no expression"),
        ("elementwise", {"accepts": "biq"}, "letters of 'biufce'"),
        ("elementwise", {"promote": "comon"}, "did you mean 'common'?"),
        ("elementwise", {"result": "reel"}, "did you mean 'real'?"),
        ("elementwise", {"shares_memory": "views"}, "did you mean 'view'?"),
        ("elementwise", {"domain": (2.0, -2.0)}, "is empty"),
        ("elementwise", {"samples": ["f[3]"]}, "must be Sample objects"),
        ("create", {"shares_memory": "view"}, "makes new memory"),
        ("state", {}, "name its effects"),
        ("state", {"effects": ("raise",)}, "unknown effect 'raise'"),
        ("state", {"effects": ("read",), "pure": True}, "cannot be pure"),
        ("elementwize", {}, "did you mean elementwise?"),
    ],
)
def test_facts_that_contradict_each_other_are_refused(
    kind: str, facts: dict[str, Any], words: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        declare(kind, "same", **facts)
    assert words in str(caught.value) and "op probe" in str(caught.value)
    assert "probe" not in REGISTRY


@pytest.mark.parametrize(
    ("facts", "words"),
    [({"expr": "acc + x"}, "needs its identity"), ({"identity": 0}, "needs expr and identity"),
     ({}, "needs expr and identity"), ({"expr": "acc + y", "identity": 0}, "names are acc, x")],
)  # fmt: skip
def test_a_reduction_states_its_expression_and_where_it_starts(
    facts: dict[str, Any], words: str
) -> None:
    with pytest.raises(DeclarationError, match=words):
        declare_one("reduce", **facts)


def test_every_fact_that_belongs_to_a_kind_is_a_field() -> None:
    assert set().union(*[kind.facts for kind in KINDS.values()]) <= FIELDS.keys()


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        OPS["add"].expr = "x - y"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        OPS["add"].invented = 1  # type: ignore[attr-defined]


def test_a_name_is_declared_once_by_ops_and_composites_together() -> None:
    def add(x: Any, y: Any) -> Any:
        return x

    def mean(x: Any) -> Any:
        return x

    with pytest.raises(DeclarationError, match="add is declared twice: it is an op"):
        op("elementwise", expr="x")(add)
    with pytest.raises(DeclarationError, match="add is declared twice: it is an op"):
        composite(Sample("f[3]"))(add)
    with pytest.raises(DeclarationError, match="mean is declared twice: it is a composite"):
        op("elementwise", expr="x")(mean)


def test_the_views_of_the_registry_are_its_two_parts() -> None:
    assert not OPS.keys() & COMPOSITES.keys()
    assert OPS.keys() | COMPOSITES.keys() == set(REGISTRY)
    assert all(isinstance(entry, Composite) for entry in COMPOSITES.values())
    assert len(OPS) + len(COMPOSITES) == len(REGISTRY)
    with pytest.raises(KeyError):
        OPS["mean"]
    with pytest.raises(TypeError):
        OPS["probe"] = OPS["add"]  # type: ignore[index]


def test_a_gradient_rule_has_its_op_s_name_and_comes_once() -> None:
    probe = declare(expr="x + y")

    def probe_vjp(g: Any, out: Any, x: Any, y: Any) -> Any:
        return g, g

    with pytest.raises(DeclarationError, match="'<lambda>'; call it 'probe_vjp'"):
        probe.gradient(lambda g, out, x, y: (g, g))
    probe.gradient(probe_vjp)
    with pytest.raises(DeclarationError, match="has a gradient rule already"):
        probe.gradient(probe_vjp)


@pytest.mark.parametrize("record", [o for o in OPS.values() if o.vjp], ids=lambda o: o.name)
def test_profiles_and_tracebacks_name_the_op_of_a_rule(record: Op) -> None:
    assert record.vjp is not None
    assert record.vjp.__code__.co_name == f"{record.name}_vjp"  # type: ignore[attr-defined]


def test_what_a_reduction_folds_is_a_binary_elementwise_op() -> None:
    folded = {o.name: OPS[o.folds] for o in OPS.values() if o.folds}
    assert folded.keys() >= {"sum", "prod", "max", "min", "any", "all"}
    assert all(o.kind == "elementwise" and len(o.tensors) == 2 for o in folded.values())


@pytest.mark.parametrize("case", op_cases(), ids=lambda case: case.label)
def test_a_body_shares_memory_only_as_its_record_says(case: Case) -> None:
    record = case.op
    for dtype in dtypes_of(case):
        inputs = [np.asarray(x) for x in draw(case, dtype)]
        wanted = record.input_dtypes([x.dtype for x in inputs])
        inputs = [x.astype(d) for x, d in zip(inputs, wanted, strict=True)]
        before = [x.copy() for x in inputs]
        with np.errstate(all="ignore"):
            outs = record.body(*inputs, **canonical(record, inputs, case.sample.attrs))
        for out in outs if isinstance(outs, tuple) else (outs,):
            if record.shares_memory == "never":
                assert not any(np.may_share_memory(out, x) for x in inputs), str(dtype)
            if record.shares_memory == "alias":
                np.testing.assert_array_equal(np.ravel(out), np.ravel(before[0]))


def canonical(record: Op, inputs: list[Any], attrs: dict[str, Any]) -> dict[str, Any]:
    """The attributes as a body receives them."""
    types = [TensorType(x.dtype, x.shape) for x in inputs]
    return record.resolve(types, {**record.defaults, **attrs}, Sizes())[0]
