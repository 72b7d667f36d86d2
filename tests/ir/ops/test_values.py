"""Every result is a value of its own: writing to it never changes an argument."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twofold.ir.op import COMPOSITES, OPS
from twofold.ir.tree import flatten
from twofold.runtime.tensor import Tensor, wrap


def argument(spec: Any) -> Any:
    if not isinstance(spec, str) or "[" not in spec:
        return wrap(spec) if isinstance(spec, np.ndarray) else spec
    kind, shape = spec[0], tuple(int(n) for n in spec[2:-1].split(",") if n)
    dtype = {"f": "float64", "b": "bool", "i": "int32", "u": "uint8", "c": "complex128"}[kind]
    return wrap(np.ones(shape, dtype))


CASES = [
    (getattr(made, "function", made), sample)
    for made in (*OPS.values(), *COMPOSITES.values())
    if getattr(made, "kind", "") not in ("state", "region", "random")
    for sample in made.samples
]


@pytest.mark.parametrize(("function", "sample"), CASES,
                         ids=[f"{f.__name__}-{i}" for i, (f, _) in enumerate(CASES)])  # fmt: skip
def test_a_write_to_a_result_leaves_the_arguments_alone(function: Any, sample: Any) -> None:
    arguments = [argument(spec) for spec in sample.inputs]
    tensors = [t for t in arguments if isinstance(t, Tensor)]
    before = [t.numpy() for t in tensors]
    for out in flatten(function(*arguments, **sample.attrs))[0]:
        if isinstance(out, Tensor) and out.size:
            out[...] = 0
            out[...] = 1 - out
    for t, then in zip(tensors, before, strict=True):
        np.testing.assert_array_equal(t.numpy(), then)


@pytest.mark.parametrize(
    "function",
    [lambda x: x[:], lambda x: x[...], lambda x: COMPOSITES["pad"].function(x, 0, mode="edge"),
     lambda x: COMPOSITES["einsum"].function("ij->ij", x), lambda x: x.reshape(2, 2),
     lambda x: x.astype(np.float64), lambda x: COMPOSITES["tile"].function(x, 1),
     lambda x: OPS["sum"](x, axis=())],
)  # fmt: skip
def test_a_result_that_equals_its_argument_is_another_object(function: Any) -> None:
    x = wrap(np.arange(4.0).reshape(2, 2))
    out = function(x)
    assert out is not x
    x[0, 0] = 99.0
    out[1, 1] = 77.0
    assert x.numpy().tolist() == [[99, 1], [2, 3]] and out.numpy().tolist() == [[0, 1], [2, 77]]
