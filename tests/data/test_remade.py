"""Functions that another function makes anew for each element: one trace, each with its values."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import twofold as tf

Dataset = tf.data.Dataset
ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)


class Scaled:
    def __init__(self, by: Any) -> None:
        self.by = by

    def times(self, v: Any) -> Any:
        return v * self.by


def outer(make: Callable[[Any], Callable[[Any], Any]]) -> tuple[list[float], list[Any]]:
    """The elements of slices of rows, mapped by what ``make`` gives for each row, and what was
    known of those functions."""
    made = []

    def inner(row: Any) -> Any:
        ds = Dataset.from_tensor_slices(row).map(make(row))
        made.append(ds._node.function.traced)
        return ds

    found = [float(v) for v in Dataset.from_tensor_slices(ROWS).flat_map(inner)]
    return found, made


def partial(row: Any) -> Any:
    return functools.partial(lambda a, v: v - a, row[2])


def nested(row: Any) -> Any:
    add = lambda v: v + row[0]  # noqa: E731
    return lambda v: add(v) * 2


OFFSET = 3


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda row: lambda v: v + OFFSET, ROWS + 3),
        (lambda row: lambda v: v + row[0], ROWS + ROWS[:, :1]),
        (lambda row: lambda v: row[1] if v > 4 else v, np.where(ROWS > 4, ROWS[:, 1:2], ROWS)),
        (lambda row: lambda v, row=row: v * row[1], ROWS * ROWS[:, 1:2]),
        (partial, ROWS - ROWS[:, 2:]),
        (nested, 2 * (ROWS + ROWS[:, :1])),
    ],
)
def test_tensors_that_a_remade_function_holds_are_arguments_of_one_trace(
    make: Any, expected: Any
) -> None:
    found, made = outer(make)
    assert found == expected.ravel().tolist()
    assert len(made) == len(ROWS)
    assert all(traced is made[0] for traced in made)
    assert made[-1].compiled.experimental_get_tracing_count() == 1


def test_other_values_are_other_functions() -> None:
    numbers = iter(range(4))

    def make(row: Any) -> Any:
        by = next(numbers)
        return lambda v: v * 0 + by

    found, made = outer(make)
    assert found[:: len(ROWS[0])] == [0.0, 1.0, 2.0, 3.0]
    assert len(set(map(id, made))) == len(made)
    objects = outer(lambda row: Scaled(float(row[0])).times)[0]
    assert objects == (ROWS * ROWS[:, :1]).ravel().tolist()


def test_what_remade_functions_assign_to_is_their_own() -> None:
    def make(row: Any) -> Any:
        count = 0

        def counted(v: Any) -> Any:
            nonlocal count
            count += 1
            return v * 0 + count

        return counted

    assert outer(make)[0] == [1.0, 2.0, 3.0] * 4


def test_datasets_of_datasets_and_groups() -> None:
    ds = Dataset.range(1, 4).flat_map(
        lambda n: Dataset.range(n).map(lambda v: v * n).filter(lambda v: v > n)
    )
    assert [int(v) for v in ds] == [6]
    groups = Dataset.range(4).group_by_window(
        lambda v: v % 2, lambda key, g: g.map(lambda v: v * 10 + key).batch(2), window_size=2
    )
    assert [x.tolist() for x in groups] == [[0, 20], [11, 31]]


def test_an_error_in_a_remade_function_is_that_of_its_element() -> None:
    def inner(n: Any) -> Any:
        def checked(v: Any) -> Any:
            tf.debugging.assert_less(v, n)
            return v + n

        return Dataset.range(2).map(checked)

    elements = iter(Dataset.range(1, 3).flat_map(inner))
    assert int(next(elements)) == 1
    with pytest.raises(tf.errors.AssertedError) as caught:
        next(elements)
    assert "element 1" in caught.value.__notes__[-1]
    assert [int(v) for v in elements] == [2, 3]
