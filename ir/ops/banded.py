"""Matrices of a few diagonals: products, solutions, eigenvalues."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, MatrixError, ShapeError
from ..infer import Attrs, Resolved, Types
from ..op import OPS, Sample, composite, op
from ..shapes import Sizes, broadcast_shapes, show_shape
from . import movement
from .diagonals import matrix_diagonal, on_diagonal
from .elementwise import conj
from .factor import eigvalsh
from .joining import stack
from .matrix import adjoint
from .operand import as_tensor, as_tensors, ranked
from .padding import pad_constant
from .reduce import sum
from .scipy_calls import scipy
from .slicing import slice_axis
from .solving import triangular_solve

__all__ = [
    "banded_triangular_solve", "eigh_tridiagonal", "solve_three_diagonals", "tridiagonal_matmul",
    "tridiagonal_solve",
]  # fmt: skip

_THREE = np.array([[1.0, 2.0, 3.0, 0.0], [4.0, 5.0, 6.0, 7.0], [0.0, 1.0, 2.0, 3.0]])


@composite(Sample("f[2,4]", "f[4,2]", lower=True), Sample(np.array([[1.0, 0.5, 2.0], [2.0, 3, 4]]),
           "f[3,1]", lower=False, adjoint=True))  # fmt: skip
def banded_triangular_solve(
    bands: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: Any = None
) -> Any:
    """``x`` with ``a @ x = rhs``, of a triangular matrix given by its diagonals.

    ``bands``: ``[..., k, m]``; of a lower triangle the first row is the main diagonal and row ``i``
    holds diagonal ``-i`` from column ``i`` on; of an upper triangle the last row is the main one,
    and the rows above it end earlier. ``rhs``: ``[..., m, n]``. Raises MatrixError, ShapeError.

    >>> import twofold as tf
    >>> tf.linalg.banded_triangular_solve([[2.0, 4.0], [0.0, 1.0]], [[2.0], [5.0]]).numpy()
    array([[1.],
           [1.]], dtype=float32)
    """
    bands, rhs = as_tensors(bands, rhs)
    if len(bands.shape) < 2 or len(rhs.shape) < 2:
        raise ShapeError(
            f"banded_triangular_solve: bands {show_shape(bands.shape)} and right sides "
            f"{show_shape(rhs.shape)} need two axes"
        )
    count, size = bands.shape[-2:]
    matrix = None
    for i in range(count):
        line = bands[..., i, i:] if lower else bands[..., count - 1 - i, : size - i]
        part = on_diagonal(line, rows=size, cols=size, offset=-i if lower else i)
        matrix = part if matrix is None else matrix + part
    return triangular_solve(matrix, rhs, lower=lower, adjoint=adjoint)


def _compact(diagonals: Any, form: str, what: str) -> Any:
    """Three diagonals as ``[..., 3, m]``: above from the left, main, below from the second on."""
    if form == "sequence":
        above, main, below = (as_tensor(x) for x in diagonals)
        size = main.shape[-1]
        pads = [(0, 0)] * (len(main.shape) - 1)
        if above.shape[-1] == size - 1:
            above = pad_constant(above, pads=(*pads, (0, 1)), value=0)
        if below.shape[-1] == size - 1:
            below = pad_constant(below, pads=(*pads, (1, 0)), value=0)
        return stack([above, main, below], axis=-2)
    x = as_tensor(diagonals)
    if form == "matrix":
        lines = (matrix_diagonal(x, offset=i) for i in (1, 0, -1))
        return _compact(tuple(lines), "sequence", what)
    if form != "compact":
        raise ArgumentError(
            f"{what}: diagonals_format is 'compact', 'sequence' or 'matrix', not {form!r}"
        )
    if len(x.shape) < 2 or x.shape[-2] != 3:
        raise ShapeError(f"{what}: compact diagonals are [..., 3, m], not {show_shape(x.shape)}")
    return x


def _shifted(x: Any, by: int) -> Any:
    """The rows of matrices one place on, with a row of zeros."""
    axis, size = len(x.shape) - 2, x.shape[-2]
    pads = [(0, 0)] * axis
    if by > 0:
        return pad_constant(slice_axis(x, axis, 0, size - 1), pads=(*pads, (1, 0), (0, 0)), value=0)
    return pad_constant(slice_axis(x, axis, 1, size), pads=(*pads, (0, 1), (0, 0)), value=0)


@composite(Sample(_THREE, "f[4,2]"), Sample("f[3,3]", "f[3,2]", "matrix"))
def tridiagonal_matmul(
    diagonals: Any, rhs: Any, diagonals_format: str = "compact", name: Any = None
) -> Any:
    """The product of a matrix of three diagonals and ``rhs`` ``[..., m, n]``.

    ``"compact"``: ``[..., 3, m]``, the diagonal above without its last element, the main one, the
    one below without its first; ``"sequence"``: the three of them; ``"matrix"``. Raises ShapeError.

    >>> import twofold as tf
    >>> tf.linalg.tridiagonal_matmul([[1.0, 0.0], [2.0, 3.0], [0.0, 4.0]], [[1.0], [1.0]]).numpy()
    array([[3.],
           [7.]], dtype=float32)
    """
    lines, x = (
        _compact(diagonals, diagonals_format, "tridiagonal_matmul"),
        ranked(rhs, 2, "tridiagonal_matmul"),
    )
    above, main, below = (movement.expand_dims(lines[..., i, :], axis=(-1,)) for i in range(3))
    return above * _shifted(x, -1) + main * x + below * _shifted(x, 1)


def _three_rule(op: Any, types: Types, attrs: Attrs, sizes: Sizes) -> Resolved:
    lines, b = types
    fits = lines.rank > 1 and b.rank > 1 and sizes.require_same(lines.shape[-2], 3)
    if not fits or not sizes.require_same(lines.shape[-1], b.shape[-2]):
        raise ShapeError(
            f"tridiagonal_solve: diagonals {show_shape(lines.shape)} and right sides "
            f"{show_shape(b.shape)} do not fit together"
        )
    lead = broadcast_shapes(
        [lines.shape[:-2], b.shape[:-2]], sizes, "tridiagonal_solve's batch axes"
    )
    return attrs, (b.with_shape((*lead, *b.shape[-2:])),)


@op("opaque", _three_rule, promote="floating", accepts="fc", may_raise=True, public=False,
    samples=[Sample(_THREE, "f[4,2]"), Sample(_THREE, "f[2,4,1]"),
             Sample(np.stack([_THREE, _THREE + 0.1]), "f[4,2]")])  # fmt: skip
def solve_three_diagonals(lines: Any, b: Any) -> Any:
    """``x`` with ``a @ x = b``, of a matrix by its compact diagonals, with row swaps."""
    lead = np.broadcast_shapes(lines.shape[:-2], b.shape[:-2])
    lines = np.broadcast_to(lines, (*lead, *lines.shape[-2:]))
    b = np.broadcast_to(b, (*lead, *b.shape[-2:]))
    out = np.empty(b.shape, b.dtype)
    for place in np.ndindex(lead):
        if out[place].size:
            out[place] = _solve_one(lines[place], b[place])
    return out


def _solve_one(lines: Any, b: Any) -> Any:
    rows = np.zeros_like(lines)  # the form of LAPACK: each column holds the elements of a column
    rows[0, 1:], rows[1], rows[2, :-1] = lines[0, :-1], lines[1], lines[2, 1:]
    if lines.shape[1] == 1:
        found = b / lines[1]
        regular = bool(lines[1, 0])
    else:
        try:
            found, regular = scipy("linalg", "solve_banded")((1, 1), rows, b), True
        except np.linalg.LinAlgError:
            regular = False
    if not regular:
        raise MatrixError("tridiagonal_solve: the matrix is singular")
    return found


def _turned(lines: Any) -> Any:
    """The compact diagonals of the adjoint."""
    above, main, below = (conj(lines[..., i, :]) for i in range(3))
    pads = [(0, 0)] * (len(main.shape) - 1)
    return stack([
        pad_constant(below[..., 1:], pads=(*pads, (0, 1)), value=0), main,
        pad_constant(above[..., :-1], pads=(*pads, (1, 0)), value=0),
    ], axis=-2)  # fmt: skip


@solve_three_diagonals.gradient
def solve_three_diagonals_vjp(g: Any, out: Any, lines: Any, b: Any) -> Any:
    back = solve_three_diagonals(_turned(lines), g)

    def for_lines() -> Any:
        other = (_shifted(out, -1), out, _shifted(out, 1))
        return -stack([sum(back * conj(x), axis=-1) for x in other], axis=-2)

    return for_lines, lambda: back


@composite(Sample(_THREE, "f[4,2]"), Sample(_THREE, "f[4]"),
           Sample(_THREE, "f[2,4]", transpose_rhs=True))  # fmt: skip
def tridiagonal_solve(
    diagonals: Any, rhs: Any, diagonals_format: str = "compact", transpose_rhs: bool = False,
    conjugate_rhs: bool = False, name: Any = None, partial_pivoting: bool = True,
    perturb_singular: bool = False,
) -> Any:  # fmt: skip
    """``x`` with ``a @ x = rhs``, of a matrix of three diagonals, as ``tridiagonal_matmul`` has.

    ``rhs`` is ``[..., m]`` or ``[..., m, n]``; transposed and conjugated first, if asked. Rows are
    swapped in any case. Raises MatrixError, ShapeError; ArgumentError for ``perturb_singular``.
    SciPy solves it: the extra ``scipy``.

    >>> import twofold as tf
    >>> tf.linalg.tridiagonal_solve([[1.0, 0.0], [2.0, 3.0], [0.0, 4.0]], [3.0, 7.0]).numpy()
    array([1., 1.], dtype=float32)
    """
    if perturb_singular:
        raise ArgumentError("tridiagonal_solve: perturb_singular is not supported; leave it out")
    lines, b = (
        _compact(diagonals, diagonals_format, "tridiagonal_solve"),
        ranked(rhs, 1, "tridiagonal_solve"),
    )
    vector = len(b.shape) == len(lines.shape) - 1
    if vector:
        b = movement.expand_dims(conj(b) if conjugate_rhs else b, axis=(-1,))
        return movement.squeeze(solve_three_diagonals(lines, b), axis=(-1,))
    if transpose_rhs:
        b = adjoint(b) if conjugate_rhs else movement.swapaxes(b, -1, -2)
    elif conjugate_rhs:
        b = conj(b)
    return solve_three_diagonals(lines, b)


_LINES = (np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 0.25, 1.0]))


@composite(Sample(*_LINES), Sample(*_LINES, select="i", select_range=(1, 2)))
def eigh_tridiagonal(
    alpha: Any, beta: Any, eigvals_only: bool = True, select: str = "a", select_range: Any = None,
    tol: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """Eigenvalues of the Hermitian matrix with ``alpha`` on its diagonal and ``beta`` below it, in
    rising order; with the eigenvectors, as columns, unless ``eigvals_only``.

    ``select="i"``: those from index ``select_range[0]`` to ``select_range[1]``; ``"v"``: those in
    the half-open interval ``select_range``, eager only. Raises ShapeError, ArgumentError.

    >>> import twofold as tf
    >>> tf.linalg.eigh_tridiagonal([1.0, 1.0], [1.0]).numpy().round(4)
    array([0., 2.], dtype=float32)
    """
    what = "eigh_tridiagonal"
    main, below = ranked(alpha, 1, what), ranked(beta, 1, what)
    size = main.shape[-1]
    matrix = on_diagonal(main, rows=size, cols=size, offset=0)
    matrix = matrix + on_diagonal(below, rows=size, cols=size, offset=-1)
    matrix = matrix + on_diagonal(conj(below), rows=size, cols=size, offset=1)
    vectors = None
    if eigvals_only:
        values = eigvalsh(matrix)
    else:
        values, vectors = OPS["eigh_pair"](matrix)
    if select not in ("a", "i", "v"):
        raise ArgumentError(f"eigh_tridiagonal: select is 'a', 'i' or 'v', not {select!r}")
    if select != "a":
        low, high = select_range
        chosen: Any = slice(low, high + 1)
        if select == "v":
            chosen = OPS["logical_and"](values > low, values <= high)
        values = values[..., chosen]
        vectors = None if vectors is None else vectors[..., chosen]
    return values if vectors is None else (values, vectors)
