"""Values, gradients, Jacobians and Hessians against numbers that TensorFlow computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.sampling import generator  # importing it also installs executor and operators

from twofold.ir.op import COMPOSITES, OPS
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import Tensor, wrap

assert generator
FOLDER = Path(__file__).parent.parent / "reference"
ARRAYS = np.load(FOLDER / "ops.npz")
CASES: list[dict[str, Any]] = json.loads((FOLDER / "ops.json").read_text())["cases"]

NAMES = {
    "pow": "power",
    "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift",
    "norm": "vector_norm",
    "softmax_xent": "softmax_cross_entropy_with_logits",
    "reduce_variance": "var",
}


class Namespace:
    """The ops and composites under TensorFlow's names."""

    def __getattr__(self, name: str) -> Any:
        name = NAMES.get(name, name).removeprefix("reduce_")
        if name in COMPOSITES:
            return COMPOSITES[name].function
        if name in OPS:
            return OPS[name]
        raise AttributeError(name)


def missing(case: dict[str, Any]) -> bool:
    """Whether the expression names an operation that is not in the registry."""
    inputs = {"o", *(f"x{i}" for i in range(case["n_in"]))}
    names = set(compile(case["expr"], "", "eval").co_names) - inputs
    methods = set(dir(Tensor))
    return any(not hasattr(Namespace(), name) and name not in methods for name in names)


PRESENT = [case for case in CASES if not missing(case)]
SMOOTH = [case for case in PRESENT if case["kind"] == "vjp"]
HIGHER = [case for case in PRESENT if case["kind"] in ("jacobian", "hessian")]
# Removed from this list when the operation arrives: the test below insists.
ABSENT: set[str] = set()
# Where this project follows NumPy and the array API instead.
DTYPES = {"searchsorted": "int64"}


def ids(case: dict[str, Any]) -> str:
    return str(case["id"])


def inputs_of(case: dict[str, Any]) -> list[Tensor]:
    return [wrap(ARRAYS[f"{case['id']}/x{i}"]) for i in range(case["n_in"])]


def evaluate(case: dict[str, Any], inputs: list[Tensor]) -> list[Any]:
    names = {f"x{i}": x for i, x in enumerate(inputs)}
    out = eval(case["expr"], {"o": Namespace()}, names)
    return list(out) if isinstance(out, tuple | list) else [out]


def test_the_list_of_absent_operations_is_true() -> None:
    assert {case["id"] for case in CASES if missing(case)} == ABSENT


@pytest.mark.parametrize("case", [c for c in PRESENT if c["kind"] in ("fwd", "vjp")], ids=ids)
def test_value(case: dict[str, Any]) -> None:
    rtol, atol = case["tol"]
    found = evaluate(case, inputs_of(case))
    assert len(found) == case["n_out"]
    for i, (y, (dtype, shape)) in enumerate(zip(found, case["out"], strict=True)):
        assert (str(y.dtype), list(y.shape)) == (DTYPES.get(case["id"], dtype), shape)
        np.testing.assert_allclose(y.numpy(), ARRAYS[f"{case['id']}/y{i}"], rtol, atol)


@pytest.mark.parametrize("case", SMOOTH, ids=ids)
def test_gradient(case: dict[str, Any]) -> None:
    rtol, atol = (10 * t for t in case["tol"])
    inputs = inputs_of(case)
    with GradientTape() as tape:
        tape.watch([inputs[i] for i in case["wrt"]])
        outs = evaluate(case, inputs)
    keys = [f"{case['id']}/dy{i}" for i in range(len(outs))]
    seeds = [wrap(ARRAYS[k]) if k in ARRAYS else None for k in keys]
    found = tape.gradient(outs, [inputs[i] for i in case["wrt"]], seeds)
    for g, key in zip(found, case["grad"], strict=True):
        if key is None:
            assert g is None
        else:
            np.testing.assert_allclose(g.numpy(), ARRAYS[f"{case['id']}/{key}"], rtol, atol)


def rows(outs: Any, x: Tensor, tape: GradientTape) -> np.ndarray[Any, Any]:
    """The Jacobian of a tensor, one reverse sweep for each element."""
    found = []
    for spot in np.ndindex(*outs.shape):
        seed = np.zeros(outs.shape)
        seed[spot] = 1.0
        found.append(tape.gradient(outs, x, wrap(seed), unconnected_gradients="zero").numpy())
    return np.reshape(found, (*outs.shape, *x.shape))


@pytest.mark.parametrize("case", HIGHER, ids=ids)
def test_jacobian_or_hessian(case: dict[str, Any]) -> None:
    rtol, atol = (10 * t for t in case["tol"])
    (x,) = inputs_of(case)
    with GradientTape(persistent=True) as outer:
        outer.watch(x)
        with GradientTape() as tape:
            tape.watch(x)
            (out,) = evaluate(case, [x])
        if case["kind"] == "hessian":
            out = tape.gradient(out, x)
    key = f"{case['id']}/{'hess' if case['kind'] == 'hessian' else 'jac'}"
    np.testing.assert_allclose(rows(out, x, outer), ARRAYS[key], rtol, atol)
