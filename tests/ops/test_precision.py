"""The bodies are within 4 units in the last place: float32 of float64, float64 of mpmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from support.sampling import fill, generator

from twofold.ir.op import OPS, Op

Array = np.ndarray[Any, Any]
BOUND = 4.0
FLOAT = [
    op for op in OPS.values()
    if op.kind == "elementwise" and "f" in op.accepts and not op.has_attrs
    and op.tensors in (("x",), ("x", "y")) and op.result == "same" and op.promote != "bool"
    # the float neighbour differs by dtype, and so does what is rounded to it
    and op.name not in ("nextafter",)
]  # fmt: skip


def ulps(found: Array, exact: Array) -> Array:
    """The error in units in the last place of ``found``'s dtype."""
    unit = np.spacing(np.abs(exact).astype(found.dtype)).astype(np.float64)
    return np.abs(found.astype(np.float64) - exact) / unit


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("op", FLOAT, ids=lambda op: op.name)
def test_a_narrow_dtype_is_within_four_ulp_of_float64(op: Op, dtype: str) -> None:
    rng = generator(op.name)
    inputs = [fill((400,), np.dtype(dtype), op.domain, rng) for _ in op.tensors]
    with np.errstate(all="ignore"):
        found = op.body(*inputs)
        exact = op.body(*[x.astype(np.float64) for x in inputs])
    assert found.dtype == dtype
    assert ulps(found, exact).max() <= BOUND


def spread(low: float, high: float, count: int = 150) -> Array:
    return generator(f"{low}{high}").uniform(low, high, count)


def scales(low: float, high: float, count: int = 80) -> Array:
    """Numbers of every order of magnitude between two positive ones."""
    return np.exp(generator(f"log{low}{high}").uniform(np.log(low), np.log(high), count))


def log_gamma(x: Any) -> Any:
    return mpmath.log(abs(mpmath.gamma(x)))


ROOT = 1.4616321449683622
EXACT: dict[str, tuple[Callable[..., Any], Array]] = {
    "exp": (mpmath.exp, spread(-700, 700)),
    "exp2": (lambda x: mpmath.power(2, x), spread(-1000, 1000)),
    "expm1": (mpmath.expm1, np.r_[spread(-40, 40), scales(1e-300, 1)]),
    "log": (mpmath.log, np.r_[scales(1e-300, 1e300), spread(0.5, 2)]),
    "log2": (lambda x: mpmath.log(x) / mpmath.log(2), np.r_[scales(1e-300, 1e300)]),
    "log10": (mpmath.log10, scales(1e-300, 1e300)),
    "log1p": (mpmath.log1p, np.r_[scales(1e-300, 1e300), spread(-0.9, 1)]),
    "sin": (mpmath.sin, spread(-100, 100)),
    "cos": (mpmath.cos, spread(-100, 100)),
    "tan": (mpmath.tan, spread(-1.5, 1.5)),
    "tanh": (mpmath.tanh, np.r_[spread(-20, 20), scales(1e-300, 1)]),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), spread(-700, 40)),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), spread(-700, 700)),
    "rsqrt": (lambda x: 1 / mpmath.sqrt(x), scales(1e-300, 1e300)),
    "cbrt": (mpmath.cbrt, scales(1e-300, 1e300)),
    "erf": (mpmath.erf, np.r_[spread(-7, 7), scales(1e-300, 6)]),
    "erfc": (mpmath.erfc, np.r_[spread(-7, 26), scales(1e-10, 6)]),
    "erfinv": (mpmath.erfinv, np.r_[spread(-1, 1, 30), 1 - scales(1e-15, 0.5, 30)]),
    "lgamma": (
        log_gamma,
        np.r_[spread(0, 13), scales(1e-300, 1e300), 1 + scales(1e-15, 1), 2 - scales(1e-15, 1),
              2 + scales(1e-15, 1), 1 - scales(1e-15, 0.5)],
    ),
    "digamma": (
        mpmath.digamma,
        np.r_[spread(0, 13), scales(1e-300, 1e300), ROOT + scales(1e-15, 0.5),
              ROOT - scales(1e-15, 0.4)],
    ),
}  # fmt: skip


def exact_error(found: Array, exact: list[Any]) -> float:
    """The largest error in units in the last place, computed with 40 digits."""
    errors = [
        abs(mpmath.mpf(float(f)) - e) / mpmath.mpf(float(np.spacing(abs(float(e)))))
        for f, e in zip(found, exact, strict=True)
    ]
    return float(max(errors))


@pytest.mark.parametrize("name", EXACT)
def test_float64_is_within_four_ulp(name: str) -> None:
    function, points = EXACT[name]
    with mpmath.workdps(40), np.errstate(all="ignore"):
        exact = [function(mpmath.mpf(float(x))) for x in points]
        assert exact_error(OPS[name].body(points), exact) <= BOUND


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_gamma_functions_of_negative_numbers(name: str) -> None:
    function = EXACT[name][0]
    points = -np.r_[spread(0, 20), scales(1e-18, 1)]
    with mpmath.workdps(40):
        exact = np.array([float(function(mpmath.mpf(float(x)))) for x in points])
    error = np.abs(OPS[name].body(points) - exact) / np.spacing(np.maximum(np.abs(exact), 1))
    assert error.max() <= 6


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_polygamma(order: int) -> None:
    points = np.r_[spread(0.001, 30), scales(0.001, 1e5)]
    with mpmath.workdps(40):
        exact = [mpmath.polygamma(order, mpmath.mpf(float(x))) for x in points]
        assert exact_error(OPS["polygamma"].body(points, order=order), exact) <= 8


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_polygamma_of_negative_numbers(order: int) -> None:
    points = -spread(0, 12)
    with mpmath.workdps(40):
        exact = [float(mpmath.polygamma(order, mpmath.mpf(float(x)))) for x in points]
    found = OPS["polygamma"].body(points, order=order)
    assert (np.abs(found - exact) / np.spacing(np.maximum(np.abs(exact), 1))).max() <= 64


def test_special_values() -> None:
    edges = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, 1.0, 2.0])
    inf, nan = np.inf, np.nan
    expected = {
        "erf": [0, -0.0, 1, -1, nan],
        "erfc": [1, 1, 0, 2, nan],
        "erfinv": [0, -0.0, nan, nan, nan, -inf, inf, nan],
        "lgamma": [inf, inf, inf, inf, nan, inf, 0, 0],
        "digamma": [-inf, inf, inf, nan, nan, nan],
    }
    for name, want in expected.items():
        with np.errstate(all="ignore"):
            found = OPS[name].body(edges)
        np.testing.assert_array_equal(found[: len(want)], want, err_msg=name)
