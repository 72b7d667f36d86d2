"""Products of tensors against NumPy: every rank, every equation, every refusal."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from twofold.ir.errors import ArgumentError, ShapeError
from twofold.ir.op import COMPOSITES, OPS
from twofold.ir.ops.einsum import parse


def made(name: str) -> Any:
    return COMPOSITES[name].function


def numbers(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).integers(-4, 5, shape).astype(np.float64)


LEFT = [(3,), (2, 3), (5, 2, 3), (1, 2, 3), (4, 1, 2, 3)]
RIGHT = [(3,), (3, 2), (5, 3, 2), (1, 3, 4)]


@pytest.mark.parametrize(("a", "b"), list(product(LEFT, RIGHT)), ids=str)
def test_matmul_is_numpys(a: Any, b: Any) -> None:
    x, y = numbers(*a), numbers(*b)
    np.testing.assert_array_equal(OPS["matmul"](x, y).array, np.matmul(x, y))


@pytest.mark.parametrize(("ta", "tb"), list(product([False, True], repeat=2)))
def test_matmul_swaps_axes_of_its_operands(ta: bool, tb: bool) -> None:
    x, y = numbers(5, 2, 3), numbers(5, 3, 4)
    a, b = (x.swapaxes(1, 2) if ta else x), (y.swapaxes(1, 2) if tb else y)
    found = OPS["matmul"](a, b, transpose_a=ta, transpose_b=tb)
    np.testing.assert_array_equal(found.array, x @ y)


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "float16", "complex64", "bool"])
def test_matmul_keeps_the_dtype(dtype: str) -> None:
    x = numbers(3, 3).astype(dtype)
    found = OPS["matmul"](x, x)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.array, x @ x)


def test_matmul_names_the_sizes_that_differ() -> None:
    with pytest.raises(ShapeError, match=r"\[2,3\] and \[2,3\]: the inner sizes 3 and 2"):
        OPS["matmul"](numbers(2, 3), numbers(2, 3))
    with pytest.raises(ShapeError, match="at least one axis"):
        OPS["matmul"](1.0, numbers(2))
    with pytest.raises(ShapeError, match="batch"):
        OPS["matmul"](numbers(2, 3, 3), numbers(4, 3, 3))


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("ij,kj->ki", [(2, 3), (4, 3)]),
        ("bij,bjk->bik", [(5, 2, 3), (5, 3, 4)]),
        ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
        ("i,j->ij", [(2,), (3,)]),
        ("i,i->", [(3,), (3,)]),
        ("i,i->i", [(3,), (3,)]),
        ("ij->ji", [(2, 3)]),
        ("ba", [(2, 3)]),
        ("ij->", [(2, 3)]),
        ("ij,ij->j", [(2, 3), (2, 3)]),
        ("ij,k->j", [(2, 3), (4,)]),
        ("ii->i", [(3, 3)]),
        ("ii", [(3, 3)]),
        ("iij->j", [(3, 3, 2)]),
        ("iji->j", [(3, 2, 3)]),
        ("iii->i", [(3, 3, 3)]),
        ("ii,ij->j", [(3, 3), (3, 2)]),
        ("ijk,jl,kl->il", [(2, 3, 4), (3, 5), (4, 5)]),
        ("ab,bc,cd,de->ae", [(2, 3), (3, 4), (4, 5), (5, 2)]),
        ("...ij,...jk->...ik", [(7, 2, 3), (7, 3, 4)]),
        ("...ij,jk->...ik", [(6, 7, 2, 3), (3, 4)]),
        ("...ij,...jk->...ik", [(6, 1, 2, 3), (7, 3, 4)]),
        ("...i,...i", [(2, 3), (3,)]),
        ("...->...", [(2, 3)]),
        ("i...->...", [(2, 3, 4)]),
        ("...ii->...i", [(2, 3, 3)]),
        ("ij,j->ij", [(2, 1), (3,)]),
        ("a b , b -> a", [(2, 3), (3,)]),
        ("ij,jk->ik", [(2, 0), (0, 4)]),
        (",ij->ij", [(), (2, 3)]),
    ],
)
def test_einsum_is_numpys(equation: str, shapes: Any) -> None:
    operands = [numbers(*s) for s in shapes]
    expected = np.einsum(equation, *operands)
    found = made("einsum")(equation, *operands).array
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("equation", "shapes", "error"),
    [
        ("ij,jk->ik", [(2, 3)], ArgumentError),
        ("ij->ik", [(2, 3)], ArgumentError),
        ("ij->ii", [(2, 3)], ArgumentError),
        ("i->i", [(2, 3)], ArgumentError),
        ("ijk->i", [(2, 3)], ArgumentError),
        ("i1->i", [(2, 3)], ArgumentError),
        ("ij,jk->ik", [(2, 3), (4, 5)], ShapeError),
        ("ii->i", [(2, 3)], ShapeError),
    ],
)
def test_einsum_refuses(equation: str, shapes: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="einsum"):
        made("einsum")(equation, *[numbers(*s) for s in shapes])


def test_an_ellipsis_is_spelled_with_unused_letters() -> None:
    assert parse("...ij,jA->...i", [4, 2]) == (["BCij", "jA"], "BCi")


@pytest.mark.parametrize(
    ("axes", "shapes"),
    [(1, [(2, 3), (3, 4)]), (0, [(2,), (3,)]), (2, [(2, 3, 4), (3, 4, 5)]),
     (((0, 2), (2, 0)), [(2, 3, 4), (4, 5, 2)]), ((0, 1), [(2, 3), (4, 2)])],
)  # fmt: skip
def test_tensordot_is_numpys(axes: Any, shapes: Any) -> None:
    x, y = (numbers(*s) for s in shapes)
    found = made("tensordot")(x, y, axes=axes).array
    np.testing.assert_array_equal(found, np.tensordot(x, y, axes))


def test_tensordot_refuses_pairs_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="one size"):
        made("tensordot")(numbers(2, 3), numbers(2, 3), axes=1)
    with pytest.raises(ArgumentError, match="one to one"):
        made("tensordot")(numbers(2, 3), numbers(3, 2), axes=((0, 0), (1, 1)))


@pytest.mark.parametrize("shapes", [[(3,), (3,)], [(2, 3), (3,)], [(2, 3, 4), (4,)],
                                    [(2, 3, 4), (5, 4, 2)], [(), (3,)]])  # fmt: skip
def test_dot_is_numpys(shapes: Any) -> None:
    x, y = (numbers(*s) for s in shapes)
    np.testing.assert_array_equal(made("dot")(x, y).array, np.dot(x, y))


def test_outer_cross_vecdot_and_matvec_are_numpys() -> None:
    x, y = numbers(2, 3), numbers(2, 3) + 1
    np.testing.assert_array_equal(made("outer")(x, y).array, np.outer(x, y))
    np.testing.assert_array_equal(made("cross")(x, y).array, np.cross(x, y))
    np.testing.assert_array_equal(made("vecdot")(x, y).array, (x * y).sum(-1))
    np.testing.assert_array_equal(made("vecdot")(x * 1j, y).array, (x * -1j * y).sum(-1))
    np.testing.assert_array_equal(made("matvec")(x, y[0]).array, x @ y[0])
    with pytest.raises(ShapeError, match="size 3"):
        made("cross")(x[:, :2], y[:, :2])
