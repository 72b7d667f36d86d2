"""Every op and composite of the registry: runs, infers what it returns, is documented."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from support.sampling import Case, composite_cases, draw, dtypes_of, op_cases

from twofold.ir.op import COMPOSITES, OPS, Op
from twofold.ir.record import FIELDS, Facts, check
from twofold.ir.shapes import Sizes
from twofold.ir.types import TensorType
from twofold.runtime.tensor import Tensor, wrap

CASES = op_cases()
MADE = composite_cases()
NAMED = [c for c in CASES if not c.op.variadic]


@pytest.mark.parametrize("name", OPS)
def test_the_facts_of_the_packages_ops_hold_together(name: str) -> None:
    """What is checked when any other op is declared."""
    op = OPS[name]
    stated = {fact: getattr(op, fact) for fact in FIELDS} | {"effects": tuple(op.effects)}
    check(name, Facts(**stated), op.tensors, op.variadic)
    signature = inspect.signature(op)
    own = [n for n in signature.parameters if n not in ("regions", "name")]
    assert own == [n for n in (*op.tensors, *op.attr_names) if n != "name"] or op.variadic
    assert op.defaults == {n: signature.parameters[n].default for n in op.attr_names}


def ids(case: Case) -> str:
    return case.label


def tuple_of(out: Any) -> tuple[Any, ...]:
    return out if isinstance(out, tuple) else (out,)


def promoted(op: Op, inputs: list[Any]) -> list[np.ndarray[Any, Any]]:
    """The arrays that the op's body receives."""
    dtypes = op.input_dtypes([np.asarray(x).dtype for x in inputs])
    return [np.asarray(x).astype(d) for x, d in zip(inputs, dtypes, strict=True)]


def run_body(op: Op, inputs: list[Any], attrs: dict[str, Any]) -> tuple[Any, Any]:
    """The inferred types and the arrays of one call of the NumPy body."""
    arrays = promoted(op, inputs)
    canonical, types = op.resolve(
        [TensorType(a.dtype, a.shape) for a in arrays], {**op.defaults, **attrs}, Sizes()
    )
    with np.errstate(all="ignore"):
        return types, tuple_of(op.body(*arrays, **canonical))


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_eager_call_returns_what_the_body_returns(case: Case) -> None:
    for dtype in dtypes_of(case):
        inputs = draw(case, dtype)
        _, expected = run_body(case.op, inputs, case.sample.attrs)
        found = tuple_of(case.op(*inputs, **case.sample.attrs))
        for f, e in zip(found, expected, strict=True):
            assert isinstance(f, Tensor)
            np.testing.assert_array_equal(f.array, np.asarray(e), err_msg=str(dtype))


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_inferred_types_are_the_real_ones(case: Case) -> None:
    for dtype in dtypes_of(case):
        types, arrays = run_body(case.op, draw(case, dtype), case.sample.attrs)
        real = tuple(TensorType(np.asarray(a).dtype, np.asarray(a).shape) for a in arrays)
        assert tuple(types) == real, f"{dtype}"


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_canonical_attributes_resolve_to_themselves(case: Case) -> None:
    for dtype in dtypes_of(case):
        arrays = promoted(case.op, draw(case, dtype))
        types = [TensorType(a.dtype, a.shape) for a in arrays]
        once, _ = case.op.resolve(types, {**case.op.defaults, **case.sample.attrs}, Sizes())
        twice, _ = case.op.resolve(types, once, Sizes())
        assert str(once) == str(twice)


@pytest.mark.parametrize("case", NAMED, ids=ids)
def test_tensors_by_keyword_and_attributes_by_position(case: Case) -> None:
    op = case.op
    inputs = [wrap(np.asarray(x)) for x in draw(case, next(iter(dtypes_of(case))))]
    attrs = {**op.defaults, **case.sample.attrs}
    expected = tuple_of(op(*inputs, **case.sample.attrs))
    by_position = tuple_of(op(*inputs, *attrs.values()))
    by_keyword = tuple_of(op(**dict(zip(op.tensors, inputs, strict=True)), **attrs))
    for a, b, c in zip(expected, by_position, by_keyword, strict=True):
        np.testing.assert_array_equal(a.array, b.array)
        np.testing.assert_array_equal(a.array, c.array)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_an_op_leaves_its_inputs_alone(case: Case) -> None:
    for dtype in dtypes_of(case):
        inputs = [np.array(x) for x in draw(case, dtype)]
        before = [x.copy() for x in inputs]
        case.op(*inputs, **case.sample.attrs)
        for x, y in zip(inputs, before, strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("case", MADE, ids=ids)
def test_composite_runs_and_keeps_the_floating_dtype(case: Case) -> None:
    for dtype in dtypes_of(case):
        inputs = [wrap(x) if isinstance(x, np.ndarray) else x for x in draw(case, dtype)]
        outs = case.op.function(*inputs, **case.sample.attrs)
        for out in outs if isinstance(outs, tuple | list) else (outs,):
            given = {x.dtype for x in inputs if isinstance(x, Tensor)}
            if isinstance(out, Tensor) and out.dtype.kind == "f" and given == {dtype}:
                assert out.dtype == dtype


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_op_is_documented_and_has_a_sample(op: Op) -> None:
    first = (op.__doc__ or "").strip().split("\n\n")[0]
    assert len(first.split()) >= 3 and first.rstrip().endswith((".", ":", "``")), first
    exempt = op.kind in ("state", "region") or op.data_dependent or not op.public
    assert op.samples or exempt, "no sample"


@pytest.mark.parametrize("made", COMPOSITES.values(), ids=lambda made: made.name)
def test_composite_is_documented(made: Any) -> None:
    first = (made.function.__doc__ or "").strip().split("\n\n")[0]
    assert len(first.split()) >= 3 and first.rstrip().endswith("."), first
