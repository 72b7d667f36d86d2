"""Segments: dropped ids, empty segments, ties, and ids out of range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twofold.ir.errors import IndexOutOfBoundsError, ShapeError
from twofold.ir.op import COMPOSITES, OPS
from twofold.runtime.tape import GradientTape
from twofold.runtime.tensor import wrap

DATA = np.array([[1.0, 2], [3, 4], [5, 6], [1, 8]])
IDS = np.array([2, 0, -1, 2])


def made(name: str) -> Any:
    return COMPOSITES[name].function if name in COMPOSITES else OPS[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sum", [[3, 4], [0, 0], [2, 10]]), ("mean", [[3, 4], [0, 0], [1, 5]]),
     ("max", [[3, 4], [-1, -1], [1, 8]]), ("min", [[3, 4], [1, 1], [1, 2]])],
)  # fmt: skip
def test_rows_of_one_id_are_folded_and_negative_ids_dropped(name: str, expected: Any) -> None:
    want = np.array(expected, np.float64)
    if name in ("max", "min"):
        want[1] *= np.finfo(np.float64).max
    found = made(f"unsorted_segment_{name}")(DATA, IDS, num_segments=3).array
    np.testing.assert_array_equal(found, want)


def test_sorted_ids_say_how_many_segments_there_are() -> None:
    ids = np.array([0, 0, 2, 2])
    np.testing.assert_array_equal(made("segment_sum")(DATA, ids).array, [[4, 6], [0, 0], [6, 14]])
    np.testing.assert_array_equal(made("segment_mean")(DATA, ids).array, [[2, 3], [0, 0], [3, 7]])
    assert made("segment_max")(DATA[:0], ids[:0]).shape == (0, 2)
    assert made("segment_min")(DATA, ids).array[2].tolist() == [1, 6]


def test_equal_extremes_share_the_gradient() -> None:
    data = wrap(DATA)
    with GradientTape() as tape:
        tape.watch(data)
        out = OPS["unsorted_segment_max"](data, IDS, num_segments=3)
    expected = [[0.5, 0], [1, 1], [0, 0], [0.5, 1]]
    np.testing.assert_array_equal(tape.gradient(out, data).array, expected)


def test_an_id_out_of_range_and_shapes_that_do_not_fit_raise() -> None:
    with pytest.raises(IndexOutOfBoundsError, match="index 2 is out of bounds for axis 0"):
        OPS["unsorted_segment_sum"](DATA, IDS, num_segments=2)
    with pytest.raises(ShapeError, match="begin the data's"):
        OPS["unsorted_segment_sum"](DATA, IDS[:3], num_segments=3)


def test_a_histogram_counts_values_outside_at_the_ends() -> None:
    x = np.array([-9.0, 0.0, 0.24, 0.25, 0.99, 1.0, 7.0])
    found = made("histogram_fixed_width")(x, (0.0, 1.0), nbins=4)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found.array, [3, 1, 0, 3])
