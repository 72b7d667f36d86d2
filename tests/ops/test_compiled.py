"""Every op and composite gives the same inside a compiled function as it gives eagerly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.sampling import Case, composite_cases, draw, dtypes_of, fill, generator, op_cases

from twofold.compiler.decorator import function
from twofold.ir.dtypes import DTYPES, NAMES, RECORDS, DTypeInfo, info
from twofold.ir.op import OPS, Op
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import Tensor, wrap

Array = np.ndarray[Any, Any]
EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 1e-30, 80.0, np.inf, -np.inf, np.nan)
CIRCLE = (0.0, 1.0, -1j, 0.5 + 2j, -3.0 + 1e-3j, 1e-30j, 80.0 + 1j)  # NumPy's infinities differ
BOUND = 4.0
HALF = {"float16": 2e-3, "bfloat16": 2e-2}
WORDS = OPS["bitwise_left_shift"].domain
ELEMENTWISE = [
    op for op in OPS.values()
    if op.kind == "elementwise" and op.samples and not op.has_attrs and len(op.tensors) < 3
]  # fmt: skip


def agree(found: Any, expected: Any, rtol: float | None = None, ulps: float = BOUND) -> None:
    """Same dtype, shape and special values; numbers within so many units in the last place, of complex
    ones those of the modulus; half precision within one rounding."""
    a, b = np.asarray(found.array), np.asarray(expected.array)
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    own = info(a.dtype)
    if own.stored:  # nothing is computed in it; NumPy's tests know it for raw bytes
        a, b = a.astype(np.float32), b.astype(np.float32)
    if own.stored or not own.inexact:
        np.testing.assert_array_equal(a, b)
        return
    if rtol is not None:
        wide = [x.astype(np.complex128 if own.complex else np.float64) for x in (a, b)]
        np.testing.assert_allclose(*wide, rtol=rtol, atol=rtol)
        return
    if own.half:  # NumPy's tests know bfloat16 for raw bytes
        a, b = a.astype(own.computes_in), b.astype(own.computes_in)
    size = np.abs(b.astype(np.clongdouble if own.complex else np.longdouble))
    parts = [(a.real, b.real), (a.imag, b.imag)] if own.complex else [(a, b)]
    for x, y in parts:
        finite = np.isfinite(x) & np.isfinite(y)
        np.testing.assert_array_equal(x[~finite], y[~finite])
        unit = spacing(np.where(np.isfinite(size), size, np.abs(y))[finite], own)
        error = np.abs(x[finite].astype(np.longdouble) - y[finite].astype(np.longdouble)) / unit
        bound = 1.0 if own.half else ulps
        assert not error.size or error.max() <= bound, (error.max(), b[finite][error.argmax()])


def spacing(x: Array, own: DTypeInfo) -> Array:
    """The distance of numbers of this size in a dtype, or in its parts."""
    assert own.format is not None
    exponent = np.frexp(np.maximum(x, own.format.tiny))[1] - 1
    return np.ldexp(np.longdouble(1), exponent - own.format.mantissa)


def points(op: Op, dtype: np.dtype[Any]) -> list[Array]:
    """Numbers of the domain, then every pair of edges that the dtype has."""
    rng = generator(f"{op.name}{dtype}")
    inside = [fill((60,), dtype, op.domain, rng) for _ in op.tensors]
    own = info(dtype)
    if own.boolean:
        return inside
    edges_ = EDGES
    if own.integer:
        low, high = own.ints
        edges_ = (0, 1, 2, 3, high, high - 1, high // 2, low, low + 1, own.bits - 1)
        edges_ = tuple(e for e in edges_ if op.domain != WORDS or 0 <= e < own.bits)
        if op.name == "power":
            edges_ = tuple(e for e in edges_ if e >= 0)
        elif op.may_raise:
            edges_ = tuple(e for e in edges_ if e)
    elif own.complex:
        edges_ = CIRCLE
    with np.errstate(all="ignore"):
        numbers = np.array(edges_, dtype if own.integer else None).astype(dtype)
    edges = [g.ravel() for g in np.meshgrid(*[numbers] * len(op.tensors))]
    given = [np.concatenate(pair) for pair in zip(inside, edges, strict=True)]
    if op.name != "class_number":
        return given
    known = (given[0] >= 0) & (given[0] < given[1])  # it raises for the others
    return [numbers[known] for numbers in given]


def dtypes(op: Op) -> list[str]:
    return [own.name for own in RECORDS.values() if own.letter in op.accepts]


@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_compiled_elementwise_op_agrees_to_four_ulp(op: Op) -> None:
    given = [[wrap(x) for x in points(op, DTYPES[NAMES[d]])] for d in dtypes(op)]

    def each(groups: Any) -> Any:
        return [op(*tensors) for tensors in groups]

    for found, expected in zip(function(each, jit_compile=True)(given), each(given), strict=True):
        # a complex power loses abs(y * log(x)) units, and an edge is 1e2: test_complexmath.py
        steep = op.name == "power" and info(expected.dtype).complex
        agree(found, expected, ulps=1e3 if steep else BOUND)


OTHERS = [c for c in op_cases() if not (c.op.kind == "elementwise" and c.op in ELEMENTWISE)]


@pytest.mark.parametrize("case", OTHERS, ids=lambda c: c.label)
def test_compiled_op_agrees(case: Case) -> None:
    inputs = [wrap(np.asarray(x)) for x in draw(case, next(iter(dtypes_of(case))))]

    def call(*tensors: Any) -> Any:
        return case.op(*tensors, **case.sample.attrs)

    compare(function(call, jit_compile=True)(*inputs), call(*inputs), case)


def compare(found: Any, expected: Any, case: Case) -> None:
    founds, expecteds = (o if isinstance(o, tuple | list) else (o,) for o in (found, expected))
    for f, e in zip(founds, expecteds, strict=True):
        agree(f, e, rtol=HALF.get(e.dtype.name, 2e-6))


@pytest.mark.parametrize("case", composite_cases(), ids=lambda c: c.label)
def test_compiled_composite_agrees(case: Case) -> None:
    inputs = draw(case, np.dtype("float32"))
    spots = [i for i, x in enumerate(inputs) if isinstance(x, np.ndarray)]

    def call(*tensors: Any) -> Any:
        full = list(inputs)
        for i, x in zip(spots, tensors, strict=True):
            full[i] = x
        return case.op.function(*full, **case.sample.attrs)

    tensors = [wrap(inputs[i]) for i in spots]
    expected = call(*tensors)
    if isinstance(expected, Tensor | tuple | list):
        compare(function(call, jit_compile=True)(*tensors), expected, case)


SMOOTH = [op for op in ELEMENTWISE if op.vjp is not None and "f" in op.accepts]


@pytest.mark.parametrize("op", SMOOTH, ids=lambda op: op.name)
def test_gradient_rule_gives_the_same_when_it_is_traced(op: Op) -> None:
    given = [wrap(x) for x in points(op, np.dtype("float64"))]

    def pull(*tensors: Any) -> Any:
        with GradientTape() as tape:
            tape.watch(list(tensors))
            y = op(*tensors)
        return tape.gradient(y, list(tensors), unconnected_gradients="zero")

    found = function(pull, jit_compile=False)(*given)
    for f, e in zip(found, pull(*given), strict=True):
        agree(f, e, rtol=1e-13)
