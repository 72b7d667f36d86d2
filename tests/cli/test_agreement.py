"""When results agree: structure and dtype exactly, floating values within the bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twofold.cli.agreement import Allowed, check_same, scale_of
from twofold.ir.errors import AgreementError
from twofold.runtime.tensor import wrap

F32 = np.float32


def check(a: Any, b: Any, **bounds: float) -> float:
    return check_same(a, b, "f", None, Allowed(**bounds))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.array([1.0, np.nan, np.inf], F32), np.array([1.0 + 5e-6, np.nan, np.inf], F32)),
        (np.array([0.0, -0.0]), np.array([-0.0, 0.0])),
        (np.array([1e6, 0.0], F32), np.array([1e6, 5.0], F32)),  # of the array's scale
        (np.array([1 + 1j], "c16"), np.array([1 + 1j + 1e-13], "c16")),
        (np.array([], F32), np.array([], F32)),
        (np.array([3]), np.array([3])),
    ],
)
def test_arrays_that_agree(a: Any, b: Any) -> None:
    check(wrap(a), wrap(b))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.ones(2), np.ones(2, F32), r"output is float64\[2\] eagerly, float32\[2\] compiled"),
        (np.ones(2), np.ones(3), r"output is float64\[2\] eagerly, float64\[3\]"),
        (np.array([1, 2]), np.array([1, 3]), r"output\[1\] is 2 eagerly, 3 compiled \(int64, must"),
        (np.array([np.nan, 1.0]), np.array([1.0, 1.0]), r"output\[0\] is nan eagerly, 1.0 comp"),
        (np.array(np.inf), np.array(-np.inf), "output is inf eagerly, -inf compiled"),
        (np.array([[1.0, 1.0]]), np.array([[1.0, 1 + 1e-11]]), r"output\[0, 1\] is 1.0"),
        (np.array([1.0], F32), np.array([1.0001], F32), "1 of 1 elements differ"),
    ],
)
def test_the_first_difference_is_named(a: Any, b: Any, message: str) -> None:
    with pytest.raises(AgreementError, match=message):
        check(wrap(a), wrap(b))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((1, 2), [1, 2], r"eager returns \(\*, \*\), compiled \[\*, \*\]"),
        ({"a": 1}, {"b": 1}, r"eager returns \{'a': \*\}, compiled \{'b': \*\}"),
        ([1, {"k": 2}], [1, {"k": 3}], r"output\[1\]\['k'\] is 2 eagerly, 3 compiled"),
        (1, 1.0, "output is a int eagerly, a float compiled"),
        (np.ones(1), wrap(np.ones(1)), "output is a ndarray eagerly, a Tensor compiled"),
        (None, 0, "output is a NoneType eagerly, a int compiled"),
    ],
)
def test_structure_and_python_values_must_be_equal(a: Any, b: Any, message: str) -> None:
    with pytest.raises(AgreementError, match=message):
        check(a, b)


def test_nan_as_a_python_number_equals_itself() -> None:
    check({"a": float("nan"), "b": "text"}, {"a": float("nan"), "b": "text"})


def test_the_largest_difference_is_reported_in_parts_of_the_scale() -> None:
    assert check(wrap(np.array([4.0, 1.0], F32)), wrap(np.array([4.0, 1.5], F32)), rtol=1) == 0.125


def test_a_bound_of_zero_asks_for_equality() -> None:
    a = np.array([1.0])
    check(wrap(a), wrap(a.copy()), rtol=0.0, atol=0.0)
    with pytest.raises(AgreementError, match="rtol 0, atol 0"):
        check(wrap(a), wrap(np.nextafter(a, 2.0)), rtol=0.0, atol=0.0)


def test_what_cancels_as_a_whole_is_judged_by_the_scale_of_the_inputs() -> None:
    a, b = wrap(np.array([2e-5])), wrap(np.array([2e-5 + 1e-15]))
    with pytest.raises(AgreementError):
        check(a, b)
    assert check(a, b, reach=1.0) == pytest.approx(1e-15, rel=1e-3)
    with pytest.raises(AgreementError):
        check(a, b, reach=0.1)
    with pytest.raises(AgreementError):
        check(a, b, reach=1.0, atol=0.0)


def test_the_scale_is_of_finite_floating_values() -> None:
    arrays = [np.array([1.0, -3.0, np.inf, np.nan]), np.array([100]), np.array([])]
    assert scale_of(arrays) == 3.0
    assert scale_of([np.array([3 + 4j])]) == 5.0
    assert scale_of([]) == 0.0
