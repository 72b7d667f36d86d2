"""Arrays made from attributes, against NumPy; dtypes default to float32 and int32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twofold.ir.errors import ArgumentError, DTypeError
from twofold.ir.op import COMPOSITES, OPS


def made(name: str) -> Any:
    return COMPOSITES[name].function if name in COMPOSITES else OPS[name]


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("zeros", ((2, 3),), np.zeros((2, 3), np.float32)),
        ("ones", (4, np.int64), np.ones(4, np.int64)),
        ("full", ((2,), 7), np.full(2, 7, np.int32)),
        ("full", ((2,), 1.5), np.full(2, 1.5, np.float32)),
        ("full", ((), True), np.array(True)),
        ("fill", ([2, 1], 3.0), np.full((2, 1), 3, np.float32)),
        ("full_like", (np.zeros((2, 3), np.int8), 5), np.full((2, 3), 5, np.int8)),
        ("eye", (3,), np.eye(3, dtype=np.float32)),
        ("eye", (2, 4, 1, np.int32), np.eye(2, 4, 1, np.int32)),
        ("tri", (3, 4, -1), np.tri(3, 4, -1, np.float32)),
        ("arange", (5,), np.arange(5, dtype=np.int32)),
        ("arange", (2, 11, 3), np.arange(2, 11, 3, dtype=np.int32)),
        ("arange", (5, 0, -2), np.arange(5, 0, -2, dtype=np.int32)),
        ("arange", (3, 1), np.zeros(0, np.int32)),
        ("arange", (0.0, 1.0, 0.25), np.arange(0, 1, 0.25, dtype=np.float32)),
        ("arange", (3, None, 1, "float64"), np.arange(3.0)),
        ("linspace", (0.0, 1.0, 5), np.linspace(0, 1, 5, dtype=np.float32)),
        ("linspace", (2, 8, 3, False), np.linspace(2, 8, 3, False, dtype=np.float32)),
        ("linspace", (3.0, 5.0, 1), np.array([3], np.float32)),
    ],
)
def test_creation_is_numpys(name: str, arguments: Any, expected: Any) -> None:
    found = made(name)(*arguments)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found.array, expected, rtol=1e-6)


def test_linspace_between_tensors_has_exact_ends_and_its_own_axis() -> None:
    start, stop = np.array([0.1, 1.0]), np.array([[0.7], [9.0]])
    found = made("linspace")(start, stop, 4, axis=1).array
    np.testing.assert_allclose(found, np.linspace(start, stop, 4, axis=1), rtol=1e-14)
    np.testing.assert_array_equal(found[:, -1], np.broadcast_to(stop, (2, 2)))


@pytest.mark.parametrize("indexing", ["xy", "ij"])
def test_meshgrid_is_numpys(indexing: Any) -> None:
    lines = [np.arange(2.0), np.arange(3.0), np.arange(4.0)]
    expected = np.meshgrid(*lines, indexing=indexing)
    for f, e in zip(made("meshgrid")(*lines, indexing=indexing), expected, strict=True):
        np.testing.assert_array_equal(f.array, e)


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [("zeros", ((-1,),), ArgumentError), ("zeros", ((2,), "text"), DTypeError),
     ("arange", (1, 5, 0), ArgumentError), ("arange", (1j,), ArgumentError),
     ("full", ((2,), [1, 2]), ArgumentError), ("tril", ([1.0],), ArgumentError),
     ("meshgrid", ([1.0], [2.0], "zz"), None)],
)  # fmt: skip
def test_a_refusal_is_an_argument_error(name: str, arguments: Any, error: Any) -> None:
    if error is None:
        with pytest.raises(ArgumentError, match="indexing"):
            made(name)(*arguments[:-1], indexing=arguments[-1])
        return
    with pytest.raises(error):
        made(name)(*arguments)


def test_a_cast_truncates_drops_imaginary_parts_and_tests_for_zero() -> None:
    np.testing.assert_array_equal(OPS["cast"](np.array([-1.7, 1.7]), dtype=int).array, [-1, 1])
    assert OPS["cast"](np.array(2 + 3j), dtype=np.float32).item() == 2
    assert OPS["cast"](np.array(0 + 3j), dtype=bool).item() is True
