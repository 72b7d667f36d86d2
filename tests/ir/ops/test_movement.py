"""Axes, joining, repeating and padding against NumPy, and their refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from twofold.ir.errors import ArgumentError, ShapeError
from twofold.ir.op import COMPOSITES, OPS

X = np.arange(24.0).reshape(2, 3, 4)


def made(name: str) -> Any:
    return COMPOSITES[name].function if name in COMPOSITES else OPS[name]


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("reshape", ((4, -1),), X.reshape(4, -1)),
        ("transpose", ((1, 2, 0),), X.transpose(1, 2, 0)),
        ("transpose", (), X.T),
        ("matrix_transpose", (), X.swapaxes(1, 2)),
        ("moveaxis", ((0, 1), (2, 0)), np.moveaxis(X, (0, 1), (2, 0))),
        ("swapaxes", (0, -1), X.swapaxes(0, -1)),
        ("expand_dims", ((0, -1),), X[None, ..., None]),
        ("flip", ((0, 2),), X[::-1, :, ::-1]),
        ("roll", (5,), np.roll(X, 5)),
        ("roll", ((1, 1), (0, 0)), np.roll(X, 2, 0)),
        ("roll", (1, (0, 2)), np.roll(X, 1, (0, 2))),
        ("tile", ((2, 1, 2),), np.tile(X, (2, 1, 2))),
        ("tile", ((2, 1, 1, 3),), np.tile(X, (2, 1, 1, 3))),
        ("tile", (0,), np.tile(X, 0)),
        ("repeat", (2, 1), np.repeat(X, 2, 1)),
        ("repeat", (2,), np.repeat(X, 2)),
        ("repeat", ([2, 0, 1], 1), np.repeat(X, [2, 0, 1], 1)),
        ("broadcast_to", ((5, 2, 3, 4),), np.broadcast_to(X, (5, 2, 3, 4))),
        ("take", ([1, 0], 1), X[:, [1, 0]]),
        ("take", ([7, -1],), X.ravel()[[7, -1]]),
        ("slice", ((0, 1, 0), (2, -1, 3)), X[:, 1:, :3]),
        ("tril", (1,), np.tril(X, 1)),
        ("triu", (-1,), np.triu(X, -1)),
    ],
)
def test_movement_is_numpys(name: str, arguments: Any, expected: Any) -> None:
    found = made(name)(X, *arguments).array
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("name", "arguments", "error", "word"),
    [
        ("reshape", ((5, 5),), ShapeError, "24 elements"),
        ("reshape", ((-1, -1),), ArgumentError, "only one"),
        ("reshape", ((0, -1),), ShapeError, "not determined"),
        ("reshape", ((2.5, 4),), ArgumentError, "integer"),
        ("transpose", ((0, 1),), ArgumentError, "permutation"),
        ("transpose", ((0, 0, 1),), ArgumentError, "twice"),
        ("moveaxis", ((0, 0), (1, 2)), ArgumentError, "twice"),
        ("squeeze", (1,), ShapeError, "size 3"),
        ("broadcast_to", ((2, 3, 5),), ShapeError, "broadcast"),
        ("broadcast_to", ((3, 4),), ShapeError, "broadcast"),
        ("split", (3, 0), ShapeError, "no 3 equal parts"),
        ("split", ([1, 2], 0), ShapeError, "add up"),
        ("unstack", (0, 5), ArgumentError, "num is 5"),
        ("pad", ((1, 2), "mirror"), ArgumentError, "constant, edge"),
        ("pad", (((1, 1), (3, 0), (0, 0)), "reflect"), ShapeError, "at most"),
        ("slice", ((0, 0, 0), (3, 3, 4)), ShapeError, "do not fit"),
        ("repeat", ([1, 2], 1), ShapeError, "2 counts"),
    ],
)
def test_a_refusal_says_what_was_expected(
    name: str, arguments: Any, error: type[Exception], word: str
) -> None:
    with pytest.raises(error, match=word):
        made(name)(X, *arguments)


def test_squeeze_without_an_axis_removes_all_of_size_one() -> None:
    assert OPS["squeeze"](np.zeros((1, 2, 1, 3))).shape == (2, 3)


@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_concat_is_numpys_and_promotes(axis: int | None) -> None:
    parts = [X.astype(np.float32), X.astype(np.int32)]
    found = OPS["concat"](parts, axis=axis)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.array, np.concatenate(parts, axis=axis))


def test_concat_and_stack_refuse_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"\[2,3,4\] and \[3,4\]"):
        OPS["concat"]([X, X[0]], axis=0)
    with pytest.raises(ShapeError, match="equal"):
        OPS["stack"]([X, X[:1]])
    with pytest.raises(ArgumentError, match="at least one"):
        OPS["concat"]([])


def test_split_takes_sizes_with_one_left_open() -> None:
    shapes = [p.shape for p in made("split")(X, [1, -1], axis=-1)]
    assert shapes == [(2, 3, 1), (2, 3, 3)]
    np.testing.assert_array_equal(made("split")(X, 2, axis=2)[1].array, X[..., 2:])


def test_unstack_undoes_stack() -> None:
    parts = made("unstack")(X, axis=1)
    np.testing.assert_array_equal(OPS["stack"](parts, axis=1).array, X)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap", "SYMMETRIC"])
@pytest.mark.parametrize("widths", [((1, 2), (0, 1)), ((0, 0), (3, 0)), ((1, 2),), 1])
def test_pad_is_numpys(mode: str, widths: Any) -> None:
    x = np.arange(12.0).reshape(3, 4)
    found = made("pad")(x, widths, mode=mode).array
    np.testing.assert_array_equal(found, np.pad(x, widths, mode=mode.lower()))


def test_pad_takes_a_constant() -> None:
    found = made("pad")(np.zeros(2, np.float32), (1, 1), constant_values=7)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.array, [7, 0, 0, 7])
