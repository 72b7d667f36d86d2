"""Reductions: conventions at ties, zeros and empty axes; dtypes; the statistics against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twofold.ir.errors import ArgumentError, ShapeError
from twofold.ir.op import COMPOSITES, OPS
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import wrap

Array = np.ndarray[Any, Any]


def made(name: str) -> Any:
    return COMPOSITES[name].function


def gradient(function: Any, x: Any) -> Array:
    tensor = wrap(np.asarray(x, np.float64))
    with GradientTape() as tape:
        tape.watch(tensor)
        out = function(tensor)
    found: Array = tape.gradient(out, tensor).array
    return found


@pytest.mark.parametrize("name", ["max", "min"])
def test_ties_share_the_gradient_equally(name: str) -> None:
    best = 3.0 if name == "max" else -3.0
    x = [[best, 0.0, best], [0.0, best, 0.0]]
    found = gradient(lambda t: OPS[name](t, axis=1), x)
    np.testing.assert_array_equal(found, [[0.5, 0, 0.5], [0, 1, 0]])


def test_the_gradient_of_a_product_is_exact_with_zeros() -> None:
    one = gradient(lambda t: OPS["prod"](t), [2.0, 0.0, 3.0])
    two = gradient(lambda t: OPS["prod"](t), [0.0, 0.0, 3.0])
    np.testing.assert_array_equal(one, [0, 6, 0])
    np.testing.assert_array_equal(two, [0, 0, 0])


def test_the_second_derivative_of_a_product_is_exact_with_zeros() -> None:
    def first_of_middle(t: Any) -> Any:
        with GradientTape() as tape:
            tape.watch(t)
            out = OPS["prod"](t)
        return tape.gradient(out, t)[1]

    np.testing.assert_array_equal(gradient(first_of_middle, [0.0, 0.0, 3.0]), [3, 0, 0])


def test_the_gradient_of_cumprod_is_exact_with_zeros() -> None:
    found = gradient(lambda t: OPS["cumprod"](t), [2.0, 0.0, 3.0, 5.0])
    # y = x0, x0 x1, x0 x1 x2, x0 x1 x2 x3
    np.testing.assert_array_equal(found, [1, 2 + 6 + 30, 0, 0])


@pytest.mark.parametrize("x", [[0.0, 0.0], [3.0, -4.0]])
@pytest.mark.parametrize("name", ["vector_norm", "std"])
def test_a_root_has_gradient_zero_at_zero(name: str, x: list[float]) -> None:
    found = gradient(made(name), x)
    expected = {"vector_norm": [0.6, -0.8], "std": [0.5, -0.5]}[name] if any(x) else [0, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_a_reduction_of_nothing_gives_the_identity_or_raises() -> None:
    empty = np.zeros((0, 2), np.float32)
    identities = {"sum": 0, "prod": 1, "any": False, "all": True, "max": -np.inf, "min": np.inf}
    for name, value in identities.items():
        np.testing.assert_array_equal(OPS[name](empty, axis=0).array, [value] * 2)
    assert OPS["max"](np.zeros(0, np.int8)).item() == -128
    assert OPS["min"](np.zeros(0, np.uint8)).item() == 255
    assert OPS["min"](np.zeros(0, bool)).item() is True
    for name in ("argmax", "argmin"):
        with pytest.raises(ArgumentError, match="no elements"):
            OPS[name](empty, axis=0)
    assert np.isnan(made("mean")(empty).array)


@pytest.mark.parametrize(
    ("name", "given", "result"),
    [("sum", "bool", "int32"), ("prod", "bool", "int32"), ("cumsum", "bool", "int32"),
     ("sum", "int8", "int8"), ("sum", "float16", "float16"), ("max", "uint8", "uint8"),
     ("mean", "int32", "float32"), ("mean", "int64", "float64"), ("mean", "float16", "float16"),
     ("var", "complex64", "float32"), ("vector_norm", "complex128", "float64"),
     ("argmax", "float32", "int64"), ("count_nonzero", "float32", "int64")],
)  # fmt: skip
def test_result_dtypes(name: str, given: str, result: str) -> None:
    function = OPS[name] if name in OPS else made(name)
    assert function(np.ones(3, given)).dtype == result


def test_integers_wrap_and_half_precision_does_not_overflow_in_a_mean() -> None:
    assert OPS["sum"](np.array([100, 100], np.int8)).item() == -56
    assert made("mean")(np.full(1000, 1000, np.float16)).item() == 1000


def test_nan_is_the_largest_and_the_smallest() -> None:
    x = np.array([1.0, np.nan, 3.0])
    assert np.isnan(OPS["max"](x).item()) and np.isnan(OPS["min"](x).item())
    assert OPS["argmax"](x).item() == OPS["argmin"](x).item() == 1
    assert OPS["any"](np.array([np.nan])).item()


def test_argmax_takes_the_lowest_of_equal_positions() -> None:
    x = np.array([[1, 3, 3], [2, 2, 2]])
    np.testing.assert_array_equal(OPS["argmax"](x, axis=1).array, [1, 0])
    assert OPS["argmax"](x).item() == 1


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_statistics_are_numpys(axis: Any, keepdims: bool) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for name in ("mean", "var", "std"):
        found = made(name)(x, axis=axis, keepdims=keepdims).array
        np.testing.assert_allclose(found, getattr(np, name)(x, axis=axis, keepdims=keepdims),
                                   rtol=1e-12, atol=1e-15)  # fmt: skip
    corrected = made("var")(x, axis=1, correction=1).array
    np.testing.assert_allclose(corrected, np.var(x, axis=1, ddof=1), rtol=1e-12)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 0.5, np.inf, -np.inf])
def test_norms_are_numpys(order: float) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    found = made("vector_norm")(x, axis=1, ord=order).array
    np.testing.assert_allclose(found, np.linalg.norm(x, ord=order, axis=1), rtol=1e-12)


@pytest.mark.parametrize(
    ("axis", "word"), [(2, "out of range"), ((0, 0), "twice"), ("a", "integer")]
)
def test_a_wrong_axis_raises(axis: Any, word: str) -> None:
    with pytest.raises(ArgumentError, match=word):
        OPS["sum"](np.zeros((2, 3)), axis=axis)


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_running_sums_by_their_definition(exclusive: bool, reverse: bool) -> None:
    x = np.array([2, 3, 5, 7])
    order = x[::-1] if reverse else x
    stop = [i if exclusive else i + 1 for i in range(4)]
    sums = np.array([order[:n].sum() for n in stop])
    products = np.array([order[:n].prod() for n in stop])
    flags = {"exclusive": exclusive, "reverse": reverse}
    back = slice(None, None, -1 if reverse else 1)
    np.testing.assert_array_equal(OPS["cumsum"](x, **flags).array, sums[back])
    np.testing.assert_array_equal(OPS["cumprod"](x, **flags).array, products[back])


def test_cumulative_sum_needs_an_axis_of_a_matrix() -> None:
    with pytest.raises(ShapeError, match="axis"):
        made("cumulative_sum")(np.zeros((2, 3)))
    found = made("cumulative_sum")(np.array([1, 2]), include_initial=True).array
    np.testing.assert_array_equal(found, [0, 1, 3])
