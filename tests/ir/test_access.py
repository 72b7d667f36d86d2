"""What a movement op says of its axes is what its NumPy body does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.sampling import Case, draw, dtypes_of, op_cases

from twofold.ir.access import AccessMap, Axis, Span, around, reshaped
from twofold.ir.dims import evaluate, symbol
from twofold.ir.shapes import Sizes
from twofold.ir.types import TensorType

MOVING = [case for case in op_cases() if case.op.axes is not None]


def read(x: np.ndarray[Any, Any], access: AccessMap, shape: tuple[int, ...]) -> Any:
    """The elements that an access map names, by its offset and strides in flat memory."""
    item = x.itemsize
    flat = np.ascontiguousarray(x)
    offset, strides = access.strides(0, [s // item for s in flat.strides])
    places = np.full(shape, offset, np.int64)
    for axis, stride in enumerate(strides):
        line = np.arange(shape[axis], dtype=np.int64) * stride
        places += line.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return flat.ravel()[places]


@pytest.mark.parametrize("case", MOVING, ids=lambda case: case.label)
def test_the_elements_that_the_map_names_are_those_of_the_body(case: Case) -> None:
    for dtype in dtypes_of(case):
        (x,) = [np.asarray(i) for i in draw(case, dtype)]
        types = [TensorType(x.dtype, x.shape)]
        attrs, (out,) = case.op.resolve(types, {**case.op.defaults, **case.sample.attrs}, Sizes())
        access = case.op.axes(types[0], out, attrs) if case.op.axes else None
        if access is None:  # a reshape that splits or joins axes
            assert case.op.name == "reshape"
            continue
        found = read(x, access, tuple(int(d) for d in out.shape))
        np.testing.assert_array_equal(found, case.op.body(x, **attrs))


JOINING = [case for case in op_cases() if case.op.pieces is not None]


@pytest.mark.parametrize("case", JOINING, ids=lambda case: case.label)
def test_the_pieces_are_what_the_body_makes(case: Case) -> None:
    for dtype in dtypes_of(case):
        xs = [np.asarray(i) for i in draw(case, dtype)]
        types = [TensorType(x.dtype, x.shape) for x in xs]
        attrs, (out,) = case.op.resolve(types, {**case.op.defaults, **case.sample.attrs}, Sizes())
        pieces = case.op.pieces(types, out, attrs) if case.op.pieces else None
        if pieces is None:
            exact = dtype.kind in "biuf" and attrs.get("value", 0) != 0.5
            assert attrs.get("axis", 0) is None or not exact
            continue
        found = np.zeros([int(d) for d in out.shape], out.dtype)
        covered = np.zeros(found.shape, bool)
        for piece in pieces:
            sizes = tuple(int(span.size) for span in piece.box)
            at = np.ix_(*(int(s.start) + int(s.step) * np.arange(s.size) for s in piece.box))
            part = (
                piece.value if piece.source is None else read(xs[piece.source], piece.access, sizes)
            )
            found[at], covered[at] = part, True
        assert covered.all()
        np.testing.assert_array_equal(found, case.op.body(*xs, **attrs))


def test_what_is_around_a_box_is_covered_once() -> None:
    shape = (4, 3, 5)
    for box in ([Span(1, 2), Span(0, 3), Span(2, 0)], [Span(0, 4), Span(1, 1), Span(4, 1)]):
        count = np.zeros(shape, int)
        for part in [tuple(box), *around(box, shape)]:
            count[tuple(slice(s.start, s.start + s.size) for s in part)] += 1
        assert (count == 1).all()


def test_a_map_speaks_of_symbolic_sizes() -> None:
    n = symbol("n")
    access = AccessMap((Axis(0, n - 1, -1), Axis(1)))
    offset, strides = access.strides(0, (3, 1))
    assert [evaluate(d, {"n": 4}) for d in (offset, *strides)] == [9, -3, 1]


def test_a_reshape_has_a_map_if_it_adds_and_removes_axes_of_one() -> None:
    n, m = symbol("n"), symbol("m")
    assert reshaped((n, 1, m), (1, n, m)) == AccessMap((Axis(None), Axis(0), Axis(2)), ((1, 0),))
    assert reshaped((n, m), (m, n)) is None
    assert reshaped((6,), (2, 3)) is None
    assert reshaped((), (1, 1)) == AccessMap((Axis(None), Axis(None)))
