"""Every gradient rule against finite differences in float64, orders one and two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from support.sampling import Case, composite_cases, draw, generator, op_cases

from twofold.ir.op import Op
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import Tensor, wrap

# Ops whose derivative is not that of their values, each on purpose.
DETACHED = {"stop_gradient", "zeros_like", "ones_like", "first_largest"}
# Its gradient is Hermitian, as in TensorFlow, while it reads one triangle: moved along Hermitian ones.
HERMITIAN = {"cholesky"}
# Complex vectors whose phase LAPACK chooses: tests/ops/test_linalg.py has functions of them.
PHASE = {"eig_pair", "eigh_pair", "qr_pair", "svd_triple"}
STEP, CLOSE = 1e-5, 2e-6
Array = np.ndarray[Any, Any]


def kinds(case: Case) -> list[np.dtype[Any]]:
    complex_too = isinstance(case.op, Op) and "c" in case.op.accepts and case.op.name not in PHASE
    return [np.dtype(n) for n in (("float64", "complex128") if complex_too else ("float64",))]


def wanted(case: Case) -> bool:
    if isinstance(case.op, Op) and ("f" not in case.op.accepts or case.op.kind == "random"):
        return False
    return case.op.name not in DETACHED


CASES = [c for c in (*op_cases(), *composite_cases()) if wanted(c)]


def flat(outs: Any) -> list[Any]:
    outs = outs if isinstance(outs, tuple | list) else (outs,)
    return [o for o in outs if isinstance(o, Tensor) and o.dtype.kind in "fc"]


def call(case: Case, inputs: list[Any]) -> list[Any]:
    function = case.op if isinstance(case.op, Op) else case.op.function
    return flat(function(*inputs, **case.sample.attrs))


def inner(a: Array, b: Array) -> float:
    """The real inner product that gradients are taken in, without what is not finite."""
    return float(np.real(np.sum(np.conj(a) * np.where(np.isfinite(b), b, 0))))


def direction(x: Array, rng: np.random.Generator) -> Array:
    v = rng.uniform(0.5, 1.5, x.shape) * rng.choice([-1.0, 1.0], x.shape)
    return (v + 1j * rng.uniform(-1, 1, x.shape) if x.dtype.kind == "c" else v).astype(x.dtype)


class Probe:
    """One case, one dtype, one input: the loss is the inner product of outputs and weights."""

    def __init__(self, case: Case, inputs: list[Any], spot: int, rng: np.random.Generator) -> None:
        self.case, self.inputs, self.spot = case, inputs, spot
        self.weights = [direction(o.array, rng) for o in call(case, inputs)]
        self.x = inputs[spot].array
        self.u, self.v = direction(self.x, rng), direction(self.x, rng)
        if case.op.name in HERMITIAN:
            self.u, self.v = (a + np.conj(np.swapaxes(a, -1, -2)) for a in (self.u, self.v))

    def at(self, t: float) -> list[Any]:
        """The inputs, with the one under test moved along ``v``."""
        moved = list(self.inputs)
        moved[self.spot] = wrap(self.x + t * self.v) if t else self.inputs[self.spot]
        return moved

    def loss(self, t: float) -> float:
        outs = call(self.case, self.at(t))
        return sum(inner(w, o.array) for w, o in zip(self.weights, outs, strict=True))

    def gradient(self, t: float) -> Any:
        """The gradient tensor at a moved point; zeros where unconnected."""
        inputs = self.at(t)
        with GradientTape() as tape:
            tape.watch(inputs[self.spot])
            outs = call(self.case, inputs)
        seeds = [wrap(w) for w in self.weights]
        return tape.gradient(outs, inputs[self.spot], seeds, unconnected_gradients="zero")

    def slope(self, t: float) -> float:
        return inner(self.u, self.gradient(t).array)


def assert_close(found: float, scalar: Callable[[float], float], what: str) -> None:
    """A directional derivative against Richardson's central difference."""
    one = (scalar(STEP) - scalar(-STEP)) / (2 * STEP)
    two = (scalar(2 * STEP) - scalar(-2 * STEP)) / (4 * STEP)
    expected = (4 * one - two) / 3
    scale = max(1.0, abs(scalar(0.0)), abs(expected))
    assert abs(found - expected) <= CLOSE * scale, f"{what}: {found} != {expected}"


def probes(case: Case) -> Iterator[tuple[Probe, str]]:
    """A probe for each floating input, nudged off the kinks that samples hold on purpose."""
    for dtype in kinds(case):
        inputs, spots = [], []
        for i, (x, given) in enumerate(zip(draw(case, dtype), case.sample.inputs, strict=True)):
            if isinstance(x, np.ndarray) and x.dtype == dtype:
                spots.append(i)
                x = x if isinstance(given, str) else x + 0.0137
            inputs.append(wrap(x) if isinstance(x, np.ndarray) else x)
        for spot in spots:
            probe = Probe(case, inputs, spot, generator(case.label))
            if probe.weights:
                yield probe, f"{dtype}, input {spot}"


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.label)
def test_first_derivative_is_the_difference_quotient(case: Case) -> None:
    for probe, what in probes(case):
        assert_close(inner(probe.gradient(0.0).array, probe.v), probe.loss, what)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.label)
def test_second_derivative_is_the_difference_quotient_of_the_first(case: Case) -> None:
    for probe, what in probes(case):
        x = probe.inputs[probe.spot]
        with GradientTape() as tape:
            tape.watch(x)
            first = probe.gradient(0.0)
        second = tape.gradient(first, x, wrap(probe.u), unconnected_gradients="zero")
        assert_close(inner(second.array, probe.v), probe.slope, what)
