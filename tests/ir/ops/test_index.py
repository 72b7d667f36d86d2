"""``x[key]`` and ``x[key] = value`` against NumPy, for keys of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twofold.ir.errors import DTypeError, IndexOutOfBoundsError, ShapeError
from twofold.ir.ops.index import getitem, setitem
from twofold.runtime.tensor import wrap

Array = np.ndarray[Any, Any]
SHAPES = st.lists(st.integers(0, 4), min_size=0, max_size=4).map(tuple)


def numbers(shape: tuple[int, ...]) -> Array:
    return np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)


@st.composite
def parts(draw: Any, size: int, broadcast: tuple[int, ...]) -> Any:
    """A key for one axis: position, slice or index array."""
    kinds = ["slice", "slice", "array"] + (["position"] if size else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "slice":
        bound = st.none() | st.integers(-size - 2, size + 2)
        step = st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3])
        return slice(draw(bound), draw(bound), draw(step))
    if kind == "position":
        return draw(st.integers(-size, size - 1))
    shape = tuple(draw(st.sampled_from([1, n])) for n in broadcast) if size else (0,)
    count = int(np.prod(shape))
    values = draw(st.lists(st.integers(-size, size - 1), min_size=count, max_size=count)) if (
        size) else []  # fmt: skip
    return np.array(values, draw(st.sampled_from([np.int64, np.int32]))).reshape(shape)


@st.composite
def shapes_and_keys(draw: Any) -> tuple[tuple[int, ...], Any]:
    """A shape and a key for it: ints, slices, arrays, masks, new axes and an ellipsis, mixed."""
    shape = draw(SHAPES)
    broadcast = draw(st.sampled_from([(), (2,), (3,), (2, 3)]))
    if 0 in shape:
        broadcast = (0,)
    key: list[Any] = []
    axis = 0
    stop = draw(st.integers(0, len(shape)))
    while axis < stop:
        if draw(st.integers(0, 5)) == 0:
            covered = draw(st.integers(1, min(2, len(shape) - axis)))
            masked = shape[axis : axis + covered]
            key.append(draw(st.integers(0, 2**16)) % 7 > np.arange(np.prod(masked)).reshape(masked))
            axis += covered
        else:
            key.append(draw(parts(shape[axis], broadcast)))
            axis += 1
    for _ in range(draw(st.integers(0, 2))):
        key.insert(draw(st.integers(0, len(key))), None)
    if draw(st.booleans()):
        if axis < len(shape):
            key.append(Ellipsis)
        else:
            key.insert(draw(st.integers(0, len(key))), Ellipsis)
    return shape, tuple(key)


def as_given(key: Any, tensors: bool) -> Any:
    if not tensors:
        return key
    return tuple(wrap(k) if isinstance(k, np.ndarray) else k for k in key)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(shapes_and_keys(), st.booleans())
def test_getitem_is_numpys(made: tuple[tuple[int, ...], Any], tensors: bool) -> None:
    shape, key = made
    x = numbers(shape)
    try:
        expected = x[key]
    except IndexError:
        with pytest.raises((IndexError, ShapeError)):
            getitem(x, as_given(key, tensors))
        return
    found = getitem(x, as_given(key, tensors)).array
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(shapes_and_keys(), st.sampled_from(["whole", "scalar", "row"]))
def test_setitem_is_numpys(made: tuple[tuple[int, ...], Any], kind: str) -> None:
    shape, key = made
    x = numbers(shape)
    try:
        chosen = x[key]
    except IndexError:
        return
    value: Any = -1 - numbers(chosen.shape)
    if kind == "scalar" or not chosen.ndim:
        value = np.int64(-7)
    elif kind == "row":
        value = value[..., -1:]
    expected = x.copy()
    expected[key] = value
    np.testing.assert_array_equal(setitem(x, key, value).array, expected)
    np.testing.assert_array_equal(x, numbers(shape))


@pytest.mark.parametrize(
    "key",
    [True, False, (slice(None), True), np.array(False), [], [1, 0], [[True, False, True]] * 2,
     (Ellipsis, [0, 1]), np.uint8(1), ([0, 1], slice(None), None), ([1], None, 0),
     (0, Ellipsis, 1)],
    ids=str,
)  # fmt: skip
def test_unusual_keys_are_numpys(key: Any) -> None:
    x = numbers((2, 3))
    np.testing.assert_array_equal(getitem(x, key).array, x[key])
    expected = x.copy()
    expected[key] = -1
    np.testing.assert_array_equal(setitem(x, key, -1).array, expected)


@pytest.mark.parametrize(
    "key",
    [(slice(None), [0, 1], Ellipsis, [1, 2]), (slice(None), [0, 1], [1, 2]), ([1], slice(None), 0),
     (slice(None), 0, None, [1, 2]), (slice(None), None, 1, [1, 2]), (0, [[1], [2]], Ellipsis, 1)],
    ids=str,
)  # fmt: skip
def test_index_arrays_that_are_not_neighbours_come_first(key: Any) -> None:
    x = numbers((2, 3, 4))
    assert getitem(x, key).shape == x[key].shape
    np.testing.assert_array_equal(getitem(x, key).array, x[key])


@pytest.mark.parametrize("key", [3, -4, (0, 5), [0, 3], (slice(None), np.array([[-5]])), (0, 0, 0)],
                         ids=str)  # fmt: skip
@pytest.mark.parametrize("write", [False, True])
def test_an_index_out_of_bounds_raises(key: Any, write: bool) -> None:
    x = wrap(numbers((3, 4)))
    with pytest.raises(IndexOutOfBoundsError, match=r"test_index\.py"):
        setitem(x, key, 0) if write else getitem(x, key)


def test_the_message_names_index_axis_and_size() -> None:
    with pytest.raises(IndexError, match=r"index 9 is out of bounds for axis 1 with size 4"):
        getitem(numbers((3, 4)), (slice(None), np.array([0, 9])))


def test_a_mask_of_another_shape_raises() -> None:
    with pytest.raises(IndexError, match=r"mask of shape \[2\].*\[3\]"):
        getitem(numbers((3, 4)), np.array([True, False]))
    with pytest.raises(IndexError, match=r"mask of shape \[2\]"):
        setitem(numbers((3, 4)), np.array([True, False]), 0)


def test_two_ellipses_and_floating_indices_raise() -> None:
    with pytest.raises(ValueError, match="one ellipsis"):
        getitem(numbers((3, 4)), (Ellipsis, Ellipsis))
    with pytest.raises(DTypeError, match="integers or bool"):
        getitem(numbers((3, 4)), np.array([0.5]))


def test_setitem_keeps_the_dtype_and_refuses_to_drop_an_imaginary_part() -> None:
    x = np.zeros(3, np.float32)
    out = setitem(x, 1, np.float64(2.5))
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out.array, np.array([0, 2.5, 0], np.float32))
    with pytest.raises(DTypeError, match="complex"):
        setitem(x, 1, 1j)


def test_a_value_that_does_not_fit_raises() -> None:
    with pytest.raises(ShapeError, match="broadcast"):
        setitem(numbers((3, 4)), 0, np.zeros(3))
    with pytest.raises(ShapeError, match=r"\[2,4\]"):
        setitem(numbers((3, 4)), 0, np.zeros((2, 4)))


def test_of_values_for_one_place_the_last_stays() -> None:
    out = setitem(np.zeros(3), np.array([1, 1, 1]), np.array([5.0, 6.0, 7.0]))
    np.testing.assert_array_equal(out.array, [0, 7, 0])


def test_a_list_of_tensors_is_written() -> None:
    out = setitem(np.zeros(3), slice(0, 2), [wrap(np.float64(1)), wrap(np.float64(2))])
    np.testing.assert_array_equal(out.array, [1, 2, 0])
