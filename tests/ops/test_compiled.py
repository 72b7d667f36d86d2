"""Every op and composite gives the same inside a compiled function as it gives eagerly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.sampling import Case, composite_cases, draw, dtypes_of, fill, generator, op_cases

from twofold.compiler.decorator import function
from twofold.ir.op import OPS, Op
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import Tensor, wrap

Array = np.ndarray[Any, Any]
EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 1e-30, 80.0, np.inf, -np.inf, np.nan)
BOUND = 4.0
ELEMENTWISE = [
    op for op in OPS.values()
    if op.kind == "elementwise" and op.samples and not op.has_attrs and len(op.tensors) < 3
]  # fmt: skip


def agree(found: Any, expected: Any, rtol: float | None = None) -> None:
    """Same dtype, shape and special values; numbers within 4 units in the last place."""
    a, b = np.asarray(found.array), np.asarray(expected.array)
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    if a.dtype.kind == "c":
        a, b = (np.stack([z.real, z.imag]) for z in (a, b))
    if a.dtype.kind != "f":
        np.testing.assert_array_equal(a, b)
        return
    if rtol is not None:
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
        return
    finite = np.isfinite(a) & np.isfinite(b)
    np.testing.assert_array_equal(a[~finite], b[~finite])
    with np.errstate(over="ignore"):  # next to the largest number
        unit = np.spacing(np.maximum(np.abs(a[finite]), np.abs(b[finite])))
    error = np.abs(a[finite].astype(np.longdouble) - b[finite]) / unit
    assert not error.size or error.max() <= BOUND, (error.max(), a[finite][error.argmax()])


def points(op: Op, dtype: np.dtype[Any]) -> list[Array]:
    """Numbers of the domain, then every pair of edges that the dtype has."""
    rng = generator(f"{op.name}{dtype}")
    inside = [fill((60,), dtype, op.domain, rng) for _ in op.tensors]
    if dtype.kind not in "f":
        return inside
    grids = np.meshgrid(*[np.array(EDGES)] * len(op.tensors))
    edges = [g.ravel().astype(dtype) for g in grids]
    return [np.concatenate(pair) for pair in zip(inside, edges, strict=True)]


def dtypes(op: Op) -> list[str]:
    names = ["float16", "float32", "float64"] if "f" in op.accepts else []
    names += ["int32", "uint8"] if "i" in op.accepts else []
    names += ["complex64"] if "c" in op.accepts else []
    return names


@pytest.mark.parametrize("op", ELEMENTWISE, ids=lambda op: op.name)
def test_compiled_elementwise_op_agrees_to_four_ulp(op: Op) -> None:
    given = [[wrap(x) for x in points(op, np.dtype(d))] for d in dtypes(op)]

    def each(groups: Any) -> Any:
        return [op(*tensors) for tensors in groups]

    for found, expected in zip(function(each, jit_compile=True)(given), each(given), strict=True):
        agree(found, expected)


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
        agree(f, e, rtol=2e-3 if e.dtype == np.float16 else 2e-6)


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
