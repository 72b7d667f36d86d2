"""Order and selection against NumPy, and their conventions at ties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twofold.ir.errors import ArgumentError, IndexOutOfBoundsError, ShapeError
from twofold.ir.op import COMPOSITES, OPS
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import wrap

TIES = np.array([[3.0, 1, 3, 2, 1], [0, 0, np.nan, 0, -1]])


def made(name: str) -> Any:
    return COMPOSITES[name].function


def test_sort_puts_nan_last_and_falling_order_is_the_reverse() -> None:
    np.testing.assert_array_equal(OPS["sort"](TIES).array, np.sort(TIES))
    falling = OPS["sort"](TIES, descending=True).array
    np.testing.assert_array_equal(falling, np.sort(TIES)[:, ::-1])


def test_argsort_keeps_equal_elements_in_order() -> None:
    np.testing.assert_array_equal(OPS["argsort"](TIES[0]).array, [1, 4, 3, 0, 2])
    np.testing.assert_array_equal(OPS["argsort"](TIES[0], descending=True).array, [0, 2, 3, 1, 4])


def test_top_k_takes_the_lowest_position_of_equal_elements() -> None:
    values, places = OPS["top_k"](TIES[0], k=3)
    np.testing.assert_array_equal(values.array, [3, 3, 2])
    np.testing.assert_array_equal(places.array, [0, 2, 3])
    with pytest.raises(ArgumentError, match="k is 6"):
        OPS["top_k"](TIES, k=6)


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted_goes_line_by_line(side: Any) -> None:
    lines, values = np.sort(np.arange(12).reshape(2, 6) % 4), np.array([[0, 3], [2, 9]])
    found = OPS["searchsorted"](lines, values, side=side)
    expected = [np.searchsorted(a, v, side) for a, v in zip(lines, values, strict=True)]
    np.testing.assert_array_equal(found.array, expected)
    assert found.dtype == np.int64
    with pytest.raises(ShapeError, match="agree"):
        OPS["searchsorted"](lines, values[:1])
    with pytest.raises(ArgumentError, match="side"):
        OPS["searchsorted"](lines, values, side="middle")


def test_nonzero_and_argwhere_are_numpys() -> None:
    x = np.array([[0, 1], [2, 0]])
    np.testing.assert_array_equal(made("argwhere")(x).array, np.argwhere(x))
    for found, expected in zip(made("nonzero")(x), np.nonzero(x), strict=True):
        np.testing.assert_array_equal(found.array, expected)


def test_unique_counts_positions_and_inverse() -> None:
    x = np.array([[2, 1], [2, 5]])
    found = made("unique_all")(x)
    np.testing.assert_array_equal(found.values.array, [1, 2, 5])
    np.testing.assert_array_equal(found.indices.array, [1, 0, 3])
    np.testing.assert_array_equal(found.inverse_indices.array, [[1, 0], [1, 2]])
    np.testing.assert_array_equal(found.counts.array, [1, 2, 1])
    assert made("unique_values")(np.array([np.nan, np.nan])).shape == (2,)
    np.testing.assert_array_equal(made("unique_counts")(x).counts.array, [1, 2, 1])
    np.testing.assert_array_equal(made("unique_inverse")(x).values.array, [1, 2, 5])


def test_one_hot_of_an_index_out_of_range_is_off() -> None:
    found = made("one_hot")(np.array([0, 3, -1]), 3)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.array, [[1, 0, 0], [0, 0, 0], [0, 0, 0]])
    turned = made("one_hot")(np.array([[1]]), 2, on_value=5, off_value=2, axis=0).array
    np.testing.assert_array_equal(turned, [[[2]], [[5]]])


@pytest.mark.parametrize("batch_dims", [0, 1])
def test_gather_by_its_definition(batch_dims: int) -> None:
    x, at = np.arange(24).reshape(2, 3, 4), np.array([[0, 2, -1], [1, 1, 0]])
    found = OPS["gather"](x, at, axis=1, batch_dims=batch_dims).array
    expected = np.stack([x[b][at[b]] for b in range(2)]) if batch_dims else x[:, at]
    np.testing.assert_array_equal(found, expected)


def test_gather_behind_unmatched_axes() -> None:
    x, at = np.arange(24).reshape(2, 3, 4), np.array([[0, 3], [1, 1]])
    found = OPS["gather"](x, at, axis=2, batch_dims=1).array
    np.testing.assert_array_equal(found, np.stack([x[b][:, at[b]] for b in range(2)]))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_take_along_axis_is_numpys(axis: int) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    at = np.argsort(x, axis=axis)
    found = made("take_along_axis")(x, at, axis=axis).array
    np.testing.assert_array_equal(found, np.take_along_axis(x, at, axis))


def test_scatters_by_their_definition() -> None:
    x, points = np.zeros((2, 3)), np.array([[0, 1], [1, -1], [0, 1]])
    updates = np.array([1.0, 2, 3])
    added = OPS["tensor_scatter_nd_add"](x, points, updates).array
    np.testing.assert_array_equal(added, [[0, 4, 0], [0, 0, 2]])
    written = OPS["tensor_scatter_nd_update"](x, points, updates).array
    np.testing.assert_array_equal(written, [[0, 3, 0], [0, 0, 2]])
    rows = OPS["scatter_add"](x, np.array([1, 1]), np.ones((2, 3))).array
    np.testing.assert_array_equal(rows, [[0, 0, 0], [2, 2, 2]])


def test_of_updates_to_one_place_the_last_alone_has_a_gradient() -> None:
    updates = wrap(np.array([1.0, 2, 3]))
    with GradientTape() as tape:
        tape.watch(updates)
        out = OPS["tensor_scatter_nd_update"](np.zeros(4), np.array([[0], [2], [0]]), updates)
    np.testing.assert_array_equal(tape.gradient(out, updates).array, [0, 1, 1])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("gather", (np.zeros(3), 7)), ("gather", (np.zeros(3), np.array([0, -4]))),
     ("gather_nd", (np.zeros((2, 3)), np.array([[1, 3]]))),
     ("tensor_scatter_nd_add", (np.zeros(3), np.array([[3]]), np.ones(1))),
     ("tensor_scatter_nd_update", (np.zeros(3), np.array([[3]]), np.ones(1))),
     ("scatter_add", (np.zeros(3), np.array([3]), np.ones(1)))],
)  # fmt: skip
def test_an_index_outside_raises(name: str, arguments: Any) -> None:
    with pytest.raises(IndexOutOfBoundsError, match="out of bounds"):
        OPS[name](*arguments)


def test_updates_of_another_shape_raise() -> None:
    with pytest.raises(ShapeError, match=r"\[2\] where the indices need \[1\]"):
        OPS["tensor_scatter_nd_add"](np.zeros(3), np.array([[1]]), np.ones(2))
    with pytest.raises(ShapeError, match="between 1 and 1"):
        OPS["gather_nd"](np.zeros(3), np.array([[1, 1]]))
    with pytest.raises(ArgumentError, match="batch_dims"):
        OPS["gather"](np.zeros((2, 3)), np.zeros((2, 2), int), axis=0, batch_dims=1)
